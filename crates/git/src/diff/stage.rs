//! What `git status` says beside a diff: what is staged, and what is untracked.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::StageState;

/// Reads `status --porcelain=v2 -z` as it comes.
pub(super) struct Stages {
    entry: Vec<u8>,
    n_untracked_max: usize,
    /// Files that are not as committed.
    pub(super) by_path: HashMap<PathBuf, StageState>,
    /// Untracked files up to the limit.
    pub(super) untracked: Vec<PathBuf>,
    /// All untracked files.
    pub(super) n_untracked: usize,
}

impl Stages {
    pub(super) fn new(n_untracked_max: usize) -> Self {
        Self {
            entry: Vec::new(),
            n_untracked_max,
            by_path: HashMap::new(),
            untracked: Vec::new(),
            n_untracked: 0,
        }
    }

    /// Takes a piece of the listing.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == 0) {
            self.entry.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let entry = std::mem::take(&mut self.entry);
            self.add(&entry);
        }
        self.entry.extend(bytes);
    }

    /// Adds `1 XY sub mH mI mW hH hI path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path` or `? path`.
    fn add(&mut self, entry: &[u8]) {
        let n_fields = match entry.first() {
            Some(b'?') => 1,
            Some(b'1') => 8,
            Some(b'u') => 10,
            _ => return,
        };
        let field = entry.splitn(n_fields + 1, |byte| *byte == b' ');
        let Some(path) = field.last().map(|path| path.to_vec()) else {
            return;
        };
        let path = PathBuf::from(OsString::from_vec(path));
        let state = match (entry[0], entry.get(2), entry.get(3)) {
            (b'?', ..) => {
                self.n_untracked += 1;
                if self.untracked.len() < self.n_untracked_max {
                    self.untracked.push(path);
                }
                return;
            }
            // A conflict waits to be staged.
            (b'u', ..) | (_, Some(b'.'), _) => StageState::Unstaged,
            (_, _, Some(b'.')) => StageState::Staged,
            _ => StageState::Partial,
        };
        self.by_path.insert(path, state);
    }
}
