//! Which rule holds for what. Rules of sessions and repositories are in their rows.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use offshoot_protocol::SessionId;
use offshoot_protocol::idle::{IdlePolicy, IdleWarning, PatchSettings, Settings};
use offshoot_store::StoreError;
use tokio::sync::Notify;

use crate::{Engine, EngineError};

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
    pub(super) warnings: HashMap<SessionId, IdleWarning>,
    /// Sessions whose time begins anew at the next look.
    pub(super) kept_awake: HashSet<SessionId>,
    /// A rule changed.
    pub(super) changed: Arc<Notify>,
}

impl Idle {
    /// Returns the rule for everything that has none of its own.
    fn server(&self) -> IdlePolicy {
        self.server.unwrap_or(self.default)
    }

    /// Returns the rule in force: the session's, else its repository's, else the server's.
    pub(super) fn in_force(
        &self,
        session: Option<IdlePolicy>,
        repository: Option<IdlePolicy>,
    ) -> IdlePolicy {
        session.or(repository).unwrap_or_else(|| self.server())
    }

    pub(crate) fn warning(&self, id: SessionId) -> Option<IdleWarning> {
        self.warnings.get(&id).copied()
    }

    /// Forgets a session that is gone.
    pub(crate) fn forget(&mut self, id: SessionId) {
        self.warnings.remove(&id);
        self.kept_awake.remove(&id);
    }

    /// Begins a session's time anew: somebody set its rule, perhaps to the one it has.
    pub(crate) fn keep_awake(&mut self, id: SessionId) {
        self.kept_awake.insert(id);
    }

    /// Has whoever watches look at the rules again.
    pub(crate) fn rules_changed(&self) {
        self.changed.notify_one();
    }
}

/// Reads the server's rule.
pub(crate) async fn load(engine: &Engine) -> Result<(), StoreError> {
    let server = engine.inner.store.setting(SETTING.to_owned()).await?;
    engine.state().idle.server = server.as_deref().and_then(read);
    Ok(())
}

/// Reads a stored rule; one of a newer version counts as none.
fn read(text: &str) -> Option<IdlePolicy> {
    serde_json::from_str(text).ok()
}

fn write(policy: IdlePolicy) -> String {
    serde_json::to_string(&policy).expect("a rule has string keys")
}

/// Refuses a rule whose time is out of bounds.
pub(crate) fn check(policy: Option<IdlePolicy>) -> Result<(), EngineError> {
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
        state.idle.rules_changed();
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
            state.idle.rules_changed();
        }
        Ok(self.settings())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins() {
        let stop = |after_seconds| IdlePolicy::Stop { after_seconds };
        let mut idle = Idle::default();
        assert_eq!(idle.in_force(None, None), IdlePolicy::Off);
        idle.default = stop(1);
        assert_eq!(idle.in_force(None, None), stop(1));
        idle.server = Some(stop(2));
        assert_eq!(idle.in_force(None, None), stop(2));
        assert_eq!(idle.in_force(None, Some(stop(3))), stop(3));
        let off = Some(IdlePolicy::Off);
        assert_eq!(idle.in_force(off, Some(stop(3))), IdlePolicy::Off);
        assert_eq!(idle.in_force(None, Some(stop(3))), stop(3));
    }

    #[test]
    fn times_have_bounds() {
        for (after_seconds, fits) in [(0, false), (1, true), (AFTER_SECONDS_MAX + 1, false)] {
            let policy = IdlePolicy::Pause { after_seconds };
            assert_eq!(check(Some(policy)).is_ok(), fits, "{after_seconds}");
        }
    }
}
