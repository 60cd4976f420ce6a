//! Tests of the engine with real shims, shells, git and SQLite.
//!
//! This executable is also the shim: the engine keeps a copy of it and starts it as `… shim`.

#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod export;
mod fixture;
mod idle;
mod sessions;
mod survival;
mod worktrees;

use libtest_mimic::Arguments;

fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == "shim")
    {
        offshoot_shim::main_from_fd();
    }
    let arguments = Arguments::from_args();
    let trials = [
        export::trials(),
        idle::trials(),
        sessions::trials(),
        survival::trials(),
        worktrees::trials(),
    ];
    let trials = trials.into_iter().flatten().collect();
    libtest_mimic::run(&arguments, trials).exit();
}
