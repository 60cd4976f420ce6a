//! What is sent to whom: a job per receiver, so that one that is away is asked again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use offshoot_protocol::notification::{WebhookEvent, WebhookPayload, WebhookSubject};
use offshoot_protocol::view::{Session, SessionKind, Worker};
use offshoot_protocol::{RepositoryId, SessionId, WorkerId};
use offshoot_store::WebhookRow;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::post::{PostError, Reach, Target, post};
use crate::jobs::{JobContext, JobError, Options, Work};
use crate::{Engine, EngineError};

/// What secrets begin with, as the standard says.
pub(super) const SECRET_PREFIX: &str = "whsec_";

/// A notification on its way. Holds no address and no key: they are looked up when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notify {
    to: Receiver,
    body: Value,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Receiver {
    /// Slack of a repository.
    Slack(RepositoryId),
    /// A webhook.
    Webhook(String),
}

impl Notify {
    /// Sends it. A receiver that is gone or switched off by now is told nothing.
    pub(crate) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        let id = context.id().to_string();
        let send = self.send(engine, &id);
        let sent = tokio::select! {
            biased;
            () = context.cancelled().cancelled() => return Err(JobError::passing("canceled")),
            sent = send => sent,
        };
        sent.map_err(|err| match err {
            SendError::Post(PostError::Refused(text) | PostError::NotAllowed(text)) => {
                JobError::lasting(text)
            }
            SendError::Post(PostError::Passing(text)) => JobError::passing(text),
            SendError::Engine(err) => err.into(),
        })
    }

    async fn send(&self, engine: &Engine, id: &str) -> Result<(), SendError> {
        match &self.to {
            Receiver::Slack(repository) => {
                let slack = engine.slack_row(*repository).await?;
                match slack.filter(|slack| slack.enabled) {
                    Some(slack) => engine.post_to_slack(&slack.webhook_url, &self.body).await,
                    None => Ok(()),
                }
            }
            Receiver::Webhook(webhook) => match engine.find_webhook(webhook).await? {
                Some(row) if row.enabled => engine.post_to_webhook(&row, id, &self.body).await,
                _ => Ok(()),
            },
        }
    }
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Tells everybody who wants to know.
    pub(super) async fn notify(&self, session: SessionId, worker: WorkerId, event: WebhookEvent) {
        let Ok(session) = self.session(session) else {
            return;
        };
        let Some(worker) = session.workers.iter().find(|one| one.id == worker) else {
            return;
        };
        for work in self.notifications(&session, worker, event).await {
            if let Err(err) = self.enqueue(Work::Notify(work), Options::default()).await {
                tracing::warn!(%err, "record a notification");
            }
        }
    }

    async fn notifications(
        &self,
        session: &Session,
        worker: &Worker,
        event: WebhookEvent,
    ) -> Vec<Notify> {
        let mut all = Vec::new();
        let repository = session.repository_id;
        if session.kind == SessionKind::Worktree
            && let Some(repository) = repository
            && let Ok(Some(slack)) = self.slack_row(repository).await
            && slack.enabled
            && let Some(body) = self.slack_body(session, worker, event)
        {
            all.push(Notify {
                to: Receiver::Slack(repository),
                body,
            });
        }
        let webhooks = match self.inner.store.webhooks().await {
            Ok(webhooks) => webhooks,
            Err(err) => {
                tracing::warn!(%err, "list the webhooks");
                return all;
            }
        };
        let wants = |row: &WebhookRow| {
            let concerns = row.repository_id.is_none() || row.repository_id == repository;
            row.enabled && concerns && row.events.contains(&event)
        };
        for row in webhooks.into_iter().filter(wants) {
            all.push(Notify {
                to: Receiver::Webhook(row.id),
                body: self.webhook_body(session, worker, event),
            });
        }
        all
    }

    fn slack_body(&self, session: &Session, worker: &Worker, event: WebhookEvent) -> Option<Value> {
        let (sign, what) = match event {
            WebhookEvent::Waiting => (":question:", "is asking a question"),
            WebhookEvent::Finished => (":white_check_mark:", "has finished"),
            WebhookEvent::PromptFailed => (":warning:", "did not get its prompt"),
            WebhookEvent::Exited | WebhookEvent::Errored => return None,
        };
        let (name, agent) = (escaped(&name_of(session)), escaped(&worker.name));
        let text = format!("{sign} [{name}] {agent} {what}");
        let shown = format!("{sign} *{name}*\n{agent} {what}");
        let mut section = json!({"type": "section", "text": {"type": "mrkdwn", "text": shown}});
        // Slack takes no button without an address.
        if let Some(url) = self.inner.config.notifications.page(session.id, worker.id) {
            section["accessory"] = json!({
                "type": "button", "text": {"type": "plain_text", "text": "Open Session"},
                "url": url, "action_id": "open_session",
            });
        }
        Some(json!({"text": text, "blocks": [section]}))
    }

    fn webhook_body(&self, session: &Session, worker: &Worker, event: WebhookEvent) -> Value {
        let process = worker.process.as_ref();
        let asked = worker.activity.as_ref().and_then(|now| now.reason.clone());
        let payload = WebhookPayload {
            kind: word_of(event),
            timestamp: Timestamp::now(),
            data: Some(WebhookSubject {
                session_id: session.id,
                session_name: name_of(session),
                worker_id: worker.id,
                worker_name: worker.name.clone(),
                repository_id: session.repository_id,
                branch: session.worktree_id.clone(),
                reason: match event {
                    WebhookEvent::Waiting | WebhookEvent::Finished => asked,
                    WebhookEvent::PromptFailed => {
                        worker.undelivered.as_ref().map(|last| last.reason.clone())
                    }
                    _ => process.and_then(|process| process.reason.clone()),
                },
                exit_code: process.and_then(|process| process.exit?.code),
                url: self.inner.config.notifications.page(session.id, worker.id),
            }),
        };
        serde_json::to_value(payload).expect("a payload has string keys")
    }

    pub(super) async fn post_to_slack(&self, url: &str, body: &Value) -> Result<(), SendError> {
        let config = &self.inner.config.notifications;
        // The configuration may have changed since the address was accepted.
        if !url.starts_with(config.slack_prefix()) {
            let text = format!("the address does not begin with {}", config.slack_prefix());
            return Err(PostError::Refused(text).into());
        }
        let reach = match config.slack_prefix {
            Some(_) => Reach::Any,
            None => Reach::Public,
        };
        let target = Target::parse(url, reach).map_err(PostError::Refused)?;
        let body = Bytes::from(body.to_string());
        Ok(post(&target, reach, &[], body).await?)
    }

    pub(super) async fn post_to_webhook(
        &self,
        row: &WebhookRow,
        id: &str,
        body: &Value,
    ) -> Result<(), SendError> {
        let reach = self.webhook_reach();
        let target = Target::parse(&row.url, reach).map_err(PostError::Refused)?;
        let body = body.to_string();
        let seconds = Timestamp::now().as_second();
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            (
                "webhook-signature",
                signature(&row.secret, id, seconds, &body),
            ),
        ];
        Ok(post(&target, reach, &headers, Bytes::from(body)).await?)
    }

    pub(super) fn webhook_reach(&self) -> Reach {
        if self.inner.config.notifications.allow_private {
            Reach::Any
        } else {
            Reach::Public
        }
    }
}

/// Signs a request as the Standard Webhooks say: HMAC-SHA256 of id, time and body.
fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> String {
    let key = secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret);
    let key = STANDARD.decode(key).unwrap_or_else(|_| key.into());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn word_of(event: WebhookEvent) -> String {
    let value = serde_json::to_value(event).expect("an event is a word");
    value.as_str().unwrap_or_default().to_owned()
}

/// What people call a session in a notification.
fn name_of(session: &Session) -> String {
    let title = session.title.clone().filter(|title| !title.is_empty());
    title
        .or_else(|| session.worktree_id.clone())
        .unwrap_or_else(|| "Quick Session".to_owned())
}

/// Takes the meaning from the three characters that have one in Slack's texts.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example of the Standard Webhooks specification.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
