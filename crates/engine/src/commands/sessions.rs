//! Sessions: create, change, pause, resume, delete.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use offshoot_protocol::limits::{PROMPT_BYTES, TITLE_CHARS};
use offshoot_protocol::rest::{CreateSession, PatchSession, SessionStart, WorktreeFate};
use offshoot_protocol::view::{ActivityState, Session, SessionKind, WorkerKind};
use offshoot_protocol::{AgentId, RepositoryId, SessionId, WorkerId};
use offshoot_store::SessionRow;

use crate::event::Event;
use crate::launch::Occasion;
use crate::state::{SessionEntry, WorkerEntry};
use crate::{Engine, EngineError, idle, paths};

/// What a new session is made of, from whichever request.
#[derive(Debug)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) kind: SessionKind,
    pub(crate) location_path: String,
    pub(crate) repository_id: Option<RepositoryId>,
    pub(crate) worktree_branch: Option<String>,
    /// Whether the worktree was made for this session and may be removed with it.
    pub(crate) owned_worktree: bool,
    pub(crate) title: Option<String>,
    pub(crate) prompt: Option<String>,
    pub(crate) first: FirstWorker,
}

/// The first worker of a new session.
#[derive(Debug)]
pub(crate) enum FirstWorker {
    Agent {
        agent_id: Option<AgentId>,
        continue_conversation: bool,
    },
    Command(String),
    Shell,
}

impl Engine {
    /// Opens a session in a directory that exists and starts its agent.
    ///
    /// # Errors
    /// The directory is missing or not allowed, or the agent cannot be started; then there is no
    /// session.
    pub async fn create_session(&self, request: CreateSession) -> Result<Session, EngineError> {
        self.finish(move |engine| async move { engine.create_session_now(request).await })
            .await
    }

    async fn create_session_now(&self, request: CreateSession) -> Result<Session, EngineError> {
        let (kind, location_path, repository, start) = match request {
            CreateSession::Quick {
                location_path,
                start,
            } => (SessionKind::Quick, location_path, None, start),
            CreateSession::Worktree {
                repository_id,
                worktree_id,
                location_path,
                start,
            } => (
                SessionKind::Worktree,
                location_path,
                Some((repository_id, worktree_id)),
                start,
            ),
        };
        let location_path = paths::plain(&location_path, self.user_home())?;
        paths::check_location(location_path.as_ref(), self.user_home())?;
        if let Some((id, branch)) = &repository {
            self.repository(*id)?;
            if branch.trim().is_empty() {
                return Err(invalid("worktreeId", "a branch is needed"));
            }
        }
        let SessionStart {
            agent_id,
            continue_conversation,
            initial_prompt,
            title,
        } = start;
        let (repository_id, worktree_branch) = repository.unzip();
        self.open_session(NewSession {
            id: SessionId::random(),
            kind,
            location_path,
            repository_id,
            worktree_branch,
            owned_worktree: false,
            title,
            prompt: initial_prompt,
            first: FirstWorker::Agent {
                agent_id,
                continue_conversation,
            },
        })
        .await
    }

    /// Makes the session's rows, starts its first worker and announces it.
    pub(crate) async fn open_session(&self, new: NewSession) -> Result<Session, EngineError> {
        check_title(new.title.as_deref())?;
        check_prompt(new.prompt.as_deref())?;
        let row = SessionRow {
            id: new.id,
            kind: new.kind,
            location_path: new.location_path,
            repository_id: new.repository_id,
            worktree_branch: new.worktree_branch,
            title: new.title.as_deref().map(clean_title),
            initial_prompt: new.prompt.clone(),
            created_at: Timestamp::now(),
            paused: false,
            paused_because: None,
            idle: None,
            owned_worktree: new.owned_worktree,
        };
        let base = self.head_commit(Path::new(&row.location_path)).await;
        let continues = matches!(
            new.first,
            FirstWorker::Agent {
                continue_conversation: true,
                ..
            }
        );
        let mut session = SessionEntry {
            workers: vec![self.first_worker(&new.first), diff_worker(base)],
            row,
            location_missing: false,
            lifecycle: Arc::default(),
        };
        let occasion = Occasion::First {
            prompt: new.prompt,
            continue_conversation: continues,
        };
        self.inner
            .store
            .insert_session(session.row.clone())
            .await
            .map_err(|err| self.store_error("record the session", err))?;
        if let Err(err) = self.start_first(&mut session, &occasion).await {
            self.forget_session(&session).await;
            return Err(err);
        }
        self.announce(session)
    }

    async fn start_first(
        &self,
        session: &mut SessionEntry,
        occasion: &Occasion,
    ) -> Result<(), EngineError> {
        for position in 0..session.workers.len() {
            self.add_task(session, position).await?;
        }
        let first = &session.workers[0];
        let launch = self.launch(session, first, occasion).await?;
        match &first.handle {
            Some(handle) => handle.start(launch).await,
            None => Ok(()),
        }
    }

    fn announce(&self, session: SessionEntry) -> Result<Session, EngineError> {
        let id = session.row.id;
        let agent = session
            .workers
            .iter()
            .find(|worker| worker.kind == WorkerKind::Agent);
        let agent_id = agent.map(|worker| worker.id);
        let mut state = self.state();
        state.sessions.push(session);
        let view = state.session_view(id)?;
        if let Some(worker_id) = agent_id {
            state.events.publish(Event::ActivityChanged {
                session: view.clone(),
                worker_id,
                state: ActivityState::Idle,
            });
        }
        state.events.publish(Event::SessionCreated(view.clone()));
        Ok(view)
    }

    fn first_worker(&self, first: &FirstWorker) -> WorkerEntry {
        match first {
            FirstWorker::Agent { agent_id, .. } => {
                let known = agent_id.as_ref().map(|id| self.state().agent(id));
                let name = match known {
                    Some(None) => "AI".to_owned(),
                    Some(Some(agent)) => agent.name,
                    None => crate::agents::claude_code().name,
                };
                let agent_id = agent_id.clone().unwrap_or_else(AgentId::claude_code);
                WorkerEntry {
                    agent_id: Some(agent_id),
                    ..worker(WorkerKind::Agent, name)
                }
            }
            FirstWorker::Command(command) => {
                let program = command.split_whitespace().next().unwrap_or("Agent");
                let name = program.rsplit('/').next().unwrap_or(program).to_owned();
                WorkerEntry {
                    command: Some(command.clone()),
                    ..worker(WorkerKind::Agent, name)
                }
            }
            FirstWorker::Shell => worker(WorkerKind::Terminal, "Terminal 1".to_owned()),
        }
    }

    /// Changes the title, or renames the branch and restarts the agent so that it notices.
    ///
    /// # Errors
    /// There is no such session, nothing is to be changed, a value is invalid, or git refuses.
    pub async fn patch_session(
        &self,
        id: SessionId,
        change: PatchSession,
    ) -> Result<Session, EngineError> {
        self.finish(move |engine| async move { engine.patch_session_now(id, change).await })
            .await
    }

    async fn patch_session_now(
        &self,
        id: SessionId,
        change: PatchSession,
    ) -> Result<Session, EngineError> {
        if change.title.is_none() && change.branch.is_none() && change.idle.is_none() {
            return Err(invalid(
                "title",
                "a title, a branch or an idle rule is needed",
            ));
        }
        check_title(change.title.as_deref())?;
        if let Some(rule) = change.idle {
            idle::check(rule)?;
            self.change_row(id, |row| row.idle = rule).await?;
            let mut state = self.state();
            state.idle.keep_awake(id);
            state.idle.rules_changed();
            state.publish_update(id);
        }
        if let Some(branch) = &change.branch {
            self.rename_branch(id, branch.trim()).await?;
        }
        if let Some(title) = change.title {
            self.change_row(id, |row| row.title = Some(clean_title(&title)))
                .await?;
            self.state().publish_update(id);
        }
        self.session(id)
    }

    async fn rename_branch(&self, id: SessionId, branch: &str) -> Result<(), EngineError> {
        let lifecycle = self.state().session(id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(id)?.clone();
        let Some(old) = session.row.worktree_branch.clone() else {
            return Err(EngineError::WrongState(
                "Only the branch of a worktree can be renamed".to_owned(),
            ));
        };
        let directory = PathBuf::from(&session.row.location_path);
        let opened = self.open_repository(&directory).await?;
        opened
            .rename_branch(&directory, Some(&old), branch)
            .await
            .map_err(|err| super::repositories::git_error(branch, err))?;
        self.change_row(id, |row| row.worktree_branch = Some(branch.to_owned()))
            .await?;
        let agent = session
            .workers
            .iter()
            .find(|worker| worker.kind == WorkerKind::Agent);
        if let Some(worker) = agent {
            let occasion = Occasion::Restart {
                continue_conversation: true,
            };
            self.start_worker(&session, worker, &occasion).await?;
            self.publish_activity(id, worker.id);
        }
        self.state().publish_update(id);
        Ok(())
    }

    /// Ends all processes of a worktree session and keeps everything else.
    ///
    /// # Errors
    /// There is no such session, it is a quick one, or a process cannot be judged.
    pub async fn pause_session(&self, id: SessionId) -> Result<(), EngineError> {
        self.finish(move |engine| async move { engine.pause_session_now(id).await })
            .await
    }

    async fn pause_session_now(&self, id: SessionId) -> Result<(), EngineError> {
        let lifecycle = self.state().session(id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(id)?.clone();
        if session.row.kind == SessionKind::Quick {
            return Err(EngineError::WrongState(
                "A quick session cannot be paused; stop its workers".to_owned(),
            ));
        }
        // A person's pause stays until a person ends it.
        self.change_row(id, |row| {
            row.paused = true;
            row.paused_because = None;
        })
        .await?;
        for handle in session.handles() {
            handle.stop().await?;
        }
        let mut state = self.state();
        let view = state.session_view(id)?;
        state.events.publish(Event::SessionPaused(view));
        Ok(())
    }

    /// Starts all workers of a paused session again, agents with their conversation. A session
    /// that runs is returned as it is.
    ///
    /// # Errors
    /// There is no such session, its directory is gone, or a process cannot be started.
    pub async fn resume_session(&self, id: SessionId) -> Result<Session, EngineError> {
        self.finish(move |engine| async move { engine.resume_session_now(id).await })
            .await
    }

    async fn resume_session_now(&self, id: SessionId) -> Result<Session, EngineError> {
        let lifecycle = self.state().session(id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(id)?.clone();
        let dormant = session
            .handles()
            .iter()
            .all(|handle| !handle.head().is_alive());
        if !self.state().session(id)?.row.paused && !dormant {
            return self.session(id);
        }
        for worker in session
            .workers
            .iter()
            .filter(|worker| worker.handle.is_some())
        {
            self.start_worker(&session, worker, &Occasion::Revive)
                .await?;
        }
        self.change_row(id, |row| {
            row.paused = false;
            row.paused_because = None;
        })
        .await?;
        for worker in session
            .workers
            .iter()
            .filter(|worker| worker.kind == WorkerKind::Agent)
        {
            self.publish_activity(id, worker.id);
        }
        let mut state = self.state();
        let view = state.session_view(id)?;
        state.events.publish(Event::SessionResumed(view.clone()));
        Ok(view)
    }

    /// Ends a session: its processes, its output, and its worktree when asked to.
    ///
    /// # Errors
    /// There is no such session, a process cannot be judged, or the worktree holds changes and was
    /// not to be discarded; then nothing was done.
    pub async fn delete_session(
        &self,
        id: SessionId,
        fate: WorktreeFate,
    ) -> Result<(), EngineError> {
        self.finish(move |engine| async move { engine.delete_session_now(id, fate).await })
            .await
    }

    async fn delete_session_now(
        &self,
        id: SessionId,
        fate: WorktreeFate,
    ) -> Result<(), EngineError> {
        let lifecycle = self.state().session(id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(id)?.clone();
        self.check_worktree_fate(&session, fate).await?;
        // Processes end first: a worktree is not removed under them. When it cannot be removed, the
        // session is still there, stopped, with its output.
        for handle in session.handles() {
            handle.stop().await?;
        }
        if fate != WorktreeFate::Keep {
            self.remove_worktree(&session, fate).await?;
        }
        for handle in session.handles() {
            handle.delete().await?;
        }
        self.inner
            .store
            .delete_session(id)
            .await
            .map_err(|err| self.store_error("delete the session", err))?;
        self.clean_up_session(id).await;
        let mut state = self.state();
        state.remove_session(id);
        state.idle.forget(id);
        state.events.publish(Event::SessionDeleted(id));
        Ok(())
    }

    /// Takes back what a failed start left.
    async fn forget_session(&self, session: &SessionEntry) {
        for worker in &session.workers {
            self.state().conversations.remove(&worker.id);
        }
        for handle in session.handles() {
            if let Err(err) = handle.delete().await {
                tracing::warn!(session = %session.row.id, %err, "take back a worker that failed to start");
            }
        }
        if let Err(err) = self.inner.store.delete_session(session.row.id).await {
            tracing::warn!(session = %session.row.id, %err, "take back a session that failed to start");
        }
        self.clean_up_session(session.row.id).await;
    }

    /// Changes a session's row in the database and in memory.
    pub(crate) async fn change_row(
        &self,
        id: SessionId,
        change: impl FnOnce(&mut SessionRow),
    ) -> Result<(), EngineError> {
        let _recording = self.inner.recording.lock().await;
        let mut row = self.state().session(id)?.row.clone();
        change(&mut row);
        self.inner
            .store
            .update_session(row.clone())
            .await
            .map_err(|err| self.store_error("record the session", err))?;
        self.state().session_mut(id)?.row = row;
        Ok(())
    }

    /// Returns the commit a directory is on, or `HEAD` where there is none.
    async fn head_commit(&self, directory: &Path) -> String {
        offshoot_git::resolve(directory, "HEAD")
            .await
            .unwrap_or_else(|_| "HEAD".to_owned())
    }

    pub(crate) fn store_error(
        &self,
        context: &'static str,
        err: offshoot_store::StoreError,
    ) -> EngineError {
        match err {
            offshoot_store::StoreError::DiskFull(_) => {
                EngineError::DiskFull(self.inner.home.root().to_owned())
            }
            err => EngineError::internal(context)(err),
        }
    }
}

/// Makes an entry of a worker that has no task yet.
pub(crate) fn worker(kind: WorkerKind, name: String) -> WorkerEntry {
    WorkerEntry {
        id: WorkerId::random(),
        name,
        kind,
        created_at: Timestamp::now(),
        agent_id: None,
        command: None,
        base_commit: None,
        handle: None,
    }
}

fn diff_worker(base_commit: String) -> WorkerEntry {
    WorkerEntry {
        base_commit: Some(base_commit),
        ..worker(WorkerKind::GitDiff, "Diff".to_owned())
    }
}

/// A title is one line for people: characters that move the cursor or turn the writing around
/// become blanks.
fn clean_title(title: &str) -> String {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let clean: String = title
        .chars()
        .map(|c| if is_unseen(c) { ' ' } else { c })
        .collect();
    clean.trim().to_owned()
}

pub(crate) fn check_title(title: Option<&str>) -> Result<(), EngineError> {
    match title {
        Some(title) if title.chars().count() > TITLE_CHARS => {
            Err(invalid("title", "a title has at most 500 characters"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_prompt(prompt: Option<&str>) -> Result<(), EngineError> {
    match prompt {
        Some(prompt) if prompt.len() > PROMPT_BYTES => {
            let message = "the prompt is longer than 120 KiB, which no program accepts as an argument; put it into a file and name the file";
            Err(invalid("initialPrompt", message))
        }
        Some(prompt) if prompt.contains('\0') => Err(invalid(
            "initialPrompt",
            "a prompt cannot hold a NUL character",
        )),
        _ => Ok(()),
    }
}

pub(crate) fn invalid(field: &'static str, message: &str) -> EngineError {
    EngineError::Invalid {
        field,
        message: message.to_owned(),
    }
}
