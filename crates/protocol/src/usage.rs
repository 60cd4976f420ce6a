//! What agents used of their models, as far as they report it themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SessionId;

/// Tokens and money. Agents that report nothing have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Requests to models.
    pub requests: u64,
    /// Tokens sent, without those below.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Tokens sent that the model's cache had.
    pub cache_read_tokens: u64,
    /// Tokens sent that went into the model's cache.
    pub cache_write_tokens: u64,
    /// What it cost at list prices, in millionths of a US dollar; absent where no price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// Requests among them that came without a price, so that the cost is too low.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpriced_requests: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Adds another amount; what would overflow stays at the greatest number.
    pub fn add(&mut self, other: &Self) {
        let sum = |at: &mut u64, more: u64| *at = at.saturating_add(more);
        sum(&mut self.requests, other.requests);
        sum(&mut self.input_tokens, other.input_tokens);
        sum(&mut self.output_tokens, other.output_tokens);
        sum(&mut self.cache_read_tokens, other.cache_read_tokens);
        sum(&mut self.cache_write_tokens, other.cache_write_tokens);
        sum(&mut self.unpriced_requests, other.unpriced_requests);
        if let Some(more) = other.cost_micros {
            sum(self.cost_micros.get_or_insert(0), more);
        }
    }

    /// Tokens of all kinds.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        [
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// Answer of `GET /api/usage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageBody {
    /// All of it together.
    pub total: Usage,
    /// Days on which anything was used, newest first. They begin at the server's midnight.
    pub days: Vec<DayUsage>,
    /// Sessions, those that used the most tokens first. Deleted ones count, too.
    pub sessions: Vec<SessionUsage>,
    /// Models, those that used the most tokens first.
    pub models: Vec<ModelUsage>,
}

/// What one day used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayUsage {
    /// The day, as `2026-11-24`.
    pub day: String,
    /// What was used.
    pub usage: Usage,
}

/// What one session used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionUsage {
    /// The session, which may be deleted since.
    pub session_id: SessionId,
    /// What was used.
    pub usage: Usage,
}

/// What one model was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelUsage {
    /// The model's name, as the agent calls it.
    pub model: String,
    /// What was used.
    pub usage: Usage,
}
