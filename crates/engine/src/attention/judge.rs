//! From what every source says to what we think.

use std::time::Duration;

use offshoot_protocol::view::ActivityState;

use super::evidence::{Claim, Moment, Source};
use super::{Attention, SETTLE, Verdict};
use crate::definitions::{Says, WaitKind as Wants};

/// A dialog counts when it was on the screen for so long: what scrolls by is none.
const SHOWN: Duration = Duration::from_millis(250);
/// Rest that only title or screen tell counts when it has lasted so long: between two steps of a
/// turn there are shorter ones.
const CALM: Duration = Duration::from_millis(500);
/// The same where nothing shows rest, but nothing shows work any more either.
const UNSHOWN_CALM: Duration = Duration::from_millis(1200);
/// A dialog that goes away so soon after a key was answered, not merely drawn over.
const ANSWERED: Duration = Duration::from_secs(3);
/// After Esc or Ctrl-C, title and screen may overrule hooks for so long.
const INTERRUPT: Duration = Duration::from_secs(3);
/// A hook that says `working` is no longer believed when title and screen rest for so long.
const RESTED: Duration = Duration::from_secs(10);
/// A hook that says `idle` is no longer believed when work began so long after it.
const RESUMED: Duration = Duration::from_secs(2);
/// Processor time between two looks at the process that counts as a sign of life.
pub(super) const COMPUTES: Duration = Duration::from_millis(300);
/// A described program of which no rule has said anything for so long counts as idle.
const STARTS: Duration = Duration::from_secs(30);

/// The rule of described programs whose screen shows neither work nor rest.
const UNSHOWN: &str = "nothing shows work";

/// A dialog on the screen.
#[derive(Debug, Clone)]
pub(super) struct Blocker {
    pub(super) claim: Claim,
    /// Since when there is one without interruption, even if it was another one.
    pub(super) shown_at: Moment,
    /// When it was first looked for in vain.
    pub(super) gone_at: Option<Moment>,
    /// Something else of the agent was seen in its place twice.
    pub(super) replaced: bool,
    /// It is one of the first start.
    pub(super) first_run: bool,
}

impl Attention {
    /// When [`Attention::on_tick`] could change the verdict. None at rest.
    pub fn deadline(&self) -> Option<Moment> {
        if !self.alive {
            return None;
        }
        let blocker = self.blocker.as_ref().map(|blocker| match blocker.gone_at {
            Some(gone) => gone + SETTLE,
            None => blocker.shown_at + SHOWN,
        });
        let rested = self.hook_works().then(|| self.rest_since()).flatten();
        let all = [
            blocker.filter(|end| *end > self.judged),
            self.calm_since.map(|since| since + self.calm_time),
            rested.map(|since| since + RESTED),
            self.rate.deadline(),
            self.stuck_deadline(),
            (self.verdict.state == ActivityState::Starting).then(|| self.began + STARTS),
        ];
        let open = all.into_iter().flatten();
        open.filter(|end| *end > self.judged).min()
    }

    /// Whether the processor time of the process should be told, and when.
    pub fn process_due(&self) -> Option<Moment> {
        if !self.alive || self.verdict.state != ActivityState::Working {
            return None;
        }
        let stuck = self.rules.stuck?;
        let quiet = self.quiet_since + stuck / 2;
        let last = self.sampled.map(|(at, _)| at + stuck / 4);
        Some(last.map_or(quiet, |last| last.max(quiet)))
    }

    fn stuck_deadline(&self) -> Option<Moment> {
        let stuck = self.rules.stuck?;
        (self.verdict.state == ActivityState::Working).then(|| self.quiet_since + stuck)
    }

    pub(super) fn judge(&mut self, at: Moment) {
        self.judged = at;
        self.age(at);
        let claim = self.decide(at);
        self.worked |= claim.says == Says::Working;
        if self.is_too_soon(&claim, at) {
            return;
        }
        self.show(claim, at);
    }

    /// Lets go of what has become old.
    fn age(&mut self, at: Moment) {
        self.rate.on_tick(at);
        let works = self
            .title
            .as_ref()
            .is_some_and(|title| title.says == Says::Working);
        let gone = self.blocker.as_ref().and_then(|blocker| blocker.gone_at);
        let answered = |gone: Moment| {
            let key = self.answered_at;
            key.is_some_and(|key| key <= gone && gone <= key + ANSWERED)
        };
        let replaced = self
            .blocker
            .as_ref()
            .is_some_and(|blocker| blocker.replaced);
        let over = |gone: &Moment| at >= *gone + SETTLE || works || replaced || answered(*gone);
        if let Some(gone) = gone.filter(over) {
            self.blocker = None;
            // What is shown now has been shown since then.
            self.calm_since = self.calm_since.or(Some(gone));
        }
        let Some(hook) = &self.hook else { return };
        match hook.says {
            Says::Waiting => self.age_question(at),
            Says::Working => self.age_work(at),
            _ => {
                let since = hook.at + RESUMED;
                let later = |claim: &Option<Claim>| {
                    claim
                        .as_ref()
                        .is_some_and(|claim| claim.says == Says::Working && claim.at > since)
                };
                if later(&self.title) || later(&self.screen) {
                    self.hook = None;
                }
            }
        }
    }

    /// A hook told of a question; no hook tells that it was answered.
    fn age_question(&mut self, at: Moment) {
        let Some(asked_at) = self.hook.as_ref().map(|hook| hook.at) else {
            return;
        };
        let dialog = self.blocker.is_some();
        let was_shown = self.hook_shown;
        self.hook_shown |= dialog;
        let works = self.title.as_ref().is_some_and(|title| {
            title.says == Says::Working && title.at > asked_at + Duration::from_millis(500)
        });
        let answered = self.answered_at.filter(|answered| *answered > asked_at);
        let looked = |since: Moment| {
            self.looked_at
                .is_some_and(|looked| looked >= since + SETTLE)
        };
        let over = !dialog && (was_shown || works || answered.is_some_and(looked));
        if !over {
            return;
        }
        self.hook = None;
        if !(answered.is_some() && self.refused) {
            let mut claim = Claim::new(at, Source::TurnHook, Says::Working, "answered");
            // Title and screen may tell the end of it as if it had begun with the question.
            claim.at = asked_at;
            self.note(&claim);
            self.hook = Some(claim);
        }
    }

    /// A hook said that a turn began; none comes when it is interrupted.
    fn age_work(&mut self, at: Moment) {
        let Some((since, hook)) = self.rest_since().zip(self.hook.as_ref()) else {
            return;
        };
        let interrupted = self.interrupted_at.is_some_and(|pressed| {
            pressed > hook.at && since >= pressed && since <= pressed + INTERRUPT
        });
        let contradicted = since > hook.at && at >= since + RESTED;
        if interrupted || contradicted {
            self.hook = None;
        }
    }

    fn hook_works(&self) -> bool {
        let hook = self.hook.as_ref();
        hook.is_some_and(|hook| hook.says == Says::Working)
    }

    /// Since when both title and screen are at rest.
    fn rest_since(&self) -> Option<Moment> {
        let says = |claim: &Option<Claim>| claim.as_ref().map(|claim| (claim.says, claim.at));
        let rests = |said: Option<(Says, Moment)>| match said {
            Some((Says::Idle | Says::Errored | Says::Limited, at)) => Some(at),
            _ => None,
        };
        let (title, screen) = (says(&self.title), says(&self.screen));
        let busy = |said: Option<(Says, Moment)>| {
            said.is_some_and(|(says, _)| matches!(says, Says::Working | Says::Waiting))
        };
        if self.blocker.is_some() || busy(title) || busy(screen) {
            return None;
        }
        let known = rests(title).max(rests(screen));
        known.or_else(|| self.looked_at.map(|_| self.blank_since))
    }

    /// Returns the strongest evidence.
    fn decide(&self, at: Moment) -> Claim {
        if !self.alive {
            return Claim::new(at, Source::Process, Says::Exited, "ended");
        }
        let strongest = self.strongest(at);
        if strongest.says == Says::Working
            && self
                .rules
                .stuck
                .is_some_and(|stuck| at >= self.quiet_since + stuck)
        {
            return Claim::new(at, Source::Silence, Says::Working, "stuck")
                .text("It says that it works, but has neither printed nor computed for minutes");
        }
        strongest
    }

    fn strongest(&self, at: Moment) -> Claim {
        let shown = |blocker: &&Blocker| self.rules.settles() || at >= blocker.shown_at + SHOWN;
        let blocker = self.blocker.as_ref().filter(shown);
        let blocker = blocker.filter(|blocker| blocker.first_run || !self.title_denies());
        if let Some(report) = &self.protocol {
            let first = blocker.filter(|blocker| blocker.first_run && !self.worked);
            return match first {
                Some(blocker) if report.says != Says::Working => blocker.claim.clone(),
                _ => self.with_details(report),
            };
        }
        let asks = |hook: &&Claim| hook.says == Says::Waiting;
        if let Some(hook) = self.hook.as_ref().filter(asks) {
            return self.with_details(hook);
        }
        if let Some(blocker) = blocker {
            return blocker.claim.clone();
        }
        // A title that says so is as good as a dialog in sight.
        if let Some(title) = self.title.as_ref().filter(asks) {
            return self.with_details(title);
        }
        let below = [&self.hook, &self.title, &self.progress, &self.screen];
        if let Some(claim) = below.into_iter().flatten().next() {
            return self.with_details(claim);
        }
        self.without_evidence(at)
    }

    /// Tells whether a title that would tell of a question says that there is none: what looks like
    /// one is a quotation, or a menu that a person opened.
    fn title_denies(&self) -> bool {
        let rests = |title: &Claim| matches!(title.says, Says::Idle);
        self.rules.titles_tell_waits && self.title_lives && self.title.as_ref().is_some_and(rests)
    }

    /// What nobody says anything about.
    fn without_evidence(&self, at: Moment) -> Claim {
        if !self.rules.described {
            let says = if self.rate.is_working() {
                Says::Working
            } else {
                Says::Idle
            };
            return Claim::new(at, Source::OutputRate, says, "output rate");
        }
        if self.spoken || at >= self.began + STARTS {
            let claim = Claim::new(at, Source::Screen, Says::Idle, UNSHOWN);
            return self.with_details(&claim);
        }
        Claim::new(at, Source::Process, Says::Starting, "started")
    }

    /// Adds to a strong claim what weaker ones know better.
    fn with_details(&self, claim: &Claim) -> Claim {
        let mut claim = claim.clone();
        if claim.says == Says::Waiting
            && let Some(blocker) = &self.blocker
        {
            let special = matches!(blocker.claim.kind, Some(Wants::Plan | Wants::Trust));
            if claim.kind.is_none() || special {
                claim.kind = blocker.claim.kind;
            }
            if claim.text.is_empty() || claim.source == Source::PermissionHook {
                claim.text.clone_from(&blocker.claim.text);
            }
        }
        if matches!(claim.says, Says::Idle | Says::Errored) {
            if let Some(limit) = self.limits.current() {
                return limit.claim.clone();
            }
            let failed = |screen: &&Claim| screen.says == Says::Errored;
            if claim.source != Source::Protocol
                && let Some(failed) = self.screen.as_ref().filter(failed)
            {
                return failed.clone();
            }
        }
        claim
    }

    /// Tells whether rest is not to be believed yet.
    fn is_too_soon(&mut self, claim: &Claim, at: Moment) -> bool {
        let calm = matches!(claim.says, Says::Idle | Says::Errored | Says::Limited);
        let weak = matches!(
            claim.source,
            Source::Title | Source::Progress | Source::Screen
        );
        let busy = matches!(
            self.verdict.state,
            ActivityState::Working
                | ActivityState::Waiting
                | ActivityState::Starting
                | ActivityState::Stuck
        );
        if !(calm && weak && busy) || self.rules.settles() {
            self.calm_since = None;
            return false;
        }
        let since = *self.calm_since.get_or_insert(at);
        self.calm_time = if claim.rule == UNSHOWN {
            UNSHOWN_CALM
        } else {
            CALM
        };
        at < since + self.calm_time
    }

    fn show(&mut self, claim: Claim, at: Moment) {
        let since = self.calm_since.take().unwrap_or(at);
        let state = match claim.says {
            Says::Working if claim.source == Source::Silence => ActivityState::Stuck,
            Says::Starting | Says::Nothing => ActivityState::Starting,
            Says::Working => ActivityState::Working,
            Says::Waiting => ActivityState::Waiting,
            Says::Idle => ActivityState::Idle,
            Says::Limited => ActivityState::Limited,
            Says::Errored => ActivityState::Errored,
            Says::Exited => ActivityState::Exited,
        };
        // Lines of a screen at work or at rest count seconds; they are no reasons.
        let plain = matches!(state, ActivityState::Working | ActivityState::Idle);
        let seen = matches!(claim.source, Source::Title | Source::Screen);
        let reason = Some(claim.text).filter(|text| !(text.is_empty() || plain && seen));
        let waits = state == ActivityState::Waiting;
        let worked = matches!(
            self.verdict.state,
            ActivityState::Working | ActivityState::Stuck
        );
        if state == ActivityState::Working && !worked {
            self.limits.on_turn();
        }
        let reset = self.limits.current().and_then(|told| told.reset.clone());
        let since = if state == self.verdict.state {
            self.verdict.since
        } else {
            since
        };
        if self.verdict.rule != claim.rule || self.verdict.state != state {
            self.log.count(claim.source, &claim.rule);
        }
        self.verdict = Verdict {
            state,
            kind: claim.kind.filter(|_| waits),
            reason,
            since,
            reset: reset.filter(|_| state == ActivityState::Limited),
            source: claim.source,
            rule: claim.rule,
            region: claim.region,
        };
    }
}
