//! `offshoot new`.

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use offshoot_protocol::rest::{Place, Run, SessionBody, StartSession};
use offshoot_protocol::view::{Agent, ProcessState, Session};
use offshoot_protocol::{AgentId, ErrorCode};
use rustix::fs::FileType;

use super::agents::AgentsBody;
use super::{print, print_json};
use crate::args::{Attach, New};
use crate::attach;
use crate::client::Client;
use crate::config::Settings;
use crate::failure::Failure;
use crate::pick::{session_name, short};
use crate::style;

/// Starts a session and says where it works.
pub(crate) async fn run(client: &Client, settings: &Settings, args: New) -> Result<ExitCode> {
    let body = StartSession {
        path: path(&args)?,
        place: place(&args),
        run: what_to_run(client, &args).await?,
        prompt: prompt(&args)?,
        title: args.title.clone(),
    };
    let answer = client.post("/api/sessions/start", &body).await;
    let SessionBody { session } = answer.map_err(with_advice)?;
    if args.attach {
        let name = session.id.to_string();
        return attach::run(client, settings, &Attach { name, history: 0 }).await;
    }
    if args.json {
        print_json(&session)?;
    } else {
        print(&started(&session, settings))?;
    }
    Ok(match failed_to_start(&session) {
        Some(_) => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// A command that cannot start says what is left of the attempt, and what else there is to run.
fn with_advice(err: anyhow::Error) -> anyhow::Error {
    match err.downcast::<Failure>() {
        Ok(Failure::Refused(mut problem)) => {
            if problem.code == ErrorCode::StartFailed {
                problem.detail +=
                    ". Nothing was created; --agent, --command and --shell start something else";
            }
            Failure::Refused(problem).into()
        }
        Ok(other) => other.into(),
        Err(err) => err,
    }
}

fn path(args: &New) -> Result<String> {
    let path = std::path::absolute(&args.path)
        .and_then(|path| path.canonicalize())
        .with_context(|| format!("find {}", args.path.display()))?;
    let text = path.into_os_string().into_string();
    text.map_err(|path| anyhow::anyhow!("{} is not UTF-8", path.display()))
}

fn place(args: &New) -> Place {
    match (&args.branch, args.existing, args.here) {
        (_, _, true) => Place::Directory,
        (Some(branch), true, _) => Place::ExistingBranch {
            branch: branch.clone(),
        },
        (branch, ..) => Place::NewBranch {
            branch: branch.clone(),
            base: args.base.clone(),
        },
    }
}

async fn what_to_run(client: &Client, args: &New) -> Result<Run> {
    if args.shell {
        return Ok(Run::Shell);
    }
    if let Some(command) = &args.command {
        return Ok(Run::Command {
            command: command.clone(),
        });
    }
    let Some(name) = &args.agent else {
        return Ok(Run::Agent { agent_id: None });
    };
    let body: AgentsBody = client.get("/api/agents").await?;
    let agent_id = Some(agent(&body.agents, name)?);
    Ok(Run::Agent { agent_id })
}

/// Finds an agent by its id, its name, or the beginning of its name.
fn agent(agents: &[Agent], name: &str) -> Result<AgentId, Failure> {
    let lower = name.to_lowercase();
    let exact = |agent: &&Agent| agent.id.0 == name || agent.name.to_lowercase() == lower;
    let begins = |agent: &&Agent| {
        agent.name.to_lowercase().starts_with(&lower) || agent.id.0.starts_with(name)
    };
    let mut found: Vec<&Agent> = agents.iter().filter(exact).collect();
    if found.is_empty() {
        found = agents.iter().filter(begins).collect();
    }
    match found.as_slice() {
        [only] => Ok(only.id.clone()),
        _ => {
            let what = if found.is_empty() {
                "no agent is"
            } else {
                "several agents are"
            };
            let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
            let known = names.join(", ");
            Err(Failure::Name(format!(
                "{what} called `{name}`; known are {known}"
            )))
        }
    }
}

fn prompt(args: &New) -> Result<Option<String>> {
    let from_stdin = match &args.prompt {
        Some(text) if text != "-" => return Ok(Some(text.clone())),
        Some(_) => true,
        None => !args.shell && stdin_brings_text(),
    };
    if !from_stdin {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("read the prompt from standard input")?;
    let text = text.trim();
    if text.is_empty() && args.prompt.is_some() {
        bail!("standard input holds no prompt");
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A pipe or a file on standard input is a prompt; a terminal, `/dev/null` or a socket is not.
fn stdin_brings_text() -> bool {
    if std::io::stdin().is_terminal() {
        return false;
    }
    rustix::fs::fstat(std::io::stdin()).is_ok_and(|stat| {
        let kind = FileType::from_raw_mode(stat.st_mode);
        matches!(kind, FileType::Fifo | FileType::RegularFile)
    })
}

fn started(session: &Session, settings: &Settings) -> String {
    let style = style::stdout();
    let id = short(session.id);
    let place = settings.surroundings.shown(&session.location_path);
    let mut text = format!("{}  {}\n", style.strong(&id), session_name(session));
    if let Some(branch) = &session.worktree_id {
        text += &format!("  branch     {}\n", style::printable(branch));
    }
    text += &format!("  directory  {}\n", style::printable(&place));
    match failed_to_start(session) {
        Some(reason) => text += &style.bad(&format!("  failed to start: {reason}\n")),
        None => text += &style.faint(&format!("  offshoot attach {id}\n")),
    }
    text
}

fn failed_to_start(session: &Session) -> Option<String> {
    let processes = session
        .workers
        .iter()
        .filter_map(|worker| worker.process.as_ref());
    let mut failed = processes.filter(|process| process.state == ProcessState::FailedToStart);
    let reason = failed.next()?.reason.as_deref();
    Some(style::printable(reason.unwrap_or("no reason given")))
}
