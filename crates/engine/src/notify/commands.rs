//! Changes who is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::notification::{
    CreateWebhook, NotificationStatus, PatchWebhook, PutSlack, SlackIntegration, Webhook,
    WebhookEvent,
};
use offshoot_store::{SlackRow, WebhookRow};
use serde_json::json;

use super::deliver::{SECRET_PREFIX, SendError};
use super::post::{PostError, Target};
use crate::{Engine, EngineError};

/// Webhooks on one server; each event is one request to each.
const WEBHOOKS_MAX: usize = 100;

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

impl Engine {
    /// Tells whether notifications can link to sessions.
    pub fn notification_status(&self) -> NotificationStatus {
        let base_url = self.inner.config.notifications.base_url.clone();
        NotificationStatus {
            is_base_url_configured: base_url.is_some(),
            base_url: base_url.unwrap_or_default(),
        }
    }

    /// Returns Slack of a repository.
    ///
    /// # Errors
    /// There is none.
    pub async fn slack(&self, id: RepositoryId) -> Result<SlackIntegration, EngineError> {
        let row = self.slack_row(id).await?;
        row.map(slack_view)
            .ok_or(EngineError::NotificationNotFound("Slack integration"))
    }

    pub(super) async fn slack_row(
        &self,
        id: RepositoryId,
    ) -> Result<Option<SlackRow>, EngineError> {
        let row = self.inner.store.slack(id).await;
        row.map_err(|err| self.store_error("look up Slack", err))
    }

    /// Sets Slack of a repository.
    ///
    /// # Errors
    /// There is no such repository, or the address is not Slack's.
    pub async fn put_slack(
        &self,
        id: RepositoryId,
        request: PutSlack,
    ) -> Result<SlackIntegration, EngineError> {
        self.repository(id)?;
        let webhook_url = request.webhook_url.trim().to_owned();
        let prefix = self.inner.config.notifications.slack_prefix();
        let rest = webhook_url.strip_prefix(prefix).unwrap_or_default();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
        if rest.is_empty() || rest.len() > 500 || !rest.bytes().all(fits) {
            let message = format!("must be an address of Slack; it begins with {prefix}");
            return Err(EngineError::Invalid {
                field: "webhookUrl",
                message,
            });
        }
        let now = Timestamp::now();
        let row = SlackRow {
            id: uuid::Uuid::new_v4().to_string(),
            repository_id: id,
            webhook_url,
            enabled: request.enabled.unwrap_or(true),
            created_at: now,
            updated_at: now,
        };
        let saved = self.inner.store.put_slack(row).await;
        saved
            .map(slack_view)
            .map_err(|err| self.store_error("record Slack", err))
    }

    /// Removes Slack of a repository.
    ///
    /// # Errors
    /// There is none.
    pub async fn delete_slack(&self, id: RepositoryId) -> Result<(), EngineError> {
        let deleted = self.inner.store.delete_slack(id).await;
        match deleted.map_err(|err| self.store_error("remove Slack", err))? {
            true => Ok(()),
            false => Err(EngineError::NotificationNotFound("Slack integration")),
        }
    }

    /// Sends a test to Slack, once and at once.
    ///
    /// # Errors
    /// There is no such repository, Slack is not set or switched off, or does not take it.
    pub async fn test_slack(&self, id: RepositoryId) -> Result<(), EngineError> {
        self.repository(id)?;
        let slack = self.slack_row(id).await?.filter(|slack| slack.enabled);
        let slack = slack.ok_or_else(|| {
            let text = "Slack integration is not configured or disabled";
            EngineError::WrongState(text.to_owned())
        })?;
        let text = "🔔 Test notification from Offshoot";
        let section = json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        let body = json!({"text": text, "blocks": [section]});
        let sent = self.post_to_slack(&slack.webhook_url, &body).await;
        sent.map_err(not_sent)
    }

    /// Returns all webhooks, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, EngineError> {
        let rows = self.inner.store.webhooks().await;
        let rows = rows.map_err(|err| self.store_error("list the webhooks", err))?;
        Ok(rows.into_iter().map(webhook_view).collect())
    }

    /// Adds a webhook and returns it with the secret that its requests are signed with.
    ///
    /// # Errors
    /// The address cannot be one, there is no such repository, or there are too many.
    pub async fn create_webhook(
        &self,
        request: CreateWebhook,
    ) -> Result<(Webhook, String), EngineError> {
        if let Some(repository) = request.repository_id {
            self.repository(repository)?;
        }
        let url = request.url.trim().to_owned();
        Target::parse(&url, self.webhook_reach()).map_err(|message| EngineError::Invalid {
            field: "url",
            message,
        })?;
        if self.webhooks().await?.len() >= WEBHOOKS_MAX {
            let text = format!("there are {WEBHOOKS_MAX} webhooks already; delete one first");
            return Err(EngineError::WrongState(text));
        }
        let mut key = [0; SECRET_BYTES];
        getrandom::fill(&mut key).map_err(|err| EngineError::Internal {
            context: "draw a secret",
            source: err.to_string().into(),
        })?;
        let row = WebhookRow {
            id: uuid::Uuid::new_v4().to_string(),
            url,
            secret: format!("{SECRET_PREFIX}{}", STANDARD.encode(key)),
            repository_id: request.repository_id,
            events: events_of(request.events)?,
            enabled: true,
            created_at: Timestamp::now(),
        };
        let secret = row.secret.clone();
        self.save_webhook(row)
            .await
            .map(|webhook| (webhook, secret))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// There is no such webhook.
    pub async fn patch_webhook(
        &self,
        id: &str,
        change: PatchWebhook,
    ) -> Result<Webhook, EngineError> {
        let mut row = self.webhook_row(id).await?;
        if change.events.is_some() {
            row.events = events_of(change.events)?;
        }
        row.enabled = change.enabled.unwrap_or(row.enabled);
        self.save_webhook(row).await
    }

    /// Deletes a webhook; what is on its way to it is not sent.
    ///
    /// # Errors
    /// There is no such webhook.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), EngineError> {
        let deleted = self.inner.store.delete_webhook(id.to_owned()).await;
        match deleted.map_err(|err| self.store_error("delete the webhook", err))? {
            true => Ok(()),
            false => Err(EngineError::NotificationNotFound("Webhook")),
        }
    }

    /// Sends a signed test to a webhook, once and at once.
    ///
    /// # Errors
    /// There is no such webhook, or it does not take it.
    pub async fn test_webhook(&self, id: &str) -> Result<(), EngineError> {
        let row = self.webhook_row(id).await?;
        let at = Timestamp::now();
        let body = json!({"type": "test", "timestamp": format!("{at:.3}"), "data": null});
        let request = format!("test-{}", uuid::Uuid::new_v4());
        let sent = self.post_to_webhook(&row, &request, &body).await;
        sent.map_err(not_sent)
    }

    pub(super) async fn find_webhook(&self, id: &str) -> Result<Option<WebhookRow>, EngineError> {
        let row = self.inner.store.webhook(id.to_owned()).await;
        row.map_err(|err| self.store_error("look up the webhook", err))
    }

    async fn webhook_row(&self, id: &str) -> Result<WebhookRow, EngineError> {
        let row = self.find_webhook(id).await?;
        row.ok_or(EngineError::NotificationNotFound("Webhook"))
    }

    async fn save_webhook(&self, row: WebhookRow) -> Result<Webhook, EngineError> {
        let saved = self.inner.store.save_webhook(row.clone()).await;
        saved.map_err(|err| self.store_error("record the webhook", err))?;
        Ok(webhook_view(row))
    }
}

fn events_of(events: Option<Vec<WebhookEvent>>) -> Result<Vec<WebhookEvent>, EngineError> {
    let mut events = events.unwrap_or_else(|| WebhookEvent::ALL.to_vec());
    events.sort();
    events.dedup();
    if events.is_empty() {
        return Err(EngineError::Invalid {
            field: "events",
            message: "name at least one".to_owned(),
        });
    }
    Ok(events)
}

fn not_sent(err: SendError) -> EngineError {
    match err {
        SendError::Post(PostError::NotAllowed(text)) => EngineError::WrongState(text),
        SendError::Post(err) => EngineError::NotificationFailed(err.to_string()),
        SendError::Engine(err) => err,
    }
}

fn slack_view(row: SlackRow) -> SlackIntegration {
    SlackIntegration {
        id: row.id,
        repository_id: row.repository_id,
        webhook_url: row.webhook_url,
        enabled: row.enabled,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn webhook_view(row: WebhookRow) -> Webhook {
    Webhook {
        id: row.id,
        url: row.url,
        repository_id: row.repository_id,
        events: row.events,
        enabled: row.enabled,
        created_at: row.created_at,
    }
}
