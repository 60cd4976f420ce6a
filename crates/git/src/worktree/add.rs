//! Adding a worktree: the checks before, and what is taken back when it fails.

use std::path::{Path, PathBuf};

use super::remove::{log_undo, take_back};
use crate::branch::in_the_way;
use crate::command::{Git, GitError, TREE_TIMEOUT};
use crate::repository::ResolveError;
use crate::task::undisturbed;
use crate::{InvalidBranch, Repository, lock, valid_branch_name};

/// Which branch a new worktree gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewWorktree {
    /// A new branch that starts at a branch, tag or commit. It follows no other branch.
    NewBranch {
        /// The name of the new branch.
        name: String,
        /// Where it starts.
        base: String,
    },
    /// A branch that exists, here or at exactly one remote; then a local branch that follows it is
    /// made.
    Existing(String),
}

/// Why a worktree was not added. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The branch name cannot be one.
    #[error(transparent)]
    InvalidBranch(#[from] InvalidBranch),
    /// The new branch exists, or one whose name is a folder of the other's. Choose another name.
    #[error("branch {name:?} exists")]
    BranchExists {
        /// The branch that exists.
        name: String,
    },
    /// There is no such branch, here or at exactly one remote.
    #[error("there is no branch {name:?}")]
    BranchNotFound {
        /// The branch that was asked for.
        name: String,
    },
    /// The base names no commit.
    #[error("{0:?} is neither a branch nor a commit here")]
    BaseNotFound(String),
    /// The repository has no commit to check out. Commit something first.
    #[error("the repository has no commits yet: make a first commit")]
    NoCommits,
    /// Another worktree has the branch checked out.
    #[error("branch {name:?} is checked out in {}", path.display())]
    BranchCheckedOut {
        /// The branch.
        name: String,
        /// The worktree that has it.
        path: PathBuf,
        /// Whether that worktree's directory is gone; removing it frees the branch.
        missing: bool,
    },
    /// Something is at the path, or git has a worktree on record there.
    #[error("{} exists", .0.display())]
    PathExists(PathBuf),
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// Adds a worktree at a path where nothing is, and makes the folders above it.
    ///
    /// Hooks do not run. Costs the writing of the whole tree; begun, it is finished even when the
    /// caller goes away. One change at a time per repository: callers wait for each other.
    pub async fn add_worktree(&self, path: &Path, new: &NewWorktree) -> Result<(), AddError> {
        let (name, base) = match new {
            NewWorktree::NewBranch { name, base } => (name, Some(base.clone())),
            NewWorktree::Existing(name) => (name, None),
        };
        valid_branch_name(name)?;
        let add = Add {
            repository: self.clone(),
            path: self.root().join(path),
            name: name.clone(),
            base,
        };
        undisturbed(async move { add.run().await }).await
    }
}

/// A worktree to be added.
struct Add {
    repository: Repository,
    path: PathBuf,
    name: String,
    base: Option<String>,
}

/// What `git worktree add` is told about the branch.
enum Start {
    /// Make the branch at a commit.
    NewAt(String),
    /// Make the branch at a remote-tracking branch and follow it.
    Tracking(String),
    /// Check the branch out.
    CheckOut,
}

impl Add {
    async fn run(self) -> Result<(), AddError> {
        let _turn = lock::turn(self.repository.common_dir()).await;
        let start = self.start().await?;
        check_free(&self.repository, &self.path).await?;
        let mut git = self.repository.write_tree().args(["worktree", "add"]);
        match &start {
            Start::NewAt(commit) => {
                git = git.args(["--no-track", "-b", &self.name, "--"]);
                git = git.arg(&self.path).arg(commit);
            }
            Start::Tracking(remote) => {
                git = git.args(["--track", "-b", &self.name, "--"]);
                git = git.arg(&self.path).arg(remote);
            }
            Start::CheckOut => git = git.arg("--").arg(&self.path).arg(&self.name),
        }
        let Err(err) = git.run().await else {
            return Ok(());
        };
        if let Some(clash) = self.clash(&err) {
            return Err(clash);
        }
        self.undo(&start, &err).await;
        Err(err.into())
    }

    /// Recognises what somebody else made after we looked. It is theirs: nothing is taken back.
    fn clash(&self, err: &GitError) -> Option<AddError> {
        let GitError::Failed { stderr, .. } = err else {
            return None;
        };
        if stderr.contains("a branch named") {
            return Some(AddError::BranchExists {
                name: self.name.clone(),
            });
        }
        let path_taken = stderr.contains("already exists") || stderr.contains("already registered");
        path_taken.then(|| AddError::PathExists(self.path.clone()))
    }

    /// Finds out where the branch starts, and whether it may be checked out at all.
    async fn start(&self) -> Result<Start, AddError> {
        let branches = self.repository.branch_names().await?;
        let Some(base) = &self.base else {
            return self.start_existing(&branches.local, &branches.remote).await;
        };
        if let Some(taken) = branches.local.iter().find(|b| in_the_way(b, &self.name)) {
            return Err(AddError::BranchExists {
                name: taken.clone(),
            });
        }
        self.check_not_checked_out().await?;
        let commit = self.repository.resolve(base).await.map_err(base_error)?;
        Ok(Start::NewAt(commit))
    }

    async fn start_existing(&self, local: &[String], remote: &[String]) -> Result<Start, AddError> {
        if local.contains(&self.name) {
            self.check_not_checked_out().await?;
            return Ok(Start::CheckOut);
        }
        let is_ours = |remote: &&String| {
            remote
                .split_once('/')
                .is_some_and(|(_, short)| short == self.name)
        };
        let candidates: Vec<_> = remote.iter().filter(is_ours).collect();
        match candidates.as_slice() {
            [remote] => Ok(Start::Tracking(format!("refs/remotes/{remote}"))),
            _ => match self.repository.resolve("HEAD").await {
                Err(ResolveError::NoCommits) => Err(AddError::NoCommits),
                _ => Err(AddError::BranchNotFound {
                    name: self.name.clone(),
                }),
            },
        }
    }

    /// A branch in two worktrees would change under the one's feet. Also told of a branch that is
    /// checked out before its first commit, which is no branch yet.
    async fn check_not_checked_out(&self) -> Result<(), AddError> {
        let worktrees = self.repository.worktrees().await?;
        let holder = worktrees
            .into_iter()
            .find(|worktree| worktree.branch.as_ref() == Some(&self.name));
        match holder {
            // A new branch of that name, in a repository without commits.
            Some(holder) if holder.head.is_none() => Err(AddError::NoCommits),
            Some(holder) => Err(AddError::BranchCheckedOut {
                name: self.name.clone(),
                path: holder.path,
                missing: holder.missing,
            }),
            None => Ok(()),
        }
    }

    /// Takes back what a failed add left: git takes its directory away itself unless it was killed,
    /// but not the branch.
    async fn undo(&self, start: &Start, err: &GitError) {
        let place = self.repository.git_place();
        if matches!(err, GitError::Timeout { .. }) {
            take_back(Git::write(place).within(TREE_TIMEOUT), &self.path).await;
        }
        if !matches!(start, Start::CheckOut) {
            // It did not exist before, and nobody else could make it meanwhile.
            let deleted = Git::write(place)
                .args(["branch", "-D", "--quiet", "--", &self.name])
                .run()
                .await;
            log_undo("branch", deleted);
        }
    }
}

/// Checks that a worktree can be added at a path: git takes an empty directory; nothing else may be
/// there, not even on record.
pub(crate) async fn check_free(repository: &Repository, path: &Path) -> Result<(), AddError> {
    let taken = || AddError::PathExists(path.to_owned());
    match tokio::fs::symlink_metadata(path).await {
        Err(_) => {}
        Ok(metadata) if metadata.is_dir() => {
            let mut entries = tokio::fs::read_dir(path).await.map_err(|_| taken())?;
            if !matches!(entries.next_entry().await, Ok(None)) {
                return Err(taken());
            }
        }
        Ok(_) => return Err(taken()),
    }
    let worktrees = repository.worktrees().await?;
    if worktrees.iter().any(|worktree| worktree.path == path) {
        return Err(taken());
    }
    Ok(())
}

fn base_error(err: ResolveError) -> AddError {
    match err {
        ResolveError::NoCommits => AddError::NoCommits,
        ResolveError::NotFound(base) => AddError::BaseNotFound(base),
        ResolveError::Git(err) => AddError::Git(err),
    }
}
