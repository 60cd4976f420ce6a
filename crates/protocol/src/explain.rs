//! Why an agent is thought to do what it does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::{Activity, WaitKind};

/// What is thought of an agent, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What it does.
    pub activity: Activity,
    /// Where the deciding evidence comes from: `protocol`, `permission-hook`, `blocker`,
    /// `turn-hook`, `title`, `progress`, `screen`, `output-rate`, `input`, `silence` or `process`.
    pub source: String,
    /// The rule that reads it so.
    pub rule: String,
    /// The part of the screen it was found in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The last pieces of evidence, at most 50, oldest first.
    pub evidence: Vec<EvidencePiece>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidencePiece {
    /// When it came.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// How long ago that was, in milliseconds.
    pub age_ms: u64,
    /// Where it comes from, in the words of `source` of the explanation.
    pub source: String,
    /// What it says: `starting`, `working`, `waiting`, `idle`, `limited`, `errored`, `exited` or
    /// `nothing`.
    pub says: String,
    /// What the agent wants of a person, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<WaitKind>,
    /// The rule that reads it so.
    pub rule: String,
    /// The part of the screen it was found in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What was found; long texts are cut.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Whether the state followed it at the time.
    pub counted: bool,
}
