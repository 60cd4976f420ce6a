//! The output log: segment files that hold every byte a child wrote, addressed by offset.
//!
//! One shim writes, anybody reads, with no word between them: a record counts once its checksum
//! fits. See [`Reader`] for reading; the layout is in `docs/shim-protocol.md`.

pub(crate) mod block;
mod cursor;
pub(crate) mod format;
mod reader;
pub(crate) mod writer;

pub use reader::{ReadError, Reader, Records, Tail};

/// Answer to "what is at this offset".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Output.
    Data {
        /// Offset of the first byte.
        offset: u64,
        /// At least one byte.
        bytes: Vec<u8>,
    },
    /// Output that was produced and could not be kept.
    Gap {
        /// First missing offset (not before the one asked for).
        from: u64,
        /// First offset after the gap; go on from here.
        to: u64,
    },
    /// The offset asked for is older than the quota allows.
    Trimmed {
        /// Oldest offset there is.
        first: u64,
    },
    /// Nothing there yet.
    End,
}

/// One record of the log, in order of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Output.
    Out {
        /// Offset of the first byte.
        offset: u64,
        /// Wall clock in milliseconds since 1970, never running backwards within a segment.
        time_ms: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The terminal got a new size; counts from `offset` on.
    Resize {
        /// Offset at which it happened.
        offset: u64,
        /// When.
        time_ms: u64,
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The child ended.
    Exit {
        /// End of its output.
        offset: u64,
        /// When.
        time_ms: u64,
        /// Exit code, if it ended by itself.
        code: Option<i32>,
        /// Signal, if one ended it.
        signal: Option<i32>,
    },
    /// Output that was produced and could not be kept.
    Gap {
        /// First missing offset.
        from: u64,
        /// First offset after the gap.
        to: u64,
        /// When.
        time_ms: u64,
    },
}

#[cfg(test)]
mod tests;
