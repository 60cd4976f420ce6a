//! Runs the commands of a diff and puts their answers together.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::stage::{Changed, Stages, Untracked};
use super::watching::watch_points;
use super::{
    Base, Comparison, Diff, DiffError, DiffLimits, FileDiff, FileStatus, StageState, Target,
    untracked,
};
use crate::command::{Git, GitError};
use crate::filters::OwnFilters;
use crate::repository::{ResolveError, resolve};

/// Files of a diff that are named to git when it is asked what of them is staged: it compares each
/// name with each file of the index.
const NAMED_MAX: usize = 64;

/// Compares. The base and the target are looked up now.
///
/// # Errors
/// There is no repository, a side names nothing, or git fails.
pub async fn diff(
    dir: &Path,
    comparison: &Comparison,
    limits: &DiffLimits,
) -> Result<Diff, DiffError> {
    diff_of_files(dir, comparison, limits, &[]).await
}

/// Compares some files only; all of them when none is named.
///
/// # Errors
/// There is no repository, a side names nothing, or git fails.
pub async fn diff_of_files(
    dir: &Path,
    comparison: &Comparison,
    limits: &DiffLimits,
    paths: &[PathBuf],
) -> Result<Diff, DiffError> {
    let (points, filters) = tokio::join!(watch_points(dir), OwnFilters::of(dir));
    let (top, filters) = (points?.top, filters?);
    let work = Work {
        top: &top,
        filters: &filters,
        limits,
        paths,
    };
    if let Target::Rev(_) = comparison.target {
        let (sides, reader) = work.diff(comparison).await?;
        let (files, n_unlisted, _) = reader.finish();
        return Ok(told(sides, files, n_unlisted));
    }
    // What is beside the diff does not wait until the sides are known.
    let (compared, staged, untracked) =
        tokio::join!(work.diff(comparison), work.staged(), work.untracked());
    let (sides, reader) = compared?;
    let mut untracked = untracked?;
    let (mut files, mut n_unlisted, n_kept) = reader.finish();
    let stages = Stages {
        staged: staged?,
        unstaged: work.unstaged(&files).await?,
    };
    for file in &mut files {
        file.stage = stages.of(&file.path);
    }
    let most = limits.n_files.saturating_sub(files.len());
    n_unlisted += untracked.n_all.saturating_sub(most);
    untracked.paths.truncate(most);
    let files = add_untracked(&top, files, untracked.paths, limits, n_kept).await;
    Ok(told(sides, files, n_unlisted))
}

fn told(sides: Sides, files: Vec<FileDiff>, n_unlisted: usize) -> Diff {
    Diff {
        base: sides.base_name,
        target: sides.target,
        files,
        n_unlisted,
    }
}

/// What all commands of one diff share.
struct Work<'a> {
    top: &'a Path,
    filters: &'a OwnFilters,
    limits: &'a DiffLimits,
    paths: &'a [PathBuf],
}

/// Both sides as ids.
struct Sides {
    /// What is compared against: a commit, or the empty tree.
    base: String,
    /// What it is called.
    base_name: String,
    target: Option<String>,
}

impl Work<'_> {
    async fn diff(&self, comparison: &Comparison) -> Result<(Sides, Reader), DiffError> {
        let sides = sides(self.top, comparison).await?;
        let mut reader = Reader::new(*self.limits);
        let git = self
            .filters
            .switch_off(Git::read(self.top))
            // What the user's or the repository's configuration may say otherwise.
            .config("core.quotePath".as_ref(), "false")
            .config("diff.suppressBlankEmpty".as_ref(), "false")
            // Larger files are shown as binary instead of being held in memory.
            .config("core.bigFileThreshold".as_ref(), "20m")
            .args(["diff", "--no-ext-diff", "--no-textconv", "--no-color"])
            .args(["--src-prefix=a/", "--dst-prefix=b/", "--no-relative"])
            .args(["-U3", "--inter-hunk-context=0", "-O/dev/null"])
            .args(["--submodule=short", "--ignore-submodules=dirty"])
            // The limit bounds what is compared with what: its square grows fast.
            .args(["-M", "-C", "-l400"])
            .args(["-z", "--raw", "--numstat", "-p", "--end-of-options"])
            .arg(&sides.base)
            .args(&sides.target)
            .arg("--")
            .args(self.paths);
        git.feed(|bytes| reader.push(bytes)).await?;
        Ok((sides, reader))
    }

    /// What the index has otherwise than HEAD. No file is looked at.
    async fn staged(&self) -> Result<Changed, GitError> {
        self.changed(&["--cached"], self.paths).await
    }

    /// What the directory has otherwise than the index, among the files of the diff at least. Only
    /// these are looked at unless they are many.
    async fn unstaged(&self, files: &[FileDiff]) -> Result<Changed, GitError> {
        let paths: Vec<&Path> = files.iter().map(|file| &*file.path).collect();
        match paths.len() {
            0 => Ok(Changed::default()),
            1..=NAMED_MAX => self.changed(&[], &paths).await,
            _ => self.changed(&[], self.paths).await,
        }
    }

    async fn changed(
        &self,
        options: &[&str],
        paths: &[impl AsRef<OsStr>],
    ) -> Result<Changed, GitError> {
        let mut changed = Changed::default();
        let git = self
            .filters
            .switch_off(Git::read(self.top))
            .args(["diff", "--no-ext-diff", "--no-textconv", "--no-color"])
            .args(["--ignore-submodules=dirty", "--no-relative"])
            .args(["-z", "--raw", "--no-renames", "-O/dev/null"])
            .args(options)
            .arg("--")
            .args(paths);
        git.feed_entries(|entry| changed.take(entry)).await?;
        Ok(changed)
    }

    async fn untracked(&self) -> Result<Untracked, GitError> {
        let mut untracked = Untracked::new(self.limits.n_files);
        let git = Git::read(self.top)
            .args(["ls-files", "-z", "--others", "--exclude-standard", "--"])
            .args(self.paths);
        git.feed_entries(|entry| untracked.take(entry)).await?;
        Ok(untracked)
    }
}

async fn sides(top: &Path, comparison: &Comparison) -> Result<Sides, DiffError> {
    let target = match &comparison.target {
        Target::WorkingTree => None,
        Target::Rev(rev) => match resolve(top, rev).await {
            Ok(commit) => Some(commit),
            Err(ResolveError::Git(err)) => return Err(err.into()),
            Err(_) => return Err(DiffError::TargetNotFound(rev.clone())),
        },
    };
    let (text, rev) = match &comparison.base {
        Base::Rev(rev) => (rev.clone(), rev),
        Base::MergeBase(rev) => (format!("merge-base:{rev}"), rev),
    };
    let found = match resolve(top, rev).await {
        Ok(commit) => commit,
        Err(ResolveError::NoCommits) if text == "HEAD" => {
            return Ok(Sides {
                base: empty_tree(top).await?,
                base_name: text,
                target,
            });
        }
        Err(ResolveError::Git(err)) => return Err(err.into()),
        Err(_) => return Err(DiffError::BaseNotFound(text)),
    };
    let base = match &comparison.base {
        Base::Rev(_) => found,
        Base::MergeBase(_) => {
            let other = target.as_deref().unwrap_or("HEAD");
            let git = Git::read(top).args(["merge-base", "--end-of-options", &found, other]);
            let common = git.maybe_line().await?;
            let common = common.and_then(|line| line.into_string().ok());
            common.ok_or(DiffError::BaseNotFound(text))?
        }
    };
    Ok(Sides {
        base_name: base.clone(),
        base,
        target,
    })
}

/// The id of a tree without files; it depends on the repository's hash.
async fn empty_tree(top: &Path) -> Result<String, GitError> {
    let git = Git::read(top).args(["hash-object", "-t", "tree", "--stdin"]);
    Ok(git.line().await?.to_string_lossy().into_owned())
}

/// Adds untracked files.
async fn add_untracked(
    top: &Path,
    files: Vec<FileDiff>,
    untracked: Vec<PathBuf>,
    limits: &DiffLimits,
    n_kept: usize,
) -> Vec<FileDiff> {
    let (top, limits) = (top.to_owned(), *limits);
    let left = limits.total_bytes.saturating_sub(n_kept);
    let read =
        tokio::task::spawn_blocking(move || untracked::read(&top, untracked, &limits, left)).await;
    let by_path = files.into_iter().map(|file| (file.path.clone(), file));
    let mut by_path: BTreeMap<PathBuf, FileDiff> = by_path.collect();
    for file in read.unwrap_or_default() {
        match by_path.get_mut(&file.path) {
            Some(removed) => put_back(removed, file),
            None => {
                by_path.insert(file.path.clone(), file);
            }
        }
    }
    by_path.into_values().collect()
}

/// A file that the index lacks and the directory has: it was removed for git and is there.
fn put_back(removed: &mut FileDiff, file: FileDiff) {
    removed.status = FileStatus::Modified;
    removed.stage = match removed.stage {
        StageState::Staged => StageState::Partial,
        other => other,
    };
    removed.additions += file.additions;
    removed.is_binary |= file.is_binary;
    removed.omitted = removed.omitted.or(file.omitted);
    removed.patch.extend(file.patch);
}
