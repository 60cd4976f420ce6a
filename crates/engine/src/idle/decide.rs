//! When workers that have nothing to do are warned and ended. Pure: time comes in as an argument.
//!
//! ```text
//!            quiet for `after` - lead             lead later, still quiet
//!   awake ────────────────────────────► warned ───────────────────────────► ended
//!     ▲                                    │ output, input, a client, a busy agent
//!     └────────────────────────────────────┘
//! ```
//! Nothing is ever ended without its warning: a worker that was quiet for long already when a rule
//! comes into force is warned first.

use std::time::Duration;

use offshoot_protocol::idle::{IdleAction, IdlePolicy};
use offshoot_protocol::view::ActivityState;

use crate::worker::Signs;

/// Moments since some fixed moment.
pub(super) type Moment = Duration;

/// People get so long between warning and end, or half of the rule's time when that is less.
const LEAD: Duration = Duration::from_secs(60);

/// A rule that does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) action: IdleAction,
    pub(super) after: Duration,
}

impl Rule {
    /// Returns the rule of a policy, if it has one.
    pub(super) fn of(policy: IdlePolicy) -> Option<Self> {
        let (action, after_seconds) = match policy {
            IdlePolicy::Off => return None,
            IdlePolicy::Pause { after_seconds } => (IdleAction::Pause, after_seconds),
            IdlePolicy::Stop { after_seconds } => (IdleAction::Stop, after_seconds),
        };
        let after = Duration::from_secs(u64::from(after_seconds));
        Some(Self { action, after })
    }

    fn lead(self) -> Duration {
        LEAD.min(self.after / 2)
    }
}

/// Tells whether a worker could be ended, apart from how long it has been quiet. `occupied` says
/// that a shell has a program to look after.
pub(super) fn may_rest(signs: Signs, occupied: bool) -> bool {
    let works = !matches!(
        signs.activity,
        None | Some(ActivityState::Idle | ActivityState::Errored)
    );
    signs.running && !signs.attached && !works && !occupied
}

/// What to do about something that may be ended together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is used, or was a moment ago; a warning is taken back.
    Leave,
    /// It is to be warned of its end at a moment.
    Warn(Moment),
    /// It was warned and still has time.
    Wait,
    /// Its time is over.
    End,
}

/// Decides. `quiet_since` is when the last of it was used, none while one is; `due` is what was
/// warned of.
pub(super) fn decide(
    rule: Rule,
    quiet_since: Option<Moment>,
    due: Option<Moment>,
    now: Moment,
) -> Step {
    let Some(since) = quiet_since else {
        return Step::Leave;
    };
    if now.saturating_sub(since) + rule.lead() < rule.after {
        return Step::Leave;
    }
    match due {
        None => Step::Warn((since + rule.after).max(now + rule.lead())),
        Some(due) if now < due => Step::Wait,
        Some(_) => Step::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_nobody_uses_may_rest() {
        let idle = Signs {
            mark: crate::worker::Mark::default(),
            running: true,
            activity: Some(ActivityState::Idle),
            attached: false,
            pid: Some(1),
        };
        let doing = |activity| Signs { activity, ..idle };
        for (signs, occupied, rests) in [
            (idle, false, true),
            (doing(None), false, true),
            (doing(Some(ActivityState::Working)), false, false),
            (doing(Some(ActivityState::Waiting)), false, false),
            (doing(Some(ActivityState::Stuck)), false, false),
            (doing(Some(ActivityState::Limited)), false, false),
            (doing(Some(ActivityState::Errored)), false, true),
            (doing(Some(ActivityState::Starting)), false, false),
            (doing(Some(ActivityState::Exited)), false, false),
            (doing(None), true, false),
            (
                Signs {
                    attached: true,
                    ..idle
                },
                false,
                false,
            ),
            (
                Signs {
                    running: false,
                    ..idle
                },
                false,
                false,
            ),
        ] {
            assert_eq!(may_rest(signs, occupied), rests, "{signs:?}");
        }
    }

    #[test]
    fn a_warning_comes_before_the_end_and_use_takes_it_back() {
        let rule = Rule {
            action: IdleAction::Stop,
            after: s(600),
        };
        for (quiet_since, due, now, step) in [
            (None, None, s(10_000), Step::Leave),
            (None, Some(s(5)), s(10_000), Step::Leave),
            (Some(s(0)), None, s(539), Step::Leave),
            (Some(s(0)), None, s(540), Step::Warn(s(600))),
            (Some(s(0)), Some(s(600)), s(599), Step::Wait),
            (Some(s(0)), Some(s(600)), s(600), Step::End),
            // Used after the warning: it begins anew.
            (Some(s(580)), Some(s(600)), s(600), Step::Leave),
            // Quiet for long before anybody looked, as after a sleep of the machine.
            (Some(s(0)), None, s(5_000), Step::Warn(s(5_060))),
        ] {
            let told = decide(rule, quiet_since, due, now);
            assert_eq!(told, step, "{quiet_since:?} {due:?} {now:?}");
        }
    }

    #[test]
    fn short_rules_warn_at_half_of_their_time() {
        let rule = Rule {
            action: IdleAction::Pause,
            after: s(2),
        };
        assert_eq!(decide(rule, Some(s(0)), None, s(0)), Step::Leave);
        assert_eq!(decide(rule, Some(s(0)), None, s(1)), Step::Warn(s(2)));
    }
}
