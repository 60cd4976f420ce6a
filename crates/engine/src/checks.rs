//! What a new user needs on the machine, and whether it is there.

use std::path::Path;
use std::time::Duration;

use offshoot_protocol::rest::{Check, ChecksBody};

use crate::EngineConfig;
use crate::program::find;

/// Agents that are looked for, with the program's name and where it comes from.
const AGENTS: &[(&str, &str, &str)] = &[
    (
        "claude",
        "Claude Code",
        "npm install -g @anthropic-ai/claude-code",
    ),
    ("codex", "Codex", "npm install -g @openai/codex"),
    ("gemini", "Gemini CLI", "npm install -g @google/gemini-cli"),
    ("opencode", "opencode", "npm install -g opencode-ai"),
    ("qwen", "Qwen Code", "npm install -g @qwen-code/qwen-code"),
];

/// A program that does not tell its version in this time is shown by its path.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs all checks. Agents are looked up, not run: some of them take seconds to start.
pub(crate) async fn run(config: &EngineConfig) -> ChecksBody {
    let mut checks = vec![git(config).await];
    checks.extend(AGENTS.iter().map(|agent| find_agent(config, *agent)));
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

fn find_agent(config: &EngineConfig, (program, name, source): (&str, &str, &str)) -> Check {
    let found = find(&config.environment, program);
    Check {
        id: format!("agent:{program}"),
        name: name.to_owned(),
        ok: found.is_some(),
        detail: found.map_or_else(
            || format!("not found on PATH; {source}"),
            |path| path.to_string_lossy().into_owned(),
        ),
    }
}
