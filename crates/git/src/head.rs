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
    let (head, _) = head_by(|| Git::read(dir)).await?;
    Ok(head)
}

/// Tells what is checked out where a command looks, and its commit; none before the first commit.
pub(crate) async fn head_by(git: impl Fn() -> Git) -> Result<(Head, Option<String>), GitError> {
    let branch = git()
        .args(["symbolic-ref", "--quiet", "HEAD"])
        .maybe_line()
        .await?
        .map(|name| short_branch(&name.to_string_lossy()));
    let commit = git()
        .args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .maybe_line()
        .await?
        .map(|id| id.to_string_lossy().into_owned());
    let head = match (branch, &commit) {
        (Some(name), Some(_)) => Head::Branch(name),
        (Some(name), None) => Head::Unborn(name),
        (None, Some(id)) => Head::Detached(id.clone()),
        (None, None) => return Err(GitError::unreadable("symbolic-ref")),
    };
    Ok((head, commit))
}

/// Cuts `refs/heads/` off.
pub(crate) fn short_branch(name: &str) -> String {
    name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()
}
