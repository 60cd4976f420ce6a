//! One file per table: its row, and every statement on it.

pub(crate) mod agents;
pub(crate) mod auth;
pub(crate) mod conversations;
pub(crate) mod jobs;
pub(crate) mod notifications;
pub(crate) mod outbox;
pub(crate) mod prompts;
pub(crate) mod repositories;
pub(crate) mod requests;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod usage;
pub(crate) mod workers;
pub(crate) mod worktrees;

use offshoot_protocol::idle::IdlePolicy;
use rusqlite::{Connection, Params, Row};

use crate::columns::Json;

/// Runs a query and reads all its rows.
fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection
        .prepare_cached(sql)?
        .query_map(params, read)?
        .collect()
}

/// Runs a change and returns how many rows it touched.
fn change(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

/// Reads the rule for workers that have nothing to do; one that this version cannot read is none.
fn idle_rule(row: &Row<'_>) -> Option<IdlePolicy> {
    let rule = row.get::<_, Option<Json<_>>>("idle");
    rule.ok().flatten().map(|rule| rule.0)
}
