//! What changed in a worktree, as clients are shown it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A comparison: what changed in each file, and all of it as one patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitDiff {
    /// The files and their sums.
    pub summary: GitDiffSummary,
    /// A unified patch of all files, untracked ones as new files. Hunks that are too large are left
    /// out of it; `omitted` says of which file.
    pub raw_diff: String,
}

/// The files of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitDiffSummary {
    /// The commit that is compared against; `HEAD` in a repository without commits.
    pub base_commit: String,
    /// `working-dir`, or the commit that is compared.
    pub target_ref: String,
    /// The files, by path.
    pub files: Vec<GitDiffFile>,
    /// Lines added in all files.
    pub total_additions: u64,
    /// Lines removed in all files.
    pub total_deletions: u64,
    /// When it was compared.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// Changed files that are not listed because there are too many; absent when all are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted_files: usize,
    /// How changes are noticed; on sockets only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<DiffUpdates>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiffUpdates {
    /// The system tells of them.
    Live,
    /// It is looked now and then, because the system cannot watch so many directories.
    Polling,
}

/// What changed in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitDiffFile {
    /// The file, from the top of the worktree, as it stands in the patch without `a/`, `b/` and
    /// quotes: with escapes (`\n`, `\377`) where the name is not UTF-8 or has control characters.
    pub path: String,
    /// Where it was, when it was renamed or copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// What happened to it.
    pub status: GitDiffStatus,
    /// How far it is on its way into a commit.
    pub stage_state: GitStageState,
    /// Lines that were added.
    pub additions: u64,
    /// Lines that were removed.
    pub deletions: u64,
    /// Whether it has no lines.
    pub is_binary: bool,
    /// Why its hunks are not all in the patch; absent when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omitted: Option<DiffOmission>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "git's own words")]
pub enum GitDiffStatus {
    Added,
    Modified,
    Deleted,
    Renamed,
    Copied,
    Untracked,
}

/// How far a change is on its way into a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GitStageState {
    /// All of it is committed.
    Committed,
    /// All that is not committed is staged.
    Staged,
    /// Nothing of it is staged.
    Unstaged,
    /// A part of it is staged.
    Partial,
}

/// Why hunks of a file are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiffOmission {
    /// The patch of this file is too large.
    FileTooLarge,
    /// The patches before it are too large together.
    DiffTooLarge,
    /// It cannot be read: a nested repository, a device, a file without permission.
    Unreadable,
}

/// Query of `GET …/diff`.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// A commit, a branch or any expression that names a commit, or `merge-base:<branch>`; the
    /// worker's own base when absent.
    pub base: Option<String>,
    /// `working-dir` (when absent), or an expression that names a commit.
    pub target: Option<String>,
}

/// Query of `GET …/diff/file`.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffFileQuery {
    /// The file, as in `files[].path`.
    pub path: String,
    /// As of `GET …/diff`.
    pub base: Option<String>,
    /// As of `GET …/diff`.
    pub target: Option<String>,
}

/// Query of `GET …/diff/lines`.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiffLinesQuery {
    /// The file, as in `files[].path`.
    pub path: String,
    /// The first line wanted, from 1.
    pub start: usize,
    /// The last line wanted; at most 5,000 are given.
    pub end: usize,
    /// `working-dir` (when absent), or an expression that names a commit.
    pub target: Option<String>,
}

/// Answer of `GET …/diff/file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffFileBody {
    /// The unified patch of the file; empty when it did not change.
    pub raw_diff: String,
}

/// Answer of `GET …/diff/lines`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiffLinesBody {
    /// The number of the first line, as it was asked for.
    pub start_line: usize,
    /// The lines that the file has in that range.
    pub lines: Vec<String>,
}
