//! `cargo xtask bench`: measures the release binary on the machine at hand.
//!
//! Owns building what is measured and what measures; the measurements are the program `bench` of
//! the testkit.

use anyhow::Result;

use crate::run::{Program, build_programs, target_dir};

/// Builds, then hands the arguments on: names of measurements and options.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    build_programs(&["--release"])?;
    let bench = target_dir().join("release/bench");
    Program::new(".", &bench.to_string_lossy(), arguments).succeeds()
}
