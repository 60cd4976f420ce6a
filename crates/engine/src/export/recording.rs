//! What one worker's log holds in a range of time, fact by fact.
//!
//! Reads the log up to where it ended when it was opened, so that a program that goes on printing
//! does not keep its reader busy for ever. A range that begins later is prepared by feeding a
//! screen with what came shortly before: then what was visible at its beginning is known. Blocks;
//! memory holds one record and one screen.

use std::collections::VecDeque;
use std::path::Path;

use offshoot_protocol::TerminalSize;
use offshoot_shim::log::{ReadError, Reader, Record, Tail};
use offshoot_vt::{Options, Screen, Size};

use super::range::Range;

/// So much output before a range is shown to the screen. Programs that fill the screen paint it
/// anew far more often than that.
const LEAD_BYTES: u64 = 4 << 20;

/// One thing that happened, at a time that never goes backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) time_ms: u64,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The program printed something.
    Output(Vec<u8>),
    /// The terminal got a size.
    Resize(TerminalSize),
    /// The program ended.
    Exit {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// So many bytes are missing.
    Gap(u64),
    /// The oldest so many bytes are no longer kept.
    Trimmed(u64),
    /// The worker began a new output while this one was read.
    Replaced,
}

/// The log of one worker, read once from front to back.
pub(super) struct Recording {
    reader: Reader,
    tail: Tail,
    /// Where the next output is expected.
    position: u64,
    /// Where the output ended when the recording was opened.
    end: u64,
    to_ms: u64,
    time_ms: u64,
    /// Facts that were read and not given yet; two at the most beyond those of the beginning.
    ready: VecDeque<Fact>,
    done: bool,
    /// What was on the screen when the recording begins. Whoever shows facts goes on from here.
    pub(super) screen: Screen,
}

/// Where a range begins in a log.
struct Start {
    /// Offset from which the screen is fed.
    lead: u64,
    /// The size it has there.
    size: TerminalSize,
    /// When the oldest record was written.
    oldest_ms: u64,
}

impl Recording {
    /// Opens a worker's log. `size` is that of the terminal where the log does not tell it.
    pub(super) fn open(dir: &Path, size: TerminalSize, range: Range) -> Result<Self, ReadError> {
        let mut reader = Reader::open(dir)?;
        let end = reader.end_offset()?;
        let first = reader.first_offset()?;
        let start = find_start(&mut reader, first, size, range)?;
        let mut recording = Self {
            tail: Tail::at(start.lead),
            position: start.lead,
            end,
            to_ms: range.to_ms,
            time_ms: 0,
            ready: VecDeque::new(),
            done: false,
            screen: Screen::new(vt_size(start.size), options()),
            reader,
        };
        recording.lead_in(range.from_ms)?;
        if first > 0 && start.oldest_ms > range.from_ms {
            recording.ready.push_front(Fact {
                time_ms: recording.begins_ms(),
                what: What::Trimmed(first),
            });
        }
        Ok(recording)
    }

    /// Brings the screen to where the range begins.
    fn lead_in(&mut self, from_ms: u64) -> Result<(), ReadError> {
        let mut leading = true;
        while let Some(fact) = self.next()? {
            leading &= matches!(fact.what, What::Resize(_));
            // A terminal that had no output yet simply has the size it gets.
            if fact.time_ms >= from_ms && !leading {
                self.ready.push_front(fact);
                break;
            }
            show(&mut self.screen, &fact.what);
        }
        self.time_ms = self.time_ms.max(from_ms);
        Ok(())
    }

    /// When it begins.
    pub(super) fn begins_ms(&self) -> u64 {
        self.ready.front().map_or(self.time_ms, |fact| fact.time_ms)
    }

    /// Reads the next fact; `None` at the end of the range or of the log.
    pub(super) fn next(&mut self) -> Result<Option<Fact>, ReadError> {
        while self.ready.is_empty() && !self.done {
            match self.reader.next_record(&mut self.tail)? {
                Some(record) => self.take_in(record),
                None => self.done = true,
            }
        }
        Ok(self.ready.pop_front())
    }

    fn take_in(&mut self, record: Record) {
        match record {
            Record::Out {
                offset,
                time_ms,
                bytes,
            } => self.take_output(time_ms, offset, bytes),
            Record::Gap { from, to, time_ms } => {
                let missing = to.saturating_sub(from.max(self.position));
                self.position = self.position.max(to);
                if missing > 0 {
                    self.tell(time_ms, What::Gap(missing));
                }
            }
            Record::Resize {
                time_ms,
                cols,
                rows,
                ..
            } => self.tell(time_ms, What::Resize(TerminalSize { cols, rows })),
            Record::Exit {
                time_ms,
                code,
                signal,
                ..
            } => self.tell(time_ms, What::Exit { code, signal }),
        }
    }

    fn take_output(&mut self, time_ms: u64, offset: u64, mut bytes: Vec<u8>) {
        let until = offset + bytes.len() as u64;
        if offset >= self.end {
            self.done = true;
            return;
        }
        if until <= self.position {
            self.tell(time_ms, What::Replaced);
            self.done = true;
            return;
        }
        if offset > self.position {
            self.tell(time_ms, What::Gap(offset - self.position));
        }
        let known = self.position.saturating_sub(offset);
        bytes.drain(..usize::try_from(known).unwrap_or(0).min(bytes.len()));
        self.position = until;
        self.tell(time_ms, What::Output(bytes));
    }

    fn tell(&mut self, time_ms: u64, what: What) {
        // The clock of the machine may have been set back between two segments.
        let time_ms = time_ms.max(self.time_ms);
        if time_ms > self.to_ms {
            self.done = true;
            return;
        }
        self.time_ms = time_ms;
        self.ready.push_back(Fact { time_ms, what });
    }
}

/// Finds where to begin: reads the log up to the range's first record, without parsing it.
fn find_start(
    reader: &mut Reader,
    first: u64,
    size: TerminalSize,
    range: Range,
) -> Result<Start, ReadError> {
    let mut start = Start {
        lead: first,
        size,
        oldest_ms: u64::MAX,
    };
    let mut sizes: Vec<(u64, TerminalSize)> = Vec::new();
    for record in reader.records(first) {
        let (offset, time_ms) = match record? {
            Record::Out {
                offset, time_ms, ..
            }
            | Record::Exit {
                offset, time_ms, ..
            } => (offset, time_ms),
            Record::Gap { from, time_ms, .. } => (from, time_ms),
            Record::Resize {
                offset,
                time_ms,
                cols,
                rows,
            } => {
                // Only those from here on can still be the size at the beginning of the lead.
                let lead = offset.saturating_sub(LEAD_BYTES);
                let old = sizes.iter().take_while(|(at, _)| *at <= lead).count();
                sizes.drain(..old.saturating_sub(1));
                sizes.push((offset, TerminalSize { cols, rows }));
                (offset, time_ms)
            }
        };
        start.oldest_ms = start.oldest_ms.min(time_ms);
        if time_ms >= range.from_ms {
            start.lead = offset.saturating_sub(LEAD_BYTES).max(first);
            break;
        }
    }
    let before = sizes.iter().rev().find(|(at, _)| *at <= start.lead);
    start.size = before.map_or(size, |(_, size)| *size);
    Ok(start)
}

/// Shows a fact on a screen.
pub(super) fn show(screen: &mut Screen, what: &What) {
    match what {
        What::Output(bytes) => screen.feed(bytes),
        What::Resize(size) => screen.resize(vt_size(*size)),
        What::Gap(_) => *screen = Screen::new(screen.size(), options()),
        What::Exit { .. } | What::Trimmed(_) | What::Replaced => {}
    }
}

/// Options of screens that output is shown on again: every line stays until it is asked for.
fn options() -> Options {
    Options {
        scrollback_lines: super::SCREEN_LINES,
        ..Options::default()
    }
}

fn vt_size(size: TerminalSize) -> Size {
    Size {
        cols: size.cols,
        rows: size.rows,
    }
}
