//! The screen's state and what text and line feeds do to it.
//!
//! Cells, rows and reflow are `alacritty_terminal`'s grid, without its history: a row that leaves
//! the primary screen at the top goes to the packed [`Scrollback`]. The alternate screen exists
//! only while it is shown. What sequences do follows xterm.js; edits are in `edit`, the meaning of
//! sequences in `dispatch`.

use std::ops::Range;

use alacritty_terminal::grid::Grid;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};
use unicode_width::UnicodeWidthChar;

use crate::event::Outbox;
use crate::modes::{Keyboard, ModeSet};
use crate::osc::Notice;
use crate::palette::Palette;
use crate::scrollback::Scrollback;
use crate::title::Title;
use crate::{Options, Size};

/// The most combining characters kept on one cell; a program that piles up more loses the rest.
const MAX_ZERO_WIDTH: usize = 16;

/// Columns between tab stops until a program sets its own.
const TAB_INTERVAL: usize = 8;

/// The state of a terminal.
#[derive(Debug)]
pub(crate) struct Emulator {
    pub(crate) cols: usize,
    pub(crate) rows: usize,
    /// The screen that is shown.
    pub(crate) grid: Grid<Cell>,
    /// The primary screen while the alternate one is shown.
    pub(crate) primary: Option<Grid<Cell>>,
    /// The rows that scroll.
    pub(crate) region: Range<usize>,
    /// The primary screen's region while the alternate screen is shown.
    pub(crate) primary_region: Range<usize>,
    /// Whether each column has a tab stop.
    pub(crate) tabs: Vec<bool>,
    /// The character set in use.
    pub(crate) charset: CharsetIndex,
    pub(crate) modes: ModeSet,
    pub(crate) keyboard: Keyboard,
    /// DECSCUSR, 0 to 6.
    pub(crate) cursor_style: u8,
    pub(crate) title: Title,
    pub(crate) palette: Palette,
    /// Hyperlinks without an id seen so far: each gets its own.
    pub(crate) links: u64,
    /// The character just printed, for REP: None after anything else, and in insert mode.
    pub(crate) last_char: Option<char>,
    pub(crate) scrollback: Scrollback,
    /// The number of the screen's first row.
    pub(crate) first_row: u64,
    pub(crate) outbox: Outbox,
    /// The notification being received in parts.
    pub(crate) notice: Notice,
    pub(crate) options: Options,
    /// Bytes fed before the current chunk.
    pub(crate) fed: u64,
}

impl Emulator {
    pub(crate) fn new(size: Size, options: Options) -> Self {
        let (cols, rows) = (usize::from(size.cols), usize::from(size.rows));
        Self {
            cols,
            rows,
            grid: Grid::new(rows, cols, 0),
            primary: None,
            region: 0..rows,
            primary_region: 0..rows,
            tabs: default_tabs(cols),
            charset: CharsetIndex::G0,
            modes: ModeSet::default(),
            keyboard: Keyboard::default(),
            cursor_style: 0,
            title: Title::default(),
            palette: Palette::default(),
            links: 0,
            last_char: None,
            scrollback: Scrollback::new(options.scrollback_lines),
            first_row: 0,
            outbox: Outbox::default(),
            notice: Notice::default(),
            options,
            fed: 0,
        }
    }

    /// The cursor's row.
    pub(crate) fn row(&self) -> usize {
        usize::try_from(self.grid.cursor.point.line.0).unwrap_or(0)
    }

    /// The cursor's column.
    pub(crate) fn col(&self) -> usize {
        self.grid.cursor.point.column.0
    }

    /// The next character goes to the next row first.
    pub(crate) fn wraps_next(&self) -> bool {
        self.grid.cursor.input_needs_wrap
    }

    /// Moves the cursor; the position must be on the screen.
    pub(crate) fn place(&mut self, row: usize, col: usize) {
        self.grid.cursor.point.line = line(row);
        self.grid.cursor.point.column = Column(col);
        self.grid.cursor.input_needs_wrap = false;
    }

    pub(crate) fn on_alternate(&self) -> bool {
        self.primary.is_some()
    }

    /// The cells of a row.
    pub(crate) fn cells(&self, row: usize) -> &[Cell] {
        cells(&self.grid, row, self.cols)
    }

    /// The cells of a part of a row, to be changed.
    pub(crate) fn cells_mut(&mut self, row: usize, columns: Range<usize>) -> &mut [Cell] {
        &mut self.grid[line(row)][Column(columns.start)..Column(columns.end)]
    }

    /// Whether ASCII text goes to the cells as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.modes.autowrap
            && !self.modes.insert
            && self.grid.cursor.charsets[self.charset] == StandardCharset::Ascii
    }

    /// Prints text. Bytes that are not UTF-8 print nothing, as in xterm.js.
    pub(crate) fn print(&mut self, bytes: &[u8]) {
        for part in bytes.utf8_chunks() {
            let mut text = part.valid();
            while !text.is_empty() {
                let ascii = text
                    .bytes()
                    .position(|byte| byte >= 0x80)
                    .unwrap_or(text.len());
                if ascii > 0 && self.is_plain() {
                    self.print_ascii(&text.as_bytes()[..ascii]);
                    text = &text[ascii..];
                    continue;
                }
                let mut chars = text.chars();
                if let Some(c) = chars.next() {
                    self.print_char(c);
                }
                text = chars.as_str();
            }
        }
    }

    /// Prints ASCII; `is_plain` must hold.
    fn print_ascii(&mut self, mut text: &[u8]) {
        self.last_char = text.last().map(|&byte| char::from(byte));
        while !text.is_empty() {
            if self.wraps_next() {
                self.wrap();
            }
            let (row, col, cols) = (self.row(), self.col(), self.cols);
            let len = text.len().min(cols - col);
            let template = self.grid.cursor.template.clone();
            let cells = &mut self.grid[line(row)][Column(col)..Column(col + len)];
            let wide = cells[0].flags.contains(Flags::WIDE_CHAR_SPACER)
                || cells[len - 1].flags.contains(Flags::WIDE_CHAR);
            for (cell, &byte) in cells.iter_mut().zip(text) {
                cell.c = char::from(byte);
                cell.fg = template.fg;
                cell.bg = template.bg;
                cell.flags = template.flags;
                if cell.extra.is_some() || template.extra.is_some() {
                    cell.extra = template.extra.clone();
                }
            }
            if wide {
                self.repair(row);
            }
            self.advance(len);
            text = &text[len..];
        }
    }

    /// Moves the cursor right after printing `width` cells at it.
    fn advance(&mut self, width: usize) {
        let col = self.col() + width;
        if col < self.cols {
            self.grid.cursor.point.column = Column(col);
        } else {
            self.grid.cursor.point.column = Column(self.cols - 1);
            self.grid.cursor.input_needs_wrap = true;
        }
    }

    /// Prints one character.
    pub(crate) fn print_char(&mut self, c: char) {
        let c = self.grid.cursor.charsets[self.charset].map(c);
        let Some(width) = c.width() else { return };
        if width == 0 {
            if c != '\u{feff}' {
                self.combine(c);
            }
            return;
        }
        if self.wraps_next() && self.modes.autowrap {
            self.wrap();
        }
        if self.col() + width > self.cols {
            if !self.modes.autowrap {
                return;
            }
            self.put(' ', Flags::LEADING_WIDE_CHAR_SPACER, self.col());
            self.wrap();
        }
        let (row, col) = (self.row(), self.col());
        if self.modes.insert && col + width < self.cols {
            self.shift_right(row, col, width);
        }
        if width == 1 {
            self.put(c, Flags::empty(), col);
        } else {
            self.put(c, Flags::WIDE_CHAR, col);
            self.put(' ', Flags::WIDE_CHAR_SPACER, col + 1);
        }
        self.advance(width);
        self.last_char = (!self.modes.insert).then_some(c);
    }

    /// Writes one cell in the cursor's row with the cursor's look.
    fn put(&mut self, c: char, kind: Flags, col: usize) {
        let row = self.row();
        let template = self.grid.cursor.template.clone();
        let cell = &mut self.grid[line(row)][Column(col)];
        let old = cell.flags;
        *cell = template;
        cell.c = c;
        cell.flags.insert(kind);
        if kind != Flags::WIDE_CHAR_SPACER && old.contains(Flags::WIDE_CHAR_SPACER) && col > 0 {
            blank_half(&mut self.grid[line(row)][Column(col - 1)]);
        }
        if kind != Flags::WIDE_CHAR && old.contains(Flags::WIDE_CHAR) && col + 1 < self.cols {
            blank_half(&mut self.grid[line(row)][Column(col + 1)]);
        }
    }

    /// Adds a character without a width to the one before the cursor.
    fn combine(&mut self, c: char) {
        let row = self.row();
        let mut col = self.col();
        if !self.wraps_next() {
            let Some(before) = col.checked_sub(1) else {
                return;
            };
            col = before;
        }
        if self.cells(row)[col].flags.contains(Flags::WIDE_CHAR_SPACER) {
            col = col.saturating_sub(1);
        }
        let cell = &mut self.grid[line(row)][Column(col)];
        if cell.zerowidth().unwrap_or_default().len() < MAX_ZERO_WIDTH {
            cell.push_zerowidth(c);
        }
    }

    /// Goes to the start of the next row, which continues this one.
    pub(crate) fn wrap(&mut self) {
        let row = self.row();
        if row + 1 == self.region.end || row + 1 < self.rows {
            let last = Column(self.cols - 1);
            self.grid[line(row)][last].flags.insert(Flags::WRAPLINE);
        }
        self.index();
        let row = self.row();
        self.place(row, 0);
    }

    /// Goes down a row, scrolling at the end of the region.
    pub(crate) fn index(&mut self) {
        let row = self.row();
        if row + 1 == self.region.end {
            self.scroll_into_scrollback();
        } else if row + 1 < self.rows {
            self.grid.cursor.point.line = line(row + 1);
        }
        self.grid.cursor.input_needs_wrap = false;
    }

    /// LF, VT, FF: like `index`, and the rows do not belong together.
    pub(crate) fn line_feed(&mut self) {
        let row = self.row();
        if row + 1 == self.region.end || row + 1 < self.rows {
            self.end_wrap(row);
        }
        self.index();
        if self.modes.line_feed_returns {
            let row = self.row();
            self.place(row, 0);
        }
    }

    /// The row no longer goes on in the next.
    pub(crate) fn end_wrap(&mut self, row: usize) {
        let last = self.cols - 1;
        if self.cells(row)[last].flags.contains(Flags::WRAPLINE) {
            self.grid[line(row)][Column(last)]
                .flags
                .remove(Flags::WRAPLINE);
        }
    }

    /// Scrolls the region up by one row; the top row of the primary screen is kept.
    fn scroll_into_scrollback(&mut self) {
        if self.region.start == 0 && !self.on_alternate() {
            let top = cells(&self.grid, 0, self.cols);
            self.scrollback.push_row(top);
            self.first_row += 1;
        }
        self.scroll_up(self.region.clone(), 1);
    }

    /// Moves rows up; the new rows have the background in force.
    pub(crate) fn scroll_up(&mut self, region: Range<usize>, count: usize) {
        let count = count.min(region.len());
        if count > 0 {
            self.grid
                .scroll_up(&(line(region.start)..line(region.end)), count);
        }
    }

    /// Moves rows down; the new rows have the background in force.
    pub(crate) fn scroll_down(&mut self, region: Range<usize>, count: usize) {
        let count = count.min(region.len());
        if count > 0 {
            let last = region.end - 1;
            self.grid
                .scroll_down(&(line(region.start)..line(region.end)), count);
            self.end_wrap(last);
        }
    }

    /// Changes the size. The primary screen's text is wrapped anew; lines above it come back when
    /// there is room.
    pub(crate) fn resize(&mut self, size: Size) {
        let (cols, rows) = (usize::from(size.cols), usize::from(size.rows));
        if (cols, rows) == (self.cols, self.rows) {
            return;
        }
        self.last_char = None;
        let (old_cols, old_rows) = (self.cols, self.rows);
        self.tabs.truncate(cols);
        while self.tabs.len() < cols {
            self.tabs.push(self.tabs.len().is_multiple_of(TAB_INTERVAL));
        }
        (self.cols, self.rows) = (cols, rows);
        (self.region, self.primary_region) = (0..rows, 0..rows);
        match self.primary.take() {
            Some(mut primary) => {
                self.resize_primary(&mut primary, old_cols, old_rows);
                // The cursor moved with the text; the one to come back to is the same.
                primary.saved_cursor = primary.cursor.clone();
                self.primary = Some(primary);
                self.grid.resize(false, rows, cols);
                self.grid.truncate();
                self.grid = self.grid.clone();
                clamp_cursors(&mut self.grid, rows, cols);
            }
            None => {
                let mut grid = std::mem::replace(&mut self.grid, Grid::new(1, 2, 0));
                self.resize_primary(&mut grid, old_cols, old_rows);
                self.grid = grid;
            }
        }
        for row in 0..rows {
            self.repair(row);
        }
        self.end_wrap(rows - 1);
    }

    fn resize_primary(&mut self, grid: &mut Grid<Cell>, old_cols: usize, old_rows: usize) {
        // Enough to fill a taller screen and to rejoin a line that began above the screen.
        let wanted = self.rows.saturating_sub(old_rows) + self.rows;
        let back = self.scrollback.take_newest(wanted, old_cols);
        self.first_row -= back.len() as u64;
        grid.update_history(MAX_RESIZE_HISTORY);
        restore_history(grid, back, old_rows, old_cols);
        grid.resize(true, self.rows, self.cols);
        let above = grid.total_rows() - self.rows;
        for index in (1..=above).rev() {
            self.scrollback.push_row(&grid[line_above(index)][..]);
        }
        self.first_row += above as u64;
        grid.update_history(0);
        grid.truncate();
        // A clone has no spare rows, of which the grid keeps a thousand.
        *grid = grid.clone();
        clamp_cursors(grid, self.rows, self.cols);
    }

    /// Blanks halves of wide characters that lost their other half, after an edit of a row.
    pub(crate) fn repair(&mut self, row: usize) {
        let cols = self.cols;
        let odd = Flags::WIDE_CHAR
            .union(Flags::WIDE_CHAR_SPACER)
            .union(Flags::WRAPLINE)
            .union(Flags::LEADING_WIDE_CHAR_SPACER);
        if !self
            .cells(row)
            .iter()
            .any(|cell| cell.flags.intersects(odd))
        {
            return;
        }
        let cells = self.cells_mut(row, 0..cols);
        for col in 0..cols {
            let flags = cells[col].flags;
            if flags.contains(Flags::WIDE_CHAR)
                && !cells
                    .get(col + 1)
                    .is_some_and(|next| next.flags.contains(Flags::WIDE_CHAR_SPACER))
            {
                blank_half(&mut cells[col]);
            }
            if flags.contains(Flags::WIDE_CHAR_SPACER)
                && !(col > 0 && cells[col - 1].flags.contains(Flags::WIDE_CHAR))
            {
                blank_half(&mut cells[col]);
            }
            if col + 1 < cols {
                cells[col]
                    .flags
                    .remove(Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER);
            }
        }
    }
}

/// Rows a reflow may push above the screen: a full screen of the widest lines at two columns.
const MAX_RESIZE_HISTORY: usize = 1_000_000;

/// A row as the grid counts them.
pub(crate) fn line(row: usize) -> Line {
    Line(i32::try_from(row).unwrap_or(i32::MAX))
}

fn line_above(index: usize) -> Line {
    Line(-i32::try_from(index).unwrap_or(i32::MAX))
}

/// The cells of a row of a grid.
pub(crate) fn cells(grid: &Grid<Cell>, row: usize, cols: usize) -> &[Cell] {
    &grid[line(row)][Column(0)..Column(cols)]
}

pub(crate) fn default_tabs(cols: usize) -> Vec<bool> {
    (0..cols).map(|col| col % TAB_INTERVAL == 0).collect()
}

/// Leaves a blank where half of a wide character was.
fn blank_half(cell: &mut Cell) {
    cell.clear_wide();
    cell.flags.remove(Flags::WIDE_CHAR_SPACER);
}

/// Puts rows above the screen, where a reflow finds them. The grid only takes rows there by
/// scrolling, so the screen is set aside meanwhile.
fn restore_history(grid: &mut Grid<Cell>, back: Vec<Vec<Cell>>, rows: usize, cols: usize) {
    if back.is_empty() {
        return;
    }
    let screen: Vec<Vec<Cell>> = (0..rows)
        .map(|row| cells(grid, row, cols).to_vec())
        .collect();
    let whole = line(0)..line(rows);
    for row in back {
        fill(grid, 0, row);
        grid.scroll_up(&whole, 1);
    }
    for (row, cells) in screen.into_iter().enumerate() {
        fill(grid, row, cells);
    }
}

fn fill(grid: &mut Grid<Cell>, row: usize, from: Vec<Cell>) {
    let cols = from.len();
    let to = &mut grid[line(row)][Column(0)..Column(cols)];
    for (to, from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

fn clamp_cursors(grid: &mut Grid<Cell>, rows: usize, cols: usize) {
    let (last_row, last_col) = (line(rows - 1), Column(cols - 1));
    for cursor in [&mut grid.cursor, &mut grid.saved_cursor] {
        cursor.point.line = cursor.point.line.max(Line(0)).min(last_row);
        cursor.point.column = cursor.point.column.min(last_col);
        if cursor.input_needs_wrap && cursor.point.column < last_col {
            // What was past the last column is now a column.
            cursor.point.column += 1;
            cursor.input_needs_wrap = false;
        }
    }
}

/// Rows of a grid, those above the screen included.
trait TotalRows {
    fn total_rows(&self) -> usize;
}

impl TotalRows for Grid<Cell> {
    fn total_rows(&self) -> usize {
        use alacritty_terminal::grid::Dimensions;
        self.total_lines()
    }
}
