//! Tells [`Attention`] what one agent's terminal shows, with the clock of the worker's task, and
//! shows people what it thinks.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use offshoot_protocol::explain::{EvidencePiece, Explanation};
use offshoot_protocol::view::{Activity, ActivityState};
use offshoot_vt::{Event, Screen};
use tokio::time::Instant;

use crate::attention::{self, Attention, Hook, Moment, Process, Rules};

/// Output that the screen may lag behind and still be looked at: agents draw less, and parsing a
/// flood only to look at it would cost as much as the flood.
pub(super) const LOOK_BEHIND: u64 = 256 * 1024;

/// Watches one agent worker.
pub(crate) struct Activities {
    attention: Attention,
    born: Instant,
    born_at: Timestamp,
    shown: Activity,
    /// What is parsed after the end says nothing about now.
    ended: bool,
}

impl Activities {
    /// Begins to watch. `ended` is when the process ended, if it has.
    pub(crate) fn new(rules: Arc<Rules>, ended: Option<Timestamp>) -> Self {
        let attention = Attention::new(rules, Moment::ZERO);
        let born_at = Timestamp::now();
        let state = match ended {
            None => attention.verdict().state,
            Some(_) => ActivityState::Exited,
        };
        Self {
            attention,
            born: Instant::now(),
            born_at,
            shown: Activity {
                state,
                kind: None,
                reason: None,
                since: ended.unwrap_or(born_at),
                until: None,
            },
            ended: ended.is_some(),
        }
    }

    /// Returns what people are shown.
    pub(crate) fn shown(&self) -> &Activity {
        &self.shown
    }

    fn now(&self) -> Moment {
        self.born.elapsed()
    }

    /// Returns when [`Self::on_timer`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let all = [
            self.attention.screen_due(),
            self.attention.deadline(),
            self.attention.process_due(),
        ];
        let next = all.into_iter().flatten().min()?;
        Some(self.born + next)
    }

    pub(crate) fn on_output(&mut self, bytes: u64) -> bool {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.attention.on_output(self.born.elapsed(), bytes);
        self.update()
    }

    pub(crate) fn on_input(&mut self, bytes: &[u8]) -> bool {
        self.attention.on_input(self.born.elapsed(), bytes);
        self.update()
    }

    pub(crate) fn on_event(&mut self, event: &Event) -> bool {
        self.attention.on_event(self.born.elapsed(), event);
        self.update()
    }

    /// A hook of the agent came.
    pub(crate) fn on_hook(&mut self, hook: &Hook) -> bool {
        self.attention.on_hook(self.born.elapsed(), hook);
        self.update()
    }

    /// The screen may show something else than what was seen last.
    pub(crate) fn look_again(&mut self) {
        self.attention.on_resize(self.born.elapsed());
    }

    /// Tells whether the screen must be up to date before [`Self::on_timer`].
    pub(crate) fn needs_screen(&self) -> bool {
        let due = self.attention.screen_due();
        !self.ended && due.is_some_and(|due| due <= self.now())
    }

    /// The screen is too far behind to be looked at.
    pub(crate) fn put_off(&mut self) {
        self.attention.put_off(self.born.elapsed());
    }

    /// Tells whether the processor time of the process should be known at [`Self::on_timer`].
    pub(crate) fn needs_process(&self) -> bool {
        let due = self.attention.process_due();
        !self.ended && due.is_some_and(|due| due <= self.now())
    }

    pub(crate) fn on_process(&mut self, cpu: Option<Duration>) {
        let process = Process { alive: true, cpu };
        self.attention.on_process(self.born.elapsed(), process);
    }

    pub(crate) fn on_timer(&mut self, screen: Option<&mut Screen>) -> bool {
        let now = self.now();
        match screen {
            Some(screen) if self.needs_screen() => {
                let rows = screen.rows();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                self.attention.on_screen(now, &rows, screen.cursor());
            }
            None => self.attention.look_elsewhere(),
            Some(_) => {}
        }
        self.attention.on_tick(now);
        self.update()
    }

    /// The process ended.
    pub(crate) fn on_exit(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let process = Process {
            alive: false,
            cpu: None,
        };
        self.attention.on_process(self.born.elapsed(), process);
        let changed = self.update();
        self.ended = true;
        changed
    }

    /// Returns what people are shown, with the evidence.
    pub(crate) fn explain(&self) -> Explanation {
        let verdict = self.attention.verdict();
        let now = self.now();
        let piece = |piece: &attention::Evidence| EvidencePiece {
            at: self.timestamp(piece.at),
            age_ms: u64::try_from(now.saturating_sub(piece.at).as_millis()).unwrap_or(u64::MAX),
            source: piece.source.name().to_owned(),
            says: piece.says.name().to_owned(),
            kind: piece.kind,
            rule: piece.rule.clone(),
            region: piece.region.clone(),
            text: piece.text.clone(),
            counted: piece.counted,
        };
        Explanation {
            activity: self.shown.clone(),
            source: verdict.source.name().to_owned(),
            rule: verdict.rule.clone(),
            region: verdict.region.clone(),
            evidence: self.attention.evidence().map(piece).collect(),
        }
    }

    fn timestamp(&self, at: Moment) -> Timestamp {
        self.born_at.checked_add(at).unwrap_or(self.born_at)
    }

    fn update(&mut self) -> bool {
        if self.ended {
            return false;
        }
        let verdict = self.attention.verdict();
        let same = (self.shown.state, self.shown.kind, &self.shown.reason)
            == (verdict.state, verdict.kind, &verdict.reason);
        if same {
            return false;
        }
        let reset = verdict.reset.as_deref();
        self.shown = Activity {
            state: verdict.state,
            kind: verdict.kind,
            reason: verdict.reason.clone(),
            since: self.timestamp(verdict.since),
            until: reset.and_then(|words| attention::until(words, &Zoned::now())),
        };
        true
    }
}
