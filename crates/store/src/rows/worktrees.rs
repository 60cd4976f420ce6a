//! The worktrees that we made, each with its number in its repository.

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::Value;

use super::{all, change};
use crate::columns::{Json, Millis, Text};
use crate::{Store, StoreError};

/// A worktree of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeRow {
    /// The directory; no two rows share it.
    pub path: String,
    /// The repository.
    pub repository_id: RepositoryId,
    /// Its number among the repository's worktrees, from 1; a freed number is given again.
    pub idx: u32,
    /// When the number was given, to the millisecond.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "path, repository_id, idx, created_at";

/// The smallest number from 1 that no worktree of the repository has.
const SMALLEST_UNUSED: &str = "SELECT coalesce(min(candidate), 1) FROM (
         SELECT 1 AS candidate
         UNION ALL SELECT idx + 1 FROM worktrees WHERE repository_id = ?1
     )
     WHERE candidate NOT IN (SELECT idx FROM worktrees WHERE repository_id = ?1)";

impl Store {
    /// Takes the smallest unused number of a repository for a new worktree, in one transaction.
    ///
    /// `path_of` names the directory for the number; it may be asked more than once. Fails with
    /// [`StoreError::NoOwner`] for an unknown repository, [`StoreError::Exists`] for a taken path.
    pub async fn allocate_worktree(
        &self,
        repository_id: RepositoryId,
        created_at: Timestamp,
        path_of: impl Fn(u32) -> String + Send + 'static,
    ) -> Result<WorktreeRow, StoreError> {
        self.call(move |connection| {
            let idx = connection
                .prepare_cached(SMALLEST_UNUSED)?
                .query_row([Text(repository_id)], |row| row.get(0))?;
            let path = path_of(idx);
            change(
                connection,
                "INSERT INTO worktrees (path, repository_id, idx, created_at) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![path, Text(repository_id), idx, Millis(created_at)],
            )?;
            Ok(WorktreeRow {
                path,
                repository_id,
                idx,
                created_at,
            })
        })
        .await
    }

    /// Frees the numbers of worktrees that are gone, then gives those that were found theirs, all in
    /// one transaction. Returns which got it: not one whose number or path somebody else has.
    pub async fn settle_worktrees(
        &self,
        gone: Vec<String>,
        found: Vec<WorktreeRow>,
    ) -> Result<Vec<WorktreeRow>, StoreError> {
        self.call(move |connection| {
            for path in &gone {
                change(connection, "DELETE FROM worktrees WHERE path = ?1", [path])?;
            }
            let sql = "INSERT INTO worktrees (path, repository_id, idx, created_at) \
                       VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            let mut settled = Vec::new();
            for row in &found {
                let (path, id) = (&row.path, Text(row.repository_id));
                let values = params![path, id, row.idx, Millis(row.created_at)];
                if change(connection, sql, values)? == 1 {
                    settled.push(row.clone());
                }
            }
            Ok(settled)
        })
        .await
    }

    /// Keeps what was chosen for the worktree that a job makes.
    pub async fn save_worktree_plan(&self, job: String, plan: Value) -> Result<(), StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "INSERT INTO worktree_plans (job_id, plan) VALUES (?1, ?2) \
                 ON CONFLICT (job_id) DO UPDATE SET plan = excluded.plan",
                params![job, Json(&plan)],
            )
            .map(drop)
        })
        .await
    }

    /// Returns what was chosen for the worktree that a job makes.
    pub async fn worktree_plan(&self, job: String) -> Result<Option<Value>, StoreError> {
        self.call(move |connection| {
            connection
                .prepare_cached("SELECT plan FROM worktree_plans WHERE job_id = ?1")?
                .query_row([&job], |row| row.get::<_, Json<_>>(0))
                .optional()
                .map(|found| found.map(|plan| plan.0))
        })
        .await
    }

    /// Forgets what was chosen; false when nothing was.
    pub async fn delete_worktree_plan(&self, job: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            let sql = "DELETE FROM worktree_plans WHERE job_id = ?1";
            change(connection, sql, [&job]).map(|n| n == 1)
        })
        .await
    }

    /// Frees a worktree's number; false when the path is none of ours.
    pub async fn delete_worktree(&self, path: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM worktrees WHERE path = ?1", [&path]).map(|n| n == 1)
        })
        .await
    }

    /// Returns the worktree of ours at a path.
    pub async fn worktree_at(&self, path: String) -> Result<Option<WorktreeRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM worktrees WHERE path = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&path], read)
                .optional()
        })
        .await
    }

    /// Returns a repository's worktrees of ours by number.
    pub async fn worktrees_of(
        &self,
        repository_id: RepositoryId,
    ) -> Result<Vec<WorktreeRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM worktrees WHERE repository_id = ?1 ORDER BY idx");
        self.call(move |connection| all(connection, &sql, [Text(repository_id)], read))
            .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<WorktreeRow> {
    Ok(WorktreeRow {
        path: row.get("path")?,
        repository_id: row.get::<_, Text<_>>("repository_id")?.0,
        idx: row.get("idx")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
    })
}
