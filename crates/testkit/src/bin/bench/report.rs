//! The rows of a run, and how they are shown.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Goal {
    /// The figure should not exceed this.
    AtMost(f64),
    /// The figure should reach this.
    AtLeast(f64),
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) what: String,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// The figure that the goal is about.
    pub(crate) measured: f64,
    /// The goal.
    pub(crate) goal: Goal,
    /// The figures behind it: ours, and the bare terminal's.
    pub(crate) detail: String,
}

impl Row {
    /// Whether the goal is met.
    pub(crate) fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtMost(most) => self.measured <= most,
            Goal::AtLeast(least) => self.measured >= least,
        }
    }

    fn cells(&self) -> [String; 5] {
        let unit = self.unit;
        let goal = match self.goal {
            Goal::AtMost(most) => format!("≤ {most}{unit}"),
            Goal::AtLeast(least) => format!("≥ {least}{unit}"),
        };
        let verdict = if self.is_met() { "met" } else { "**not met**" };
        [
            self.what.clone(),
            goal,
            format!("{}{unit}", rounded(self.measured)),
            verdict.to_owned(),
            self.detail.clone(),
        ]
    }
}

/// Three significant digits are more than a shared machine can promise.
fn rounded(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// All rows of a run, with the machine they were taken on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    machine: String,
    date: String,
    quick: bool,
    /// The rows, in the order they were taken.
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// An empty report of the machine at hand.
    pub(crate) fn of_this_machine(quick: bool) -> Self {
        let uname = rustix::system::uname();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let machine = format!(
            "{cores} cores ({}), {} {} {}",
            processor().unwrap_or_else(|| "unknown processor".to_owned()),
            uname.sysname().to_string_lossy(),
            uname.release().to_string_lossy(),
            uname.machine().to_string_lossy(),
        );
        Self {
            machine,
            date: jiff::Timestamp::now()
                .strftime("%Y-%m-%d %H:%M UTC")
                .to_string(),
            quick,
            rows: Vec::new(),
        }
    }

    /// Whether every goal is met.
    pub(crate) fn all_met(&self) -> bool {
        self.rows.iter().all(Row::is_met)
    }

    /// The rows for programs.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// The rows for people, as a Markdown table that is aligned for a terminal too.
    pub(crate) fn table(&self) -> String {
        let head = ["what", "goal", "measured", "verdict", "figures behind it"];
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let width = |column: usize| {
            let widths = lines.iter().map(|line| line[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths = [0, 1, 2, 3, 4].map(width);
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if number == 0 {
                widths.iter().for_each(|width| {
                    let _ = write!(text, "|{}", "-".repeat(width + 2));
                });
                text.push_str("|\n");
            }
        }
        text
    }

    /// The page that is kept in the repository.
    pub(crate) fn page(&self) -> String {
        let rounds = if self.quick {
            " with `--quick`, which is a look and no figure to keep"
        } else {
            ""
        };
        format!(
            "# Performance\n\n\
             `cargo xtask bench --write docs/performance.md` wrote this page on {}{rounds}.\n\n\
             Machine: {}.\n\n\
             A *bare terminal* is the same program in a pty that one thread drains. Both sides take turns\n\
             in one run; figures are medians. CPU counts the server and the shim, not the program that\n\
             prints nor the client that reads. `cargo xtask bench help` lists the measurements.\n\n{}",
            self.date,
            self.machine,
            self.table()
        )
    }
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
