//! The program `offshoot`: the server, the process that holds a terminal, and the command line.
//!
//! Owns everything that touches the user's surroundings: arguments, environment, home directory,
//! configuration, logging, the terminal. The rest of the workspace is told, never looks. Knows the
//! product only through the server's HTTP interface, except in `serve`, which builds it.
//!
//! Fails with one sentence on standard error that says what to do, and an exit status from
//! [`failure::Failure`].
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks through its output"
)]

mod args;
mod attach;
mod client;
mod commands;
mod config;
mod failure;
mod hook;
mod pick;
mod place;
mod serve;
mod socket;
mod style;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The shim is a process of its own that must stay small, and a hook one that must be quick:
    // nothing of ours may start before them.
    let mut words = std::env::args_os().skip(1);
    match words.next() {
        Some(word) if word == "shim" => offshoot_shim::main_from_fd(),
        Some(word) if word == "hook" => hook::main(words),
        _ => {}
    }
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(err) => {
            if !failure::is_broken_pipe(&err) {
                let sentence = failure::sentence(&err);
                eprintln!("{} {sentence}", style::stderr().bad("error:"));
            }
            ExitCode::from(failure::exit_status(&err))
        }
    }
}
