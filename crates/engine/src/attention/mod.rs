//! What an agent is doing, from the evidence it gives, and why we think so. Pure: time comes in as
//! arguments, the rendered screen as lines.
//!
//! Owns the ranking of evidence, its ageing and the last pieces of it. Knows nothing of processes,
//! sockets, clocks or of any particular agent: what a title, a hook or a screen of an agent means
//! stands in its [definition](crate::definitions). It cannot fail; where nothing is known it says
//! `idle`, or `starting` at the beginning.
//!
//! ```text
//!   report of the agent (OSC 7501)
//!     > hook: a person is waited for        until its dialog is gone, or answered
//!     > dialog on the screen                seen for 250 ms, not above the composer; or a title
//!     |                                     that says so
//!     > hook about the turn                 until contradicted: at once after our own Esc,
//!     |                                     else after 10 s (at rest) or 2 s (at work)
//!     > title > progress > other screen     rest counts after 0.5 s; where it is only the absence
//!     |                                     of work, after 1.2 s
//!     > rate of output                      only where nobody has described the program
//!   work without output or computing for 5 min is `stuck`
//! ```

mod evidence;
mod judge;
mod limit;
mod look;
mod rate;
mod replay;
mod reset;
mod rules;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::view::{ActivityState, WaitKind};
use offshoot_vt::{Cursor, Event, ProgramState, ProgressState};

use evidence::{Claim, Log};
pub use evidence::{Evidence, KEPT, Moment, Source};
use judge::Blocker;
use limit::Limits;
use look::{Found, Sight};
use rate::Rate;
pub use replay::{Change, Replay, ReplayError};
pub use reset::until;
pub use rules::Rules;

use crate::definitions::{Says, WaitKind as Wants};

/// A screen in motion is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Output has settled when nothing came for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// What we think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the agent does.
    pub state: ActivityState,
    /// What it wants of a person.
    pub kind: Option<WaitKind>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Since when.
    pub since: Moment,
    /// When its limit ends, in the agent's words; [`until`] reads them.
    pub reset: Option<String>,
    /// The evidence that decides.
    pub source: Source,
    /// The rule that reads it so.
    pub rule: String,
    /// The part of the screen it was found in.
    pub region: Option<String>,
}

/// A hook of the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    /// The event's name.
    pub name: String,
    /// What the agent says with it.
    pub payload: serde_json::Value,
    /// When it was sent, in milliseconds of the sender's clock. Hooks overtake each other.
    pub sent_at_ms: u64,
    /// The sender's count, for those of the same millisecond.
    pub seq: u64,
    /// Whether it is known to be of a sub-agent; the definition may tell it from the payload too.
    pub from_subagent: bool,
}

/// How the agent's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Whether it lives.
    pub alive: bool,
    /// The processor time that it and its descendants have used, where that is known.
    pub cpu: Option<Duration>,
}

/// Watches one agent.
#[derive(Debug)]
pub struct Attention {
    rules: Arc<Rules>,
    log: Log,
    verdict: Verdict,
    alive: bool,
    began: Moment,
    /// Any rule has said anything.
    spoken: bool,
    /// A turn has been seen: dialogs of the first start are over.
    worked: bool,
    protocol: Option<Claim>,
    /// The agent reports itself; its titles mean nothing any more.
    reports: bool,
    hook: Option<Claim>,
    hook_order: (u64, u64),
    /// The dialog that the hook tells of was seen.
    hook_shown: bool,
    title: Option<Claim>,
    /// A title has said that the agent works or waits: the person has not turned that off.
    title_lives: bool,
    progress: Option<Claim>,
    screen: Option<Claim>,
    blocker: Option<Blocker>,
    limits: Limits,
    rate: Rate,
    looked_at: Option<Moment>,
    seen: Option<u64>,
    /// Since when the screen says nothing.
    blank_since: Moment,
    /// Output that was not looked at came first and last.
    unseen: Option<(Moment, Moment)>,
    answered_at: Option<Moment>,
    refused: bool,
    interrupted_at: Option<Moment>,
    /// Rest is believed when it has lasted from here.
    calm_since: Option<Moment>,
    /// How long it must last.
    calm_time: Duration,
    /// Neither output nor computing nor news since.
    quiet_since: Moment,
    sampled: Option<(Moment, Duration)>,
    /// When the verdict was last thought over.
    judged: Moment,
}

impl Attention {
    /// Begins to watch.
    pub fn new(rules: Arc<Rules>, at: Moment) -> Self {
        let state = if rules.described {
            ActivityState::Starting
        } else {
            ActivityState::Idle
        };
        Self {
            rules,
            log: Log::default(),
            verdict: Verdict {
                state,
                kind: None,
                reason: None,
                since: at,
                reset: None,
                source: Source::Process,
                rule: "started".to_owned(),
                region: None,
            },
            alive: true,
            began: at,
            spoken: false,
            worked: false,
            protocol: None,
            reports: false,
            hook: None,
            hook_order: (0, 0),
            hook_shown: false,
            title: None,
            title_lives: false,
            progress: None,
            screen: None,
            blocker: None,
            limits: Limits::default(),
            rate: Rate::default(),
            looked_at: None,
            seen: None,
            blank_since: at,
            unseen: None,
            answered_at: None,
            refused: false,
            interrupted_at: None,
            calm_since: None,
            calm_time: Duration::ZERO,
            quiet_since: at,
            sampled: None,
            judged: at,
        }
    }

    /// Returns what we think.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Tells whether somebody has described the program.
    pub(super) fn is_of_described(&self) -> bool {
        self.rules.described
    }

    /// Returns the last pieces of evidence, oldest first.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.log.iter()
    }

    /// The program said something beside its output.
    pub fn on_event(&mut self, at: Moment, event: &Event) {
        match event {
            Event::ProgramStatus {
                state,
                kind,
                message,
                ..
            } => self.on_report(at, *state, kind, message),
            Event::Title(title) => self.on_title(at, title),
            Event::Progress { state, .. } => self.on_progress(at, *state),
            _ => return,
        }
        self.judge(at);
    }

    fn on_report(&mut self, at: Moment, state: ProgramState, kind: &str, message: &str) {
        let says = match state {
            ProgramState::Idle | ProgramState::Done => Says::Idle,
            ProgramState::Working => Says::Working,
            ProgramState::Blocked => Says::Waiting,
            ProgramState::Error => Says::Errored,
            ProgramState::Clear => Says::Nothing,
        };
        let wants = match kind {
            "question" => Wants::Question,
            "auth" => Wants::Auth,
            _ if message.contains("trust") && !self.worked => Wants::Trust,
            _ => Wants::Approval,
        };
        let claim = Claim::new(at, Source::Protocol, says, report_name(state))
            .kind((says == Says::Waiting).then_some(wants))
            .text(message);
        self.quiet_since = at;
        self.note(&claim);
        self.reports = says != Says::Nothing;
        self.title = None;
        // A program that takes its report back has gone, or has nothing to say for now.
        self.protocol = self.reports.then_some(claim);
    }

    fn on_title(&mut self, at: Moment, title: &str) {
        if self.reports {
            return;
        }
        let title = title.trim();
        let mut rules = self.rules.titles.iter();
        let fitting = rules.find(|(_, pattern)| pattern.is_match(title));
        let claim = fitting.map(|(rule, _)| {
            Claim::new(at, Source::Title, rule.says, &rule.id)
                .kind(rule.kind)
                .text(title)
        });
        self.title_lives |= claim
            .as_ref()
            .is_some_and(|claim| matches!(claim.says, Says::Working | Says::Waiting));
        // Titles turn and count: what stays is the rule.
        let same = |old: &Claim, new: &Claim| old.rule == new.rule;
        match (&self.title, claim) {
            (Some(old), Some(new)) if same(old, &new) => {}
            (_, Some(new)) if new.says == Says::Nothing => self.note(&new),
            (_, Some(new)) => {
                self.note(&new);
                self.title = Some(new);
            }
            (_, None) => self.title = None,
        }
    }

    fn on_progress(&mut self, at: Moment, state: ProgressState) {
        let claim = match state {
            ProgressState::Normal | ProgressState::Indeterminate => {
                Claim::new(at, Source::Progress, Says::Working, "progress")
            }
            ProgressState::None | ProgressState::Error | ProgressState::Paused => {
                self.progress = None;
                return;
            }
        };
        if self.progress.is_none() {
            self.note(&claim);
            self.progress = Some(claim);
        }
    }

    /// A hook of the agent came.
    pub fn on_hook(&mut self, at: Moment, hook: &Hook) {
        let rules = Arc::clone(&self.rules);
        let Some(read) = rules.hook(&hook.name, &hook.payload) else {
            return;
        };
        let source = if read.says == Says::Waiting {
            Source::PermissionHook
        } else {
            Source::TurnHook
        };
        let claim = Claim::new(at, source, read.says, read.event)
            .kind(read.kind)
            .text(&read.reason);
        let order = (hook.sent_at_ms, hook.seq);
        let late = order < self.hook_order;
        let child = hook.from_subagent || rules.is_of_subagent(&hook.payload);
        self.note(&claim);
        let tells = match read.says {
            Says::Nothing | Says::Exited | Says::Starting => false,
            // A child that asks needs a person too; one that ends, ends nothing else.
            Says::Waiting => true,
            Says::Working => {
                !child
                    || self
                        .hook
                        .as_ref()
                        .is_some_and(|known| known.says == Says::Waiting)
            }
            Says::Idle | Says::Limited | Says::Errored => !child,
        };
        if late {
            return;
        }
        self.hook_order = order;
        if tells {
            self.quiet_since = at;
            self.hook_shown = false;
            let same = self.hook.as_ref().is_some_and(|known| known.same(&claim));
            if !same || read.says == Says::Idle {
                self.hook = Some(claim);
            }
        }
        self.judge(at);
    }

    /// Output came; what it shows is told by [`Self::on_screen`], when [`Self::screen_due`] asks.
    pub fn on_output(&mut self, at: Moment, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.quiet_since = at;
        let first = self.unseen.map_or(at, |(first, _)| first);
        self.unseen = Some((first, at));
        if !self.rules.described && !self.reports {
            self.rate.on_output(at);
        }
        self.judge(at);
    }

    /// The terminal has another size: everything is drawn anew, which is no work.
    pub fn on_resize(&mut self, at: Moment) {
        self.seen = None;
        let first = self.unseen.map_or(at, |(first, _)| first);
        self.unseen = Some((first, at));
    }

    /// When the screen should be shown to [`Self::on_screen`].
    pub fn screen_due(&self) -> Option<Moment> {
        let (first, last) = self.unseen?;
        if self.rules.settles() {
            return Some(last + SETTLE);
        }
        let next = self.looked_at.map_or(first, |looked| looked + LOOK_EVERY);
        Some(next.max(first + LOOK_EVERY / 3))
    }

    /// The screen cannot be looked at now: it is not up to date.
    pub fn put_off(&mut self, at: Moment) {
        self.looked_at = Some(at);
        let settles = self.rules.settles();
        // Where output must settle first, what comes later asks again.
        self.unseen.take_if(|_| settles);
    }

    /// There is no screen to look at.
    pub fn look_elsewhere(&mut self) {
        self.unseen = None;
    }

    /// This is on the screen.
    pub fn on_screen(&mut self, at: Moment, rows: &[&str], cursor: Cursor) {
        self.unseen = None;
        self.looked_at = Some(at);
        let row = cursor.visible.then_some(usize::from(cursor.row));
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one((rows, row));
        if self.seen.replace(hash) != Some(hash) {
            let rules = Arc::clone(&self.rules);
            let sight = Sight::new(rows, row);
            let found = sight.asking(&rules).or_else(|| sight.find(&rules));
            let (limit, count) = sight.limits(&rules, at);
            self.on_found(at, found);
            if let Some(claim) = self.limits.look(at, limit, count).cloned() {
                self.note(&claim);
            }
        }
        self.judge(at);
    }

    fn on_found(&mut self, at: Moment, found: Option<Found>) {
        let hides = found
            .as_ref()
            .is_some_and(|found| found.says == Says::Nothing);
        if hides {
            return;
        }
        match found {
            Some(found) if found.blocker => {
                if !self.rules.described {
                    self.rate.on_question();
                }
                self.show_blocker(at, &found);
            }
            found => {
                if let Some(blocker) = &mut self.blocker {
                    let gone_at = *blocker.gone_at.get_or_insert(at);
                    // The agent shows itself in the place of the dialog, and not for a moment only.
                    blocker.replaced = found.is_some() && at > gone_at;
                }
                let claim = found.map(|found| found.claim(at, Source::Screen));
                let same = match (&self.screen, &claim) {
                    (Some(old), Some(new)) => old.rule == new.rule,
                    (None, None) => true,
                    _ => false,
                };
                if same {
                    return;
                }
                match &claim {
                    Some(claim) => self.note(claim),
                    None => self.blank_since = at,
                }
                self.screen = claim;
            }
        }
    }

    fn show_blocker(&mut self, at: Moment, found: &Found) {
        let mut claim = found.claim(at, Source::Blocker);
        match &mut self.blocker {
            Some(old) => {
                old.gone_at = None;
                if old.claim.rule == claim.rule {
                    if !found.asked {
                        return;
                    }
                    claim.at = old.claim.at;
                }
                if old.claim.same(&claim) {
                    return;
                }
                old.first_run = found.first_run;
                old.claim = claim.clone();
            }
            None => {
                self.blocker = Some(Blocker {
                    claim: claim.clone(),
                    shown_at: at,
                    gone_at: None,
                    replaced: false,
                    first_run: found.first_run,
                });
            }
        }
        self.note(&claim);
    }

    /// Somebody typed.
    pub fn on_input(&mut self, at: Moment, bytes: &[u8]) {
        let keys = Keys::of(bytes);
        if keys == Keys::None {
            return;
        }
        if matches!(keys, Keys::Interrupt) {
            self.interrupted_at = Some(at);
            self.note_key(at, "interrupt");
        }
        if bytes != [0x03] {
            self.answered_at = Some(at);
            self.refused = keys == Keys::Interrupt;
        }
        if !self.rules.described {
            if bytes.contains(&b'\r') || bytes == b"\x1b" {
                self.rate.on_sent();
                self.blocker = None;
                self.seen = None;
            } else {
                self.rate.on_typed(at);
            }
        }
        self.judge(at);
    }

    fn note_key(&mut self, at: Moment, rule: &str) {
        self.log
            .note(&Claim::new(at, Source::Input, Says::Nothing, rule));
    }

    /// The process is like this now.
    pub fn on_process(&mut self, at: Moment, process: Process) {
        self.alive = process.alive;
        let known = self.sampled.map(|(_, cpu)| cpu);
        if let Some(cpu) = process
            .cpu
            .or(known)
            .or(process.alive.then_some(Duration::ZERO))
        {
            let before = self.sampled.replace((at, cpu));
            let used = before.map(|(_, before)| cpu.saturating_sub(before));
            if used.is_some_and(|used| used >= judge::COMPUTES) {
                self.quiet_since = at;
            }
        }
        self.judge(at);
    }

    /// Time passed. Call it at [`Self::deadline`].
    pub fn on_tick(&mut self, at: Moment) {
        self.judge(at);
    }

    fn note(&mut self, claim: &Claim) {
        self.spoken |= claim.says != Says::Nothing;
        let newest = self.log.iter().last();
        let again = newest.is_some_and(|newest| {
            newest.source == claim.source && newest.rule == claim.rule && newest.text == claim.text
        });
        if !again {
            self.log.note(claim);
        }
    }
}

/// What typed bytes may mean to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// Not typed by anybody: reports of focus, mouse or terminal.
    None,
    /// Esc or Ctrl-C.
    Interrupt,
    /// Anything else.
    Other,
}

impl Keys {
    fn of(bytes: &[u8]) -> Self {
        // Kitty's way of writing Esc and Ctrl-C is `CSI 27 u` and `CSI 99 ; 5 u`.
        let spelled = [
            &b"\x1b[27u"[..],
            b"\x1b[27;1u",
            b"\x1b[99;5u",
            b"\x1b",
            b"\x03",
            b"\x1b\x1b",
        ];
        if spelled.contains(&bytes) {
            return Self::Interrupt;
        }
        if offshoot_vt::without_reports(bytes).is_empty() {
            return Self::None;
        }
        Self::Other
    }
}

impl Found {
    fn claim(&self, at: Moment, source: Source) -> Claim {
        let mut claim = Claim::new(at, source, self.says, &self.rule)
            .kind(self.kind)
            .text(&self.text);
        claim.region = Some(self.region.clone());
        claim
    }
}

fn report_name(state: ProgramState) -> &'static str {
    match state {
        ProgramState::Idle => "7501 idle",
        ProgramState::Working => "7501 working",
        ProgramState::Done => "7501 done",
        ProgramState::Blocked => "7501 blocked",
        ProgramState::Error => "7501 error",
        ProgramState::Clear => "7501 clear",
    }
}
