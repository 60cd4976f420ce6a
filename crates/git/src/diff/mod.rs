//! What changed between a base and a worktree, or between two commits.
//!
//! Owns the comparison as typed files with their patches, its limits, and the content of single
//! files. One `git diff` gives the list, the counts and the patch; short commands beside it give
//! what is staged and what is untracked; untracked files are read here and written as patches that
//! make new files, for git would have to change the index to show them.
//!
//! Nothing of the user's is touched or run: the index is never written, no diff driver, text
//! conversion, filter or monitor of the repository runs, and no file is read through a link.
//!
//! How it fails: a base or target that names nothing is told apart from git failing. What is too
//! large is left out and said to be; see [`Omission`].

mod compute;
mod file;
mod lines;
mod name;
mod reader;
mod stage;
mod untracked;
mod watching;

use std::path::PathBuf;

use crate::command::GitError;

pub use compute::{diff, diff_of_files};
pub use lines::{LinesError, file_lines};
pub use name::display_name;
pub use watching::{WatchPoints, are_ignored, ignored_directories, watch_points};

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// The older side.
    pub base: Base,
    /// The newer side.
    pub target: Target,
}

/// The older side of a comparison, looked up anew each time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Base {
    /// A commit, a branch or any expression that names a commit.
    Rev(String),
    /// The newest commit that the target has in common with a branch or commit.
    MergeBase(String),
}

impl Base {
    /// Reads `merge-base:<branch or commit>`, or else an expression.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("merge-base:") {
            Some(rev) => Self::MergeBase(rev.to_owned()),
            None => Self::Rev(text.to_owned()),
        }
    }
}

/// The newer side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The files as they are, untracked ones included.
    WorkingTree,
    /// A commit, a branch or any expression that names a commit.
    Rev(String),
}

/// How much of a diff is made; what is beyond is said to be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiffLimits {
    /// Files that are listed. More are only counted.
    pub n_files: usize,
    /// The patch of one file. A larger one ends after its last whole hunk that fits.
    pub file_bytes: usize,
    /// All patches together. Files after that are listed without their hunks.
    pub total_bytes: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            n_files: 3000,
            file_bytes: 1 << 20,
            total_bytes: 8 << 20,
        }
    }
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The commit that is compared against; `HEAD` in a repository without commits.
    pub base: String,
    /// The commit that is compared; none for the files as they are.
    pub target: Option<String>,
    /// The files, by path.
    pub files: Vec<FileDiff>,
    /// Changed files beyond the limit, which are not listed.
    pub n_unlisted: usize,
}

impl Diff {
    /// Returns all patches as one.
    pub fn patch(&self) -> Vec<u8> {
        let patches: Vec<&[u8]> = self.files.iter().map(|file| &file.patch[..]).collect();
        patches.concat()
    }
}

/// What changed in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// The file, from the top of the worktree. Bytes as git has them, perhaps not UTF-8.
    pub path: PathBuf,
    /// Where it was, when it was renamed or copied.
    pub old_path: Option<PathBuf>,
    /// What happened to it.
    pub status: FileStatus,
    /// How far it is on its way into a commit.
    pub stage: StageState,
    /// Lines that were added, also those that are left out of the patch.
    pub additions: u64,
    /// Lines that were removed, also those that are left out of the patch.
    pub deletions: u64,
    /// Whether it has no lines.
    pub is_binary: bool,
    /// The unified patch of this file. Names in it are written as [`display_name`] writes them.
    pub patch: Vec<u8>,
    /// Why the patch is not whole.
    pub omitted: Option<Omission>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "git's own words")]
pub enum FileStatus {
    Added,
    Modified,
    Deleted,
    Renamed,
    Copied,
    Untracked,
}

/// How far a change is on its way into a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageState {
    /// All of it is committed.
    Committed,
    /// All that is not committed is staged.
    Staged,
    /// Nothing of it is staged.
    Unstaged,
    /// A part of it is staged.
    Partial,
}

/// Why a patch is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Omission {
    /// The patch of this file is too large.
    FileTooLarge,
    /// The patches before it are too large together.
    DiffTooLarge,
    /// It is no file that can be read: a nested repository, a device, a file without permission.
    Unreadable,
}

/// Why there is no diff.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The directory is in no repository.
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// The repository's configuration puts its files somewhere else, where nothing is read.
    #[error("the repository keeps its files elsewhere, at {}; its diff is not shown", .0.display())]
    Elsewhere(PathBuf),
    /// The base names no commit.
    #[error("Invalid ref: {0}")]
    BaseNotFound(String),
    /// The target names no commit.
    #[error("Invalid target ref: {0}")]
    TargetNotFound(String),
    /// git refused or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}
