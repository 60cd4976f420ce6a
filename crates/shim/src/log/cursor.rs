//! A position in one open segment, and the bytes around it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::format::{
    MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader,
    file_name, kind, record_bytes,
};

/// First read at a position: enough for the echo of a key, cheap when there is nothing.
const SMALL_READ: usize = 4 << 10;
/// Largest read when records keep coming.
const LARGE_READ: usize = 128 << 10;

/// An open segment and a place in it, always at the start of a record.
#[derive(Debug)]
pub(super) struct Cursor {
    file: File,
    pub(super) header: SegmentHeader,
    seed: u32,
    /// Where the next record starts in the file.
    position: u64,
    /// Output offset at `position`.
    pub(super) offset: u64,
    /// Part of the file from `window_at` on. May be older than the file.
    window: Vec<u8>,
    window_at: u64,
    /// How much the next read takes.
    read_ahead: usize,
    /// How much output the caller has use for. Reading beyond the newest record would fill the
    /// page cache with blank pages.
    pub(super) wanted: usize,
}

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peek {
    /// A whole record with a fitting checksum.
    Record(RecordHeader),
    /// Nothing yet.
    Blank,
    /// No record: torn, being written, or damaged.
    Bad,
}

impl Cursor {
    /// Opens segment `index` in `dir`. `None`: there is none, or it is just being made.
    pub(super) fn open(dir: &Path, index: u64) -> io::Result<Option<Self>> {
        let file = match File::open(dir.join(file_name(index))) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err),
        };
        let Some((header, seed)) = read_header(&file)? else {
            return Ok(None);
        };
        if header.index != index {
            return Ok(None);
        }
        Ok(Some(Self {
            file,
            offset: header.base_offset,
            header,
            seed,
            position: SEGMENT_HEADER_BYTES as u64,
            window: Vec::new(),
            window_at: 0,
            read_ahead: SMALL_READ,
            wanted: usize::MAX,
        }))
    }

    /// Is the file still the segment that was opened? (A writer short of disk reuses its oldest.)
    pub(super) fn is_intact(&self) -> io::Result<bool> {
        Ok(read_header(&self.file)?.is_some_and(|(_, seed)| seed == self.seed))
    }

    /// Where the next record starts in the file.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What stands at the position, from memory if it is there, else from the file.
    pub(super) fn peek(&mut self) -> io::Result<Peek> {
        match self.peek_window() {
            Peek::Record(record) => Ok(Peek::Record(record)),
            Peek::Blank | Peek::Bad => self.peek_file(),
        }
    }

    /// What stands at the position in the file now.
    pub(super) fn peek_file(&mut self) -> io::Result<Peek> {
        self.fill(self.read_ahead.min(record_bytes(self.wanted)))?;
        let size = self.record_size();
        if size > self.window.len() && size <= record_bytes(MAX_PAYLOAD_BYTES) {
            self.fill(size)?;
        }
        let peek = self.peek_window();
        self.read_ahead = match peek {
            Peek::Record(_) => self.read_ahead.saturating_mul(2).min(LARGE_READ),
            Peek::Blank | Peek::Bad => SMALL_READ,
        };
        Ok(peek)
    }

    /// Payload of the record just peeked at.
    pub(super) fn payload(&self, record: RecordHeader) -> &[u8] {
        let len = usize::try_from(record.len).unwrap_or(usize::MAX);
        self.ahead()
            .get(RECORD_HEADER_BYTES..)
            .and_then(|rest| rest.get(..len))
            .unwrap_or_default()
    }

    /// Steps over the record just peeked at.
    pub(super) fn step(&mut self, record: RecordHeader) {
        let len = usize::try_from(record.len).unwrap_or(usize::MAX);
        self.offset = match record.kind {
            kind::OUT => record.offset.saturating_add(u64::from(record.len)),
            kind::GAP => self.gap_end(record).unwrap_or(record.offset),
            _ => self.offset,
        };
        self.position = self.position.saturating_add(record_bytes(len) as u64);
    }

    /// Where the GAP just peeked at ends.
    pub(super) fn gap_end(&self, record: RecordHeader) -> Option<u64> {
        self.payload(record)
            .first_chunk::<8>()
            .map(|to| u64::from_le_bytes(*to))
    }

    /// Gives back memory that a burst needed.
    pub(super) fn relax(&mut self) {
        if self.window.capacity() > LARGE_READ {
            self.window = Vec::new();
        }
    }

    /// Part of the window from the position on.
    fn ahead(&self) -> &[u8] {
        self.position
            .checked_sub(self.window_at)
            .and_then(|skip| self.window.get(usize::try_from(skip).ok()?..))
            .unwrap_or_default()
    }

    /// Size the header at the position claims.
    fn record_size(&self) -> usize {
        self.ahead().first_chunk::<4>().map_or(0, |len| {
            record_bytes(usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX))
        })
    }

    fn peek_window(&self) -> Peek {
        let ahead = self.ahead();
        let Some(bytes) = ahead.first_chunk::<RECORD_HEADER_BYTES>() else {
            // The end of the file; a writer always leaves room for one more header before it.
            return Peek::Blank;
        };
        let record = RecordHeader::from_bytes(bytes);
        if record.kind == 0 && record.len == 0 && record.crc == 0 {
            return Peek::Blank;
        }
        let len = usize::try_from(record.len).unwrap_or(usize::MAX);
        match ahead
            .get(RECORD_HEADER_BYTES..)
            .and_then(|rest| rest.get(..len))
        {
            Some(payload)
                if len <= MAX_PAYLOAD_BYTES
                    && record.checksum(self.seed, payload) == record.crc =>
            {
                Peek::Record(record)
            }
            _ => Peek::Bad,
        }
    }

    /// Reads up to `len` bytes from the position on.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        self.window.resize(len, 0);
        self.window_at = self.position;
        let mut filled = 0;
        while let Some(room) = self
            .window
            .get_mut(filled..)
            .filter(|room| !room.is_empty())
        {
            match self
                .file
                .read_at(room, self.position.saturating_add(filled as u64))
            {
                Ok(0) => break,
                Ok(n) => filled = filled.saturating_add(n),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => {
                    self.window.clear();
                    return Err(err);
                }
            }
        }
        self.window.truncate(filled);
        Ok(())
    }
}

/// Header of an open segment; `None` when it holds none (yet).
pub(super) fn read_header(file: &File) -> io::Result<Option<(SegmentHeader, u32)>> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(SegmentHeader::from_bytes(&bytes)),
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(err) => Err(err),
    }
}
