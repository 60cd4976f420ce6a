//! What people may do with the queue of a worker.

use offshoot_protocol::prompt::Prompt;
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{PromptId, SessionId, WorkerId};

use crate::event::Event;
use crate::worker::{PromptCommand, WorkerHandle, view_of};
use crate::{Engine, EngineError};

/// Settled prompts that are listed with those that wait.
const LISTED: u32 = 100;

impl Engine {
    /// Returns the session of a worker, and the worker's handle.
    ///
    /// # Errors
    /// There is no such worker, or it has no process.
    pub fn find_worker(&self, id: WorkerId) -> Result<(SessionId, WorkerHandle), EngineError> {
        let state = self.state();
        let (session, worker) = state.worker(id)?;
        let handle = worker.handle.clone();
        Ok((
            session.row.id,
            handle.ok_or(EngineError::WorkerNotFound(id))?,
        ))
    }

    /// Returns the handle of an agent; others have no queue.
    fn agent_worker(&self, id: WorkerId) -> Result<WorkerHandle, EngineError> {
        let (_, handle) = self.find_worker(id)?;
        let kind = self.state().worker(id)?.1.kind;
        if kind != WorkerKind::Agent {
            let reason = "this worker is no agent and has no prompts; send it input instead";
            return Err(EngineError::WrongState(reason.to_owned()));
        }
        Ok(handle)
    }

    /// Queues a prompt, once per key, also across a server restart. Returns whether it had been
    /// queued before.
    ///
    /// # Errors
    /// There is no such agent, no process lives, the text is empty, or the queue is full.
    pub async fn queue_prompt(
        &self,
        worker: WorkerId,
        text: &str,
        key: Option<&str>,
    ) -> Result<(Prompt, bool), EngineError> {
        self.agent_worker(worker)?.queue_prompt(text, key).await
    }

    /// Returns the newest prompts of a worker in their order; those that are settled first.
    ///
    /// # Errors
    /// There is no such agent.
    pub async fn prompts(&self, worker: WorkerId) -> Result<Vec<Prompt>, EngineError> {
        let handle = self.agent_worker(worker)?;
        let rows = self.inner.store.prompts(worker, LISTED).await;
        let rows = rows.map_err(|err| self.store_error("read the prompts", err))?;
        // Why one waits is not written down.
        let open = handle.open_prompts().await?;
        let newest = |prompt: Prompt| {
            let known = open.iter().find(|one| one.id == prompt.id);
            known.cloned().unwrap_or(prompt)
        };
        Ok(rows.iter().map(view_of).map(newest).collect())
    }

    /// Returns one prompt.
    ///
    /// # Errors
    /// There is no such agent or prompt.
    pub async fn prompt(&self, worker: WorkerId, id: PromptId) -> Result<Prompt, EngineError> {
        let handle = self.agent_worker(worker)?;
        let open = handle.open_prompts().await?;
        if let Some(prompt) = open.into_iter().find(|one| one.id == id) {
            return Ok(prompt);
        }
        let row = self.inner.store.prompt(worker, id).await;
        let row = row.map_err(|err| self.store_error("read the prompt", err))?;
        row.as_ref()
            .map(view_of)
            .ok_or(EngineError::PromptNotFound(id))
    }

    /// Changes the text of a prompt that waits.
    ///
    /// # Errors
    /// There is no such prompt, or it is being typed.
    pub async fn change_prompt(
        &self,
        worker: WorkerId,
        id: PromptId,
        text: String,
    ) -> Result<Prompt, EngineError> {
        self.prompt(worker, id).await?;
        let handle = self.agent_worker(worker)?;
        handle
            .ask_prompts(|done| PromptCommand::Change { id, text, done })
            .await
    }

    /// Removes a prompt that waits.
    ///
    /// # Errors
    /// There is no such prompt, or it is being typed.
    pub async fn remove_prompt(&self, worker: WorkerId, id: PromptId) -> Result<(), EngineError> {
        self.prompt(worker, id).await?;
        let handle = self.agent_worker(worker)?;
        handle
            .ask_prompts(|done| PromptCommand::Remove { id, done })
            .await
    }

    /// Announces what became of a prompt.
    pub(crate) fn publish_prompt(&self, prompt: Prompt) {
        self.state().events.publish(Event::PromptChanged(prompt));
    }

    /// Announces that a prompt was removed.
    pub(crate) fn publish_prompt_removed(&self, worker_id: WorkerId, id: PromptId) {
        let removed = Event::PromptRemoved { worker_id, id };
        self.state().events.publish(removed);
    }
}
