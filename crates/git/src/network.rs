//! Talking to other machines: which protocols, and with whose programs.
//!
//! A repository's own configuration can name a program for nearly every step of a fetch. Here only
//! the user's and the system's configuration may: own ssh commands, credential helpers and proxies
//! of a repository are not used. Nobody is asked for a password.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::command::{Git, GitError};
use crate::config::{Setting, listing, settings};

/// Protocols that a repository's remote may use.
pub(crate) const REMOTE_PROTOCOLS: &str = "file:git:http:https:ssh";

/// Used when the user names no ssh command: it fails where it would ask.
const SSH_COMMAND: &str = "ssh -oBatchMode=yes -oConnectTimeout=15";

/// Bytes per second below which an http transfer counts as standing still.
const LOW_SPEED_BYTES: &str = "100";

/// Seconds that an http transfer may stand still.
const LOW_SPEED_SECONDS: &str = "60";

/// Programs of the user that a transfer may run.
pub(crate) struct UserPrograms {
    ssh_command: Option<OsString>,
    /// Keys and values of credential helpers, in their order.
    credential_helpers: Vec<(OsString, OsString)>,
}

impl UserPrograms {
    /// Finds what the user's and the system's configuration name, as seen from a directory.
    pub(crate) async fn of(dir: &Path) -> Result<Self, GitError> {
        let listing = listing(dir, r"^(core\.sshcommand|credential\.(.*\.)?helper)$").await?;
        Ok(Self::parse(&listing))
    }

    fn parse(listing: &[u8]) -> Self {
        let mut programs = Self {
            ssh_command: None,
            credential_helpers: Vec::new(),
        };
        let is_theirs = |setting: &Setting<'_>| matches!(setting.scope, b"global" | b"system");
        for setting in settings(listing).filter(is_theirs) {
            let key = OsStr::from_bytes(setting.key);
            let value = OsStr::from_bytes(setting.value);
            if key == "core.sshcommand" {
                programs.ssh_command = Some(value.to_owned());
            } else {
                let helper = (key.to_owned(), value.to_owned());
                programs.credential_helpers.push(helper);
            }
        }
        programs
    }

    /// Tells a command what it may use, and that nobody can be asked.
    pub(crate) fn apply(&self, git: Git, protocols: &str) -> Git {
        let ssh = self.ssh_command.as_deref();
        let git = git
            .env("GIT_ALLOW_PROTOCOL", protocols)
            // Goes before all configuration.
            .env("GIT_SSH_COMMAND", ssh.unwrap_or(OsStr::new(SSH_COMMAND)))
            // Empty is "none", and goes before `core.gitProxy`.
            .env("GIT_PROXY_COMMAND", "")
            // The server may have a terminal, but nobody who looks at it.
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("GCM_INTERACTIVE", "never")
            .config(OsStr::new("core.alternateRefsCommand"), "true")
            .config(OsStr::new("http.lowSpeedLimit"), LOW_SPEED_BYTES)
            .config(OsStr::new("http.lowSpeedTime"), LOW_SPEED_SECONDS)
            .config(OsStr::new("fetch.recurseSubmodules"), "false")
            // An empty helper forgets those before it, the repository's among them.
            .config(OsStr::new("credential.helper"), "");
        self.credential_helpers
            .iter()
            .fold(git, |git, (key, value)| git.config(key, value))
    }
}

/// What git's words say about why another machine gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The protocol is not allowed.
    Protocol,
    /// It wants a key or a password that is not there, or does not know us.
    SignIn,
}

/// Reads git's words. None when they say something else.
pub(crate) fn refusal(stderr: &str) -> Option<Refusal> {
    const PROTOCOL: &[&str] = &["not allowed", "Unable to find remote helper"];
    const SIGN_IN: &[&str] = &[
        "could not read Username",
        "could not read Password",
        "Authentication failed",
        "Permission denied (",
        "Host key verification failed",
        "terminal prompts disabled",
    ];
    let says = |words: &[&str]| words.iter().any(|words| stderr.contains(words));
    if stderr.contains("transport '") && says(PROTOCOL) {
        Some(Refusal::Protocol)
    } else if says(SIGN_IN) {
        Some(Refusal::SignIn)
    } else {
        None
    }
}

/// Takes users and passwords out of the addresses in a text.
pub(crate) fn without_secrets(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '/' | '<' | '>');
    let mut clean = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        clean.push_str(before);
        let end = after.find(is_end).unwrap_or(after.len());
        let skipped = after[..end].rfind('@').map_or(0, |at| at + 1);
        rest = &after[skipped..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_programs_are_found() {
        let listing = b"local\0core.sshcommand\nevil\0\
            global\0core.sshcommand\nssh -i k\0\
            worktree\0credential.helper\nevil\0\
            global\0credential.https://h.helper\n!gh auth\0\
            system\0credential.helper\n\0";
        let programs = UserPrograms::parse(listing);
        assert_eq!(
            programs.ssh_command.as_deref(),
            Some(OsStr::new("ssh -i k"))
        );
        let expected = [
            ("credential.https://h.helper".into(), "!gh auth".into()),
            ("credential.helper".into(), "".into()),
        ];
        assert_eq!(programs.credential_helpers, expected);
    }

    #[test]
    fn secrets_are_taken_out_of_words() {
        let table = [
            (
                "fatal: unable to access 'https://u:p@h/a': no https://tok@h",
                "fatal: unable to access 'https://h/a': no https://h",
            ),
            ("https://h/a@b", "https://h/a@b"),
            ("no address", "no address"),
            ("x://", "x://"),
        ];
        for (text, expected) in table {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn refusals_are_recognised() {
        let table = [
            (
                "fatal: transport 'ext' not allowed",
                Some(Refusal::Protocol),
            ),
            (
                "fatal: could not read Username for 'https://h'",
                Some(Refusal::SignIn),
            ),
            (
                "git@h: Permission denied (publickey).",
                Some(Refusal::SignIn),
            ),
            ("fatal: unable to access", None),
        ];
        for (stderr, expected) in table {
            assert_eq!(refusal(stderr), expected, "{stderr}");
        }
    }
}
