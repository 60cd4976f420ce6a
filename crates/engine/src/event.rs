//! Facts that happened, numbered, for whoever wants to follow the application's state.

use std::collections::VecDeque;

use offshoot_protocol::job::Job;
use offshoot_protocol::message::WorkerMessage;
use offshoot_protocol::prompt::Prompt;
use offshoot_protocol::view::{ActivityState, Agent, Repository, Session, Worktree};
use offshoot_protocol::worktree::{BranchNameFallback, SetupCommandResult};
use offshoot_protocol::{AgentId, JobId, PromptId, RepositoryId, SessionId, WorkerId};
use tokio::sync::broadcast;

/// Events kept for clients that reconnect. An older client gets a snapshot instead.
const KEPT_EVENTS: usize = 1024;

/// A fact. Objects are complete and true at the event's number.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "each variant is a sentence: what happened to which object"
)]
pub enum Event {
    SessionCreated(Session),
    SessionUpdated(Session),
    SessionDeleted(SessionId),
    SessionPaused(Session),
    SessionResumed(Session),
    ActivityChanged {
        session: Session,
        worker_id: WorkerId,
        state: ActivityState,
    },
    WorkerActivated {
        session: Session,
        worker_id: WorkerId,
    },
    RepositoryCreated(Repository),
    RepositoryUpdated(Repository),
    RepositoryDeleted(RepositoryId),
    AgentCreated(Agent),
    AgentUpdated(Agent),
    AgentDeleted(AgentId),
    JobUpdated(Job),
    JobDeleted(JobId),
    WorktreeCreated(Box<WorktreeCreated>),
    WorktreeCreationFailed {
        repository_id: RepositoryId,
        task_id: String,
        error: String,
    },
    WorktreeDeleted {
        repository_id: RepositoryId,
        task_id: String,
        session_id: Option<SessionId>,
    },
    WorktreeDeletionFailed {
        repository_id: RepositoryId,
        task_id: String,
        error: String,
        git_status: Option<String>,
    },
    MessageSent(WorkerMessage),
    PromptChanged(Prompt),
    PromptRemoved {
        worker_id: WorkerId,
        id: PromptId,
    },
}

/// What came of making a worktree.
#[derive(Debug, Clone, PartialEq)]
pub struct WorktreeCreated {
    /// The text that the client knows it by.
    pub task_id: String,
    /// The worktree.
    pub worktree: Worktree,
    /// The session in it, if one was asked for.
    pub session: Option<Session>,
    /// Why the branch is not named by the agent.
    pub branch_name_fallback: Option<BranchNameFallback>,
    /// How the setup command ended, if there is one.
    pub setup_command_result: Option<SetupCommandResult>,
    /// Why the base was not fetched although it was asked for.
    pub fetch_error: Option<String>,
}

/// An event with its number, which grows by one from event to event.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered {
    /// The number.
    pub seq: u64,
    /// The fact.
    pub event: Event,
}

/// The subscriber fell behind by more than the kept events; it must subscribe anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("fell behind the events")]
pub struct Lagged;

/// The end of the stream: the engine is gone, or the subscriber lagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamEnd {
    /// Subscribe anew.
    #[error(transparent)]
    Lagged(#[from] Lagged),
    /// The engine shut down.
    #[error("the engine shut down")]
    Closed,
}

/// Events from one number on.
#[derive(Debug)]
pub struct EventStream {
    backlog: VecDeque<Numbered>,
    live: broadcast::Receiver<Numbered>,
}

impl EventStream {
    /// Waits for the next event. Cancel-safe.
    ///
    /// # Errors
    /// The subscriber lagged or the engine shut down.
    pub async fn next(&mut self) -> Result<Numbered, StreamEnd> {
        if let Some(event) = self.backlog.pop_front() {
            return Ok(event);
        }
        self.live.recv().await.map_err(|err| match err {
            broadcast::error::RecvError::Lagged(_) => StreamEnd::Lagged(Lagged),
            broadcast::error::RecvError::Closed => StreamEnd::Closed,
        })
    }

    /// Returns the next event if it has happened already; `None` also at the end of the stream.
    pub fn ready(&mut self) -> Option<Numbered> {
        let kept = self.backlog.pop_front();
        kept.or_else(|| self.live.try_recv().ok())
    }
}

/// Numbers events and hands them out. Lives under the lock of the state it describes, so that a
/// snapshot and a stream taken under that lock fit together.
#[derive(Debug)]
pub(crate) struct EventLog {
    seq: u64,
    kept: VecDeque<Numbered>,
    /// Its bound is the number of kept events: who is further behind has lagged anyway.
    live: broadcast::Sender<Numbered>,
}

impl EventLog {
    pub(crate) fn new() -> Self {
        let (live, _) = broadcast::channel(KEPT_EVENTS);
        Self {
            seq: 0,
            kept: VecDeque::new(),
            live,
        }
    }

    /// Returns the number of the newest event.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Publishes a fact.
    pub(crate) fn publish(&mut self, event: Event) {
        self.seq += 1;
        let numbered = Numbered {
            seq: self.seq,
            event,
        };
        self.kept.push_back(numbered.clone());
        if self.kept.len() > KEPT_EVENTS {
            self.kept.pop_front();
        }
        // Nobody listening is fine.
        let _ = self.live.send(numbered);
    }

    /// Returns the events after a number, or `None` when some of them are gone.
    pub(crate) fn since(&self, seq: u64) -> Option<EventStream> {
        let oldest = self.seq + 1 - self.kept.len() as u64;
        if seq > self.seq || seq + 1 < oldest {
            return None;
        }
        let backlog = self
            .kept
            .iter()
            .filter(|event| event.seq > seq)
            .cloned()
            .collect();
        Some(EventStream {
            backlog,
            live: self.live.subscribe(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_continues_after_any_kept_number() {
        let mut log = EventLog::new();
        for _ in 0..KEPT_EVENTS + 10 {
            log.publish(Event::AgentDeleted(AgentId::random()));
        }
        assert!(log.since(9).is_none(), "event 10 is gone");
        let mut stream = log.since(10).unwrap();
        assert_eq!(stream.next().await.unwrap().seq, 11);
        assert!(
            log.since(log.seq() + 1).is_none(),
            "a number of another run"
        );
        let mut newest = log.since(log.seq()).unwrap();
        log.publish(Event::AgentDeleted(AgentId::random()));
        assert_eq!(newest.next().await.unwrap().seq, log.seq());
    }
}
