//! Jobs: durable units of background work.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::{all, change};
use crate::columns::{Json, Millis, Word, words};
use crate::{Store, StoreError};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// It waits for its turn or its next attempt.
    Pending,
    /// An attempt is under way.
    Processing,
    /// It is done.
    Completed,
    /// All attempts failed; a person has to look.
    Stalled,
}

words!(JobStatus {
    Pending => "pending",
    Processing => "processing",
    Completed => "completed",
    Stalled => "stalled",
});

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// The job's id.
    pub id: String,
    /// What is to be done, for example `cleanup:worker-output`.
    pub kind: String,
    /// What it is to be done with.
    pub payload: Value,
    /// Where it stands.
    pub status: JobStatus,
    /// Jobs with a higher priority come first.
    pub priority: i32,
    /// Attempts so far.
    pub attempts: u32,
    /// Attempts after which it stalls.
    pub max_attempts: u32,
    /// When the next attempt may begin.
    pub next_retry_at: Timestamp,
    /// How the last attempt failed.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, type, payload, status, priority, attempts, max_attempts, \
     next_retry_at, last_error, created_at, started_at, completed_at";
const VALUES: &str = "(:id, :type, :payload, :status, :priority, :attempts, :max_attempts, \
     :next_retry_at, :last_error, :created_at, :started_at, :completed_at)";

impl Store {
    /// Adds a job. [`StoreError::Exists`] when the id is taken.
    pub async fn insert_job(&self, row: JobRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO jobs ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| put(connection, &sql, &row).map(drop))
            .await
    }

    /// Replaces all fields of a job; false when there is none with this id.
    pub async fn update_job(&self, row: JobRow) -> Result<bool, StoreError> {
        let sql = format!("UPDATE jobs SET ({COLUMNS}) = {VALUES} WHERE id = :id");
        self.call(move |connection| put(connection, &sql, &row))
            .await
    }

    /// Deletes a job; false when there is none.
    pub async fn delete_job(&self, id: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM jobs WHERE id = ?1", [&id]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a job.
    pub async fn job(&self, id: String) -> Result<Option<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&id], read)
                .optional()
        })
        .await
    }

    /// Returns all jobs, newest first.
    pub async fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY created_at DESC, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }
}

fn put(connection: &Connection, sql: &str, row: &JobRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": row.id,
            ":type": row.kind,
            ":payload": Json(&row.payload),
            ":status": Word(row.status),
            ":priority": row.priority,
            ":attempts": row.attempts,
            ":max_attempts": row.max_attempts,
            ":next_retry_at": Millis(row.next_retry_at),
            ":last_error": row.last_error,
            ":created_at": Millis(row.created_at),
            ":started_at": row.started_at.map(Millis),
            ":completed_at": row.completed_at.map(Millis),
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: row.get("id")?,
        kind: row.get("type")?,
        payload: row.get::<_, Json<_>>("payload")?.0,
        status: row.get::<_, Word<_>>("status")?.0,
        priority: row.get("priority")?,
        attempts: row.get("attempts")?,
        max_attempts: row.get("max_attempts")?,
        next_retry_at: row.get::<_, Millis>("next_retry_at")?.0,
        last_error: row.get("last_error")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        started_at: row.get::<_, Option<Millis>>("started_at")?.map(|at| at.0),
        completed_at: row.get::<_, Option<Millis>>("completed_at")?.map(|at| at.0),
    })
}
