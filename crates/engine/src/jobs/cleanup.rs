//! Removing what deletions leave on the disk.
//!
//! A deletion moves a worker's directory to `deleted/<session>/<worker>` before it answers: from
//! then on the worker is gone, also for a server that starts anew. A job frees the space. It goes
//! file by file and stops when it is told to, so that gigabytes never hold up the end of the server.

use std::io;
use std::path::{Path, PathBuf};

use offshoot_protocol::{SessionId, WorkerId};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{JobContext, JobError, Options, Work};
use crate::Engine;

/// Removes what a deleted worker left on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CleanupWorkerOutput {
    /// The session of the worker.
    pub(crate) session_id: SessionId,
    /// The worker.
    pub(crate) worker_id: WorkerId,
}

/// Removes what the workers of a deleted session left on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CleanupSessionOutputs {
    /// The session.
    pub(crate) session_id: SessionId,
}

/// Removes the empty directories of a repository that was unregistered. Worktrees stay: they may
/// hold work, and git knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CleanupRepository {
    /// The directory that holds the repository's worktrees.
    pub(crate) repo_dir: PathBuf,
}

impl CleanupWorkerOutput {
    pub(super) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        let home = &engine.inner.home;
        let dir = home.deleted_worker(self.session_id, self.worker_id);
        remove(dir, context).await?;
        // The last worker takes the session's directory with it.
        let _ = std::fs::remove_dir(home.deleted_session(self.session_id));
        Ok(())
    }
}

impl CleanupSessionOutputs {
    pub(super) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        remove(engine.inner.home.deleted_session(self.session_id), context).await
    }
}

impl CleanupRepository {
    pub(super) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        let worktrees = engine.inner.home.worktrees();
        let is_inside = self.repo_dir.starts_with(&worktrees) && self.repo_dir != worktrees;
        let climbs = self
            .repo_dir
            .components()
            .any(|part| part.as_os_str() == "..");
        if !is_inside || climbs {
            let text = format!("{} is no directory of ours", self.repo_dir.display());
            return Err(JobError::lasting(text));
        }
        context.progress("removing empty directories", None);
        let (dir, of_task) = (self.repo_dir.clone(), context.clone());
        let removed = tokio::task::spawn_blocking(move || {
            let removed = remove_empty(&dir, &of_task);
            // The owner's directory, when this was its last repository.
            if let Some(owner) = dir.parent().filter(|owner| **owner != *worktrees) {
                let _ = std::fs::remove_dir(owner);
            }
            removed
        });
        outcome(removed.await, &self.repo_dir)
    }
}

async fn remove(dir: PathBuf, context: &JobContext) -> Result<(), JobError> {
    context.progress("removing files", None);
    let (target, of_task) = (dir.clone(), context.clone());
    let removed = tokio::task::spawn_blocking(move || remove_tree(&target, &of_task));
    outcome(removed.await, &dir)
}

fn outcome(
    removed: Result<io::Result<()>, tokio::task::JoinError>,
    dir: &Path,
) -> Result<(), JobError> {
    let err = match removed {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(err)) => err.to_string(),
        Err(err) => err.to_string(),
    };
    Err(JobError::passing(format!(
        "remove {}: {err}",
        dir.display()
    )))
}

/// Removes a directory with everything in it. One that is gone is fine; links are not followed.
fn remove_tree(dir: &Path, context: &JobContext) -> io::Result<()> {
    for entry in entries(dir)? {
        go_on(context.cancelled())?;
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path(), context)?;
        } else {
            gone(std::fs::remove_file(entry.path()))?;
        }
        context.progress("removing files", None);
    }
    gone(std::fs::remove_dir(dir))
}

/// Removes a directory and those in it as far as they are empty. What is not is told in the log.
fn remove_empty(dir: &Path, context: &JobContext) -> io::Result<()> {
    for entry in entries(dir)? {
        go_on(context.cancelled())?;
        let entry = entry?;
        // A worktree is never looked into: an empty directory in it may be somebody's.
        let is_removed = entry.file_type()?.is_dir() && std::fs::remove_dir(entry.path()).is_ok();
        if !is_removed {
            context.log(&format!("kept {}: it holds files", entry.path().display()));
        }
    }
    match std::fs::remove_dir(dir) {
        Err(err) if err.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        removed => gone(removed),
    }
}

/// Reads a directory; one that is gone is empty.
fn entries(dir: &Path) -> io::Result<impl Iterator<Item = io::Result<std::fs::DirEntry>>> {
    match std::fs::read_dir(dir) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None.into_iter().flatten()),
        read => Ok(Some(read?).into_iter().flatten()),
    }
}

fn go_on(cancel: &CancellationToken) -> io::Result<()> {
    match cancel.is_cancelled() {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, "told to stop")),
        false => Ok(()),
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

impl Engine {
    /// Has the files of a deleted worker removed.
    pub(crate) async fn clean_up_worker(&self, session_id: SessionId, worker_id: WorkerId) {
        let work = CleanupWorkerOutput {
            session_id,
            worker_id,
        };
        self.clean_up(Work::CleanupWorkerOutput(work)).await;
    }

    /// Has the files of a deleted session's workers removed.
    pub(crate) async fn clean_up_session(&self, session_id: SessionId) {
        let work = CleanupSessionOutputs { session_id };
        self.clean_up(Work::CleanupSessionOutputs(work)).await;
    }

    /// Has what is left of an unregistered repository removed, unless another one lies there too.
    pub(crate) async fn clean_up_repository(&self, path: &Path, remote_url: Option<&str>) {
        let root = self.inner.home.worktrees();
        let dir_of =
            |path: &Path, url: Option<&str>| crate::worktrees::directory_of(&root, url, path);
        let repo_dir = dir_of(path, remote_url);
        let is_shared = self
            .repositories()
            .iter()
            .any(|other| dir_of(Path::new(&other.path), other.remote_url.as_deref()) == repo_dir);
        if !is_shared {
            let work = CleanupRepository { repo_dir };
            self.clean_up(Work::CleanupRepository(work)).await;
        }
    }

    /// Has the leftovers of a deletion removed. Where that cannot be recorded, as on a full disk,
    /// they are removed at once: deleting is how people get space.
    async fn clean_up(&self, work: Work) {
        let home = &self.inner.home;
        let dir = match &work {
            Work::CleanupWorkerOutput(work) => {
                Some(home.deleted_worker(work.session_id, work.worker_id))
            }
            Work::CleanupSessionOutputs(work) => Some(home.deleted_session(work.session_id)),
            _ => None,
        };
        let Err(err) = self.enqueue(work, Options::default()).await else {
            return;
        };
        tracing::warn!(%err, "record a cleanup; it is done at once");
        let Some(dir) = dir else { return };
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(dir)).await;
        if let Ok(Err(err)) = removed.map(gone) {
            tracing::warn!(%err, "remove a deleted worker's files");
        }
    }
}

/// Records jobs for leftovers that no job is to remove: the server died between moving them and
/// recording it.
pub(super) async fn sweep(engine: &Engine) {
    let entries = std::fs::read_dir(engine.inner.home.deleted()).into_iter();
    let names = entries.flatten().filter_map(Result::ok);
    let sessions: Vec<SessionId> = names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for session_id in sessions {
        let is_known = engine.live_jobs().iter().any(|(_, work)| match work {
            Work::CleanupSessionOutputs(work) => work.session_id == session_id,
            Work::CleanupWorkerOutput(work) => work.session_id == session_id,
            _ => false,
        });
        if !is_known {
            let work = Work::CleanupSessionOutputs(CleanupSessionOutputs { session_id });
            engine.clean_up(work).await;
        }
    }
}
