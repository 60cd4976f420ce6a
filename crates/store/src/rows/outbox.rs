//! The outbox: input that must reach a worker exactly once, whatever crashes meanwhile.
//!
//! The writer and sequence number are written down before the bytes are sent; after a crash the
//! same three are sent again and the shim drops what it has typed already.

use jiff::Timestamp;
use offshoot_protocol::WorkerId;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{all, change};
use crate::columns::{Bits, Millis, Text, Word, words};
use crate::{Store, StoreError};

/// Where an outbox row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// It was not confirmed by the shim.
    Queued,
    /// The shim typed it, now or before.
    Typed,
}

words!(OutboxState { Queued => "queued", Typed => "typed" });

/// Input on its way to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Grows with every row; never given twice.
    pub id: i64,
    /// The worker.
    pub worker_id: WorkerId,
    /// The client's name for this input; unique per worker.
    pub idempotency_key: Option<String>,
    /// The writer under which the shim counts.
    pub writer: u64,
    /// The number under this writer; unique per worker and writer.
    pub seq: u64,
    /// What is typed.
    pub bytes: Vec<u8>,
    /// When it was queued, to the millisecond.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: OutboxState,
}

/// Input to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutboxRow {
    /// The worker.
    pub worker_id: WorkerId,
    /// The client's name for this input; the same name is queued once.
    pub idempotency_key: Option<String>,
    /// The writer under which the shim counts.
    pub writer: u64,
    /// The number under this writer.
    pub seq: u64,
    /// What is to be typed.
    pub bytes: Vec<u8>,
    /// When it is queued.
    pub created_at: Timestamp,
}

/// What queueing found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queued {
    /// The input is new and was queued, in the order given.
    New(Vec<OutboxRow>),
    /// The worker has a row with this idempotency key; nothing was changed.
    Existing(OutboxRow),
}

const COLUMNS: &str = "id, worker_id, idempotency_key, writer, seq, bytes, created_at, state";

impl Store {
    /// Queues input, all of it or none, unless the worker has a row with an idempotency key of it.
    ///
    /// Fails with [`StoreError::NoOwner`] for an unknown worker and with [`StoreError::Exists`]
    /// when the writer's number was used for other input.
    pub async fn queue_input(&self, rows: Vec<NewOutboxRow>) -> Result<Queued, StoreError> {
        self.call(move |connection| {
            for row in rows.iter().filter(|row| row.idempotency_key.is_some()) {
                if let Some(existing) = find(connection, row)? {
                    return Ok(Queued::Existing(existing));
                }
            }
            let queued: rusqlite::Result<_> =
                rows.iter().map(|row| insert(connection, row)).collect();
            queued.map(Queued::New)
        })
        .await
    }

    /// Notes that the shim typed the input; false when the row was pruned or its worker deleted.
    pub async fn mark_input_typed(&self, id: i64) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "UPDATE outbox SET state = 'typed' WHERE id = ?1",
                [id],
            )
            .map(|n| n == 1)
        })
        .await
    }

    /// Returns all input that no shim confirmed, in the order it was queued.
    pub async fn unfinished_input(&self) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE state = 'queued' ORDER BY id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }

    /// Takes back input that will never be typed, so that its idempotency key is free again.
    pub async fn delete_input(&self, id: i64) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM outbox WHERE id = ?1", [id]).map(|n| n == 1)
        })
        .await
    }

    /// Forgets typed input that was queued before a time; returns how much.
    ///
    /// From then on a repeated idempotency key counts as new.
    pub async fn prune_input(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "DELETE FROM outbox WHERE state = 'typed' AND created_at < ?1",
                [Millis(before)],
            )
        })
        .await
    }
}

fn find(connection: &Connection, row: &NewOutboxRow) -> rusqlite::Result<Option<OutboxRow>> {
    let sql = format!("SELECT {COLUMNS} FROM outbox WHERE worker_id = ?1 AND idempotency_key = ?2");
    connection
        .prepare_cached(&sql)?
        .query_row(params![Text(row.worker_id), row.idempotency_key], read)
        .optional()
}

fn insert(connection: &Connection, row: &NewOutboxRow) -> rusqlite::Result<OutboxRow> {
    let sql = format!(
        "INSERT INTO outbox (worker_id, idempotency_key, writer, seq, bytes, created_at, state) \
         VALUES (:worker_id, :idempotency_key, :writer, :seq, :bytes, :created_at, :state) \
         RETURNING {COLUMNS}"
    );
    connection.prepare_cached(&sql)?.query_row(
        named_params! {
            ":worker_id": Text(row.worker_id),
            ":idempotency_key": row.idempotency_key,
            ":writer": Bits(row.writer),
            ":seq": Bits(row.seq),
            ":bytes": row.bytes,
            ":created_at": Millis(row.created_at),
            ":state": Word(OutboxState::Queued),
        },
        read,
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.get("id")?,
        worker_id: row.get::<_, Text<_>>("worker_id")?.0,
        idempotency_key: row.get("idempotency_key")?,
        writer: row.get::<_, Bits>("writer")?.0,
        seq: row.get::<_, Bits>("seq")?.0,
        bytes: row.get("bytes")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        state: row.get::<_, Word<_>>("state")?.0,
    })
}
