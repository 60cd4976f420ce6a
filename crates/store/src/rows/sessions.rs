//! Sessions, and putting rows back after the database was lost.

use jiff::Timestamp;
use offshoot_protocol::idle::IdlePolicy;
use offshoot_protocol::view::SessionKind;
use offshoot_protocol::{RepositoryId, SessionId};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{all, change, idle_rule, workers};
use crate::columns::{Json, Millis, Text, Word, words};
use crate::{Store, StoreError, WorkerRow};

words!(SessionKind { Worktree => "worktree", Quick => "quick" });

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session's id.
    pub id: SessionId,
    /// Whether it works in a worktree of a registered repository.
    pub kind: SessionKind,
    /// The directory.
    pub location_path: String,
    /// The repository of a worktree session; the registration may be gone.
    pub repository_id: Option<RepositoryId>,
    /// The branch of a worktree session.
    pub worktree_branch: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The prompt the first agent was started with.
    pub initial_prompt: Option<String>,
    /// When it was created, to the millisecond.
    pub created_at: Timestamp,
    /// Whether it is paused.
    pub paused: bool,
    /// Why a rule paused it; none when a person did.
    pub paused_because: Option<String>,
    /// Its own rule for workers that have nothing to do.
    pub idle: Option<IdlePolicy>,
    /// Whether we made the worktree, and so may remove it.
    pub owned_worktree: bool,
}

/// What a rebuild put back; rows that were there already do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Sessions put back.
    pub n_sessions: usize,
    /// Workers put back.
    pub n_workers: usize,
}

const COLUMNS: &str = "id, kind, location_path, repository_id, worktree_branch, title, \
     initial_prompt, created_at, paused, paused_because, idle, owned_worktree";

const VALUES: &str = "(:id, :kind, :location_path, :repository_id, :worktree_branch, :title, \
     :initial_prompt, :created_at, :paused, :paused_because, :idle, :owned_worktree)";

impl Store {
    /// Adds a session. [`StoreError::Exists`] when the id is taken.
    pub async fn insert_session(&self, row: SessionRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO sessions ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| put(connection, &sql, &row).map(drop))
            .await
    }

    /// Adds a session with its first workers, all or nothing.
    pub async fn insert_session_with(
        &self,
        row: SessionRow,
        workers: Vec<WorkerRow>,
    ) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO sessions ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| {
            put(connection, &sql, &row)?;
            workers
                .iter()
                .try_for_each(|worker| workers::save(connection, worker))
        })
        .await
    }

    /// Replaces all fields of a session; false when there is none with this id.
    pub async fn update_session(&self, row: SessionRow) -> Result<bool, StoreError> {
        let sql = format!("UPDATE sessions SET ({COLUMNS}) = {VALUES} WHERE id = :id");
        self.call(move |connection| put(connection, &sql, &row))
            .await
    }

    /// Deletes a session with its workers and their outbox; false when there is none.
    pub async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM sessions WHERE id = ?1", [Text(id)]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a session.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([Text(id)], read)
                .optional()
        })
        .await
    }

    /// Returns all sessions, oldest first.
    pub async fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM sessions ORDER BY created_at, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }

    /// Puts back what was found on disk after the database was lost, all or nothing.
    ///
    /// A row that exists is left as it is, so it is safe to call at every start. Fails with
    /// [`StoreError::NoOwner`] when a worker's session is neither given nor known.
    pub async fn rebuild(
        &self,
        sessions: Vec<SessionRow>,
        workers: Vec<WorkerRow>,
    ) -> Result<Rebuilt, StoreError> {
        let sql =
            format!("INSERT INTO sessions ({COLUMNS}) VALUES {VALUES} ON CONFLICT (id) DO NOTHING");
        self.call(move |connection| {
            let mut rebuilt = Rebuilt {
                n_sessions: 0,
                n_workers: 0,
            };
            for row in &sessions {
                rebuilt.n_sessions += usize::from(put(connection, &sql, row)?);
            }
            for row in &workers {
                rebuilt.n_workers += usize::from(workers::insert_if_absent(connection, row)?);
            }
            Ok(rebuilt)
        })
        .await
    }
}

/// Runs a statement over all fields; whether it touched a row.
fn put(connection: &Connection, sql: &str, row: &SessionRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": Text(row.id),
            ":kind": Word(row.kind),
            ":location_path": row.location_path,
            ":repository_id": row.repository_id.map(Text),
            ":worktree_branch": row.worktree_branch,
            ":title": row.title,
            ":initial_prompt": row.initial_prompt,
            ":created_at": Millis(row.created_at),
            ":paused": row.paused,
            ":paused_because": row.paused_because,
            ":idle": row.idle.map(Json),
            ":owned_worktree": row.owned_worktree,
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get::<_, Text<_>>("id")?.0,
        kind: row.get::<_, Word<_>>("kind")?.0,
        location_path: row.get("location_path")?,
        repository_id: row
            .get::<_, Option<Text<_>>>("repository_id")?
            .map(|id| id.0),
        worktree_branch: row.get("worktree_branch")?,
        title: row.get("title")?,
        initial_prompt: row.get("initial_prompt")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        paused: row.get("paused")?,
        paused_because: row.get("paused_because")?,
        idle: idle_rule(row),
        owned_worktree: row.get("owned_worktree")?,
    })
}
