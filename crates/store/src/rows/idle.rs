//! Rules for workers that have nothing to do, kept beside sessions and repositories.
//!
//! A rule is JSON that only the engine reads. It goes with the row it belongs to.

use offshoot_protocol::{RepositoryId, SessionId};
use rusqlite::params;

use super::{all, change};
use crate::columns::Text;
use crate::{Store, StoreError};

/// What is kept of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionIdleRow {
    /// The session.
    pub id: SessionId,
    /// Its own rule.
    pub rule: Option<String>,
    /// Why it was paused by a rule, if it was.
    pub paused_because: Option<String>,
}

impl Store {
    /// Returns the sessions of which anything is kept.
    pub async fn session_idle(&self) -> Result<Vec<SessionIdleRow>, StoreError> {
        let sql = "SELECT id, idle, paused_because FROM sessions \
                   WHERE idle IS NOT NULL OR paused_because IS NOT NULL";
        self.call(move |connection| {
            all(connection, sql, [], |row| {
                Ok(SessionIdleRow {
                    id: row.get::<_, Text<_>>(0)?.0,
                    rule: row.get(1)?,
                    paused_because: row.get(2)?,
                })
            })
        })
        .await
    }

    /// Returns the repositories with a rule of their own.
    pub async fn repository_idle(&self) -> Result<Vec<(RepositoryId, String)>, StoreError> {
        let sql = "SELECT id, idle FROM repositories WHERE idle IS NOT NULL";
        self.call(move |connection| {
            all(connection, sql, [], |row| {
                Ok((row.get::<_, Text<_>>(0)?.0, row.get(1)?))
            })
        })
        .await
    }

    /// Sets or clears a session's rule; false when there is no such session.
    pub async fn set_session_idle(
        &self,
        id: SessionId,
        rule: Option<String>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE sessions SET idle = ?2 WHERE id = ?1";
        self.call(move |connection| {
            change(connection, sql, params![Text(id), rule]).map(|n| n == 1)
        })
        .await
    }

    /// Sets or clears a repository's rule; false when there is no such repository.
    pub async fn set_repository_idle(
        &self,
        id: RepositoryId,
        rule: Option<String>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE repositories SET idle = ?2 WHERE id = ?1";
        self.call(move |connection| {
            change(connection, sql, params![Text(id), rule]).map(|n| n == 1)
        })
        .await
    }

    /// Notes why a rule pauses a session, or that none does.
    pub async fn set_paused_because(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE sessions SET paused_because = ?2 WHERE id = ?1";
        self.call(move |connection| {
            change(connection, sql, params![Text(id), reason]).map(|n| n == 1)
        })
        .await
    }
}
