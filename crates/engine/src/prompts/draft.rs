//! What people have typed and not sent yet. Pure: moments come in as arguments.
//!
//! A count of characters and no text: enough to know that a line is half typed.

use tokio::time::Instant;

/// Follows what people type into one worker.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    n_chars: usize,
    typed_at: Option<Instant>,
}

impl Draft {
    /// Somebody typed.
    pub(crate) fn on_input(&mut self, bytes: &[u8], now: Instant) {
        let mut rest = bytes;
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            match first {
                // Esc on its own is a key, and what comes right behind it would be one with Alt.
                0x1b if !after.is_empty() => {
                    rest = after_sequence(after);
                    continue;
                }
                b'\r' | b'\n' | 0x03 | 0x15 => self.n_chars = 0,
                0x7f | 0x08 => self.n_chars = self.n_chars.saturating_sub(1),
                // Of a character of several bytes the first counts.
                0x20..=0x7e | 0xc0..=0xff => self.n_chars += 1,
                _ => {}
            }
            self.typed_at = Some(now);
        }
    }

    /// Somebody answered a question: keys that go into no line.
    pub(crate) fn on_answer(&mut self, now: Instant) {
        self.typed_at = Some(now);
    }

    /// Whether a line is half typed, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        self.n_chars > 0
    }

    /// How many characters somebody typed and did not send, as far as is known.
    pub(crate) fn n_chars(&self) -> usize {
        self.n_chars
    }

    /// When somebody pressed a key last.
    pub(crate) fn typed_at(&self) -> Option<Instant> {
        self.typed_at
    }

    /// The line is known to be empty.
    pub(crate) fn clear(&mut self) {
        self.n_chars = 0;
    }
}

/// Skips the rest of an escape sequence: arrows, mouse and focus reports, the marks of a paste.
fn after_sequence(rest: &[u8]) -> &[u8] {
    match rest {
        [b'[', b'M', _, _, _, after @ ..] => after,
        [b'[' | b'O', body @ ..] => {
            let end = body.iter().position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(&[], |end| &body[end + 1..])
        }
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_open_until_it_is_sent_or_erased() {
        let now = Instant::now();
        let table: [(&[u8], bool); 9] = [
            (b"hello", true),
            (b"hello\r", false),
            (b"he\x7f\x7f", false),
            (b"h\x15", false),
            (b"\x1b[A\x1b[<0;10;5M\x1b[I\x1bOB", false),
            (b"\x1b[200~two\nlines\x1b[201~", true),
            (b"a\rb", true),
            ("é".as_bytes(), true),
            ("é\x7f".as_bytes(), false),
        ];
        for (bytes, open) in table {
            let mut draft = Draft::default();
            draft.on_input(bytes, now);
            assert_eq!(draft.is_open(), open, "{}", bytes.escape_ascii());
        }
        let mut draft = Draft::default();
        draft.on_input(b"\x1b[I", now);
        assert_eq!(draft.typed_at(), None, "focus is no typing");
        draft.on_input(b"\x1b", now);
        assert_eq!((draft.typed_at(), draft.is_open()), (Some(now), false));
    }
}
