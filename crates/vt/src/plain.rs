//! Long stretches of plain lines, straight into the scrollback.
//!
//! Output that only prints lines (text, tabs, SGR, CR LF) on the bottom row of the primary screen
//! needs no cells: a line's rows are packed as they are, rows that would be dropped again are only
//! counted, and only the last screenful is printed. The result is that of printing it all, which a
//! property test holds this to; whatever is not known to be plain is left to the emulator.

use alacritty_terminal::term::cell::Cell;
use memchr::memchr;
use unicode_width::UnicodeWidthChar;

use crate::emulator::{Emulator, cells};
use crate::parser::Csi;
use crate::scrollback::Scrollback;
use crate::sgr;
use crate::style::Style;

/// The shortest output worth a look: below, printing is as cheap.
pub(crate) const MIN_BYTES: usize = 8 * 1024;

/// The longest SGR sequence followed here.
const MAX_SGR: usize = 64;

const ESC: u8 = 0x1b;

/// A plain line: where it starts, how many rows it takes, and the pen it starts with.
#[derive(Debug, Clone, Copy)]
struct PlainLine {
    start: usize,
    rows: usize,
    pen: usize,
}

/// The plain lines that some output starts with.
struct Stretch {
    lines: Vec<PlainLine>,
    /// The pens in use at the starts of lines, each kept once as long as it does not change.
    pens: Vec<Cell>,
    /// Where the last line ends.
    end: usize,
}

impl Emulator {
    /// Takes plain lines from the start of the output, all but the last screenful; gives the bytes
    /// taken. The parser must be in its ground state.
    pub(crate) fn take_plain(&mut self, bytes: &[u8]) -> usize {
        if !self.may_take_plain() {
            return 0;
        }
        let stretch = self.plain_stretch(bytes);
        let Some(first_printed) = start_of_last_rows(&stretch.lines, self.rows - 1) else {
            return 0;
        };
        if first_printed == 0 {
            return 0;
        }
        let taken = &stretch.lines[..first_printed];
        for row in 0..self.rows - 1 {
            self.scrollback.push_row(cells(&self.grid, row, self.cols));
        }
        let first_kept = start_of_last_rows(taken, self.scrollback.limit()).unwrap_or(0);
        self.pack(bytes, &stretch, first_kept..first_printed);
        let rows: usize = taken.iter().map(|line| line.rows).sum();
        self.first_row += (self.rows - 1 + rows) as u64;
        let printed = stretch.lines[first_printed];
        self.grid.cursor.template = Cell::default();
        self.grid.reset_region(..);
        self.grid.cursor.template = stretch.pens[printed.pen].clone();
        self.place(0, 0);
        self.last_char = None;
        printed.start
    }

    /// Whether a line feed now moves the top row to the scrollback and leaves a blank row, as it
    /// was before.
    fn may_take_plain(&self) -> bool {
        let bottom = self.rows - 1;
        self.rows > 1
            && !self.on_alternate()
            && self.region == (0..self.rows)
            && self.is_plain()
            && self.row() == bottom
            && self.col() == 0
            && !self.wraps_next()
            && self
                .cells(bottom)
                .iter()
                .all(|cell| *cell == Cell::default())
    }

    fn plain_stretch(&self, bytes: &[u8]) -> Stretch {
        let mut stretch = Stretch {
            lines: Vec::new(),
            pens: vec![self.grid.cursor.template.clone()],
            end: 0,
        };
        let mut pen = self.grid.cursor.template.clone();
        let mut fills = Style::of(&pen).fills();
        while let Some(len) = memchr(b'\n', &bytes[stretch.end..]) {
            let start = stretch.end;
            let line = &bytes[start..start + len];
            let Some(text) = without_returns(line) else {
                break;
            };
            let pen_index = stretch.pens.len() - 1;
            let rows = if is_printable_ascii(text) {
                text.len().div_ceil(self.cols).max(1)
            } else {
                let mut count = CountRows(1);
                let plain = walk(text, self.cols, &self.tabs, &mut pen, &mut count);
                if !plain {
                    break;
                }
                fills = Style::of(&pen).fills();
                count.0
            };
            // A background in force would fill the rows that come up.
            if fills {
                break;
            }
            stretch.lines.push(PlainLine {
                start,
                rows,
                pen: pen_index,
            });
            stretch.end = start + len + 1;
            if pen != stretch.pens[pen_index] {
                stretch.pens.push(pen.clone());
            }
        }
        stretch
    }

    /// Packs the rows of lines.
    fn pack(&mut self, bytes: &[u8], stretch: &Stretch, range: std::ops::Range<usize>) {
        if self.scrollback.limit() == 0 {
            return;
        }
        for index in range {
            let line = stretch.lines[index];
            let end = stretch
                .lines
                .get(index + 1)
                .map_or(stretch.end, |next| next.start);
            let line_bytes = &bytes[line.start..end - 1];
            let text = without_returns(line_bytes).unwrap_or_default();
            let pen = &stretch.pens[line.pen];
            if text.len() <= self.cols && is_printable_ascii(text) {
                let mut rows = PackRows(&mut self.scrollback);
                rows.text(std::str::from_utf8(text).unwrap_or_default(), pen);
                rows.end_row(false, false);
                continue;
            }
            let mut pen = pen.clone();
            let mut rows = PackRows(&mut self.scrollback);
            walk(text, self.cols, &self.tabs, &mut pen, &mut rows);
            rows.end_row(false, false);
        }
    }
}

/// The line that begins the shortest end of `lines` with at least `rows` rows.
fn start_of_last_rows(lines: &[PlainLine], rows: usize) -> Option<usize> {
    let mut sum = 0;
    if rows == 0 {
        return Some(lines.len());
    }
    for (index, line) in lines.iter().enumerate().rev() {
        sum += line.rows;
        if sum >= rows {
            return Some(index);
        }
    }
    None
}

/// The line without the carriage returns at its end, of which there must be one.
fn without_returns(line: &[u8]) -> Option<&[u8]> {
    let mut text = line.strip_suffix(b"\r")?;
    while let Some(shorter) = text.strip_suffix(b"\r") {
        text = shorter;
    }
    Some(text)
}

fn is_printable_ascii(text: &[u8]) -> bool {
    text.iter()
        .fold(true, |all, &byte| all & (0x20..0x7f).contains(&byte))
}

/// Takes the rows of a line as printing would make them.
trait Rows {
    fn text(&mut self, text: &str, pen: &Cell);
    fn blanks(&mut self, count: usize);
    fn end_row(&mut self, wrapped: bool, spacer: bool);
}

struct CountRows(usize);

impl Rows for CountRows {
    fn text(&mut self, _text: &str, _pen: &Cell) {}

    fn blanks(&mut self, _count: usize) {}

    fn end_row(&mut self, _wrapped: bool, _spacer: bool) {
        self.0 += 1;
    }
}

struct PackRows<'a>(&'a mut Scrollback);

impl Rows for PackRows<'_> {
    fn text(&mut self, text: &str, pen: &Cell) {
        let block = self.0.block();
        let style = block.style_id(pen);
        block.push_text(text, style);
    }

    fn blanks(&mut self, count: usize) {
        let block = self.0.block();
        for _ in 0..count {
            block.push_text(" ", 0);
        }
    }

    fn end_row(&mut self, wrapped: bool, spacer: bool) {
        self.0.block().end_line(wrapped, spacer);
        self.0.pushed();
    }
}

/// Where printing stands in a row.
struct Walk<'a, R> {
    cols: usize,
    tabs: &'a [bool],
    col: usize,
    rows: &'a mut R,
}

/// Goes through a line from column 0 on; false when it is not plain. The last row is not ended.
fn walk(text: &[u8], cols: usize, tabs: &[bool], pen: &mut Cell, rows: &mut impl Rows) -> bool {
    let mut walk = Walk {
        cols,
        tabs,
        col: 0,
        rows,
    };
    let mut at = 0;
    while at < text.len() {
        let used = match text[at] {
            ESC => sgr_len(&text[at..], pen),
            b'\t' => walk.tab(),
            0x20..=0x7e => walk.ascii(&text[at..], pen),
            0x80.. => walk.character(&text[at..], pen),
            _ => None,
        };
        match used {
            Some(used) => at += used,
            None => return false,
        }
    }
    true
}

/// Applies the SGR sequence at the start; None for any other sequence.
fn sgr_len(bytes: &[u8], pen: &mut Cell) -> Option<usize> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let body = &body[..body.len().min(MAX_SGR)];
    let last = body
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))?;
    if body[last] != b'm' {
        return None;
    }
    sgr::apply(&Csi::parse(&body[..=last])?, pen);
    Some(2 + last + 1)
}

impl<R: Rows> Walk<'_, R> {
    /// Goes to the next row when the last column is behind; None when a background would fill it.
    fn wrap(&mut self, pen: &Cell) -> Option<()> {
        if self.col < self.cols {
            return Some(());
        }
        self.next_row(pen, false)
    }

    fn next_row(&mut self, pen: &Cell, spacer: bool) -> Option<()> {
        if Style::of(pen).fills() {
            return None;
        }
        self.rows.end_row(true, spacer);
        self.col = 0;
        Some(())
    }

    fn tab(&mut self) -> Option<usize> {
        if self.col < self.cols {
            let to = (self.col + 1..self.cols)
                .find(|&col| self.tabs[col])
                .unwrap_or(self.cols - 1);
            self.rows.blanks(to - self.col);
            self.col = to;
        }
        Some(1)
    }

    fn ascii(&mut self, bytes: &[u8], pen: &Cell) -> Option<usize> {
        let len = bytes
            .iter()
            .position(|byte| !(0x20..0x7f).contains(byte))
            .unwrap_or(bytes.len());
        let mut text = std::str::from_utf8(&bytes[..len]).ok()?;
        while !text.is_empty() {
            self.wrap(pen)?;
            let (now, later) = text.split_at(text.len().min(self.cols - self.col));
            self.rows.text(now, pen);
            self.col += now.len();
            text = later;
        }
        Some(len)
    }

    /// One character. One without a width changes a cell printed before: not plain.
    fn character(&mut self, bytes: &[u8], pen: &Cell) -> Option<usize> {
        let part = bytes[..bytes.len().min(4)].utf8_chunks().next()?.valid();
        let c = part.chars().next()?;
        let text = &part[..c.len_utf8()];
        let width = c.width().filter(|&width| width > 0)?;
        self.wrap(pen)?;
        if self.col + width > self.cols {
            self.rows.text(" ", pen);
            self.next_row(pen, true)?;
        }
        self.rows.text(text, pen);
        self.col += width;
        Some(text.len())
    }
}
