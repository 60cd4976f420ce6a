//! Keeps reports on disk while no server takes them.
//!
//! Bounded in files and bytes: the oldest go first, since the newest say how things are. A report is
//! there whole or not at all.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use offshoot_protocol::hook::{SPOOL_BYTES, SPOOL_FILES};

/// Writes a report into a spool.
pub(super) fn keep(spool: &Path, name: &str, body: &[u8]) -> io::Result<()> {
    // The worker's directory is not made anew: when it is gone, so is the worker.
    match std::fs::DirBuilder::new().mode(0o700).create(spool) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        _ => {}
    }
    make_room(spool, body.len() as u64)?;
    let fresh = spool.join(format!(".{name}"));
    let mut options = std::fs::File::options();
    let written = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(body))
        .and_then(|()| std::fs::rename(&fresh, spool.join(name)));
    if written.is_err() {
        // On a full disk half a report would fill it for good.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

/// Deletes the oldest reports until another one fits.
fn make_room(spool: &Path, bytes: u64) -> io::Result<()> {
    let mut files: Vec<(PathBuf, u64)> = std::fs::read_dir(spool)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.path(), entry.metadata().ok()?.len()))
        })
        .collect();
    files.sort();
    let mut kept: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let mut n_files = files.len();
    for (file, size) in files {
        if n_files < SPOOL_FILES && kept + bytes <= SPOOL_BYTES {
            break;
        }
        // Another hook may have deleted it first.
        let _ = std::fs::remove_file(file);
        kept -= size;
        n_files -= 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(spool: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(spool)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_spool_is_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let spool = dir.path().join("spool");
        for at in 0..SPOOL_FILES + 10 {
            keep(&spool, &format!("{at:05}.json"), b"{}").unwrap();
        }
        let kept = names(&spool);
        assert_eq!(kept.len(), SPOOL_FILES);
        assert_eq!(kept.first().unwrap(), "00010.json");
        let large = vec![b' '; usize::try_from(SPOOL_BYTES).unwrap() - 4];
        keep(&spool, "99999.json", &large).unwrap();
        assert_eq!(names(&spool).len(), 3);
        assert_eq!(names(&spool).last().unwrap(), "99999.json");
    }

    #[test]
    fn a_worker_that_is_gone_stays_gone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(keep(&dir.path().join("gone/spool"), "1.json", b"{}").is_err());
        assert!(!dir.path().join("gone").exists());
    }
}
