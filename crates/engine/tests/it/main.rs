//! Tests of the engine with real shims, shells, git and SQLite.
//!
//! This executable is also the shim: the engine keeps a copy of it and starts it as `… shim`.

mod fixture;
mod sessions;
mod survival;

use libtest_mimic::{Arguments, Trial};

fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == "shim")
    {
        offshoot_shim::main_from_fd();
    }
    let arguments = Arguments::from_args();
    let trials = [sessions::trials(), survival::trials()].concat_trials();
    libtest_mimic::run(&arguments, trials).exit();
}

trait ConcatTrials {
    fn concat_trials(self) -> Vec<Trial>;
}

impl<const N: usize> ConcatTrials for [Vec<Trial>; N] {
    fn concat_trials(self) -> Vec<Trial> {
        self.into_iter().flatten().collect()
    }
}
