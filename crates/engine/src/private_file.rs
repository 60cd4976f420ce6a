//! Files that only the user may read.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Writes a file and the directories above it, closed to others. Replaces it in one step: a process
/// that runs may be reading it.
///
/// # Errors
/// The system refuses; the file is as it was then.
pub fn write_private(file: &Path, content: &str) -> io::Result<()> {
    if let Some(dir) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let fresh = file.with_extension("new");
    // What a killed server left behind.
    let _ = std::fs::remove_file(&fresh);
    let mut options = std::fs::File::options();
    let mut open = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    open.write_all(content.as_bytes())?;
    std::fs::rename(&fresh, file)
}
