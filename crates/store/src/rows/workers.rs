//! Workers: what each runs, and how far its process got.

use jiff::Timestamp;
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{AgentId, SessionId, WorkerId};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{all, change};
use crate::columns::{Millis, Text, Word, words};
use crate::{Store, StoreError};

words!(WorkerKind { Agent => "agent", Terminal => "terminal", GitDiff => "git-diff" });

/// How far a worker's process got, as last written down.
///
/// A spawn is written twice: `Intended` before it, `Running` after it. What is really there is told
/// by the worker's directory; the row says what was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerPhase {
    /// A process is to be started; whether it was is not known yet.
    Intended,
    /// The process was started.
    Running,
    /// The process ended by itself or by a signal.
    Ended,
    /// Its user stopped it, or it was never started.
    Stopped,
    /// It could not be started; the reason says why.
    Failed,
    /// It is gone without an exit status, for example after a reboot.
    Lost,
    /// It cannot be judged. Never restarted blindly. Also what a word of a newer version reads as.
    Unknown,
}

impl WorkerPhase {
    /// Returns the word in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

impl ToSql for WorkerPhase {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for WorkerPhase {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(match value.as_str()? {
            "intended" => Self::Intended,
            "running" => Self::Running,
            "ended" => Self::Ended,
            "stopped" => Self::Stopped,
            "failed" => Self::Failed,
            "lost" => Self::Lost,
            _ => Self::Unknown,
        })
    }
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// The worker's id.
    pub id: WorkerId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// What it runs.
    pub kind: WorkerKind,
    /// The name on the tab.
    pub name: String,
    /// When it was created, to the millisecond.
    pub created_at: Timestamp,
    /// Its place among the session's tabs.
    pub position: u32,
    /// The agent definition of an agent worker.
    pub agent_id: Option<AgentId>,
    /// The command template of a worker that runs neither an agent nor the shell.
    pub command: Option<String>,
    /// What a diff worker compares against.
    pub base_commit: Option<String>,
    /// The life of its output; grows when a restart begins a new one.
    pub epoch: u32,
    /// How far its process got.
    pub phase: WorkerPhase,
    /// Why it failed, was lost or cannot be judged.
    pub reason: Option<String>,
    /// The exit code, when it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended it, when one did.
    pub exit_signal: Option<i32>,
    /// The socket of its shim, as recorded when it was spawned; never recomputed.
    pub socket: Option<String>,
    /// Columns of its terminal.
    pub cols: u16,
    /// Rows of its terminal.
    pub rows: u16,
}

const COLUMNS: &str = "id, session_id, kind, name, created_at, position, agent_id, command, \
     base_commit, epoch, phase, reason, exit_code, exit_signal, socket, cols, rows";

const VALUES: &str = "(:id, :session_id, :kind, :name, :created_at, :position, :agent_id, \
     :command, :base_commit, :epoch, :phase, :reason, :exit_code, :exit_signal, :socket, :cols, \
     :rows)";

impl Store {
    /// Adds a worker or replaces all its fields.
    ///
    /// Fails with [`StoreError::NoOwner`] when its session was deleted meanwhile.
    pub async fn save_worker(&self, row: WorkerRow) -> Result<(), StoreError> {
        self.call(move |connection| save(connection, &row)).await
    }

    /// Deletes a worker with its outbox; false when there is none.
    pub async fn delete_worker(&self, id: WorkerId) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM workers WHERE id = ?1", [Text(id)]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a worker.
    pub async fn worker(&self, id: WorkerId) -> Result<Option<WorkerRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM workers WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([Text(id)], read)
                .optional()
        })
        .await
    }

    /// Returns the workers of a session in the order of its tabs.
    pub async fn workers_of(&self, session_id: SessionId) -> Result<Vec<WorkerRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM workers WHERE session_id = ?1 \
             ORDER BY position, created_at, id"
        );
        self.call(move |connection| all(connection, &sql, [Text(session_id)], read))
            .await
    }

    /// Returns all workers, those of one session together and in the order of its tabs.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM workers ORDER BY session_id, position, created_at, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }
}

/// Adds a worker or replaces its fields. An upsert, for a replaced row would take its outbox along.
pub(super) fn save(connection: &Connection, row: &WorkerRow) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO workers ({COLUMNS}) VALUES {VALUES} \
         ON CONFLICT (id) DO UPDATE SET ({COLUMNS}) = {VALUES}"
    );
    put(connection, &sql, row).map(drop)
}

/// Adds a worker unless there is one; whether it did.
pub(super) fn insert_if_absent(connection: &Connection, row: &WorkerRow) -> rusqlite::Result<bool> {
    let sql =
        format!("INSERT INTO workers ({COLUMNS}) VALUES {VALUES} ON CONFLICT (id) DO NOTHING");
    put(connection, &sql, row)
}

fn put(connection: &Connection, sql: &str, row: &WorkerRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": Text(row.id),
            ":session_id": Text(row.session_id),
            ":kind": Word(row.kind),
            ":name": row.name,
            ":created_at": Millis(row.created_at),
            ":position": row.position,
            ":agent_id": row.agent_id.as_ref().map(|id| &id.0),
            ":command": row.command,
            ":base_commit": row.base_commit,
            ":epoch": row.epoch,
            ":phase": row.phase,
            ":reason": row.reason,
            ":exit_code": row.exit_code,
            ":exit_signal": row.exit_signal,
            ":socket": row.socket,
            ":cols": row.cols,
            ":rows": row.rows,
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<WorkerRow> {
    Ok(WorkerRow {
        id: row.get::<_, Text<_>>("id")?.0,
        session_id: row.get::<_, Text<_>>("session_id")?.0,
        kind: row.get::<_, Word<_>>("kind")?.0,
        name: row.get("name")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        position: row.get("position")?,
        agent_id: row.get::<_, Option<String>>("agent_id")?.map(AgentId),
        command: row.get("command")?,
        base_commit: row.get("base_commit")?,
        epoch: row.get("epoch")?,
        phase: row.get("phase")?,
        reason: row.get("reason")?,
        exit_code: row.get("exit_code")?,
        exit_signal: row.get("exit_signal")?,
        socket: row.get("socket")?,
        cols: row.get("cols")?,
        rows: row.get("rows")?,
    })
}
