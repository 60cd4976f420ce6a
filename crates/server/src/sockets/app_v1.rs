//! `/ws/app`, first dialect: three syncs, then changes.
//!
//! Owns the rules of that dialect for a sender: a session is announced once per connection, a sync
//! is never older than what was sent before it, and activities are told when they change.

use std::collections::{HashMap, HashSet, VecDeque};

use axum::extract::ws::WebSocket;
use offshoot_engine::{Event, EventStream, Numbered, StreamEnd, Subscription};
use offshoot_protocol::v1::{
    ActivityState, AppFrame, AppRequest, WorkerActivity, WorktreeCreation,
};
use offshoot_protocol::view::{self, Session, Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};

use super::wire::{Io, Reading, Wire, close};
use crate::state::App;

/// Runs the socket until one side ends it.
pub(crate) async fn run(app: App, socket: WebSocket) {
    let mut wire = Wire::new(socket, app.pings);
    let mut said = Said::default();
    // Frames of one event, or of one sync with the events kept before it.
    let mut frames = VecDeque::new();
    let mut events = sync(&app, &mut said, &mut frames);
    loop {
        if wire.is_free()
            && let Some(frame) = frames.pop_front()
        {
            wire.send_text(encode(&frame));
        }
        let is_idle = wire.is_free() && frames.is_empty();
        // Requests wait while frames do: each answer is sent before the next is made.
        let reading = if frames.is_empty() {
            Reading::Yes
        } else {
            Reading::No
        };
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            event = events.next(), if is_idle => match event {
                Ok(numbered) => frames.extend(said.frames_of(numbered.event)),
                Err(StreamEnd::Lagged(_)) => events = sync(&app, &mut said, &mut frames),
                Err(StreamEnd::Closed) => break,
            },
            io = wire.next(reading) => match io {
                Io::Text(text) if is_sync_request(text.as_bytes()) => {
                    events = sync_again(&app, &mut said, &mut frames, events);
                }
                Io::Binary(bytes) if is_sync_request(&bytes) => {
                    events = sync_again(&app, &mut said, &mut frames, events);
                }
                Io::Sent | Io::Text(_) | Io::Binary(_) => {}
                Io::Ended => return,
            },
        }
    }
    wire.close(Vec::new(), close::RESTART, "the server stops")
        .await;
}

fn encode(frame: &AppFrame) -> String {
    serde_json::to_string(frame).expect("wire types have string keys and finite numbers")
}

fn is_sync_request(frame: &[u8]) -> bool {
    matches!(serde_json::from_slice(frame), Ok(AppRequest::RequestSync))
}

/// Queues the three syncs of a client that knows nothing, or has missed too much.
fn sync(app: &App, said: &mut Said, frames: &mut VecDeque<AppFrame>) -> EventStream {
    frames.clear();
    queue_syncs(app.engine.subscribe(), said, frames)
}

/// Queues the three syncs after what has happened before them: some events are facts that no sync
/// holds, and all of them are things that a page may react to.
fn sync_again(
    app: &App,
    said: &mut Said,
    frames: &mut VecDeque<AppFrame>,
    mut events: EventStream,
) -> EventStream {
    let subscription = app.engine.subscribe();
    while let Some(Numbered { seq, event }) = events.ready() {
        if seq > subscription.seq {
            break;
        }
        frames.extend(said.frames_of(event));
    }
    queue_syncs(subscription, said, frames)
}

fn queue_syncs(
    subscription: Subscription,
    said: &mut Said,
    frames: &mut VecDeque<AppFrame>,
) -> EventStream {
    let Subscription {
        sessions,
        repositories,
        agents,
        events,
        ..
    } = subscription;
    let activity_states = said.replace(&sessions);
    frames.push_back(AppFrame::SessionsSync {
        sessions,
        activity_states,
    });
    frames.push_back(AppFrame::AgentsSync { agents });
    frames.push_back(AppFrame::RepositoriesSync { repositories });
    events
}

/// Maps an activity to the fewer states of this dialect.
pub(super) fn state_of(state: Option<view::ActivityState>) -> ActivityState {
    match state {
        Some(
            view::ActivityState::Working
            | view::ActivityState::Starting
            | view::ActivityState::Stuck,
        ) => ActivityState::Active,
        Some(view::ActivityState::Waiting) => ActivityState::Asking,
        Some(
            view::ActivityState::Idle | view::ActivityState::Limited | view::ActivityState::Errored,
        ) => ActivityState::Idle,
        Some(view::ActivityState::Exited) | None => ActivityState::Unknown,
    }
}

/// What a connection has been told.
#[derive(Debug, Default)]
struct Said {
    sessions: HashSet<SessionId>,
    activities: HashMap<WorkerId, ActivityState>,
}

impl Said {
    /// Notes a sync and returns its activities.
    fn replace(&mut self, sessions: &[Session]) -> Vec<WorkerActivity> {
        self.sessions = sessions.iter().map(|session| session.id).collect();
        self.activities.clear();
        let mut all = Vec::new();
        for session in sessions.iter().filter(|session| !session.paused) {
            for activity in activities_of(session) {
                self.activities
                    .insert(activity.worker_id, activity.activity_state);
                all.push(activity);
            }
        }
        all
    }

    /// Translates an event into the frames this connection still lacks.
    fn frames_of(&mut self, event: Event) -> Vec<AppFrame> {
        match event {
            Event::SessionCreated(session) => {
                let mut frames = self.changed_activities(&session);
                frames.push(match self.sessions.insert(session.id) {
                    true => AppFrame::SessionCreated { session },
                    false => AppFrame::SessionUpdated { session },
                });
                frames
            }
            Event::SessionUpdated(session) => vec![AppFrame::SessionUpdated { session }],
            Event::SessionDeleted(session_id) => {
                self.sessions.remove(&session_id);
                vec![AppFrame::SessionDeleted { session_id }]
            }
            Event::SessionPaused(session) => vec![AppFrame::SessionPaused {
                session_id: session.id,
            }],
            Event::SessionResumed(session) => {
                let mut frames = self.changed_activities(&session);
                frames.push(AppFrame::SessionResumed { session });
                frames
            }
            Event::ActivityChanged {
                session,
                worker_id,
                state,
            } => {
                let activity = WorkerActivity {
                    session_id: session.id,
                    worker_id,
                    activity_state: state_of(Some(state)),
                };
                self.tell(activity).into_iter().collect()
            }
            Event::WorkerActivated { session, worker_id } => {
                let mut frames = self.changed_activities(&session);
                let session_id = session.id;
                frames.push(AppFrame::WorkerActivated {
                    session_id,
                    worker_id,
                });
                // Lists would show the session as hibernated until the next sync.
                frames.push(AppFrame::SessionUpdated { session });
                frames
            }
            Event::RepositoryCreated(repository) => {
                vec![AppFrame::RepositoryCreated { repository }]
            }
            Event::RepositoryUpdated(repository) => {
                vec![AppFrame::RepositoryUpdated { repository }]
            }
            Event::RepositoryDeleted(repository_id) => {
                vec![AppFrame::RepositoryDeleted { repository_id }]
            }
            Event::AgentCreated(agent) => vec![AppFrame::AgentCreated { agent }],
            Event::AgentUpdated(agent) => vec![AppFrame::AgentUpdated { agent }],
            Event::AgentDeleted(agent_id) => vec![AppFrame::AgentDeleted { agent_id }],
            // Clients of this dialect ask for jobs every few seconds.
            Event::JobUpdated(_) | Event::JobDeleted(_) => Vec::new(),
            // They know no queue of prompts.
            Event::PromptChanged(_) | Event::PromptRemoved { .. } => Vec::new(),
            event @ (Event::WorktreeCreated(_)
            | Event::WorktreeCreationFailed { .. }
            | Event::WorktreeDeleted { .. }
            | Event::WorktreeDeletionFailed { .. }) => {
                frame_of_worktree(event).into_iter().collect()
            }
            Event::MessageSent(message) => vec![AppFrame::WorkerMessage { message }],
        }
    }

    fn changed_activities(&mut self, session: &Session) -> Vec<AppFrame> {
        let activities = activities_of(session);
        activities
            .filter_map(|activity| self.tell(activity))
            .collect()
    }

    /// Makes the frame of an activity, unless it was told already.
    fn tell(&mut self, activity: WorkerActivity) -> Option<AppFrame> {
        let told = self
            .activities
            .insert(activity.worker_id, activity.activity_state);
        (told != Some(activity.activity_state)).then_some(AppFrame::WorkerActivity(activity))
    }
}

/// Translates what came of making or deleting a worktree.
fn frame_of_worktree(event: Event) -> Option<AppFrame> {
    Some(match event {
        Event::WorktreeCreated(created) => {
            AppFrame::WorktreeCreationCompleted(Box::new(WorktreeCreation {
                task_id: created.task_id,
                worktree: created.worktree,
                session: created.session,
                branch_name_fallback: created.branch_name_fallback,
                setup_command_result: created.setup_command_result,
                fetch_failed: created.fetch_error.is_some(),
                fetch_error: created.fetch_error,
            }))
        }
        Event::WorktreeCreationFailed { task_id, error, .. } => {
            AppFrame::WorktreeCreationFailed { task_id, error }
        }
        Event::WorktreeDeleted {
            task_id,
            session_id,
            ..
        } => AppFrame::WorktreeDeletionCompleted {
            task_id,
            session_id: session_id.map(|id| id.to_string()).unwrap_or_default(),
        },
        Event::WorktreeDeletionFailed {
            task_id,
            error,
            git_status,
            ..
        } => AppFrame::WorktreeDeletionFailed {
            task_id,
            session_id: String::new(),
            error,
            git_status,
        },
        _ => return None,
    })
}

fn activities_of(session: &Session) -> impl Iterator<Item = WorkerActivity> {
    let is_agent = |worker: &&Worker| worker.kind == WorkerKind::Agent;
    session
        .workers
        .iter()
        .filter(is_agent)
        .map(|worker| WorkerActivity {
            session_id: session.id,
            worker_id: worker.id,
            activity_state: state_of(worker.activity.as_ref().map(|activity| activity.state)),
        })
}
