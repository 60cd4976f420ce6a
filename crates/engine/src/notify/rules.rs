//! What of an agent's life is worth telling. Pure: time comes in as an argument.
//!
//! A state is told when it has lasted for 3 s, and once: again only after the agent has worked in
//! between. An answered question that leads to no work is no end of work, and neither is the noise of
//! a program that starts.

use std::time::Duration;

use offshoot_protocol::PromptId;
use offshoot_protocol::notification::WebhookEvent;
use offshoot_protocol::view::{ActivityState, Process, ProcessState};
use tokio::time::Instant;

/// A state must last so long; every change begins it anew.
const DEBOUNCE: Duration = Duration::from_secs(3);

/// A program that is busy for no longer than this after its start has only started.
const STARTUP: Duration = Duration::from_secs(10);

/// What is known of one agent.
#[derive(Debug, Default)]
pub(super) struct Rules {
    activity: Option<ActivityState>,
    process: Option<(ProcessState, Option<u32>)>,
    started: Option<Instant>,
    /// Whether it has worked since something was told or it was started.
    worked: bool,
    told: Option<WebhookEvent>,
    pending: Option<(WebhookEvent, Instant)>,
    /// The prompt that is known to have failed.
    failed: Option<PromptId>,
    failure: Option<Instant>,
}

impl Rules {
    /// Begins with an agent that was there before; what it does already is not told.
    pub(super) fn known(activity: Option<ActivityState>, process: Option<&Process>) -> Self {
        Self {
            activity,
            process: process.map(|process| (process.state, process.pid)),
            worked: activity == Some(ActivityState::Working),
            ..Self::default()
        }
    }

    /// When [`Self::due`] has something to say.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let pending = self.pending.map(|(_, at)| at);
        pending.into_iter().chain(self.failure).min()
    }

    /// Takes in which prompt was given up. It is told at once: nothing will change it.
    pub(super) fn on_undelivered(&mut self, prompt: Option<PromptId>, now: Instant) {
        if std::mem::replace(&mut self.failed, prompt) != prompt {
            self.failure = prompt.map(|_| now);
        }
    }

    /// Takes in what the agent does now.
    pub(super) fn on_activity(&mut self, activity: ActivityState, now: Instant) {
        if self.activity.replace(activity) == Some(activity) {
            return;
        }
        match activity {
            ActivityState::Working => {
                (self.worked, self.told, self.pending) = (true, None, None);
            }
            ActivityState::Waiting => self.pending = Some((WebhookEvent::Waiting, now + DEBOUNCE)),
            ActivityState::Errored | ActivityState::Limited => {
                self.pending = Some((WebhookEvent::Errored, now + DEBOUNCE));
            }
            // Still the same turn; what was to be told of it is not taken back.
            ActivityState::Stuck => {}
            ActivityState::Idle => {
                let is_startup = self.started.is_some_and(|at| now < at + STARTUP);
                self.worked &= !is_startup;
                self.pending = self
                    .worked
                    .then_some((WebhookEvent::Finished, now + DEBOUNCE));
            }
            ActivityState::Starting => {
                (self.worked, self.told, self.pending) = (false, None, None);
            }
            // The process tells how it ended.
            ActivityState::Exited => {}
        }
    }

    /// Takes in how the process is now.
    pub(super) fn on_process(&mut self, process: &Process, now: Instant) {
        let new = (process.state, process.pid);
        let old = self.process.replace(new);
        if old == Some(new) {
            return;
        }
        let lives = |state| matches!(state, ProcessState::Running | ProcessState::Starting);
        if process.state == ProcessState::Unknown {
            self.process = old;
        } else if lives(process.state) {
            let goes_on = old.is_some_and(|(state, pid)| lives(state) && pid == process.pid);
            if !goes_on {
                (self.worked, self.told, self.pending) = (false, None, None);
                self.started = Some(now);
            }
        } else if old.is_none_or(|(state, _)| lives(state)) {
            let code = process.exit.and_then(|exit| exit.code);
            let event = match process.state {
                ProcessState::Exited if code == Some(0) => Some(WebhookEvent::Exited),
                ProcessState::Exited | ProcessState::Lost | ProcessState::FailedToStart => {
                    Some(WebhookEvent::Errored)
                }
                _ => None,
            };
            self.pending = event.map(|event| (event, now + DEBOUNCE));
        }
    }

    /// Returns what is to be told now.
    pub(super) fn due(&mut self, now: Instant) -> Option<WebhookEvent> {
        if self.failure.take_if(|at| *at <= now).is_some() {
            return Some(WebhookEvent::PromptFailed);
        }
        let (event, _) = self.pending.take_if(|(_, at)| *at <= now)?;
        self.worked = false;
        (self.told.replace(event) != Some(event)).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use ActivityState::{Errored as Failed, Idle, Stuck, Waiting as Asks, Working};
    use WebhookEvent::{Errored, Exited, Finished, Waiting};
    use offshoot_protocol::TerminalSize;
    use offshoot_protocol::view::Exit;

    use super::*;

    fn process(state: ProcessState, pid: u32, code: Option<i32>) -> Process {
        Process {
            state,
            epoch: 1,
            pid: Some(pid),
            exit: code.map(|code| Exit {
                code: Some(code),
                signal: None,
            }),
            reason: None,
            size: TerminalSize { cols: 80, rows: 24 },
        }
    }

    /// Feeds (second, activity) and collects what is told.
    fn told(rules: &mut Rules, steps: &[(u64, ActivityState)]) -> Vec<WebhookEvent> {
        let start = Instant::now();
        let mut all = Vec::new();
        let mut second = 0;
        for (at, activity) in steps.iter().copied().chain([(1000, Working)]) {
            while second < at {
                second += 1;
                all.extend(rules.due(start + Duration::from_secs(second)));
            }
            rules.on_activity(activity, start + Duration::from_secs(at));
        }
        all
    }

    #[test]
    fn states_that_last_are_told_once_until_work_goes_on() {
        for (steps, expected) in [
            (&[(0, Working), (5, Idle)][..], &[Finished][..]),
            (&[(0, Working), (5, Asks)], &[Waiting]),
            (&[(0, Working), (5, Failed)], &[Errored]),
            (&[(0, Working), (5, Stuck), (300, Idle)], &[Finished]),
            // Each end of work is one.
            (
                &[(0, Working), (5, Idle), (20, Working), (30, Idle)],
                &[Finished, Finished],
            ),
            (
                &[(0, Working), (5, Asks), (20, Working), (30, Idle)],
                &[Waiting, Finished],
            ),
            // A question that is answered with Esc is no end of work.
            (&[(0, Working), (5, Asks), (20, Idle)], &[Waiting]),
            // Three seconds, begun anew by each change.
            (
                &[(0, Working), (5, Idle), (7, Working), (9, Idle), (11, Asks)],
                &[Waiting],
            ),
            (&[(0, Working), (5, Asks), (7, Working)], &[]),
            (&[(0, Idle), (5, Asks), (20, Idle), (30, Asks)], &[Waiting]),
            (&[(0, Idle)], &[]),
        ] {
            let found = told(&mut Rules::known(Some(Idle), None), steps);
            assert_eq!(found, expected, "{steps:?}");
        }
    }

    #[test]
    fn a_prompt_that_fails_is_told_at_once_and_once() {
        let now = Instant::now();
        let mut rules = Rules::known(Some(Idle), None);
        let (one, other) = (PromptId::random(), PromptId::random());
        for (prompt, expected) in [
            (Some(one), Some(WebhookEvent::PromptFailed)),
            (Some(one), None),
            (None, None),
            (Some(other), Some(WebhookEvent::PromptFailed)),
        ] {
            rules.on_undelivered(prompt, now);
            assert_eq!(rules.due(now), expected);
            assert_eq!(rules.deadline(), None);
        }
        // Removed before anybody was told.
        rules.on_undelivered(Some(one), now);
        rules.on_undelivered(None, now);
        assert_eq!(rules.due(now), None);
    }

    #[test]
    fn a_start_is_no_end_of_work() {
        let now = Instant::now();
        let mut rules = Rules::known(Some(ActivityState::Exited), None);
        rules.on_process(&process(ProcessState::Running, 1, None), now);
        assert_eq!(told(&mut rules, &[(1, Working), (4, Idle)]), []);
        let mut rules = Rules::known(None, None);
        rules.on_process(&process(ProcessState::Running, 1, None), now);
        assert_eq!(told(&mut rules, &[(1, Working), (14, Idle)]), [Finished]);
    }

    #[test]
    fn ends_of_processes_are_told_but_for_those_people_ask_for() {
        for (state, code, expected) in [
            (ProcessState::Exited, Some(0), Some(Exited)),
            (ProcessState::Exited, Some(7), Some(Errored)),
            (ProcessState::Exited, None, Some(Errored)),
            (ProcessState::Lost, None, Some(Errored)),
            (ProcessState::FailedToStart, None, Some(Errored)),
            (ProcessState::Stopped, None, None),
            (ProcessState::Unknown, None, None),
        ] {
            let now = Instant::now();
            let mut rules = Rules::known(None, Some(&process(ProcessState::Running, 1, None)));
            rules.on_process(&process(state, 1, code), now);
            assert_eq!(rules.due(now + Duration::from_secs(2)), None);
            assert_eq!(rules.due(now + DEBOUNCE), expected, "{state:?}");
            assert_eq!(rules.due(now + DEBOUNCE), None);
            // Started again in time: nothing to tell.
            let mut rules = Rules::known(None, Some(&process(ProcessState::Running, 1, None)));
            rules.on_process(&process(state, 1, code), now);
            rules.on_process(&process(ProcessState::Running, 2, None), now);
            assert_eq!(rules.due(now + DEBOUNCE), None);
        }
    }
}
