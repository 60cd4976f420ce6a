//! The two small files beside the log: `meta.json` says who runs, `exit.json` how it ended.
//!
//! Both are written by the shim alone, to a temporary name and renamed, mode 0600, so a reader sees
//! a whole file or none. Fields are only ever added.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::spec::OnExit;

/// Held with `flock` for the whole life of a shim; the one test of life.
pub(crate) const LOCK_FILE: &str = "lock";
/// Who runs here.
pub(crate) const META_FILE: &str = "meta.json";
/// How it ended; absent while it runs.
pub(crate) const EXIT_FILE: &str = "exit.json";
/// Directory of the segments.
pub(crate) const LOG_DIR: &str = "log";

/// A process named so that a reused pid is not mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessIdentity {
    /// The pid.
    pub pid: i32,
    /// Start time in clock ticks since boot (`/proc/<pid>/stat` field 22); 0 where it is unknown.
    pub start_time: u64,
}

/// What `meta.json` says of a shim and its child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Id of the worker.
    pub worker_id: String,
    /// Life of the worker's output.
    pub epoch: u32,
    /// Build that wrote this file.
    pub build: String,
    /// Oldest protocol version the shim speaks.
    pub proto_min: u16,
    /// Newest protocol version the shim speaks.
    pub proto_max: u16,
    /// Boot the pids belong to.
    pub boot_id: String,
    /// The shim itself.
    pub shim: ProcessIdentity,
    /// The child, leader of the terminal's session.
    pub child: ProcessIdentity,
    /// Absolute path of the socket. Never recompute it.
    pub socket: PathBuf,
    /// Where the child started (lossy where it is no UTF-8).
    pub cwd: String,
    /// Program and arguments (lossy where they are no UTF-8).
    pub argv: Vec<String>,
    /// Log quota.
    pub quota_bytes: u64,
    /// What happens to descendants when the child ends.
    pub on_exit: OnExit,
    /// Wall clock at start, in milliseconds since 1970.
    pub started_wall_ms: u64,
    /// Whatever the spawner wanted remembered.
    pub note: serde_json::Value,
}

impl Meta {
    /// Does the child still live? After its shim was killed it usually does not, but it may have
    /// ignored the hangup; starting a second one beside it would be wrong. `None`: cannot be told.
    pub fn child_is_alive(&self) -> Option<bool> {
        if self.child.start_time == 0 || self.boot_id.is_empty() {
            return None;
        }
        if self.boot_id != boot_id() {
            return Some(false);
        }
        Some(start_time(self.child.pid) == self.child.start_time)
    }
}

/// Start time of a process in clock ticks since boot; 0 where it has ended or that is unknown.
pub(crate) fn start_time(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything; the 22nd field is the 20th after it.
    let after_name = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .trim_start();
    // A zombie has ended; only its parent does not know yet.
    if after_name.starts_with(['Z', 'X']) {
        return 0;
    }
    after_name
        .split_ascii_whitespace()
        .nth(19)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// Names this boot; empty where that is unknown.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExitRecord {
    /// Exit code, if it ended by itself.
    pub code: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
    /// End of its output.
    pub offset: u64,
    /// Wall clock at the end, in milliseconds since 1970.
    pub wall_ms: u64,
}

/// Reads one of the two files. `Ok(None)`: it is not there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
    }
}

/// Replaces one of the two files in one step.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_data()?;
    fs::rename(&temporary, path)
}
