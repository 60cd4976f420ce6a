//! Brings the real agents, and records them; see [`offshoot_testkit::agents`] and
//! [`offshoot_testkit::recording`].
//!
//! `real-agents bring` installs those of the tests that are not there and says which are out of reach.
//! `real-agents record OUT [AGENT…] [--size=COLSxROWS…] [--plain] [--rare|--odd] [--root=DIR]` plays the
//! scenes with each agent, at two sizes if none is given, and writes the recordings, their truth and
//! the screens worth keeping below OUT. `--plain` is a terminal that takes no reports of the program's
//! status; `--rare` and `--odd` play what happens now and then.
#![expect(clippy::print_stdout, reason = "it says what it does")]

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use offshoot_testkit::agents::{ALL, Brought, RealAgent, TESTED, Trust};
use offshoot_testkit::recording::scenes::{self, Scenes, Setting};
use offshoot_testkit::recording::stage::Terminal;

/// Where recorded agents live: the path is on their screens. Not below `/tmp`, where Codex runs no
/// commands.
const ROOT: &str = "/var/tmp/shop";

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bring"] => bring(),
        ["record", out, words @ ..] => record(Path::new(out), words).await,
        _ => bail!(
            "usage: real-agents bring | record OUT [AGENT…] [--size=COLSxROWS…] [--plain] [--rare|--odd]"
        ),
    }
}

fn bring() -> Result<()> {
    for agent in TESTED {
        match agent.bring()? {
            Brought::Programs(programs) => println!("{}: {}", agent.id, programs.display()),
            Brought::OutOfReach(reason) => println!("OUT OF REACH {}: {reason}", agent.id),
        }
    }
    Ok(())
}

async fn record(out: &Path, words: &[&str]) -> Result<()> {
    let plan = Plan::of(words)?;
    let mut failed = Vec::new();
    for (agent, setting) in plan.all() {
        let (cols, rows) = setting.size;
        println!("{} at {cols}x{rows}", agent.id);
        let root = plan.root.join(agent.id);
        if let Err(err) = scenes::record(agent, setting, &root, out).await {
            println!("failed: {err:#}");
            failed.push(agent.id);
        }
    }
    if !failed.is_empty() {
        bail!("not recorded: {}", failed.join(", "));
    }
    Ok(())
}

/// What is to be recorded.
struct Plan {
    agents: Vec<RealAgent>,
    sizes: Vec<((u16, u16), Trust)>,
    terminal: Terminal,
    scenes: Scenes,
    root: PathBuf,
}

impl Plan {
    fn of(words: &[&str]) -> Result<Self> {
        let mut plan = Self {
            agents: Vec::new(),
            sizes: Vec::new(),
            terminal: Terminal::Ours,
            scenes: Scenes::Usual,
            root: PathBuf::from(ROOT),
        };
        for word in words {
            match word.strip_prefix("--") {
                Some("plain") => plan.terminal = Terminal::Plain,
                Some("odd") => plan.scenes = Scenes::Odd,
                Some("rare") => plan.scenes = Scenes::Rare,
                Some(word) => match word.split_once('=') {
                    Some(("size", size)) => plan.sizes.push((read_size(size)?, Trust::Given)),
                    Some(("root", root)) => plan.root = PathBuf::from(root),
                    _ => bail!("--{word} is no option"),
                },
                None => {
                    let agent = RealAgent::find(word);
                    plan.agents.push(agent.context("no agent has that id")?);
                }
            }
        }
        if plan.agents.is_empty() {
            plan.agents = ALL.to_vec();
        }
        if plan.sizes.is_empty() {
            plan.sizes = vec![((80, 24), Trust::Asked), ((120, 40), Trust::Given)];
        }
        Ok(plan)
    }

    fn all(&self) -> impl Iterator<Item = (RealAgent, Setting)> {
        let agents = self.agents.iter();
        agents.flat_map(|agent| {
            self.sizes.iter().map(|(size, trust)| {
                let setting = Setting {
                    size: *size,
                    trust: *trust,
                    terminal: self.terminal,
                    scenes: self.scenes,
                };
                (*agent, setting)
            })
        })
    }
}

fn read_size(size: &str) -> Result<(u16, u16)> {
    let (cols, rows) = size.split_once('x').context("a size is 80x24")?;
    Ok((cols.parse()?, rows.parse()?))
}
