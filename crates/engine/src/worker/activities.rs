//! Turns what one agent's terminal shows into its activity, with the clock of the worker's task.

use std::time::Duration;

use jiff::Timestamp;
use offshoot_protocol::view::{Activity, ActivityState};
use offshoot_vt::{Event, ProgramState, Screen};
use tokio::time::Instant;

use crate::activity::{Detector, Judgement, SETTLE};

/// How often a working agent is looked at for silence.
const TICK: Duration = Duration::from_millis(500);

/// Lines from the bottom of the screen that rules look at.
const SCREEN_LINES: usize = 12;

/// Watches one agent worker.
pub(crate) struct Activities {
    detector: Detector,
    born: Instant,
    settle_at: Option<Instant>,
    tick_at: Option<Instant>,
    shown: Activity,
    /// What is parsed after the end says nothing about now.
    ended: bool,
}

impl Activities {
    /// Begins with `idle`, or `exited` when no process lives.
    /// `ended` is when the process ended, if it has.
    pub(crate) fn new(asking_patterns: &[String], ended: Option<Timestamp>) -> Self {
        let alive = ended.is_none();
        let state = if alive {
            ActivityState::Idle
        } else {
            ActivityState::Exited
        };
        Self {
            detector: Detector::new(asking_patterns),
            born: Instant::now(),
            settle_at: None,
            tick_at: None,
            shown: Activity {
                state,
                kind: None,
                until: None,
                reason: None,
                since: ended.unwrap_or_else(Timestamp::now),
            },
            ended: !alive,
        }
    }

    /// Returns what people are shown.
    pub(crate) fn shown(&self) -> &Activity {
        &self.shown
    }

    /// Returns when [`Self::on_timer`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.settle_at, self.tick_at].into_iter().flatten().min()
    }

    pub(crate) fn on_output(&mut self) -> bool {
        let now = Instant::now();
        self.settle_at = Some(now + SETTLE);
        self.detector.on_output(now - self.born);
        self.update()
    }

    pub(crate) fn on_input(&mut self, bytes: &[u8]) -> bool {
        self.detector.on_input(bytes, self.born.elapsed());
        self.update()
    }

    pub(crate) fn on_event(&mut self, event: &Event) -> bool {
        if let Event::ProgramStatus { state, message, .. } = event {
            let state = match state {
                ProgramState::Working => ActivityState::Working,
                ProgramState::Blocked => ActivityState::Waiting,
                ProgramState::Idle | ProgramState::Done => ActivityState::Idle,
                ProgramState::Error => ActivityState::Errored,
                ProgramState::Clear => return false,
            };
            let reason = Some(message.clone()).filter(|text| !text.is_empty());
            self.detector.on_report(Judgement { state, reason });
        }
        self.update()
    }

    /// Tells whether the screen must be up to date before [`Self::on_timer`].
    pub(crate) fn needs_screen(&self) -> bool {
        self.settle_at.is_some_and(|at| at <= Instant::now())
    }

    pub(crate) fn on_timer(&mut self, screen: &mut Screen) -> bool {
        let now = Instant::now();
        if self.settle_at.is_some_and(|at| at <= now) {
            self.settle_at = None;
            self.detector
                .on_settled(&screen.tail(SCREEN_LINES).join("\n"));
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            self.tick_at = None;
            self.detector.on_tick(now - self.born);
        }
        self.update()
    }

    /// The process ended.
    pub(crate) fn on_exit(&mut self) -> bool {
        self.ended = true;
        self.settle_at = None;
        self.tick_at = None;
        self.show(ActivityState::Exited, None)
    }

    fn update(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let Judgement { state, reason } = self.detector.now().clone();
        if state == ActivityState::Working && self.tick_at.is_none() {
            self.tick_at = Some(Instant::now() + TICK);
        }
        self.show(state, reason)
    }

    fn show(&mut self, state: ActivityState, reason: Option<String>) -> bool {
        if self.shown.state == state && self.shown.reason == reason {
            return false;
        }
        let since = if self.shown.state == state {
            self.shown.since
        } else {
            Timestamp::now()
        };
        self.shown = Activity {
            state,
            kind: None,
            until: None,
            reason,
            since,
        };
        true
    }
}
