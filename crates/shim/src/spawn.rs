//! Starts a shim and waits until it says that the child runs, or why it does not.
//!
//! The only thing shared with the new process is one pipe each way; both are closed when it is
//! ready. Fails with a reason that a person can act on.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::meta::Meta;
use crate::spec::SpawnSpec;

/// Longest socket path in bytes, without the final zero.
pub(crate) const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// How long a shim may take to report. Past it, a disk hangs; whether the shim comes up later can
/// only be told by probing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shim that runs, with its child.
#[derive(Debug, Clone, PartialEq)]
pub struct Spawned {
    /// What it wrote into `meta.json`.
    pub meta: Meta,
}

/// Why a worker could not be started. Nothing of it runs when this is returned, with one exception:
/// after a time-out (`Io` with `TimedOut`) probe before anything else.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The working directory does not exist, is no directory, or may not be entered.
    #[error("cannot work in {}: {source}", cwd.display())]
    NoSuchDirectory {
        /// The directory asked for.
        cwd: PathBuf,
        /// What `chdir` said.
        source: io::Error,
    },
    /// No such program, neither as a path nor in `PATH`.
    #[error("command not found: {}", argv0.display())]
    CommandNotFound {
        /// The program asked for.
        argv0: OsString,
    },
    /// The program exists but cannot be run.
    #[error("cannot run {}: {source}", argv0.display())]
    NotExecutable {
        /// The program asked for.
        argv0: OsString,
        /// What `exec` said.
        source: io::Error,
    },
    /// A shim already holds this worker's directory.
    #[error("the worker is already running")]
    AlreadyRunning,
    /// The spec itself is wrong: empty command, a NUL byte, a socket path that is too long.
    #[error("invalid spec: {0}")]
    InvalidSpec(String),
    /// Anything else, with what was being done.
    #[error("{doing}: {source}")]
    Io {
        /// Verb and object.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What the shim answers over its report pipe: `u8 code | i32 errno | text or meta.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Report {
    /// The child runs; the rest is `meta.json`.
    Ready = 0,
    /// `chdir` failed.
    NoDirectory = 1,
    /// `exec` failed.
    NoCommand = 2,
    /// The lock is taken.
    AlreadyRunning = 3,
    /// Something else failed; the rest is what was being done.
    Failed = 4,
}

/// Starts `program shim` for `spec` and waits until the child runs.
///
/// Blocking (a few milliseconds). The shim is in its own session and no child of the caller; it
/// keeps no file descriptor of the caller.
///
/// # Errors
/// Says what is wrong with the command, the directory or the spec; nothing runs then.
pub fn spawn(program: &Path, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
    check(spec)?;
    let failed = |doing: &str, source: io::Error| SpawnError::Io {
        doing: doing.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .arg("shim")
        .arg(&spec.worker_id)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|err| failed(&format!("start {}", program.display()), err))?;
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut pipe| pipe.write_all(&spec.to_blob()));
    let report = child
        .stdout
        .take()
        .map_or_else(|| Ok(Vec::new()), read_report);
    // Reaps the first process: it ends as soon as it has forked the one that stays.
    child
        .wait()
        .map_err(|err| failed("wait for the shim", err))?;
    let report = report.map_err(|err| failed("read the shim's report", err))?;
    if report.is_empty() {
        written.map_err(|err| failed("send the spec to the shim", err))?;
    }
    parse(&report, spec)
}

/// Reads the report to its end.
fn read_report(mut pipe: ChildStdout) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let (mut report, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&pipe, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(err) => return Err(err.into()),
        }
        match pipe.read(&mut buffer)? {
            0 => return Ok(report),
            n => report.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// Refuses what could only fail later, with a worse message.
fn check(spec: &SpawnSpec) -> Result<(), SpawnError> {
    use std::os::unix::ffi::OsStrExt;
    let invalid = |what: &str| Err(SpawnError::InvalidSpec(what.to_owned()));
    let has_nul = |text: &std::ffi::OsStr| text.as_bytes().contains(&0);
    if spec.argv.first().is_none_or(|argv0| argv0.is_empty()) {
        return invalid("the command is empty");
    }
    if spec.argv.iter().any(|argument| has_nul(argument)) {
        return invalid("an argument holds a NUL byte");
    }
    if spec
        .env
        .iter()
        .any(|(name, value)| has_nul(name) || has_nul(value) || name.as_bytes().contains(&b'='))
    {
        return invalid("an environment variable holds a NUL byte or '=' in its name");
    }
    if has_nul(spec.cwd.as_os_str()) {
        return invalid("the working directory holds a NUL byte");
    }
    if spec.socket.as_os_str().len() > SOCKET_PATH_LIMIT {
        return invalid("the socket path is too long");
    }
    if !spec.dir.is_absolute() || !spec.socket.is_absolute() {
        return invalid("directory and socket must be absolute paths");
    }
    Ok(())
}

/// Turns the report into a result.
fn parse(report: &[u8], spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
    let silent = || SpawnError::Io {
        doing: "start the shim".into(),
        source: io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without a word"),
    };
    let (&code, rest) = report.split_first().ok_or_else(silent)?;
    let (errno, rest) = rest.split_first_chunk::<4>().ok_or_else(silent)?;
    let source = io::Error::from_raw_os_error(i32::from_le_bytes(*errno));
    let argv0 = spec.argv.first().cloned().unwrap_or_default();
    match code {
        code if code == Report::Ready as u8 => {
            let meta = serde_json::from_slice(rest).map_err(|err| SpawnError::Io {
                doing: "read the shim's report".into(),
                source: err.into(),
            })?;
            Ok(Spawned { meta })
        }
        code if code == Report::NoDirectory as u8 => Err(SpawnError::NoSuchDirectory {
            cwd: spec.cwd.clone(),
            source,
        }),
        code if code == Report::NoCommand as u8 && source.kind() == io::ErrorKind::NotFound => {
            Err(SpawnError::CommandNotFound { argv0 })
        }
        code if code == Report::NoCommand as u8 => Err(SpawnError::NotExecutable { argv0, source }),
        code if code == Report::AlreadyRunning as u8 => Err(SpawnError::AlreadyRunning),
        _ => Err(SpawnError::Io {
            doing: String::from_utf8_lossy(rest).into_owned(),
            source,
        }),
    }
}
