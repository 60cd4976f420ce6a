//! Finds the keys meant for us among those meant for the program.
//!
//! `Ctrl-\` then `d` detaches; `Ctrl-\` twice types one; before any other key it is typed as it is.
//! Programs may have switched the terminal to another encoding of keys, so each key is known in
//! three forms: its control character, the kitty form `CSI 92 ; 5 u`, and xterm's `CSI 27 ; 5 ; 92 ~`.
//! Escape sequences are looked for within one read only: a lone Escape must never wait.

use bytes::Bytes;

/// What typed bytes mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// They are for the program.
    Type(Bytes),
    /// The user leaves.
    Detach,
}

/// The recogniser: what was typed of a command so far.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The prefix as it was typed, when it was the last key.
    prefix: Option<Vec<u8>>,
}

/// A key at the beginning of some bytes.
enum Key {
    /// `Ctrl-\`, of so many bytes.
    Prefix(usize),
    /// `d`, of so many bytes.
    D(usize),
    /// The release of a key, which kitty's encoding reports; it means nothing here.
    Release(usize),
    /// Anything else.
    Other,
}

const CONTROL_BACKSLASH: u8 = 0x1c;

impl Keys {
    /// Reads what was typed.
    pub(crate) fn push(&mut self, typed: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut text: Vec<u8> = Vec::new();
        let mut rest = typed;
        while !rest.is_empty() {
            let key = key(rest);
            let length = match key {
                Key::Prefix(length) | Key::D(length) | Key::Release(length) => length,
                Key::Other => 1,
            };
            let (this, after) = rest.split_at(length);
            rest = after;
            match (self.prefix.take(), key) {
                (None, Key::Prefix(_)) => self.prefix = Some(this.to_vec()),
                (Some(_), Key::Prefix(_)) => text.extend(this),
                (Some(_), Key::D(_)) => {
                    flush(&mut text, &mut actions);
                    actions.push(Action::Detach);
                    return actions;
                }
                (Some(prefix), Key::Release(_)) => self.prefix = Some(prefix),
                (Some(prefix), Key::Other) => {
                    text.extend(prefix);
                    text.extend(this);
                }
                (None, _) => text.extend(this),
            }
        }
        flush(&mut text, &mut actions);
        actions
    }
}

fn flush(text: &mut Vec<u8>, actions: &mut Vec<Action>) {
    if !text.is_empty() {
        actions.push(Action::Type(std::mem::take(text).into()));
    }
}

fn key(bytes: &[u8]) -> Key {
    match bytes[0] {
        CONTROL_BACKSLASH => return Key::Prefix(1),
        b'd' => return Key::D(1),
        0x1b => {}
        _ => return Key::Other,
    }
    let Some((sequence, length)) = csi(bytes) else {
        return Key::Other;
    };
    match sequence {
        "92;5u" | "92;5:1u" | "92;5:2u" | "27;5;92~" => Key::Prefix(length),
        "100u" | "100;1u" | "100;1:1u" | "100;1:2u" => Key::D(length),
        _ if sequence.ends_with(":3u") => Key::Release(length),
        _ => Key::Other,
    }
}

/// The parameters and the final byte of a CSI sequence, and the length of the whole.
fn csi(bytes: &[u8]) -> Option<(&str, usize)> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let end = body.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
    let text = std::str::from_utf8(&body[..=end]).ok()?;
    Some((text, end + 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reads: &[&[u8]], typed: &[u8], detaches: bool) {
        let mut keys = Keys::default();
        let actions: Vec<Action> = reads.iter().flat_map(|read| keys.push(read)).collect();
        let detached = actions.last() == Some(&Action::Detach);
        let text: Vec<u8> = actions
            .into_iter()
            .flat_map(|action| match action {
                Action::Type(bytes) => bytes.to_vec(),
                Action::Detach => Vec::new(),
            })
            .collect();
        let shown = String::from_utf8_lossy(&text).into_owned();
        assert_eq!((text.as_slice(), detached), (typed, detaches), "{shown:?}");
    }

    #[test]
    fn ordinary_keys_pass_untouched() {
        check(&[b"ls -d\r"], b"ls -d\r", false);
        check(
            &[b"\x1b", b"[A\x1b[1;5D\x1b"],
            b"\x1b[A\x1b[1;5D\x1b",
            false,
        );
        check(&["é".as_bytes()], "é".as_bytes(), false);
    }

    #[test]
    fn the_prefix_then_d_detaches_also_across_reads() {
        check(&[b"ab\x1cd"], b"ab", true);
        check(&[b"ab\x1c", b"d"], b"ab", true);
        check(&[b"\x1b[92;5u", b"\x1b[92;5:3u", b"d"], b"", true);
        check(&[b"\x1b[27;5;92~d"], b"", true);
        check(&[b"\x1b[92;5:1u\x1b[92;5:3u\x1b[100;1:1u"], b"", true);
    }

    #[test]
    fn the_prefix_twice_types_one() {
        check(&[b"\x1c\x1c"], b"\x1c", false);
        check(&[b"\x1c", b"\x1cd"], b"\x1cd", false);
        check(&[b"\x1b[92;5u\x1b[92;5u"], b"\x1b[92;5u", false);
    }

    #[test]
    fn the_prefix_before_another_key_is_typed_with_it() {
        check(&[b"\x1cx"], b"\x1cx", false);
        check(&[b"\x1c", b"\x1b[A"], b"\x1c\x1b[A", false);
    }
}
