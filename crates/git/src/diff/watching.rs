//! What somebody must know who watches a worktree for changes of its diff.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::DiffError;
use super::compute::top_of;
use crate::command::{Git, GitError};

/// Where the parts of a worktree are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPoints {
    /// The top of its files.
    pub top: PathBuf,
    /// The directory with its HEAD and index.
    pub git_dir: PathBuf,
    /// The directory with the refs of all worktrees.
    pub common_dir: PathBuf,
}

/// Finds the parts of the worktree at (or around) a directory.
///
/// # Errors
/// There is no repository, or git fails.
pub async fn watch_points(dir: &Path) -> Result<WatchPoints, DiffError> {
    let top = top_of(dir).await?;
    let absolute = |what| {
        let git = Git::read(&top).args(["rev-parse", "--path-format=absolute", what]);
        git.line()
    };
    let (git_dir, common_dir) =
        tokio::try_join!(absolute("--git-dir"), absolute("--git-common-dir"))?;
    Ok(WatchPoints {
        git_dir: git_dir.into(),
        common_dir: common_dir.into(),
        top,
    })
}

/// Lists directories with nothing but ignored files, from the top of the worktree; with paths, only
/// those at or below them.
///
/// # Errors
/// git fails.
pub async fn ignored_directories(
    top: &Path,
    paths: &[PathBuf],
) -> Result<HashSet<PathBuf>, GitError> {
    let mut ignored = HashSet::new();
    let mut partial = Vec::new();
    let git = Git::read(top)
        .args(["ls-files", "-z", "--others", "--ignored"])
        .args(["--exclude-standard", "--directory", "--"])
        .args(paths);
    git.feed(|bytes| {
        partial.extend_from_slice(bytes);
        let end = partial
            .iter()
            .rposition(|byte| *byte == 0)
            .map_or(0, |at| at + 1);
        for entry in partial[..end].split(|byte| *byte == 0) {
            if let Some(name) = entry.strip_suffix(b"/") {
                ignored.insert(PathBuf::from(OsStr::from_bytes(name)));
            }
        }
        partial.drain(..end);
        std::ops::ControlFlow::Continue(())
    })
    .await?;
    Ok(ignored)
}

/// Tells whether git ignores all of some paths, given from the top of the worktree. One that is not
/// there counts as one that is not ignored.
///
/// # Errors
/// git fails.
pub async fn are_ignored(top: &Path, paths: &HashSet<PathBuf>) -> Result<bool, GitError> {
    // Not `check-ignore`, which takes no literal paths.
    let ignored = Git::read(top)
        .args(["ls-files", "-z", "--others", "--ignored"])
        .args(["--exclude-standard", "--directory", "--"])
        .args(paths)
        .run()
        .await?;
    let n_ignored = ignored.iter().filter(|byte| **byte == 0).count();
    Ok(n_ignored == paths.len())
}
