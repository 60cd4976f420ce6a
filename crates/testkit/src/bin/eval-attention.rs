//! How right the judgement of agents' states is, on recordings whose true states are known.
//!
//! ```text
//! eval-attention OFFSHOOT DIR [--details]
//! ```
//! Asks `OFFSHOOT replay` about every asciicast below DIR that has a file of true intervals beside
//! it, and prints per agent and state how much of the time is right, how long it takes to notice
//! the state, and what was claimed falsely or missed. Borders that are not exact, and 0.6 s after
//! each border, do not count. Fails when a recording cannot be judged.
#![expect(clippy::print_stdout, reason = "a program talks through its output")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// So long after a border nothing counts.
const BLUR: f64 = 0.6;
/// A false claim shorter than this is told, but is no alarm.
const ALARM: f64 = 0.3;

#[derive(Debug, Deserialize)]
struct Truth {
    agent: String,
    intervals: Vec<Interval>,
}

#[derive(Debug, Deserialize)]
struct Interval {
    t0: f64,
    t1: f64,
    state: String,
    not_before: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Change {
    t: f64,
    state: String,
}

/// What is counted of one state.
#[derive(Debug, Default)]
struct Score {
    right: f64,
    counted: f64,
    times: u32,
    missed: u32,
    notice_sum: f64,
    notice_max: f64,
    alarms: u32,
}

#[derive(Debug, Default)]
struct Scores {
    states: BTreeMap<String, Score>,
    seconds: f64,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (offshoot, dir) = match args.as_slice() {
        [offshoot, dir, ..] => (Path::new(offshoot), Path::new(dir)),
        _ => bail!("usage: eval-attention OFFSHOOT DIR [--details]"),
    };
    let details = args.iter().any(|arg| arg == "--details");
    let mut all: BTreeMap<String, Scores> = BTreeMap::new();
    let mut casts = Vec::new();
    find(dir, &mut casts)?;
    casts.sort();
    for (cast, truth) in &casts {
        let text = std::fs::read_to_string(truth)?;
        let truth: Truth =
            serde_json::from_str(&text).with_context(|| format!("read {}", truth.display()))?;
        let changes = replay(offshoot, cast, agent_of(&truth.agent))?;
        let scores = all.entry(truth.agent.clone()).or_default();
        let wrong = score(&truth, &changes, scores);
        if details {
            println!("{}", cast.display());
            for line in wrong {
                println!("  {line}");
            }
        }
    }
    if all.is_empty() {
        bail!("{} holds no recording with true intervals", dir.display());
    }
    print_table(&all);
    Ok(())
}

/// Truth files name agents by their short names.
fn agent_of(name: &str) -> &str {
    match name {
        "claude" => "claude-code",
        other => other,
    }
}

fn find(dir: &Path, casts: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, casts)?;
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name
            .strip_suffix(".cast.gz")
            .or_else(|| name.strip_suffix(".cast"));
        if let Some(stem) = stem {
            let named = [format!("{stem}.json"), format!("{stem}.truth.json")];
            let mut beside = named.iter().map(|name| path.with_file_name(name));
            if let Some(truth) = beside.find(|truth| truth.exists()) {
                casts.push((path, truth));
            }
        }
    }
    Ok(())
}

fn replay(offshoot: &Path, cast: &Path, agent: &str) -> Result<Vec<Change>> {
    let mut command = Command::new(offshoot);
    let out = command
        .args(["replay", "--json", "--agent", agent])
        .arg(cast)
        .output()?;
    if !out.status.success() {
        bail!(
            "{}: {}",
            cast.display(),
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    let text = String::from_utf8(out.stdout)?;
    let lines = text.lines().map(serde_json::from_str);
    Ok(lines.collect::<Result<_, _>>()?)
}

/// The states of truth files are fewer.
fn plain(state: &str) -> &str {
    match state {
        "waiting" | "waiting_approval" => "waiting",
        "limited" | "errored" => "idle",
        "stuck" => "working",
        other => other,
    }
}

/// Adds one recording. Returns what was wrong, for people.
fn score(truth: &Truth, changes: &[Change], scores: &mut Scores) -> Vec<String> {
    let mut wrong = Vec::new();
    let end_of = |at: usize| changes.get(at + 1).map_or(f64::INFINITY, |next| next.t);
    for (index, interval) in truth.intervals.iter().enumerate() {
        scores.seconds += interval.t1 - interval.t0;
        // What the next border leaves open is not this interval's for sure.
        let next = truth.intervals.get(index + 1);
        let open = next
            .and_then(|next| next.not_before)
            .unwrap_or(f64::INFINITY);
        let (from, to) = (interval.t0 + BLUR, interval.t1.min(open));
        let wanted = plain(&interval.state);
        let mut noticed = None;
        let mut blamed: Vec<(String, f64, f64)> = Vec::new();
        let (mut right, mut counted) = (0.0, 0.0);
        for (at, change) in changes.iter().enumerate() {
            let (start, end) = (change.t, end_of(at));
            let said = plain(&change.state);
            if said == wanted && end > interval.t0 && start < interval.t1 {
                noticed.get_or_insert((start - interval.t0).max(0.0));
            }
            let overlap = end.min(to) - start.max(from);
            if overlap <= 0.0 {
                continue;
            }
            counted += overlap;
            if said == wanted {
                right += overlap;
            } else {
                blamed.push((said.to_owned(), start.max(from), overlap));
            }
        }
        let entry = scores.states.entry(wanted.to_owned()).or_default();
        entry.right += right;
        entry.counted += counted;
        entry.times += 1;
        match noticed {
            Some(after) => {
                entry.notice_sum += after;
                entry.notice_max = entry.notice_max.max(after);
            }
            None if to - interval.t0 > BLUR => {
                entry.missed += 1;
                wrong.push(format!(
                    "{:>8.2}–{:.2}: {wanted} was never noticed",
                    interval.t0, interval.t1
                ));
            }
            None => {}
        }
        for (said, start, seconds) in blamed {
            wrong.push(format!(
                "{start:>8.2}: {said} for {seconds:.2} s instead of {wanted}"
            ));
            // Being late to leave a state is no alarm.
            let late = start <= from;
            if seconds >= ALARM && !late {
                scores.states.entry(said).or_default().alarms += 1;
            }
        }
    }
    wrong
}

fn print_table(all: &BTreeMap<String, Scores>) {
    println!(
        "{:<12} {:<9} {:>7} {:>9} {:>7} {:>7} {:>6} {:>6} {:>7}",
        "agent", "state", "right", "of s", "notice", "max", "times", "missed", "false"
    );
    for (agent, scores) in all {
        let (mut right, mut counted) = (0.0, 0.0);
        for (state, score) in &scores.states {
            right += score.right;
            counted += score.counted;
            let noticed = f64::from(score.times - score.missed).max(1.0);
            println!(
                "{agent:<12} {state:<9} {:>6.2}% {:>9.1} {:>6.2}s {:>6.2}s {:>6} {:>6} {:>7}",
                percent(score.right, score.counted),
                score.counted,
                score.notice_sum / noticed,
                score.notice_max,
                score.times,
                score.missed,
                score.alarms,
            );
        }
        let false_waits = scores.states.get("waiting").map_or(0, |score| score.alarms);
        println!(
            "{agent:<12} {:<9} {:>6.2}% {counted:>9.1}   {:.2} false waits per hour",
            "all",
            percent(right, counted),
            f64::from(false_waits) * 3600.0 / scores.seconds.max(1.0),
        );
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        part / whole * 100.0
    } else {
        100.0
    }
}
