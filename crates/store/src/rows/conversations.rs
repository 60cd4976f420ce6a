//! The conversation that each agent has, under the agent's own id for it.

use offshoot_protocol::WorkerId;
use offshoot_protocol::view::ConversationSource;
use rusqlite::{Row, named_params};

use super::{all, change};
use crate::columns::{Text, Word, words};
use crate::{Store, StoreError};

words!(ConversationSource {
    Chosen => "chosen",
    Hook => "hook",
    File => "file",
    Screen => "screen",
});

/// The conversation of a worker's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// The worker.
    pub worker_id: WorkerId,
    /// The agent's id for the conversation.
    pub id: String,
    /// How the id is known.
    pub source: ConversationSource,
    /// Whether a turn was seen in it.
    pub used: bool,
    /// Why it could not be resumed the last time.
    pub problem: Option<String>,
}

impl Store {
    /// Records a worker's conversation in place of the one before.
    ///
    /// Fails with [`StoreError::NoOwner`] when the worker was deleted meanwhile.
    pub async fn save_conversation(&self, row: ConversationRow) -> Result<(), StoreError> {
        self.call(move |connection| {
            change(
                connection,
                "INSERT OR REPLACE INTO conversations (worker_id, id, source, used, problem) \
                 VALUES (:worker_id, :id, :source, :used, :problem)",
                named_params! {
                    ":worker_id": Text(row.worker_id),
                    ":id": row.id,
                    ":source": Word(row.source),
                    ":used": row.used,
                    ":problem": row.problem,
                },
            )
            .map(drop)
        })
        .await
    }

    /// Forgets a worker's conversation; fine when there is none.
    pub async fn delete_conversation(&self, worker_id: WorkerId) -> Result<(), StoreError> {
        self.call(move |connection| {
            let sql = "DELETE FROM conversations WHERE worker_id = ?1";
            change(connection, sql, [Text(worker_id)]).map(drop)
        })
        .await
    }

    /// Returns all conversations.
    pub async fn conversations(&self) -> Result<Vec<ConversationRow>, StoreError> {
        let sql = "SELECT worker_id, id, source, used, problem FROM conversations";
        self.call(move |connection| all(connection, sql, [], read))
            .await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    Ok(ConversationRow {
        worker_id: row.get::<_, Text<_>>("worker_id")?.0,
        id: row.get("id")?,
        source: row.get::<_, Word<_>>("source")?.0,
        used: row.get("used")?,
        problem: row.get("problem")?,
    })
}
