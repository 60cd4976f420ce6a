//! The newest output in memory: a cache of the log's end, shared by all readers of one worker.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes kept while output flows. A reader further behind reads from the log files.
const BUSY_BYTES: usize = 2 * 1024 * 1024;

/// Bytes kept once the output has settled.
const IDLE_BYTES: usize = 32 * 1024;

/// A bounded window `[start, end)` of one epoch's output.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    epoch: u32,
    start: u64,
    bytes: VecDeque<u8>,
}

impl Ring {
    /// Begins an empty window of an epoch at an offset.
    pub(crate) fn reset(&mut self, epoch: u32, offset: u64) {
        *self = Self {
            epoch,
            start: offset,
            bytes: VecDeque::new(),
        };
    }

    /// Returns the epoch of the window.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Returns the offset of the oldest byte held.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Returns the offset of the next byte to come.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Appends output; the oldest bytes go when the window is full.
    pub(crate) fn push(&mut self, output: &[u8]) {
        self.bytes.extend(output);
        self.trim(BUSY_BYTES);
    }

    /// Notes a hole in the output: the window begins anew behind it.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        self.bytes.clear();
        self.start = offset;
    }

    /// Gives back memory that only a flood needs.
    pub(crate) fn settle(&mut self) {
        if self.bytes.capacity() > 2 * IDLE_BYTES {
            self.trim(IDLE_BYTES);
            self.bytes.shrink_to_fit();
        }
    }

    /// Copies up to `max` bytes from `offset` on, or `None` when the window does not hold them.
    pub(crate) fn read(&self, offset: u64, max: usize) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        if skip > self.bytes.len() {
            return None;
        }
        let take = max.min(self.bytes.len() - skip);
        let (front, back) = self.bytes.as_slices();
        if skip + take <= front.len() {
            return Some(Bytes::copy_from_slice(&front[skip..skip + take]));
        }
        if skip >= front.len() {
            let skip = skip - front.len();
            return Some(Bytes::copy_from_slice(&back[skip..skip + take]));
        }
        let mut both = Vec::with_capacity(take);
        both.extend_from_slice(&front[skip..]);
        both.extend_from_slice(&back[..take - both.len()]);
        Some(both.into())
    }

    fn trim(&mut self, keep: usize) {
        let surplus = self.bytes.len().saturating_sub(keep);
        self.bytes.drain(..surplus);
        self.start += surplus as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_in_the_window_reads_the_right_bytes() {
        let mut ring = Ring::default();
        ring.reset(1, 100);
        let output: Vec<u8> = (0..5 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
        for chunk in output.chunks(70_001) {
            ring.push(chunk);
        }
        assert_eq!(ring.end(), 100 + output.len() as u64);
        assert!(ring.read(100, 1).is_none(), "the oldest bytes are gone");
        for offset in (ring.start..=ring.end()).step_by(99_991) {
            let from = (offset - 100) as usize;
            let to = (from + 65_536).min(output.len());
            assert_eq!(ring.read(offset, 65_536).unwrap(), output[from..to]);
        }
        assert_eq!(ring.read(ring.end(), 9).unwrap().len(), 0);
        assert!(ring.read(ring.end() + 1, 9).is_none());
    }

    #[test]
    fn settling_keeps_the_newest_bytes() {
        let mut ring = Ring::default();
        ring.push(&vec![b'a'; 1_000_000]);
        ring.push(b"end");
        ring.settle();
        assert_eq!(ring.end(), 1_000_003);
        assert_eq!(ring.read(1_000_000, 10).unwrap(), &b"end"[..]);
        assert!(ring.bytes.capacity() <= 2 * IDLE_BYTES);
    }
}
