//! The size of a terminal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limits::{TERMINAL_SIDE_MAX, TERMINAL_SIZE_INITIAL};

/// Columns and rows of a terminal, both in `1..=1000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TerminalSize {
    /// Columns (cells in a row).
    #[schema(minimum = 1, maximum = 1000)]
    pub cols: u16,
    /// Rows of the visible screen.
    #[schema(minimum = 1, maximum = 1000)]
    pub rows: u16,
}

impl TerminalSize {
    /// Makes a size, or `None` when a side is 0 or above the limit.
    pub fn new(cols: u16, rows: u16) -> Option<Self> {
        let valid = 1..=TERMINAL_SIDE_MAX;
        (valid.contains(&cols) && valid.contains(&rows)).then_some(Self { cols, rows })
    }

    /// Tells whether both sides are within the limits; use it on deserialised values.
    pub fn is_valid(self) -> bool {
        Self::new(self.cols, self.rows).is_some()
    }
}

impl Default for TerminalSize {
    fn default() -> Self {
        let (cols, rows) = TERMINAL_SIZE_INITIAL;
        Self { cols, rows }
    }
}
