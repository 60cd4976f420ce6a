//! Lines above the screen, packed: their text, and where its look changes.
//!
//! A line costs its text plus about twelve bytes; a look is stored once per block of lines. The
//! oldest block goes when newer ones hold enough lines.

use std::collections::VecDeque;

use alacritty_terminal::term::cell::{Cell, Flags};

use crate::style::Style;

/// Lines per block: small enough that dropping one frees memory steadily, large enough that the
/// tables of a block do not matter.
const BLOCK_LINES: usize = 256;

/// How far back an equal look is searched for before it is stored again.
const STYLE_SEARCH: usize = 32;

/// Where a stretch of text of one look ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    end: u32,
    style: u32,
}

#[derive(Debug, Clone, Copy)]
struct LineEnd {
    text: u32,
    runs: u32,
    wrapped: bool,
    spacer: bool,
}

/// Packed lines.
#[derive(Debug)]
pub(crate) struct Lines {
    text: String,
    runs: Vec<Run>,
    ends: Vec<LineEnd>,
    styles: Vec<Style>,
}

/// One packed line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// The text without blanks of the default look at its end.
    pub(crate) text: &'a str,
    /// Whether the line goes on in the next one.
    pub(crate) wrapped: bool,
    /// Whether the last character is the blank left by a wide one that did not fit.
    pub(crate) spacer: bool,
    start: u32,
    runs: &'a [Run],
    styles: &'a [Style],
}

impl<'a> Line<'a> {
    /// The stretches of one look, in order.
    pub(crate) fn runs(self) -> impl Iterator<Item = (&'a str, &'a Style)> {
        let mut from = 0;
        self.runs.iter().map(move |run| {
            let to = (run.end - self.start) as usize;
            let text = &self.text[from..to];
            from = to;
            (text, &self.styles[run.style as usize])
        })
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            text: String::new(),
            runs: Vec::new(),
            ends: Vec::new(),
            styles: vec![Style::default()],
        }
    }
}

impl Lines {
    /// How many lines.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The line at an index.
    pub(crate) fn get(&self, index: usize) -> Option<Line<'_>> {
        let end = *self.ends.get(index)?;
        let (start, first_run) = match index.checked_sub(1) {
            None => (0, 0),
            Some(before) => (self.ends[before].text, self.ends[before].runs),
        };
        Some(Line {
            text: &self.text[start as usize..end.text as usize],
            wrapped: end.wrapped,
            spacer: end.spacer,
            start,
            runs: &self.runs[first_run as usize..end.runs as usize],
            styles: &self.styles,
        })
    }

    /// Adds text of one look to the line being built.
    pub(crate) fn push_text(&mut self, text: &str, style: u32) {
        if !text.is_empty() {
            self.text.push_str(text);
            self.extend_run(style);
        }
    }

    fn extend_run(&mut self, style: u32) {
        let end = offset(self.text.len());
        let first = self.ends.last().map_or(0, |last| last.runs as usize);
        match self.runs[first..].last_mut() {
            Some(run) if run.style == style => run.end = end,
            _ => self.runs.push(Run { end, style }),
        }
    }

    /// The id of a look in this block.
    pub(crate) fn style_id(&mut self, cell: &Cell) -> u32 {
        let recent = self.styles.len().saturating_sub(STYLE_SEARCH);
        if self.styles[0].is_of(cell) {
            return 0;
        }
        if let Some(index) = self.styles[recent..]
            .iter()
            .rposition(|style| style.is_of(cell))
        {
            return offset(recent + index);
        }
        self.styles.push(Style::of(cell));
        offset(self.styles.len() - 1)
    }

    /// Ends the line being built. Blanks of the default look at its end are dropped, unless it
    /// goes on in the next line; `spacer` says that it then ends with the blank left by a wide
    /// character that did not fit.
    pub(crate) fn end_line(&mut self, wrapped: bool, spacer: bool) {
        let (start, first_run) = self
            .ends
            .last()
            .map_or((0, 0), |last| (last.text as usize, last.runs as usize));
        if !wrapped
            && self.runs.len() > first_run
            && let Some(run) = self.runs.last().copied()
            && run.style == 0
        {
            let run_start = match self.runs[first_run..] {
                [.., before, _] => before.end as usize,
                _ => start,
            };
            let kept = run_start + self.text[run_start..].trim_end_matches(' ').len();
            self.text.truncate(kept);
            if kept == run_start {
                self.runs.pop();
            } else if let Some(run) = self.runs.last_mut() {
                run.end = offset(kept);
            }
        }
        self.ends.push(LineEnd {
            text: offset(self.text.len()),
            runs: offset(self.runs.len()),
            wrapped,
            spacer,
        });
    }

    /// Packs a row of cells.
    pub(crate) fn push_row(&mut self, cells: &[Cell]) {
        let wrapped = cells
            .last()
            .is_some_and(|cell| cell.flags.contains(Flags::WRAPLINE));
        let spacer = wrapped
            && cells
                .last()
                .is_some_and(|cell| cell.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER));
        let cells = if wrapped { cells } else { used(cells) };
        let mut style = 0;
        let mut start = self.text.len();
        for (column, cell) in cells.iter().enumerate() {
            if cell.flags.contains(Flags::WIDE_CHAR_SPACER) && column > 0 {
                continue;
            }
            if !self.styles[style as usize].is_of(cell) {
                if self.text.len() > start {
                    self.extend_run(style);
                    start = self.text.len();
                }
                style = self.style_id(cell);
            }
            self.text.push(cell.c);
            if cell.extra.is_some() {
                self.text.extend(cell.zerowidth().unwrap_or_default());
            }
        }
        if self.text.len() > start {
            self.extend_run(style);
        }
        self.end_line(wrapped, spacer);
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.runs.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.styles.shrink_to_fit();
    }
}

/// The cells up to the last that is not a blank of the default look.
fn used(cells: &[Cell]) -> &[Cell] {
    let blank = Cell::default();
    let end = cells.iter().rposition(|cell| *cell != blank);
    &cells[..end.map_or(0, |last| last + 1)]
}

/// A block holds at most 256 lines of 2,000 cells of 17 characters: offsets fit.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The lines above the screen.
#[derive(Debug)]
pub(crate) struct Scrollback {
    blocks: VecDeque<Lines>,
    /// Lines in all blocks.
    held: usize,
    /// Lines that can be asked for: the newest of them.
    kept: usize,
    /// Lines promised; up to a block more are held.
    limit: usize,
}

impl Scrollback {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            held: 0,
            kept: 0,
            limit,
        }
    }

    /// How many lines can be asked for.
    pub(crate) fn len(&self) -> usize {
        self.kept
    }

    /// How many lines are ever wanted.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The block that takes the next line. [`Self::pushed`] must follow.
    pub(crate) fn block(&mut self) -> &mut Lines {
        let full = self
            .blocks
            .back()
            .is_none_or(|block| block.len() >= BLOCK_LINES);
        if full {
            if let Some(block) = self.blocks.back_mut() {
                block.shrink();
            }
            self.blocks.push_back(Lines::default());
        }
        self.blocks.back_mut().expect("a block was just added")
    }

    /// One line was added to the block.
    pub(crate) fn pushed(&mut self) {
        self.held += 1;
        self.kept = (self.kept + 1).min(self.limit);
        while let Some(oldest) = self.blocks.front()
            && self.held - oldest.len() >= self.limit
            && self.blocks.len() > 1
        {
            self.held -= oldest.len();
            self.blocks.pop_front();
        }
    }

    /// Packs a row that leaves the screen.
    pub(crate) fn push_row(&mut self, cells: &[Cell]) {
        if self.limit > 0 {
            self.block().push_row(cells);
            self.pushed();
        }
    }

    /// Forgets all lines.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.held = 0;
        self.kept = 0;
    }

    /// Takes the newest `count` lines back, as rows of cells, oldest first.
    pub(crate) fn take_newest(&mut self, count: usize, cols: usize) -> Vec<Vec<Cell>> {
        let count = count.min(self.len());
        let mut rows: Vec<Vec<Cell>> = self.newest(count).map(|line| unpack(line, cols)).collect();
        for _ in 0..count {
            let Some(block) = self.blocks.back_mut() else {
                break;
            };
            block.ends.pop();
            let (text, runs) = block
                .ends
                .last()
                .map_or((0, 0), |last| (last.text as usize, last.runs as usize));
            block.text.truncate(text);
            block.runs.truncate(runs);
            self.held -= 1;
            self.kept -= 1;
            if block.ends.is_empty() {
                self.blocks.pop_back();
            }
        }
        rows.truncate(count);
        rows
    }

    /// The newest `count` lines, oldest first.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = Line<'_>> {
        self.range(self.len() - count.min(self.len()), count)
    }

    /// Up to `count` lines from an index (0: the oldest that can be asked for).
    pub(crate) fn range(&self, index: usize, count: usize) -> impl Iterator<Item = Line<'_>> {
        let hidden = self.held - self.kept;
        let mut skip = hidden + index;
        let mut first = 0;
        while let Some(block) = self.blocks.get(first)
            && skip >= block.len()
        {
            skip -= block.len();
            first += 1;
        }
        self.blocks
            .range(first.min(self.blocks.len())..)
            .flat_map(|block| (0..block.len()).filter_map(|line| block.get(line)))
            .skip(skip)
            .take(count)
    }
}

/// Rebuilds the cells of a line; what does not fit is lost.
fn unpack(line: Line<'_>, cols: usize) -> Vec<Cell> {
    use unicode_width::UnicodeWidthChar;

    let mut cells: Vec<Cell> = Vec::with_capacity(cols);
    for (text, style) in line.runs() {
        let mut template = Cell::default();
        style.apply(&mut template);
        for c in text.chars() {
            let width = c.width().unwrap_or(0);
            if width == 0 {
                if let Some(last) = cells
                    .iter_mut()
                    .rev()
                    .find(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER))
                {
                    last.push_zerowidth(c);
                }
                continue;
            }
            if cells.len() + width > cols {
                break;
            }
            let mut cell = template.clone();
            cell.c = c;
            if width == 2 {
                cell.flags.insert(Flags::WIDE_CHAR);
                cells.push(cell);
                cell = template.clone();
                cell.flags.insert(Flags::WIDE_CHAR_SPACER);
            }
            cells.push(cell);
        }
    }
    cells.resize(cols, Cell::default());
    if line.wrapped
        && let Some(last) = cells.last_mut()
    {
        last.flags.insert(Flags::WRAPLINE);
        if line.spacer {
            last.flags.insert(Flags::LEADING_WIDE_CHAR_SPACER);
        }
    }
    cells
}
