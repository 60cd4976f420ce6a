//! What a client of the first dialect gets when it asks for history.
//!
//! Owns the choice between raw output and a snapshot. Raw output is exact for a whole young output
//! and for the lines after plain text; anything else is rebuilt by a snapshot, which is exact in a
//! fresh terminal. Offsets are positions in the raw output, cut where no character is split.

use offshoot_engine::{EngineError, Head, Read, WorkerHandle};
use offshoot_protocol::limits::SNAPSHOT_HISTORY_LINES_MAX;
use offshoot_protocol::v1::TerminalFrame;

use super::utf8::complete_len;

/// Output up to this length is looked at as a whole; a longer one is answered by a snapshot.
const YOUNG_BYTES: u64 = 1024 * 1024;

/// Most missed bytes that are sent one by one; who missed more is redrawn.
const MISSED_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Resets a terminal (RIS), so that what is appended to an old screen replaces it.
const RESET: &str = "\u{1b}c";

/// The answer to one request, and where live output goes on.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) frames: Vec<TerminalFrame>,
    pub(super) epoch: u32,
    pub(super) cursor: u64,
}

/// Answers a request for everything after `from`, where 0 asks for a screen from nothing.
pub(super) async fn answer(handle: &WorkerHandle, from: u64) -> Result<Answer, EngineError> {
    let head = handle.head();
    if from == 0 {
        return match young(handle, &head) {
            Some(text) => Ok(raw(&head, text)),
            None => redraw(handle, &head, "").await,
        };
    }
    if from > head.end {
        return Ok(beyond(&head));
    }
    let missed = match head.end - from <= MISSED_BYTES {
        true => read_all(handle, head.epoch, from, head.end),
        false => None,
    };
    match missed {
        Some(bytes) => Ok(raw(&head, bytes)),
        None => redraw(handle, &head, RESET).await,
    }
}

/// Answers with bytes that reach to the head.
fn raw(head: &Head, bytes: Vec<u8>) -> Answer {
    let whole = match head.is_alive() {
        true => complete_len(&bytes),
        false => bytes.len(),
    };
    let offset = head.end - (bytes.len() - whole) as u64;
    let data = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    history(head.epoch, offset, data)
}

fn history(epoch: u32, offset: u64, data: String) -> Answer {
    Answer {
        frames: vec![TerminalFrame::History {
            data,
            offset,
            timed_out: false,
        }],
        epoch,
        cursor: offset,
    }
}

/// An offset beyond the end is one of an output before a restart: its screen must go.
fn beyond(head: &Head) -> Answer {
    let mut answer = history(head.epoch, head.end, String::new());
    answer.frames.push(TerminalFrame::OutputTruncated {
        message: "The worker was restarted; its earlier output is gone".to_owned(),
    });
    answer
}

/// Answers with a snapshot of at most as many lines as this dialect shows.
async fn redraw(handle: &WorkerHandle, head: &Head, before: &str) -> Result<Answer, EngineError> {
    let above = SNAPSHOT_HISTORY_LINES_MAX - u32::from(head.size.rows);
    let snapshot = handle.snapshot(above).await?;
    let start = snapshot.offset.saturating_sub(3);
    let last = read_all(handle, snapshot.epoch, start, snapshot.offset).unwrap_or_default();
    // A character whose first bytes the snapshot has seen is sent again as a whole.
    let begun = (last.len() - complete_len(&last)) as u64;
    let data = format!("{before}{}", String::from_utf8_lossy(&snapshot.bytes));
    Ok(history(snapshot.epoch, snapshot.offset - begun, data))
}

/// Returns what rebuilds the screen of an output that is young or plain enough to be replayed.
fn young(handle: &WorkerHandle, head: &Head) -> Option<Vec<u8>> {
    if head.end > YOUNG_BYTES {
        return None;
    }
    let mut bytes = read_all(handle, head.epoch, 0, head.end)?;
    let dropped = start_of_last_lines(&bytes, SNAPSHOT_HISTORY_LINES_MAX as usize);
    let is_plain = !bytes[..dropped].contains(&0x1b);
    is_plain.then(|| bytes.split_off(dropped))
}

/// Returns where the last `count` lines begin; text after the last newline is a line too.
fn start_of_last_lines(bytes: &[u8], count: usize) -> usize {
    let ends_open = bytes.last().is_some_and(|byte| *byte != b'\n');
    let newlines = bytes
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    let wanted = count - usize::from(ends_open);
    newlines.map(|(at, _)| at + 1).nth(wanted).unwrap_or(0)
}

/// Reads a range; `None` when some of it is no longer kept.
fn read_all(handle: &WorkerHandle, epoch: u32, from: u64, to: u64) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut at = from;
    while at < to {
        let max = CHUNK_BYTES.min(usize::try_from(to - at).unwrap_or(usize::MAX));
        let Read::Bytes { bytes, .. } = handle.read(epoch, at, max) else {
            return None;
        };
        at += bytes.len() as u64;
        all.extend_from_slice(&bytes);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_begin_after_a_newline() {
        for (text, count, rest) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("abc", 1, "abc"),
            ("", 1, ""),
            ("\n\n\n", 1, "\n"),
        ] {
            let start = start_of_last_lines(text.as_bytes(), count);
            assert_eq!(&text[start..], rest, "{text:?} {count}");
        }
    }
}
