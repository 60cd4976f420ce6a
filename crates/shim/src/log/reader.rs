//! Reads the log while it is written.
//!
//! Knows nothing of the writer but its files. Damage, trimming and a segment reused under the
//! reader's hands are answers, not errors; only the system can fail it.

use std::io;
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Peek};
use super::format::{RecordHeader, index_of, kind};
use super::{Chunk, Record};
use crate::meta::LOG_DIR;

/// The log cannot be read. (A damaged record is no error: it is a gap.)
#[derive(Debug, thiserror::Error)]
#[error("read the log in {}: {source}", dir.display())]
pub struct ReadError {
    /// Directory of the segments.
    pub dir: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A reader with its own position; cheap to ask again and again for what comes next.
///
/// Holds one or two open files and up to 128 KiB per position.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    /// Where the last answer ended.
    cursor: Option<Cursor>,
    /// Where the end was found last.
    tail: Option<Cursor>,
}

/// What stands at a cursor, with segments taken as one stream.
enum Next {
    /// A record; step over it when done.
    Record(RecordHeader),
    /// Damage, or a segment that is missing: go on at `to`.
    Lost { from: u64, to: u64 },
    /// The cursor's segment is gone; the oldest offset there is now.
    Trimmed { first: u64 },
    /// Nothing yet.
    End,
}

/// Where an offset is.
enum Place {
    /// In this segment or at its end.
    At(Cursor),
    /// Before the oldest.
    Trimmed { first: u64 },
    /// There is no log yet, or it ends before.
    Beyond,
}

impl Reader {
    /// Opens the log of the worker whose directory is `worker_dir`. A log that does not exist yet
    /// is an empty one.
    ///
    /// # Errors
    /// When the directory exists and cannot be read.
    pub fn open(worker_dir: &Path) -> Result<Self, ReadError> {
        let reader = Self {
            dir: worker_dir.join(LOG_DIR),
            cursor: None,
            tail: None,
        };
        reader.segments()?;
        Ok(reader)
    }

    /// Oldest offset there is; 0 while there is no log.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn first_offset(&mut self) -> Result<u64, ReadError> {
        for index in self.segments()? {
            if let Some(cursor) = self.open_segment(index)? {
                return Ok(cursor.offset);
            }
        }
        Ok(0)
    }

    /// End of output now; 0 while there is no log. Fast when asked again.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn end_offset(&mut self) -> Result<u64, ReadError> {
        if self.tail.is_none() {
            for index in self.segments()?.into_iter().rev() {
                self.tail = self.open_segment(index)?;
                if self.tail.is_some() {
                    break;
                }
            }
        }
        let Some(mut tail) = self.tail.take() else {
            return Ok(0);
        };
        loop {
            match self.next(&mut tail)? {
                Next::Record(record) => tail.step(record),
                Next::Lost { .. } => {}
                // The writer went once around its quota since the last call.
                Next::Trimmed { .. } => return self.end_offset(),
                Next::End => break,
            }
        }
        let offset = tail.offset;
        tail.relax();
        self.tail = Some(tail);
        Ok(offset)
    }

    /// What is at `offset`: at most `max` bytes. Fast when `offset` is where the last answer ended.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read_at(&mut self, offset: u64, max: usize) -> Result<Chunk, ReadError> {
        let cursor = self.cursor.take().filter(|cursor| cursor.offset == offset);
        let mut cursor = match cursor {
            Some(cursor) => cursor,
            None => match self.find(offset)? {
                Place::At(cursor) => cursor,
                Place::Trimmed { first } => return Ok(Chunk::Trimmed { first }),
                Place::Beyond => return Ok(Chunk::End),
            },
        };
        let chunk = if cursor.offset > offset {
            Chunk::Gap {
                from: offset,
                to: cursor.offset,
            }
        } else {
            self.chunk(&mut cursor, offset, max.max(1))?
        };
        if !matches!(chunk, Chunk::Trimmed { .. }) {
            self.cursor = Some(cursor);
        }
        Ok(chunk)
    }

    /// Every record from the one that holds `offset` on, to the end there is now. Begins at the
    /// oldest one when `offset` is trimmed.
    pub fn records(&mut self, offset: u64) -> Records<'_> {
        Records {
            reader: self,
            place: Tail::at(offset),
            done: false,
        }
    }

    /// The record at a place, stepping over it; `None` at the end there is now. Ask again later
    /// with the same place: what was written meanwhile follows.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next_record(&self, place: &mut Tail) -> Result<Option<Record>, ReadError> {
        if place.cursor.is_none() {
            place.cursor = self.start(place)?;
        }
        let Some(cursor) = place.cursor.as_mut() else {
            return Ok(None);
        };
        loop {
            match self.next(cursor)? {
                Next::Record(header) => {
                    let record = typed(cursor, header);
                    cursor.step(header);
                    if record.is_some() {
                        return Ok(record);
                    }
                }
                Next::Lost { from, to } => {
                    return Ok(Some(Record::Gap {
                        from,
                        to,
                        time_ms: cursor.header.wall_ms,
                    }));
                }
                Next::Trimmed { first } => {
                    let (from, time_ms) = (cursor.offset, cursor.header.wall_ms);
                    place.offset = first.max(from);
                    place.cursor = None;
                    return Ok(Some(Record::Gap {
                        from,
                        to: place.offset,
                        time_ms,
                    }));
                }
                Next::End => {
                    cursor.relax();
                    return Ok(None);
                }
            }
        }
    }

    /// Finds the first record of a place.
    fn start(&self, place: &mut Tail) -> Result<Option<Cursor>, ReadError> {
        loop {
            match self.find(place.offset)? {
                Place::At(cursor) => return Ok(Some(cursor)),
                Place::Trimmed { first } if first > place.offset => place.offset = first,
                Place::Trimmed { .. } | Place::Beyond => return Ok(None),
            }
        }
    }

    /// Gathers records from the cursor on into one chunk.
    fn chunk(&self, cursor: &mut Cursor, offset: u64, max: usize) -> Result<Chunk, ReadError> {
        let mut bytes = Vec::new();
        loop {
            cursor.wanted = max.saturating_sub(bytes.len());
            if cursor.wanted == 0 {
                break;
            }
            let next = if bytes.is_empty() {
                self.next(cursor)?
            } else {
                // Something to give: the costly question whether this is the end may wait.
                match cursor.peek().map_err(|err| self.error(err))? {
                    Peek::Record(record) if record.kind != kind::SEAL => Next::Record(record),
                    _ => break,
                }
            };
            match next {
                Next::Record(record) if record.kind == kind::OUT => {
                    let at = offset.saturating_add(bytes.len() as u64);
                    if record.offset > at {
                        if bytes.is_empty() {
                            cursor.offset = record.offset;
                            return Ok(Chunk::Gap {
                                from: at,
                                to: record.offset,
                            });
                        }
                        break;
                    }
                    let skip =
                        usize::try_from(at.saturating_sub(record.offset)).unwrap_or(usize::MAX);
                    let payload = cursor.payload(record).get(skip..).unwrap_or_default();
                    let room = max.saturating_sub(bytes.len());
                    if payload.len() <= room {
                        bytes.extend_from_slice(payload);
                        cursor.step(record);
                        continue;
                    }
                    if bytes.is_empty() {
                        bytes.extend_from_slice(payload.get(..room).unwrap_or_default());
                        cursor.offset = at.saturating_add(bytes.len() as u64);
                    }
                    break;
                }
                Next::Record(record) if record.kind == kind::GAP => {
                    if !bytes.is_empty() {
                        break;
                    }
                    cursor.step(record);
                    if cursor.offset > offset {
                        return Ok(Chunk::Gap {
                            from: record.offset.max(offset),
                            to: cursor.offset,
                        });
                    }
                }
                Next::Record(record) => cursor.step(record),
                Next::Lost { from, to } => return Ok(Chunk::Gap { from, to }),
                Next::Trimmed { first } if first > offset => return Ok(Chunk::Trimmed { first }),
                Next::Trimmed { .. } => match self.find(offset)? {
                    Place::At(found) => *cursor = found,
                    Place::Trimmed { first } => return Ok(Chunk::Trimmed { first }),
                    Place::Beyond => return Ok(Chunk::End),
                },
                Next::End => break,
            }
        }
        if bytes.is_empty() {
            cursor.relax();
            return Ok(Chunk::End);
        }
        Ok(Chunk::Data { offset, bytes })
    }

    /// What stands at the cursor; moves on to following segments.
    fn next(&self, cursor: &mut Cursor) -> Result<Next, ReadError> {
        loop {
            let peek = cursor.peek().map_err(|err| self.error(err))?;
            if let Peek::Record(record) = peek
                && record.kind != kind::SEAL
            {
                return Ok(Next::Record(record));
            }
            if !cursor.is_intact().map_err(|err| self.error(err))? {
                return Ok(Next::Trimmed {
                    first: self.first_after(cursor.header.index)?,
                });
            }
            let Some(following) = self.following(cursor.header.index)? else {
                return Ok(Next::End);
            };
            // The writer may have finished this segment between the two looks.
            if !matches!(peek, Peek::Record(_))
                && let Peek::Record(_) = cursor.peek_file().map_err(|err| self.error(err))?
            {
                continue;
            }
            let from = cursor.offset;
            *cursor = following;
            if cursor.offset > from {
                return Ok(Next::Lost {
                    from,
                    to: cursor.offset,
                });
            }
        }
    }

    /// Finds the record that holds `offset`, or the end of the log if that is where it is.
    fn find(&self, offset: u64) -> Result<Place, ReadError> {
        let indices = self.segments()?;
        let (mut low, mut high) = (0, indices.len());
        let mut found = None;
        let mut first = None;
        while low < high {
            let middle = low.midpoint(high);
            let Some(cursor) = indices
                .get(middle)
                .map(|index| self.open_segment(*index))
                .transpose()?
                .flatten()
            else {
                // Recycled (an old one) or not ready (the newest): the rest decides.
                if middle.saturating_add(1) == indices.len() {
                    high = middle;
                } else {
                    low = middle.saturating_add(1);
                }
                continue;
            };
            if cursor.offset <= offset {
                low = middle.saturating_add(1);
                found = Some(cursor);
            } else {
                high = middle;
                first = Some(cursor.offset);
            }
        }
        match (found, first) {
            (Some(cursor), _) => self.walk_to(cursor, offset),
            (None, Some(first)) => Ok(Place::Trimmed { first }),
            (None, None) => Ok(Place::Beyond),
        }
    }

    /// Walks from the start of a segment to the record that holds `offset`.
    fn walk_to(&self, mut cursor: Cursor, offset: u64) -> Result<Place, ReadError> {
        loop {
            match self.next(&mut cursor)? {
                Next::Record(record) => {
                    let end = match record.kind {
                        kind::OUT => record.offset.saturating_add(u64::from(record.len)),
                        kind::GAP => cursor.gap_end(record).unwrap_or(record.offset),
                        _ => record.offset,
                    };
                    // Records at the offset itself (a resize, say) belong to what comes after it.
                    if end > offset || (end == offset && record.offset == offset) {
                        cursor.offset = offset;
                        return Ok(Place::At(cursor));
                    }
                    cursor.step(record);
                }
                Next::Lost { to, .. } if to > offset => return Ok(Place::At(cursor)),
                Next::Lost { .. } => {}
                Next::Trimmed { first } => return Ok(Place::Trimmed { first }),
                Next::End if cursor.offset == offset => return Ok(Place::At(cursor)),
                Next::End => return Ok(Place::Beyond),
            }
        }
    }

    /// Indices of all segments, in order.
    fn segments(&self) -> Result<Vec<u64>, ReadError> {
        let mut indices = Vec::new();
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(indices),
            Err(err) => return Err(self.error(err)),
        };
        for entry in entries {
            indices.extend(index_of(&entry.map_err(|err| self.error(err))?.file_name()));
        }
        indices.sort_unstable();
        Ok(indices)
    }

    fn open_segment(&self, index: u64) -> Result<Option<Cursor>, ReadError> {
        Cursor::open(&self.dir, index).map_err(|err| self.error(err))
    }

    /// The segment after `index`, also when some in between are missing.
    fn following(&self, index: u64) -> Result<Option<Cursor>, ReadError> {
        self.open_segment(index.saturating_add(1))
    }

    /// Oldest offset in the segments after `index`.
    fn first_after(&self, index: u64) -> Result<u64, ReadError> {
        for index in self.segments()?.into_iter().filter(|other| *other > index) {
            if let Some(cursor) = self.open_segment(index)? {
                return Ok(cursor.offset);
            }
        }
        Ok(0)
    }

    fn error(&self, source: io::Error) -> ReadError {
        ReadError {
            dir: self.dir.clone(),
            source,
        }
    }
}

/// A place among the records of a log that moves on as they are read; see [`Reader::next_record`].
#[derive(Debug)]
pub struct Tail {
    offset: u64,
    cursor: Option<Cursor>,
}

impl Tail {
    /// The place of the record that holds `offset`.
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            cursor: None,
        }
    }
}

/// Iterator of [`Reader::records`].
#[derive(Debug)]
pub struct Records<'a> {
    reader: &'a Reader,
    place: Tail,
    done: bool,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.reader.next_record(&mut self.place).transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The record at the cursor in its typed form; `None` for kinds that say nothing to a reader.
fn typed(cursor: &Cursor, header: RecordHeader) -> Option<Record> {
    let payload = cursor.payload(header);
    let offset = header.offset;
    let time_ms = cursor
        .header
        .wall_ms
        .saturating_add(u64::from(header.since_ms));
    match header.kind {
        kind::OUT => Some(Record::Out {
            offset,
            time_ms,
            bytes: payload.to_vec(),
        }),
        kind::RESIZE => {
            let [c0, c1, r0, r1] = *payload.first_chunk()?;
            let (cols, rows) = (u16::from_le_bytes([c0, c1]), u16::from_le_bytes([r0, r1]));
            Some(Record::Resize {
                offset,
                time_ms,
                cols,
                rows,
            })
        }
        kind::EXIT => {
            let [how, _, _, _, n0, n1, n2, n3] = *payload.first_chunk()?;
            let number = i32::from_le_bytes([n0, n1, n2, n3]);
            let (code, signal) = ((how == 0).then_some(number), (how == 1).then_some(number));
            Some(Record::Exit {
                offset,
                time_ms,
                code,
                signal,
            })
        }
        kind::GAP => Some(Record::Gap {
            from: offset,
            to: cursor.gap_end(header)?,
            time_ms,
        }),
        _ => None,
    }
}
