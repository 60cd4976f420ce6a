//! Programs of others that are asked a question: found on the PATH that workers get, run with a time
//! limit, ended with everything they started.
//!
//! Knows nothing of what they answer. A program that hangs, floods or is left alone by its asker is
//! killed with its process group.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Output that is read of each stream; a program that says more is killed.
const OUTPUT_BYTES: u64 = 4 * 1024 * 1024;

/// A question to a program.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [&'a str],
    pub(crate) cwd: &'a Path,
    pub(crate) environment: &'a [(OsString, OsString)],
    /// Variables that are set besides.
    pub(crate) settings: &'a [(&'a str, &'a str)],
    pub(crate) limit: Duration,
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It did not end in time and was killed.
    #[error("it did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// It said too much and was killed.
    #[error("it printed more than {OUTPUT_BYTES} bytes")]
    TooMuchOutput,
    /// It could not be run.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Question<'_> {
    /// Runs the program to its end.
    pub(crate) async fn ask(&self) -> Result<Answer, ProgramError> {
        let mut child = Command::new(self.program)
            .args(self.args)
            .current_dir(self.cwd)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(self.settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut group = Group::of(&child);
        let answer = tokio::time::timeout(self.limit, follow(&mut child)).await;
        let answer = answer.map_err(|_| ProgramError::Timeout(self.limit))??;
        group.let_go();
        Ok(answer)
    }
}

/// Reads the output to its end, then waits: as long as anything is left to read, the process id stays
/// the program's, and its group is safe to signal.
async fn follow(child: &mut Child) -> Result<Answer, ProgramError> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = child.wait().await?;
    Ok(Answer {
        success: status.success(),
        stdout,
        stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, ProgramError> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(OUTPUT_BYTES + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > OUTPUT_BYTES {
        return Err(ProgramError::TooMuchOutput);
    }
    Ok(bytes)
}

/// The process group of a running program, which is its own; killed when this is dropped before it
/// was let go.
pub(crate) struct Group {
    leader: Option<Pid>,
}

impl Group {
    /// Takes hold of a program that was just started with a group of its own.
    pub(crate) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.and_then(Pid::from_raw),
        }
    }

    /// Sends a signal to all of it.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            // It may be gone already, which is what one wants.
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Whether it is still held.
    pub(crate) fn is_held(&self) -> bool {
        self.leader.is_some()
    }

    /// The program has ended: what it left in the background stays.
    pub(crate) fn let_go(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Finds an executable file of that name on the PATH of an environment.
pub(crate) fn find(environment: &[(OsString, OsString)], program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let (_, path) = environment.iter().find(|(name, _)| name == "PATH")?;
    let executable = |candidate: &PathBuf| {
        let metadata = candidate.metadata();
        metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path)
        .map(|dir| dir.join(program))
        .find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_files_are_found() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let environment = [("PATH".into(), dir.path().as_os_str().to_owned())];
        let program = dir.path().join("claude");
        std::fs::write(&program, "#!/bin/sh").unwrap();
        assert_eq!(find(&environment, "claude"), None);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(&environment, "claude"), Some(program));
        assert_eq!(find(&environment, "codex"), None);
    }

    fn shell<'a>(
        args: &'a [&'a str],
        cwd: &'a Path,
        environment: &'a [(OsString, OsString)],
        limit: Duration,
    ) -> Question<'a> {
        Question {
            program: Path::new("/bin/sh"),
            args,
            cwd,
            environment,
            settings: &[("ONE", "1")],
            limit,
        }
    }

    #[tokio::test]
    async fn a_program_sees_only_what_it_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())];
        let script = "echo $ONE-$HOME; pwd; echo no >&2; exit 3";
        let args = ["-c", script];
        let answer = shell(&args, dir.path(), &environment, Duration::from_secs(20));
        let answer = answer.ask().await.unwrap();
        let expected = format!("1-\n{}\n", dir.path().canonicalize().unwrap().display());
        assert_eq!(String::from_utf8_lossy(&answer.stdout), expected);
        assert_eq!((answer.success, answer.stderr.as_str()), (false, "no"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_ends_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("PATH".into(), std::env::var_os("PATH").unwrap())];
        let script = "sleep 1000 & echo $! > child; wait";
        let args = ["-c", script];
        let mut limit = Duration::from_millis(200);
        let child = loop {
            let asked = shell(&args, dir.path(), &environment, limit).ask().await;
            assert!(matches!(asked, Err(ProgramError::Timeout(_))), "{asked:?}");
            let written = std::fs::read_to_string(dir.path().join("child")).unwrap_or_default();
            if let Ok(pid) = written.trim().parse::<i32>() {
                break Pid::from_raw(pid).unwrap();
            }
            // A busy machine did not come as far as starting it.
            limit *= 2;
        };
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.as_raw_nonzero()));
            stat.is_ok_and(|stat| !stat.contains(") Z"))
        };
        while runs() {
            tokio::task::yield_now().await;
        }
    }
}
