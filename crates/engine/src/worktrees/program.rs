//! Runs a program that is not a worker: the setup command of a worktree, an agent asked for a name.
//!
//! Owns one process group per program and its end: in time, at its limit, when it is no longer
//! wanted, or when whoever waits goes away. Everything it started is found by a mark in its
//! environment, also what left the group, also what an earlier run of the server left behind. Output
//! is told as it comes, line by line; of each stream the end is kept.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::program::Group;

/// The variable that marks all processes of a job.
const MARK: &str = "OFFSHOOT_JOB_ID";

/// Output that is kept of each stream, for people; what came before is in the job's log.
const KEPT_BYTES: usize = 64 << 10;

/// Longest piece of a line that is held back until its end has come.
const LINE_BYTES: usize = 8 << 10;

/// Time between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);

/// Time for output that is still on its way when the program has ended. Something that it left in
/// the background may hold the stream open for ever.
const DRAIN: Duration = Duration::from_millis(300);

/// How often killed processes are looked for until none is left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks for killed processes at the most; what still is there then hangs in the kernel.
const LOOKS_MAX: u32 = 100;

/// A program to run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// The program and its arguments.
    pub(crate) argv: Vec<OsString>,
    /// All of its environment, but for the mark.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Where it runs.
    pub(crate) cwd: &'a Path,
    /// How long it may run.
    pub(crate) limit: Duration,
    /// The job it runs for.
    pub(crate) job: &'a str,
}

/// How a program ended, and the end of what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// It ran too long and was killed with everything it started.
    TimedOut,
    /// It was no longer wanted and was killed with everything it started.
    Cancelled,
}

/// Runs a program to its end.
pub(crate) async fn run(
    program: Program<'_>,
    cancel: &CancellationToken,
    mut on_line: impl FnMut(&str),
) -> std::io::Result<Ended> {
    let (name, arguments) = program
        .argv
        .split_first()
        .ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .envs(program.environment)
        .env(MARK, program.job)
        .current_dir(program.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn()?;
    let mut family = Family {
        group: Group::of(&child),
        job: program.job.to_owned(),
    };
    let mut stdout = Stream::of(child.stdout.take());
    let mut stderr = Stream::of(child.stderr.take());
    let limit = tokio::time::sleep(program.limit);
    tokio::pin!(limit);
    let how = loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break end(&mut family, &mut child, How::Cancelled).await,
            () = &mut limit => break end(&mut family, &mut child, How::TimedOut).await,
            () = stdout.read_some() => stdout.tell_lines(&mut on_line),
            () = stderr.read_some() => stderr.tell_lines(&mut on_line),
            status = child.wait() => break how_of(status?),
        }
    };
    family.group.let_go();
    let rest = async { tokio::join!(stdout.read_all(), stderr.read_all()) };
    let _ = tokio::time::timeout(DRAIN, rest).await;
    stdout.tell_rest(&mut on_line);
    stderr.tell_rest(&mut on_line);
    Ok(Ended {
        how,
        stdout: stdout.kept(),
        stderr: stderr.kept(),
    })
}

/// Kills what an earlier attempt of a job left running, and waits until it is gone.
pub(crate) async fn end_leftovers(job: &str) {
    for _ in 0..LOOKS_MAX {
        if signal_marked(job, Signal::KILL).await == 0 {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Ends a `git worktree add` for a directory that an earlier run of the server began and did not see
/// the end of. git takes away what it can when it is asked to end.
pub(crate) async fn end_git(worktree: &Path) {
    for look in 0..LOOKS_MAX {
        let signal = if look < LOOKS_MAX / 2 {
            Signal::TERM
        } else {
            Signal::KILL
        };
        let worktree = worktree.to_owned();
        let sent = tokio::task::spawn_blocking(move || signal_git(&worktree, signal));
        if sent.await.unwrap_or_default() == 0 {
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn signal_git(worktree: &Path, signal: Signal) -> usize {
    let adds = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        let holds = |word: &[u8]| words.contains(&word);
        let is_git = words.first().is_some_and(|name| name.ends_with(b"git"));
        is_git
            && holds(b"worktree")
            && holds(b"add")
            && holds(worktree.as_os_str().as_encoded_bytes())
    };
    // Each has a group of its own with the programs it started.
    let groups = processes().filter(adds).filter_map(Pid::from_raw);
    groups
        .filter(|pid| kill_process_group(*pid, signal).is_ok())
        .count()
}

async fn end(family: &mut Family, child: &mut Child, how: How) -> How {
    family.group.signal(Signal::TERM);
    signal_marked(&family.job, Signal::TERM).await;
    let _ = tokio::time::timeout(GRACE, child.wait()).await;
    // The leader may have been waited for by now; if nothing else is in its group, nothing is hit.
    family.group.signal(Signal::KILL);
    end_leftovers(&family.job).await;
    let _ = tokio::time::timeout(GRACE, child.wait()).await;
    how
}

fn how_of(status: std::process::ExitStatus) -> How {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Exited(code),
        (None, signal) => How::Signalled(signal.unwrap_or_default()),
    }
}

/// Sends a signal to all processes of a job; returns to how many.
async fn signal_marked(job: &str, signal: Signal) -> usize {
    let job = job.to_owned();
    let sent = tokio::task::spawn_blocking(move || signal_marked_now(&job, signal));
    sent.await.unwrap_or_default()
}

/// Where there is no `/proc`, nothing is found, and only the process group is ended.
fn signal_marked_now(job: &str, signal: Signal) -> usize {
    let wanted = format!("{MARK}={job}");
    let is_ours = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    };
    let ours = processes().filter(is_ours).filter_map(Pid::from_raw);
    ours.filter(|pid| kill_process(*pid, signal).is_ok())
        .count()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// A running program with everything it started, also what left its group; killed when it is dropped
/// before it ended.
struct Family {
    group: Group,
    job: String,
}

impl Drop for Family {
    fn drop(&mut self) {
        if self.group.is_held() {
            signal_marked_now(&self.job, Signal::KILL);
        }
    }
}

/// One stream of output.
struct Stream<R> {
    /// None when it has ended.
    from: Option<R>,
    /// The end of what came.
    tail: Vec<u8>,
    /// Whether something came before that.
    is_cut: bool,
    /// What was not told yet.
    untold: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn of(from: Option<R>) -> Self {
        Self {
            from,
            tail: Vec::new(),
            is_cut: false,
            untold: Vec::new(),
        }
    }

    /// Tells the lines that are complete.
    fn tell_lines(&mut self, on_line: &mut impl FnMut(&str)) {
        while let Some(end) = self.untold.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.untold.drain(..=end).collect();
            on_line(&String::from_utf8_lossy(&line[..end]));
        }
        if self.untold.len() > LINE_BYTES {
            self.tell_rest(on_line);
        }
    }

    /// Reads what has come. Cancel-safe. Waits for ever after the end.
    async fn read_some(&mut self) {
        let Some(from) = &mut self.from else {
            return std::future::pending().await;
        };
        let mut bytes = Vec::with_capacity(8 << 10);
        match from.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => self.from = None,
            Ok(_) => {
                self.untold.extend_from_slice(&bytes);
                self.tail.extend_from_slice(&bytes);
                if self.tail.len() > 2 * KEPT_BYTES {
                    self.is_cut = true;
                    self.tail.drain(..self.tail.len() - KEPT_BYTES);
                }
            }
        }
    }

    async fn read_all(&mut self) {
        while self.from.is_some() {
            self.read_some().await;
        }
    }

    fn tell_rest(&mut self, on_line: &mut impl FnMut(&str)) {
        let rest = std::mem::take(&mut self.untold);
        String::from_utf8_lossy(&rest).lines().for_each(on_line);
    }

    /// Returns the end of what came, with a mark where something is missing.
    fn kept(mut self) -> String {
        if self.tail.len() > KEPT_BYTES {
            self.is_cut = true;
            self.tail.drain(..self.tail.len() - KEPT_BYTES);
        }
        let text = String::from_utf8_lossy(&self.tail);
        match self.is_cut {
            true => format!("…{}", text.trim_start_matches('\u{fffd}')),
            false => text.into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell<'a>(script: &str, job: &'a str, limit: Duration) -> Program<'a> {
        Program {
            argv: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            cwd: Path::new("/"),
            limit,
            job,
        }
    }

    fn job() -> String {
        uuid::Uuid::new_v4().to_string()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn output_is_told_by_line_and_kept_by_stream() {
        let mut lines = Vec::new();
        let script = "echo one; echo two >&2; printf 'no end'; exit 4";
        let ended = run(
            shell(script, &job(), LONG),
            &CancellationToken::new(),
            |line| {
                lines.push(line.to_owned());
            },
        )
        .await
        .unwrap();
        assert_eq!(ended.how, How::Exited(4));
        assert_eq!(ended.stdout, "one\nno end");
        assert_eq!(ended.stderr, "two\n");
        lines.sort();
        assert_eq!(lines, ["no end", "one", "two"]);
    }

    #[tokio::test]
    async fn a_flood_keeps_its_end() {
        let mut n_lines = 0;
        let script = "seq 1 200000";
        let ended = run(
            shell(script, &job(), LONG),
            &CancellationToken::new(),
            |_| n_lines += 1,
        )
        .await
        .unwrap();
        assert_eq!(n_lines, 200_000);
        assert!(ended.stdout.len() <= KEPT_BYTES + 3);
        assert!(ended.stdout.starts_with('…') && ended.stdout.ends_with("200000\n"));
    }

    #[tokio::test]
    async fn what_stays_in_the_background_is_not_waited_for() {
        let mut background = String::new();
        let script = "sleep 1000 & echo $!";
        let job = job();
        let ended = run(
            shell(script, &job, LONG),
            &CancellationToken::new(),
            |line| {
                background = line.to_owned();
            },
        )
        .await
        .unwrap();
        assert_eq!(ended.how, How::Exited(0));
        let pid = Pid::from_raw(background.parse().unwrap()).unwrap();
        rustix::process::test_kill_process(pid).expect("it lives on");
        end_leftovers(&job).await;
        assert_eq!(signal_marked_now(&job, Signal::KILL), 0);
    }

    #[tokio::test]
    async fn limit_and_cancel_end_the_whole_tree() {
        for limit in [Duration::from_millis(300), LONG] {
            let cancel = CancellationToken::new();
            // One in the group, one that left it, one that does not mind TERM.
            let script = "sleep 1000 & setsid sleep 1000 & (trap '' TERM; echo ready; sleep 1000; sleep 1000)";
            let job = job();
            let ended = run(shell(script, &job, limit), &cancel, |_| {
                if limit == LONG {
                    cancel.cancel();
                }
            });
            let how = if limit == LONG {
                How::Cancelled
            } else {
                How::TimedOut
            };
            assert_eq!(ended.await.unwrap().how, how);
            assert_eq!(signal_marked_now(&job, Signal::KILL), 0);
        }
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_nothing_behind() {
        let job = job();
        let (tx, rx) = tokio::sync::oneshot::channel();
        let running = tokio::spawn({
            let job = job.clone();
            async move {
                let mut tx = Some(tx);
                run(
                    shell("echo up; sleep 1000", &job, LONG),
                    &CancellationToken::new(),
                    |_| {
                        let _ = tx.take().unwrap().send(());
                    },
                )
                .await
            }
        });
        rx.await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        end_leftovers(&job).await;
        assert_eq!(signal_marked_now(&job, Signal::KILL), 0);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error() {
        let mut program = shell("", "j", LONG);
        program.argv = vec!["/no/such/program".into()];
        let failed = run(program, &CancellationToken::new(), |_| {}).await;
        assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}
