//! Worktrees: which there are, adding one, removing one without losing work.

mod add;
mod remove;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::Repository;
use crate::command::{Git, GitError};
use crate::head::short_branch;
use crate::task::blocking;

pub(crate) use self::add::check_free;
pub use self::add::{AddError, NewWorktree};
pub use self::remove::{Force, RemoveError};
pub(crate) use self::remove::{remove_kept, take_back};

/// Why git itself locks a worktree while it makes it.
const UNFINISHED: &str = "initializing";

/// A worktree, as git has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// The directory.
    pub path: PathBuf,
    /// The commit that is checked out; none before the first commit.
    pub head: Option<String>,
    /// The branch that is checked out; none when the head is detached.
    pub branch: Option<String>,
    /// Whether it is the main worktree.
    pub is_main: bool,
    /// Why it is locked, if it is; may be empty.
    pub locked: Option<String>,
    /// Whether the directory is gone. Such a worktree still holds its branch until it is removed.
    pub missing: bool,
}

impl Repository {
    /// Lists the worktrees, the main one first. A bare repository has none but linked ones.
    pub async fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let listing = list(self.root()).await?;
        Ok(seen(parse(&listing), self.root(), self.is_bare()).await)
    }
}

impl Worktree {
    /// Whether it is being made, or was half made by a git that was killed.
    pub fn is_unfinished(&self) -> bool {
        self.locked.as_deref() == Some(UNFINISHED)
    }
}

/// Lists the worktrees of the repository whose main worktree, or bare git directory, is at a path, the
/// main one first. One call of git, however many there are.
pub async fn worktrees_at(root: &Path) -> Result<Vec<Worktree>, GitError> {
    let listing = list(root).await?;
    Ok(seen(parse(&listing), root, is_bare(&listing)).await)
}

async fn list(root: &Path) -> Result<Vec<u8>, GitError> {
    Git::read(root)
        .args(["worktree", "list", "--porcelain", "-z"])
        .run()
        .await
}

/// Puts the main worktree right, and looks which directories are gone.
async fn seen(mut worktrees: Vec<Worktree>, root: &Path, is_bare: bool) -> Vec<Worktree> {
    match worktrees.first_mut() {
        Some(_) if is_bare => drop(worktrees.remove(0)),
        // git tells the git directory instead for submodules and the like.
        Some(main) => main.path = root.to_owned(),
        None => {}
    }
    blocking(move || {
        for worktree in &mut worktrees {
            worktree.missing = !worktree.path.try_exists().unwrap_or(true);
        }
        worktrees
    })
    .await
}

/// Whether the first of the listed is a git directory without a worktree.
fn is_bare(listing: &[u8]) -> bool {
    let mut lines = listing.split(|byte| *byte == 0);
    lines.any(|line| line == b"bare")
}

/// Finds the record of a worktree by its path, also by another way to the same directory.
pub(crate) async fn find(repository: &Repository, path: &Path) -> Result<Worktree, RemoveError> {
    let canonical = tokio::fs::canonicalize(path).await.ok();
    let mut worktrees = repository.worktrees().await?;
    // First by name: what is there may have become a link to another worktree.
    if let Some(n) = worktrees.iter().position(|known| known.path == path) {
        return Ok(worktrees.swap_remove(n));
    }
    for worktree in worktrees {
        let there = tokio::fs::canonicalize(&worktree.path).await.ok();
        if canonical.is_some() && canonical == there {
            return Ok(worktree);
        }
    }
    Err(RemoveError::NotAWorktree(path.to_owned()))
}

/// Parses `worktree list --porcelain -z`: NUL after each line, an empty line after each worktree.
fn parse(listing: &[u8]) -> Vec<Worktree> {
    let mut worktrees: Vec<Worktree> = Vec::new();
    for line in listing.split(|byte| *byte == 0) {
        let mut halves = line.splitn(2, |byte| *byte == b' ');
        let key = halves.next().unwrap_or_default();
        let value = OsStr::from_bytes(halves.next().unwrap_or_default());
        if key == b"worktree" {
            worktrees.push(Worktree {
                path: PathBuf::from(OsString::from(value)),
                head: None,
                branch: None,
                is_main: worktrees.is_empty(),
                locked: None,
                missing: false,
            });
            continue;
        }
        let (Some(worktree), text) = (worktrees.last_mut(), value.to_string_lossy()) else {
            continue;
        };
        match key {
            b"HEAD" if text.bytes().all(|byte| byte == b'0') => {}
            b"HEAD" => worktree.head = Some(text.into_owned()),
            b"branch" => worktree.branch = Some(short_branch(&text)),
            b"locked" => worktree.locked = Some(text.into_owned()),
            _ => {}
        }
    }
    worktrees
}
