//! What an agent asks of a person, and the answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::WaitKind;

/// A question of an agent that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Made from what is asked and since when; another question has another id.
    pub id: String,
    /// What it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<WaitKind>,
    /// What is asked, in the agent's words; may be empty.
    pub text: String,
    /// What can be chosen; empty when nothing is recognised.
    pub options: Vec<RequestOption>,
    /// Whether an answer in words is taken.
    pub takes_text: bool,
    /// The command it is about, where it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The file it is about, where it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Since when it waits.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub since: Timestamp,
}

/// One of the answers that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestOption {
    /// Names it in an answer: the key that the agent shows for it.
    pub id: String,
    /// The agent's words.
    pub label: String,
}

/// `POST /api/workers/{id}/requests/{request}/answer`: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The id of an option.
    Option(String),
    /// An answer in words.
    Text(String),
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerBody {
    /// Whether the agent is seen to have taken it: it goes on, or asks something else.
    pub taken: bool,
}
