//! The one builder of git commands: what is forced on each, how it is run and how it ends.

mod feed;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Time for a command that looks. Reaching it means a dead disk or a hanging network mount.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for a command that writes a working tree: one of 50,000 files takes 6 s on a slow disk.
/// Reaching it undoes the change.
pub(crate) const TREE_TIMEOUT: Duration = Duration::from_secs(120);

/// Time for git to clean up after itself when it is asked to end, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Output that is read at the most; 100,000 branches with long names fit. More is an error.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// The end of git's complaints that is kept for people; what came before is dropped.
const STDERR_BYTES_MAX: usize = 16 << 10;

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
        _ => Err(GitError::Unreadable {
            command: "version".to_owned(),
        }),
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

/// How a command ended, and what it said.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Git {
    /// Begins a command in a directory that looks only.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut git = Self::new(dir, Kind::Read, READ_TIMEOUT);
        // A partial clone fetches what it lacks, with programs that its configuration names.
        git.command.env("GIT_NO_LAZY_FETCH", "1");
        git
    }

    /// Begins a command in a directory that changes refs or configuration.
    pub(crate) fn write(dir: &Path) -> Self {
        Self::new(dir, Kind::Write, READ_TIMEOUT)
    }

    /// Begins a command in a directory that writes or deletes a whole working tree, with its own time
    /// limit.
    pub(crate) fn write_tree(dir: &Path, timeout: Duration) -> Self {
        Self::new(dir, Kind::Write, timeout)
    }

    fn new(dir: &Path, kind: Kind, timeout: Duration) -> Self {
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
            timeout,
            watch: None,
        }
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

    /// Runs the command on an input; any exit code but 0 is an error.
    pub(crate) async fn run_on(self, input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let (reader, mut writer) = std::io::pipe().map_err(|source| self.io_error(source))?;
        // A git that ends early closes the pipe; its exit code tells why.
        let feed = tokio::task::spawn_blocking(move || drop(writer.write_all(&input)));
        let answer = self.pipes(reader, None).run().await;
        let _ = feed.await;
        answer
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

    /// Runs the command; any exit code but 0 is an error.
    pub(crate) async fn run(self) -> Result<Vec<u8>, GitError> {
        let command = self.subcommand.clone();
        let output = self.run_any().await?;
        if output.code == Some(0) {
            Ok(output.stdout)
        } else {
            Err(output.into_error(command))
        }
    }

    /// Runs a command that answers one line; the line break is taken off, and only that one, for a
    /// path may end in others.
    pub(crate) async fn line(self) -> Result<OsString, GitError> {
        self.run().await.map(one_line)
    }

    /// Runs a command that answers one line, or ends with code 1 or 2 for "there is none".
    pub(crate) async fn maybe_line(self) -> Result<Option<OsString>, GitError> {
        let command = self.subcommand.clone();
        let output = self.run_any().await?;
        match output.code {
            Some(0) => Ok(Some(one_line(output.stdout))),
            Some(1 | 2) => Ok(None),
            _ => Err(output.into_error(command)),
        }
    }

    /// Runs the command to whatever end.
    pub(crate) async fn run_any(self) -> Result<Output, GitError> {
        let (command, after) = (self.subcommand.clone(), self.timeout);
        let limit = tokio::time::sleep(after);
        let answer = self.run_until(limit).await?;
        answer.ok_or(GitError::Timeout { command, after })
    }

    /// Runs the command to its end, or ends it when `stop` does; then there is no answer.
    pub(crate) async fn run_until(
        mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Output>, GitError> {
        let mut child = self.command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NotInstalled,
            _ => self.io_error(source),
        })?;
        // It holds our copies of the command's ends of pipes, whose closing is a sign.
        self.command = Command::new("git");
        let mut watch = self.watch.take();
        let mut group = Group::of(&child, self.kind);
        let answer = tokio::select! {
            answer = follow(&self.subcommand, &mut child, &mut watch) => Some(answer),
            () = stop => None,
        };
        if let Some(answer) = answer {
            if answer.is_ok() {
                group.disarm();
            }
            return answer.map(Some);
        }
        if self.kind == Kind::Write {
            group.signal(Signal::TERM);
            let _ = tokio::time::timeout(GRACE, child.wait()).await;
        }
        group.signal(Signal::KILL);
        Ok(None)
    }

    fn io_error(&self, source: io::Error) -> GitError {
        io_error(&self.subcommand, source)
    }
}

impl Output {
    /// Turns a failure into an error with git's words.
    pub(crate) fn into_error(self, command: String) -> GitError {
        GitError::Failed {
            command,
            code: self.code,
            stderr: self.stderr,
        }
    }
}

/// A running git with everything it started; ended when it is dropped before it was disarmed.
struct Group {
    leader: Option<Pid>,
    on_drop: Signal,
}

impl Group {
    fn of(child: &Child, kind: Kind) -> Self {
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let on_drop = match kind {
            Kind::Read => Signal::KILL,
            Kind::Write => Signal::TERM,
        };
        Self { leader, on_drop }
    }

    /// Signals all of it. The leader is not waited for yet, so its id cannot be another's.
    fn signal(&mut self, signal: Signal) {
        if let Some(leader) = self.leader {
            // It may be gone already, which is what one wants.
            let _ = kill_process_group(leader, signal);
        }
        if signal == Signal::KILL {
            self.disarm();
        }
    }

    fn disarm(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(self.on_drop);
    }
}

/// Reads the output to its end, then waits. In this order the process id stays ours, and the
/// group safe to signal, as long as anything is left to read.
async fn follow(
    command: &str,
    child: &mut Child,
    watch: &mut Option<Watch>,
) -> Result<Output, GitError> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = async {
        let bytes = read_capped(stdout)
            .await
            .map_err(|err| io_error(command, err))?;
        bytes.ok_or_else(|| GitError::TooMuchOutput {
            command: command.to_owned(),
        })
    };
    let complaints = async {
        let tail = read_tail(stderr, watch).await;
        tail.map_err(|err| io_error(command, err))
    };
    let (stdout, stderr) = tokio::try_join!(output, complaints)?;
    let status = child
        .wait()
        .await
        .map_err(|source| io_error(command, source))?;
    Ok(Output {
        code: status.code(),
        stdout,
        stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

fn io_error(command: &str, source: io::Error) -> GitError {
    GitError::Io {
        command: command.to_owned(),
        source,
    }
}

fn one_line(mut bytes: Vec<u8>) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    OsString::from_vec(bytes)
}

/// Reads everything, or nothing when it is more than the cap.
async fn read_capped(from: Option<impl AsyncRead + Unpin>) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(OUTPUT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .await?;
    }
    Ok((bytes.len() <= OUTPUT_BYTES_MAX).then_some(bytes))
}

/// Reads everything and keeps the end.
async fn read_tail(
    from: Option<impl AsyncRead + Unpin>,
    watch: &mut Option<Watch>,
) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    let Some(mut from) = from else {
        return Ok(tail);
    };
    loop {
        let n = from.read_buf(&mut tail).await?;
        if n == 0 {
            break;
        }
        if let Some(watch) = watch {
            watch(&tail[tail.len() - n..]);
        }
        if tail.len() > 2 * STDERR_BYTES_MAX {
            tail.drain(..tail.len() - STDERR_BYTES_MAX);
        }
    }
    tail.drain(..tail.len().saturating_sub(STDERR_BYTES_MAX));
    Ok(tail)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::path::PathBuf;

    use super::*;

    /// A pipe that stays open as long as any process of a command lives.
    struct Witness(
        PathBuf,
        #[expect(dead_code, reason = "held for its end")] tempfile::TempDir,
    );

    impl Witness {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("witness");
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
            Self(path, dir)
        }

        /// A git that starts a shell that starts another process, and never ends by itself.
        fn hanging_git(&self, kind: Kind, timeout: Duration) -> Git {
            let alias = format!(
                "!exec 3>{}; echo ready >&3; sleep 1000 & wait",
                self.0.display()
            );
            Git::new(Path::new("/"), kind, timeout)
                .config(OsStr::new("alias.hang"), &alias)
                .arg("hang")
        }

        /// Returns when the processes have begun; what is returned is told of their end.
        fn ready(&self) -> BufReader<File> {
            let mut pipe = BufReader::new(File::open(&self.0).unwrap());
            let mut line = String::new();
            pipe.read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
            pipe
        }
    }

    fn wait_for_the_end(mut pipe: BufReader<File>) {
        assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn time_limit_ends_everything_that_git_started() {
        for kind in [Kind::Read, Kind::Write] {
            let witness = Witness::new();
            let git = witness.hanging_git(kind, Duration::from_millis(500));
            let running = tokio::spawn(git.run());
            let pipe = tokio::task::spawn_blocking(move || (witness.ready(), witness));
            let (pipe, _witness) = pipe.await.unwrap();
            let ended = running.await.unwrap();
            assert!(matches!(ended, Err(GitError::Timeout { .. })), "{ended:?}");
            tokio::task::spawn_blocking(|| wait_for_the_end(pipe))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn caller_that_goes_away_ends_everything_that_git_started() {
        for kind in [Kind::Read, Kind::Write] {
            let witness = Witness::new();
            let running = tokio::spawn(witness.hanging_git(kind, READ_TIMEOUT).run());
            let pipe = tokio::task::spawn_blocking(move || (witness.ready(), witness));
            let (pipe, _witness) = pipe.await.unwrap();
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
            tokio::task::spawn_blocking(|| wait_for_the_end(pipe))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn endless_output_is_cut_and_complaints_keep_their_end() {
        let flood = Git::read(Path::new("/"))
            .config(OsStr::new("alias.flood"), "!yes")
            .arg("flood")
            .run()
            .await;
        assert!(matches!(flood, Err(GitError::TooMuchOutput { .. })));
        let script = "!seq 100000 >&2; echo the end >&2; false";
        let failed = Git::read(Path::new("/"))
            .config(OsStr::new("alias.fail"), script)
            .arg("fail")
            .run()
            .await;
        match failed {
            Err(GitError::Failed { stderr, code, .. }) => {
                assert_eq!(code, Some(1));
                assert!(stderr.ends_with("the end"));
                assert!(stderr.len() <= STDERR_BYTES_MAX);
            }
            other => panic!("{other:?}"),
        }
    }
}
