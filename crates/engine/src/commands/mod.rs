//! What the engine can be told to do, one file per kind of object.

mod agents;
mod hosting;
pub(crate) mod messages;
mod repositories;
mod sessions;
mod start;
mod validation;
pub(crate) mod workers;

use tracing::Instrument;

use crate::{Engine, EngineError};

pub(crate) use agents::agent_of;
pub(crate) use repositories::{add_error, no_commits};
pub(crate) use sessions::{FirstWorker, NewSession, check_prompt, check_title, invalid};

impl Engine {
    /// Runs a command to its end, also when whoever gave it stops waiting, as a browser does that is
    /// closed: a command given up half way would leave processes and worktrees that no session
    /// knows.
    pub(crate) async fn finish<T, F>(
        &self,
        command: impl FnOnce(Self) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
        T: Send + 'static,
    {
        let command = command(self.clone()).in_current_span();
        let finished = self.inner.tasks.spawn(command).await;
        finished.map_err(EngineError::internal("finish the command"))?
    }
}
