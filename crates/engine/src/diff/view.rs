//! A diff as clients are shown it.

use jiff::Timestamp;
use offshoot_git::{Diff, FileDiff, FileStatus, Omission, StageState, display_name};
use offshoot_protocol::diff::{
    DiffOmission, GitDiff, GitDiffFile, GitDiffStatus, GitDiffSummary, GitStageState,
};

/// Makes the view of a diff that was made at a time.
pub(super) fn of(diff: Diff, updated_at: Timestamp) -> GitDiff {
    let raw_diff = match String::from_utf8(diff.patch()) {
        Ok(text) => text,
        Err(err) => String::from_utf8_lossy(err.as_bytes()).into_owned(),
    };
    GitDiff {
        summary: GitDiffSummary {
            total_additions: diff.files.iter().map(|file| file.additions).sum(),
            total_deletions: diff.files.iter().map(|file| file.deletions).sum(),
            files: diff.files.iter().map(file).collect(),
            base_commit: diff.base,
            target_ref: diff.target.unwrap_or_else(|| super::WORKING_DIR.to_owned()),
            updated_at,
            omitted_files: diff.n_unlisted,
            updates: None,
        },
        raw_diff,
    }
}

fn file(file: &FileDiff) -> GitDiffFile {
    GitDiffFile {
        path: display_name(&file.path),
        old_path: file.old_path.as_deref().map(display_name),
        status: match file.status {
            FileStatus::Added => GitDiffStatus::Added,
            FileStatus::Modified => GitDiffStatus::Modified,
            FileStatus::Deleted => GitDiffStatus::Deleted,
            FileStatus::Renamed => GitDiffStatus::Renamed,
            FileStatus::Copied => GitDiffStatus::Copied,
            FileStatus::Untracked => GitDiffStatus::Untracked,
        },
        stage_state: match file.stage {
            StageState::Committed => GitStageState::Committed,
            StageState::Staged => GitStageState::Staged,
            StageState::Unstaged => GitStageState::Unstaged,
            StageState::Partial => GitStageState::Partial,
        },
        additions: file.additions,
        deletions: file.deletions,
        is_binary: file.is_binary,
        omitted: file.omitted.map(|omission| match omission {
            Omission::FileTooLarge => DiffOmission::FileTooLarge,
            Omission::DiffTooLarge => DiffOmission::DiffTooLarge,
            Omission::Unreadable => DiffOmission::Unreadable,
        }),
    }
}
