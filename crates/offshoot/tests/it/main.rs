//! The built program, run as people and scripts run it, against real servers, git and shells;
//! killed, starved and lied to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attach;
mod box_of;
mod commands;
mod damage;
mod followers;
mod hook_flood;
mod hooks;
mod idle;
mod jobs;
mod lifecycle;
mod notifications;
mod prompts;
mod refusals;
mod replay;
mod requests;
mod serve;
mod survival;
mod typing;
mod worktrees;

use std::process::Command;

/// What a finished command said and how it ended.
struct Said {
    status: i32,
    stdout: String,
    stderr: String,
}

/// Runs a command to its end.
fn say(command: &mut Command) -> Said {
    let output = command.output().expect("the program is there");
    Said {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs a command that must succeed and returns what it printed.
#[track_caller]
fn succeed(command: &mut Command) -> String {
    let said = say(command);
    assert_eq!(
        said.status, 0,
        "{command:?}: {}{}",
        said.stdout, said.stderr
    );
    said.stdout
}

/// Runs a command that must fail, with this status and this in its sentence.
#[track_caller]
fn refuse(command: &mut Command, status: i32, sentence: &str) {
    let said = say(command);
    let seen = format!("{command:?}: {}{}", said.stdout, said.stderr);
    assert_eq!(said.status, status, "{seen}");
    assert!(said.stderr.contains(sentence), "{seen}");
}
