//! Input on its way to the child: each write once, in order, never blocking.

use std::io;
use std::os::fd::AsFd;

/// How many writers are remembered. One more makes the longest silent one forgotten; a write of
/// its own sent twice would then be typed twice.
const MAX_WRITERS: usize = 256;
/// Most input that waits for a child that does not read.
const MAX_QUEUED_BYTES: usize = 1 << 20;
/// Memory the queue keeps when it is empty.
const IDLE_QUEUE_BYTES: usize = 4 << 10;

/// The last accepted count of every writer, newest first.
#[derive(Debug, Default)]
pub(super) struct Writers {
    last: Vec<(u64, u64)>,
}

impl Writers {
    /// All that are remembered, newest first.
    pub(super) fn all(&self) -> &[(u64, u64)] {
        &self.last
    }

    /// Was this count, or a higher one, accepted before?
    pub(super) fn has_seen(&self, writer: u64, seq: u64) -> bool {
        self.last
            .iter()
            .any(|(other, last)| *other == writer && seq <= *last)
    }

    /// Notes an accepted count.
    pub(super) fn accept(&mut self, writer: u64, seq: u64) {
        self.last.retain(|(other, _)| *other != writer);
        self.last.truncate(MAX_WRITERS.saturating_sub(1));
        self.last.insert(0, (writer, seq));
    }
}

/// Bytes the terminal did not take yet.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: Vec<u8>,
    /// How much of the front is already typed.
    typed: usize,
}

impl Queue {
    /// Is there nothing left to type?
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == self.typed
    }

    /// Takes all of `bytes`, or nothing and says so.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let waiting = self.bytes.len().saturating_sub(self.typed);
        if waiting > 0 && waiting.saturating_add(bytes.len()) > MAX_QUEUED_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    /// Types as much as the terminal takes.
    pub(super) fn flush(&mut self, master: impl AsFd) -> io::Result<()> {
        while let Some(waiting) = self
            .bytes
            .get(self.typed..)
            .filter(|waiting| !waiting.is_empty())
        {
            match rustix::io::write(&master, waiting) {
                Ok(n) => self.typed = self.typed.saturating_add(n),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(err) => return Err(err.into()),
            }
        }
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(IDLE_QUEUE_BYTES);
            self.typed = 0;
        } else if self.typed > MAX_QUEUED_BYTES / 2 {
            self.bytes.drain(..self.typed);
            self.typed = 0;
        }
        Ok(())
    }

    /// Forgets everything: the child has ended.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
