//! The switches a program has set, as others need to know them.

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
