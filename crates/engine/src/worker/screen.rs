//! The worker's screen: a cache over the output, parsed when somebody needs it.
//!
//! Holds the emulator and the offset it is true at. In a flood it lags behind on purpose and is fed
//! in large pieces, which the emulator can fast-forward over; when output settles, when a query
//! waits for an answer, or when a snapshot is asked for, it catches up. Pure: bytes come in from the
//! worker's task. What is no longer kept is skipped with a reset, which is exact again at the next
//! full redraw.

use std::collections::VecDeque;

use offshoot_protocol::TerminalSize;
use offshoot_vt::{Options, QueryScan, Screen, Size};

/// The screen may lag so far behind the output while somebody follows it; further, it is fed at once.
pub(crate) const LAG_FOLLOWED: u64 = 1024 * 1024;

/// The same while nobody follows: who comes then waits for the rest to be parsed, a fraction of a
/// second, and a flood that nobody looks at costs next to nothing.
pub(crate) const LAG_ALONE: u64 = 32 * 1024 * 1024;

/// A piece fed at once, so that other work of the same task and thread gets its turn: a millisecond
/// or two of parsing. Much smaller pieces would cost plain output its short way.
pub(crate) const PIECE: usize = 128 * 1024;

/// A query further behind the end than this is no longer answered after a restart of the server:
/// its program has gone on without the answer and would read it as typed text.
const STALE_QUERY: u64 = 4 * 1024;

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
    pub(crate) fn on_output(&mut self, bytes: &[u8], end: u64, lag_max: u64) -> bool {
        self.urgent |= self.scan.scan(bytes);
        self.urgent || end.saturating_sub(self.parsed) >= lag_max
    }

    /// The terminal took on a size at an offset.
    pub(crate) fn on_resize(&mut self, offset: u64, size: TerminalSize) {
        self.resizes.push_back((offset, size));
    }

    /// Returns how many bytes may be fed at once on the way to `end`: up to the next change of
    /// size, and no more than one piece.
    pub(crate) fn appetite(&mut self, end: u64) -> usize {
        self.apply_resizes();
        self.urgent &= self.parsed < end;
        let stop = self
            .resizes
            .front()
            .map_or(end, |(offset, _)| (*offset).min(end));
        usize::try_from(stop.saturating_sub(self.parsed))
            .unwrap_or(PIECE)
            .min(PIECE)
    }

    /// Feeds output that follows what was fed before.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.screen.feed(bytes);
        self.parsed += bytes.len() as u64;
    }

    /// Takes on a size at once: the log says that the terminal had it from here on.
    pub(crate) fn resize_now(&mut self, size: TerminalSize) {
        self.screen.resize(vt_size(size));
    }

    /// Begins anew behind a hole in the output.
    pub(crate) fn restart_at(&mut self, offset: u64) {
        self.screen = Screen::new(self.screen.size(), self.options.clone());
        self.parsed = offset;
        self.base = offset;
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

    /// Returns what a next program in this terminal must find reset: a killed one leaves mouse
    /// reports, the alternate screen and half a line behind. Part of the output, so that everyone
    /// who follows it sees the same.
    pub(crate) fn preface(&self) -> Vec<u8> {
        // Modes that change what keys send, then those that change where text goes. Origin mode
        // ends by a soft reset: switched off by itself, it moves the cursor to the top.
        const KEYS: &str = "\x1b[?1;9;1000;1002;1003;1004;1005;1006;1015;2004;2026l\x1b>\x1b[<99u\x1b[=0u\x1b[>4;0m";
        const TEXT: &str = "\x1b[0m\x1b7\x1b[r\x1b8\x1b[!p\x1b[4l\x1b[?7;25h\x0f\x1b(B";
        let mut bytes = Vec::new();
        if self.screen.modes().alternate_screen {
            bytes.extend_from_slice(b"\x1b[?1049l");
        }
        bytes.extend_from_slice(KEYS.as_bytes());
        bytes.extend_from_slice(TEXT.as_bytes());
        if self.screen.modes().alternate_screen || self.screen.cursor().col > 0 {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
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
