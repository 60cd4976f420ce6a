//! Measures the release binary on the machine at hand, beside a bare terminal drained by hand.
//!
//! Every figure is the median of rounds in which both sides take turns, so that a noisy moment
//! strikes both. Goals are printed beside the figures; a goal that is not met is said to be so and
//! fails the run only when asked to.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks through its output"
)]

mod attach;
mod attention;
mod diff;
mod echo;
mod flow;
mod hook;
mod inputs;
mod memory;
mod pty;
mod report;
mod start;
mod statistics;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use report::{Report, Row};

const HELP: &str = "\
bench [options] [name…]

  --quick         fewer and shorter rounds: a look, not a figure to keep
  --json          prints the rows as JSON instead of a table
  --write FILE    also writes the table, with machine and date, into FILE
  --strict        fails when a goal is not met
  --binary FILE   the binary to measure; beside this program when absent
";

/// How a run is made.
pub(crate) struct Bench {
    /// The binary that is measured.
    pub(crate) binary: PathBuf,
    /// The program that runs in the terminals.
    pub(crate) terminal_program: PathBuf,
    /// A look instead of a figure.
    pub(crate) quick: bool,
}

impl Bench {
    /// Rounds of a measurement: `full`, or fewer for a look.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(3) } else { full }
    }
}

/// A measurement: its name, what it tells, and how it is taken.
type Measurement = (&'static str, &'static str, fn(&Bench) -> Result<Vec<Row>>);

const MEASUREMENTS: [Measurement; 9] = [
    (
        "flow",
        "throughput to one client, and CPU per 100 MB",
        flow::measure,
    ),
    (
        "echo",
        "what a key press takes, alone and in a flood",
        echo::measure,
    ),
    (
        "attach",
        "time and size of the first snapshot",
        attach::measure,
    ),
    ("memory", "private memory at rest", memory::measure),
    (
        "start",
        "from the start of the server to its first answer",
        start::measure,
    ),
    (
        "restart",
        "first snapshot after the server was killed",
        attach::measure_restart,
    ),
    (
        "diff",
        "diffs and worktrees of a repository of 50,000 files",
        diff::measure,
    ),
    (
        "attention",
        "what judging 100 agents at rest, and busy ones, costs the server",
        attention::measure,
    ),
    (
        "hook",
        "what a hook takes of an agent's time, with the server there and away",
        hook::measure,
    ),
];

/// What the command line asks for.
struct Options {
    bench: Bench,
    names: Vec<String>,
    json: bool,
    strict: bool,
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let Some(options) = parse(std::env::args().skip(1))? else {
        println!("{HELP}");
        for (name, what, _) in MEASUREMENTS {
            println!("  {name:<10} {what}");
        }
        return Ok(true);
    };
    let mut report = Report::of_this_machine(options.bench.quick);
    for (name, what, measure) in MEASUREMENTS {
        if options.names.is_empty() || options.names.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name}: {what}");
            let rows = measure(&options.bench).with_context(|| format!("measure {name}"))?;
            report.rows.extend(rows);
        }
    }
    if options.json {
        println!("{}", report.json()?);
    } else {
        print!("{}", report.table());
    }
    if let Some(file) = &options.write {
        std::fs::write(file, report.page()).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(!options.strict || report.all_met())
}

/// Reads the command line; `None` asks for help.
fn parse(args: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let beside = std::env::current_exe().context("find this program")?;
    let mut options = Options {
        bench: Bench {
            binary: beside.with_file_name("offshoot"),
            terminal_program: beside.with_file_name("terminal-program"),
            quick: false,
        },
        names: Vec::new(),
        json: false,
        strict: false,
        write: None,
    };
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut value = || args.next().map(PathBuf::from).context("a file is needed");
        match arg.as_str() {
            "--quick" => options.bench.quick = true,
            "--json" => options.json = true,
            "--strict" => options.strict = true,
            "--write" => options.write = Some(value()?),
            "--binary" => options.bench.binary = value()?,
            "help" | "-h" | "--help" => return Ok(None),
            name if MEASUREMENTS.iter().any(|(known, ..)| *known == name) => {
                options.names.push(name.to_owned());
            }
            other => bail!("no measurement and no option is called {other}; see `bench help`"),
        }
    }
    Ok(Some(options))
}
