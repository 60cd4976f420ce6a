//! Removing a worktree without losing work, and clearing away what is half made.

use std::path::{Path, PathBuf};

use super::{Worktree, find};
use crate::command::{Git, GitError};
use crate::filters::OwnFilters;
use crate::head::Head;
use crate::status::{Status, status};
use crate::task::{blocking, undisturbed};
use crate::{Repository, lock};

/// Whether a worktree is removed with what is not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Refuse when work would be lost.
    No,
    /// Remove it with everything in it.
    Yes,
}

/// Why a worktree was not removed. Everything is still there, unless git says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It holds changes or untracked files that would be lost.
    #[error("the worktree holds changes that are not committed: {0}")]
    Dirty(Box<Status>),
    /// Its head is detached at a commit that no branch or tag holds, which would be lost.
    #[error("commit {0} is on no branch and would be lost")]
    DetachedCommit(String),
    /// It holds submodules, whose commits and changes would be lost unseen.
    #[error("the worktree holds submodules, which may hold work of their own")]
    Submodules,
    /// Somebody locked it with `git worktree lock`, and may have said why. Unlock it first; the trash
    /// takes it all the same.
    #[error("the worktree is locked{}; unlock it, or force: its work goes to the trash then", why(.0))]
    Locked(String),
    /// What is called `.git` in it is not what it was made with, so that git cannot tell what would be
    /// lost. The trash takes it all the same.
    #[error(
        "the worktree's .git was replaced or removed, so that nobody can tell what would be lost"
    )]
    Replaced,
    /// A symbolic link is in its place, and what that leads to is not the worktree.
    #[error(
        "{} is a symbolic link now, which is not followed: remove the link, and what git has on record \
         can be deleted", .0.display()
    )]
    Link(PathBuf),
    /// It is the main worktree, which is the repository itself.
    #[error("the main worktree cannot be removed")]
    MainWorktree,
    /// git has no worktree on record there.
    #[error("{} is no worktree of this repository", .0.display())]
    NotAWorktree(PathBuf),
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// Removes a worktree and its directory; its branch stays. Of one whose directory is gone, the
    /// record.
    ///
    /// Refuses to lose work unless forced; ignored files go in any case. Begun, it is finished even
    /// when the caller goes away.
    pub async fn remove_worktree(&self, path: &Path, force: Force) -> Result<(), RemoveError> {
        let repository = self.clone();
        let path = self.root().join(path);
        undisturbed(async move { remove(&repository, &path, force).await }).await
    }

    /// Checks that removing a worktree without force would be allowed and lose nothing.
    pub async fn check_removable(&self, path: &Path) -> Result<(), RemoveError> {
        let worktree = find(self, &self.root().join(path)).await?;
        check(self, &worktree, Force::No).await
    }

    /// Clears away a worktree that was only just made, or half made by a git that was killed, with
    /// everything in it. Only for a directory that nobody but the caller knows. What cannot be
    /// cleared away is logged.
    pub async fn discard_unfinished(&self, path: &Path) {
        let repository = self.clone();
        let path = self.root().join(path);
        undisturbed(async move { discard(&repository, &path).await }).await;
    }

    /// Forgets all worktrees whose directories are gone, which frees their branches. Locked ones
    /// stay: their disk may only be away.
    pub async fn prune_worktrees(&self) -> Result<(), GitError> {
        let _turn = lock::turn(self.common_dir()).await;
        prune(self).await.map(drop)
    }
}

impl Worktree {
    /// Refuses the main worktree, and what git would follow: a link that took the directory's place.
    pub(crate) async fn may_be_removed(&self) -> Result<(), RemoveError> {
        if self.is_main {
            return Err(RemoveError::MainWorktree);
        }
        match tokio::fs::symlink_metadata(&self.path).await {
            Ok(metadata) if metadata.is_symlink() => Err(RemoveError::Link(self.path.clone())),
            _ => Ok(()),
        }
    }
}

async fn remove(repository: &Repository, path: &Path, force: Force) -> Result<(), RemoveError> {
    let _turn = lock::turn(repository.common_dir()).await;
    let worktree = find(repository, path).await?;
    check(repository, &worktree, force).await?;
    let mut git = repository.write_tree();
    if force == Force::No && !worktree.missing {
        // git looks once more by itself; without these it would run the repository's filters.
        git = OwnFilters::of(&worktree.path).await?.switch_off(git);
    }
    git = git.args(["worktree", "remove"]);
    if force == Force::Yes {
        git = git.arg("--force");
    }
    match git.arg("--").arg(&worktree.path).run().await {
        Err(GitError::Failed { stderr, .. }) if stderr.contains("containing submodules") => {
            Err(RemoveError::Submodules)
        }
        Err(err) => Err(err.into()),
        Ok(_) => Ok(()),
    }
}

/// Checks that a worktree may be removed, and that nothing is lost unless that is wanted.
async fn check(
    repository: &Repository,
    worktree: &Worktree,
    force: Force,
) -> Result<(), RemoveError> {
    worktree.may_be_removed().await?;
    if let Some(reason) = &worktree.locked {
        return Err(RemoveError::Locked(reason.clone()));
    }
    if force == Force::No && !worktree.missing {
        check_nothing_is_lost(repository, &worktree.path).await?;
    }
    Ok(())
}

async fn check_nothing_is_lost(repository: &Repository, path: &Path) -> Result<(), RemoveError> {
    if !crate::trash::has_its_link(repository, path).await {
        return Err(RemoveError::Replaced);
    }
    let status = status(path).await?;
    if !status.is_clean() {
        return Err(RemoveError::Dirty(Box::new(status)));
    }
    if let Head::Detached(commit) = status.head {
        let holder = repository
            .read()
            .args(["for-each-ref", "--count=1", "--format=x", "--contains"])
            .arg(&commit)
            // What is in the trash goes one day.
            .args(["refs/heads", "refs/remotes", "refs/tags", "refs/stash"])
            .run()
            .await?;
        if holder.is_empty() {
            return Err(RemoveError::DetachedCommit(commit));
        }
    }
    Ok(())
}

/// Removes a worktree whose work is kept, also a locked one, while it is the repository's turn.
/// `is_linked` tells whether its `.git` is its own: git removes no other.
pub(crate) async fn remove_kept(
    repository: &Repository,
    worktree: &Worktree,
    is_linked: bool,
) -> Result<(), RemoveError> {
    if !is_linked {
        let top = worktree.path.clone();
        let removed = blocking(move || match std::fs::remove_dir_all(top) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
            answer => answer,
        });
        removed.await.map_err(|source| GitError::Io {
            command: "worktree remove".to_owned(),
            source,
        })?;
    }
    remove_anyway(repository.write_tree(), &worktree.path).await?;
    Ok(())
}

/// Removes a worktree with everything in it, also a locked one.
async fn remove_anyway(git: Git, path: &Path) -> Result<Vec<u8>, GitError> {
    // Once for the changes, once for the lock, which is git's own on one that is being made.
    git.args(["worktree", "remove", "--force", "--force", "--"])
        .arg(path)
        .run()
        .await
}

/// Takes back a worktree that is half made.
pub(crate) async fn take_back(git: Git, path: &Path) {
    log_undo("worktree", remove_anyway(git, path).await);
}

async fn discard(repository: &Repository, path: &Path) {
    let _turn = lock::turn(repository.common_dir()).await;
    take_back(repository.write_tree(), path).await;
    let path = path.to_owned();
    let record = path
        .file_name()
        .map(|name| repository.common_dir().join("worktrees").join(name));
    let cleared = blocking(move || {
        if path.symlink_metadata().is_ok() {
            std::fs::remove_dir_all(&path)?;
        }
        match record {
            // Of a git that was killed before it noted where the worktree is.
            Some(record) if record.is_dir() && !record.join("gitdir").exists() => {
                std::fs::remove_dir_all(record)
            }
            _ => Ok(()),
        }
    });
    if let Err(err) = cleared.await {
        tracing::warn!(%err, "clear away a worktree that was not finished");
    }
    log_undo("record", prune(repository).await);
}

async fn prune(repository: &Repository) -> Result<Vec<u8>, GitError> {
    Git::write(repository.git_place())
        .args(["worktree", "prune", "--expire=now"])
        .run()
        .await
}

/// Says at debug level what could not be taken back: mostly, there was nothing.
pub(super) fn log_undo(what: &str, result: Result<Vec<u8>, GitError>) {
    if let Err(err) = result {
        tracing::debug!(error = %err, what, "nothing to take back");
    }
}

/// Says a reason, if there is one.
fn why(reason: &str) -> String {
    match reason.trim() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}
