//! Files that come with a message, while they come.
//!
//! Owns their names, their place in the data directory and their limits. Nothing is written outside
//! that place, nobody else can read what is in it, and what is not kept is removed again: after a
//! refusal, an error, or a client that went away in the middle.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use offshoot_protocol::limits::{MESSAGE_FILES, MESSAGE_FILES_BYTES};
use tokio::io::AsyncWriteExt;

use crate::EngineError;

/// Longest name that is kept, in bytes; with the id before it, it fits every file system. Of a longer
/// one the end is kept, for it tells the kind of file.
const NAME_BYTES: usize = 180;

/// The files of one message. Dropping them removes them, unless they were [kept](Self::keep).
#[derive(Debug)]
pub struct Uploads {
    dir: PathBuf,
    paths: Vec<PathBuf>,
    open: Option<tokio::fs::File>,
    n_bytes: u64,
}

impl Uploads {
    /// Begins without any file.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            paths: Vec::new(),
            open: None,
            n_bytes: 0,
        }
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Begins a file; the name only helps people and is made safe.
    ///
    /// # Errors
    /// There are too many already, or the disk is full.
    pub async fn begin(&mut self, name: &str) -> Result<(), EngineError> {
        if self.paths.len() >= MESSAGE_FILES {
            return Err(EngineError::WrongState(format!(
                "Too many files (max {MESSAGE_FILES})"
            )));
        }
        let name = format!("{}-{}", uuid::Uuid::new_v4(), safe_name(name));
        let path = self.dir.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let opened = tokio::fs::OpenOptions::from(options).open(&path).await;
        // Noted first: a file that could not be opened may be there all the same.
        self.paths.push(path);
        self.open = Some(opened.map_err(|err| self.failed(err))?);
        Ok(())
    }

    /// Adds bytes to the file that was begun last.
    ///
    /// # Errors
    /// All files together are too large, or the disk is full.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        self.n_bytes += bytes.len() as u64;
        if self.n_bytes > MESSAGE_FILES_BYTES {
            return Err(Self::too_large());
        }
        let Some(file) = &mut self.open else {
            return Ok(());
        };
        let written = file.write_all(bytes).await;
        written.map_err(|err| self.failed(err))
    }

    /// Ends the file that was begun last.
    ///
    /// # Errors
    /// The disk is full.
    pub async fn end(&mut self) -> Result<(), EngineError> {
        let Some(mut file) = self.open.take() else {
            return Ok(());
        };
        file.flush().await.map_err(|err| self.failed(err))
    }

    /// What is said when the files of a message are too large together.
    pub fn too_large() -> EngineError {
        EngineError::WrongState(format!(
            "Total file size exceeds limit (max {MESSAGE_FILES_BYTES} bytes)"
        ))
    }

    /// Leaves the files where they are and returns their paths.
    pub(crate) fn keep(mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.paths)
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    fn failed(&self, err: std::io::Error) -> EngineError {
        match err.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                EngineError::DiskFull(self.dir.clone())
            }
            _ => EngineError::internal("keep an uploaded file")(err),
        }
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.paths.iter().for_each(|path| remove(path));
    }
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%err, path = %path.display(), "remove a refused upload");
        }
        _ => {}
    }
}

/// Makes a name that is one component of a path and safe to type: the path goes into a terminal, where
/// a line feed would press Enter, an escape would be a key, and a shell would run `$(…)`.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if is_safe(c) { c } else { '_' };
    let name: String = name.trim().chars().map(safe).collect();
    let mut start = name.len().saturating_sub(NAME_BYTES);
    while !name.is_char_boundary(start) {
        start += 1;
    }
    match &name[start..] {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn is_safe(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '+' | ',' | '=' | '@' | '%' | ':')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn names_are_one_harmless_component() {
        let table = [
            ("a b.txt", "a b.txt"),
            ("../../x", ".._.._x"),
            ("C:\\dir\\x", "C:_dir_x"),
            ("a\0b\rc\nd\x1b[A", "a_b_c_d__A"),
            ("$(touch x)`y`;z|\"'", "__touch x__y__z___"),
            ("übung–1.png", "übung_1.png"),
            ("\u{202e}gpj.exe", "_gpj.exe"),
            ("  ", "file"),
            ("", "file"),
        ];
        for (name, expected) in table {
            assert_eq!(safe_name(name), expected, "{name:?}");
        }
        let long = safe_name(&format!("{}.png", "é".repeat(300)));
        assert!(
            long.len() <= NAME_BYTES && long.ends_with("é.png"),
            "{long}"
        );
    }

    #[tokio::test]
    async fn files_are_private_and_go_when_they_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut uploads = Uploads::new(dir.path().to_owned());
        uploads.begin("../x").await.unwrap();
        uploads.write(b"abc").await.unwrap();
        uploads.end().await.unwrap();
        let path = uploads.paths()[0].clone();
        assert_eq!(path.parent(), Some(dir.path()));
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(uploads);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn limits_hold_while_files_come() {
        let dir = tempfile::tempdir().unwrap();
        let mut uploads = Uploads::new(dir.path().to_owned());
        let half = vec![0; usize::try_from(MESSAGE_FILES_BYTES / 2).unwrap()];
        for _ in 0..2 {
            uploads.begin("half").await.unwrap();
            uploads.write(&half).await.unwrap();
            uploads.end().await.unwrap();
        }
        let refused = uploads.write(b"x").await.unwrap_err().to_string();
        assert_eq!(
            refused,
            "Total file size exceeds limit (max 10485760 bytes)"
        );
        for _ in 2..MESSAGE_FILES {
            uploads.begin("empty").await.unwrap();
        }
        let refused = uploads.begin("one more").await.unwrap_err().to_string();
        assert_eq!(refused, "Too many files (max 10)");
        drop(uploads);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
