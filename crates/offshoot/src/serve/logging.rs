//! The log of the server: standard error, for people or as JSON.

use std::io::IsTerminal as _;

use anyhow::Result;
use tracing_subscriber::EnvFilter;

use crate::config::Settings;
use crate::failure::Failure;

/// Starts logging as configured.
pub(crate) fn start(settings: &Settings) -> Result<()> {
    let filter = settings.text("log_filter").unwrap_or("info");
    let filter = EnvFilter::try_new(filter)
        .map_err(|err| Failure::Config(format!("log_filter `{filter}`: {err}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let form = settings.text("log").unwrap_or("pretty");
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let started = match form {
        "pretty" => builder
            .with_ansi(std::io::stderr().is_terminal() && !refused)
            .compact()
            .try_init(),
        "json" => builder.json().flatten_event(true).try_init(),
        other => {
            let text = format!("log must be `pretty` or `json`, not `{other}`");
            return Err(Failure::Config(text).into());
        }
    };
    started.map_err(|err| anyhow::anyhow!("start logging: {err}"))
}
