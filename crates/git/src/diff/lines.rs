//! Lines of one file, for the context around a hunk.

use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::file::{self, Found, NotFound};
use super::watching::watch_points;
use super::{DiffError, Target, name};
use crate::command::{Git, GitError};
use crate::repository::{ResolveError, resolve};

/// The largest file that lines are taken from; of a larger one there are none.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// Lines that are given at once; the range is cut to it.
const LINES_MAX: usize = 5000;

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The path leads out of the worktree, or into git's own directory.
    #[error("Invalid path: {0}")]
    Outside(String),
    /// The target names no commit.
    #[error("Invalid ref: {0}")]
    TargetNotFound(String),
    /// There is no repository here.
    #[error(transparent)]
    Diff(DiffError),
    /// git refused or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Returns lines `first..=last` (from 1) of a file as it is in the worktree or in a commit, without
/// their line breaks. Lines outside the file are left out; a file that is not there has none.
///
/// The name is one of a diff; see [`display_name`](super::display_name).
pub async fn file_lines(
    dir: &Path,
    target: &Target,
    file: &str,
    first: usize,
    last: usize,
) -> Result<Vec<String>, LinesError> {
    let plain = PathBuf::from(file);
    if !file::is_inside(&plain) || file.contains('\0') {
        return Err(LinesError::Outside(file.to_owned()));
    }
    let top = watch_points(dir).await.map_err(LinesError::Diff)?.top;
    let mut content = content(&top, target, plain).await?;
    if content.is_none()
        && let Some(path) = name::unescaped(file).filter(|path| path != Path::new(file))
    {
        content = self::content(&top, target, path).await?;
    }
    Ok(content.map_or_else(Vec::new, |content| cut(&content, first, last)))
}

fn cut(content: &[u8], first: usize, last: usize) -> Vec<String> {
    let first = first.max(1);
    let n_wanted = (last + 1).saturating_sub(first).min(LINES_MAX);
    content
        .split_inclusive(|byte| *byte == b'\n')
        .skip(first - 1)
        .take(n_wanted)
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

async fn content(
    top: &Path,
    target: &Target,
    path: PathBuf,
) -> Result<Option<Vec<u8>>, LinesError> {
    match target {
        Target::WorkingTree => {
            let top = top.to_owned();
            let read = tokio::task::spawn_blocking(move || read(&top, &path));
            match read.await {
                Ok(Err(path)) => Err(LinesError::Outside(name::display_name(&path))),
                Ok(Ok(content)) => Ok(content),
                Err(_) => Ok(None),
            }
        }
        Target::Rev(rev) => committed(top, rev, &path).await,
    }
}

/// Reads a file of the worktree; the path comes back when it leads out.
fn read(top: &Path, path: &Path) -> Result<Option<Vec<u8>>, PathBuf> {
    match file::open(top, path) {
        Ok(Found::File { file, .. }) => {
            let mut content = Vec::new();
            let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content);
            let fits = read.is_ok() && content.len() as u64 <= FILE_BYTES_MAX;
            Ok(fits.then_some(content))
        }
        Ok(Found::Link(to)) => Ok(Some(to.into_vec())),
        Err(NotFound::Outside) => Err(path.to_owned()),
        Err(NotFound::Unreadable) => Ok(None),
    }
}

async fn committed(top: &Path, rev: &str, path: &Path) -> Result<Option<Vec<u8>>, LinesError> {
    let commit = match resolve(top, rev).await {
        Ok(commit) => commit,
        Err(ResolveError::Git(err)) => return Err(err.into()),
        Err(ResolveError::NotFound(_) | ResolveError::NoCommits) => {
            return Err(LinesError::TargetNotFound(rev.to_owned()));
        }
    };
    let mut object = std::ffi::OsString::from(format!("{commit}:"));
    object.push(path);
    let output = Git::read(top)
        .args(["cat-file", "blob"])
        .arg(object)
        .run_any()
        .await;
    match output {
        Ok(output) if output.code == Some(0) => Ok(Some(output.stdout)),
        Ok(_) | Err(GitError::TooMuchOutput { .. }) => Ok(None),
        Err(err) => Err(err.into()),
    }
}
