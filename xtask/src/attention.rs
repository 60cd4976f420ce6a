//! `cargo xtask eval-attention DIR`: how right the judgement of agents' states is on recordings.
//!
//! Owns building what judges; the comparison is a program of the testkit.

use anyhow::Result;

use crate::run::{Program, build_programs, target_dir};

/// Builds, then hands the directory and the options on.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    build_programs(&[])?;
    let built = target_dir().join("debug");
    let offshoot = built.join("offshoot").to_string_lossy().into_owned();
    let mut words = vec![offshoot.as_str()];
    words.extend(arguments);
    let program = built.join("eval-attention");
    Program::new(".", &program.to_string_lossy(), &words).succeeds()
}
