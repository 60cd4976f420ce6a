//! What a new user needs on the machine, and whether it is there.

use std::path::Path;
use std::time::Duration;

use offshoot_protocol::rest::{Check, ChecksBody};

use crate::EngineConfig;
use crate::definitions::{Definition, Definitions};
use crate::program::find;

/// A program that does not tell its version in this time is shown by its path.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs all checks. Agents are looked up, not run: some of them take seconds to start.
pub(crate) async fn run(config: &EngineConfig, definitions: &Definitions) -> ChecksBody {
    let mut checks = vec![git(config).await];
    let known = definitions.iter().filter(|one| !one.program.is_empty());
    checks.extend(known.map(|one| find_agent(config, one)));
    ChecksBody { checks }
}

async fn git(config: &EngineConfig) -> Check {
    let found = find(&config.environment, "git");
    let version = match &found {
        Some(path) => version(path).await,
        None => None,
    };
    Check {
        id: "git".to_owned(),
        name: "git".to_owned(),
        ok: version.is_some(),
        detail: version.unwrap_or_else(|| "not found on PATH; install git".to_owned()),
    }
}

async fn version(program: &Path) -> Option<String> {
    let output = tokio::process::Command::new(program)
        .arg("--version")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(VERSION_TIMEOUT, output)
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn find_agent(config: &EngineConfig, definition: &Definition) -> Check {
    let program = &definition.program;
    let found = find(&config.environment, program);
    Check {
        id: format!("agent:{program}"),
        name: definition.name.clone(),
        ok: found.is_some(),
        detail: found.map_or_else(
            || definition.missing(),
            |path| path.to_string_lossy().into_owned(),
        ),
    }
}
