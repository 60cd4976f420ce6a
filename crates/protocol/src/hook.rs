//! What an agent's hook reports, and the file that tells the hook where to report it.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::WorkerId;

/// The variable that names the file of [`HookFile`]. Without it a hook does nothing.
pub const HOOK_FILE_VARIABLE: &str = "OFFSHOOT_HOOK_FILE";

/// Largest report; the hook cuts long texts of a payload so that it fits.
pub const HOOK_BYTES: usize = 256 * 1024;

/// Reports that wait in a spool while no server runs; of more, the oldest go.
pub const SPOOL_FILES: usize = 256;

/// Bytes that wait in a spool; of more, the oldest go.
pub const SPOOL_BYTES: u64 = 4 * 1024 * 1024;

/// What a hook is told about the worker it runs in. Private to the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookFile {
    /// The data directory, which names the server that runs when the hook is called.
    pub home: PathBuf,
    /// The worker.
    pub worker: WorkerId,
    /// The worker's own token.
    pub token: String,
    /// Where reports wait while no server runs.
    pub spool: PathBuf,
}

/// What a hook reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookReport {
    /// Names the report: one that comes twice counts once.
    pub id: Uuid,
    /// The id of the agent's definition.
    pub agent: String,
    /// The event's name, when the command line of the hook told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// When the hook was called.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// Orders the reports of one worker: nanoseconds of the clock, which tell calls apart that fall into
    /// one millisecond.
    pub seq: u64,
    /// Whether the event belongs to a sub-agent, as far as the payload says so by `agent_id`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subagent: bool,
    /// What the agent said; `null` when it said nothing that can be read.
    #[serde(default)]
    pub payload: serde_json::Value,
}

impl HookReport {
    /// Returns the name of its file in a spool: names sort as reports were made.
    pub fn file_name(&self) -> String {
        format!("{:020}-{}.json", self.seq, self.id.simple())
    }
}
