//! `offshoot serve`.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::config::Settings;

/// Runs the server.
pub(crate) fn run(_settings: &Settings) -> Result<ExitCode> {
    bail!("not in this build")
}

/// Prints the description of the HTTP interface.
pub(crate) fn print_openapi() -> Result<ExitCode> {
    bail!("not in this build")
}
