//! Untracked files as patches that make them.

use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::file::{self, Found};
use super::{DiffLimits, FileDiff, FileStatus, Omission, StageState, name};

/// A file with a zero byte among so many at its beginning is binary, as git sees it.
const LOOKED_AT_BYTES: usize = 8000;

/// Reads untracked files as far as the limits go. Blocks.
pub(super) fn read(
    top: &Path,
    paths: Vec<PathBuf>,
    limits: &DiffLimits,
    mut bytes_left: usize,
) -> Vec<FileDiff> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let file = read_one(top, path, limits, bytes_left);
        bytes_left = bytes_left.saturating_sub(file.patch.len());
        files.push(file);
    }
    files
}

/// What goes into a patch.
enum Content {
    Text { mode: &'static str, bytes: Vec<u8> },
    Binary { mode: &'static str },
    None(Omission),
}

fn read_one(top: &Path, path: PathBuf, limits: &DiffLimits, bytes_left: usize) -> FileDiff {
    let content = content(top, &path, limits, bytes_left);
    let mut file = FileDiff {
        old_path: None,
        status: FileStatus::Untracked,
        stage: StageState::Unstaged,
        additions: 0,
        deletions: 0,
        is_binary: false,
        patch: Vec::new(),
        omitted: None,
        path,
    };
    match content {
        Content::Text { mode, bytes } => {
            file.additions = count_lines(&bytes);
            file.patch = text(&file.path, mode, &bytes, file.additions);
        }
        Content::Binary { mode } => {
            file.is_binary = true;
            file.patch = binary(&file.path, mode);
        }
        Content::None(omission) => {
            file.omitted = Some(omission);
            file.is_binary = omission == Omission::Unreadable;
            file.patch = head(&file.path, "100644");
            if omission != Omission::Unreadable {
                file.patch.extend(names(&file.path));
            }
        }
    }
    file
}

fn content(top: &Path, path: &Path, limits: &DiffLimits, bytes_left: usize) -> Content {
    let (file, size_bytes, mode) = match file::open(top, path) {
        Ok(Found::File {
            file,
            size_bytes,
            is_executable,
        }) => {
            let mode = if is_executable { "100755" } else { "100644" };
            (file, size_bytes, mode)
        }
        Ok(Found::Link(to)) => {
            return Content::Text {
                mode: "120000",
                bytes: to.into_vec(),
            };
        }
        Err(_) => return Content::None(Omission::Unreadable),
    };
    let most = limits.file_bytes.min(bytes_left);
    let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(most).min(most));
    // Enough to see whether it is binary, even if nothing more is kept.
    let wanted = most.max(LOOKED_AT_BYTES) as u64;
    if file.take(wanted + 1).read_to_end(&mut bytes).is_err() {
        return Content::None(Omission::Unreadable);
    }
    if bytes[..bytes.len().min(LOOKED_AT_BYTES)].contains(&0) {
        return Content::Binary { mode };
    }
    match bytes.len() {
        size if size <= most => Content::Text { mode, bytes },
        size if size > limits.file_bytes => Content::None(Omission::FileTooLarge),
        _ => Content::None(Omission::DiffTooLarge),
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.split_inclusive(|byte| *byte == b'\n').count() as u64
}

fn head(path: &Path, mode: &str) -> Vec<u8> {
    [
        &b"diff --git "[..],
        &name::in_header("a/", path),
        b" ",
        &name::in_header("b/", path),
        format!("\nnew file mode {mode}\n").as_bytes(),
    ]
    .concat()
}

fn names(path: &Path) -> Vec<u8> {
    let tab: &[u8] = match path.as_os_str().as_bytes().contains(&b' ') {
        // Where the name ends would not be clear.
        true => b"\t",
        false => b"",
    };
    [
        b"--- /dev/null\n+++ ",
        &name::written("b/", path)[..],
        tab,
        b"\n",
    ]
    .concat()
}

fn binary(path: &Path, mode: &str) -> Vec<u8> {
    let mut patch = head(path, mode);
    patch.extend(b"Binary files /dev/null and ");
    patch.extend(name::in_header("b/", path));
    patch.extend(b" differ\n");
    patch
}

fn text(path: &Path, mode: &str, bytes: &[u8], n_lines: u64) -> Vec<u8> {
    let mut patch = head(path, mode);
    if bytes.is_empty() {
        // Without a line about its content it would not be a change to some readers.
        patch.extend(b"index 0000000..e69de29\n");
        return patch;
    }
    patch.extend(names(path));
    let range = match n_lines {
        1 => "1".to_owned(),
        n => format!("1,{n}"),
    };
    patch.extend(format!("@@ -0,0 +{range} @@\n").bytes());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        patch.push(b'+');
        patch.extend(line);
    }
    if bytes.last() != Some(&b'\n') {
        patch.extend(b"\n\\ No newline at end of file\n");
    }
    patch
}
