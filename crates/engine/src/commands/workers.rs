//! Workers: add, start, stop, restart, revive, delete.

use offshoot_protocol::explain::Explanation;
use offshoot_protocol::limits::TERMINAL_SIZE_INITIAL;
use offshoot_protocol::view::{ActivityState, Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use offshoot_shim::Life;
use offshoot_store::{WorkerPhase, WorkerRow};

use crate::event::Event;
use crate::launch::Occasion;
use crate::state::{SessionEntry, WorkerEntry};
use crate::worker::{self, Change, Notify, WorkerHandle, WorkerSetup};
use crate::{Engine, EngineError};

/// What opening a worker found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Its process lives.
    Alive,
    /// Its process had ended and was started again.
    Started,
}

impl Engine {
    /// Adds a shell to a session.
    ///
    /// # Errors
    /// There is no such session, it is paused, or the shell cannot be started; then nothing is
    /// added.
    pub async fn create_terminal(
        &self,
        session_id: SessionId,
        name: Option<String>,
    ) -> Result<Worker, EngineError> {
        self.finish(move |engine| async move { engine.create_terminal_now(session_id, name).await })
            .await
    }

    async fn create_terminal_now(
        &self,
        session_id: SessionId,
        name: Option<String>,
    ) -> Result<Worker, EngineError> {
        let lifecycle = self.state().session(session_id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let mut session = self.state().session(session_id)?.clone();
        refuse_paused(&session)?;
        super::sessions::check_title(name.as_deref())?;
        let name = name
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| {
            let is_terminal = |worker: &&WorkerEntry| worker.kind == WorkerKind::Terminal;
            let terminals = session.workers.iter().filter(is_terminal).count();
            format!("Terminal {}", terminals + 1)
        });
        session
            .workers
            .push(super::sessions::worker(WorkerKind::Terminal, name));
        let position = session.workers.len() - 1;
        self.add_task(&mut session, position).await?;
        let worker = session.workers[position].clone();
        if let Err(err) = self.start_worker(&session, &worker, &first()).await {
            if let Some(handle) = &worker.handle {
                handle.delete().await?;
                self.clean_up_worker(session_id, worker.id).await;
            }
            return Err(err);
        }
        let mut state = self.state();
        state.session_mut(session_id)?.workers.push(worker.clone());
        state.publish_update(session_id);
        Ok(state.worker_view(&worker))
    }

    /// Ends a worker's process and removes the worker with its output.
    ///
    /// # Errors
    /// There is no such session or worker, or its process cannot be judged.
    pub async fn delete_worker(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<(), EngineError> {
        self.finish(
            move |engine| async move { engine.delete_worker_now(session_id, worker_id).await },
        )
        .await
    }

    async fn delete_worker_now(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<(), EngineError> {
        let lifecycle = self.state().session(session_id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let worker = self.state().session(session_id)?.worker(worker_id)?.clone();
        match &worker.handle {
            Some(handle) => handle.delete().await?,
            None => {
                let deleted = self.inner.store.delete_worker(worker_id).await;
                deleted.map_err(|err| self.store_error("delete the worker", err))?;
            }
        }
        self.clean_up_worker(session_id, worker_id).await;
        let mut state = self.state();
        state
            .session_mut(session_id)?
            .workers
            .retain(|entry| entry.id != worker_id);
        state.conversations.remove(&worker_id);
        state.publish_update(session_id);
        Ok(())
    }

    /// Ends a worker's process tree; the worker and its output stay.
    ///
    /// # Errors
    /// There is no such worker, or its process cannot be judged.
    pub async fn stop_worker(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<Worker, EngineError> {
        self.finish(
            move |engine| async move { engine.stop_worker_now(session_id, worker_id).await },
        )
        .await
    }

    async fn stop_worker_now(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<Worker, EngineError> {
        let lifecycle = self.state().session(session_id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        self.worker(session_id, worker_id)?.stop().await?;
        let state = self.state();
        Ok(state.worker_view(state.session(session_id)?.worker(worker_id)?))
    }

    /// Starts a worker anew with an empty output, ending its process first.
    ///
    /// # Errors
    /// There is no such worker, its session is paused, its process cannot be judged, or the new
    /// one cannot be started.
    pub async fn restart_worker(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
        continue_conversation: bool,
    ) -> Result<Worker, EngineError> {
        self.finish(move |engine| async move {
            engine
                .restart_worker_now(session_id, worker_id, continue_conversation)
                .await
        })
        .await
    }

    async fn restart_worker_now(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
        continue_conversation: bool,
    ) -> Result<Worker, EngineError> {
        let lifecycle = self.state().session(session_id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(session_id)?.clone();
        refuse_paused(&session)?;
        let worker = session.worker(worker_id)?;
        let never_ran = worker.handle.as_ref().is_some_and(WorkerHandle::never_ran);
        let occasion = if never_ran {
            first_start(&session, continue_conversation)
        } else {
            Occasion::Restart {
                continue_conversation,
            }
        };
        self.start_worker(&session, worker, &occasion).await?;
        if worker.kind == WorkerKind::Agent {
            self.publish_activity(session_id, worker_id);
        }
        Ok(self.state().worker_view(worker))
    }

    /// Starts a worker whose process has ended; its output goes on. A living one is left alone.
    ///
    /// # Errors
    /// There is no such worker, its session is paused or its directory gone, or the process cannot
    /// be started.
    pub async fn activate_worker(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<Activation, EngineError> {
        self.finish(
            move |engine| async move { engine.activate_worker_now(session_id, worker_id).await },
        )
        .await
    }

    async fn activate_worker_now(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<Activation, EngineError> {
        let lifecycle = self.state().session(session_id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(session_id)?.clone();
        refuse_paused(&session)?;
        let worker = session.worker(worker_id)?;
        let handle = worker
            .handle
            .as_ref()
            .ok_or(EngineError::WorkerNotFound(worker_id))?;
        if handle.head().is_alive() {
            return Ok(Activation::Alive);
        }
        self.start_worker(&session, worker, &Occasion::Revive)
            .await?;
        if worker.kind == WorkerKind::Agent {
            self.publish_activity(session_id, worker_id);
        }
        let mut state = self.state();
        let view = state.session_view(session_id)?;
        state.events.publish(Event::WorkerActivated {
            session: view,
            worker_id,
        });
        Ok(Activation::Started)
    }

    /// Records a worker of a session that is being made and starts its task.
    pub(crate) async fn add_task(
        &self,
        session: &mut SessionEntry,
        position: usize,
    ) -> Result<(), EngineError> {
        let worker = &session.workers[position];
        let row = row_of(session.row.id, worker, position);
        let saved = self.inner.store.save_worker(row.clone()).await;
        saved.map_err(|err| self.store_error("record the worker", err))?;
        if worker.kind != WorkerKind::GitDiff {
            let handle = self.spawn_task(row, Life::Absent);
            session.workers[position].handle = Some(handle);
        }
        Ok(())
    }

    /// Says what an agent is thought to do, and why.
    ///
    /// # Errors
    /// There is no such worker, or it is no agent.
    pub async fn explain(&self, worker: WorkerId) -> Result<Explanation, EngineError> {
        let (_, handle) = self.find_worker(worker)?;
        let told = handle.explain().await?;
        let reason = "this worker is no agent; nothing watches what it does";
        told.ok_or_else(|| EngineError::WrongState(reason.to_owned()))
    }

    /// Starts the task of a worker whose row is recorded.
    pub(crate) fn spawn_task(&self, row: WorkerRow, life: Life) -> WorkerHandle {
        let inner = &self.inner;
        let definition =
            self.definition_for(row.kind, row.agent_id.as_ref(), row.command.as_deref());
        let (session_id, worker_id) = (row.session_id, row.id);
        let weak = std::sync::Arc::downgrade(inner);
        let notify: Notify = std::sync::Arc::new(move |change| {
            if let Some(inner) = weak.upgrade() {
                Engine { inner }.on_worker_change(session_id, worker_id, change);
            }
        });
        let setup = WorkerSetup {
            dir: inner.home.worker(row.id),
            deleted_dir: inner.home.deleted_worker(row.session_id, row.id),
            socket: inner.home.socket(row.id),
            program: inner.shim_program.clone(),
            server_epoch: inner.server_epoch,
            store: inner.store.clone(),
            screen_options: offshoot_vt::Options {
                version: format!("Offshoot {}", inner.config.version),
                ..offshoot_vt::Options::default()
            },
            row,
            life,
            typing: std::sync::Arc::new(crate::prompts::Typing::of(&definition)),
            reader: std::sync::Arc::new(crate::requests::Reader::of(&definition)),
            rules: crate::attention::Rules::shared(&definition),
            notify,
        };
        worker::spawn(setup, &inner.tasks, inner.cancel.clone())
    }

    fn on_worker_change(&self, session_id: SessionId, worker_id: WorkerId, change: Change) {
        match change {
            Change::Process => {
                self.state().publish_update(session_id);
                self.on_agent_end(session_id, worker_id);
            }
            Change::Activity => {
                self.publish_activity(session_id, worker_id);
                self.learn_from_files(session_id, worker_id);
            }
            Change::Prompt(prompt) => self.publish_prompt(*prompt),
            Change::PromptRemoved(id) => self.publish_prompt_removed(worker_id, id),
        }
    }

    pub(crate) async fn start_worker(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        occasion: &Occasion,
    ) -> Result<(), EngineError> {
        let handle = worker
            .handle
            .as_ref()
            .ok_or(EngineError::WorkerNotFound(worker.id))?;
        let launch = self.launch(session, worker, occasion).await?;
        handle.start(launch).await
    }

    /// Announces what an agent does now, as it is after a start.
    pub(crate) fn publish_activity(&self, session_id: SessionId, worker_id: WorkerId) {
        let mut state = self.state();
        let Ok(session) = state.session_view(session_id) else {
            return;
        };
        let activity = state
            .session(session_id)
            .ok()
            .and_then(|entry| entry.worker(worker_id).ok()?.activity());
        let state_now = activity.unwrap_or(ActivityState::Idle);
        state.events.publish(Event::ActivityChanged {
            session,
            worker_id,
            state: state_now,
        });
    }
}

/// The server died after a session was recorded and before its agent was started: the prompt is
/// still to be delivered.
fn first_start(session: &SessionEntry, continue_conversation: bool) -> Occasion {
    Occasion::First {
        prompt: session.row.initial_prompt.clone(),
        continue_conversation,
    }
}

fn first() -> Occasion {
    Occasion::First {
        prompt: None,
        continue_conversation: false,
    }
}

fn refuse_paused(session: &SessionEntry) -> Result<(), EngineError> {
    if session.row.paused {
        return Err(EngineError::WrongState(
            "The session is paused; resume it first".to_owned(),
        ));
    }
    Ok(())
}

/// Makes the first row of a worker.
fn row_of(session_id: SessionId, worker: &WorkerEntry, position: usize) -> WorkerRow {
    let (cols, rows) = TERMINAL_SIZE_INITIAL;
    WorkerRow {
        id: worker.id,
        session_id,
        kind: worker.kind,
        name: worker.name.clone(),
        created_at: worker.created_at,
        position: u32::try_from(position).unwrap_or(u32::MAX),
        agent_id: worker.agent_id.clone(),
        command: worker.command.clone(),
        base_commit: worker.base_commit.clone(),
        epoch: 1,
        phase: WorkerPhase::Intended,
        reason: None,
        exit_code: None,
        exit_signal: None,
        socket: None,
        cols,
        rows,
    }
}

/// Makes the entry of a recorded worker; its task comes later.
pub(crate) fn entry_of(row: &WorkerRow) -> WorkerEntry {
    WorkerEntry {
        id: row.id,
        name: row.name.clone(),
        kind: row.kind,
        created_at: row.created_at,
        agent_id: row.agent_id.clone(),
        command: row.command.clone(),
        base_commit: row.base_commit.clone(),
        handle: None,
    }
}
