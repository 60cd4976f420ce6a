//! Judges what became of the first prompt of the queue, and settles it.

use std::time::Duration;

use offshoot_protocol::prompt::{NOT_RUNNING, PromptState};
use offshoot_protocol::view::ActivityState;
use serde_json::Value;
use tokio::time::Instant;

use super::super::task::WorkerTask;
use super::{Since, Step, view_of};
use crate::prompts::composer::squeeze;
use crate::prompts::draft::Draft;
use crate::prompts::{Evidence, Finding, judge, stands};

impl WorkerTask {
    pub(super) async fn verify_prompt(&mut self, last: Instant) {
        let typed = self.prompts.queue.front().map(|row| (row.state, row.seq));
        if let Some((PromptState::Typing, seq)) = typed
            && !self.write_down(PromptState::Typed, seq).await
        {
            return;
        }
        let sight = self.sight().await;
        let now = Instant::now();
        self.prompts.on_sight(&sight, now);
        if !self.prompts.is_typing(now) {
            self.release_held();
        }
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let has_line = self.prompts.line_at.is_some();
        let keys = self.prompts.keys(now);
        let since = &mut self.prompts.since;
        if stands(&sight, &row.text, keys) {
            since.gone = None;
        } else {
            since.gone.get_or_insert(now);
        }
        let evidence = Evidence {
            text: &row.text,
            sight: &sight,
            stood: since.stood,
            has_line,
            gone_for: since.gone.map_or(Duration::ZERO, |at| now - at),
            keys,
            hooked: since.hooked,
            worked: since.worked,
            printed: self.position > since.end,
            since: now - since.first_enter.unwrap_or(last),
            since_last: now - last,
            enters: row.seq.saturating_sub(1),
            shows_turns: self.setup.typing.shows_turns,
        };
        match judge(&evidence) {
            Finding::Began(how) => self.settle_prompt(PromptState::Accepted, how).await,
            Finding::Failed(why) => self.settle_prompt(PromptState::Failed, why).await,
            Finding::PressAgain => {
                self.prompts.since.stood = true;
                self.press_enter().await;
            }
            Finding::LookAgain => self.prompts.look_later(),
        }
    }

    /// Ends the first prompt.
    pub(super) async fn settle_prompt(&mut self, state: PromptState, reason: &str) {
        let Some(mut row) = self.prompts.queue.pop_front() else {
            return;
        };
        row.state = state;
        row.reason = Some(reason.to_owned());
        row.changed_at = jiff::Timestamp::now();
        if state == PromptState::Failed {
            tracing::warn!(prompt = %row.id, reason, "a prompt was not delivered");
        }
        if let Err(err) = self.setup.store.save_prompt(row.clone()).await {
            tracing::error!(%err, "record the prompt");
        }
        if state == PromptState::Accepted {
            self.prompts.taken = Some((row.text.clone(), 0));
        }
        self.prompts.step = Step::Waiting;
        self.release_held();
        self.tell_prompt(view_of(&row));
        if state == PromptState::Failed || self.shared.head.borrow().undelivered.is_some() {
            self.show_undelivered().await;
        }
        self.prompts.look_later();
    }

    /// Goes on where an earlier connection was: the shim tells which numbers it has typed.
    pub(in crate::worker) async fn resume_prompts(&mut self, writers: &[(u64, u64)]) {
        self.prompts.step = Step::Waiting;
        self.prompts.since = Since::default();
        self.prompts.look_now();
        let Some(row) = self.prompts.queue.front_mut() else {
            return self.release_held();
        };
        if row.state == PromptState::Queued {
            return self.release_held();
        }
        let known = writers.iter().find(|(writer, _)| *writer == row.writer);
        let typed = known.map_or(0, |(_, seq)| *seq);
        let now = Instant::now();
        match typed {
            0 => {
                // Nothing was typed, and nothing will be: the shim refuses the server of then.
                row.state = PromptState::Queued;
                row.seq = 0;
                let row = row.clone();
                self.tell_prompt(view_of(&row));
                if let Err(err) = self.setup.store.save_prompt(row).await {
                    tracing::error!(%err, "record the prompt");
                }
                self.release_held();
            }
            1 => {
                row.seq = 1;
                let enter_at = now + self.setup.typing.enter_delay;
                self.prompts.step = Step::Pasted { at: now, enter_at };
                self.prompts.look_at = Some(enter_at);
            }
            enter => {
                row.seq = enter;
                self.prompts.since.first_enter = Some(now);
                self.prompts.since.stood = true;
                // What is on the screen was printed since, as far as can be told.
                self.prompts.since.end = 0;
                self.prompts.since.worked = matches!(
                    self.shown_state(),
                    ActivityState::Working | ActivityState::Waiting
                );
                self.prompts.step = Step::Entered { last: now };
            }
        }
    }

    /// The process is gone. What was half delivered is told; the rest waits for the next process.
    pub(in crate::worker) async fn end_prompts(&mut self) {
        let begun = self.prompts.queue.front();
        if begun.is_some_and(|row| row.state != PromptState::Queued) {
            let entered = matches!(self.prompts.step, Step::Entering | Step::Entered { .. });
            let printed = self.position > self.prompts.since.end;
            if entered && printed && !self.setup.typing.shows_turns {
                let how = "it answered with output and ended";
                self.settle_prompt(PromptState::Accepted, how).await;
            } else {
                let why = "the process ended before it showed that it took it";
                self.settle_prompt(PromptState::Failed, why).await;
            }
        }
        self.prompts.step = Step::Waiting;
        self.release_held();
        self.prompts.draft = Draft::default();
        self.prompts.line_at = None;
        self.prompts.has_begun = false;
        self.prompts.taken = None;
        self.wait_because(NOT_RUNNING);
    }

    /// The agent's own hook tells which prompt it has taken, or what it wants to do.
    pub(in crate::worker) fn on_hook_payload(&mut self, name: &str, payload: &Value) {
        if self.setup.typing.begins.as_deref() == Some(name) {
            self.prompts.has_begun = true;
            self.prompts.look_now();
        }
        if let Some(text) = payload.get("prompt").and_then(Value::as_str) {
            self.on_prompt_hook(text);
        }
        match payload.get("tool_input") {
            Some(input) if !name.starts_with("Post") => self.tool_input = Some(input.clone()),
            _ => self.tool_input = None,
        }
        self.on_asking_changed();
    }

    fn on_prompt_hook(&mut self, text: &str) {
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let waits = matches!(self.prompts.step, Step::Entering | Step::Entered { .. });
        // Agents wrap pastes and replace tabs.
        if waits && squeeze(text).contains(&squeeze(&row.text)) {
            self.prompts.since.hooked = true;
            self.prompts.look_now();
        }
    }
}
