//! The emulator.

use alacritty_terminal::term::cell::Flags;

use crate::emulator::Emulator;
use crate::parser::Parser;
use crate::{ColouredLine, Cursor, Event, HistoryPage, Modes, Reply, Snapshot};
use crate::{plain, snapshot};

/// No one reads wider or taller screens; the cells of a larger one would cost memory for nothing.
const MAX_COLS: u16 = 2_000;
const MAX_ROWS: u16 = 1_000;

/// Output that is printed before plain lines are looked for again.
const MIN_STEP: usize = 2 * 1024;
const MAX_STEP: usize = 64 * 1024;

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
    parser: Parser,
    emulator: Emulator,
}

impl Screen {
    /// Makes an empty screen.
    pub fn new(size: Size, options: Options) -> Self {
        Self {
            parser: Parser::default(),
            emulator: Emulator::new(size.clamped(), options),
        }
    }

    /// Takes output of the program. Any chunking gives the same state; large chunks cost less.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let mut step = 0;
        while rest.len() >= plain::MIN_BYTES && !self.emulator.on_alternate() {
            if self.parser.is_ground() {
                let taken = self.emulator.take_plain(rest);
                if taken > 0 {
                    step = 0;
                    self.emulator.fed += taken as u64;
                    rest = &rest[taken..];
                }
            }
            // Plain lines can only begin after a line feed. Where they do not, looking for them
            // gets rarer.
            let len = rest.len().min(step);
            let line = memchr::memchr(b'\n', &rest[len..]).map_or(rest.len(), |at| len + at + 1);
            self.advance(&rest[..line]);
            rest = &rest[line..];
            step = (step * 2).clamp(MIN_STEP, MAX_STEP);
        }
        self.advance(rest);
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.parser.advance(bytes, &mut self.emulator);
        self.emulator.fed += bytes.len() as u64;
    }

    /// Changes the size; the text of the primary screen is wrapped anew. The scroll region ends.
    pub fn resize(&mut self, size: Size) {
        self.emulator.resize(size.clamped());
    }

    /// The size in force.
    pub fn size(&self) -> Size {
        Size {
            cols: u16::try_from(self.emulator.cols).unwrap_or(MAX_COLS),
            rows: u16::try_from(self.emulator.rows).unwrap_or(MAX_ROWS),
        }
    }

    /// Makes the bytes that rebuild the screen with up to `history_lines` lines above it.
    pub fn snapshot(&mut self, history_lines: usize) -> Snapshot {
        snapshot::write(&self.emulator, history_lines, self.parser.pending())
    }

    /// Gives up to `count` lines with numbers below `before`, the newest of them.
    pub fn history(&mut self, before: u64, count: usize) -> HistoryPage {
        snapshot::write_history(&self.emulator, before, count)
    }

    /// The number of the oldest line kept and that of the first row of the screen. Lines are
    /// numbered from 0 as they appear; numbers grow as lines leave the screen at the top.
    pub fn line_range(&self) -> (u64, u64) {
        let first = self.emulator.first_row;
        (first - self.emulator.scrollback.len() as u64, first)
    }

    /// The lines with the numbers of a range, rows of the screen included, as far as they are kept;
    /// see [`Self::line_range`].
    pub fn lines(&self, range: std::ops::Range<u64>) -> Vec<ColouredLine> {
        snapshot::write_lines(&self.emulator, range)
    }

    /// The text of each row, without trailing blanks.
    pub fn rows(&self) -> Vec<String> {
        (0..self.emulator.rows)
            .map(|row| self.row_text(row))
            .collect()
    }

    /// The newest `n` lines that are not blank, scrollback included, oldest first.
    pub fn tail(&self, n: usize) -> Vec<String> {
        let mut lines: Vec<String> = (0..self.emulator.rows)
            .rev()
            .map(|row| self.row_text(row))
            .filter(|text| !text.is_empty())
            .take(n)
            .collect();
        if lines.len() < n && !self.emulator.on_alternate() {
            let wanted = n - lines.len();
            // Blank lines are few: a few more than wanted are looked at, then all.
            for depth in [2 * wanted + 16, usize::MAX] {
                let above: Vec<&str> = self
                    .emulator
                    .scrollback
                    .newest(depth)
                    .map(|line| line.text.trim_end())
                    .filter(|text| !text.is_empty())
                    .collect();
                if above.len() >= wanted || depth == usize::MAX {
                    lines.extend(above.iter().rev().take(wanted).map(|&text| text.to_owned()));
                    break;
                }
            }
        }
        lines.reverse();
        lines
    }

    fn row_text(&self, row: usize) -> String {
        let mut text = String::with_capacity(self.emulator.cols);
        for cell in self.emulator.cells(row) {
            if cell.flags.contains(Flags::WIDE_CHAR_SPACER) {
                continue;
            }
            text.push(cell.c);
            text.extend(cell.zerowidth().unwrap_or_default());
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Where the cursor is.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            row: u16::try_from(self.emulator.row()).unwrap_or(MAX_ROWS),
            col: u16::try_from(self.emulator.col()).unwrap_or(MAX_COLS),
            visible: self.emulator.modes.cursor_visible,
        }
    }

    /// The window title, cleaned and at most 256 characters; empty when none was set.
    pub fn title(&self) -> &str {
        self.emulator.title.get()
    }

    /// The modes in force.
    pub fn modes(&self) -> Modes {
        let modes = &self.emulator.modes;
        let alternate_screen = self.emulator.on_alternate();
        Modes {
            bracketed_paste: modes.private(2004) == Some(true),
            alternate_screen,
            app_cursor: modes.private(1) == Some(true),
            app_keypad: modes.app_keypad,
            focus_events: modes.private(1004) == Some(true),
            mouse: modes.mouse,
            mouse_sgr: modes.mouse_encoding == 1006,
            kitty_flags: self.emulator.keyboard.screen(alternate_screen).flags,
            synchronized: modes.synchronized,
        }
    }

    /// Takes what the program stated since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.emulator.outbox.take_events()
    }

    /// Takes the answers to what the program asked since the last call, oldest first.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        self.emulator.outbox.take_replies()
    }

    /// Bytes fed in total.
    pub fn fed(&self) -> u64 {
        self.emulator.fed
    }
}

impl Size {
    fn clamped(self) -> Self {
        Self {
            cols: self.cols.clamp(2, MAX_COLS),
            rows: self.rows.clamp(1, MAX_ROWS),
        }
    }
}
