//! The one builder of git commands: what is forced on each. `run` says how one runs and ends.

mod run;

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

pub(crate) use self::run::Output;

/// Time for a command that looks, or changes refs or configuration. Reaching it means a dead disk or a
/// hanging network mount.
const SHORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for a command that writes a working tree: one of 50,000 files takes 6 s on a slow disk.
/// Reaching it undoes the change.
pub(crate) const TREE_TIMEOUT: Duration = Duration::from_secs(120);

/// Output that is read at the most; 100,000 branches with long names fit. More is an error.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Options before the subcommand, on every command.
const FORCED_OPTIONS: &[&str] = &[
    // Refreshing the index on the side would fight with the agent for its lock.
    "--no-optional-locks",
    "--no-pager",
    // A path is a path, also with a star or a leading colon.
    "--literal-pathspecs",
    // The next two name programs that a repository wants run while one only looks.
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    // A pager that a subcommand might start all the same.
    "-c",
    "core.pager=cat",
    // `ext::` addresses are commands.
    "-c",
    "protocol.ext.allow=never",
    // Cleaning up is the user's git's business; a background process would outlive the command.
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
];

/// Environment on every command, after all `GIT_*` was taken out.
const FORCED_ENVIRONMENT: &[(&str, &str)] = &[
    // Nobody sits at the terminal.
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "true"),
    ("SSH_ASKPASS", "true"),
    ("GIT_EDITOR", "true"),
    // Messages are compared with English words.
    ("LC_ALL", "C"),
    ("LANGUAGE", "C"),
    // For people at a prompt.
    ("GIT_ADVICE", "0"),
];

/// Why a git command gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git` program. Install it.
    #[error("git is not installed or not in PATH")]
    NotInstalled,
    /// git did not end in time and was killed. Try again later; look at the disk.
    #[error("git {command} did not end within {} s", .after.as_secs())]
    Timeout {
        /// The subcommand.
        command: String,
        /// The time it had.
        after: Duration,
    },
    /// git said more than one wants to read, and was killed.
    #[error("git {command} printed more than {OUTPUT_BYTES_MAX} bytes")]
    TooMuchOutput {
        /// The subcommand.
        command: String,
    },
    /// git refused; its words are for people.
    #[error("git {command} failed: {stderr}")]
    Failed {
        /// The subcommand.
        command: String,
        /// The exit code; none when a signal ended it.
        code: Option<i32>,
        /// The end of what git wrote to its error output.
        stderr: String,
    },
    /// git answered in a form that is not known here.
    #[error("git {command} answered in an unknown form")]
    Unreadable {
        /// The subcommand.
        command: String,
    },
    /// The system could not run it.
    #[error("run git {command}")]
    Io {
        /// The subcommand.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl GitError {
    /// An error about a subcommand's answer.
    pub(crate) fn unreadable(command: &str) -> Self {
        Self::Unreadable {
            command: command.to_owned(),
        }
    }
}

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Version {
    /// The oldest version that knows all options used here.
    pub const MINIMUM: Self = Self {
        major: 2,
        minor: 36,
    };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Asks git for its version.
pub async fn version() -> Result<Version, GitError> {
    let text = Git::read(Path::new("/")).arg("version").line().await?;
    let text = text.to_string_lossy();
    let mut numbers = text
        .trim_start_matches("git version ")
        .split('.')
        .map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok(Version { major, minor }),
        _ => Err(GitError::unreadable("version")),
    }
}

/// Whether a command only looks, which says what it may run and how it is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Killed at once: it leaves nothing behind.
    Read,
    /// Asked to end first: git then takes away what it had begun.
    Write,
}

/// A git command being put together.
pub(crate) struct Git {
    command: Command,
    subcommand: String,
    n_settings: usize,
    kind: Kind,
    timeout: Duration,
    watch: Option<Watch>,
}

/// Is given what a command writes to its error output, as it comes.
type Watch = Box<dyn FnMut(&[u8]) + Send>;

impl Git {
    /// Begins a command in a directory that looks only.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut git = Self::new(dir, Kind::Read);
        // A partial clone fetches what it lacks, with programs that its configuration names.
        git.command.env("GIT_NO_LAZY_FETCH", "1");
        git
    }

    /// Begins a command in a directory that changes something.
    pub(crate) fn write(dir: &Path) -> Self {
        Self::new(dir, Kind::Write)
    }

    fn new(dir: &Path, kind: Kind) -> Self {
        let mut command = Command::new("git");
        // Variables of a git that started us (a hook, a rebase) would redirect every command.
        // Their names are not a closed list, so the inherited ones are looked through.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"GIT_") {
                command.env_remove(name);
            }
        }
        command
            .envs(FORCED_ENVIRONMENT.iter().copied())
            // `-C` and not the working directory, so that "no such directory" is git's to say and
            // "no such program" the system's.
            .arg("-C")
            .arg(dir)
            .args(FORCED_OPTIONS)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Self {
            command,
            subcommand: String::new(),
            n_settings: 0,
            kind,
            timeout: SHORT_TIMEOUT,
            watch: None,
        }
    }

    /// Gives the command another time limit, for what takes longer than looking.
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets a configuration value for this command and the commands it starts.
    ///
    /// By environment, for `-c` ends the key at its first equals sign, and a key can hold one.
    pub(crate) fn config(mut self, key: &OsStr, value: impl AsRef<OsStr>) -> Self {
        let n = self.n_settings;
        self.n_settings += 1;
        self.command
            .env(format!("GIT_CONFIG_KEY_{n}"), key)
            .env(format!("GIT_CONFIG_VALUE_{n}"), value)
            .env("GIT_CONFIG_COUNT", self.n_settings.to_string());
        self
    }

    /// Sets a variable of the environment for this command and the commands it starts.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Shows what the command writes to its error output, as it comes.
    pub(crate) fn watch(mut self, watch: impl FnMut(&[u8]) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Connects what the command reads, and perhaps what it prints, to pipes of the caller.
    pub(crate) fn pipes(mut self, stdin: PipeReader, stdout: Option<PipeWriter>) -> Self {
        self.command.stdin(stdin);
        if let Some(stdout) = stdout {
            self.command.stdout(stdout);
        }
        self
    }

    /// Adds an option of git itself. Must come before the first [`arg`](Self::arg).
    pub(crate) fn option(mut self, option: impl AsRef<OsStr>) -> Self {
        self.command.arg(option);
        self
    }

    /// Adds an argument; the first is the subcommand.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let arg = arg.as_ref();
        if self.subcommand.is_empty() {
            self.subcommand = arg.to_string_lossy().into_owned();
        }
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }
}
