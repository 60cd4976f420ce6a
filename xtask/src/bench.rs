//! `cargo xtask bench`: measures the release binary on the machine at hand.
//!
//! Owns building it and naming the measurements; each measurement is a function of its own.

use anyhow::{Result, bail};

use crate::run::{cargo, target_dir};

/// A measurement: its name, what it tells, and how it is taken with a given binary.
type Measurement = (
    &'static str,
    &'static str,
    fn(&std::path::Path) -> Result<()>,
);

const MEASUREMENTS: [Measurement; 0] = [];

/// Runs the named measurements, or all of them.
pub(crate) fn run(names: &[&str]) -> Result<bool> {
    if names == ["help"] {
        for (name, what, _) in MEASUREMENTS {
            println!("{name:<12} {what}");
        }
        return Ok(true);
    }
    for name in names {
        if !MEASUREMENTS.iter().any(|(known, ..)| known == name) {
            bail!("no measurement is called {name}; `cargo xtask bench help` lists them");
        }
    }
    let args = [
        "build",
        "--release",
        "--package",
        "offshoot",
        "--package",
        "offshoot-testkit",
        "--locked",
    ];
    if !cargo(&args).succeeds()? {
        bail!("the release build failed");
    }
    let binary = target_dir().join("release/offshoot");
    for (name, _, measure) in MEASUREMENTS {
        if names.is_empty() || names.contains(&name) {
            measure(&binary)?;
        }
    }
    Ok(true)
}
