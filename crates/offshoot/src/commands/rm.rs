//! `offshoot rm`.

use std::io::{IsTerminal as _, Write as _};

use anyhow::{Result, bail};
use offshoot_protocol::ErrorCode;
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::view::{ProcessState, SessionKind};
use reqwest::Method;

use super::print;
use crate::args::{Fate, Rm};
use crate::client::{Client, worker_path};
use crate::config::Settings;
use crate::failure::Failure;
use crate::pick::{self, Target, session_name, short};
use crate::style;

/// Deletes the named sessions and workers, after asking.
pub(crate) async fn run(client: &Client, settings: &Settings, args: &Rm) -> Result<()> {
    let sessions = client.sessions().await?;
    let targets = args
        .names
        .names
        .iter()
        .map(|name| pick::find(&sessions, name));
    for target in targets.collect::<Result<Vec<_>, _>>()? {
        let question = question(target, args.worktree, settings);
        if !args.yes && !confirmed(&question)? {
            print("kept\n")?;
            continue;
        }
        let deleted = client
            .act(Method::DELETE, &path(target, args.worktree))
            .await;
        deleted.map_err(with_flags)?;
        print(&format!("deleted {}\n", name(target)))?;
    }
    Ok(())
}

/// Names the flags that the refusal of a dirty worktree speaks of.
fn with_flags(err: anyhow::Error) -> anyhow::Error {
    match err.downcast::<Failure>() {
        Ok(Failure::Refused(mut problem)) => {
            if problem.code == ErrorCode::WorktreeDirty {
                problem.detail += " (--worktree discard); nothing was ended or removed";
            }
            Failure::Refused(problem).into()
        }
        Ok(other) => other.into(),
        Err(err) => err,
    }
}

fn path(target: Target<'_>, fate: Fate) -> String {
    let session = target.session.id;
    if let Some(worker) = target.worker {
        return worker_path(session, worker.id, "");
    }
    let fate = match WorktreeFate::from(fate) {
        WorktreeFate::Keep => "keep",
        WorktreeFate::Remove => "remove",
        WorktreeFate::Discard => "discard",
    };
    format!("/api/sessions/{session}?worktree={fate}")
}

fn name(target: Target<'_>) -> String {
    match target.worker {
        Some(worker) => format!(
            "worker {} ({})",
            style::printable(&worker.name),
            short(worker.id)
        ),
        None => format!(
            "session {} ({})",
            session_name(target.session),
            short(target.session.id)
        ),
    }
}

/// Says what would be lost, then asks.
fn question(target: Target<'_>, fate: Fate, settings: &Settings) -> String {
    let session = target.session;
    let workers = session.workers.iter();
    let affected = workers.filter(|worker| target.worker.is_none_or(|only| only.id == worker.id));
    let processes = affected.filter_map(|worker| worker.process.as_ref());
    let running = processes
        .filter(|process| {
            matches!(
                process.state,
                ProcessState::Running | ProcessState::Starting
            )
        })
        .count();
    let mut text = format!("Delete {}?", name(target));
    match running {
        0 => {}
        1 => text += " It ends 1 running process.",
        n => text += &format!(" It ends {n} running processes."),
    }
    if target.worker.is_none() && session.kind == SessionKind::Worktree {
        let place = style::printable(&settings.surroundings.shown(&session.location_path));
        text += &match fate {
            Fate::Keep => format!(" The directory {place} stays."),
            Fate::Remove => format!(" The worktree {place} is removed unless it holds changes."),
            Fate::Discard => format!(
                " The worktree {place} is removed with everything in it; its work stays in the trash for 30 days."
            ),
        };
    }
    text
}

fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to confirm; give --yes to delete without asking");
    }
    print!("{question} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
