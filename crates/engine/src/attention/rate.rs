//! What the rate of output says: the last resort, for commands that nobody has described.
//!
//! ```text
//!            output ≥ 20 chunks in 2 s             2 s of silence
//!   rest ───────────────────────────► work ───────────────────────► rest
//! ```
//! Echo of typing is no work, and redraws between a question and its answer are none either.

use std::collections::VecDeque;
use std::time::Duration;

use super::evidence::Moment;

const WINDOW: Duration = Duration::from_secs(2);
const CHUNKS: usize = 20;
/// Without output for so long, work has ended.
pub(super) const SILENCE: Duration = Duration::from_secs(2);
/// After a key, output is its echo for so long.
const TYPING: Duration = Duration::from_secs(5);

/// Counts output.
#[derive(Debug, Default)]
pub(super) struct Rate {
    chunks: VecDeque<Moment>,
    typed_at: Option<Moment>,
    /// Between a question and its answer, redraws are no work.
    suppressed: bool,
    working: bool,
}

impl Rate {
    /// Output came.
    pub(super) fn on_output(&mut self, at: Moment) {
        self.chunks.push_back(at);
        if self.chunks.len() > CHUNKS {
            self.chunks.pop_front();
        }
        let typing = self.typed_at.is_some_and(|typed| at < typed + TYPING);
        let first = self.chunks.front().copied().unwrap_or_default();
        let busy = self.chunks.len() == CHUNKS && at.saturating_sub(first) <= WINDOW;
        self.working |= busy && !typing && !self.suppressed;
    }

    /// A question was noticed.
    pub(super) fn on_question(&mut self) {
        (self.suppressed, self.working) = (true, false);
    }

    /// Somebody sent a line or took one back.
    pub(super) fn on_sent(&mut self) {
        *self = Self::default();
    }

    /// Somebody typed.
    pub(super) fn on_typed(&mut self, at: Moment) {
        if self.typed_at.is_none() {
            self.chunks.clear();
        }
        self.typed_at = Some(at);
    }

    /// Time passed.
    pub(super) fn on_tick(&mut self, at: Moment) {
        self.typed_at.take_if(|typed| at >= *typed + TYPING);
        self.working &= self.deadline().is_some_and(|end| at < end);
    }

    pub(super) fn is_working(&self) -> bool {
        self.working
    }

    /// When silence would end the work.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let last = self.chunks.back().filter(|_| self.working)?;
        Some(*last + SILENCE)
    }
}
