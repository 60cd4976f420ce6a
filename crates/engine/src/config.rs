//! What the engine is told at start, and where everything lies in the data directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offshoot_protocol::{SessionId, WorkerId};

use crate::StartError;

/// Everything the engine needs to know of its surroundings; it reads no environment itself.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The data directory; made when absent.
    pub home: PathBuf,
    /// A short directory for sockets that lives as long as the user's processes do, when there is one.
    pub run_dir: Option<PathBuf>,
    /// The running executable, copied into the data directory for shims.
    pub program: PathBuf,
    /// The user's home directory, for `~`.
    pub user_home: PathBuf,
    /// The shell of terminal workers.
    pub shell: OsString,
    /// The environment that workers start from. Holds no secret of the server.
    pub environment: Vec<(OsString, OsString)>,
    /// Where people put their definitions of agents, when there is such a place.
    pub agents_dir: Option<PathBuf>,
    /// Agents, by the id of their definition, for whose hooks the user lets us declare trust.
    pub trusted_hooks: Vec<String>,
    /// How long the setup command of a new worktree may run.
    pub setup_limit: Duration,
    /// Where days begin.
    pub time_zone: jiff::tz::TimeZone,
    /// Whether agents that can are asked to report what they use of their models.
    pub asks_usage: bool,
    /// The product's version.
    pub version: String,
    /// How notifications leave the machine.
    pub notifications: crate::NotificationConfig,
}

/// The layout of the data directory.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    run_dir: PathBuf,
}

/// Longest socket path that every supported system accepts, with its final NUL.
const SOCKET_PATH_BYTES: usize = 103;

/// Longest directory of sockets.
const RUN_DIR_BYTES: usize = SOCKET_PATH_BYTES - "/0123456789abcdef.s".len();

impl Home {
    /// Lays out the data directory.
    ///
    /// # Errors
    /// Neither the data directory nor the directory for sockets is short enough for sockets.
    pub(crate) fn new(config: &EngineConfig) -> Result<Self, StartError> {
        let root = config.home.clone();
        let own = root.join("r");
        let fits = |dir: &&PathBuf| dir.as_os_str().len() < RUN_DIR_BYTES;
        let run_dir = config.run_dir.iter().chain([&own]).find(fits).cloned();
        let run_dir = run_dir.ok_or_else(|| StartError::HomeTooLong {
            home: root.clone(),
            excess: own.as_os_str().len() + 1 - RUN_DIR_BYTES,
        })?;
        Ok(Self { root, run_dir })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Directories that must exist, all private to the user.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let mut all = vec![self.root.clone(), self.run_dir.clone()];
        all.extend(
            ["workers", "deleted", "bin", "worktrees", "uploads", "jobs"]
                .map(|name| self.root.join(name)),
        );
        all
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("offshoot.db")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub(crate) fn workers(&self) -> PathBuf {
        self.root.join("workers")
    }

    pub(crate) fn worker(&self, id: WorkerId) -> PathBuf {
        self.workers().join(id.to_string())
    }

    /// The socket a new shim of this worker binds. Recorded by the shim, never recomputed later.
    pub(crate) fn socket(&self, id: WorkerId) -> PathBuf {
        let short = id.0.simple().to_string();
        self.run_dir.join(format!("{}.s", &short[..16]))
    }

    pub(crate) fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Directories of deleted workers, by session, until a job has removed them.
    pub(crate) fn deleted(&self) -> PathBuf {
        self.root.join("deleted")
    }

    /// Directories of a session's deleted workers.
    pub(crate) fn deleted_session(&self, id: SessionId) -> PathBuf {
        self.deleted().join(id.to_string())
    }

    /// The directory of a deleted worker.
    pub(crate) fn deleted_worker(&self, session: SessionId, id: WorkerId) -> PathBuf {
        self.deleted_session(session).join(id.to_string())
    }

    /// Logs of jobs.
    pub(crate) fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// Templates of worktrees, by repository, for those that have none of their own.
    pub(crate) fn templates(&self) -> PathBuf {
        self.root.join("templates")
    }

    pub(crate) fn worktrees(&self) -> PathBuf {
        self.root.join("worktrees")
    }
}
