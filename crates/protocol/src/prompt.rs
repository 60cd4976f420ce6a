//! Prompts in the queue of a worker: what they are, and what became of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{PromptId, WorkerId};

/// A text on its way to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Prompt {
    /// The prompt's id.
    pub id: PromptId,
    /// The worker it goes to.
    pub worker_id: WorkerId,
    /// The text; it can be changed while the prompt is queued.
    pub text: String,
    /// Where it stands.
    pub state: PromptState,
    /// Why it waits or why it failed, or what showed that it was accepted; in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was queued.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When its state changed last.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub changed_at: Timestamp,
}

/// Where a prompt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromptState {
    /// It waits until the agent is ready; it can be changed and removed.
    Queued,
    /// It is being typed.
    Typing,
    /// The text and Enter were typed; the agent has not shown that it took them.
    Typed,
    /// The agent took it: its turn has begun.
    Accepted,
    /// Nobody knows that the agent has it; it is not typed again.
    Failed,
}

impl PromptState {
    /// Whether nothing more happens to it.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Accepted | Self::Failed)
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Typing => "typing",
            Self::Typed => "typed",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
        }
    }
}

/// The last prompt of an agent that was not delivered, while a person has not seen to it: it is gone
/// when the prompt is removed, or when the agent has taken a later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undelivered {
    /// The prompt.
    pub prompt_id: PromptId,
    /// Why it was given up, in words.
    pub reason: String,
    /// When it was given up.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
}

/// Why a prompt waits whose agent has ended.
pub const NOT_RUNNING: &str = "it does not run";

/// `POST /api/workers/{id}/prompts` and `PATCH …/prompts/{prompt}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromptText {
    /// The text, without the Enter at its end.
    pub text: String,
}

/// A prompt as an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromptBody {
    /// The prompt.
    pub prompt: Prompt,
    /// Whether it had been queued before under the same idempotency key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
}

/// Answer of `GET /api/workers/{id}/prompts`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PromptsBody {
    /// Those that wait or are typed, in their order, after the newest that are settled.
    pub prompts: Vec<Prompt>,
}
