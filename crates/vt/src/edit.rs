//! Erasing, inserting, deleting, moving the cursor, switching screens.

use std::ops::Range;

use alacritty_terminal::grid::{Cursor, Grid};
use alacritty_terminal::term::cell::Cell;

use crate::emulator::{Emulator, default_tabs, line};
use crate::modes::KeyboardFlags;

impl Emulator {
    /// Fills cells of a row with the background in force.
    pub(crate) fn erase(&mut self, row: usize, columns: Range<usize>) {
        if columns.is_empty() {
            return;
        }
        let background = self.grid.cursor.template.bg;
        for cell in self.cells_mut(row, columns) {
            *cell = background.into();
        }
        self.repair(row);
    }

    fn erase_rows(&mut self, rows: Range<usize>) {
        for row in rows {
            self.erase(row, 0..self.cols);
        }
    }

    /// The first column an erase to the right touches: none when the cursor is past the last.
    fn erase_start(&self) -> usize {
        if self.wraps_next() {
            self.cols
        } else {
            self.col()
        }
    }

    /// EL.
    pub(crate) fn erase_in_line(&mut self, mode: usize) {
        let row = self.row();
        match mode {
            0 => self.erase(row, self.erase_start()..self.cols),
            1 => self.erase(row, 0..self.col() + 1),
            2 => self.erase(row, 0..self.cols),
            _ => {}
        }
    }

    /// ED.
    pub(crate) fn erase_in_display(&mut self, mode: usize) {
        let row = self.row();
        match mode {
            0 => {
                self.erase(row, self.erase_start()..self.cols);
                self.erase_rows(row + 1..self.rows);
            }
            1 => {
                self.erase_rows(0..row);
                self.erase(row, 0..self.col() + 1);
            }
            2 => self.erase_rows(0..self.rows),
            3 if !self.on_alternate() => self.scrollback.clear(),
            _ => {}
        }
    }

    /// ECH.
    pub(crate) fn erase_chars(&mut self, count: usize) {
        let (row, col) = (self.row(), self.col());
        self.place(row, col);
        self.erase(row, col..col.saturating_add(count).min(self.cols));
    }

    /// Moves the cells from `col` on to the right, for cells to be written there.
    pub(crate) fn shift_right(&mut self, row: usize, col: usize, count: usize) {
        self.end_wrap(row);
        let cols = self.cols;
        let cells = self.cells_mut(row, col..cols);
        cells.rotate_right(count);
        for cell in &mut cells[..count] {
            *cell = Cell::default();
        }
        self.repair(row);
    }

    /// ICH.
    pub(crate) fn insert_blanks(&mut self, count: usize) {
        let (row, col) = (self.row(), self.col());
        self.place(row, col);
        let count = count.min(self.cols - col);
        self.shift_right(row, col, count);
        self.erase(row, col..col + count);
    }

    /// DCH.
    pub(crate) fn delete_chars(&mut self, count: usize) {
        let (row, col, cols) = (self.row(), self.col(), self.cols);
        self.place(row, col);
        self.end_wrap(row);
        let count = count.min(cols - col);
        self.cells_mut(row, col..cols).rotate_left(count);
        self.erase(row, cols - count..cols);
    }

    /// IL.
    pub(crate) fn insert_lines(&mut self, count: usize) {
        let row = self.row();
        if self.region.contains(&row) {
            self.scroll_down(row..self.region.end, count);
            self.place(row, 0);
        }
    }

    /// DL.
    pub(crate) fn delete_lines(&mut self, count: usize) {
        let row = self.row();
        if self.region.contains(&row) {
            self.scroll_up(row..self.region.end, count);
            self.place(row, 0);
        }
    }

    /// RI.
    pub(crate) fn reverse_index(&mut self) {
        let (row, col) = (self.row(), self.col());
        if row == self.region.start {
            self.scroll_down(self.region.clone(), 1);
            self.place(row, col);
        } else {
            self.place(row.saturating_sub(1), col);
        }
    }

    /// CUP: counted from the region in origin mode.
    pub(crate) fn go_to(&mut self, row: usize, col: usize) {
        let (top, last) = if self.modes.origin {
            (self.region.start, self.region.end - 1)
        } else {
            (0, self.rows - 1)
        };
        self.place(top.saturating_add(row).min(last), col.min(self.cols - 1));
    }

    /// CUU: stops at the region when inside of it.
    pub(crate) fn move_up(&mut self, count: usize) {
        let row = self.row();
        let top = if row >= self.region.start {
            self.region.start
        } else {
            0
        };
        self.place(row.saturating_sub(count).max(top), self.col());
    }

    /// CUD: stops at the region when inside of it.
    pub(crate) fn move_down(&mut self, count: usize) {
        let row = self.row();
        let last = if row < self.region.end {
            self.region.end - 1
        } else {
            self.rows - 1
        };
        self.place(row.saturating_add(count).min(last), self.col());
    }

    /// CHA, CUF, CUB: moves within the row.
    pub(crate) fn go_to_col(&mut self, col: usize) {
        self.place(self.row(), col.min(self.cols - 1));
    }

    /// HT, CHT: past the last column is no stop.
    pub(crate) fn tab_forward(&mut self, count: usize) {
        if self.wraps_next() {
            return;
        }
        let mut col = self.col();
        for _ in 0..count.min(self.cols) {
            col = (col + 1..self.cols)
                .find(|&col| self.tabs[col])
                .unwrap_or(self.cols - 1);
        }
        self.go_to_col(col);
    }

    /// CBT.
    pub(crate) fn tab_backward(&mut self, count: usize) {
        let mut col = self.col();
        for _ in 0..count.min(self.cols) {
            col = (0..col).rev().find(|&col| self.tabs[col]).unwrap_or(0);
        }
        self.go_to_col(col);
    }

    /// DECSTBM.
    pub(crate) fn set_region(&mut self, top: usize, bottom: usize) {
        let bottom = if bottom == 0 || bottom > self.rows {
            self.rows
        } else {
            bottom
        };
        if top < bottom {
            self.region = top - 1..bottom;
            self.go_to(0, 0);
        }
    }

    /// DECSC.
    pub(crate) fn save_cursor(&mut self) {
        self.grid.saved_cursor = self.grid.cursor.clone();
    }

    /// DECRC.
    pub(crate) fn restore_cursor(&mut self) {
        self.grid.cursor = self.grid.saved_cursor.clone();
        self.keep_in_region();
        if self.wraps_next() {
            // The next character wraps this row anew.
            self.end_wrap(self.row());
        }
    }

    /// In origin mode the cursor is always in the region.
    fn keep_in_region(&mut self) {
        if self.modes.origin {
            let (top, last) = (self.region.start, self.region.end - 1);
            self.grid.cursor.point.line = line(self.row().clamp(top, last));
        }
    }

    /// Shows the alternate screen, empty, with the cursor where it is.
    pub(crate) fn enter_alternate(&mut self) {
        if self.on_alternate() {
            return;
        }
        self.save_cursor();
        let mut alternate = Grid::new(self.rows, self.cols, 0);
        alternate.cursor = self.grid.cursor.clone();
        // The background in force fills the new screen.
        alternate.reset_region(..);
        self.primary = Some(std::mem::replace(&mut self.grid, alternate));
        self.primary_region = std::mem::replace(&mut self.region, 0..self.rows);
        *self.keyboard.screen_mut(true) = KeyboardFlags::default();
    }

    /// Shows the primary screen again. `restore` puts the cursor where it was there.
    pub(crate) fn leave_alternate(&mut self, restore: bool) {
        let Some(primary) = self.primary.take() else {
            return;
        };
        let alternate = std::mem::replace(&mut self.grid, primary);
        self.region = self.primary_region.clone();
        if restore {
            self.restore_cursor();
        } else {
            self.grid.cursor = alternate.cursor;
            self.grid.cursor.input_needs_wrap = false;
            self.keep_in_region();
        }
    }

    /// DECALN.
    pub(crate) fn fill_with_e(&mut self) {
        let cols = self.cols;
        for row in 0..self.rows {
            for cell in self.cells_mut(row, 0..cols) {
                *cell = Cell::default();
                cell.c = 'E';
            }
        }
        self.go_to(0, 0);
    }

    /// DECSTR.
    pub(crate) fn soft_reset(&mut self) {
        self.region = 0..self.rows;
        let point = self.grid.cursor.point;
        self.grid.cursor = Cursor {
            point,
            ..Cursor::default()
        };
        self.grid.saved_cursor = Cursor::default();
        self.charset = Default::default();
        self.modes.soft_reset();
    }

    /// RIS.
    pub(crate) fn reset(&mut self) {
        self.primary = None;
        self.grid = Grid::new(self.rows, self.cols, 0);
        self.region = 0..self.rows;
        self.tabs = default_tabs(self.cols);
        self.charset = Default::default();
        self.modes = Default::default();
        self.keyboard = Default::default();
        self.cursor_style = 0;
        self.last_char = None;
        self.palette = Default::default();
        self.scrollback.clear();
        let changed = self.title.reset();
        crate::osc::tell_title(self, changed);
    }
}
