//! Bytes that rebuild a screen in a fresh terminal.

use crate::Size;

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
