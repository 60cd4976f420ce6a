//! The emulator.

use std::borrow::Cow;

use crate::{Cursor, Event, HistoryPage, Modes, Reply, Snapshot};

/// A terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns; less than 2 is taken as 2, more than 2,000 as 2,000.
    pub cols: u16,
    /// Rows; 0 is taken as 1, more than 1,000 as 1,000.
    pub rows: u16,
}

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rgb {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

/// What a [`Screen`] is told once.
#[derive(Debug, Clone)]
pub struct Options {
    /// Lines kept above the screen.
    pub scrollback_lines: usize,
    /// Told to programs that ask for the text colour (OSC 10) and the cursor's (OSC 12).
    pub foreground: Rgb,
    /// Told to programs that ask for the background colour (OSC 11).
    pub background: Rgb,
    /// Told to programs that ask for the terminal's name and version (XTVERSION).
    pub version: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scrollback_lines: 5_000,
            foreground: Rgb {
                r: 0xe6,
                g: 0xe6,
                b: 0xe6,
            },
            background: Rgb {
                r: 0x14,
                g: 0x15,
                b: 0x18,
            },
            version: concat!("offshoot ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A terminal's screen and what was on it.
#[derive(Debug)]
pub struct Screen {
    size: Size,
    pending: Vec<u8>,
}

impl Screen {
    /// Makes an empty screen.
    pub fn new(size: Size, _options: Options) -> Self {
        Self {
            size,
            pending: Vec::new(),
        }
    }

    /// Takes output of the program. Any chunking gives the same state; large chunks cost less.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Changes the size; the text of the primary screen is wrapped anew.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// The size in force.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Makes the bytes that rebuild the screen with up to `history_lines` lines above it.
    pub fn snapshot(&mut self, _history_lines: usize) -> Snapshot {
        Snapshot {
            bytes: self.pending.clone(),
            first_line: 0,
            size: self.size,
        }
    }

    /// Gives up to `count` lines with numbers below `before`, the newest of them.
    pub fn history(&mut self, before: u64, _count: usize) -> HistoryPage {
        HistoryPage {
            first_line: before,
            lines: 0,
            bytes: Vec::new(),
        }
    }

    /// The number of the oldest line kept and that of the first row of the screen. Lines are
    /// numbered from 0 as they appear; numbers grow as lines leave the screen at the top.
    pub fn line_range(&self) -> (u64, u64) {
        (0, 0)
    }

    /// The text of each row, without trailing blanks.
    pub fn rows(&self) -> Vec<String> {
        Vec::new()
    }

    /// The newest `n` lines that are not blank, scrollback included, oldest first.
    pub fn tail(&self, _n: usize) -> Vec<String> {
        Vec::new()
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            row: 0,
            col: 0,
            visible: true,
        }
    }

    /// The window title, cleaned and at most 256 characters; empty when none was set.
    pub fn title(&self) -> &str {
        ""
    }

    /// The modes in force.
    pub fn modes(&self) -> Modes {
        Modes::default()
    }

    /// Takes what the program stated since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        Vec::new()
    }

    /// Takes the answers to what the program asked since the last call, oldest first.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        Vec::new()
    }

    /// Bytes fed in total.
    pub fn fed(&self) -> u64 {
        self.pending.len() as u64
    }
}

/// Tells cheaply whether output may hold something to act on at once.
#[derive(Debug, Default)]
pub struct QueryScan {}

impl QueryScan {
    /// Starts outside of any sequence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether these bytes, following those of earlier calls, may end a question or an event.
    pub fn scan(&mut self, bytes: &[u8]) -> bool {
        bytes.contains(&0x1b) || bytes.contains(&0x07)
    }
}

/// Typed input without the complete reports a terminal sends on its own.
pub fn without_reports(input: &[u8]) -> Cow<'_, [u8]> {
    Cow::Borrowed(input)
}
