//! Opens the terminal and starts the child in it.
//!
//! Fails with the step that failed and what the system said; nothing is left running then.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, Rlimit};
use rustix::termios::Winsize;

use super::sys::{self, Fork, StringArray};
use crate::spawn::Report;
use crate::spec::SpawnSpec;

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";
/// Most open files a program gets without asking. A server raises its own limit to the hard one,
/// and programs that walk all possible descriptors would then walk a million.
const OPEN_FILES_LIMIT: u64 = 65_536;
/// What the kernel's out-of-memory killer is told: rather the child than its shim.
const OOM_SCORE: &[u8] = b"300";

/// The two ends of a terminal.
pub(super) struct Pty {
    /// Ours.
    pub(super) master: OwnedFd,
    /// The child's. Kept open while the child lives, so that a program which closes its terminal
    /// and opens it again does not look like the end of output.
    pub(super) slave: OwnedFd,
}

/// What could not be done, for the report.
pub(super) struct LaunchError {
    /// Kind of the report.
    pub(super) report: Report,
    /// What was being done.
    pub(super) doing: &'static str,
    /// What the system said.
    pub(super) source: io::Error,
}

impl LaunchError {
    /// An error that is neither the directory's nor the command's.
    pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self {
            report: Report::Failed,
            doing,
            source,
        }
    }
}

/// Opens a terminal of the given size.
pub(super) fn open_pty(cols: u16, rows: u16) -> io::Result<Pty> {
    use rustix::pty::{OpenptFlags, grantpt, openpt, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(
        name,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    rustix::termios::tcsetwinsize(
        &slave,
        Winsize {
            ws_col: cols,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )?;
    #[cfg(target_os = "linux")]
    {
        // Lets the kernel's line editing delete whole characters.
        use rustix::termios::{InputModes, OptionalActions, tcgetattr, tcsetattr};
        let mut modes = tcgetattr(&slave)?;
        modes.input_modes |= InputModes::IUTF8;
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
    }
    rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
    Ok(Pty { master, slave })
}

/// Starts the child in `pty` and waits until it has become the program. Gives its pid.
pub(super) fn launch(spec: &SpawnSpec, pty: &Pty, umask: Mode) -> Result<i32, LaunchError> {
    let program = Program::new(spec).map_err(LaunchError::failed("read the command"))?;
    let (reader, writer) = pipe().map_err(LaunchError::failed("open a pipe"))?;
    match sys::fork().map_err(LaunchError::failed("fork"))? {
        Fork::Child => {
            drop(reader);
            let (step, err) = become_program(spec, &program, pty.slave.as_fd(), umask);
            let [e0, e1, e2, e3] = err.raw_os_error().unwrap_or(libc::EIO).to_le_bytes();
            let _ = rustix::io::write(&writer, &[step, e0, e1, e2, e3]);
            sys::exit_now(127)
        }
        Fork::Parent(pid) => {
            drop(writer);
            // Until it is gone, a child that failed shares every descriptor, the lock among them.
            wait_for_exec(&reader).inspect_err(|_| sys::wait_for(pid))?;
            Ok(pid)
        }
    }
}

/// A pipe that exec closes.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe()?;
    for end in [&reader, &writer] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((reader, writer))
}

/// Waits for the pipe to be closed by exec, or for the reason why that failed.
fn wait_for_exec(reader: &OwnedFd) -> Result<(), LaunchError> {
    let mut bytes = [0; 5];
    let n = loop {
        match rustix::io::read(reader, &mut bytes) {
            Err(rustix::io::Errno::INTR) => {}
            other => {
                break other
                    .map_err(|err| LaunchError::failed("wait for the child")(err.into()))?;
            }
        }
    };
    let [step, errno @ ..] = bytes;
    let source = io::Error::from_raw_os_error(i32::from_le_bytes(errno));
    match step {
        _ if n == 0 => Ok(()),
        step if step == Report::NoDirectory as u8 => Err(LaunchError {
            report: Report::NoDirectory,
            doing: "enter the directory",
            source,
        }),
        step if step == Report::NoCommand as u8 => Err(LaunchError {
            report: Report::NoCommand,
            doing: "run the command",
            source,
        }),
        _ => Err(LaunchError::failed("give the child its terminal")(source)),
    }
}

/// In the child: everything between fork and exec. Returns only on failure, with the step.
fn become_program(
    spec: &SpawnSpec,
    program: &Program,
    slave: std::os::fd::BorrowedFd<'_>,
    umask: Mode,
) -> (u8, io::Error) {
    if let Err(err) = take_terminal(slave) {
        return (Report::Failed as u8, err);
    }
    rustix::process::umask(umask);
    limit_resources();
    if let Err(err) = rustix::process::chdir(&spec.cwd) {
        return (Report::NoDirectory as u8, err.into());
    }
    sys::close_on_exec();
    sys::reset_signals();
    (Report::NoCommand as u8, program.exec())
}

/// Own session, the slave as controlling terminal and as standard input, output and error.
fn take_terminal(slave: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(slave)?;
    rustix::stdio::dup2_stdin(slave)?;
    rustix::stdio::dup2_stdout(slave)?;
    rustix::stdio::dup2_stderr(slave)?;
    Ok(())
}

/// Best effort: a limit that cannot be set is no reason not to start.
fn limit_resources() {
    let files = rustix::process::getrlimit(Resource::Nofile);
    if files
        .current
        .is_none_or(|current| current > OPEN_FILES_LIMIT)
    {
        let current = Some(
            files
                .maximum
                .map_or(OPEN_FILES_LIMIT, |maximum| maximum.min(OPEN_FILES_LIMIT)),
        );
        let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current, ..files });
    }
    // A core file in a worktree would be committed one day, with every secret in it.
    let core = rustix::process::getrlimit(Resource::Core);
    let _ = rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            ..core
        },
    );
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}

/// A command in the form exec takes, with every place it may be found.
struct Program {
    candidates: Vec<CString>,
    argv: StringArray,
    /// `sh` and the arguments, for a script without `#!`; the script's path is put in per candidate.
    arguments: Vec<CString>,
    env: StringArray,
}

impl Program {
    fn new(spec: &SpawnSpec) -> io::Result<Self> {
        let arguments: Vec<CString> = spec
            .argv
            .iter()
            .map(|argument| CString::new(argument.as_bytes()))
            .collect::<Result<_, _>>()?;
        let mut env = Vec::new();
        for (name, value) in &spec.env {
            env.push(CString::new(
                [name.as_bytes(), b"=", value.as_bytes()].concat(),
            )?);
        }
        let argv0 = spec
            .argv
            .first()
            .map_or(OsStr::new(""), |argv0| argv0.as_os_str());
        let path = spec
            .env
            .iter()
            .find(|(name, _)| name == "PATH")
            .map_or(DEFAULT_PATH, |(_, path)| path.as_bytes());
        Ok(Self {
            candidates: candidates(argv0.as_bytes(), path)?,
            argv: StringArray::new(arguments.clone()),
            arguments,
            env: StringArray::new(env),
        })
    }

    /// Tries every candidate, as a shell does. Returns the most telling reason.
    fn exec(&self) -> io::Error {
        let mut reason = io::Error::from_raw_os_error(libc::ENOENT);
        for candidate in &self.candidates {
            let mut err = sys::exec(candidate, &self.argv, &self.env);
            if err.raw_os_error() == Some(libc::ENOEXEC) {
                err = self.exec_by_shell(candidate);
            }
            match err.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                Some(libc::EACCES) => reason = err,
                _ => return err,
            }
        }
        reason
    }

    /// A script without `#!` is run by `sh`, as every shell does.
    fn exec_by_shell(&self, script: &CString) -> io::Error {
        let mut argv = vec![c"sh".to_owned(), script.clone()];
        argv.extend(self.arguments.iter().skip(1).cloned());
        sys::exec(c"/bin/sh", &StringArray::new(argv), &self.env)
    }
}

/// Where a program may be: itself if it names a path, else in every directory of `path`.
fn candidates(argv0: &[u8], path: &[u8]) -> io::Result<Vec<CString>> {
    if argv0.contains(&b'/') {
        return Ok(vec![CString::new(argv0)?]);
    }
    let mut candidates = Vec::new();
    for directory in path.split(|byte| *byte == b':') {
        let directory = if directory.is_empty() {
            b"."
        } else {
            directory
        };
        candidates.push(CString::new([directory, b"/", argv0].concat())?);
    }
    Ok(candidates)
}
