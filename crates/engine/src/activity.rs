//! What an agent is doing, from the evidence its terminal gives. Pure: time comes in as arguments.
//!
//! Evidence by rank: the agent's own program status (OSC 7501) beats patterns on the screen, which
//! beat the rate of output. Once an agent has reported a status, output alone says nothing more.
//!
//! ```text
//!            output ≥ 20 chunks in 2 s            2 s of silence
//!   idle ───────────────────────────► working ───────────────────► idle
//!    ▲ Enter or Esc                      │ a pattern matches 300 ms after output settles
//!    └──────────────────────────────── waiting
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::view::ActivityState;

use crate::patterns::Patterns;

/// Moments since the worker's process began.
type Moment = Duration;

const RATE_WINDOW: Duration = Duration::from_secs(2);
const RATE_CHUNKS: usize = 20;
const SILENCE: Duration = Duration::from_secs(2);
const TYPING: Duration = Duration::from_secs(5);
/// Output has settled when nothing came for so long; only then is the screen judged.
pub(crate) const SETTLE: Duration = Duration::from_millis(300);

/// A state with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) state: ActivityState,
    pub(crate) reason: Option<String>,
}

impl Judgement {
    fn of(state: ActivityState) -> Self {
        Self {
            state,
            reason: None,
        }
    }
}

/// Watches one agent.
#[derive(Debug)]
pub(crate) struct Detector {
    asking: Arc<Patterns>,
    now: Judgement,
    /// The agent reports its own status; rates and patterns no longer count.
    reports: bool,
    chunks: VecDeque<Moment>,
    typed_at: Option<Moment>,
    /// Between a question and its answer, redraws are no work.
    suppressed: bool,
}

impl Detector {
    /// Begins with `idle`. Patterns that are no regular expressions are left out.
    pub(crate) fn new(asking_patterns: &[String]) -> Self {
        Self {
            asking: Patterns::shared(asking_patterns),
            now: Judgement::of(ActivityState::Idle),
            reports: false,
            chunks: VecDeque::new(),
            typed_at: None,
            suppressed: false,
        }
    }

    /// Returns the current judgement.
    pub(crate) fn now(&self) -> &Judgement {
        &self.now
    }

    /// The agent reported its own status.
    pub(crate) fn on_report(&mut self, judgement: Judgement) {
        self.reports = true;
        self.now = judgement;
    }

    /// Output came.
    pub(crate) fn on_output(&mut self, at: Moment) {
        if self.reports {
            return;
        }
        self.chunks.push_back(at);
        while self.chunks.len() > RATE_CHUNKS {
            self.chunks.pop_front();
        }
        let typing = self.typed_at.is_some_and(|typed| at < typed + TYPING);
        if self.now.state == ActivityState::Idle && !typing && !self.suppressed && self.is_busy(at)
        {
            self.now = Judgement::of(ActivityState::Working);
        }
    }

    fn is_busy(&self, at: Moment) -> bool {
        let first = self.chunks.front().copied().unwrap_or_default();
        self.chunks.len() == RATE_CHUNKS && at.saturating_sub(first) <= RATE_WINDOW
    }

    /// Output has been quiet for [`SETTLE`]; `screen` are the last lines of the rendered screen.
    pub(crate) fn on_settled(&mut self, screen: &str) {
        if self.reports {
            return;
        }
        let asks = self.asking.is_match(screen);
        if asks {
            let question = screen.lines().rev().find(|line| self.asking.is_match(line));
            self.suppressed = true;
            self.now = Judgement {
                state: ActivityState::Waiting,
                reason: question.map(|line| line.trim().to_owned()),
            };
        } else if self.now.state == ActivityState::Waiting {
            self.now = Judgement::of(ActivityState::Idle);
        }
    }

    /// Somebody typed.
    pub(crate) fn on_input(&mut self, bytes: &[u8], at: Moment) {
        if self.reports || bytes == b"\x1b[I" || bytes == b"\x1b[O" {
            return;
        }
        if bytes.contains(&b'\r') || bytes == b"\x1b" {
            self.suppressed = false;
            self.typed_at = None;
            self.chunks.clear();
            self.now = Judgement::of(ActivityState::Idle);
        } else {
            if self.typed_at.is_none() {
                self.chunks.clear();
            }
            self.typed_at = Some(at);
        }
    }

    /// Time passed. Call it about twice a second while the state is `working`.
    pub(crate) fn on_tick(&mut self, at: Moment) {
        if self.typed_at.is_some_and(|typed| at >= typed + TYPING) {
            self.typed_at = None;
        }
        let last = self.chunks.back().copied().unwrap_or_default();
        let silent = at.saturating_sub(last) >= SILENCE;
        if !self.reports && self.now.state == ActivityState::Working && silent {
            self.now = Judgement::of(ActivityState::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Moment {
        Duration::from_millis(ms)
    }

    fn detector() -> Detector {
        Detector::new(&["Do you want to.*\\?".to_owned(), "(".to_owned()])
    }

    #[test]
    fn steady_output_is_work_and_silence_ends_it() {
        let mut detector = detector();
        for chunk in 0..19 {
            detector.on_output(ms(chunk * 50));
        }
        assert_eq!(detector.now().state, ActivityState::Idle);
        detector.on_output(ms(950));
        assert_eq!(detector.now().state, ActivityState::Working);
        detector.on_tick(ms(2900));
        assert_eq!(detector.now().state, ActivityState::Working);
        detector.on_tick(ms(2960));
        assert_eq!(detector.now().state, ActivityState::Idle);
    }

    #[test]
    fn slow_output_is_no_work() {
        let mut detector = detector();
        (0..100).for_each(|chunk| detector.on_output(ms(chunk * 200)));
        assert_eq!(detector.now().state, ActivityState::Idle);
    }

    #[test]
    fn a_question_is_noticed_and_enter_answers_it() {
        let mut detector = detector();
        detector.on_settled("some text\n  Do you want to go?\n❯ 1. Yes");
        assert_eq!(detector.now().state, ActivityState::Waiting);
        assert_eq!(detector.now().reason.as_deref(), Some("Do you want to go?"));
        detector.on_input(b"1", ms(10));
        assert_eq!(detector.now().state, ActivityState::Waiting);
        detector.on_input(b"\r", ms(20));
        assert_eq!(detector.now().state, ActivityState::Idle);
    }

    #[test]
    fn echo_of_typing_is_no_work() {
        let mut detector = detector();
        detector.on_input(b"h", ms(0));
        (0..50).for_each(|chunk| detector.on_output(ms(chunk * 20)));
        assert_eq!(detector.now().state, ActivityState::Idle);
        (0..50).for_each(|chunk| detector.on_output(ms(5000 + chunk * 20)));
        assert_eq!(detector.now().state, ActivityState::Working);
    }

    #[test]
    fn the_agents_own_report_beats_everything() {
        let mut detector = detector();
        detector.on_report(Judgement::of(ActivityState::Working));
        detector.on_tick(ms(60_000));
        detector.on_settled("Do you want to go?");
        assert_eq!(detector.now().state, ActivityState::Working);
    }
}
