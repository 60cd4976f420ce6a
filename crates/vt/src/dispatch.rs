//! What controls and sequences mean.

use alacritty_terminal::vte::ansi::{CharsetIndex, StandardCharset};

use crate::Event;
use crate::emulator::{Emulator, default_tabs};
use crate::parser::{Csi, Sink};
use crate::{osc, query, sgr};

impl Sink for Emulator {
    fn text(&mut self, bytes: &[u8]) {
        self.print(bytes);
    }

    fn control(&mut self, byte: u8) {
        self.last_char = None;
        match byte {
            0x07 => self.outbox.event(Event::Bell),
            0x08 => self.go_to_col(self.col().saturating_sub(1)),
            b'\t' => self.tab_forward(1),
            b'\n' | 0x0b | 0x0c => self.line_feed(),
            b'\r' => self.go_to_col(0),
            0x0e => self.charset = CharsetIndex::G1,
            0x0f => self.charset = CharsetIndex::G0,
            _ => {}
        }
    }

    fn escape(&mut self, intermediate: u8, last: u8) {
        self.last_char = None;
        match (intermediate, last) {
            (0, b'7') => self.save_cursor(),
            (0, b'8') => self.restore_cursor(),
            (0, b'=') => self.modes.app_keypad = true,
            (0, b'>') => self.modes.app_keypad = false,
            (0, b'D') => self.index(),
            (0, b'E') => {
                self.go_to_col(0);
                self.index();
            }
            (0, b'H') => {
                let col = self.col();
                self.tabs[col] = true;
            }
            (0, b'M') => self.reverse_index(),
            (0, b'c') => self.reset(),
            (0, b'n') => self.charset = CharsetIndex::G2,
            (0, b'o') => self.charset = CharsetIndex::G3,
            (b'#', b'8') => self.fill_with_e(),
            (b'(' | b')' | b'*' | b'+', _) => self.designate(intermediate, last),
            _ => {}
        }
    }

    fn csi(&mut self, csi: &Csi, at: usize) {
        let printed = self.last_char.take();
        match (csi.prefix, csi.intermediate) {
            (0, 0) if csi.last == b'b' => self.repeat(printed, csi.or(0, 1)),
            (0, 0) => self.plain_csi(csi, at),
            (b'?', 0) => self.private_csi(csi, at),
            (b'>' | b'<' | b'=', 0) => self.extended_csi(csi, at),
            (0, b'!') if csi.last == b'p' => self.soft_reset(),
            (0, b' ') if csi.last == b'q' => {
                if let Ok(style @ 0..=6) = u8::try_from(csi.or(0, 0)) {
                    self.cursor_style = style;
                }
            }
            (0 | b'?', b'$') if csi.last == b'p' => query::mode(self, csi, at),
            _ => {}
        }
    }

    fn osc(&mut self, content: &[u8], bell: bool, at: usize) {
        self.last_char = None;
        osc::run(self, content, bell, at);
    }

    fn dcs(&mut self, content: &[u8], at: usize) {
        self.last_char = None;
        query::dcs(self, content, at);
    }
}

impl Emulator {
    /// Designates G0 to G3. National sets are taken as ASCII.
    fn designate(&mut self, slot: u8, set: u8) {
        let index = match slot {
            b'(' => CharsetIndex::G0,
            b')' => CharsetIndex::G1,
            b'*' => CharsetIndex::G2,
            _ => CharsetIndex::G3,
        };
        self.grid.cursor.charsets[index] = if set == b'0' {
            StandardCharset::SpecialCharacterAndLineDrawing
        } else {
            StandardCharset::Ascii
        };
    }

    fn plain_csi(&mut self, csi: &Csi, at: usize) {
        let count = csi.or(0, 1);
        match csi.last {
            b'@' => self.insert_blanks(count),
            b'A' => self.move_up(count),
            b'B' | b'e' => self.move_down(count),
            b'C' | b'a' => self.go_to_col(self.col().saturating_add(count)),
            b'D' => self.go_to_col(self.col().saturating_sub(count)),
            b'E' => {
                self.move_down(count);
                self.go_to_col(0);
            }
            b'F' => {
                self.move_up(count);
                self.go_to_col(0);
            }
            b'G' | b'`' => self.go_to_col(count - 1),
            b'H' | b'f' => self.go_to(count - 1, csi.or(1, 1) - 1),
            b'I' => self.tab_forward(count),
            b'J' => self.erase_in_display(csi.or(0, 0)),
            b'K' => self.erase_in_line(csi.or(0, 0)),
            b'L' => self.insert_lines(count),
            b'M' => self.delete_lines(count),
            b'P' => self.delete_chars(count),
            b'S' => self.scroll_up(self.region.clone(), count),
            b'T' if csi.params().len() == 1 => self.scroll_down(self.region.clone(), count),
            b'X' => self.erase_chars(count),
            b'Z' => self.tab_backward(count),
            b'd' => self.go_to(count - 1, self.col()),
            b'g' => self.clear_tabs(csi.or(0, 0)),
            b'h' | b'l' => self.set_modes(csi),
            b'm' => sgr::apply(csi, &mut self.grid.cursor.template),
            b'r' => self.set_region(count, csi.or(1, 0)),
            b's' => self.save_cursor(),
            b'u' => self.restore_cursor(),
            b't' => self.window(csi, at),
            b'c' | b'n' => query::device(self, csi, at),
            _ => {}
        }
    }

    fn private_csi(&mut self, csi: &Csi, at: usize) {
        match csi.last {
            b'h' | b'l' => {
                for &mode in csi.params() {
                    self.set_private_mode(mode, csi.last == b'h');
                }
            }
            b'J' => self.erase_in_display(csi.or(0, 0)),
            b'K' => self.erase_in_line(csi.or(0, 0)),
            b'W' if csi.or(0, 0) == 5 => self.tabs = default_tabs(self.cols),
            b'n' | b'u' => query::device(self, csi, at),
            _ => {}
        }
    }

    fn extended_csi(&mut self, csi: &Csi, at: usize) {
        let alternate = self.on_alternate();
        match (csi.prefix, csi.last) {
            (b'>', b'c' | b'q') | (b'=', b'c') => query::device(self, csi, at),
            (b'>', b'm') if csi.or(0, 0) == 4 => {
                if let Ok(level @ 0..=2) = u8::try_from(csi.or(1, 0)) {
                    self.modes.modify_other_keys = level;
                }
            }
            (b'>', b'u') => self.keyboard.screen_mut(alternate).push(csi.or(0, 0)),
            (b'<', b'u') => self.keyboard.screen_mut(alternate).pop(csi.or(0, 1)),
            (b'=', b'u') => {
                self.keyboard
                    .screen_mut(alternate)
                    .set(csi.or(0, 0), csi.or(1, 1));
            }
            _ => {}
        }
    }

    fn set_modes(&mut self, csi: &Csi) {
        let on = csi.last == b'h';
        for &mode in csi.params() {
            match mode {
                4 => self.modes.insert = on,
                20 => self.modes.line_feed_returns = on,
                _ => {}
            }
        }
    }

    fn set_private_mode(&mut self, mode: u16, on: bool) {
        match mode {
            6 => {
                self.modes.origin = on;
                self.go_to(0, 0);
            }
            47 | 1047 if on => self.enter_alternate(),
            47 | 1047 => self.leave_alternate(false),
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            1049 if on && self.on_alternate() => self.save_cursor(),
            1049 if on => self.enter_alternate(),
            1049 if self.on_alternate() => self.leave_alternate(true),
            1049 => self.restore_cursor(),
            _ => {
                self.modes.set_private(mode, on);
            }
        }
    }

    /// REP: only right after a character, and at most a screenful.
    fn repeat(&mut self, printed: Option<char>, count: usize) {
        if let Some(c) = printed {
            for _ in 0..count.min(self.cols * self.rows) {
                self.print_char(c);
            }
            self.last_char = None;
        }
    }

    fn clear_tabs(&mut self, mode: usize) {
        match mode {
            0 => {
                let col = self.col();
                self.tabs[col] = false;
            }
            3 => self.tabs.fill(false),
            _ => {}
        }
    }

    /// XTWINOPS: the title stack, and sizes.
    fn window(&mut self, csi: &Csi, at: usize) {
        match csi.or(0, 0) {
            22 if csi.or(1, 0) != 1 => self.title.push(),
            23 if csi.or(1, 0) != 1 => {
                let changed = self.title.pop();
                osc::tell_title(self, changed);
            }
            _ => query::size(self, csi, at),
        }
    }
}
