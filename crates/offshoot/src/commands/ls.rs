//! `offshoot ls`.

use anyhow::Result;
use jiff::Timestamp;
use offshoot_protocol::view::{ActivityState, Session, Worker};

use super::{print, print_json};
use crate::args::Ls;
use crate::client::Client;
use crate::config::Settings;
use crate::pick::{session_name, short};
use crate::place::Surroundings;
use crate::style::{self, Cell, Table, Tone};

/// Prints all sessions; who needs a person comes first.
pub(crate) async fn run(client: &Client, settings: &Settings, args: Ls) -> Result<()> {
    let sessions = client.sessions().await?;
    if args.output.json {
        return print_json(&sessions);
    }
    if sessions.is_empty() {
        return print("no sessions yet; `offshoot new` starts one\n");
    }
    let text = if args.long {
        render_long(sessions)
    } else {
        render(sessions, &settings.surroundings, Timestamp::now())
    };
    print(&text.render(style::stdout()))
}

fn render(mut sessions: Vec<Session>, surroundings: &Surroundings, now: Timestamp) -> Table {
    // Stable: sessions of one urgency keep the server's order.
    sessions.sort_by_key(|session| style::session_state(session).1);
    let mut table = Table::new(&["ID", "NAME", "BRANCH", "STATE", "AGE", "DIRECTORY"]);
    for session in &sessions {
        table.row(vec![
            Cell::from(short(session.id)),
            Cell::from(session_name(session)),
            Cell::from(session.worktree_id.as_deref().unwrap_or("-")),
            Cell::toned(style::session_state(session)),
            Cell::from(style::age(session.created_at, now)),
            Cell::faint(surroundings.shown(&session.location_path)),
        ]);
        let with_process: Vec<&Worker> = session
            .workers
            .iter()
            .filter(|worker| worker.process.is_some())
            .collect();
        for (index, worker) in with_process.iter().enumerate() {
            let branch = if index + 1 == with_process.len() {
                "└"
            } else {
                "├"
            };
            table.row(vec![
                Cell::faint(format!("{branch} {}", short(worker.id))),
                Cell::from(&worker.name),
                Cell::from(""),
                Cell::toned(style::worker_state(worker)),
                Cell::from(since(worker, now)),
                Cell::faint(remark(worker)),
            ]);
        }
    }
    table
}

/// What a person needs who works with the agents beside Offshoot, one worker a line.
fn render_long(mut sessions: Vec<Session>) -> Table {
    sessions.sort_by_key(|session| style::session_state(session).1);
    let mut table = Table::new(&[
        "WORKER",
        "NAME",
        "STATE",
        "CONVERSATION",
        "SESSION",
        "DIRECTORY",
    ]);
    for session in &sessions {
        for worker in session.workers.iter().filter(|one| one.process.is_some()) {
            table.row(vec![
                Cell::from(worker.id.to_string()),
                Cell::from(&worker.name),
                Cell::toned(style::worker_state(worker)),
                conversation(worker),
                Cell::from(session.id.to_string()),
                Cell::from(&session.location_path),
            ]);
        }
    }
    table
}

fn conversation(worker: &Worker) -> Cell {
    match &worker.conversation {
        Some(known) if known.problem.is_some() => Cell::toned((known.id.clone(), Tone::Bad)),
        Some(known) => Cell::from(&known.id),
        None => Cell::faint("-"),
    }
}

fn since(worker: &Worker, now: Timestamp) -> String {
    let activity = worker.activity.as_ref();
    let since = activity.map_or(worker.created_at, |activity| activity.since);
    style::age(since, now)
}

/// Why a worker is in its state, else what its program calls itself.
fn remark(worker: &Worker) -> String {
    let reason = worker
        .process
        .as_ref()
        .and_then(|process| process.reason.as_ref());
    let activity = worker.activity.as_ref();
    let reason = reason.or_else(|| activity?.reason.as_ref());
    let undelivered = worker.undelivered.as_ref().map(|last| &last.reason);
    let waits = activity.is_some_and(|now| now.state == ActivityState::Waiting);
    let reason = undelivered.filter(|_| !waits).or(reason);
    let problem = worker.conversation.as_ref();
    let problem = problem.and_then(|known| known.problem.as_ref());
    let reason = reason.or(problem);
    let title = worker.terminal_title.as_ref();
    reason.or(title).cloned().unwrap_or_default()
}
