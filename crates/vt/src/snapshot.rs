//! Bytes that rebuild a screen in a fresh terminal.
//!
//! The order matters. A saved cursor is set first, while the screen is still empty, since a cursor
//! past the last column is only reached by printing there. Then come the lines above the screen
//! and its rows: rows that belong together without a line break, so that the terminal joins them
//! itself. Then the cursor, then, when it is shown, the alternate screen in the same way; then
//! what would have bent all of that: character sets, region, origin and other modes.

use std::fmt::Write;
use std::ops::Range;

use alacritty_terminal::grid::{Cursor as GridCursor, Grid};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};

use unicode_width::UnicodeWidthChar as _;

use crate::Size;
use crate::emulator::{Emulator, cells, default_tabs};
use crate::scrollback::{Line, Lines};
use crate::style::{Pen, Style};

/// Bytes that rebuild a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Feeding these to a fresh terminal of `size` gives the same rows, styles, cursor, modes and
    /// title. When the output ends inside of an escape sequence or a character, the bytes end with
    /// its beginning, so that the output that follows completes it.
    pub bytes: Vec<u8>,
    /// The number of the oldest line contained.
    pub first_line: u64,
    /// The size it is true for.
    pub size: Size,
}

/// Lines above the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The number of the first line.
    pub first_line: u64,
    /// How many lines.
    pub lines: u32,
    /// The lines with their colours, each ended by CR LF.
    pub bytes: Vec<u8>,
}

/// Writes a snapshot with up to `history_lines` lines above the screen; `pending` is what the
/// parser has of an unfinished sequence.
pub(crate) fn write(emulator: &Emulator, history_lines: usize, pending: &[u8]) -> Snapshot {
    let history = history_lines.min(emulator.scrollback.len());
    let mut writer = Writer {
        cols: emulator.cols,
        out: String::with_capacity(16 * 1024),
        pen: Pen::default(),
    };
    match &emulator.primary {
        None => {
            writer.screen(emulator, &emulator.grid, history);
        }
        Some(primary) => {
            writer.screen(emulator, primary, history);
            writer.region(&emulator.primary_region, emulator.rows);
            writer.cursor(primary, 0);
            emulator.keyboard.screen(false).write(&mut writer.out);
            writer.out.push_str("\x1b[?1049h");
            writer.charsets(&GridCursor::default(), &primary.cursor);
            writer.pen.reset(&mut writer.out);
            // Entering filled the screen with the background in force.
            writer.out.push_str("\x1b[2J");
            writer.screen(emulator, &emulator.grid, 0);
        }
    }
    writer.state(emulator);
    let mut bytes = writer.out.into_bytes();
    bytes.extend_from_slice(pending);
    Snapshot {
        bytes,
        first_line: emulator.first_row - history as u64,
        size: Size {
            cols: u16::try_from(emulator.cols).unwrap_or(u16::MAX),
            rows: u16::try_from(emulator.rows).unwrap_or(u16::MAX),
        },
    }
}

/// Writes up to `count` lines numbered below `before`.
pub(crate) fn write_history(emulator: &Emulator, before: u64, count: usize) -> HistoryPage {
    let oldest = emulator.first_row - emulator.scrollback.len() as u64;
    let before = before.clamp(oldest, emulator.first_row);
    let kept = usize::try_from(before - oldest).unwrap_or(usize::MAX);
    let count = count.min(kept);
    let mut out = String::new();
    let mut pen = Pen::default();
    for line in emulator.scrollback.range(kept - count, count) {
        write_runs(line, &mut pen, &mut out);
        pen.reset(&mut out);
        out.push_str("\r\n");
    }
    HistoryPage {
        first_line: before - count as u64,
        lines: u32::try_from(count).unwrap_or(u32::MAX),
        bytes: out.into_bytes(),
    }
}

/// A line with its colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColouredLine {
    /// Text and the sequences (SGR, OSC 8) that switch its look; begins and ends with the default
    /// look.
    pub text: String,
    /// Whether the next line continues this one.
    pub wrapped: bool,
}

/// Writes the lines with the numbers of a range, as far as they are kept or shown.
pub(crate) fn write_lines(emulator: &Emulator, range: Range<u64>) -> Vec<ColouredLine> {
    let oldest = emulator.first_row - emulator.scrollback.len() as u64;
    let end = emulator.first_row + emulator.rows as u64;
    let (from, to) = (range.start.max(oldest), range.end.min(end));
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut lines = Vec::new();
    if from < emulator.first_row {
        let count = to.min(emulator.first_row).saturating_sub(from);
        let kept = emulator
            .scrollback
            .range(index(from - oldest), index(count));
        lines.extend(kept.map(coloured));
    }
    for number in from.max(emulator.first_row)..to {
        let row = index(number - emulator.first_row);
        let mut packed = Lines::default();
        packed.push_row(cells(&emulator.grid, row, emulator.cols));
        lines.extend(packed.get(0).map(coloured));
    }
    lines
}

fn coloured(line: Line<'_>) -> ColouredLine {
    let (mut text, mut pen) = (String::new(), Pen::default());
    write_runs(line, &mut pen, &mut text);
    pen.reset(&mut text);
    ColouredLine {
        text,
        wrapped: line.wrapped,
    }
}

fn write_runs(line: Line<'_>, pen: &mut Pen, out: &mut String) {
    for (text, style) in line.runs() {
        pen.switch(style, out);
        out.push_str(text);
    }
}

fn starts_wide(line: Line<'_>) -> bool {
    line.text.chars().next().and_then(|c| c.width()) == Some(2)
}

struct Writer {
    cols: usize,
    out: String,
    pen: Pen,
}

impl Writer {
    /// One screen: saved cursor, lines above, rows. The alternate screen starts where the cursor
    /// is, so both start with going home.
    fn screen(&mut self, emulator: &Emulator, grid: &Grid<Cell>, history: usize) {
        if grid.saved_cursor != GridCursor::default() && keeps_saved(emulator, grid) {
            self.saved_cursor(grid);
        }
        self.out.push_str("\x1b[H");
        let mut rows = Lines::default();
        let mut last_used = 0;
        for row in 0..emulator.rows {
            rows.push_row(cells(grid, row, self.cols));
            if rows
                .get(row)
                .is_some_and(|line| !line.text.is_empty() || line.wrapped)
            {
                last_used = row + usize::from(rows.get(row).is_some_and(|line| line.wrapped));
            }
        }
        // Lines above stay above only if every row below them is written.
        let used = if history > 0 {
            emulator.rows
        } else {
            (last_used + 1).min(emulator.rows)
        };
        let above = emulator.scrollback.newest(history);
        let all = above.chain((0..used).filter_map(|row| rows.get(row)));
        let mut all = all.peekable();
        let mut joined = false;
        while let Some(line) = all.next() {
            let next = all.peek();
            // A wide character that wraps leaves the blank by itself.
            let leaves_blank = line.spacer && next.is_some_and(|next| starts_wide(*next));
            self.line(line, joined, leaves_blank);
            joined = line.wrapped;
            if next.is_some() && !joined {
                self.pen_for_line_feed();
                self.out.push_str("\r\n");
            }
        }
        self.pen.reset(&mut self.out);
    }

    /// A line feed at the bottom fills the new row with the background in force.
    fn pen_for_line_feed(&mut self) {
        if self.pen.style().fills() {
            self.pen.reset(&mut self.out);
        }
    }

    /// One line; `joined` says that it continues the line before, which the terminal only sees
    /// when a character is printed.
    fn line(&mut self, line: Line<'_>, joined: bool, without_last: bool) {
        if joined && line.text.is_empty() {
            self.pen.reset(&mut self.out);
            self.out.push(' ');
            return;
        }
        write_runs(line, &mut self.pen, &mut self.out);
        if without_last {
            self.out.pop();
        }
        let filled = joined && line.runs().next().is_some_and(|(_, style)| style.fills());
        if filled && !line.wrapped {
            // Wrapping at the bottom filled the row with the background of the first character.
            self.pen.reset(&mut self.out);
            self.out.push_str("\x1b[K");
        }
    }

    /// Sets the saved cursor. The screen is empty and the pen is the default one.
    fn saved_cursor(&mut self, grid: &Grid<Cell>) {
        let saved = &grid.saved_cursor;
        let (row, col) = (saved.point.line.0 + 1, saved.point.column.0 + 1);
        let _ = write!(self.out, "\x1b[{row};{col}H");
        if saved.input_needs_wrap {
            self.out.push(' ');
        }
        self.pen.switch(&Style::of(&saved.template), &mut self.out);
        self.charsets(saved, &GridCursor::default());
        self.out.push_str("\x1b7");
        self.charsets(&GridCursor::default(), saved);
        self.pen.reset(&mut self.out);
    }

    /// Designates character sets where they differ.
    fn charsets(&mut self, to: &GridCursor<Cell>, from: &GridCursor<Cell>) {
        for (index, slot) in [
            (CharsetIndex::G0, '('),
            (CharsetIndex::G1, ')'),
            (CharsetIndex::G2, '*'),
            (CharsetIndex::G3, '+'),
        ] {
            if to.charsets[index] != from.charsets[index] {
                let set = match to.charsets[index] {
                    StandardCharset::Ascii => 'B',
                    StandardCharset::SpecialCharacterAndLineDrawing => '0',
                };
                let _ = write!(self.out, "\x1b{slot}{set}");
            }
        }
    }

    /// Puts the cursor, its look and its character sets in place. Rows count from `top`.
    fn cursor(&mut self, grid: &Grid<Cell>, top: usize) {
        let cursor = &grid.cursor;
        self.position(grid, top);
        self.pen.switch(&Style::of(&cursor.template), &mut self.out);
        self.charsets(cursor, &GridCursor::default());
    }

    /// Moves to a cell; past the last column by printing what is there once more.
    fn position(&mut self, grid: &Grid<Cell>, top: usize) {
        let row = usize::try_from(grid.cursor.point.line.0).unwrap_or(0);
        let col = grid.cursor.point.column.0;
        let shown_row = row.saturating_sub(top) + 1;
        if !grid.cursor.input_needs_wrap {
            let _ = write!(self.out, "\x1b[{shown_row};{}H", col + 1);
            return;
        }
        self.print_again(grid, top);
        self.pen.reset(&mut self.out);
    }

    /// Prints the cell before the cursor once more. It keeps its look: the caller sees to the pen
    /// after.
    fn print_again(&mut self, grid: &Grid<Cell>, top: usize) {
        let row = usize::try_from(grid.cursor.point.line.0).unwrap_or(0);
        let col = grid.cursor.point.column.0;
        let mut from = if grid.cursor.input_needs_wrap {
            col
        } else {
            col.saturating_sub(1)
        };
        let to = from + 1;
        let all = cells(grid, row, self.cols);
        if all[from].flags.contains(Flags::WIDE_CHAR_SPACER) {
            from -= 1;
        }
        let _ = write!(
            self.out,
            "\x1b[{};{}H",
            row.saturating_sub(top) + 1,
            from + 1
        );
        let mut lines = Lines::default();
        lines.push_row(&all[from..to]);
        match lines.get(0).filter(|line| !line.text.is_empty()) {
            Some(line) => write_runs(line, &mut self.pen, &mut self.out),
            None => {
                self.pen.reset(&mut self.out);
                self.out.push(' ');
            }
        }
    }

    fn region(&mut self, region: &Range<usize>, rows: usize) {
        if *region != (0..rows) {
            let _ = write!(self.out, "\x1b[{};{}r", region.start + 1, region.end);
        }
    }

    /// What remains: tab stops, region, modes, title, colours and the cursor.
    fn state(&mut self, emulator: &Emulator) {
        if emulator.tabs != default_tabs(emulator.cols) {
            self.out.push_str("\x1b[3g");
            for col in (0..emulator.cols).filter(|&col| emulator.tabs[col]) {
                let _ = write!(self.out, "\x1b[{}G\x1bH", col + 1);
            }
        }
        emulator.title.write(&mut self.out);
        emulator.palette.write(&mut self.out);
        if emulator.cursor_style != 0 {
            let _ = write!(self.out, "\x1b[{} q", emulator.cursor_style);
        }
        if !emulator.modes.autowrap {
            self.out.push_str("\x1b[?7l");
        }
        let alternate = emulator.on_alternate();
        emulator.keyboard.screen(alternate).write(&mut self.out);
        emulator.modes.write(&mut self.out);
        self.region(&emulator.region, emulator.rows);
        let mut top = 0;
        if emulator.modes.origin {
            self.out.push_str("\x1b[?6h");
            top = emulator.region.start;
        }
        let grid = &emulator.grid;
        if emulator.last_char.is_some() {
            // Printed last, the character before the cursor can be repeated by what follows.
            self.pen
                .switch(&Style::of(&grid.cursor.template), &mut self.out);
            self.charsets(&grid.cursor, &GridCursor::default());
            self.active_charset(emulator.charset);
            self.print_again(grid, top);
        } else {
            self.cursor(grid, top);
            self.active_charset(emulator.charset);
        }
    }

    fn active_charset(&mut self, charset: CharsetIndex) {
        self.out.push_str(match charset {
            CharsetIndex::G0 => "",
            CharsetIndex::G1 => "\x0e",
            CharsetIndex::G2 => "\x1bn",
            CharsetIndex::G3 => "\x1bo",
        });
    }
}

/// Entering the alternate screen saves the primary screen's cursor anew.
fn keeps_saved(emulator: &Emulator, grid: &Grid<Cell>) -> bool {
    !emulator.on_alternate() || std::ptr::eq(grid, &raw const emulator.grid)
}
