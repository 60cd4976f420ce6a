//! `offshoot agents`: which agents there are, what a definition looks like, what is wrong with one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use offshoot_engine::definitions::{self, Definitions, Problem};
use offshoot_protocol::view::Agent;

use super::{print, print_json};
use crate::args::Output;
use crate::client::Client;
use crate::config::Settings;
use crate::failure::Failure;
use crate::style::{self, Cell, Table, Tone};

/// Answer of `GET /api/agents`.
#[derive(serde::Deserialize)]
pub(super) struct AgentsBody {
    pub(super) agents: Vec<Agent>,
}

/// Lists the agents that the server knows.
pub(crate) async fn list(client: &Client, output: Output) -> Result<()> {
    let body: AgentsBody = client.get("/api/agents").await?;
    if output.json {
        return print_json(&body.agents);
    }
    let mut table = Table::new(&["NAME", "ID", "", "STARTED BY"]);
    for agent in &body.agents {
        let missing = agent
            .install
            .as_ref()
            .filter(|_| agent.installed == Some(false));
        table.row(vec![
            (&agent.name).into(),
            Cell::faint(&agent.id.0),
            Cell::toned(presence(agent)),
            missing.map_or_else(
                || Cell::from(&agent.command_template),
                |install| Cell::faint(format!("get it: {install}")),
            ),
        ]);
    }
    print(&table.render(style::stdout()))
}

/// Whether an agent is there, and in a version that its definition was tried with.
fn presence(agent: &Agent) -> (String, Tone) {
    match (agent.installed, &agent.version) {
        (Some(true), Some(version)) if version.is_tested => (version.installed.clone(), Tone::Good),
        (Some(true), Some(version)) => {
            let text = format!("{}, tried with {}", version.installed, version.tested);
            (text, Tone::Waiting)
        }
        (Some(true), None) => ("installed".to_owned(), Tone::Good),
        (Some(false), _) => ("not installed".to_owned(), Tone::Quiet),
        (None, _) => ("custom".to_owned(), Tone::Quiet),
    }
}

/// Prints the definition that ships under an id, to be changed and kept among the user's own.
pub(crate) fn show(id: &str) -> Result<ExitCode> {
    let Some(text) = Definitions::shipped(id) else {
        let known: Vec<&str> = Definitions::shipped_ids().collect();
        let text = format!(
            "no definition is called `{id}`; known are {}",
            known.join(", ")
        );
        return Err(Failure::Name(text).into());
    };
    print(text)?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with definitions; fails when anything is.
pub(crate) fn check(
    settings: &Settings,
    path: Option<PathBuf>,
    output: Output,
) -> Result<ExitCode> {
    let is_ours = path.is_none();
    let path = path.or_else(|| settings.surroundings.agents_dir());
    let path = path.context("HOME is not set; name a file or a directory")?;
    let checked = match definitions::check_path(&path) {
        Err(err) if is_ours && err.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        checked => checked.with_context(|| format!("read {}", path.display()))?,
    };
    if output.json {
        print_json(&checked.iter().map(json).collect::<Vec<_>>())?;
    } else {
        print(&lines(&checked, &path))?;
    }
    let good = checked.iter().all(|one| one.findings.is_empty());
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn lines(checked: &[Problem], path: &Path) -> String {
    if checked.is_empty() {
        return format!("no definitions in {}\n", path.display());
    }
    let style = style::stdout();
    let mut text = String::new();
    for one in checked {
        let file = one.file.display();
        if one.findings.is_empty() {
            text += &format!("{file}: {}\n", style.good("ok"));
        }
        for finding in &one.findings {
            let what = style.bad(&finding.what);
            text += &format!("{file}:{}: {what}; {}\n", finding.line, finding.help);
        }
    }
    text
}

fn json(one: &Problem) -> serde_json::Value {
    let findings = one.findings.iter().map(|finding| {
        serde_json::json!({ "line": finding.line, "what": finding.what, "help": finding.help })
    });
    serde_json::json!({
        "file": one.file.to_string_lossy(),
        "findings": findings.collect::<Vec<_>>(),
    })
}
