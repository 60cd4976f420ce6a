//! Custom agents. Built-in ones are no rows.

use jiff::Timestamp;
use offshoot_protocol::AgentId;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{all, change};
use crate::columns::{Json, Millis};
use crate::{Store, StoreError};

/// A custom agent definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    /// The definition's id.
    pub id: AgentId,
    /// The name shown to people.
    pub name: String,
    /// How to start it.
    pub command_template: String,
    /// How to continue its last conversation.
    pub continue_template: Option<String>,
    /// How to run it without a terminal.
    pub headless_template: Option<String>,
    /// A sentence for people; may be empty.
    pub description: Option<String>,
    /// Regular expressions that match while it asks.
    pub asking_patterns: Option<Vec<String>>,
    /// When it was made, to the millisecond.
    pub created_at: Timestamp,
}

const COLUMNS: &str = "id, name, command_template, continue_template, headless_template, \
     description, asking_patterns, created_at";
const VALUES: &str = "(:id, :name, :command_template, :continue_template, :headless_template, \
     :description, :asking_patterns, :created_at)";

impl Store {
    /// Adds an agent. [`StoreError::Exists`] when the id is taken.
    pub async fn insert_agent(&self, row: AgentRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO agents ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| put(connection, &sql, &row).map(drop))
            .await
    }

    /// Replaces all fields of an agent; false when there is none with this id.
    pub async fn update_agent(&self, row: AgentRow) -> Result<bool, StoreError> {
        let sql = format!("UPDATE agents SET ({COLUMNS}) = {VALUES} WHERE id = :id");
        self.call(move |connection| put(connection, &sql, &row))
            .await
    }

    /// Deletes an agent; false when there is none.
    pub async fn delete_agent(&self, id: AgentId) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM agents WHERE id = ?1", [&id.0]).map(|n| n == 1)
        })
        .await
    }

    /// Returns an agent.
    pub async fn agent(&self, id: AgentId) -> Result<Option<AgentRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&id.0], read)
                .optional()
        })
        .await
    }

    /// Returns all custom agents, oldest first.
    pub async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM agents ORDER BY created_at, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }
}

fn put(connection: &Connection, sql: &str, row: &AgentRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": row.id.0,
            ":name": row.name,
            ":command_template": row.command_template,
            ":continue_template": row.continue_template,
            ":headless_template": row.headless_template,
            ":description": row.description,
            ":asking_patterns": row.asking_patterns.as_ref().map(Json),
            ":created_at": Millis(row.created_at),
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AgentRow> {
    Ok(AgentRow {
        id: AgentId(row.get("id")?),
        name: row.get("name")?,
        command_template: row.get("command_template")?,
        continue_template: row.get("continue_template")?,
        headless_template: row.get("headless_template")?,
        description: row.get("description")?,
        asking_patterns: row
            .get::<_, Option<Json<_>>>("asking_patterns")?
            .map(|patterns| patterns.0),
        created_at: row.get::<_, Millis>("created_at")?.0,
    })
}
