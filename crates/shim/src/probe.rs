//! Tells whether a worker's shim lives, from its directory alone.
//!
//! Never connects, so a probe cannot disturb a session. Life is the `flock` on `lock`: the kernel
//! drops it when the shim ends, however it ends. *Unknown is not dead*: whatever cannot be judged
//! is said to be unknown, with the reason.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::meta::{EXIT_FILE, ExitRecord, LOCK_FILE, META_FILE, Meta, read_json};

/// What a worker's directory says of its process.
#[derive(Debug, Clone, PartialEq)]
pub enum Life {
    /// A shim holds the lock. (The child may have ended a moment ago: HELLO then says so.)
    Running(Meta),
    /// The child ended and the shim is gone.
    Exited(Meta, ExitRecord),
    /// The shim is gone and never said how the child ended: it was killed, or the machine stopped.
    Lost(Meta),
    /// Cannot be judged; do not restart, do not delete.
    Unknown {
        /// What `meta.json` says, if it can be read.
        meta: Option<Meta>,
        /// Why, for people.
        reason: String,
    },
    /// Nothing was ever started here.
    Absent,
}

/// Judges the worker whose directory is `dir`. Cheap (a few system calls), blocking, harmless.
pub fn probe(dir: &Path) -> Life {
    let locked = is_locked(dir);
    let meta: Option<Meta> = match read_json(&dir.join(META_FILE)) {
        Ok(meta) => meta,
        Err(err) => {
            return Life::Unknown {
                meta: None,
                reason: format!("meta.json cannot be read: {err}"),
            };
        }
    };
    match (locked, meta) {
        (Ok(true), Some(meta)) => Life::Running(meta),
        (Ok(true), None) => Life::Unknown {
            meta: None,
            reason: "the shim is just starting".into(),
        },
        (Ok(false), None) => Life::Absent,
        (Ok(false), Some(meta)) => match read_json(&dir.join(EXIT_FILE)) {
            Ok(Some(exit)) => Life::Exited(meta, exit),
            Ok(None) => Life::Lost(meta),
            Err(err) => Life::Unknown {
                meta: Some(meta),
                reason: format!("exit.json cannot be read: {err}"),
            },
        },
        (Err(err), meta) => Life::Unknown {
            meta,
            reason: format!("the lock cannot be tested: {err}"),
        },
    }
}

/// Is there a shim that holds the lock of `dir`?
fn is_locked(dir: &Path) -> io::Result<bool> {
    let file = match File::open(dir.join(LOCK_FILE)) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(err),
    };
    // Shared: two probes at once do not see each other as a shim. A shim that starts in this very
    // moment tries again (see `process::start`).
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(err) => Err(err.into()),
    }
}
