//! A job's log: what its attempts wrote for people, in one bounded file.
//!
//! Knows nothing of jobs but a path. A log that cannot be written is no failure of the job: it is
//! noted once in the server's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// Largest log. When it is reached, the oldest half goes.
pub(super) const LOG_BYTES: u64 = 1024 * 1024;

/// Largest text written at once; the rest of it is left out.
const TEXT_BYTES: usize = 64 * 1024;

/// Stands where lines were cut off.
const CUT: &str = "[earlier lines were left out]\n";

/// An open log.
#[derive(Debug)]
pub(super) struct JobLog {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl JobLog {
    /// Opens a log to append to it; it is made when absent.
    pub(super) fn open(path: PathBuf) -> Self {
        let file = append_to(&path)
            .inspect_err(|err| tracing::warn!(%err, path = %path.display(), "open the job's log"))
            .ok();
        let file = Mutex::new(file);
        Self { path, file }
    }

    /// Appends text, and the end of its last line when it has none.
    pub(super) fn write(&self, text: &str) {
        let mut file = self.file.lock();
        let Some(open) = file.as_mut() else { return };
        match append(open, &self.path, text) {
            Ok(None) => {}
            Ok(Some(fresh)) => *file = Some(fresh),
            Err(err) => {
                tracing::warn!(%err, path = %self.path.display(), "write the job's log");
                *file = None;
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Appends text; returns the new file when the log had to be cut.
fn append(file: &mut File, path: &Path, text: &str) -> io::Result<Option<File>> {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut line = text[..end].to_owned();
    if !line.ends_with('\n') {
        line.push('\n');
    }
    file.write_all(line.as_bytes())?;
    if file.metadata()?.len() <= LOG_BYTES {
        return Ok(None);
    }
    cut(path).map(Some)
}

/// Removes the oldest half.
fn cut(path: &Path) -> io::Result<File> {
    let all = std::fs::read(path)?;
    let half = &all[all.len() / 2..];
    let start = half
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let fresh = path.with_extension("cut");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(CUT.as_bytes())?;
    file.write_all(&half[start..])?;
    std::fs::rename(&fresh, path)?;
    append_to(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_keeps_its_newest_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let log = JobLog::open(path.clone());
        let n_lines = 3 * LOG_BYTES / 100;
        for n in 0..n_lines {
            log.write(&format!("{n:>99}"));
            assert!(std::fs::metadata(&path).unwrap().len() <= LOG_BYTES);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(CUT));
        let numbers: Vec<u64> = text
            .lines()
            .skip(1)
            .map(|line| line.trim().parse().unwrap())
            .collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
        assert_eq!(numbers.last(), Some(&(n_lines - 1)));
        assert!(numbers.len() as u64 > LOG_BYTES / 100 / 3);
        log.write(&"é".repeat(TEXT_BYTES));
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("é\n"));
    }
}
