//! The question that each agent waits with, as people were shown it.

use offshoot_protocol::WorkerId;
use rusqlite::{OptionalExtension as _, Row, named_params};

use super::change;
use crate::columns::Text;
use crate::{Store, StoreError};

/// The open question of a worker's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The worker.
    pub worker_id: WorkerId,
    /// Names what stands on the screen.
    pub picture: String,
    /// What people were shown, as JSON.
    pub request: String,
}

impl Store {
    /// Records a worker's open question in place of the one before.
    ///
    /// Fails with [`StoreError::NoOwner`] when the worker was deleted meanwhile.
    pub async fn save_request(&self, row: RequestRow) -> Result<(), StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "INSERT OR REPLACE INTO requests (worker_id, picture, request) \
                 VALUES (:worker_id, :picture, :request)",
                named_params! {
                    ":worker_id": Text(row.worker_id),
                    ":picture": row.picture,
                    ":request": row.request,
                },
            )
            .map(drop)
        })
        .await
    }

    /// Forgets a worker's question; fine when there is none.
    pub async fn delete_request(&self, worker_id: WorkerId) -> Result<(), StoreError> {
        self.call(move |connection| {
            let sql = "DELETE FROM requests WHERE worker_id = ?1";
            change(connection, sql, [Text(worker_id)]).map(drop)
        })
        .await
    }

    /// Returns a worker's open question.
    pub async fn request(&self, worker_id: WorkerId) -> Result<Option<RequestRow>, StoreError> {
        let sql = "SELECT worker_id, picture, request FROM requests WHERE worker_id = ?1";
        self.call(move |connection| {
            let found = connection.query_row(sql, [Text(worker_id)], read);
            found.optional()
        })
        .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    Ok(RequestRow {
        worker_id: row.get::<_, Text<_>>("worker_id")?.0,
        picture: row.get("picture")?,
        request: row.get("request")?,
    })
}
