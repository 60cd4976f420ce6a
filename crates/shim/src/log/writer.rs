//! Appends to the log; the shim's half.
//!
//! Owns the segment files of one worker while its lock is held. Never blocks on a reader, never
//! fails towards its caller: what cannot be written is remembered and becomes a GAP record as soon
//! as something can be written again.
//!
//! ```text
//!        reserve blocks ──fails──► recycle the oldest segment ──none──► restart the current one (GAP)
//! append ───────────────► write ──fails──► count as missing, GAP before the next record
//! ```

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::block::Block;
use super::cursor::{Cursor, Peek, read_header};
use super::format::{
    RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, file_name, index_of,
    kind, record_bytes,
};

/// Size of a segment when the quota is large.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Size of a segment when the quota is below [`SMALL_QUOTA`].
const SMALL_SEGMENT_BYTES: u64 = 1 << 20;
/// Below this a quota is small.
const SMALL_QUOTA: u64 = 32 << 20;
/// First and smallest step in which blocks are reserved. An idle worker takes no more than this; on
/// a disk that is full from the start it is all the log has, so it holds the largest record.
const MIN_RESERVE: u64 = 128 << 10;
/// Largest step; a step never exceeds what the segment already uses.
const MAX_RESERVE: u64 = 1 << 20;
/// Room kept at the end of every segment: a seal, and zeros that end it meanwhile.
const TAIL_BYTES: u64 = 2 * RECORD_HEADER_BYTES as u64;
/// Room kept behind output, so that the record of the child's end never has to push out the last of it.
const EXIT_BYTES: u64 = 32;
/// Oldest age at which a segment is continued; record times are 32 bits of milliseconds.
const MAX_SEGMENT_AGE_MS: u64 = 20 * 24 * 3600 * 1000;
/// A write that takes longer counts as a stall.
const STALL: Duration = Duration::from_millis(50);

/// Whose log it is and how large it may grow.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    /// Part of every segment header.
    pub(crate) worker_id: String,
    /// Segments of another epoch are removed.
    pub(crate) epoch: u32,
    /// Upper bound of all segments together; at least two segments.
    pub(crate) quota_bytes: u64,
    /// Size of one segment.
    pub(crate) segment_bytes: u64,
}

impl LogConfig {
    /// Chooses the size of segments by the quota.
    pub(crate) fn new(worker_id: &str, epoch: u32, quota_bytes: u64) -> Self {
        let segment_bytes = if quota_bytes < SMALL_QUOTA {
            SMALL_SEGMENT_BYTES
        } else {
            SEGMENT_BYTES
        };
        Self {
            worker_id: worker_id.to_owned(),
            epoch,
            quota_bytes,
            segment_bytes,
        }
    }
}

/// A segment on disk.
#[derive(Debug, Clone, Copy)]
struct Stored {
    index: u64,
    base_offset: u64,
    /// Reserved or written.
    bytes: u64,
}

/// The segment that is written.
#[derive(Debug)]
struct Current {
    file: File,
    seed: u32,
    /// When it was begun, by [`clock_ms`].
    started_ms: u64,
    /// Where the next record goes.
    position: u64,
    /// Up to where blocks are ours.
    reserved: u64,
    /// Where the segment ends.
    limit: u64,
}

/// The writing end of a log.
#[derive(Debug)]
pub(crate) struct Writer {
    dir: PathBuf,
    config: LogConfig,
    /// All segments, oldest first; the last one is the current one.
    stored: VecDeque<Stored>,
    /// `None` after a roll that failed; tried again with the next record.
    current: Option<Current>,
    /// Index of the next segment.
    next_index: u64,
    /// End of output, written or not.
    offset: u64,
    /// First byte that could not be written, if any.
    missing_from: Option<u64>,
    /// Something was written since the last [`Writer::take_unsynced`].
    unsynced: bool,
    /// Time lost to slow writes.
    stalled: Duration,
}

impl Writer {
    /// Opens the log in `dir`, continuing what is there: cuts a torn tail, seals, goes on in a new
    /// segment. The segment itself is made by the first append.
    pub(crate) fn open(dir: &Path, config: LogConfig) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).create(dir)?;
        let mut writer = Self {
            dir: dir.to_owned(),
            config,
            stored: VecDeque::new(),
            current: None,
            next_index: 0,
            offset: 0,
            missing_from: None,
            unsynced: false,
            stalled: Duration::ZERO,
        };
        writer.recover()?;
        Ok(writer)
    }

    /// End of output.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Oldest offset that can be read.
    pub(crate) fn first_offset(&self) -> u64 {
        self.stored
            .front()
            .map_or(self.offset, |stored| stored.base_offset)
    }

    /// How long writes have held the caller up in all.
    pub(crate) fn stalled_ms(&self) -> u64 {
        u64::try_from(self.stalled.as_millis()).unwrap_or(u64::MAX)
    }

    /// Declares everything up to `offset` missing, if it is not in the log.
    pub(crate) fn skip_to(&mut self, offset: u64) {
        if offset > self.offset {
            self.missing_from.get_or_insert(self.offset);
            self.offset = offset;
        }
    }

    /// Was anything written since this was last asked?
    pub(crate) fn take_unsynced(&mut self) -> bool {
        std::mem::take(&mut self.unsynced)
    }

    /// Appends output. Empties the block.
    pub(crate) fn append_output(&mut self, block: &mut Block) {
        let len = block.len() as u64;
        if len == 0 {
            return;
        }
        if !self.append(kind::OUT, block) {
            self.missing_from.get_or_insert(self.offset);
        }
        self.offset = self.offset.saturating_add(len);
        block.clear();
    }

    /// Appends a new size.
    pub(crate) fn append_resize(&mut self, cols: u16, rows: u16) {
        let ([c0, c1], [r0, r1]) = (cols.to_le_bytes(), rows.to_le_bytes());
        self.append(kind::RESIZE, &mut Block::of(&[c0, c1, r0, r1]));
    }

    /// Appends the end of the child.
    pub(crate) fn append_exit(&mut self, code: Option<i32>, signal: Option<i32>) {
        let (how, number) = match (code, signal) {
            (Some(code), _) => (0, code),
            (None, Some(signal)) => (1, signal),
            (None, None) => (2, 0),
        };
        let [n0, n1, n2, n3] = number.to_le_bytes();
        self.append(kind::EXIT, &mut Block::of(&[how, 0, 0, 0, n0, n1, n2, n3]));
    }

    /// Handle for syncing the current segment from elsewhere.
    pub(crate) fn sync_handle(&self) -> Option<File> {
        self.current
            .as_ref()
            .and_then(|current| current.file.try_clone().ok())
    }

    /// Appends a record, after a GAP if one is due. False: it could not be written.
    fn append(&mut self, kind: u8, block: &mut Block) -> bool {
        let started = Instant::now();
        let done = self.append_gap() && self.append_record(kind, block);
        let took = started.elapsed();
        if took > STALL {
            self.stalled = self.stalled.saturating_add(took);
        }
        done
    }

    /// Writes the GAP record that is due, if one is.
    fn append_gap(&mut self) -> bool {
        let Some(from) = self.missing_from else {
            return true;
        };
        if !self.make_room(record_bytes(8) as u64, from) {
            return false;
        }
        // Making room may have restarted the only segment, which widens the gap.
        let from = self.missing_from.unwrap_or(from);
        let mut block = Block::of(&self.offset.to_le_bytes());
        let done = self
            .current
            .as_mut()
            .is_some_and(|current| current.write(kind::GAP, from, &mut block));
        if done {
            self.missing_from = None;
        }
        done
    }

    fn append_record(&mut self, kind: u8, block: &mut Block) -> bool {
        let behind = if kind == kind::OUT { EXIT_BYTES } else { 0 };
        let need = behind.saturating_add(record_bytes(block.len()) as u64);
        if !self.make_room(need, self.offset) {
            return false;
        }
        // Making room may have restarted the only segment, which leaves a gap. The room is there:
        // a segment that begins holds far more than the two records.
        if !self.append_gap() || !self.make_room(need, self.offset) {
            return false;
        }
        let Some(current) = self.current.as_mut() else {
            return false;
        };
        let done = current.write(kind, self.offset, block);
        self.unsynced |= done;
        done
    }

    /// Makes sure that `need` bytes fit into the current segment and their blocks are reserved.
    fn make_room(&mut self, need: u64, offset: u64) -> bool {
        let end = |current: &Current| {
            current
                .position
                .saturating_add(need)
                .saturating_add(TAIL_BYTES)
        };
        let fits = self.current.as_ref().is_some_and(|current| {
            end(current) <= current.limit
                && clock_ms().saturating_sub(current.started_ms) < MAX_SEGMENT_AGE_MS
        });
        if !fits && !self.roll(offset) {
            return false;
        }
        let Some(current) = self.current.as_mut() else {
            return false;
        };
        let wanted = end(current);
        if current.reserve(wanted).is_err() {
            // The disk is full: what the log has must do.
            let done = self.recycle(offset).unwrap_or_else(|| self.roll(offset));
            if !done {
                return false;
            }
            let Some(current) = self.current.as_mut() else {
                return false;
            };
            let wanted = end(current);
            if current.reserve(wanted).is_err() {
                return false;
            }
        }
        self.note_size();
        true
    }

    /// Begins the next segment: in new blocks while the quota allows, else in those of the oldest.
    fn roll(&mut self, offset: u64) -> bool {
        loop {
            let total = self
                .stored
                .iter()
                .fold(0_u64, |sum, stored| sum.saturating_add(stored.bytes));
            let full = total.saturating_add(self.config.segment_bytes) > self.config.quota_bytes;
            if (!full || self.stored.len() < 2) && self.create(offset) {
                return true;
            }
            if let Some(done) = self.recycle(offset) {
                return done;
            }
        }
    }

    /// Begins a new segment in new blocks.
    fn create(&mut self, offset: u64) -> bool {
        let path = self.dir.join(file_name(self.next_index));
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path);
        let Ok(file) = open else { return false };
        let room = self.min_reserve();
        let limit = self.new_limit(&file);
        if reserve(&file, 0, room).is_ok() && self.begin(file, room, limit, offset) {
            return true;
        }
        let _ = fs::remove_file(&path);
        false
    }

    /// Begins a new segment in the blocks of the oldest one. `None`: those were too few to be of
    /// use and are given back to the disk instead.
    fn recycle(&mut self, offset: u64) -> Option<bool> {
        if self.stored.len() < 2 {
            return Some(self.restart());
        }
        let oldest = self.stored.pop_front()?;
        if oldest.bytes < self.min_reserve() {
            let _ = fs::remove_file(self.dir.join(file_name(oldest.index)));
            return None;
        }
        Some(self.reuse(oldest, offset))
    }

    /// Gives up the content of the only segment, which becomes a gap, and begins anew in its blocks.
    fn restart(&mut self) -> bool {
        let Some(only) = self.stored.pop_front() else {
            return false;
        };
        self.current = None;
        self.missing_from = Some(only.base_offset);
        self.reuse(only, only.base_offset)
    }

    /// Makes the next segment out of `old`, which is no longer among the stored ones.
    fn reuse(&mut self, old: Stored, base_offset: u64) -> bool {
        let path = self.dir.join(file_name(old.index));
        let target = self.dir.join(file_name(self.next_index));
        let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else {
            return false;
        };
        if fs::rename(&path, &target).is_err() {
            return false;
        }
        self.begin(file, old.bytes, self.config.segment_bytes, base_offset)
    }

    /// Where a new segment ends: earlier when the disk is nearly full, so that reusing one segment
    /// gives up only a part of what there is.
    fn new_limit(&self, file: &File) -> u64 {
        let free = rustix::fs::fstatvfs(file)
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        (free / 8)
            .max(SMALL_SEGMENT_BYTES / 2)
            .min(self.config.segment_bytes)
    }

    /// Smallest step in which blocks are reserved.
    fn min_reserve(&self) -> u64 {
        MIN_RESERVE.min(self.config.segment_bytes)
    }

    /// Makes `file` the current segment.
    fn begin(&mut self, file: File, reserved: u64, limit: u64, base_offset: u64) -> bool {
        if let Some(current) = self.current.take() {
            current.seal(self.offset);
        }
        let started_ms = clock_ms();
        let header = SegmentHeader {
            index: self.next_index,
            base_offset,
            wall_ms: wall_ms(),
            mono_ms: started_ms,
            epoch: self.config.epoch,
            worker_id: self.config.worker_id.clone(),
        };
        let (header, seed) = header.to_bytes();
        let mut bytes = [0; SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES];
        if let Some(room) = bytes.first_chunk_mut() {
            *room = header;
        }
        if file.write_all_at(&bytes, 0).is_err() {
            return false;
        }
        self.stored.push_back(Stored {
            index: self.next_index,
            base_offset,
            bytes: reserved,
        });
        self.next_index = self.next_index.saturating_add(1);
        let position = SEGMENT_HEADER_BYTES as u64;
        self.current = Some(Current {
            file,
            seed,
            started_ms,
            position,
            reserved,
            limit,
        });
        true
    }

    /// Keeps the books of the current segment.
    fn note_size(&mut self) {
        if let (Some(stored), Some(current)) = (self.stored.back_mut(), self.current.as_ref()) {
            stored.bytes = current.reserved;
        }
    }

    /// Reads what an earlier shim left and makes it fit to be continued.
    fn recover(&mut self) -> io::Result<()> {
        let mut indices = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            indices.extend(index_of(&entry?.file_name()));
        }
        indices.sort_unstable();
        for index in indices {
            let path = self.dir.join(file_name(index));
            let file = File::open(&path)?;
            match read_header(&file)? {
                Some((header, _)) if header.index == index && header.epoch == self.config.epoch => {
                    let bytes = file.metadata()?.len();
                    self.stored.push_back(Stored {
                        index,
                        base_offset: header.base_offset,
                        bytes,
                    });
                    self.next_index = index.saturating_add(1);
                }
                // Another life's, or one that was just being made when the shim died.
                _ => fs::remove_file(&path)?,
            }
        }
        self.recover_tail()
    }

    /// Finds the end of the newest segment, cuts what is behind it and seals it.
    fn recover_tail(&mut self) -> io::Result<()> {
        let Some(newest) = self.stored.back_mut() else {
            return Ok(());
        };
        let Some(mut cursor) = Cursor::open(&self.dir, newest.index)? else {
            return Ok(());
        };
        let mut sealed = false;
        while let Peek::Record(record) = cursor.peek()? {
            cursor.step(record);
            sealed = record.kind == kind::SEAL;
        }
        self.offset = cursor.offset;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.dir.join(file_name(newest.index)))?;
        file.set_len(cursor.position())?;
        newest.bytes = cursor.position();
        if !sealed {
            let Some((_, seed)) = read_header(&file)? else {
                return Ok(());
            };
            let position = cursor.position();
            let current = Current {
                file,
                seed,
                started_ms: clock_ms(),
                position,
                reserved: position,
                limit: position,
            };
            current.seal(self.offset);
            newest.bytes = position.saturating_add(RECORD_HEADER_BYTES as u64);
        }
        Ok(())
    }
}

impl Current {
    /// Writes one record at the position. False: not written, the position stays.
    fn write(&mut self, kind: u8, offset: u64, block: &mut Block) -> bool {
        let since = clock_ms().saturating_sub(self.started_ms);
        let mut header = RecordHeader {
            len: u32::try_from(block.len()).unwrap_or(u32::MAX),
            crc: 0,
            kind,
            flags: 0,
            since_ms: u32::try_from(since).unwrap_or(u32::MAX),
            offset,
        };
        header.crc = header.checksum(self.seed, block.payload());
        let size = record_bytes(block.len()) as u64;
        if self
            .file
            .write_all_at(block.seal(header), self.position)
            .is_err()
        {
            return false;
        }
        self.position = self.position.saturating_add(size);
        true
    }

    /// Says that the next segment follows. Best effort: a reader also notices without.
    fn seal(mut self, offset: u64) {
        self.write(kind::SEAL, offset, &mut Block::new(0));
    }

    /// Reserves blocks up to `wanted`, in growing steps.
    fn reserve(&mut self, wanted: u64) -> io::Result<()> {
        if wanted <= self.reserved {
            return Ok(());
        }
        let step = self.reserved.clamp(MIN_RESERVE, MAX_RESERVE);
        let end = self
            .reserved
            .saturating_add(step)
            .max(wanted)
            .min(self.limit.max(wanted));
        let generous = reserve(&self.file, self.reserved, end.saturating_sub(self.reserved));
        if generous.is_ok() {
            self.reserved = end;
            return Ok(());
        }
        reserve(
            &self.file,
            self.reserved,
            wanted.saturating_sub(self.reserved),
        )?;
        self.reserved = wanted;
        Ok(())
    }
}

/// Takes blocks for `len` bytes from `from` on, so that writing there cannot run out of disk.
#[cfg(target_os = "linux")]
fn reserve(file: &File, from: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    loop {
        match fallocate(file, FallocateFlags::empty(), from, len) {
            Err(Errno::INTR) => {}
            // A file system without reservation: a write that fails becomes a gap instead.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            other => return Ok(other?),
        }
    }
}

/// Without a portable way to reserve blocks, a write that fails becomes a gap instead.
#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, from: u64, len: u64) -> io::Result<()> {
    file.set_len(from.saturating_add(len))
}

/// Wall clock in milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A clock that never jumps and does not stop while the machine sleeps, in milliseconds.
fn clock_ms() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(1000)
        .saturating_add(nanoseconds / 1_000_000)
}
