//! The session of a new worktree, over a crash: whether its agent was ever started.

use offshoot_protocol::SessionId;
use offshoot_protocol::view::ProcessState;

use crate::{Engine, EngineError};

impl Engine {
    /// Whether the first worker of a session was started, or may have been.
    pub(crate) fn has_begun(&self, id: SessionId) -> bool {
        let state = self.state();
        let Ok(session) = state.session(id) else {
            return false;
        };
        let first = session
            .workers
            .first()
            .and_then(|worker| worker.handle.as_ref());
        first.is_some_and(|handle| {
            !matches!(
                handle.head().process.state,
                ProcessState::Stopped | ProcessState::FailedToStart
            ) || handle.head().end > 0
        })
    }

    /// Forgets a session that was recorded and never begun, so that it can be begun anew.
    pub(crate) async fn forget_unbegun(&self, id: SessionId) -> Result<(), EngineError> {
        let session = self.state().session(id)?.clone();
        for handle in session.handles() {
            handle.delete().await?;
        }
        let deleted = self.inner.store.delete_session(id).await;
        deleted.map_err(|err| self.store_error("begin the session anew", err))?;
        self.state().remove_session(id);
        Ok(())
    }

    /// Returns the environment of programs that work for a repository outside any terminal.
    pub(crate) fn environment_of(
        &self,
        id: offshoot_protocol::RepositoryId,
    ) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        let dotenv = self
            .state()
            .repository(id)
            .ok()
            .and_then(|entry| entry.row.env_vars.clone());
        let wanted = self.state().definitions.generic().environment.clone();
        let base = crate::environment::base(&self.inner.config.environment, &wanted);
        crate::environment::build(&base, dotenv.as_deref(), &[])
    }
}
