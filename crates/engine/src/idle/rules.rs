//! Which rule holds for what, and what the rules did: kept in memory and in the database.

use std::collections::HashMap;
use std::sync::Arc;

use offshoot_protocol::idle::{IdlePolicy, IdleWarning, PatchSettings, Settings};
use offshoot_protocol::{RepositoryId, SessionId};
use offshoot_store::{SessionRow, StoreError};
use tokio::sync::Notify;

use crate::{Engine, EngineError, Event};

/// Where the server's rule is kept.
const SETTING: &str = "idle";

/// Longest time of a rule: a year.
const AFTER_SECONDS_MAX: u32 = 366 * 24 * 3600;

/// Rules for workers that have nothing to do, and what they did.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// What the configuration says.
    default: IdlePolicy,
    /// What was set instead.
    server: Option<IdlePolicy>,
    sessions: HashMap<SessionId, IdlePolicy>,
    pub(super) warnings: HashMap<SessionId, IdleWarning>,
    /// Why sessions were paused by their rule.
    pub(super) paused: HashMap<SessionId, String>,
    /// A rule changed.
    pub(super) changed: Arc<Notify>,
}

impl Idle {
    /// Returns the rule for everything that has none of its own.
    fn server(&self) -> IdlePolicy {
        self.server.unwrap_or(self.default)
    }

    pub(crate) fn of_session(&self, id: SessionId) -> Option<IdlePolicy> {
        self.sessions.get(&id).copied()
    }

    /// Returns the rule in force: the session's, else its repository's, else the server's.
    pub(super) fn in_force(&self, id: SessionId, repository: Option<IdlePolicy>) -> IdlePolicy {
        self.of_session(id)
            .or(repository)
            .unwrap_or_else(|| self.server())
    }

    pub(crate) fn warning(&self, id: SessionId) -> Option<IdleWarning> {
        self.warnings.get(&id).copied()
    }

    pub(crate) fn paused_because(&self, row: &SessionRow) -> Option<String> {
        self.paused.get(&row.id).filter(|_| row.paused).cloned()
    }

    /// Forgets a session that is gone.
    pub(crate) fn forget(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        self.warnings.remove(&id);
        self.paused.remove(&id);
    }

    fn wake_watcher(&self) {
        self.changed.notify_one();
    }
}

/// Reads what the database holds.
pub(crate) async fn load(engine: &Engine) -> Result<(), StoreError> {
    let store = &engine.inner.store;
    let server = store.setting(SETTING.to_owned()).await?;
    let sessions = store.session_idle().await?;
    let repositories = store.repository_idle().await?;
    let mut state = engine.state();
    state.idle.server = server.as_deref().and_then(read);
    for row in sessions {
        if let Some(policy) = row.rule.as_deref().and_then(read) {
            state.idle.sessions.insert(row.id, policy);
        }
        if let Some(reason) = row.paused_because {
            state.idle.paused.insert(row.id, reason);
        }
    }
    for (id, rule) in repositories {
        let known = state
            .repositories
            .iter_mut()
            .find(|entry| entry.row.id == id);
        if let Some(entry) = known {
            entry.idle = read(&rule);
        }
    }
    Ok(())
}

/// Reads a stored rule; one of a newer version counts as none.
fn read(text: &str) -> Option<IdlePolicy> {
    serde_json::from_str(text).ok()
}

fn write(policy: IdlePolicy) -> String {
    serde_json::to_string(&policy).expect("a rule has string keys")
}

fn check(policy: Option<IdlePolicy>) -> Result<(), EngineError> {
    match policy {
        Some(IdlePolicy::Pause { after_seconds } | IdlePolicy::Stop { after_seconds })
            if !(1..=AFTER_SECONDS_MAX).contains(&after_seconds) =>
        {
            Err(EngineError::Invalid {
                field: "idle",
                message: "afterSeconds lies between one second and a year".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

impl Engine {
    /// Sets what the configuration says about workers that have nothing to do.
    pub fn set_default_idle(&self, policy: IdlePolicy) {
        let mut state = self.state();
        state.idle.default = policy;
        state.idle.wake_watcher();
    }

    /// Returns the settings in force.
    pub fn settings(&self) -> Settings {
        Settings {
            idle: self.state().idle.server(),
        }
    }

    /// Changes settings.
    ///
    /// # Errors
    /// A value is invalid or cannot be recorded.
    pub async fn patch_settings(&self, change: PatchSettings) -> Result<Settings, EngineError> {
        if let Some(policy) = change.idle {
            check(policy)?;
            let store = &self.inner.store;
            let saved = match policy {
                Some(policy) => store.set_setting(SETTING.to_owned(), write(policy)).await,
                None => store.delete_setting(SETTING.to_owned()).await.map(drop),
            };
            saved.map_err(|err| self.store_error("record the setting", err))?;
            let mut state = self.state();
            state.idle.server = policy;
            state.idle.wake_watcher();
        }
        Ok(self.settings())
    }

    /// Sets or clears a session's rule.
    pub(crate) async fn set_session_idle(
        &self,
        id: SessionId,
        policy: Option<IdlePolicy>,
    ) -> Result<(), EngineError> {
        check(policy)?;
        self.session(id)?;
        let saved = self
            .inner
            .store
            .set_session_idle(id, policy.map(write))
            .await;
        saved.map_err(|err| self.store_error("record the session", err))?;
        let mut state = self.state();
        match policy {
            Some(policy) => state.idle.sessions.insert(id, policy),
            None => state.idle.sessions.remove(&id),
        };
        state.idle.wake_watcher();
        state.publish_update(id);
        Ok(())
    }

    /// Sets or clears a repository's rule.
    pub(crate) async fn set_repository_idle(
        &self,
        id: RepositoryId,
        policy: Option<IdlePolicy>,
    ) -> Result<(), EngineError> {
        check(policy)?;
        self.repository(id)?;
        let saved = self
            .inner
            .store
            .set_repository_idle(id, policy.map(write))
            .await;
        saved.map_err(|err| self.store_error("record the repository", err))?;
        let mut state = self.state();
        let known = state
            .repositories
            .iter_mut()
            .find(|entry| entry.row.id == id);
        let entry = known.ok_or(EngineError::RepositoryNotFound(id))?;
        entry.idle = policy;
        let view = entry.view();
        state.events.publish(Event::RepositoryUpdated(view));
        state.idle.wake_watcher();
        Ok(())
    }

    /// Forgets that a session was paused by its rule: a person decided since.
    pub(crate) async fn forget_idle_pause(&self, id: SessionId) -> Result<(), EngineError> {
        if !self.state().idle.paused.contains_key(&id) {
            return Ok(());
        }
        let saved = self.inner.store.set_paused_because(id, None).await;
        saved.map_err(|err| self.store_error("record the session", err))?;
        self.state().idle.paused.remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins() {
        let (session, other) = (SessionId::random(), SessionId::random());
        let stop = |after_seconds| IdlePolicy::Stop { after_seconds };
        let mut idle = Idle::default();
        assert_eq!(idle.in_force(session, None), IdlePolicy::Off);
        idle.default = stop(1);
        assert_eq!(idle.in_force(session, None), stop(1));
        idle.server = Some(stop(2));
        assert_eq!(idle.in_force(session, None), stop(2));
        assert_eq!(idle.in_force(session, Some(stop(3))), stop(3));
        idle.sessions.insert(session, IdlePolicy::Off);
        assert_eq!(idle.in_force(session, Some(stop(3))), IdlePolicy::Off);
        assert_eq!(idle.in_force(other, Some(stop(3))), stop(3));
    }

    #[test]
    fn times_have_bounds() {
        for (after_seconds, fits) in [(0, false), (1, true), (AFTER_SECONDS_MAX + 1, false)] {
            let policy = IdlePolicy::Pause { after_seconds };
            assert_eq!(check(Some(policy)).is_ok(), fits, "{after_seconds}");
        }
    }
}
