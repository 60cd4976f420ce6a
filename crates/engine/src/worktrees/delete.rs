//! Deletes a worktree with its sessions, at once or as a job. Work in it goes to the trash.
//!
//! Order: refuse what would lose work, end the processes, put the work into the trash, remove the
//! worktree, free its number, delete its sessions. How it fails: before the worktree is removed
//! everything is still there, the sessions too, at worst with their processes ended.

use std::path::{Component, Path, PathBuf};

use offshoot_git::{Force, RemoveError, TrashError};
use offshoot_protocol::job::{Job, JobStatus};
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::{JobId, RepositoryId, SessionId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::create::with_signs;
use super::request::task_id;
use crate::event::Event;
use crate::jobs::{JobContext, JobError, Options, Work};
use crate::state::SessionEntry;
use crate::{Engine, EngineError};

/// Where the result of a job names the session that went with the worktree.
const SESSION_ID: &str = "sessionId";

/// Worktrees that are being deleted while their client waits; those of jobs are in the jobs.
#[derive(Debug, Default)]
pub(crate) struct Deleting {
    paths: Mutex<Vec<PathBuf>>,
}

/// Holds a worktree as one that is being deleted.
#[derive(Debug)]
struct Held<'a> {
    deleting: &'a Deleting,
    path: PathBuf,
}

impl Deleting {
    fn hold(&self, path: &Path) -> Option<Held<'_>> {
        let mut paths = self.paths.lock();
        if paths.iter().any(|held| held == path) {
            return None;
        }
        paths.push(path.to_owned());
        Some(Held {
            deleting: self,
            path: path.to_owned(),
        })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.deleting.paths.lock().retain(|path| *path != self.path);
    }
}

/// A worktree to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteWorktreeWork {
    pub(crate) repository_id: RepositoryId,
    pub(crate) path: PathBuf,
    /// Also with work in it, which goes to the trash.
    pub(crate) force: bool,
    /// The text that the client knows it by.
    pub(crate) task_id: String,
}

impl Engine {
    /// Deletes a worktree of ours with its sessions: in the background when there is a task id, and
    /// what came of it is told under that.
    ///
    /// # Errors
    /// There is no such repository or worktree, the worktree is being deleted already; without a task
    /// id, what stopped it: nothing is lost then.
    pub async fn delete_worktree(
        &self,
        repository_id: RepositoryId,
        path: &str,
        force: bool,
        task: Option<String>,
    ) -> Result<Option<JobId>, EngineError> {
        let path = path.to_owned();
        self.finish(move |engine| async move {
            engine
                .delete_worktree_now(repository_id, &path, force, task)
                .await
        })
        .await
    }

    async fn delete_worktree_now(
        &self,
        repository_id: RepositoryId,
        path: &str,
        force: bool,
        task: Option<String>,
    ) -> Result<Option<JobId>, EngineError> {
        self.repository(repository_id)?;
        let path = self.managed_path(path)?;
        let task = task.map(|task| task_id(&task)).transpose()?;
        let in_progress = || EngineError::InProgress("Deletion already in progress".to_owned());
        let held = self.inner.deleting.hold(&path).ok_or_else(in_progress)?;
        let conflicts =
            |work: &Work| matches!(work, Work::DeleteWorktree(other) if other.path == path);
        if self.live_jobs().iter().any(|(_, work)| conflicts(work)) {
            return Err(in_progress());
        }
        self.check_listed(repository_id, &path).await?;
        let Some(task_id) = task else {
            self.remove_with_sessions(repository_id, &path, force)
                .await?;
            return Ok(None);
        };
        let work = Work::DeleteWorktree(DeleteWorktreeWork {
            repository_id,
            path: path.clone(),
            force,
            task_id,
        });
        let job = self
            .enqueue_alone(work, Options::default(), conflicts)
            .await?;
        drop(held);
        Ok(Some(job.map_err(|_| in_progress())?.id))
    }

    /// Checks that a path lies where our worktrees do.
    fn managed_path(&self, path: &str) -> Result<PathBuf, EngineError> {
        let refuse = |text: &str| Err(EngineError::WrongState(text.to_owned()));
        if path.trim_matches('/').is_empty() {
            return refuse("worktree path is required");
        }
        let mut normal = PathBuf::from("/");
        for component in Path::new(path).components() {
            match component {
                Component::ParentDir => drop(normal.pop()),
                Component::Normal(name) => normal.push(name),
                _ => {}
            }
        }
        let root = self.inner.home.worktrees();
        let is_ours = normal != root && normal.starts_with(&root) && !path.contains('\0');
        match is_ours {
            true => Ok(normal),
            false => refuse("Worktree path is outside managed directory"),
        }
    }

    async fn check_listed(&self, id: RepositoryId, path: &Path) -> Result<(), EngineError> {
        let listed = self.worktrees(id).await?;
        let is_it = |path_of: &str| Path::new(path_of) == path;
        match listed
            .iter()
            .any(|worktree| is_it(&worktree.path) && !worktree.is_main)
        {
            true => Ok(()),
            false => Err(EngineError::WrongState(
                "Invalid worktree path for this repository".to_owned(),
            )),
        }
    }

    /// Removes a worktree and then the sessions in it. Done again, it does what is left to do.
    async fn remove_with_sessions(
        &self,
        repository_id: RepositoryId,
        path: &Path,
        force: bool,
    ) -> Result<Option<SessionId>, EngineError> {
        let git = self.open_registered(repository_id).await?;
        if !force {
            git.check_removable(path)
                .await
                .or_else(gone)
                .map_err(remove_error)?;
        }
        let sessions = self.sessions_at(path);
        let title = sessions.first().map(SessionEntry::label);
        {
            let mut lifecycles = Vec::new();
            for session in &sessions {
                lifecycles.push(session.lifecycle.lock().await);
            }
            // Processes end first: a worktree is not removed under them.
            for handle in sessions.iter().flat_map(SessionEntry::handles) {
                handle.stop().await?;
            }
            let fate = if force {
                WorktreeFate::Discard
            } else {
                WorktreeFate::Remove
            };
            self.remove_or_trash(&git, path, fate, title.as_deref())
                .await?;
        }
        for session in &sessions {
            match self
                .delete_session(session.row.id, WorktreeFate::Keep)
                .await
            {
                Ok(()) | Err(EngineError::SessionNotFound(_)) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(sessions.first().map(|session| session.row.id))
    }

    /// Removes a worktree, through the trash when it may hold work, and frees its number. One that
    /// git does not know any more is removed already.
    pub(crate) async fn remove_or_trash(
        &self,
        git: &offshoot_git::Repository,
        path: &Path,
        fate: WorktreeFate,
        title: Option<&str>,
    ) -> Result<(), EngineError> {
        if fate == WorktreeFate::Discard {
            match git.remove_into_trash(path, title).await {
                Ok(_) | Err(TrashError::Remove(RemoveError::NotAWorktree(_))) => {}
                Err(err) => return Err(super::trash::error_of(err)),
            }
        } else {
            let removed = git.remove_worktree(path, Force::No).await;
            removed.or_else(gone).map_err(remove_error)?;
        }
        self.release_worktree_path(path).await;
        Ok(())
    }

    /// Returns the sessions in a directory, oldest first, paused ones included.
    fn sessions_at(&self, path: &Path) -> Vec<SessionEntry> {
        let state = self.state();
        let is_there = |entry: &&SessionEntry| Path::new(&entry.row.location_path) == path;
        state.sessions.iter().filter(is_there).cloned().collect()
    }
}

fn gone(err: RemoveError) -> Result<(), RemoveError> {
    match err {
        RemoveError::NotAWorktree(_) => Ok(()),
        err => Err(err),
    }
}

/// Turns git's refusal to remove a worktree into what the caller can do about it.
pub(crate) fn remove_error(err: RemoveError) -> EngineError {
    match err {
        RemoveError::Dirty(status) => EngineError::WorktreeDirty(status.to_string()),
        err @ (RemoveError::DetachedCommit(_)
        | RemoveError::Submodules
        | RemoveError::Locked(_)
        | RemoveError::Replaced) => EngineError::WorktreeDirty(err.to_string()),
        err @ RemoveError::Link(_) => EngineError::WrongState(err.to_string()),
        err => EngineError::Git(err.to_string()),
    }
}

impl DeleteWorktreeWork {
    /// Deletes the worktree; what an earlier attempt did is not done again.
    pub(crate) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        context.progress("Removing the worktree", None);
        let remove = engine.remove_with_sessions(self.repository_id, &self.path, self.force);
        let session_id = with_signs(context, remove).await?;
        context.set_result(serde_json::json!({ SESSION_ID: session_id }));
        Ok(())
    }

    /// Tells what came of it, when the job has ended: who hears of it finds no deletion in progress. Of
    /// a failure also what git says of the worktree.
    pub(crate) async fn ended(&self, engine: &Engine, job: &Job) {
        let (repository_id, task_id) = (self.repository_id, self.task_id.clone());
        let event = if job.status == JobStatus::Stalled {
            Event::WorktreeDeletionFailed {
                repository_id,
                task_id,
                error: job.last_error.clone().unwrap_or_default(),
                git_status: offshoot_git::status_text(&self.path).await.ok(),
            }
        } else {
            let session_id = job.result.as_ref().map(|result| &result[SESSION_ID]);
            Event::WorktreeDeleted {
                repository_id,
                task_id,
                session_id: session_id.and_then(|id| id.as_str()?.parse().ok()),
            }
        };
        engine.state().events.publish(event);
    }
}
