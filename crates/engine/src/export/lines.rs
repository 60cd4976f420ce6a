//! The lines a terminal showed, in order, while its output is read.
//!
//! Output is shown on a screen again; lines are written as they leave it at the top, and what is
//! left on it at the end. So lines that a program rewrote appear as they were last, and a progress
//! bar is one line. A program that fills the screen (an editor, a pager) has its last picture
//! written when it gives the screen back. What a program cleared away is not there.

use memchr::memmem;
use offshoot_vt::{ColouredLine, Screen};

use super::recording::{Fact, Recording, What, show};
use super::{Source, Writer, iso, remark};

/// Output shown between two looks for lines that left; each byte makes one line at the most.
const SLICE_BYTES: usize = 16 * 1024;

/// How sequences begin by which full-screen programs take the screen and give it back.
const SWITCH: [&[u8]; 3] = [b"\x1b[?1049", b"\x1b[?1047", b"\x1b[?47"];

/// How lines are written.
pub(super) trait Form: Send {
    /// Writes what comes before all lines.
    fn begin(&self, title: &str, begins: &str, out: &mut Vec<u8>);
    /// Writes a line without its end; `text` has colour sequences.
    fn text(&self, text: &str, out: &mut Vec<u8>);
    /// Ends a line.
    fn end_line(&self, out: &mut Vec<u8>);
    /// Writes a line that the terminal did not show.
    fn remark(&self, text: &str, out: &mut Vec<u8>);
    /// Writes what comes after all lines.
    fn end(&self, out: &mut Vec<u8>);
}

/// Writes a recording line by line.
pub(super) struct LineWriter<F> {
    form: F,
    /// The number of the next line to write.
    next: u64,
    /// The last line written goes on in the next one.
    open: bool,
}

impl<F: Form> LineWriter<F> {
    pub(super) fn new(form: F) -> Self {
        Self {
            form,
            next: 0,
            open: false,
        }
    }

    fn write(&mut self, lines: &[ColouredLine], out: &mut Vec<u8>) {
        for line in lines {
            self.form.text(&line.text, out);
            self.open = line.wrapped;
            if !line.wrapped {
                self.form.end_line(out);
            }
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            self.form.end_line(out);
        }
    }

    /// Writes the lines that left the screen at the top.
    fn drain(&mut self, screen: &Screen, out: &mut Vec<u8>) {
        let (_, top) = screen.line_range();
        if top > self.next {
            self.write(&screen.lines(self.next..top), out);
            self.next = top;
        }
    }

    /// Writes what is on the screen, without the blank rows below.
    fn write_screen(&mut self, screen: &Screen, out: &mut Vec<u8>) {
        let (_, top) = screen.line_range();
        let alternate = screen.modes().alternate_screen;
        let from = if alternate { top } else { top.max(self.next) };
        let mut lines = screen.lines(from..u64::MAX);
        while lines.last().is_some_and(|line| line.text.is_empty()) {
            lines.pop();
        }
        if alternate {
            let blank = lines.iter().take_while(|line| line.text.is_empty());
            lines.drain(..blank.count());
        }
        self.write(&lines, out);
        self.close(out);
        if !alternate {
            self.next = from + lines.len() as u64;
        }
    }

    fn output(&mut self, screen: &mut Screen, bytes: &[u8], out: &mut Vec<u8>) {
        for slice in bytes.chunks(SLICE_BYTES) {
            let mut rest = slice;
            while let Some(at) = SWITCH
                .iter()
                .filter_map(|seq| memmem::find(rest, seq))
                .min()
            {
                screen.feed(&rest[..at]);
                self.drain(screen, out);
                // Either way what is shown goes out of sight.
                self.write_screen(screen, out);
                screen.feed(&rest[at..=at]);
                rest = &rest[at + 1..];
            }
            screen.feed(rest);
            self.drain(screen, out);
        }
        // Nobody asks for these; they must not pile up.
        screen.take_events();
        screen.take_replies();
    }
}

impl<F: Form> Writer for LineWriter<F> {
    fn begin(&mut self, source: &Source, recording: &mut Recording, out: &mut Vec<u8>) {
        self.next = recording.screen.line_range().1;
        let begins = iso(recording.begins_ms());
        self.form.begin(&source.title, &begins, out);
    }

    fn fact(&mut self, recording: &mut Recording, fact: Fact, out: &mut Vec<u8>) {
        let screen = &mut recording.screen;
        match &fact.what {
            What::Output(bytes) => self.output(screen, bytes, out),
            What::Resize(_) => {
                show(screen, &fact.what);
                self.drain(screen, out);
            }
            what => {
                let text = remark(what).unwrap_or_default();
                let text = format!("{text} ({})", iso(fact.time_ms));
                self.write_screen(screen, out);
                self.form.remark(&text, out);
                if matches!(what, What::Gap(_)) {
                    show(screen, what);
                    self.next = 0;
                }
            }
        }
    }

    fn end(&mut self, recording: &mut Recording, out: &mut Vec<u8>) {
        let screen = &mut recording.screen;
        self.write_screen(screen, out);
        self.form.end(out);
    }
}
