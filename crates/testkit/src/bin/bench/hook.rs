//! What `offshoot hook` takes of the time of the agent that runs it: from its start to its exit.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::Bench;
use crate::attention::{start_agent, with_claude};
use crate::report::{Goal, Row};
use crate::statistics::percentile;

/// Milliseconds that nearly every hook stays below.
const GOAL_MS: f64 = 50.0;

/// Measures with the server there, then with it away; beside each run, what starting any program takes.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rig = with_claude(bench, "cat")?;
    let started = start_agent(&rig);
    let file = rig.worker_dir(started.worker).join("hook.json");
    let runs = bench.rounds(600);
    let there = times(bench, &file, runs)?;
    rig.kill_server();
    let away = times(bench, &file, runs)?;
    let row = |what: &str, times: &Times| Row {
        what: format!("p99 of a hook, {what}"),
        unit: " ms",
        measured: percentile(&times.hook, 0.99),
        goal: Goal::AtMost(GOAL_MS),
        detail: format!(
            "p50 {:.1} ms; starting `true` takes p50 {:.1} ms, p99 {:.1} ms; {} runs each",
            percentile(&times.hook, 0.5),
            percentile(&times.bare, 0.5),
            percentile(&times.bare, 0.99),
            times.hook.len()
        ),
    };
    Ok(vec![row("server there", &there), row("server away", &away)])
}

/// Milliseconds from start to exit.
#[derive(Default)]
struct Times {
    hook: Vec<f64>,
    /// Of a program that does nothing, run in turns with the hook.
    bare: Vec<f64>,
}

fn times(bench: &Bench, file: &Path, runs: usize) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..runs {
        let hook = &["hook", "claude-code", "PreToolUse"];
        times.hook.push(time(&bench.binary, hook, file)?);
        times.bare.push(time(Path::new("true"), &[], file)?);
    }
    Ok(times)
}

/// Runs a program as an agent runs its hooks, and returns its milliseconds.
fn time(program: &Path, args: &[&str], file: &Path) -> Result<f64> {
    let text = "x".repeat(2000);
    let payload = json!({"hook_event_name": "PreToolUse", "tool_name": "Bash",
        "tool_input": {"command": text}});
    let begin = Instant::now();
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .env("OFFSHOOT_HOOK_FILE", file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("run the hook")?;
    let mut input = child.stdin.take().context("its input")?;
    // One that reads nothing may be gone by now.
    let _ = input.write_all(payload.to_string().as_bytes());
    drop(input);
    ensure!(child.wait()?.success(), "a hook never fails");
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}
