//! What exists: sessions, repositories and agents in memory, and the events about them.
//!
//! One lock guards all of it and is never held across an await. Events are published under the
//! same lock, so that a snapshot and the stream taken with it fit together. The database holds the
//! same rows; this copy is what every question is answered from.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use offshoot_protocol::job::{Job, JobStatus};
use offshoot_protocol::usage::Usage;
use offshoot_protocol::view::{
    ActivationState, ActivityState, Agent, Repository, Session, SessionKind, SessionStatus, Worker,
    WorkerKind,
};
use offshoot_protocol::{AgentId, JobId, RepositoryId, SessionId, WorkerId};
use offshoot_store::{RepositoryRow, SessionRow};

use crate::conversations::Held;
use crate::definitions::Definitions;
use crate::event::{Event, EventLog};
use crate::idle::Idle;
use crate::worker::WorkerHandle;
use crate::{EngineError, agents};

/// Everything that exists.
#[derive(Debug)]
pub(crate) struct State {
    /// Oldest first.
    pub(crate) sessions: Vec<SessionEntry>,
    /// Oldest first.
    pub(crate) repositories: Vec<RepositoryEntry>,
    /// What is known of agents from files.
    pub(crate) definitions: Definitions,
    /// Custom agents, oldest first.
    pub(crate) custom_agents: Vec<Agent>,
    /// Rules for workers that have nothing to do, and what they did.
    pub(crate) idle: Idle,
    /// What the agents of each session used of their models.
    pub(crate) usage: HashMap<SessionId, Usage>,
    /// The conversation of each agent, where it is known.
    pub(crate) conversations: HashMap<WorkerId, Held>,
    /// Jobs that are not completed, oldest first, with their progress.
    pub(crate) jobs: Vec<Job>,
    pub(crate) events: EventLog,
}

/// A session and its workers, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct SessionEntry {
    pub(crate) row: SessionRow,
    pub(crate) workers: Vec<WorkerEntry>,
    /// Whether the directory was missing when last looked at.
    pub(crate) location_missing: bool,
    /// Held while the session's workers are started, stopped or deleted.
    pub(crate) lifecycle: Arc<tokio::sync::Mutex<()>>,
}

/// What about a worker never changes, and the handle of its task.
#[derive(Debug, Clone)]
pub(crate) struct WorkerEntry {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    pub(crate) kind: WorkerKind,
    pub(crate) created_at: Timestamp,
    pub(crate) agent_id: Option<AgentId>,
    /// The template of an agent that has no definition.
    pub(crate) command: Option<String>,
    pub(crate) base_commit: Option<String>,
    /// Absent for diff workers, which have no process.
    pub(crate) handle: Option<WorkerHandle>,
}

/// A repository with what was last seen of it.
#[derive(Debug, Clone)]
pub(crate) struct RepositoryEntry {
    pub(crate) row: RepositoryRow,
    pub(crate) remote_url: Option<String>,
}

impl State {
    pub(crate) fn session(&self, id: SessionId) -> Result<&SessionEntry, EngineError> {
        let found = self.sessions.iter().find(|session| session.row.id == id);
        found.ok_or(EngineError::SessionNotFound(id))
    }

    pub(crate) fn session_mut(&mut self, id: SessionId) -> Result<&mut SessionEntry, EngineError> {
        let found = self
            .sessions
            .iter_mut()
            .find(|session| session.row.id == id);
        found.ok_or(EngineError::SessionNotFound(id))
    }

    /// Removes a session with what is known of its workers.
    pub(crate) fn remove_session(&mut self, id: SessionId) {
        let (gone, kept) = std::mem::take(&mut self.sessions)
            .into_iter()
            .partition(|session| session.row.id == id);
        self.sessions = kept;
        let gone: Vec<SessionEntry> = gone;
        for worker in gone.iter().flat_map(|session| &session.workers) {
            self.conversations.remove(&worker.id);
        }
    }

    /// Returns a worker and its session.
    pub(crate) fn worker(
        &self,
        id: WorkerId,
    ) -> Result<(&SessionEntry, &WorkerEntry), EngineError> {
        let mut sessions = self.sessions.iter();
        let found = sessions.find_map(|session| Some((session, session.worker(id).ok()?)));
        found.ok_or(EngineError::WorkerNotFound(id))
    }

    pub(crate) fn repository(&self, id: RepositoryId) -> Result<&RepositoryEntry, EngineError> {
        let found = self.repositories.iter().find(|entry| entry.row.id == id);
        found.ok_or(EngineError::RepositoryNotFound(id))
    }

    /// Returns all agents: the default one, custom ones, then the others that come from files.
    pub(crate) fn agents(&self) -> Vec<Agent> {
        let mut shown = self.definitions.iter().map(|one| agents::view_of(one));
        let default = shown.next();
        let custom = self.custom_agents.iter().cloned();
        default.into_iter().chain(custom).chain(shown).collect()
    }

    pub(crate) fn agent(&self, id: &AgentId) -> Option<Agent> {
        self.agents().into_iter().find(|agent| agent.id == *id)
    }

    pub(crate) fn views(&self) -> Vec<Session> {
        self.sessions
            .iter()
            .map(|session| self.view(session))
            .collect()
    }

    pub(crate) fn session_view(&self, id: SessionId) -> Result<Session, EngineError> {
        self.session(id).map(|session| self.view(session))
    }

    /// Refuses to remove what sessions use; paused ones count.
    pub(crate) fn refuse_in_use(
        &self,
        what: &'static str,
        uses: impl Fn(&SessionEntry) -> bool,
    ) -> Result<(), EngineError> {
        let users: Vec<&SessionEntry> = self.sessions.iter().filter(|one| uses(one)).collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(EngineError::InUse {
            what,
            sessions: users.iter().map(|entry| entry.label()).collect(),
            paused: users.iter().filter(|entry| entry.row.paused).count(),
        })
    }

    /// Publishes that a session changed. A session that is gone has nothing to tell.
    pub(crate) fn publish_update(&mut self, id: SessionId) {
        if let Ok(session) = self.session_view(id) {
            self.events.publish(Event::SessionUpdated(session));
        }
    }

    /// Remembers a job as it is now, as long as it is not completed, and announces it.
    pub(crate) fn publish_job(&mut self, job: Job) {
        let known = self.jobs.iter().position(|known| known.id == job.id);
        match (known, job.status) {
            (Some(at), JobStatus::Completed) => drop(self.jobs.remove(at)),
            (None, JobStatus::Completed) => {}
            (Some(at), _) => self.jobs[at] = job.clone(),
            (None, _) => self.jobs.push(job.clone()),
        }
        self.events.publish(Event::JobUpdated(job));
    }

    /// Forgets a job and announces it.
    pub(crate) fn publish_job_deleted(&mut self, id: JobId) {
        self.jobs.retain(|job| job.id != id);
        self.events.publish(Event::JobDeleted(id));
    }

    /// Returns what clients are shown of a worker.
    pub(crate) fn worker_view(&self, worker: &WorkerEntry) -> Worker {
        Worker {
            conversation: self.conversations.get(&worker.id).map(Held::view),
            ..worker.view()
        }
    }

    fn view(&self, session: &SessionEntry) -> Session {
        let row = &session.row;
        let repository = row.repository_id.map(|id| self.repository(id).ok());
        let path_of = |entry: &RepositoryEntry| entry.row.path == row.location_path;
        Session {
            id: row.id,
            kind: row.kind,
            location_path: row.location_path.clone(),
            status: if row.paused {
                SessionStatus::Inactive
            } else {
                SessionStatus::Active
            },
            activation_state: session.activation(),
            paused: row.paused,
            paused_because: row.paused_because.clone(),
            created_at: row.created_at,
            workers: session
                .workers
                .iter()
                .map(|worker| self.worker_view(worker))
                .collect(),
            initial_prompt: row.initial_prompt.clone(),
            title: row.title.clone(),
            repository_id: row.repository_id,
            repository_name: repository.map(|entry| {
                entry.map_or_else(|| "Unknown".to_owned(), |entry| entry.row.name.clone())
            }),
            worktree_id: row.worktree_branch.clone(),
            is_main_worktree: (row.kind == SessionKind::Worktree)
                .then(|| repository.flatten().is_some_and(path_of)),
            location_missing: session.location_missing,
            idle: row.idle,
            idle_warning: self.idle.warning(row.id),
            usage: self.usage.get(&row.id).copied(),
        }
    }
}

impl SessionEntry {
    fn activation(&self) -> ActivationState {
        let mut handles = self
            .workers
            .iter()
            .filter_map(|worker| worker.handle.as_ref())
            .peekable();
        let has_none = handles.peek().is_none();
        let lives = has_none || handles.any(|handle| handle.head().is_alive());
        if lives && !self.row.paused {
            ActivationState::Running
        } else {
            ActivationState::Hibernated
        }
    }

    pub(crate) fn worker(&self, id: WorkerId) -> Result<&WorkerEntry, EngineError> {
        let found = self.workers.iter().find(|worker| worker.id == id);
        found.ok_or(EngineError::WorkerNotFound(id))
    }

    /// Returns the handles of all workers with a process.
    /// Those of workers whose deletion was done while that of another failed are left out.
    pub(crate) fn handles(&self) -> Vec<WorkerHandle> {
        self.workers
            .iter()
            .filter_map(|worker| worker.handle.clone())
            .filter(|handle| !handle.head().deleted)
            .collect()
    }

    /// Returns what people call the session.
    pub(crate) fn label(&self) -> String {
        let title = self.row.title.clone().filter(|title| !title.is_empty());
        title
            .or_else(|| self.row.worktree_branch.clone())
            .unwrap_or_else(|| self.row.location_path.clone())
    }
}

impl WorkerEntry {
    fn view(&self) -> Worker {
        let head = self.handle.as_ref().map(WorkerHandle::head);
        Worker {
            id: self.id,
            name: self.name.clone(),
            created_at: self.created_at,
            kind: self.kind,
            agent_id: self.agent_id.clone(),
            activated: head.as_ref().map(super::worker::Head::is_alive),
            base_commit: self.base_commit.clone(),
            request: head.as_ref().and_then(|head| head.request.clone()),
            undelivered: head.as_ref().and_then(|head| head.undelivered.clone()),
            activity: head.as_ref().and_then(|head| head.activity.clone()),
            terminal_title: head.as_ref().and_then(|head| head.title.clone()),
            process: head.map(|head| head.process),
            conversation: None,
        }
    }

    /// Returns the activity shown now, for agents.
    pub(crate) fn activity(&self) -> Option<ActivityState> {
        self.handle
            .as_ref()?
            .head()
            .activity
            .map(|activity| activity.state)
    }
}

impl RepositoryEntry {
    pub(crate) fn view(&self) -> Repository {
        Repository {
            id: self.row.id,
            name: self.row.name.clone(),
            path: self.row.path.clone(),
            created_at: self.row.created_at,
            remote_url: self.remote_url.clone(),
            setup_command: self.row.setup_command.clone(),
            env_vars: self.row.env_vars.clone(),
            idle: self.row.idle,
        }
    }
}
