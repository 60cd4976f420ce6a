//! What stands beside a diff: what of it is staged, and what is untracked.
//!
//! Not from `git status`, which looks at every file as the diff beside it does.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::StageState;

/// Cuts a listing into its entries, each ended by a zero byte, as it comes.
#[derive(Default)]
struct Entries(Vec<u8>);

impl Entries {
    fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(Vec<u8>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
            self.0.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            take(std::mem::take(&mut self.0));
        }
        self.0.extend(bytes);
    }
}

fn path_of(entry: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(entry))
}

/// Files of one `git diff --raw -z --no-renames`, read as it comes.
#[derive(Default)]
pub(super) struct Changed {
    entries: Entries,
    /// The status letter of the file whose name is next.
    letter: Option<u8>,
    /// Each with its status letter.
    by_path: HashMap<PathBuf, u8>,
}

impl Changed {
    /// Takes a piece of `:mode mode id id letter NUL path NUL …`.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (letter, by_path) = (&mut self.letter, &mut self.by_path);
        self.entries.push(bytes, |entry| match letter.take() {
            None => *letter = entry.last().copied(),
            Some(letter) => {
                let letters = by_path.entry(path_of(entry)).or_insert(letter);
                // A conflict is also listed as a change.
                if letter == b'U' {
                    *letters = letter;
                }
            }
        });
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
    entries: Entries,
    n_max: usize,
    /// Those up to the limit.
    pub(super) paths: Vec<PathBuf>,
    /// The number of all.
    pub(super) n_all: usize,
}

impl Untracked {
    pub(super) fn new(n_max: usize) -> Self {
        Self {
            entries: Entries::default(),
            n_max,
            paths: Vec::new(),
            n_all: 0,
        }
    }

    /// Takes a piece of the listing.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Self {
            entries,
            n_max,
            paths,
            n_all,
        } = self;
        entries.push(bytes, |entry| {
            *n_all += 1;
            if paths.len() < *n_max {
                paths.push(path_of(entry));
            }
        });
    }
}
