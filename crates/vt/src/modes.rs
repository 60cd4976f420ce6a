//! The switches a program has set, as others need to know them.

use std::fmt::Write;

/// Where the cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Row from 0 at the top.
    pub row: u16,
    /// Column from 0 at the left.
    pub col: u16,
    /// Whether it is shown.
    pub visible: bool,
}

/// Which mouse events the program asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseReports {
    /// None.
    #[default]
    Off,
    /// Presses only (mode 9).
    Press,
    /// Presses and releases (mode 1000).
    Click,
    /// Also moves while pressed (mode 1002).
    Drag,
    /// All moves (mode 1003).
    Motion,
}

/// The modes that change how input must be encoded, and which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Pasted text must be wrapped in brackets (mode 2004).
    pub bracketed_paste: bool,
    /// The alternate screen is shown (modes 47, 1047, 1049).
    pub alternate_screen: bool,
    /// Arrow keys are sent as `ESC O` (mode 1).
    pub app_cursor: bool,
    /// The keypad sends sequences (DECKPAM).
    pub app_keypad: bool,
    /// Focus changes are reported (mode 1004).
    pub focus_events: bool,
    /// Which mouse events are reported.
    pub mouse: MouseReports,
    /// Mouse events are encoded as `CSI <` (mode 1006).
    pub mouse_sgr: bool,
    /// The flags of the kitty keyboard protocol in force; 0 is off.
    pub kitty_flags: u8,
    /// Output between frames is held back (mode 2026); the screen is current all the same.
    pub synchronized: bool,
}

/// Every switch kept, whoever needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModeSet {
    pub(crate) autowrap: bool,
    pub(crate) insert: bool,
    pub(crate) origin: bool,
    pub(crate) line_feed_returns: bool,
    pub(crate) cursor_visible: bool,
    pub(crate) app_keypad: bool,
    pub(crate) mouse: MouseReports,
    /// 1005, 1006, 1015 or 1016; 0 is the first encoding of all.
    pub(crate) mouse_encoding: u16,
    pub(crate) synchronized: bool,
    /// xterm's modifyOtherKeys, 0 to 2.
    pub(crate) modify_other_keys: u8,
    /// Bit i: `SIMPLE[i]` is set.
    simple: u16,
}

/// Private modes that are only remembered. All are off at first, except 1007.
const SIMPLE: [u16; 9] = [1, 12, 45, 1004, 1007, 1042, 2004, 2031, 5];

const ALTERNATE_SCROLL: u16 = 1 << 4;

impl Default for ModeSet {
    fn default() -> Self {
        Self {
            autowrap: true,
            insert: false,
            origin: false,
            line_feed_returns: false,
            cursor_visible: true,
            app_keypad: false,
            mouse: MouseReports::Off,
            mouse_encoding: 0,
            synchronized: false,
            modify_other_keys: 0,
            simple: ALTERNATE_SCROLL,
        }
    }
}

impl ModeSet {
    /// Sets or resets a private mode that touches nothing else; false for those that do, or are
    /// not known.
    pub(crate) fn set_private(&mut self, mode: u16, on: bool) -> bool {
        if let Some(bit) = SIMPLE.iter().position(|&simple| simple == mode) {
            self.simple = self.simple & !(1 << bit) | u16::from(on) << bit;
            return true;
        }
        match mode {
            7 => self.autowrap = on,
            25 => self.cursor_visible = on,
            66 => self.app_keypad = on,
            9 | 1000 | 1002 | 1003 if !on => self.mouse = MouseReports::Off,
            9 => self.mouse = MouseReports::Press,
            1000 => self.mouse = MouseReports::Click,
            1002 => self.mouse = MouseReports::Drag,
            1003 => self.mouse = MouseReports::Motion,
            1005 | 1006 | 1015 | 1016 => self.mouse_encoding = if on { mode } else { 0 },
            2026 => self.synchronized = on,
            _ => return false,
        }
        true
    }

    /// Whether a private mode kept here is set; None for others.
    pub(crate) fn private(&self, mode: u16) -> Option<bool> {
        if let Some(bit) = SIMPLE.iter().position(|&simple| simple == mode) {
            return Some(self.simple & 1 << bit != 0);
        }
        Some(match mode {
            6 => self.origin,
            7 => self.autowrap,
            25 => self.cursor_visible,
            66 => self.app_keypad,
            9 => self.mouse == MouseReports::Press,
            1000 => self.mouse == MouseReports::Click,
            1002 => self.mouse == MouseReports::Drag,
            1003 => self.mouse == MouseReports::Motion,
            1005 | 1006 | 1015 | 1016 => self.mouse_encoding == mode,
            2026 => self.synchronized,
            _ => return None,
        })
    }

    pub(crate) fn soft_reset(&mut self) {
        *self = Self {
            mouse: self.mouse,
            mouse_encoding: self.mouse_encoding,
            modify_other_keys: self.modify_other_keys,
            simple: self.simple,
            ..Self::default()
        };
        self.set_private(2004, false);
        self.set_private(1004, false);
        self.set_private(1, false);
    }

    /// Writes what turns the modes of a fresh terminal into these. Held-back output is not
    /// repeated: a snapshot is to be seen. Nor are origin and wrapping, which would bend what the
    /// caller writes after.
    pub(crate) fn write(&self, out: &mut String) {
        let fresh = Self::default();
        for (bit, mode) in SIMPLE.iter().enumerate() {
            let (is, was) = (self.simple & 1 << bit != 0, fresh.simple & 1 << bit != 0);
            if is != was {
                let _ = write!(out, "\x1b[?{mode}{}", if is { 'h' } else { 'l' });
            }
        }
        match self.mouse {
            MouseReports::Off => {}
            MouseReports::Press => out.push_str("\x1b[?9h"),
            MouseReports::Click => out.push_str("\x1b[?1000h"),
            MouseReports::Drag => out.push_str("\x1b[?1002h"),
            MouseReports::Motion => out.push_str("\x1b[?1003h"),
        }
        if self.mouse_encoding != 0 {
            let _ = write!(out, "\x1b[?{}h", self.mouse_encoding);
        }
        if self.app_keypad {
            out.push_str("\x1b=");
        }
        if self.insert {
            out.push_str("\x1b[4h");
        }
        if self.line_feed_returns {
            out.push_str("\x1b[20h");
        }
        if self.modify_other_keys != 0 {
            let _ = write!(out, "\x1b[>4;{}m", self.modify_other_keys);
        }
        if !self.cursor_visible {
            out.push_str("\x1b[?25l");
        }
    }
}

/// The most kitty keyboard flags a program may stack; the oldest go first.
const MAX_KEYBOARD_STACK: usize = 16;

/// The kitty keyboard protocol's flags, per screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Keyboard {
    primary: KeyboardFlags,
    alternate: KeyboardFlags,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeyboardFlags {
    pub(crate) flags: u8,
    stack: Vec<u8>,
}

/// The flags the protocol defines.
const KEYBOARD_FLAGS: usize = 0b1_1111;

impl Keyboard {
    pub(crate) fn screen(&self, alternate: bool) -> &KeyboardFlags {
        if alternate {
            &self.alternate
        } else {
            &self.primary
        }
    }

    pub(crate) fn screen_mut(&mut self, alternate: bool) -> &mut KeyboardFlags {
        if alternate {
            &mut self.alternate
        } else {
            &mut self.primary
        }
    }
}

impl KeyboardFlags {
    /// `CSI = flags ; how u`
    pub(crate) fn set(&mut self, flags: usize, how: usize) {
        let flags = flags_of(flags);
        match how {
            1 => self.flags = flags,
            2 => self.flags |= flags,
            3 => self.flags &= !flags,
            _ => {}
        }
    }

    /// `CSI > flags u`
    pub(crate) fn push(&mut self, flags: usize) {
        if self.stack.len() == MAX_KEYBOARD_STACK {
            self.stack.remove(0);
        }
        self.stack.push(self.flags);
        self.flags = flags_of(flags);
    }

    /// `CSI < count u`
    pub(crate) fn pop(&mut self, count: usize) {
        for _ in 0..count.min(MAX_KEYBOARD_STACK + 1) {
            self.flags = self.stack.pop().unwrap_or(0);
        }
    }

    /// Writes what brings a fresh terminal's screen to these flags.
    pub(crate) fn write(&self, out: &mut String) {
        let mut all = self.stack.iter().chain([&self.flags]);
        if let Some(&first) = all.next()
            && first != 0
        {
            let _ = write!(out, "\x1b[={first};1u");
        }
        for flags in all {
            let _ = write!(out, "\x1b[>{flags}u");
        }
    }
}

fn flags_of(flags: usize) -> u8 {
    u8::try_from(flags & KEYBOARD_FLAGS).unwrap_or(0)
}
