//! How the store fails, by what the caller would do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use rusqlite::ffi;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full: nothing of this call was kept. Free space and try again.
    #[error("the disk that holds the database is full")]
    DiskFull(#[source] rusqlite::Error),
    /// A row with the same unique value exists.
    #[error("a record with the same key exists")]
    Exists(#[source] rusqlite::Error),
    /// The row belongs to a row that does not exist, for example a worker to no session.
    #[error("the record this one belongs to does not exist")]
    NoOwner(#[source] rusqlite::Error),
    /// The file was written by a newer version; it was left untouched. Run that version.
    #[error(
        "{path} has schema version {found}, this version knows {known}: it was written by a newer offshoot",
        path = path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The file is a database of another program; it was left untouched. Choose another directory.
    #[error("{} is a database of another program", .0.display())]
    Foreign(PathBuf),
    /// Another process holds the database, and did so for longer than one waits.
    #[error("the database is in use by another process")]
    Busy(#[source] rusqlite::Error),
    /// The database was damaged while it was open. Open it again, which sets it aside.
    #[error("the database is damaged")]
    Damaged(#[source] rusqlite::Error),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The file could not be opened, moved or given its permissions.
    #[error("{verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Anything else that SQLite reports: a defect of ours or of the machine.
    #[error("use the database")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(err: rusqlite::Error) -> Self {
        if is_disk_full(&err) {
            return Self::DiskFull(err);
        }
        if is_damage(&err) {
            return Self::Damaged(err);
        }
        match err.sqlite_extended_error_code() {
            Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                Self::Exists(err)
            }
            Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Self::NoOwner(err),
            _ if matches!(
                err.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
            {
                Self::Busy(err)
            }
            _ => Self::Sqlite(err),
        }
    }
}

/// Whether the file itself is at fault, and a new one would work.
pub(crate) fn is_damage(err: &rusqlite::Error) -> bool {
    matches!(
        err.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Whether there was no room. The shared-memory file reports it as a failed resize.
fn is_disk_full(err: &rusqlite::Error) -> bool {
    err.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || err.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE)
}
