//! What judging agents costs: two servers at once, one with agents, one with terminals that print the
//! same bytes, each with nobody attached.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use offshoot_protocol::AgentId;
use offshoot_protocol::rest::{Place, Run, SessionBody, StartSession};
use offshoot_protocol::view::ActivityState;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::{Rig, wait};

use crate::Bench;
use crate::flow::cpu;
use crate::report::{Goal, Row};
use crate::statistics::median;

/// Agents at rest.
const IDLE: u32 = 100;

/// Busy agents that the figure is the mean of: one alone costs less than the clock tells apart.
const BUSY: u32 = 5;

/// Of a core, for all that rest.
const IDLE_GOAL_PERCENT: f64 = 1.0;

/// Of a core, for one busy agent above the terminal that prints the same.
const BUSY_GOAL_PERCENT: f64 = 5.0;

/// What starting costs is not measured.
const SETTLE: Duration = Duration::from_secs(15);

/// Measures agents at rest, then busy ones.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let idle = Pair::start(bench, "idle", IDLE, ActivityState::Idle)?;
    let of_idle = idle.shares(bench)?;
    drop(idle);
    let busy = Pair::start(bench, "busy", BUSY, ActivityState::Working)?;
    let of_busy = busy.shares(bench)?;
    drop(busy);
    let each = |percent: f64| percent / f64::from(BUSY);
    let more = each(of_busy.agents - of_busy.terminals);
    Ok(vec![
        Row {
            what: format!("attention for {IDLE} idle agents, server"),
            unit: " % of a core",
            measured: of_idle.agents - of_idle.terminals,
            goal: Goal::AtMost(IDLE_GOAL_PERCENT),
            detail: format!(
                "{:.2} % with agents, {:.2} % with terminals",
                of_idle.agents, of_idle.terminals
            ),
        },
        Row {
            what: "attention for a busy agent, server".to_owned(),
            unit: " % of a core",
            measured: more,
            goal: Goal::AtMost(BUSY_GOAL_PERCENT),
            detail: format!(
                "{:.2} % an agent, {:.2} % a terminal that prints the same, mean of {BUSY}",
                each(of_busy.agents),
                each(of_busy.terminals)
            ),
        },
    ])
}

/// Two servers: the programs of one are judged, those of the other are not.
struct Pair {
    agents: Rig,
    terminals: Rig,
}

/// Percent of a core that each server uses.
struct Shares {
    agents: f64,
    terminals: f64,
}

impl Pair {
    fn start(bench: &Bench, program: &str, count: u32, state: ActivityState) -> Result<Self> {
        let program = format!("{} agent {program}", bench.terminal_program.display());
        let terminals = with_shell(bench, &program)?;
        for _ in 0..count {
            start(&terminals, Run::Shell);
        }
        let agents = with_claude(bench, &program)?;
        let started: Vec<_> = (0..count).map(|_| start_agent(&agents)).collect();
        for one in &started {
            wait::until("the agent is judged", || is_judged(&agents, one, state));
        }
        Ok(Self { agents, terminals })
    }

    /// Measures both at the same time, so that a noisy moment strikes both.
    fn shares(&self, bench: &Bench) -> Result<Shares> {
        let (mut agents, mut terminals) = (Vec::new(), Vec::new());
        let period = Duration::from_secs(if bench.quick { 10 } else { 30 });
        std::thread::sleep(SETTLE);
        for _ in 0..bench.rounds(3) {
            let begin = (
                cpu(self.agents.server_pid())?,
                cpu(self.terminals.server_pid())?,
            );
            std::thread::sleep(period);
            let share = |now: f64, before: f64| (now - before) / period.as_secs_f64() * 100.0;
            agents.push(share(cpu(self.agents.server_pid())?, begin.0));
            terminals.push(share(cpu(self.terminals.server_pid())?, begin.1));
        }
        ensure!(!agents.is_empty(), "a round was measured");
        Ok(Shares {
            agents: median(&agents),
            terminals: median(&terminals),
        })
    }
}

/// A server whose users have an agent called `claude`.
pub(crate) fn with_claude(bench: &Bench, program: &str) -> Result<Rig> {
    let mut rig = Rig::prepare(&bench.binary)?;
    let bin = script(&rig, "claude", program)?;
    let path = std::env::var("PATH").context("a search path")?;
    rig.set_env("PATH", &format!("{}:{path}", bin.display()));
    rig.start_server()?;
    Ok(rig)
}

/// A server whose users have this program as their shell: one command of an agent would be judged.
fn with_shell(bench: &Bench, program: &str) -> Result<Rig> {
    let mut rig = Rig::prepare(&bench.binary)?;
    let shell = script(&rig, "shell", program)?.join("shell");
    rig.set_env("SHELL", &shell.display().to_string());
    rig.start_server()?;
    Ok(rig)
}

/// Writes a program that runs another, whatever it is called with, and returns its directory.
fn script(rig: &Rig, name: &str, program: &str) -> Result<PathBuf> {
    let bin = rig.home().with_file_name("bin");
    fs::create_dir_all(&bin)?;
    let script = bin.join(name);
    fs::write(&script, format!("#!/bin/sh\nexec {program}\n"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(bin)
}

/// Starts that agent.
pub(crate) fn start_agent(rig: &Rig) -> Started {
    let agent_id = Some(AgentId::claude_code());
    start(rig, Run::Agent { agent_id })
}

fn start(rig: &Rig, run: Run) -> Started {
    let request = StartSession {
        run,
        place: Place::Directory,
        ..rig.command_request("")
    };
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    Started::of(&answer.json::<SessionBody>().session)
}

fn is_judged(rig: &Rig, started: &Started, state: ActivityState) -> Option<()> {
    let session = rig.session(started.session);
    let activities = session.workers.into_iter().filter_map(|one| one.activity);
    activities.map(|now| now.state).find(|now| *now == state)?;
    Some(())
}
