//! Notifications: who is told what outside, by Slack or by signed requests (docs/webhooks.md).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{RepositoryId, SessionId, WorkerId};

/// Slack for the sessions of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlackIntegration {
    /// Its id, kept when it is changed.
    pub id: String,
    /// The repository.
    pub repository_id: RepositoryId,
    /// Slack's incoming webhook. Whoever has it can write to the channel.
    pub webhook_url: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it was changed last.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
}

/// `PUT /api/repositories/{id}/integrations/slack`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PutSlack {
    /// The address of an incoming webhook; begins with `https://hooks.slack.com/`.
    pub webhook_url: String,
    /// Whether anything is sent; true when absent.
    pub enabled: Option<bool>,
}

/// Answer of `GET /api/settings/notifications/status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationStatus {
    /// Where people open the UI; empty when it is not set.
    pub base_url: String,
    /// Whether it is set, so that notifications can link to sessions.
    pub is_base_url_configured: bool,
}

/// What a webhook can be told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ToSchema,
)]
pub enum WebhookEvent {
    /// An agent asks and waits for an answer.
    #[serde(rename = "worker.waiting")]
    Waiting,
    /// An agent has finished its work and waits for the next prompt.
    #[serde(rename = "worker.finished")]
    Finished,
    /// An agent's process ended by itself and without failure.
    #[serde(rename = "worker.exited")]
    Exited,
    /// An agent's process failed, was killed, or could not be started.
    #[serde(rename = "worker.errored")]
    Errored,
    /// A prompt could not be delivered to an agent.
    #[serde(rename = "prompt.failed")]
    PromptFailed,
}

impl WebhookEvent {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Finished,
        Self::Exited,
        Self::Errored,
        Self::PromptFailed,
    ];
}

/// A webhook as it is listed: never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// The webhook's id.
    pub id: String,
    /// Where it is sent to.
    pub url: String,
    /// The repository whose sessions it is told of; all sessions when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// What it is told.
    pub events: Vec<WebhookEvent>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// Answer of `GET /api/webhooks`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct WebhooksBody {
    /// All webhooks, oldest first.
    pub webhooks: Vec<Webhook>,
}

/// `POST /api/webhooks`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateWebhook {
    /// Where to send to: `https`, or `http` where private addresses are allowed.
    pub url: String,
    /// Only for the sessions of this repository.
    pub repository_id: Option<RepositoryId>,
    /// What to tell; everything when absent.
    pub events: Option<Vec<WebhookEvent>>,
}

/// `PATCH /api/webhooks/{id}`: absent keeps.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct PatchWebhook {
    /// What to tell.
    pub events: Option<Vec<WebhookEvent>>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// Answers that wrap one webhook.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct WebhookBody {
    /// The webhook.
    pub webhook: Webhook,
}

/// Answer of `POST /api/webhooks`: the only time the secret is shown.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CreatedWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// What requests are signed with.
    pub secret: String,
}

/// The body of a request to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct WebhookPayload {
    /// What happened; `test` for a request that only tries the way.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub timestamp: Timestamp,
    /// To whom it happened; empty for a test.
    pub data: Option<WebhookSubject>,
}

/// The worker that a webhook is told of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSubject {
    /// The session.
    pub session_id: SessionId,
    /// What people call the session.
    pub session_name: String,
    /// The worker.
    pub worker_id: WorkerId,
    /// What people call the worker.
    pub worker_name: String,
    /// The repository, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// The session's branch, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The question, or why the process or the prompt failed, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The exit code of a process that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The session's page; absent while the server's own address is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
