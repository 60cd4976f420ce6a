//! What somebody must know who watches a worktree for changes of its diff.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::DiffError;
use crate::command::{Git, GitError};
use crate::repository::link_target;

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
/// A repository's configuration can name any directory as its worktree; only one that has this
/// repository in it is taken.
///
/// # Errors
/// There is no repository, or git fails.
pub async fn watch_points(dir: &Path) -> Result<WatchPoints, DiffError> {
    let git = Git::read(dir).args(["rev-parse", "--path-format=absolute"]);
    let git = git.args(["--git-dir", "--git-common-dir", "--show-toplevel"]);
    let answer = git.run().await.map_err(|err| match err {
        GitError::Failed { .. } => DiffError::NotARepository(dir.to_owned()),
        err => DiffError::Git(err),
    })?;
    let unreadable = || GitError::unreadable("rev-parse");
    // Three lines; a path with a line break cannot be told from them and is refused.
    let text = String::from_utf8(answer).map_err(|_| unreadable())?;
    let lines: Vec<&str> = text.lines().collect();
    let [git_dir, common_dir, top] = lines[..] else {
        return Err(unreadable().into());
    };
    match is_worktree_of(top.as_ref(), git_dir.as_ref()) {
        true => Ok(WatchPoints {
            top: top.into(),
            git_dir: git_dir.into(),
            common_dir: common_dir.into(),
        }),
        false => Err(DiffError::Elsewhere(top.into())),
    }
}

/// Whether a directory has a repository as its own, in it or by a file that points to it.
fn is_worktree_of(top: &Path, git_dir: &Path) -> bool {
    let entry = top.join(".git");
    let own = match std::fs::read(&entry) {
        Ok(content) => match link_target(&content) {
            Some(path) => top.join(path),
            None => return false,
        },
        Err(_) => entry,
    };
    match (own.canonicalize(), git_dir.canonicalize()) {
        (Ok(own), Ok(git_dir)) => own == git_dir,
        _ => false,
    }
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
    let git = list_ignored(top).args(paths);
    git.feed_entries(|mut entry| {
        if entry.pop_if(|last| *last == b'/').is_some() {
            ignored.insert(PathBuf::from(OsString::from_vec(entry)));
        }
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
    let mut n_ignored = 0;
    let git = list_ignored(top).args(paths);
    git.feed_entries(|_| n_ignored += 1).await?;
    Ok(n_ignored == paths.len())
}

/// Begins a listing of what is ignored at or below some paths. Folders with nothing else are one entry.
fn list_ignored(top: &Path) -> Git {
    Git::read(top)
        .args(["ls-files", "-z", "--others", "--ignored"])
        .args(["--exclude-standard", "--directory", "--"])
}
