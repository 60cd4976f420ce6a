//! Prompts: texts that must reach a worker exactly once, and what became of them.
//!
//! Each step of typing one is written down before it is taken; after a crash the shim tells which
//! of the numbers it has typed.

use jiff::Timestamp;
use offshoot_protocol::prompt::PromptState;
use offshoot_protocol::{PromptId, WorkerId};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{all, change};
use crate::columns::{Bits, Millis, Text, Word, words};
use crate::{Store, StoreError};

words!(PromptState {
    Queued => "queued",
    Typing => "typing",
    Typed => "typed",
    Accepted => "accepted",
    Failed => "failed",
});

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRow {
    /// Grows with every row; the order of the queue.
    pub number: i64,
    /// The prompt's id.
    pub id: PromptId,
    /// The worker.
    pub worker_id: WorkerId,
    /// The text.
    pub text: String,
    /// Where it stands.
    pub state: PromptState,
    /// Why, in words.
    pub reason: Option<String>,
    /// The writer under which the shim counts.
    pub writer: u64,
    /// The last number that was written down before it was typed.
    pub seq: u64,
    /// When it was queued, to the millisecond.
    pub created_at: Timestamp,
    /// When its state changed last.
    pub changed_at: Timestamp,
}

/// A prompt to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrompt {
    /// The prompt's id.
    pub id: PromptId,
    /// The worker.
    pub worker_id: WorkerId,
    /// The client's name for it; the same name is queued once per worker.
    pub idempotency_key: Option<String>,
    /// The text.
    pub text: String,
    /// The writer under which the shim counts.
    pub writer: u64,
    /// When it is queued.
    pub created_at: Timestamp,
}

const COLUMNS: &str =
    "number, id, worker_id, text, state, reason, writer, seq, created_at, changed_at";

impl Store {
    /// Queues a prompt, unless the worker has one with its idempotency key: then that one is returned
    /// with `false`. [`StoreError::NoOwner`] for an unknown worker.
    pub async fn queue_prompt(&self, new: NewPrompt) -> Result<(PromptRow, bool), StoreError> {
        self.call(move |connection| {
            if let Some(row) = find(connection, &new)? {
                return Ok((row, false));
            }
            insert(connection, &new).map(|row| (row, true))
        })
        .await
    }

    /// Replaces what may change about a prompt: its text, its state, the reason and the number.
    pub async fn save_prompt(&self, row: PromptRow) -> Result<bool, StoreError> {
        self.call(move |connection| {
            let sql = "UPDATE prompts SET text = ?2, state = ?3, reason = ?4, seq = ?5, changed_at = ?6 \
                       WHERE id = ?1";
            let values = params![
                Text(row.id),
                row.text,
                Word(row.state),
                row.reason,
                Bits(row.seq),
                Millis(row.changed_at),
            ];
            change(connection, sql, values).map(|n| n == 1)
        })
        .await
    }

    /// Removes a prompt that waits or has failed; false when it does neither.
    pub async fn delete_prompt(&self, id: PromptId) -> Result<bool, StoreError> {
        self.call(move |connection| {
            let sql = "DELETE FROM prompts WHERE id = ?1 AND state IN ('queued', 'failed')";
            change(connection, sql, [Text(id)]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a worker's prompts that are not settled, in their order.
    pub async fn open_prompts(&self, worker: WorkerId) -> Result<Vec<PromptRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM prompts WHERE worker_id = ?1 \
             AND state IN ('queued', 'typing', 'typed') ORDER BY number"
        );
        self.call(move |connection| all(connection, &sql, [Text(worker)], read))
            .await
    }

    /// Returns a prompt of a worker.
    pub async fn prompt(
        &self,
        worker: WorkerId,
        id: PromptId,
    ) -> Result<Option<PromptRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM prompts WHERE id = ?1 AND worker_id = ?2");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row(params![Text(id), Text(worker)], read)
                .optional()
        })
        .await
    }

    /// Returns the newest prompts of a worker, oldest first.
    pub async fn prompts(
        &self,
        worker: WorkerId,
        limit: u32,
    ) -> Result<Vec<PromptRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT * FROM prompts WHERE worker_id = ?1 \
             ORDER BY number DESC LIMIT ?2) ORDER BY number"
        );
        self.call(move |connection| all(connection, &sql, params![Text(worker), limit], read))
            .await
    }

    /// Returns the newest prompt of a worker that was accepted or has failed.
    pub async fn last_settled_prompt(
        &self,
        worker: WorkerId,
    ) -> Result<Option<PromptRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM prompts WHERE worker_id = ?1 \
             AND state IN ('accepted', 'failed') ORDER BY number DESC LIMIT 1"
        );
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([Text(worker)], read)
                .optional()
        })
        .await
    }

    /// Forgets settled prompts that were queued before a time; returns how many. From then on a
    /// repeated idempotency key counts as new.
    pub async fn prune_prompts(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.call(move |connection| {
            let sql =
                "DELETE FROM prompts WHERE state IN ('accepted', 'failed') AND created_at < ?1";
            change(connection, sql, [Millis(before)])
        })
        .await
    }
}

fn find(connection: &Connection, new: &NewPrompt) -> rusqlite::Result<Option<PromptRow>> {
    let Some(key) = &new.idempotency_key else {
        return Ok(None);
    };
    let sql =
        format!("SELECT {COLUMNS} FROM prompts WHERE worker_id = ?1 AND idempotency_key = ?2");
    connection
        .prepare_cached(&sql)?
        .query_row(params![Text(new.worker_id), key], read)
        .optional()
}

fn insert(connection: &Connection, new: &NewPrompt) -> rusqlite::Result<PromptRow> {
    let sql = format!(
        "INSERT INTO prompts (id, worker_id, idempotency_key, text, state, writer, seq, created_at, changed_at) \
         VALUES (:id, :worker_id, :key, :text, 'queued', :writer, 0, :at, :at) RETURNING {COLUMNS}"
    );
    connection.prepare_cached(&sql)?.query_row(
        named_params! {
            ":id": Text(new.id),
            ":worker_id": Text(new.worker_id),
            ":key": new.idempotency_key,
            ":text": new.text,
            ":writer": Bits(new.writer),
            ":at": Millis(new.created_at),
        },
        read,
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<PromptRow> {
    Ok(PromptRow {
        number: row.get("number")?,
        id: row.get::<_, Text<_>>("id")?.0,
        worker_id: row.get::<_, Text<_>>("worker_id")?.0,
        text: row.get("text")?,
        state: row.get::<_, Word<_>>("state")?.0,
        reason: row.get("reason")?,
        writer: row.get::<_, Bits>("writer")?.0,
        seq: row.get::<_, Bits>("seq")?.0,
        created_at: row.get::<_, Millis>("created_at")?.0,
        changed_at: row.get::<_, Millis>("changed_at")?.0,
    })
}
