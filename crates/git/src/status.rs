//! What in a worktree is not committed.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::command::{Git, GitError};
use crate::filters::OwnFilters;
use crate::head::Head;

/// Changes that are listed by path; the counts count on.
const LISTED_MAX: usize = 1000;

/// The state of a worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What is checked out.
    pub head: Head,
    /// The branch that this one follows, `origin/main`.
    pub upstream: Option<String>,
    /// Commits that the upstream lacks; none without an upstream or when it is gone.
    pub ahead: Option<u32>,
    /// Commits that only the upstream has.
    pub behind: Option<u32>,
    /// Files with staged changes.
    pub n_staged: u32,
    /// Files with changes that are not staged.
    pub n_unstaged: u32,
    /// Untracked files; a folder with nothing tracked counts once.
    pub n_untracked: u32,
    /// Files in conflict.
    pub n_conflicted: u32,
    /// The first thousand changes.
    pub changes: Vec<Change>,
}

/// A file that is not as committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, from the top of the worktree. Bytes as git has them, perhaps not UTF-8.
    pub path: PathBuf,
    /// What is with it.
    pub kind: ChangeKind,
}

/// What is with a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// All its changes are staged.
    Staged,
    /// It has changes that are not staged, and perhaps others that are.
    Unstaged,
    /// git does not know it.
    Untracked,
    /// It is in conflict.
    Conflicted,
}

impl Status {
    /// Whether nothing would be lost with the directory, but for ignored files.
    pub fn is_clean(&self) -> bool {
        self.n_staged + self.n_unstaged + self.n_untracked + self.n_conflicted == 0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.n_conflicted, "in conflict"),
            (self.n_staged, "staged"),
            (self.n_unstaged, "unstaged"),
            (self.n_untracked, "untracked"),
        ];
        let words: Vec<_> = counts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}"))
            .collect();
        match words.is_empty() {
            true => f.write_str("clean"),
            false => f.write_str(&words.join(", ")),
        }
    }
}

/// Tells the status of the worktree at (or around) a directory.
///
/// Runs no program that the repository names: own filters are switched off, and submodules are
/// compared by commit only, for looking inside would follow their configuration.
pub async fn status(dir: &Path) -> Result<Status, GitError> {
    let filters = OwnFilters::of(dir).await?;
    let listing = filters
        .switch_off(Git::read(dir))
        .args(["status", "--porcelain=v2", "--branch", "-z"])
        // What the user's configuration may say otherwise.
        .args(["--untracked-files=normal", "--no-renames", "--ahead-behind"])
        .arg("--ignore-submodules=dirty")
        .run()
        .await?;
    parse(&listing).ok_or_else(|| GitError::unreadable("status"))
}

/// Tells the status of the worktree at (or around) a directory in git's own words, for people.
pub async fn status_text(dir: &Path) -> Result<String, GitError> {
    let filters = OwnFilters::of(dir).await?;
    let text = filters
        .switch_off(Git::read(dir))
        .args(["status", "--untracked-files=normal"])
        .arg("--ignore-submodules=dirty")
        .run()
        .await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Parses porcelain v2 with NUL. None when it is not that.
fn parse(listing: &[u8]) -> Option<Status> {
    let mut status = Status {
        head: Head::Detached(String::new()),
        upstream: None,
        ahead: None,
        behind: None,
        n_staged: 0,
        n_unstaged: 0,
        n_untracked: 0,
        n_conflicted: 0,
        changes: Vec::new(),
    };
    let mut commit = None;
    let mut branch = None;
    for entry in listing.split(|byte| *byte == 0) {
        match entry.first() {
            None => {}
            Some(b'#') => {
                let text = String::from_utf8_lossy(entry);
                let (key, value) = text.strip_prefix("# ")?.split_once(' ')?;
                match key {
                    "branch.oid" => commit = (value != "(initial)").then(|| value.to_owned()),
                    "branch.head" => branch = (value != "(detached)").then(|| value.to_owned()),
                    "branch.upstream" => status.upstream = Some(value.to_owned()),
                    "branch.ab" => (status.ahead, status.behind) = ahead_behind(value)?,
                    _ => {}
                }
            }
            Some(_) => add_change(&mut status, entry)?,
        }
    }
    status.head = match (branch, commit) {
        (Some(branch), Some(_)) => Head::Branch(branch),
        (Some(branch), None) => Head::Unborn(branch),
        (None, Some(commit)) => Head::Detached(commit),
        (None, None) => return None,
    };
    Some(status)
}

/// Parses `+1 -2`.
fn ahead_behind(value: &str) -> Option<(Option<u32>, Option<u32>)> {
    let (ahead, behind) = value.split_once(' ')?;
    let ahead = ahead.strip_prefix('+')?.parse().ok()?;
    let behind = behind.strip_prefix('-')?.parse().ok()?;
    Some((Some(ahead), Some(behind)))
}

/// Adds `1 XY sub mH mI mW hH hI path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path` or `? path`.
fn add_change(status: &mut Status, entry: &[u8]) -> Option<()> {
    let (kind, n_fields) = match (entry.first()?, entry.get(2)?, entry.get(3)) {
        (b'?', ..) => (ChangeKind::Untracked, 1),
        (b'u', ..) => (ChangeKind::Conflicted, 10),
        (b'1', _, Some(b'.')) => (ChangeKind::Staged, 8),
        (b'1', ..) => (ChangeKind::Unstaged, 8),
        _ => return None,
    };
    match kind {
        ChangeKind::Untracked => status.n_untracked += 1,
        ChangeKind::Conflicted => status.n_conflicted += 1,
        ChangeKind::Staged => status.n_staged += 1,
        ChangeKind::Unstaged => {
            status.n_unstaged += 1;
            status.n_staged += u32::from(entry[2] != b'.');
        }
    }
    if status.changes.len() < LISTED_MAX {
        let path = entry
            .splitn(n_fields + 1, |byte| *byte == b' ')
            .nth(n_fields)?;
        status.changes.push(Change {
            path: OsString::from_vec(path.to_vec()).into(),
            kind,
        });
    }
    Some(())
}
