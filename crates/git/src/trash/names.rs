//! Names of files inside an entry: git takes no `.git` in a tree, and a stream needs quoting.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What stands after the path of an empty folder, for git knows none. No name that is encoded is a
/// single `%`.
pub(super) const FOLDER_MARK: &[u8] = b"/%";

/// Turns a relative path into one that every git takes into a tree: a part that begins with `.git`
/// or `%` gets a `%` before it.
pub(super) fn encode(path: &Path) -> Vec<u8> {
    let mut encoded = Vec::new();
    for part in path.as_os_str().as_bytes().split(|byte| *byte == b'/') {
        if !encoded.is_empty() {
            encoded.push(b'/');
        }
        if needs_mark(part) {
            encoded.push(b'%');
        }
        encoded.extend_from_slice(part);
    }
    encoded
}

/// Reverses [`encode`]. None when it is not from there; then it may lead anywhere.
pub(super) fn decode(encoded: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in encoded.split(|byte| *byte == b'/') {
        let name = match part.strip_prefix(b"%") {
            Some(name) if needs_mark(name) => name,
            Some(_) => return None,
            None => part,
        };
        if matches!(name, b"" | b"." | b"..") || name.contains(&0) {
            return None;
        }
        path.push(OsStr::from_bytes(name));
    }
    Some(path)
}

fn needs_mark(part: &[u8]) -> bool {
    part.first() == Some(&b'%')
        || part
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b".git"))
}

/// Quotes a path for a stream of commands, in the manner of C.
pub(super) fn quote(path: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for byte in path {
        if byte.is_ascii_alphanumeric() || b" ._-/%+@=,".contains(byte) {
            quoted.push(*byte);
        } else {
            quoted.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        }
    }
    quoted.push(b'"');
    quoted
}

/// Puts bytes into one line: what is not plain text becomes `%XX`.
pub(super) fn to_line(bytes: &[u8]) -> String {
    let is_text = std::str::from_utf8(bytes).is_ok();
    let mut line = Vec::new();
    for byte in bytes {
        let is_plain = !byte.is_ascii_control() && *byte != b'%' && (byte.is_ascii() || is_text);
        if is_plain {
            line.push(*byte);
        } else {
            line.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Reverses [`to_line`].
pub(super) fn from_line(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_git_are_marked() {
        let table = [
            ("a/b.txt", "a/b.txt"),
            ("sub/.git/HEAD", "sub/%.git/HEAD"),
            (".GIT", "%.GIT"),
            (".gitmodules", "%.gitmodules"),
            ("%x/%.git", "%%x/%%.git"),
        ];
        for (path, expected) in table {
            assert_eq!(encode(Path::new(path)), expected.as_bytes());
            assert_eq!(decode(expected.as_bytes()), Some(path.into()));
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "../x", "a/../b", "/etc", "a//b", ".", "", "%..", "%x", "a\0b",
        ] {
            assert_eq!(decode(name.as_bytes()), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(parts in prop::collection::vec("[^/\0]{1,8}", 1..4)) {
            prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
            let path = PathBuf::from(parts.join("/"));
            prop_assert_eq!(decode(&encode(&path)), Some(path));
        }

        #[test]
        fn every_line_comes_back(bytes: Vec<u8>) {
            let line = to_line(&bytes);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(from_line(&line), Some(bytes));
        }
    }
}
