//! Brings the real agents, and records them; see [`offshoot_testkit::agents`] and
//! [`offshoot_testkit::recording`].
//!
//! `real-agents bring` installs those that are not there and says which are out of reach.
//! `real-agents record OUT [AGENT…]` plays the scenes with each agent at two sizes and writes the
//! recordings, their truth and the screens worth keeping below OUT.
#![expect(clippy::print_stdout, reason = "it says what it does")]

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use offshoot_testkit::agents::{ALL, Brought, RealAgent, Trust};
use offshoot_testkit::recording::scenes;

/// Where recorded agents live: the path is on their screens. Not below `/tmp`, where Codex runs no
/// commands.
const ROOT: &str = "/var/tmp/shop";

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bring"] => bring(),
        ["record", out, ids @ ..] => record(Path::new(out), ids).await,
        _ => bail!("usage: real-agents bring | record OUT [AGENT…]"),
    }
}

fn bring() -> Result<()> {
    for agent in ALL {
        match agent.bring()? {
            Brought::Programs(programs) => println!("{}: {}", agent.id, programs.display()),
            Brought::OutOfReach(reason) => println!("OUT OF REACH {}: {reason}", agent.id),
        }
    }
    Ok(())
}

async fn record(out: &Path, ids: &[&str]) -> Result<()> {
    let agents: Vec<RealAgent> = match ids {
        [] => ALL.to_vec(),
        ids => {
            let found = ids.iter().map(|id| RealAgent::find(id));
            found
                .collect::<Option<_>>()
                .context("no agent has that id")?
        }
    };
    let mut failed = Vec::new();
    for agent in agents {
        for (size, trust) in [((80, 24), Trust::Asked), ((120, 40), Trust::Given)] {
            println!("{} at {}x{}", agent.id, size.0, size.1);
            let played =
                scenes::record(agent, size, trust, &Path::new(ROOT).join(agent.id), out).await;
            if let Err(err) = played {
                println!("failed: {err:#}");
                failed.push(agent.id);
            }
        }
    }
    if !failed.is_empty() {
        bail!("not recorded: {}", failed.join(", "));
    }
    Ok(())
}
