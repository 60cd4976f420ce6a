//! What stands beside a diff: what of it is staged, and what is untracked.
//!
//! Not from `git status`, which looks at every file as the diff beside it does.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::StageState;

fn path_of(entry: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(entry))
}

/// Files of one `git diff --raw -z --no-renames`, read as it comes.
#[derive(Default)]
pub(super) struct Changed {
    /// The status letter of the file whose name is next.
    letter: Option<u8>,
    /// Each with its status letter.
    by_path: HashMap<PathBuf, u8>,
}

impl Changed {
    /// Takes an entry of `:mode mode id id letter NUL path NUL …`.
    pub(super) fn take(&mut self, entry: Vec<u8>) {
        match self.letter.take() {
            None => self.letter = entry.last().copied(),
            Some(letter) => {
                let known = self.by_path.entry(path_of(entry)).or_insert(letter);
                // A conflict is also listed as a change.
                if letter == b'U' {
                    *known = letter;
                }
            }
        }
    }

    fn letter(&self, path: &Path) -> Option<u8> {
        self.by_path.get(path).copied()
    }
}

/// How far the files of a diff are on their way into a commit.
#[derive(Default)]
pub(super) struct Stages {
    /// What the index has otherwise than HEAD.
    pub(super) staged: Changed,
    /// What the directory has otherwise than the index.
    pub(super) unstaged: Changed,
}

impl Stages {
    pub(super) fn of(&self, path: &Path) -> StageState {
        match (self.staged.letter(path), self.unstaged.letter(path)) {
            // A conflict waits to be staged.
            (Some(b'U'), _) | (_, Some(b'U')) | (None, Some(_)) => StageState::Unstaged,
            (Some(_), Some(_)) => StageState::Partial,
            (Some(_), None) => StageState::Staged,
            (None, None) => StageState::Committed,
        }
    }
}

/// Untracked files, read from `ls-files -z` as it comes.
pub(super) struct Untracked {
    n_max: usize,
    /// Those up to the limit.
    pub(super) paths: Vec<PathBuf>,
    /// The number of all.
    pub(super) n_all: usize,
}

impl Untracked {
    pub(super) fn new(n_max: usize) -> Self {
        Self {
            n_max,
            paths: Vec::new(),
            n_all: 0,
        }
    }

    /// Takes an entry of the listing.
    pub(super) fn take(&mut self, entry: Vec<u8>) {
        self.n_all += 1;
        if self.paths.len() < self.n_max {
            self.paths.push(path_of(entry));
        }
    }
}
