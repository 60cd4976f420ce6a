//! Running a command: what it prints is taken as it comes, and it ends with all it started.

use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::{Git, GitError, Kind, OUTPUT_BYTES_MAX, Watch};

/// Time for git to clean up after itself when it is asked to end, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// The end of git's complaints that is kept for people; what came before is dropped.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// Output that is handed on at once: as much as a pipe holds.
const PIECE_BYTES: usize = 64 << 10;

/// How a command ended, and what it said.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    /// Empty when it was handed on instead.
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// How following a command ended.
enum End {
    /// By itself.
    Exited(Output),
    /// The taker wanted no more.
    BrokenOff,
    /// The caller's `stop` came first.
    Stopped,
}

/// Why a command was not followed to its end.
enum Cut {
    /// The taker wanted no more.
    ByTaker,
    /// The system could not read from it.
    Failed(io::Error),
}

impl Git {
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

    /// Runs the command on an input; any exit code but 0 is an error.
    pub(crate) async fn run_on(self, input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let (reader, mut writer) = std::io::pipe().map_err(|source| self.io_error(source))?;
        // A git that ends early closes the pipe; its exit code tells why.
        let feed = tokio::task::spawn_blocking(move || drop(writer.write_all(&input)));
        let answer = self.pipes(reader, None).run().await;
        let _ = feed.await;
        answer
    }

    /// Runs the command and hands its output on as it comes. When the taker breaks off, the command
    /// is ended, which is no error; any exit code but 0 is.
    pub(crate) async fn feed(
        self,
        take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), GitError> {
        let (command, after) = (self.subcommand.clone(), self.timeout);
        let limit = tokio::time::sleep(after);
        match self.follow_until(take, limit).await? {
            End::Exited(output) if output.code == Some(0) => Ok(()),
            End::Exited(output) => Err(output.into_error(command)),
            End::BrokenOff => Ok(()),
            End::Stopped => Err(GitError::Timeout { command, after }),
        }
    }

    /// Runs the command and hands its output on by entries that each end with a zero byte; any exit
    /// code but 0 is an error.
    pub(crate) async fn feed_entries(self, mut take: impl FnMut(Vec<u8>)) -> Result<(), GitError> {
        let mut entry = Vec::new();
        self.feed(|mut bytes| {
            while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
                entry.extend(&bytes[..end]);
                bytes = &bytes[end + 1..];
                take(std::mem::take(&mut entry));
            }
            entry.extend(bytes);
            ControlFlow::Continue(())
        })
        .await
    }

    /// Runs the command to its end, or ends it when `stop` does; then there is no answer. Has no other
    /// time limit.
    pub(crate) async fn run_until(
        self,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Output>, GitError> {
        let command = self.subcommand.clone();
        let mut stdout = Vec::new();
        let collect = |piece: &[u8]| {
            stdout.extend_from_slice(piece);
            match stdout.len() <= OUTPUT_BYTES_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        match self.follow_until(collect, stop).await? {
            End::Exited(output) => Ok(Some(Output { stdout, ..output })),
            End::BrokenOff => Err(GitError::TooMuchOutput { command }),
            End::Stopped => Ok(None),
        }
    }

    /// Follows the command to whatever end comes first. Whatever is left of it then is ended.
    async fn follow_until(
        mut self,
        take: impl FnMut(&[u8]) -> ControlFlow<()>,
        stop: impl Future<Output = ()>,
    ) -> Result<End, GitError> {
        let mut child = self.spawn()?;
        let mut group = Group::of(&child, self.kind);
        let ended = tokio::select! {
            ended = follow(&mut child, take, self.watch.take()) => Some(ended),
            () = stop => None,
        };
        match ended {
            Some(Ok(output)) => {
                group.disarm();
                Ok(End::Exited(output))
            }
            Some(Err(Cut::ByTaker)) => Ok(End::BrokenOff),
            Some(Err(Cut::Failed(source))) => Err(self.io_error(source)),
            None => {
                if self.kind == Kind::Write {
                    group.signal(Signal::TERM);
                    let _ = tokio::time::timeout(GRACE, child.wait()).await;
                }
                group.signal(Signal::KILL);
                Ok(End::Stopped)
            }
        }
    }

    fn spawn(&mut self) -> Result<Child, GitError> {
        let child = self.command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NotInstalled,
            _ => self.io_error(source),
        })?;
        // It holds our copies of the command's ends of pipes, whose closing is a sign.
        self.command = Command::new("git");
        Ok(child)
    }

    fn io_error(&self, source: io::Error) -> GitError {
        GitError::Io {
            command: self.subcommand.clone(),
            source,
        }
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

impl From<io::Error> for Cut {
    fn from(err: io::Error) -> Self {
        Self::Failed(err)
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

/// Hands on the output to its end, then waits. In this order the process id stays ours, and the
/// group safe to signal, as long as anything is left to read.
async fn follow(
    child: &mut Child,
    take: impl FnMut(&[u8]) -> ControlFlow<()>,
    watch: Option<Watch>,
) -> Result<Output, Cut> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let complaints = async { Ok(read_tail(stderr, watch).await?) };
    let ((), stderr) = tokio::try_join!(hand_on(stdout, take), complaints)?;
    let status = child.wait().await?;
    Ok(Output {
        code: status.code(),
        stdout: Vec::new(),
        stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

fn one_line(mut bytes: Vec<u8>) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    OsString::from_vec(bytes)
}

/// Hands on everything, piece by piece, unless the taker breaks off.
async fn hand_on(
    from: Option<impl AsyncRead + Unpin>,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), Cut> {
    let Some(mut from) = from else {
        return Ok(());
    };
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    while from.read_buf(&mut piece).await? > 0 {
        if take(&piece).is_break() {
            return Err(Cut::ByTaker);
        }
        piece.clear();
    }
    Ok(())
}

/// Reads everything and keeps the end.
async fn read_tail(
    from: Option<impl AsyncRead + Unpin>,
    mut watch: Option<Watch>,
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
        if let Some(watch) = &mut watch {
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
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::path::{Path, PathBuf};

    use super::super::SHORT_TIMEOUT;
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
            Git::new(Path::new("/"), kind)
                .within(timeout)
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
            let running = tokio::spawn(witness.hanging_git(kind, SHORT_TIMEOUT).run());
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
