//! asciicast v3: one JSON array a line, times relative to the line before.
//!
//! Output must be text there: a character that is split over records waits for its rest, bytes that
//! are none become U+FFFD. What is missing and what ended on the way are markers; only an end that
//! nothing follows is the recording's end.

use serde_json::json;

use super::recording::{Fact, Recording, What};
use super::{Source, Writer, remark};

/// Writes one recording.
#[derive(Default)]
pub(super) struct Asciicast {
    /// Time of the line before.
    last_ms: u64,
    text: Decoder,
    /// An end that is not told yet: it is the last line, or a marker when output follows.
    exit: Option<(u64, Option<i32>, Option<i32>)>,
}

impl Asciicast {
    fn line(&mut self, time_ms: u64, code: &str, data: &str, out: &mut Vec<u8>) {
        let since = time_ms.saturating_sub(self.last_ms);
        self.last_ms = self.last_ms.max(time_ms);
        let data = serde_json::Value::from(data);
        let (seconds, ms) = (since / 1000, since % 1000);
        out.extend(format!("[{seconds}.{ms:03}, \"{code}\", {data}]\n").bytes());
    }

    fn output(&mut self, time_ms: u64, bytes: &[u8], out: &mut Vec<u8>) {
        let text = self.text.decode(bytes);
        if !text.is_empty() {
            self.line(time_ms, "o", &text, out);
        }
    }

    /// Tells of an end that something follows.
    fn pass_exit(&mut self, out: &mut Vec<u8>) {
        if let Some((time_ms, code, signal)) = self.exit.take() {
            self.line(time_ms, "m", &super::exit_words(code, signal), out);
        }
    }

    fn flush(&mut self, time_ms: u64, out: &mut Vec<u8>) {
        let rest = self.text.finish();
        if !rest.is_empty() {
            self.line(time_ms, "o", rest, out);
        }
    }
}

impl Writer for Asciicast {
    fn begin(&mut self, source: &Source, recording: &mut Recording, out: &mut Vec<u8>) {
        let begins_ms = recording.begins_ms();
        self.last_ms = begins_ms;
        let size = recording.screen.size();
        let head = json!({
            "version": 3,
            "term": {"cols": size.cols, "rows": size.rows, "type": "xterm-256color"},
            "timestamp": begins_ms / 1000,
            "title": source.title,
        });
        out.extend(format!("{head}\n").bytes());
        if recording.screen.fed() > 0 {
            let screen = recording.screen.snapshot(0).bytes;
            self.output(begins_ms, &screen, out);
        }
    }

    fn fact(&mut self, _: &mut Recording, fact: Fact, out: &mut Vec<u8>) {
        let time_ms = fact.time_ms;
        self.pass_exit(out);
        match &fact.what {
            What::Output(bytes) => self.output(time_ms, bytes, out),
            What::Resize(size) => {
                let size = format!("{}x{}", size.cols, size.rows);
                self.line(time_ms, "r", &size, out);
            }
            What::Exit { code, signal } => {
                self.flush(time_ms, out);
                self.exit = Some((time_ms, *code, *signal));
            }
            What::Gap(_) | What::Trimmed(_) | What::Replaced => {
                self.flush(time_ms, out);
                let text = remark(&fact.what).unwrap_or_default();
                self.line(time_ms, "m", &text, out);
                if matches!(fact.what, What::Gap(_)) {
                    // What comes next was not meant for this screen.
                    self.line(time_ms, "o", "\x1bc", out);
                }
            }
        }
    }

    fn end(&mut self, _: &mut Recording, out: &mut Vec<u8>) {
        self.flush(self.last_ms, out);
        if let Some((time_ms, code, signal)) = self.exit.take() {
            // As a shell tells it.
            let status = code
                .or_else(|| signal.map(|signal| 128 + signal))
                .unwrap_or(0);
            self.line(time_ms, "x", &status.to_string(), out);
        }
    }
}

/// Turns bytes into text, piece by piece.
#[derive(Default)]
struct Decoder {
    /// The beginning of a character: up to three bytes.
    held: Vec<u8>,
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.held);
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let hopeful = std::str::from_utf8(invalid).is_err_and(|err| err.error_len().is_none());
            if chunks.peek().is_none() && hopeful {
                self.held = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// Nothing follows what is held.
    fn finish(&mut self) -> &'static str {
        match std::mem::take(&mut self.held).is_empty() {
            true => "",
            false => "\u{fffd}",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cut_anywhere_stays_whole_and_other_bytes_are_replaced() {
        let bytes = "aé€😀z".as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut decoder = Decoder::default();
                let mut text = decoder.decode(&bytes[..first]);
                text += &decoder.decode(&bytes[first..second]);
                text += &decoder.decode(&bytes[second..]);
                assert_eq!(text, "aé€😀z");
                assert_eq!(decoder.finish(), "");
            }
        }
        let mut decoder = Decoder::default();
        assert_eq!(decoder.decode(b"a\xff\xe2\x82"), "a\u{fffd}");
        assert_eq!(decoder.decode(b"b\xf0\x9f"), "\u{fffd}b");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }

    #[test]
    fn times_are_relative_and_never_negative() {
        let mut cast = Asciicast {
            last_ms: 10_000,
            ..Asciicast::default()
        };
        let mut out = Vec::new();
        cast.line(11_234, "o", "a\"\x1b", &mut out);
        cast.line(11_000, "r", "80x24", &mut out);
        cast.line(11_235, "o", "b", &mut out);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "[1.234, \"o\", \"a\\\"\\u001b\"]\n[0.000, \"r\", \"80x24\"]\n[0.001, \"o\", \"b\"]\n"
        );
    }
}
