//! The queue of prompts: what is asked of it.

use offshoot_protocol::PromptId;
use offshoot_protocol::prompt::{Prompt, PromptState, Undelivered};
use offshoot_store::{NewPrompt, PromptRow, StoreError};
use tokio::sync::oneshot;

use super::super::delivery::own_writer;
use super::super::task::{Change, WorkerTask, answer};
use super::{Asker, view_of};
use crate::EngineError;
use crate::prompts::clean;

/// Prompts that wait in one queue. More are refused as full.
const QUEUE_MAX: usize = 64;

/// What the queue can be asked.
#[derive(Debug)]
pub(crate) enum PromptCommand {
    Queue {
        text: String,
        key: Option<String>,
        done: Asker<(Prompt, bool)>,
    },
    Change {
        id: PromptId,
        text: String,
        done: Asker<Prompt>,
    },
    Remove {
        id: PromptId,
        done: Asker<()>,
    },
    List {
        done: oneshot::Sender<Vec<Prompt>>,
    },
}

impl WorkerTask {
    /// Reads what an earlier server had queued.
    pub(in crate::worker) async fn load_prompts(&mut self) {
        if self.activities.is_none() {
            return;
        }
        match self.setup.store.open_prompts(self.setup.row.id).await {
            Ok(rows) => self.prompts.queue = rows.into(),
            Err(err) => tracing::error!(%err, "read the prompts"),
        }
        self.show_undelivered().await;
    }

    /// Shows whether the last prompt was given up, until a person has seen to it.
    pub(super) async fn show_undelivered(&self) {
        let last = self.setup.store.last_settled_prompt(self.setup.row.id);
        let newest = match last.await {
            Ok(last) => last.and_then(undelivered),
            Err(err) => return tracing::error!(%err, "read the prompts"),
        };
        let changed = self.shared.head.send_if_modified(|head| {
            let changed = head.undelivered != newest;
            head.undelivered = newest;
            changed
        });
        if changed {
            self.notify(Change::Process);
        }
    }

    pub(in crate::worker) async fn on_prompt_command(&mut self, command: PromptCommand) {
        match command {
            PromptCommand::Queue { text, key, done } => {
                let queued = self.queue_prompt(&text, key).await;
                answer(done, queued);
            }
            PromptCommand::Change { id, text, done } => {
                let changed = self.change_prompt(id, &text).await;
                answer(done, changed);
            }
            PromptCommand::Remove { id, done } => {
                let removed = self.remove_prompt(id).await;
                answer(done, removed);
            }
            PromptCommand::List { done } => {
                answer(done, self.prompts.queue.iter().map(view_of).collect());
            }
        }
    }

    pub(in crate::worker) async fn queue_prompt(
        &mut self,
        text: &str,
        key: Option<String>,
    ) -> Result<(Prompt, bool), EngineError> {
        if self.link.is_none() {
            return Err(EngineError::NotRunning);
        }
        if self.prompts.queue.len() >= QUEUE_MAX {
            return Err(EngineError::InputFull);
        }
        let new = NewPrompt {
            id: PromptId::random(),
            worker_id: self.setup.row.id,
            idempotency_key: key,
            text: checked(text)?,
            writer: own_writer(),
            created_at: jiff::Timestamp::now(),
        };
        let (row, is_new) = match self.setup.store.queue_prompt(new).await {
            Ok(queued) => queued,
            Err(err) => return Err(self.prompt_error(err)),
        };
        let view = view_of(&row);
        if is_new {
            self.prompts.queue.push_back(row);
            self.tell_prompt(view.clone());
            self.prompts.look_now();
        }
        Ok((view, !is_new))
    }

    async fn change_prompt(&mut self, id: PromptId, text: &str) -> Result<Prompt, EngineError> {
        let text = checked(text)?;
        let mut row = self.waiting_prompt(id)?.clone();
        row.text = text;
        row.changed_at = jiff::Timestamp::now();
        let saved = self.setup.store.save_prompt(row.clone()).await;
        saved.map_err(|err| self.prompt_error(err))?;
        let view = view_of(&row);
        if let Some(known) = self.prompts.queue.iter_mut().find(|known| known.id == id) {
            *known = row;
        }
        self.tell_prompt(view.clone());
        Ok(view)
    }

    async fn remove_prompt(&mut self, id: PromptId) -> Result<(), EngineError> {
        let is_open = self.prompts.queue.iter().any(|row| row.id == id);
        if is_open {
            self.waiting_prompt(id)?;
        }
        let removed = self.setup.store.delete_prompt(id).await;
        if !removed.map_err(|err| self.prompt_error(err))? {
            return Err(EngineError::PromptNotQueued);
        }
        self.prompts.queue.retain(|row| row.id != id);
        self.notify(Change::PromptRemoved(id));
        if !is_open {
            self.show_undelivered().await;
        }
        Ok(())
    }

    /// The prompt, as long as nothing of it is typed.
    fn waiting_prompt(&self, id: PromptId) -> Result<&PromptRow, EngineError> {
        let row = self.prompts.queue.iter().find(|row| row.id == id);
        let row = row.filter(|row| row.state == PromptState::Queued);
        row.ok_or(EngineError::PromptNotQueued)
    }

    fn prompt_error(&self, err: StoreError) -> EngineError {
        match err {
            StoreError::DiskFull(_) => EngineError::DiskFull(self.setup.dir.clone()),
            err => EngineError::internal("record the prompt")(err),
        }
    }
}

/// Tells people of the last prompt, if it was given up.
fn undelivered(last: PromptRow) -> Option<Undelivered> {
    (last.state == PromptState::Failed).then(|| Undelivered {
        prompt_id: last.id,
        reason: last.reason.unwrap_or_default(),
        at: last.changed_at,
    })
}

fn checked(text: &str) -> Result<String, EngineError> {
    let text = clean(text);
    if text.trim().is_empty() {
        return Err(EngineError::Invalid {
            field: "text",
            message: "there is nothing to send".to_owned(),
        });
    }
    Ok(text)
}
