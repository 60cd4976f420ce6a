//! Where notifications go: Slack per repository, and webhooks. Addresses and keys are kept as they
//! are, for they are needed to send.

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::notification::WebhookEvent;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{all, change};
use crate::columns::{Json, Millis, Text};
use crate::{Store, StoreError};

/// Slack for one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackRow {
    /// Its id.
    pub id: String,
    /// The repository; it has one at the most.
    pub repository_id: RepositoryId,
    /// Slack's address for it.
    pub webhook_url: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub id: String,
    /// Where it is sent to.
    pub url: String,
    /// What requests are signed with.
    pub secret: String,
    /// The repository it is for; none for all sessions.
    pub repository_id: Option<RepositoryId>,
    /// What it is told.
    pub events: Vec<WebhookEvent>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

const SLACK: &str = "id, repository_id, webhook_url, enabled, created_at, updated_at";
const WEBHOOK: &str = "id, url, secret, repository_id, events, enabled, created_at";

impl Store {
    /// Returns Slack of a repository.
    pub async fn slack(&self, repository: RepositoryId) -> Result<Option<SlackRow>, StoreError> {
        let sql = format!("SELECT {SLACK} FROM slack_integrations WHERE repository_id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([Text(repository)], read_slack)
                .optional()
        })
        .await
    }

    /// Sets Slack of a repository and returns it; id and time of an earlier one stay.
    /// [`StoreError::NoOwner`] when there is no such repository.
    pub async fn put_slack(&self, row: SlackRow) -> Result<SlackRow, StoreError> {
        let sql = format!(
            "INSERT INTO slack_integrations ({SLACK}) VALUES \
             (:id, :repository_id, :webhook_url, :enabled, :created_at, :updated_at) \
             ON CONFLICT (repository_id) DO UPDATE SET webhook_url = excluded.webhook_url, \
             enabled = excluded.enabled, updated_at = excluded.updated_at RETURNING {SLACK}"
        );
        self.call(move |connection| {
            connection.prepare_cached(&sql)?.query_row(
                named_params! {
                    ":id": row.id,
                    ":repository_id": Text(row.repository_id),
                    ":webhook_url": row.webhook_url,
                    ":enabled": row.enabled,
                    ":created_at": Millis(row.created_at),
                    ":updated_at": Millis(row.updated_at),
                },
                read_slack,
            )
        })
        .await
    }

    /// Removes Slack of a repository; false when there is none.
    pub async fn delete_slack(&self, repository: RepositoryId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM slack_integrations WHERE repository_id = ?1";
        self.call(move |connection| change(connection, sql, [Text(repository)]).map(|n| n == 1))
            .await
    }

    /// Returns all webhooks, oldest first.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, StoreError> {
        let sql = format!("SELECT {WEBHOOK} FROM webhooks ORDER BY created_at, id");
        self.call(move |connection| all(connection, &sql, [], read_webhook))
            .await
    }

    /// Returns a webhook.
    pub async fn webhook(&self, id: String) -> Result<Option<WebhookRow>, StoreError> {
        let sql = format!("SELECT {WEBHOOK} FROM webhooks WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&id], read_webhook)
                .optional()
        })
        .await
    }

    /// Adds a webhook, or replaces all fields of the one with this id.
    /// [`StoreError::NoOwner`] when its repository does not exist.
    pub async fn save_webhook(&self, row: WebhookRow) -> Result<(), StoreError> {
        self.call(move |connection| put_webhook(connection, &row))
            .await
    }

    /// Deletes a webhook; false when there is none.
    pub async fn delete_webhook(&self, id: String) -> Result<bool, StoreError> {
        let sql = "DELETE FROM webhooks WHERE id = ?1";
        self.call(move |connection| change(connection, sql, [&id]).map(|n| n == 1))
            .await
    }
}

fn put_webhook(connection: &Connection, row: &WebhookRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO webhooks (id, url, secret, repository_id, events, enabled, created_at) \
               VALUES (:id, :url, :secret, :repository_id, :events, :enabled, :created_at) \
               ON CONFLICT (id) DO UPDATE SET url = excluded.url, secret = excluded.secret, \
               events = excluded.events, enabled = excluded.enabled";
    let params = named_params! {
        ":id": row.id,
        ":url": row.url,
        ":secret": row.secret,
        ":repository_id": row.repository_id.map(Text),
        ":events": Json(&row.events),
        ":enabled": row.enabled,
        ":created_at": Millis(row.created_at),
    };
    change(connection, sql, params).map(drop)
}

fn read_slack(row: &Row<'_>) -> rusqlite::Result<SlackRow> {
    Ok(SlackRow {
        id: row.get("id")?,
        repository_id: row.get::<_, Text<_>>("repository_id")?.0,
        webhook_url: row.get("webhook_url")?,
        enabled: row.get("enabled")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        updated_at: row.get::<_, Millis>("updated_at")?.0,
    })
}

fn read_webhook(row: &Row<'_>) -> rusqlite::Result<WebhookRow> {
    Ok(WebhookRow {
        id: row.get("id")?,
        url: row.get("url")?,
        secret: row.get("secret")?,
        repository_id: row
            .get::<_, Option<Text<_>>>("repository_id")?
            .map(|id| id.0),
        events: row.get::<_, Json<_>>("events")?.0,
        enabled: row.get("enabled")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
    })
}
