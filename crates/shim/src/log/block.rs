//! One record in memory, laid out so that output is read from the terminal and written to the log
//! without being copied.

use super::format::{MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RecordHeader, record_bytes};

/// A payload with room in front for its header and behind for what ends the segment meanwhile, so
/// that a record is one write and output is never copied.
pub(crate) struct Block {
    bytes: Box<[u8]>,
    len: usize,
}

impl Block {
    /// An empty block with room for `capacity` bytes of payload (at most 64 KiB).
    pub(crate) fn new(capacity: usize) -> Self {
        let size = RECORD_HEADER_BYTES
            .saturating_add(capacity.min(MAX_PAYLOAD_BYTES).next_multiple_of(8))
            .saturating_add(RECORD_HEADER_BYTES);
        Self {
            bytes: vec![0; size].into_boxed_slice(),
            len: 0,
        }
    }

    /// A block that holds `payload`.
    pub(crate) fn of(payload: &[u8]) -> Self {
        let mut block = Self::new(payload.len());
        if let Some(room) = block.room().get_mut(..payload.len()) {
            room.copy_from_slice(payload);
            block.filled(payload.len());
        }
        block
    }

    /// Where more payload goes.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let end = self.bytes.len().saturating_sub(RECORD_HEADER_BYTES);
        self.bytes
            .get_mut(RECORD_HEADER_BYTES.saturating_add(self.len)..end)
            .unwrap_or_default()
    }

    /// `n` bytes were put into the room.
    pub(crate) fn filled(&mut self, n: usize) {
        self.len = self.len.saturating_add(n);
    }

    /// Bytes of payload.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Forgets the payload.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// What it holds.
    pub(super) fn payload(&self) -> &[u8] {
        self.bytes
            .get(RECORD_HEADER_BYTES..)
            .and_then(|rest| rest.get(..self.len))
            .unwrap_or_default()
    }

    /// Puts the header in place and zeros behind; gives the bytes to write.
    pub(super) fn seal(&mut self, header: RecordHeader) -> &[u8] {
        if let Some(room) = self.bytes.first_chunk_mut() {
            *room = header.to_bytes();
        }
        let end = record_bytes(self.len).saturating_add(RECORD_HEADER_BYTES);
        let used = RECORD_HEADER_BYTES.saturating_add(self.len);
        if let Some(behind) = self.bytes.get_mut(used..end) {
            behind.fill(0);
        }
        self.bytes.get(..end).unwrap_or_default()
    }
}
