//! Cheap looks at bytes that need no screen: does output ask or tell something, and which typed
//! input is a terminal's report.

use std::borrow::Cow;

use crate::parser::{Csi, Parser, Sink};

/// Tells cheaply whether output may hold something to act on at once.
///
/// A caller that lets a [`crate::Screen`] fall behind runs this over all output and brings the
/// screen up to date when it says so. It says so rather too often than too seldom.
#[derive(Debug, Default)]
pub struct QueryScan {
    parser: Parser,
}

impl QueryScan {
    /// Starts outside of any sequence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether these bytes, following those of earlier calls, end a question or an event.
    pub fn scan(&mut self, bytes: &[u8]) -> bool {
        if self.parser.is_ground() && memchr::memchr2(0x1b, 0x07, bytes).is_none() {
            return false;
        }
        let mut found = Found(false);
        self.parser.advance(bytes, &mut found);
        found.0
    }
}

struct Found(bool);

impl Sink for Found {
    fn text(&mut self, _bytes: &[u8]) {}

    fn control(&mut self, byte: u8) {
        self.0 |= byte == 0x07;
    }

    fn escape(&mut self, _intermediate: u8, last: u8) {
        // A reset takes the title back.
        self.0 |= last == b'c';
    }

    fn csi(&mut self, csi: &Csi, _at: usize) {
        self.0 |= matches!(
            (csi.prefix, csi.intermediate, csi.last),
            (_, 0, b'c' | b'n' | b't') | (b'>', 0, b'q') | (b'?', 0, b'u') | (_, b'$', b'p')
        );
    }

    fn osc(&mut self, content: &[u8], _bell: bool, _at: usize) {
        // Hyperlinks are the one kind that tells nothing, and may be many.
        self.0 |= !content.starts_with(b"8;");
    }

    fn dcs(&mut self, content: &[u8], _at: usize) {
        self.0 |= content.starts_with(b"+q");
    }
}

const ESC: u8 = 0x1b;

/// Typed input without the complete reports that a terminal sends on its own.
///
/// A browser's terminal answers questions too; the program must only hear this crate's answer.
/// What a person does stays: keys, mouse and focus. `CSI 1 ; 2 R` up to `CSI 1 ; 16 R` stay, being
/// F3 with modifiers, and so does everything inside of a bracketed paste.
pub fn without_reports(input: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(ESC, input).is_none() {
        return Cow::Borrowed(input);
    }
    let mut kept = Vec::new();
    let mut dropped = false;
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        if rest.starts_with(b"\x1b[200~") {
            let end = memchr::memmem::find(rest, b"\x1b[201~").unwrap_or(rest.len());
            kept.extend_from_slice(&rest[..end]);
            at += end;
            continue;
        }
        if let Some(len) = report_len(rest) {
            dropped = true;
            at += len;
        } else {
            kept.push(input[at]);
            at += 1;
        }
    }
    if dropped {
        Cow::Owned(kept)
    } else {
        Cow::Borrowed(input)
    }
}

/// The length of the report that these bytes start with.
fn report_len(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [ESC, b'[', ..] => csi_report_len(bytes),
        [ESC, b']', rest @ ..] => {
            let report = [&b"4;"[..], b"10;", b"11;", b"12;", b"7501;", b"l", b"L"]
                .iter()
                .any(|start| rest.starts_with(start));
            report.then(|| string_len(bytes)).flatten()
        }
        [ESC, b'P', rest @ ..] => {
            let report = [&b">|"[..], b"0+r", b"1+r", b"0$r", b"1$r", b"!|"]
                .iter()
                .any(|start| rest.starts_with(start));
            report.then(|| string_len(bytes)).flatten()
        }
        _ => None,
    }
}

fn csi_report_len(bytes: &[u8]) -> Option<usize> {
    let body = &bytes[2..];
    let last = body.iter().position(|byte| (0x40..0x7f).contains(byte))?;
    let params = &body[..last];
    if !params.iter().all(|byte| (0x20..0x40).contains(byte)) {
        return None;
    }
    let private = params.first() == Some(&b'?');
    let report = match body[last] {
        b'c' => matches!(params.first(), Some(b'?' | b'>' | b'=')),
        b'R' => private || (params.contains(&b';') && !is_modified_f3(params)),
        b'n' => true,
        b'y' => params.last() == Some(&b'$'),
        b'u' => private,
        b't' => matches!(params.first(), Some(b'4' | b'6' | b'8')) && params.contains(&b';'),
        _ => false,
    };
    report.then_some(2 + last + 1)
}

fn is_modified_f3(params: &[u8]) -> bool {
    let Some(modifier) = params.strip_prefix(b"1;") else {
        return false;
    };
    let modifier = std::str::from_utf8(modifier)
        .ok()
        .and_then(|text| text.parse::<u8>().ok());
    matches!(modifier, Some(2..=16))
}

/// The length of a string that BEL or `ESC \` ends.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let end = bytes[2..]
        .iter()
        .position(|&byte| byte == 0x07 || byte == ESC)?
        + 2;
    match bytes[end..] {
        [0x07, ..] => Some(end + 1),
        [ESC, b'\\', ..] => Some(end + 2),
        _ => None,
    }
}
