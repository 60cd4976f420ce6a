//! Diffs of sessions' worktrees: made when asked for, and watched for whoever looks.
//!
//! Owns who watches which directory. One task watches a directory however many look at it; it ends
//! with the last of them and does nothing while nothing changes. Each viewer has its own base and
//! target. Diffs of one directory are made one after the other, and only for the newest state.
//!
//! How it fails: a directory that is gone ends its viewers; one that the system cannot watch is
//! looked at now and then, and its diffs say so.

#[cfg(target_os = "linux")]
mod inotify;
#[cfg(target_os = "linux")]
mod tree;
mod view;
mod watcher;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Instant;

use jiff::Timestamp;
use offshoot_git::{Base, Comparison, DiffLimits, FileDiff, Target};
use offshoot_protocol::diff::{DiffUpdates, GitDiff};
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{SessionId, WorkerId};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Engine, EngineError};

/// The word for the files as they are, where a commit could be named.
const WORKING_DIR: &str = "working-dir";

/// Diffs made at once in the whole server. One that waits for its turn is late, but does not take
/// processor and disk from the agents.
const DIFFS_AT_ONCE: usize = 2;

/// The patch of one file that was asked for alone.
const ONE_FILE_BYTES: usize = 16 << 20;

/// Everything about diffs that the engine holds.
#[derive(Debug)]
pub(crate) struct Diffs {
    /// By directory. Entries of those that nobody looks at go when the next one is added.
    watched: Mutex<HashMap<PathBuf, Weak<Watched>>>,
    turns: Semaphore,
}

impl Default for Diffs {
    fn default() -> Self {
        Self {
            watched: Mutex::default(),
            turns: Semaphore::new(DIFFS_AT_ONCE),
        }
    }
}

/// A directory that somebody looks at.
#[derive(Debug)]
struct Watched {
    dir: PathBuf,
    pulse: watch::Receiver<Pulse>,
    /// The newest diff, for viewers that compare the same. Held while one is made.
    newest: tokio::sync::Mutex<Option<Newest>>,
    pace: Arc<watcher::Pace>,
    /// Ends the task.
    _task: DropGuard,
}

#[derive(Debug)]
struct Newest {
    n_changes: u64,
    comparison: Comparison,
    diff: Arc<GitDiff>,
}

/// Whether a diff that somebody else has made will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reuse {
    Yes,
    No,
}

/// What the task of a directory says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pulse {
    /// Grows with everything that can change a diff.
    n_changes: u64,
    updates: DiffUpdates,
    is_gone: bool,
}

/// One who looks at a directory's diff. The directory is watched as long as any exists.
#[derive(Debug)]
pub struct DiffView {
    engine: Engine,
    watched: Arc<Watched>,
    base: String,
}

/// Tells one viewer when the diff may be another one.
#[derive(Debug)]
pub struct DiffChanges {
    pulse: watch::Receiver<Pulse>,
    /// Has it watched.
    _watched: Arc<Watched>,
}

/// Why no changes are told any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffViewEnd {
    /// The directory is gone.
    Gone,
    /// The engine shuts down.
    Closed,
}

impl DiffChanges {
    /// Waits until the diff may be another one than when this was last [`seen`](Self::seen).
    /// Cancel-safe.
    ///
    /// # Errors
    /// The directory is gone or the engine shuts down.
    pub async fn changed(&mut self) -> Result<(), DiffViewEnd> {
        loop {
            if self.pulse.borrow().is_gone {
                return Err(DiffViewEnd::Gone);
            }
            let changed = self.pulse.changed().await;
            changed.map_err(|_| DiffViewEnd::Closed)?;
            if !self.pulse.borrow().is_gone {
                return Ok(());
            }
        }
    }

    /// Takes what has changed as known: a diff is made now.
    pub fn seen(&mut self) {
        self.pulse.mark_unchanged();
    }
}

impl DiffView {
    /// Returns what the worker compares against unless told otherwise.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Makes the diff of the newest state, or takes that of another viewer who compares the same.
    /// Dropping the future gives it up.
    ///
    /// # Errors
    /// A side names nothing, or git fails.
    pub async fn newest(&self, base: &str, target: &str) -> Result<Arc<GitDiff>, EngineError> {
        self.make(base, target, Reuse::Yes).await
    }

    /// Makes the diff anew whatever others have made.
    ///
    /// # Errors
    /// A side names nothing, or git fails.
    pub async fn fresh(&self, base: &str, target: &str) -> Result<Arc<GitDiff>, EngineError> {
        self.make(base, target, Reuse::No).await
    }

    async fn make(
        &self,
        base: &str,
        target: &str,
        reuse: Reuse,
    ) -> Result<Arc<GitDiff>, EngineError> {
        let comparison = comparison(base, target);
        let mut newest = self.watched.newest.lock().await;
        let Pulse {
            n_changes, updates, ..
        } = *self.watched.pulse.borrow();
        let known = newest.as_ref().filter(|newest| {
            newest.n_changes == n_changes && newest.comparison == comparison && reuse == Reuse::Yes
        });
        if let Some(known) = known {
            return Ok(Arc::clone(&known.diff));
        }
        let begun = Instant::now();
        let dir = &self.watched.dir;
        let mut diff = self
            .engine
            .diff_of(dir, &comparison, &DiffLimits::default())
            .await?;
        self.watched.pace.took(begun.elapsed());
        diff.summary.updates = Some(updates);
        let diff = Arc::new(diff);
        *newest = Some(Newest {
            n_changes,
            comparison,
            diff: Arc::clone(&diff),
        });
        Ok(diff)
    }

    /// Returns lines of a file; see [`Engine::file_lines`].
    ///
    /// # Errors
    /// The path leads out, or the target names nothing.
    pub async fn lines(
        &self,
        file: &str,
        range: std::ops::RangeInclusive<usize>,
        target: &str,
    ) -> Result<Vec<String>, EngineError> {
        lines(&self.watched.dir, file, range, target).await
    }
}

impl Engine {
    /// Compares a session's directory, or two commits in it. The base is the worker's own and the
    /// target the files as they are, unless others are named.
    ///
    /// # Errors
    /// There is no such worker, it is no diff worker, a side names nothing, or git fails.
    pub async fn diff(
        &self,
        session: SessionId,
        worker: WorkerId,
        base: Option<&str>,
        target: Option<&str>,
    ) -> Result<GitDiff, EngineError> {
        let (dir, own_base) = self.diff_place(session, worker)?;
        let comparison = comparison(base.unwrap_or(&own_base), target.unwrap_or(WORKING_DIR));
        self.diff_of(&dir, &comparison, &DiffLimits::default())
            .await
    }

    /// Returns the patch of one file, larger than a whole diff would hold it; empty when the file
    /// did not change.
    ///
    /// # Errors
    /// As of [`Engine::diff`].
    pub async fn diff_of_file(
        &self,
        session: SessionId,
        worker: WorkerId,
        name: &str,
        base: Option<&str>,
        target: Option<&str>,
    ) -> Result<String, EngineError> {
        let (dir, own_base) = self.diff_place(session, worker)?;
        let comparison = comparison(base.unwrap_or(&own_base), target.unwrap_or(WORKING_DIR));
        let found = self
            .files(&dir, &comparison, &DiffLimits::default(), &[])
            .await?;
        let is_wanted = |file: &&FileDiff| offshoot_git::display_name(&file.path) == name;
        let Some(file) = found.files.iter().find(is_wanted) else {
            return Ok(String::new());
        };
        if file.omitted.is_none() {
            return Ok(String::from_utf8_lossy(&file.patch).into_owned());
        }
        let paths: Vec<PathBuf> = [Some(file.path.clone()), file.old_path.clone()]
            .into_iter()
            .flatten()
            .collect();
        let limits = DiffLimits {
            file_bytes: ONE_FILE_BYTES,
            total_bytes: ONE_FILE_BYTES,
            ..DiffLimits::default()
        };
        let found = self.files(&dir, &comparison, &limits, &paths).await?;
        let file = found.files.iter().find(is_wanted);
        let patch = file.map(|file| String::from_utf8_lossy(&file.patch).into_owned());
        Ok(patch.unwrap_or_default())
    }

    /// Returns lines of a file as it is in a session's directory or in a commit. Lines outside the
    /// file are left out; a file that is not there has none.
    ///
    /// # Errors
    /// There is no such worker, the path leads out of the worktree, or the target names nothing.
    pub async fn file_lines(
        &self,
        session: SessionId,
        worker: WorkerId,
        file: &str,
        range: std::ops::RangeInclusive<usize>,
        target: Option<&str>,
    ) -> Result<Vec<String>, EngineError> {
        let (dir, _) = self.diff_place(session, worker)?;
        lines(&dir, file, range, target.unwrap_or(WORKING_DIR)).await
    }

    /// Begins to look at the diff of a session's directory.
    ///
    /// # Errors
    /// There is no such worker, it is no diff worker, or the directory is gone.
    pub fn view_diff(
        &self,
        session: SessionId,
        worker: WorkerId,
    ) -> Result<(DiffView, DiffChanges), EngineError> {
        let (dir, base) = self.diff_place(session, worker)?;
        let watched = self.watched(dir);
        let changes = DiffChanges {
            pulse: watched.pulse.clone(),
            _watched: Arc::clone(&watched),
        };
        let view = DiffView {
            engine: self.clone(),
            watched,
            base,
        };
        Ok((view, changes))
    }

    /// Finds who watches a directory, or has it watched from now on.
    fn watched(&self, dir: PathBuf) -> Arc<Watched> {
        let mut all = self.inner.diffs.watched.lock();
        if let Some(watched) = all.get(&dir).and_then(Weak::upgrade) {
            return watched;
        }
        let stop: CancellationToken = self.inner.cancel.child_token();
        let pace = Arc::new(watcher::Pace::default());
        let (publish, pulse) = watch::channel(Pulse {
            n_changes: 0,
            updates: DiffUpdates::Live,
            is_gone: false,
        });
        let watching = watcher::run(dir.clone(), publish, Arc::clone(&pace));
        let watching = stop.clone().run_until_cancelled_owned(watching);
        self.inner.tasks.spawn(watching);
        let watched = Arc::new(Watched {
            dir: dir.clone(),
            pulse,
            newest: tokio::sync::Mutex::default(),
            pace,
            _task: stop.drop_guard(),
        });
        all.retain(|_, watched| watched.strong_count() > 0);
        all.insert(dir, Arc::downgrade(&watched));
        watched
    }

    /// Returns the directory and the base of a diff worker.
    fn diff_place(
        &self,
        session: SessionId,
        worker: WorkerId,
    ) -> Result<(PathBuf, String), EngineError> {
        let (dir, base) = {
            let state = self.state();
            let session = state.session(session)?;
            let worker = session.worker(worker)?;
            if worker.kind != WorkerKind::GitDiff {
                let text = "The worker is not a view of changes".to_owned();
                return Err(EngineError::WrongState(text));
            }
            let base = worker.base_commit.clone();
            (
                PathBuf::from(&session.row.location_path),
                base.unwrap_or_else(|| "HEAD".to_owned()),
            )
        };
        match dir.is_dir() {
            true => Ok((dir, base)),
            false => Err(EngineError::PathNotFound(dir)),
        }
    }

    async fn diff_of(
        &self,
        dir: &Path,
        comparison: &Comparison,
        limits: &DiffLimits,
    ) -> Result<GitDiff, EngineError> {
        let diff = self.files(dir, comparison, limits, &[]).await?;
        Ok(view::of(diff, Timestamp::now()))
    }

    async fn files(
        &self,
        dir: &Path,
        comparison: &Comparison,
        limits: &DiffLimits,
        paths: &[PathBuf],
    ) -> Result<offshoot_git::Diff, EngineError> {
        let _turn = self.inner.diffs.turns.acquire().await;
        let diff = offshoot_git::diff_of_files(dir, comparison, limits, paths).await;
        diff.map_err(refuse)
    }
}

fn comparison(base: &str, target: &str) -> Comparison {
    Comparison {
        base: Base::parse(base),
        target: target_of(target),
    }
}

fn target_of(text: &str) -> Target {
    match text {
        WORKING_DIR => Target::WorkingTree,
        rev => Target::Rev(rev.to_owned()),
    }
}

async fn lines(
    dir: &Path,
    file: &str,
    range: std::ops::RangeInclusive<usize>,
    target: &str,
) -> Result<Vec<String>, EngineError> {
    use offshoot_git::LinesError;
    let (first, last) = range.into_inner();
    let found = offshoot_git::file_lines(dir, &target_of(target), file, first, last).await;
    found.map_err(|err| match err {
        LinesError::Outside(_) => EngineError::WrongState(err.to_string()),
        LinesError::TargetNotFound(_) => EngineError::RevNotFound(err.to_string()),
        LinesError::Diff(err) => refuse(err),
        LinesError::Git(err) => EngineError::Git(err.to_string()),
    })
}

fn refuse(err: offshoot_git::DiffError) -> EngineError {
    use offshoot_git::DiffError;
    match err {
        DiffError::NotARepository(dir) => EngineError::NotARepository(dir),
        DiffError::Elsewhere(_) => EngineError::WrongState(err.to_string()),
        DiffError::BaseNotFound(_) | DiffError::TargetNotFound(_) => {
            EngineError::RevNotFound(err.to_string())
        }
        DiffError::Git(err) => EngineError::Git(err.to_string()),
    }
}
