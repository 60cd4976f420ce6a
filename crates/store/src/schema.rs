//! The tables, and the steps that brought them to what they are.
//!
//! `user_version` counts the steps that a file has seen. A step that was released is never changed;
//! the next change is a new step at the end.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Marks the file as ours: "OFSH".
const APPLICATION_ID: i32 = 0x4f46_5348;

/// The steps, oldest first.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
];

/// The version that the steps lead to.
const VERSION: u32 = MIGRATIONS.len() as u32;

/// Reads how many steps the file has seen, without writing to it.
pub(crate) fn identify(connection: &Connection, path: &Path) -> Result<u32, crate::open::Unready> {
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let n_tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = application == 0 && version == 0 && n_tables == 0;
    if application != APPLICATION_ID && !empty {
        return Err(StoreError::Foreign(path.to_owned()).into());
    }
    if version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        }
        .into());
    }
    Ok(version)
}

/// Runs the steps that a file lacks, all or none of them.
pub(crate) fn migrate(connection: &mut Connection, from: u32) -> rusqlite::Result<()> {
    if from == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[from as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
