//! Opening the file: permissions, setting a damaged one aside, bringing the schema up to date.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use crate::error::is_damage;
use crate::{Store, StoreError, schema};

/// How long a statement waits for another process that holds the database. Only a person with a
/// SQLite shell or a backup program can be that process; reaching it is [`StoreError::Busy`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements that are kept; more than the product has.
const STATEMENTS_CACHED: usize = 128;

/// The companions of a database in WAL mode.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// An open store, and what had to be done to open it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Where a damaged file was moved to. The new database is empty: rebuild what can be rebuilt.
    pub set_aside: Option<PathBuf>,
    /// Whether the database is new, because there was none or because it was set aside.
    pub created: bool,
}

impl Store {
    /// Opens the database at `path`, or makes one; its directory must exist.
    ///
    /// Reads the file once to check it, so the cost grows with its size: 1 ms for 200 sessions, 0.4 ms
    /// per MB from the page cache. Blocks; call it before serving, or from a blocking task.
    pub fn open(path: &Path) -> Result<Opened, StoreError> {
        let created = make_private(path)?;
        match prepare(path) {
            Ok(connection) => Ok(Opened {
                store: Self::start(connection, path)?,
                set_aside: None,
                created,
            }),
            Err(Unready::Damaged(reason)) => {
                let set_aside = set_aside(path)?;
                tracing::error!(
                    path = %path.display(),
                    set_aside = %set_aside.display(),
                    reason,
                    "the database is damaged and was set aside; an empty one takes its place"
                );
                make_private(path)?;
                let connection = prepare(path).map_err(|unready| unready.into_error())?;
                Ok(Opened {
                    store: Self::start(connection, path)?,
                    set_aside: Some(set_aside),
                    created: true,
                })
            }
            Err(Unready::Failed(err)) => Err(err),
        }
    }
}

/// Why a file cannot be used as it is.
pub(crate) enum Unready {
    /// It is no readable database.
    Damaged(String),
    /// Anything that a new file would not cure.
    Failed(StoreError),
}

impl Unready {
    /// What a file that was made a moment ago fails with.
    fn into_error(self) -> StoreError {
        match self {
            Self::Failed(err) => err,
            Self::Damaged(reason) => {
                let corrupt = ffi::Error::new(ffi::SQLITE_CORRUPT);
                StoreError::Damaged(rusqlite::Error::SqliteFailure(corrupt, Some(reason)))
            }
        }
    }
}

impl From<rusqlite::Error> for Unready {
    fn from(err: rusqlite::Error) -> Self {
        if is_damage(&err) {
            Self::Damaged(err.to_string())
        } else {
            Self::Failed(err.into())
        }
    }
}

impl From<StoreError> for Unready {
    fn from(err: StoreError) -> Self {
        Self::Failed(err)
    }
}

/// Makes the file if there is none, and takes everybody else's rights from it and its companions.
///
/// SQLite gives its companions the mode of the database, so that has to be right first.
fn make_private(path: &Path) -> Result<bool, StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let created = match made {
        Ok(_) => true,
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => false,
        Err(source) => return Err(io_error("create", path, source)),
    };
    for file in with_companions(path) {
        match fs::set_permissions(&file, Permissions::from_mode(0o600)) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("make private", &file, source)),
        }
    }
    Ok(created)
}

/// Opens, checks and migrates.
fn prepare(path: &Path) -> Result<Connection, Unready> {
    let mut connection = connect(path)?;
    // Before anything is written, also the switch to WAL: a foreign or newer file stays untouched.
    let version = schema::identify(&connection, path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;",
    )?;
    check(&connection)?;
    schema::migrate(&mut connection, version)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Until the file is known to be sound: closing would write the log into a damaged or foreign
    // file and delete it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A schema that somebody else wrote must not run functions with side effects.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// Reads every page once: better to lose the records at the start than to find out in the middle.
fn check(connection: &Connection) -> Result<(), Unready> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(Unready::Damaged(verdict))
    }
}

/// Moves the file and its companions to a free name that tells when it was found damaged.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let target = (0..)
        .map(|n| match n {
            0 => with_suffix(path, &format!(".corrupt-{stamp}")),
            n => with_suffix(path, &format!(".corrupt-{stamp}-{n}")),
        })
        .find(|target| !target.exists())
        .expect("some number is free");
    // The companions go first: a new database must never find the old one's log beside it.
    for companion in COMPANIONS {
        let from = with_suffix(path, companion);
        match fs::rename(&from, with_suffix(&target, companion)) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("set aside", &from, source)),
        }
    }
    fs::rename(path, &target).map_err(|source| io_error("set aside", path, source))?;
    Ok(target)
}

/// Writes a copy of the database to a new file.
pub(crate) fn copy(source: &Path, target: &Path) -> Result<(), StoreError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)
        .map_err(|err| io_error("create", target, err))?;
    let copied = connect(source)
        .and_then(|connection| connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]));
    if let Err(err) = copied {
        // A part of a copy is worse than none.
        let _ = fs::remove_file(target);
        return Err(err.into());
    }
    Ok(())
}

fn with_companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    let companions = COMPANIONS.map(|suffix| with_suffix(path, suffix));
    std::iter::once(path.to_owned()).chain(companions)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error(verb: &'static str, path: &Path, source: io::Error) -> StoreError {
    if source.kind() == io::ErrorKind::StorageFull {
        let full = ffi::Error::new(ffi::SQLITE_FULL);
        return StoreError::DiskFull(rusqlite::Error::SqliteFailure(
            full,
            Some(source.to_string()),
        ));
    }
    StoreError::Io {
        verb,
        path: path.to_owned(),
        source,
    }
}
