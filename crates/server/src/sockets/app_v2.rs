//! `/ws/app`, dialect `offshoot.app.v2`: a snapshot, then numbered events.
//!
//! A client that reconnects with the number it last saw gets what it missed, where that is still
//! known. One that falls too far behind gets a fresh snapshot.

use axum::extract::ws::WebSocket;
use offshoot_engine::{Event, EventStream, Numbered, StreamEnd, Subscription};
use offshoot_protocol::app::{AppEvent, AppFrame, AppResume};

use super::wire::{Io, Reading, Wire, close};
use crate::state::App;

/// Runs the socket until one side ends it.
pub(crate) async fn run(app: App, socket: WebSocket, resume: AppResume) {
    let mut wire = Wire::new(socket, app.pings);
    let mut events = match resumed(&app, &resume) {
        Some(events) => events,
        None => send_snapshot(&app, &mut wire),
    };
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            event = events.next(), if wire.is_free() => match event {
                Ok(event) => wire.send_text(encode(&event_frame(event))),
                Err(StreamEnd::Lagged(_)) => events = send_snapshot(&app, &mut wire),
                Err(StreamEnd::Closed) => break,
            },
            io = wire.next(Reading::Yes) => match io {
                // Clients have nothing to say here; what they send is for later versions.
                Io::Sent | Io::Text(_) | Io::Binary(_) => {}
                Io::Ended => return,
            },
        }
    }
    wire.close(Vec::new(), close::RESTART, "the server stops")
        .await;
}

fn resumed(app: &App, resume: &AppResume) -> Option<EventStream> {
    let is_same_run = resume.instance.as_deref() == Some(app.engine.instance());
    app.engine
        .resume_events(resume.seq.filter(|_| is_same_run)?)
}

/// Sends everything; the wire must be free.
fn send_snapshot(app: &App, wire: &mut Wire) -> EventStream {
    let Subscription {
        seq,
        sessions,
        repositories,
        agents,
        jobs,
        events,
    } = app.engine.subscribe();
    app.engine.look_for_versions();
    let frame = AppFrame::Snapshot {
        instance: app.engine.instance().to_owned(),
        seq,
        sessions,
        repositories,
        agents,
        jobs,
    };
    wire.send_text(encode(&frame));
    events
}

fn encode(frame: &AppFrame) -> String {
    serde_json::to_string(frame).expect("wire types have string keys and finite numbers")
}

/// Translates one to one, so that numbers have no holes.
fn event_frame(Numbered { seq, event }: Numbered) -> AppFrame {
    let event = match event {
        Event::SessionCreated(session) => AppEvent::SessionCreated { session },
        Event::SessionUpdated(session)
        | Event::SessionPaused(session)
        | Event::SessionResumed(session)
        | Event::ActivityChanged { session, .. }
        | Event::WorkerActivated { session, .. } => AppEvent::SessionUpdated { session },
        Event::SessionDeleted(session_id) => AppEvent::SessionDeleted { session_id },
        Event::RepositoryCreated(repository) | Event::RepositoryUpdated(repository) => {
            AppEvent::RepositoryUpdated { repository }
        }
        Event::RepositoryDeleted(repository_id) => AppEvent::RepositoryDeleted { repository_id },
        Event::AgentCreated(agent) | Event::AgentUpdated(agent) => AppEvent::AgentUpdated { agent },
        Event::AgentDeleted(agent_id) => AppEvent::AgentDeleted { agent_id },
        Event::JobUpdated(job) => AppEvent::JobUpdated { job },
        Event::WorktreeCreated(created) => AppEvent::WorktreesChanged {
            repository_id: created.worktree.repository_id,
        },
        Event::WorktreeCreationFailed { repository_id, .. }
        | Event::WorktreeDeleted { repository_id, .. }
        | Event::WorktreeDeletionFailed { repository_id, .. } => {
            AppEvent::WorktreesChanged { repository_id }
        }
        Event::JobDeleted(job_id) => AppEvent::JobDeleted { job_id },
        Event::MessageSent(message) => AppEvent::MessageSent { message },
        Event::PromptChanged(prompt) => AppEvent::PromptChanged { prompt },
        Event::PromptRemoved { worker_id, id } => AppEvent::PromptRemoved {
            worker_id,
            prompt_id: id,
        },
    };
    AppFrame::Event { seq, event }
}
