//! What is checked out.

use std::path::Path;

use crate::command::{Git, GitError};

/// What a worktree has checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// A branch with at least one commit.
    Branch(String),
    /// A commit and no branch.
    Detached(String),
    /// A branch that has no commit yet.
    Unborn(String),
}

impl Head {
    /// Returns the branch, unless the head is detached.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) | Self::Unborn(name) => Some(name),
            Self::Detached(_) => None,
        }
    }
}

/// Tells what the worktree at (or around) a directory has checked out.
pub async fn head(dir: &Path) -> Result<Head, GitError> {
    let branch = Git::read(dir)
        .args(["symbolic-ref", "--quiet", "HEAD"])
        .maybe_line()
        .await?
        .map(|name| short_branch(&name.to_string_lossy()));
    let commit = Git::read(dir)
        .args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .maybe_line()
        .await?
        .map(|id| id.to_string_lossy().into_owned());
    match (branch, commit) {
        (Some(name), Some(_)) => Ok(Head::Branch(name)),
        (Some(name), None) => Ok(Head::Unborn(name)),
        (None, Some(id)) => Ok(Head::Detached(id)),
        (None, None) => Err(GitError::unreadable("symbolic-ref")),
    }
}

/// Cuts `refs/heads/` off.
pub(crate) fn short_branch(name: &str) -> String {
    name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()
}
