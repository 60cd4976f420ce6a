//! Reads `git diff --raw --numstat -p -z` as it comes.
//!
//! The list of files is first, then their counts, then an empty field, then the patch. The patch is
//! kept by file and up to the limits; the rest is counted only.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{DiffLimits, FileDiff, FileStatus, Omission, StageState, name};

/// When so many times the kept bytes were read, the rest of the patch is not waited for.
const READ_FACTOR: usize = 8;

/// See the module.
pub(super) struct Reader {
    limits: DiffLimits,
    /// Whether the patch has begun.
    in_patch: bool,
    /// The beginning of a field or line whose end is to come.
    partial: Vec<u8>,
    /// The status letter of the record being read; none of a record of counts.
    letter: Option<u8>,
    /// Names of the record being read that are still to come.
    n_names: usize,
    entries: Vec<Entry>,
    n_entries: usize,
    n_counted: usize,
    /// The entry whose section is being read.
    current: Option<usize>,
    /// Where in the current patch the current hunk begins.
    hunk_at: Option<usize>,
    n_kept: usize,
    n_read: usize,
}

struct Entry {
    file: FileDiff,
    /// The line that begins its section.
    header: Vec<u8>,
    /// Whether our way to write its names differs from git's.
    is_odd: bool,
    is_type_change: bool,
    has_section: bool,
}

impl Reader {
    pub(super) fn new(limits: DiffLimits) -> Self {
        Self {
            limits,
            in_patch: false,
            partial: Vec::new(),
            letter: None,
            n_names: 0,
            entries: Vec::new(),
            n_entries: 0,
            n_counted: 0,
            current: None,
            hunk_at: None,
            n_kept: 0,
            n_read: 0,
        }
    }

    /// Takes a piece; breaks off when nothing of what is to come is wanted.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> ControlFlow<()> {
        self.n_read += bytes.len();
        while let Some(end) = self.end_in(bytes) {
            if self.partial.is_empty() {
                self.take(&bytes[..end]);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend(&bytes[..end]);
                self.take(&whole);
            }
            bytes = &bytes[end + 1..];
        }
        self.partial.extend(bytes);
        let is_enough = self.n_read > READ_FACTOR.saturating_mul(self.limits.total_bytes);
        match self.in_patch && is_enough {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn end_in(&self, bytes: &[u8]) -> Option<usize> {
        let end = if self.in_patch { b'\n' } else { 0 };
        bytes.iter().position(|byte| *byte == end)
    }

    /// Returns the files, the number of those that are not among them, and the bytes kept.
    pub(super) fn finish(mut self) -> (Vec<FileDiff>, usize, usize) {
        for entry in &mut self.entries {
            if !entry.has_section {
                entry.file.omitted = Some(Omission::DiffTooLarge);
                entry.make_bare();
            }
        }
        let n_unlisted = self.n_entries - self.entries.len();
        let files = self.entries.into_iter().map(|entry| entry.file).collect();
        (files, n_unlisted, self.n_kept)
    }

    fn take(&mut self, part: &[u8]) {
        if self.in_patch {
            self.take_line(part);
        } else {
            self.take_field(part);
        }
    }

    fn take_field(&mut self, field: &[u8]) {
        if self.n_names > 0 {
            self.n_names -= 1;
            return self.take_name(field);
        }
        match field.first() {
            None => self.in_patch = true,
            Some(b':') => {
                // `:mode mode hash hash S` with a score behind R and C.
                let letter = field.rsplit(|byte| *byte == b' ').next();
                let letter = letter.and_then(|word| word.first()).copied();
                self.letter = Some(letter.unwrap_or(b'M'));
                self.n_names = if matches!(letter, Some(b'R' | b'C')) {
                    2
                } else {
                    1
                };
            }
            Some(_) => self.take_counts(field),
        }
    }

    fn take_name(&mut self, field: &[u8]) {
        let Some(letter) = self.letter else {
            return;
        };
        let path = PathBuf::from(OsString::from_vec(field.to_vec()));
        let is_second = matches!(letter, b'R' | b'C') && self.n_names == 0;
        if is_second {
            if self.n_entries == self.entries.len()
                && let Some(entry) = self.entries.last_mut()
            {
                entry.move_to(path);
            }
            return;
        }
        // Of a file in conflict there is a second record.
        self.n_entries += 1;
        if self.entries.len() < self.limits.n_files {
            self.entries.push(Entry::new(letter, path));
        }
    }

    /// Takes `added TAB removed TAB path`; the path is empty when two names follow.
    fn take_counts(&mut self, field: &[u8]) {
        let mut parts = field.splitn(3, |byte| *byte == b'\t');
        let added = parts.next().and_then(number);
        let removed = parts.next().and_then(number);
        if parts.next().is_some_and(<[u8]>::is_empty) {
            self.letter = None;
            self.n_names = 2;
        }
        if let Some(entry) = self.entries.get_mut(self.n_counted) {
            entry.file.is_binary = added.is_none();
            entry.file.additions = added.unwrap_or(0);
            entry.file.deletions = removed.unwrap_or(0);
        }
        self.n_counted += 1;
    }

    fn take_line(&mut self, line: &[u8]) {
        if line.starts_with(b"diff --git ") {
            return self.begin_section(line);
        }
        if line.starts_with(b"* Unmerged path ") {
            self.current = None;
        }
        let Some(at) = self.current else {
            return;
        };
        let entry = &mut self.entries[at];
        if entry.file.omitted.is_some() {
            return;
        }
        if line.starts_with(b"@@ ") {
            self.hunk_at = Some(entry.file.patch.len());
        }
        let Some(hunk_at) = self.hunk_at else {
            entry.add_head_line(line);
            return;
        };
        let size = entry.file.patch.len() + line.len() + 1;
        let omission = if size > self.limits.file_bytes {
            Some(Omission::FileTooLarge)
        } else if self.n_kept + size > self.limits.total_bytes {
            Some(Omission::DiffTooLarge)
        } else {
            None
        };
        match omission {
            Some(omission) => {
                entry.file.omitted = Some(omission);
                entry.file.patch.truncate(hunk_at);
                self.end_section();
            }
            None => {
                entry.file.patch.extend(line);
                entry.file.patch.push(b'\n');
            }
        }
    }

    fn begin_section(&mut self, line: &[u8]) {
        self.end_section();
        let is_continued = |entry: &Entry| entry.is_type_change && entry.header == line;
        let from = match self.current {
            Some(at) if is_continued(&self.entries[at]) => at,
            Some(at) => at + 1,
            None => 0,
        };
        let mut ahead = self.entries[from..].iter();
        let found = ahead.position(|entry| entry.header == line);
        let Some(found) = found else {
            // One that is not listed.
            self.current = None;
            return;
        };
        self.current = Some(from + found);
        let entry = &mut self.entries[from + found];
        entry.has_section = true;
        if entry.file.omitted.is_none() {
            entry.add_header();
        }
    }

    fn end_section(&mut self) {
        if self.hunk_at.take().is_some()
            && let Some(at) = self.current
        {
            self.n_kept += self.entries[at].file.patch.len();
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl Entry {
    fn new(letter: u8, path: PathBuf) -> Self {
        let status = match letter {
            b'A' => FileStatus::Added,
            b'D' => FileStatus::Deleted,
            b'R' => FileStatus::Renamed,
            b'C' => FileStatus::Copied,
            _ => FileStatus::Modified,
        };
        let mut entry = Self {
            header: Vec::new(),
            is_odd: false,
            is_type_change: letter == b'T',
            has_section: false,
            file: FileDiff {
                path,
                old_path: None,
                status,
                stage: StageState::Committed,
                additions: 0,
                deletions: 0,
                is_binary: false,
                patch: Vec::new(),
                omitted: None,
            },
        };
        entry.look_at_names();
        entry
    }

    fn move_to(&mut self, path: PathBuf) {
        self.file.old_path = Some(std::mem::replace(&mut self.file.path, path));
        self.look_at_names();
    }

    fn old_path(&self) -> &Path {
        self.file.old_path.as_ref().unwrap_or(&self.file.path)
    }

    fn look_at_names(&mut self) {
        let (old, new) = (self.old_path(), self.file.path.as_path());
        let by_git = [
            name::written_by_git("a/", old),
            name::written_by_git("b/", new),
        ];
        self.is_odd = by_git != [name::written("a/", old), name::written("b/", new)];
        self.header = [b"diff --git ", &by_git[0][..], b" ", &by_git[1][..]].concat();
    }

    fn add_header(&mut self) {
        let (old, new) = (self.old_path(), self.file.path.as_path());
        let header = [
            b"diff --git ",
            &name::in_header("a/", old)[..],
            b" ",
            &name::in_header("b/", new)[..],
            b"\n",
        ]
        .concat();
        self.file.patch.extend(header);
    }

    /// Adds a line before the first hunk, with names written our way.
    fn add_head_line(&mut self, line: &[u8]) {
        let rewritten = self.is_odd.then(|| self.rewritten(line)).flatten();
        self.file.patch.extend(rewritten.as_deref().unwrap_or(line));
        self.file.patch.push(b'\n');
    }

    fn rewritten(&self, line: &[u8]) -> Option<Vec<u8>> {
        let (old, new) = (self.old_path(), self.file.path.as_path());
        let written: fn(&str, &Path) -> Vec<u8> = name::written;
        let kinds = [
            (&b"--- "[..], "a/", old, written),
            (b"+++ ", "b/", new, written),
            (b"rename from ", "", old, name::in_header),
            (b"rename to ", "", new, name::in_header),
            (b"copy from ", "", old, name::in_header),
            (b"copy to ", "", new, name::in_header),
        ];
        for (start, prefix, path, write) in kinds {
            if let Some(rest) = line.strip_prefix(start) {
                let mut text = [start, &write(prefix, path)].concat();
                if rest.ends_with(b"\t") {
                    text.push(b'\t');
                }
                return (rest != b"/dev/null").then_some(text);
            }
        }
        if line.starts_with(b"Binary files ") {
            let side = |nothing: FileStatus, prefix, path| match self.file.status == nothing {
                true => b"/dev/null".to_vec(),
                false => name::in_header(prefix, path),
            };
            let old = side(FileStatus::Added, "a/", old);
            let new = side(FileStatus::Deleted, "b/", new);
            return Some([b"Binary files ", &old[..], b" and ", &new, b" differ"].concat());
        }
        None
    }

    /// Makes a section without hunks, for a file whose own was not read.
    fn make_bare(&mut self) {
        self.file.patch.clear();
        self.add_header();
        if self.file.old_path.is_some() {
            return;
        }
        let (old, new) = (self.old_path(), self.file.path.as_path());
        let (old, new) = match self.file.status {
            FileStatus::Added => (b"/dev/null".to_vec(), name::written("b/", new)),
            FileStatus::Deleted => (name::written("a/", old), b"/dev/null".to_vec()),
            _ => (name::written("a/", old), name::written("b/", new)),
        };
        let names = [b"--- ", &old[..], b"\n+++ ", &new, b"\n"].concat();
        self.file.patch.extend(names);
    }
}
