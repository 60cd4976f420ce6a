//! What workers inherit from the surroundings of the server.

use std::ffi::OsString;

use crate::config::Settings;

/// Beginnings of variables that speak of the server itself, or of the program that started it,
/// and would mislead the programs in a worker: they are not there, or not any more.
const PREFIXES: [&str; 5] = [
    "OFFSHOOT_",
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CLAUDE_CODE_",
    "TERM_PROGRAM",
];

/// Variables of that kind.
const NAMES: [&str; 32] = [
    // `cargo run`
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "RUST_RECURSION_COUNT",
    "RUSTUP_TOOLCHAIN",
    // an agent that started the server
    "CLAUDECODE",
    // another terminal
    "TMUX",
    "TMUX_PANE",
    "STY",
    "WINDOWID",
    "VTE_VERSION",
    "KITTY_WINDOW_ID",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    // git, when it started the server from a hook
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    // systemd
    "NOTIFY_SOCKET",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LISTEN_FDS",
    "LISTEN_PID",
    // what configures servers, ours included: a worker's own server would take ours for its own
    "PORT",
    "HOST",
    "APP_URL",
    "AUTH_MODE",
    "LOG_LEVEL",
    "RUST_LOG",
    // `npm ci` leaves out what development needs when it is `production`
    "NODE_ENV",
];

/// The environment of workers.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    filtered(std::env::vars_os())
}

fn filtered(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    all.filter(|(name, _)| {
        let name = name.to_string_lossy();
        let own = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        !own && !NAMES.contains(&&*name)
    })
    .collect()
}

/// The shell of terminal workers: the configured one, else the user's.
pub(crate) fn shell(settings: &Settings) -> OsString {
    if let Some(shell) = settings.text("shell") {
        return shell.into();
    }
    let users = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let fallback = if cfg!(target_os = "macos") {
        "/bin/zsh"
    } else {
        "/bin/sh"
    };
    users.unwrap_or_else(|| fallback.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_inherit_what_is_the_users_and_nothing_of_ours() {
        let all = [
            ("PATH", "/bin"),
            ("OFFSHOOT_TOKEN", "secret"),
            ("CARGO_HOME", "/c"),
            ("CARGO_PKG_NAME", "offshoot"),
            ("TMUX", "/tmp/x"),
            ("PORT", "8080"),
            ("HOST", "0.0.0.0"),
            ("APP_URL", "https://example.org"),
            ("AUTH_MODE", "none"),
            ("LOG_LEVEL", "debug"),
            ("RUST_LOG", "debug"),
            ("NODE_ENV", "production"),
            ("HOSTNAME", "box"),
            ("ANTHROPIC_API_KEY", "k"),
        ];
        let all = all.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let kept = filtered(all.into_iter());
        let names: Vec<_> = kept
            .iter()
            .map(|(name, _)| name.to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["PATH", "CARGO_HOME", "HOSTNAME", "ANTHROPIC_API_KEY"]
        );
    }
}
