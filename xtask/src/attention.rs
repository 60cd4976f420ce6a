//! `cargo xtask eval-attention DIR`: how right the judgement of agents' states is on recordings.
//!
//! Owns building what judges; the comparison is a program of the testkit.

use anyhow::{Result, bail};

use crate::run::{Program, cargo, target_dir};

/// Builds, then hands the directory and the options on.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    let build = [
        "build",
        "--package",
        "offshoot",
        "--package",
        "offshoot-testkit",
        "--locked",
    ];
    if !cargo(&build).succeeds()? {
        bail!("the build failed");
    }
    let built = target_dir().join("debug");
    let offshoot = built.join("offshoot").to_string_lossy().into_owned();
    let mut words = vec![offshoot.as_str()];
    words.extend(arguments);
    let program = built.join("eval-attention");
    Program::new(".", &program.to_string_lossy(), &words).succeeds()
}
