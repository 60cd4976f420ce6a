//! Messages: text and files from a person or a worker to a worker.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{SessionId, WorkerId};

/// The sender of messages that no worker sent.
pub const USER: &str = "user";

/// A message that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerMessage {
    /// The message's id.
    pub id: String,
    /// The session of the worker it went to.
    pub session_id: SessionId,
    /// The worker that sent it, or `user`.
    pub from_worker_id: String,
    /// What people call the sender.
    pub from_worker_name: String,
    /// The worker it went to.
    pub to_worker_id: WorkerId,
    /// What people call that worker.
    pub to_worker_name: String,
    /// The text; empty when only files were sent.
    pub content: String,
    /// Where the files that came with it are kept, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// When it was delivered.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub timestamp: Timestamp,
}

/// Answer of `POST /api/sessions/{sid}/messages`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct MessageBody {
    /// The message.
    pub message: WorkerMessage,
}

/// Fields of `POST /api/sessions/{sid}/messages`, as `multipart/form-data`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageForm {
    /// The worker it goes to.
    pub to_worker_id: String,
    /// The worker that sends it; a person when absent.
    pub from_worker_id: Option<String>,
    /// The text: at most 10,000 UTF-16 units; may be empty when there are files.
    pub content: Option<String>,
    /// At most 10 files of 10 MiB together.
    #[schema(value_type = Option<Vec<String>>, format = Binary)]
    pub files: Option<Vec<String>>,
}
