//! `cargo xtask`: what people and CI do to this repository.
//!
//! Owns the order of the stages and how they are reported; each stage is a program that could be
//! run by hand. Knows nothing of the product's insides. A stage that fails does not stop the
//! others; the command fails at the end with one line per stage.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks through its output"
)]

mod attention;
mod bench;
mod bring;
mod check;
mod generate;
mod property;
mod report;
mod run;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  test   [--rust-only]   Brings what is missing, builds once, runs Rust, web and browser tests
  check                  fmt, clippy, doc, deny, machete, Biome, tsc: all without running a test
  gen    [--check]       Writes docs/openapi.json and the web client's types from the server
  bench  [name…]         Measures the release binary on this machine; `bench help` lists the names
  record-agents [id…]    Plays scenes with real agents and writes agents/recordings and agents/screens
  eval-attention DIR     Judges recordings whose true states are known; --details lists what is wrong
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test"] => test::run(test::Extent::Everything),
        ["test", "--rust-only"] => test::run(test::Extent::RustOnly),
        ["check"] => check::run(),
        ["gen"] => generate::run(generate::Mode::Write),
        ["gen", "--check"] => generate::run(generate::Mode::Check),
        ["bench", names @ ..] => bench::run(names),
        ["record-agents", ids @ ..] => record_agents(ids),
        ["eval-attention", arguments @ ..] => attention::run(arguments),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(true)
        }
        other => {
            eprintln!("unknown command: {}\n\n{HELP}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// Records the real agents anew; the files are committed by whoever looked at them.
fn record_agents(ids: &[&str]) -> anyhow::Result<bool> {
    let mut args = vec![
        "run",
        "-p",
        "offshoot-testkit",
        "--bin",
        "real-agents",
        "--",
    ];
    args.extend(["record", "agents"]);
    args.extend(ids);
    run::cargo(&args).succeeds()
}
