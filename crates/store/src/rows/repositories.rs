//! Registered repositories.

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::idle::IdlePolicy;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{all, change, idle_rule};
use crate::columns::{Json, Millis, Text};
use crate::{Store, StoreError};

/// A registered repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRow {
    /// The repository's id.
    pub id: RepositoryId,
    /// The main worktree; no two repositories share it.
    pub path: String,
    /// The name shown to people.
    pub name: String,
    /// When it was registered, to the millisecond.
    pub created_at: Timestamp,
    /// A command run in every new worktree.
    pub setup_command: Option<String>,
    /// Environment of the sessions' processes, as dotenv text.
    pub env_vars: Option<String>,
    /// Its own rule for workers that have nothing to do.
    pub idle: Option<IdlePolicy>,
}

const COLUMNS: &str = "id, path, name, created_at, setup_command, env_vars, idle";
const VALUES: &str = "(:id, :path, :name, :created_at, :setup_command, :env_vars, :idle)";

impl Store {
    /// Adds a repository. [`StoreError::Exists`] when its path is registered.
    pub async fn insert_repository(&self, row: RepositoryRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO repositories ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| put(connection, &sql, &row).map(drop))
            .await
    }

    /// Replaces all fields of a repository; false when there is none with this id.
    pub async fn update_repository(&self, row: RepositoryRow) -> Result<bool, StoreError> {
        let sql = format!("UPDATE repositories SET ({COLUMNS}) = {VALUES} WHERE id = :id");
        self.call(move |connection| put(connection, &sql, &row))
            .await
    }

    /// Deletes a repository and the numbers of its worktrees; false when there is none.
    pub async fn delete_repository(&self, id: RepositoryId) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "DELETE FROM repositories WHERE id = ?1",
                [Text(id)],
            )
            .map(|n| n == 1)
        })
        .await
    }

    /// Returns a repository.
    pub async fn repository(&self, id: RepositoryId) -> Result<Option<RepositoryRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM repositories WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([Text(id)], read)
                .optional()
        })
        .await
    }

    /// Returns the repository that is registered under a path.
    pub async fn repository_at(&self, path: String) -> Result<Option<RepositoryRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM repositories WHERE path = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&path], read)
                .optional()
        })
        .await
    }

    /// Returns all repositories, oldest first.
    pub async fn repositories(&self) -> Result<Vec<RepositoryRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM repositories ORDER BY created_at, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }
}

fn put(connection: &Connection, sql: &str, row: &RepositoryRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": Text(row.id),
            ":path": row.path,
            ":name": row.name,
            ":created_at": Millis(row.created_at),
            ":setup_command": row.setup_command,
            ":env_vars": row.env_vars,
            ":idle": row.idle.map(Json),
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<RepositoryRow> {
    Ok(RepositoryRow {
        id: row.get::<_, Text<_>>("id")?.0,
        path: row.get("path")?,
        name: row.get("name")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        setup_command: row.get("setup_command")?,
        env_vars: row.get("env_vars")?,
        idle: idle_rule(row),
    })
}
