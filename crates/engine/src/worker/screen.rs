//! The worker's screen: a cache over the output, parsed when somebody needs it.
//!
//! Holds the emulator and the offset it is true at. In a flood it lags behind on purpose and is fed
//! in large pieces, which the emulator can fast-forward over; when output settles, when a query
//! waits for an answer, or when a snapshot is asked for, it catches up. Pure of I/O: bytes come in
//! through [`Source`]. What cannot be read any more is skipped with a reset, which is exact again
//! at the next full redraw.

use std::collections::VecDeque;

use bytes::Bytes;
use offshoot_protocol::TerminalSize;
use offshoot_vt::{Options, QueryScan, Screen, Size};

/// The screen may lag so far behind the output; further, it is fed at once.
pub(crate) const LAG_MAX: u64 = 1024 * 1024;

/// A piece fed at once, so that other work of the same task gets its turn.
pub(crate) const PIECE: usize = 1024 * 1024;

/// A query further behind the end than this is no longer answered after a restart of the server:
/// its program has gone on without the answer and would read it as typed text.
const STALE_QUERY: u64 = 4 * 1024;

/// Where the screen takes its bytes from.
pub(crate) trait Source {
    /// Reads up to `max` bytes at an offset, or says where output is there again.
    fn read(&self, offset: u64, max: usize) -> Result<Bytes, ResumeAt>;
}

/// The offset where output is there again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResumeAt(pub(crate) u64);

/// An emulator with its position in the output.
pub(crate) struct LazyScreen {
    screen: Screen,
    options: Options,
    parsed: u64,
    /// Bytes fed to the emulator are counted from this offset.
    base: u64,
    /// Sizes the terminal took on at offsets not parsed yet.
    resizes: VecDeque<(u64, TerminalSize)>,
    scan: QueryScan,
    urgent: bool,
    /// Queries before this offset were answered, or are too old to answer.
    answer_from: u64,
}

impl LazyScreen {
    /// Begins an empty screen at an offset.
    pub(crate) fn new(size: TerminalSize, offset: u64, options: Options) -> Self {
        Self {
            screen: Screen::new(vt_size(size), options.clone()),
            options,
            parsed: offset,
            base: offset,
            resizes: VecDeque::new(),
            scan: QueryScan::new(),
            urgent: false,
            answer_from: offset,
        }
    }

    /// Does not answer queries of the past, except ones a program may still wait for.
    pub(crate) fn answer_only_recent(&mut self, end: u64, answered: u64) {
        self.answer_from = answered.max(end.saturating_sub(STALE_QUERY));
    }

    /// Returns the offset the screen is true at.
    pub(crate) fn parsed(&self) -> u64 {
        self.parsed
    }

    /// New output is there; it is only scanned. Returns whether the screen should be fed now.
    pub(crate) fn on_output(&mut self, bytes: &[u8], end: u64) -> bool {
        self.urgent |= self.scan.scan(bytes);
        self.urgent || end.saturating_sub(self.parsed) >= LAG_MAX
    }

    /// The terminal took on a size at an offset.
    pub(crate) fn on_resize(&mut self, offset: u64, size: TerminalSize) {
        self.resizes.push_back((offset, size));
    }

    /// Feeds one piece towards `end`. Returns whether it is there.
    pub(crate) fn feed(&mut self, source: &impl Source, end: u64) -> bool {
        self.apply_resizes();
        if self.parsed >= end {
            self.urgent = false;
            return true;
        }
        let stop = self
            .resizes
            .front()
            .map_or(end, |(offset, _)| (*offset).min(end));
        let wanted = usize::try_from(stop - self.parsed)
            .unwrap_or(PIECE)
            .min(PIECE);
        match source.read(self.parsed, wanted) {
            Ok(bytes) if bytes.is_empty() => return true,
            Ok(bytes) => {
                self.screen.feed(&bytes);
                self.parsed += bytes.len() as u64;
            }
            Err(ResumeAt(offset)) => self.restart_at(offset.max(self.parsed + 1)),
        }
        self.apply_resizes();
        self.parsed >= end
    }

    fn apply_resizes(&mut self) {
        while self
            .resizes
            .front()
            .is_some_and(|(offset, _)| *offset <= self.parsed)
        {
            if let Some((_, size)) = self.resizes.pop_front() {
                self.screen.resize(vt_size(size));
            }
        }
    }

    fn restart_at(&mut self, offset: u64) {
        self.screen = Screen::new(self.screen.size(), self.options.clone());
        self.parsed = offset;
        self.base = offset;
    }

    /// Takes the answers to queries, each with the offset that makes it unique.
    pub(crate) fn take_answers(&mut self) -> Vec<(u64, Vec<u8>)> {
        let (base, from) = (self.base, self.answer_from);
        let replies = self.screen.take_replies().into_iter();
        let answers = replies.map(|reply| (base + reply.at, reply.bytes));
        answers.filter(|(at, _)| *at > from).collect()
    }

    /// Takes what the program said beside its output.
    pub(crate) fn take_events(&mut self) -> Vec<offshoot_vt::Event> {
        self.screen.take_events()
    }

    /// Returns the emulator, true at [`Self::parsed`].
    pub(crate) fn screen(&mut self) -> &mut Screen {
        &mut self.screen
    }
}

fn vt_size(size: TerminalSize) -> Size {
    Size {
        cols: size.cols,
        rows: size.rows,
    }
}
