//! From a spec to a running child: lock, log, socket, terminal, child, `meta.json`, in this order.
//!
//! The lock comes first, so that nothing of a living shim is ever touched. `meta.json` comes last:
//! it never names a child that did not start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;

use super::event_loop::{Parts, Shim};
use super::launch::{LaunchError, launch, open_pty, pipe};
use super::sys;
use crate::log::block::Block;
use crate::log::writer::{LogConfig, Writer, wall_ms};
use crate::meta::{
    EXIT_FILE, ExitRecord, LOCK_FILE, LOG_DIR, META_FILE, Meta, ProcessIdentity, boot_id,
    read_json, start_time, write_json,
};
use crate::spawn::Report;
use crate::spec::SpawnSpec;
use crate::{BUILD, PROTO_MAX, PROTO_MIN};

/// A probe holds the lock for an instant; this many tries tell it from a shim.
const LOCK_TRIES: u32 = 40;
/// Pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 16;

/// Starts everything. On failure nothing runs and nothing new is left behind but the directory.
pub(super) fn start(spec: &SpawnSpec, umask: Mode) -> Result<(Shim, Meta), LaunchError> {
    let failed = LaunchError::failed;
    make_private_dir(&spec.dir).map_err(failed("make the worker's directory"))?;
    let lock = lock(&spec.dir)?;
    let exit_room = ExitRoom::reserve(&spec.dir);
    let log = open_log(spec).map_err(failed("open the log"))?;
    let listener = listen(&spec.socket).map_err(failed("open the socket"))?;
    let signals = catch_signals().map_err(failed("catch signals"))?;
    let pty = open_pty(spec.cols, spec.rows).map_err(failed("open a terminal"))?;
    let launched = launch(spec, &pty, umask).inspect_err(|_| {
        let _ = fs::remove_file(&spec.socket);
    });
    let child = launched?;
    // The shim itself keeps no directory busy.
    let _ = rustix::process::chdir("/");
    let meta = meta(spec, child);
    let written = fs::remove_file(spec.dir.join(EXIT_FILE))
        .or_else(|err| {
            if err.kind() == io::ErrorKind::NotFound {
                Ok(())
            } else {
                Err(err)
            }
        })
        .and_then(|()| write_json(&spec.dir.join(META_FILE), &meta));
    if let Err(err) = written {
        let _ = sys::kill(child, libc::SIGKILL);
        sys::wait_for(child);
        let _ = fs::remove_file(&spec.socket);
        return Err(failed("write meta.json")(err));
    }
    let parts = Parts {
        worker_id: spec.worker_id.clone(),
        epoch: spec.epoch,
        dir: spec.dir.clone(),
        socket: spec.socket.clone(),
        cols: spec.cols,
        rows: spec.rows,
        on_exit: spec.on_exit,
        child,
        lock,
        exit_room,
        log,
        listener,
        signals,
        pty,
    };
    Ok((Shim::new(parts), meta))
}

/// Room on disk for the exit record, so that a full disk cannot keep it from being written.
pub(super) struct ExitRoom {
    file: Option<File>,
    dir: std::path::PathBuf,
}

impl ExitRoom {
    /// More than a record ever takes.
    const BYTES: u64 = 512;
    /// Where it waits.
    const FILE: &str = "exit.reserved";

    fn reserve(dir: &Path) -> Self {
        let path = dir.join(Self::FILE);
        let open = || {
            use io::Write;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            // Real bytes, not only reserved ones: an overwrite then needs nothing new.
            file.write_all(&[b' '; Self::BYTES as usize])?;
            Ok::<_, io::Error>(file)
        };
        Self {
            file: open().ok(),
            dir: dir.to_owned(),
        }
    }

    /// Writes `exit.json`, into the reserved room if there is any.
    pub(super) fn write(&self, exit: &ExitRecord) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let target = self.dir.join(EXIT_FILE);
        if let Some(file) = &self.file {
            let json = serde_json::to_vec(exit)?;
            let done = file
                .write_all_at(&json, 0)
                .and_then(|()| file.set_len(json.len() as u64))
                .and_then(|()| file.sync_data())
                .and_then(|()| fs::rename(self.dir.join(Self::FILE), &target));
            if done.is_ok() {
                return Ok(());
            }
        }
        write_json(&target, exit)
    }
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Takes the lock that says "a shim lives here".
fn lock(dir: &Path) -> Result<File, LaunchError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join(LOCK_FILE))
        .map_err(LaunchError::failed("open the lock"))?;
    for attempt in 1..=LOCK_TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if attempt < LOCK_TRIES => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::WOULDBLOCK) => break,
            Err(err) => return Err(LaunchError::failed("take the lock")(err.into())),
        }
    }
    let source = io::Error::from_raw_os_error(libc::EWOULDBLOCK);
    Err(LaunchError {
        report: Report::AlreadyRunning,
        doing: "take the lock",
        source,
    })
}

/// Opens or continues the log. What an earlier shim says it wrote and the log does not hold (a
/// power cut) becomes a gap.
fn open_log(spec: &SpawnSpec) -> io::Result<Writer> {
    let config = LogConfig::new(&spec.worker_id, spec.epoch, spec.quota_bytes);
    let mut log = Writer::open(&spec.dir.join(LOG_DIR), config)?;
    let before: Option<Meta> = read_json(&spec.dir.join(META_FILE)).unwrap_or(None);
    if before.is_some_and(|before| before.epoch == spec.epoch) {
        let exit: Option<ExitRecord> = read_json(&spec.dir.join(EXIT_FILE)).unwrap_or(None);
        log.skip_to(exit.map_or(0, |exit| exit.offset));
        log.append_output(&mut Block::of(&spec.preface));
    }
    Ok(log)
}

/// Opens the socket. A file in its place is a dead shim's: the living one would hold the lock.
fn listen(path: &Path) -> io::Result<OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, socket};
    if let Some(parent) = path.parent() {
        make_private_dir(parent)?;
    }
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&listener, true)?;
    // The umask keeps others out from the first moment.
    bind(&listener, &SocketAddrUnix::new(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// Turns SIGCHLD and SIGTERM into bytes on a pipe.
fn catch_signals() -> io::Result<(OwnedFd, OwnedFd)> {
    use std::os::fd::AsRawFd;
    let (reader, writer) = pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    rustix::io::ioctl_fionbio(&writer, true)?;
    sys::catch_signals(writer.as_raw_fd());
    Ok((reader, writer))
}

fn meta(spec: &SpawnSpec, child: i32) -> Meta {
    let identity = |pid| ProcessIdentity {
        pid,
        start_time: start_time(pid),
    };
    Meta {
        worker_id: spec.worker_id.clone(),
        epoch: spec.epoch,
        build: BUILD.to_owned(),
        proto_min: PROTO_MIN,
        proto_max: PROTO_MAX,
        boot_id: boot_id(),
        shim: identity(i32::try_from(std::process::id()).unwrap_or(0)),
        child: identity(child),
        socket: spec.socket.clone(),
        cwd: spec.cwd.to_string_lossy().into_owned(),
        argv: spec
            .argv
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        quota_bytes: spec.quota_bytes,
        on_exit: spec.on_exit,
        started_wall_ms: wall_ms(),
        note: spec.note.clone(),
    }
}
