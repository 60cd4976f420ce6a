//! Frames of the application socket, subprotocol `offshoot.app.v2` (docs/app-socket.md).
//!
//! JSON text frames. The server sends a SNAPSHOT, then events with growing numbers; a client that
//! reconnects names the last number it saw and gets only what it missed, where that is still known.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::job::Job;
use crate::message::WorkerMessage;
use crate::prompt::Prompt;
use crate::view::{Agent, Repository, Session};
use crate::{AgentId, JobId, PromptId, RepositoryId, SessionId, WorkerId};

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "offshoot.app.v2";

/// One frame from the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a frame lives until it is written"
)]
pub enum AppFrame {
    /// Everything, true at `seq`. Replaces what the client knew.
    Snapshot {
        /// The server's run; numbers of another run mean nothing.
        instance: String,
        /// The number of the last event the snapshot contains.
        seq: u64,
        /// All sessions, oldest first.
        sessions: Vec<Session>,
        /// All repositories.
        repositories: Vec<Repository>,
        /// All agents, the default first.
        agents: Vec<Agent>,
        /// All jobs that are not completed, oldest first.
        #[serde(default)]
        jobs: Vec<Job>,
    },
    /// One change.
    Event {
        /// Its number, one more than the one before.
        seq: u64,
        /// The change.
        event: AppEvent,
    },
}

/// A change. Objects are complete, so that applying an event twice is harmless.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum AppEvent {
    /// A session is new.
    SessionCreated {
        /// The session.
        session: Session,
    },
    /// A session, one of its workers, or its process changed.
    SessionUpdated {
        /// The session.
        session: Session,
    },
    /// A session is gone.
    #[serde(rename_all = "camelCase")]
    SessionDeleted {
        /// Its id.
        session_id: SessionId,
    },
    /// A repository is new or changed.
    RepositoryUpdated {
        /// The repository.
        repository: Repository,
    },
    /// A repository is no longer registered.
    #[serde(rename_all = "camelCase")]
    RepositoryDeleted {
        /// Its id.
        repository_id: RepositoryId,
    },
    /// An agent is new or changed.
    AgentUpdated {
        /// The agent.
        agent: Agent,
    },
    /// An agent is gone.
    #[serde(rename_all = "camelCase")]
    AgentDeleted {
        /// Its id.
        agent_id: AgentId,
    },
    /// A job is new, came further, or ended. Progress is told a few times a second at most.
    JobUpdated {
        /// The job.
        job: Job,
    },
    /// Worktrees of a repository were made or removed, or could not be; the job says more.
    #[serde(rename_all = "camelCase")]
    WorktreesChanged {
        /// The repository.
        repository_id: RepositoryId,
    },
    /// A job was removed.
    #[serde(rename_all = "camelCase")]
    JobDeleted {
        /// Its id.
        job_id: JobId,
    },
    /// A message was delivered to a worker. A fact and no state: it is in no snapshot.
    MessageSent {
        /// The message.
        message: WorkerMessage,
    },
    /// A prompt was queued, or came further. A fact and no state: it is in no snapshot.
    PromptChanged {
        /// The prompt.
        prompt: Prompt,
    },
    /// A prompt was taken out of its queue.
    #[serde(rename_all = "camelCase")]
    PromptRemoved {
        /// The worker.
        worker_id: WorkerId,
        /// The prompt's id.
        prompt_id: PromptId,
    },
}

/// Query of the socket's address: where to resume.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct AppResume {
    /// The run whose numbers the client holds.
    pub instance: Option<String>,
    /// The last number it saw.
    pub seq: Option<u64>,
}
