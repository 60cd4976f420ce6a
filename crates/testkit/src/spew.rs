//! Known bytes in any amount: what `spewer` prints, and what tests compare with.
//!
//! The content is a function of seed and position, so any part can be computed alone. It consists
//! of 64-byte lines that end with CR LF; `spewer` switches its terminal's output processing off, so
//! that the bytes arrive as they are.

use sha2::{Digest as _, Sha256};

/// Length of one line with its CR LF.
pub const LINE_BYTES: u64 = 64;

/// What the lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Digits and letters.
    Plain,
    /// Mostly escape sequences, as a program that paints.
    Escapes,
    /// Like `Plain` without line ends: cursor positioning instead, as a full-screen program.
    FullScreen,
}

impl Style {
    /// The style of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "plain" => Self::Plain,
            "escapes" => Self::Escapes,
            "full-screen" => Self::FullScreen,
            _ => return None,
        })
    }
}

/// Content of one seed.
#[derive(Debug, Clone, Copy)]
pub struct Content {
    /// The seed.
    pub seed: u64,
    /// What the lines look like.
    pub style: Style,
}

impl Content {
    /// Plain content of a seed.
    pub fn plain(seed: u64) -> Self {
        Self {
            seed,
            style: Style::Plain,
        }
    }

    /// Fills `buffer` with the bytes from `offset` on.
    pub fn fill(self, offset: u64, buffer: &mut [u8]) {
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let line = self.line(at / LINE_BYTES);
            let part = &line[usize::try_from(at % LINE_BYTES).unwrap_or(0)..];
            let n = part.len().min(rest.len());
            rest[..n].copy_from_slice(&part[..n]);
            at += n as u64;
            rest = &mut rest[n..];
        }
    }

    /// The bytes of a range.
    pub fn bytes(self, range: std::ops::Range<u64>) -> Vec<u8> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        self.fill(range.start, &mut bytes);
        bytes
    }

    /// SHA-256 of the first so many bytes, in hexadecimal.
    pub fn sha256(self, length: u64) -> String {
        let mut hash = Sha256::new();
        let mut offset = 0;
        while offset < length {
            let end = length.min(offset + 64 * 1024);
            hash.update(self.bytes(offset..end));
            offset = end;
        }
        hex(&hash.finalize())
    }

    fn line(self, index: u64) -> [u8; 64] {
        let (a, b) = (mix(self.seed, index, 1), mix(self.seed, index, 2));
        let text = match self.style {
            Style::Plain => format!("{index:012} {a:016x}{b:016x}{:016x}\r\n", a ^ b),
            Style::Escapes => format!(
                "\x1b[38;5;{:03}m{:06x}\x1b[1;48;5;{:03}m{:06x}\x1b[0m\x1b[4m{:08x}\x1b[m{:07x}\r\n",
                a % 256,
                a >> 40,
                b % 256,
                b >> 40,
                a >> 32,
                (b >> 36) & 0xfff_ffff,
            ),
            Style::FullScreen => format!(
                "\x1b[{:02};{:02}H\x1b[38;5;{:03}m{:016x}{:016x}{:06x}",
                1 + a % 24,
                1 + b % 40,
                a % 256,
                a,
                b,
                a >> 40
            ),
        };
        let mut line = [b'.'; 64];
        let text = text.as_bytes();
        let n = text.len().min(64);
        // The tail stays at the end: a line that is too short is filled up in front of its end.
        let end = if text.ends_with(b"\r\n") { 2 } else { 0 };
        line[..n - end].copy_from_slice(&text[..n - end]);
        line[64 - end..].copy_from_slice(&text[text.len() - end..]);
        line
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SplitMix64 over seed, index and lane.
fn mix(seed: u64, index: u64, lane: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(index.wrapping_mul(0xd134_2543_de82_ef95))
        .wrapping_add(lane);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_equals_the_part_of_the_whole() {
        for style in [Style::Plain, Style::Escapes, Style::FullScreen] {
            let content = Content { seed: 7, style };
            let whole = content.bytes(0..1000);
            for (from, to) in [(0, 1), (63, 65), (64, 128), (100, 999)] {
                let part = content.bytes(from..to);
                assert_eq!(
                    part,
                    whole[from as usize..to as usize],
                    "{style:?} {from}..{to}"
                );
            }
        }
    }

    #[test]
    fn lines_end_where_they_should_and_seeds_differ() {
        for style in [Style::Plain, Style::Escapes] {
            let bytes = Content { seed: 1, style }.bytes(0..640);
            assert!(bytes.chunks(64).all(|line| line.ends_with(b"\r\n")));
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 10);
        }
        assert_ne!(Content::plain(1).sha256(100), Content::plain(2).sha256(100));
        assert_eq!(
            sha256(&Content::plain(1).bytes(0..100)),
            Content::plain(1).sha256(100)
        );
    }
}
