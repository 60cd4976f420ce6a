//! How paths are written in patches.
//!
//! git quotes a name with control characters, quotes or backslashes. Readers of patches rarely
//! unquote, so here the name in a `---` or `+++` line is quoted only when it must be: when it has
//! control characters, which would break the line, or is not UTF-8, which would break JSON. Other
//! lines keep git's way, for `git apply` could not tell the two names of a `diff --git` line apart.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Returns a path as it stands in the lines of a patch, without quotes and `a/` or `b/`: the plain
/// name, or one with escapes like `\n` or `\377` when it is not UTF-8 or has control characters.
pub fn display_name(path: &Path) -> String {
    match plain(path) {
        Some(name) => name.to_owned(),
        None => escaped(path.as_os_str().as_bytes()),
    }
}

/// Undoes [`display_name`] for a name that had to be escaped.
pub(super) fn unescaped(name: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let [letter, tail @ ..] = rest else {
            return None;
        };
        rest = tail;
        let position = ESCAPES.iter().position(|(_, known)| known == letter);
        match (position, letter) {
            (Some(position), _) => bytes.push(ESCAPES[position].0),
            (None, b'0'..=b'3') => {
                let digits = [*letter, *rest.first()?, *rest.get(1)?];
                let text = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(text, 8).ok()?);
                rest = &rest[2..];
            }
            _ => return None,
        }
    }
    Some(OsString::from_vec(bytes).into())
}

/// Writes a path behind a prefix as it stands in the lines before `---`.
pub(super) fn in_header(prefix: &str, path: &Path) -> Vec<u8> {
    match path.to_str() {
        Some(_) => written_by_git(prefix, path),
        None => written(prefix, path),
    }
}

/// Writes a path behind a prefix as it stands in our `---` and `+++` lines.
pub(super) fn written(prefix: &str, path: &Path) -> Vec<u8> {
    match plain(path) {
        Some(name) => format!("{prefix}{name}").into_bytes(),
        None => format!("\"{prefix}{}\"", display_name(path)).into_bytes(),
    }
}

/// Writes a path behind a prefix as git does with `core.quotePath` off.
pub(super) fn written_by_git(prefix: &str, path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.iter().any(|byte| is_special(*byte)) {
        let mut quoted = vec![b'"'];
        quoted.extend(prefix.bytes());
        escape_into(&mut quoted, bytes, is_special);
        quoted.push(b'"');
        return quoted;
    }
    [prefix.as_bytes(), bytes].concat()
}

fn plain(path: &Path) -> Option<&str> {
    let name = path.to_str()?;
    let is_plain = !name.bytes().any(|byte| byte < 0x20 || byte == 0x7f);
    is_plain.then_some(name)
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, 0x7f | b'"' | b'\\')
}

fn is_control_or_high(byte: u8) -> bool {
    is_special(byte) || byte >= 0x80
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() + 8);
    escape_into(&mut text, bytes, is_control_or_high);
    String::from_utf8(text).expect("what is not ASCII was escaped")
}

/// Bytes with a letter of their own.
const ESCAPES: [(u8, u8); 9] = [
    (0x07, b'a'),
    (0x08, b'b'),
    (b'\t', b't'),
    (b'\n', b'n'),
    (0x0b, b'v'),
    (0x0c, b'f'),
    (b'\r', b'r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

fn escape_into(text: &mut Vec<u8>, bytes: &[u8], must: fn(u8) -> bool) {
    for byte in bytes {
        if !must(*byte) {
            text.push(*byte);
            continue;
        }
        match ESCAPES.iter().find(|(escaped, _)| escaped == byte) {
            Some((_, letter)) => text.extend([b'\\', *letter]),
            None => text.extend(format!("\\{byte:03o}").bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn only_names_that_must_be_are_escaped_and_each_is_found_again() {
        let names: [(&[u8], &str); 6] = [
            (b"a b", "a b"),
            (b"q\"uo\\te", "q\"uo\\te"),
            ("ünï".as_bytes(), "ünï"),
            (b"new\nline\"", "new\\nline\\\""),
            (b"\xff\x01", "\\377\\001"),
            (b"", ""),
        ];
        for (bytes, expected) in names {
            let path = Path::new(OsStr::from_bytes(bytes));
            let name = display_name(path);
            assert_eq!(name, expected);
            if plain(path).is_none() {
                assert_eq!(unescaped(&name).unwrap(), path);
            }
        }
        assert_eq!(unescaped("\\x"), None);
        assert_eq!(unescaped("\\37"), None);
        assert_eq!(unescaped("\\"), None);
    }
}
