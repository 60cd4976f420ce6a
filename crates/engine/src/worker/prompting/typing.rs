//! Types the first prompt of the queue: the text, then Enter, and nobody in between.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offshoot_protocol::prompt::PromptState;
use offshoot_protocol::terminal::{ClientId, InputResult};
use offshoot_protocol::view::ActivityState;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::delivery::{Content, Letter};
use super::super::input::Done;
use super::super::task::{WorkerTask, answer};
use super::{HOLD, Held, LOOK, Since, Step};
use crate::prompts::composer::Composer;
use crate::prompts::{Outlook, TYPED_INTO, activity_obstacle, obstacle, paste_bytes};

/// A text that does not show in its input line within this is sent all the same.
const SHOWS: Duration = Duration::from_secs(3);

/// Inputs of people held back while a prompt is typed: half a second of them. More are refused.
const HELD_MAX: usize = 256;

impl WorkerTask {
    pub(super) async fn begin_prompt(&mut self) {
        if let Some(why) = activity_obstacle(self.shown_state()) {
            // Its end is told by a change of the activity.
            return self.wait_because(why);
        }
        let sight = self.sight().await;
        let now = Instant::now();
        self.prompts.on_sight(&sight, now);
        let ago = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let outlook = Outlook {
            activity: self.shown_state(),
            sight: &sight,
            alive_for: ago(self.alive_since).unwrap_or_default(),
            quiet_for: ago(self.output_at),
            untold_for: self.prompts.untold_for(&self.setup.typing, now),
            is_fresh: self.setup.typing.begins.is_some() && self.prompts.taken.is_none(),
            typed_ago: ago(self.prompts.draft.typed_at()),
            draft: self.prompts.draft.is_open(),
        };
        if let Some(why) = obstacle(&outlook) {
            if self.prompts.is_given_back(&sight) {
                self.clear_line().await;
            }
            self.wait_because(why);
            return self.prompts.look_later();
        }
        self.prompts.draft.clear();
        if !self.write_down(PromptState::Typing, 1).await {
            return;
        }
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let (writer, text) = (row.writer, row.text.clone());
        let bracketed = match &mut self.screen {
            Some(screen) => screen.screen().modes().bracketed_paste,
            None => false,
        };
        let bytes = paste_bytes(&text, bracketed && self.setup.typing.paste);
        self.prompts.since = Since {
            begun: Some(Instant::now()),
            ..Since::default()
        };
        self.prompts.step = Step::Pasting;
        self.type_for_prompt(writer, 1, &bytes);
    }

    /// Empties a line of the input line, which holds a prompt that the agent gave back.
    async fn clear_line(&mut self) {
        let clear = self.setup.typing.clear.clone();
        let Some((_, n_cleared)) = self.prompts.taken.as_mut().filter(|_| !clear.is_empty()) else {
            return;
        };
        *n_cleared += 1;
        let (done, _) = oneshot::channel();
        let content = Content::Parts(vec![clear.into_bytes()]);
        let key = None;
        self.on_letter(Letter { content, key, done }).await;
    }

    fn type_for_prompt(&mut self, writer: u64, seq: u64, bytes: &[u8]) {
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_input(bytes));
        self.show_activity(changed);
        self.type_bytes(writer, seq, bytes, Done::Prompt);
    }

    /// The shim has judged a step of the first prompt.
    pub(in crate::worker) fn on_prompt_ack(&mut self, result: InputResult) {
        let now = Instant::now();
        let typed = matches!(result, InputResult::Accepted | InputResult::Duplicate);
        match (self.prompts.step, typed) {
            (Step::Pasting, true) => {
                let enter_at = now + self.setup.typing.enter_delay;
                self.prompts.step = Step::Pasted { at: now, enter_at };
                self.prompts.look_at = Some(enter_at);
            }
            (Step::Entering, true) => {
                self.prompts.step = Step::Entered { last: now };
                self.prompts.since.first_enter.get_or_insert(now);
                self.prompts.look_later();
            }
            // Not typed, and the number stays free: the same step is taken again.
            (Step::Pasting, false) => {
                self.prompts.step = Step::Waiting;
                self.prompts.look_later();
                self.release_held();
            }
            (Step::Entering, false) => {
                self.prompts.step = Step::Pasted {
                    at: now,
                    enter_at: now + LOOK,
                };
                self.prompts.look_later();
            }
            _ => {}
        }
    }

    /// Presses Enter once the text shows, unless something else came up meanwhile.
    pub(super) async fn finish_prompt(&mut self, at: Instant, enter_at: Instant) {
        let now = Instant::now();
        if now < enter_at {
            self.prompts.look_at = Some(enter_at);
            return;
        }
        if now >= at + HOLD {
            self.release_held();
        }
        if self.shown_state() == ActivityState::Waiting {
            // Enter would answer the question.
            self.wait_because("a question came up while it was typed");
            return self.prompts.look_later();
        }
        let sight = self.sight().await;
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let keys = self.prompts.keys(now);
        if keys.is_some_and(|keys| keys.fresh) {
            self.wait_because("somebody is typing");
            return self.prompts.look_later();
        }
        let stands = sight.holds(&row.text);
        if !stands && now < at + SHOWS && *sight.composer() != Composer::Unknown {
            return self.prompts.look_later();
        }
        if keys.is_some() && !sight.holds_only(&row.text) {
            return self.settle_prompt(PromptState::Failed, TYPED_INTO).await;
        }
        self.prompts.since.stood |= stands;
        self.press_enter().await;
    }

    pub(super) async fn press_enter(&mut self) {
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let (writer, seq) = (row.writer, row.seq + 1);
        if !self.write_down(PromptState::Typing, seq).await {
            return;
        }
        self.prompts.since.end = self.position;
        self.prompts.since.gone = None;
        self.prompts.step = Step::Entering;
        let typing = Arc::clone(&self.setup.typing);
        self.type_for_prompt(writer, seq, typing.enter.as_bytes());
    }

    /// Keeps input of a person back while a prompt is typed. Gives it back otherwise.
    pub(in crate::worker) fn hold_back(
        &mut self,
        writer: ClientId,
        seq: u64,
        bytes: Bytes,
        done: oneshot::Sender<InputResult>,
    ) -> Option<(Bytes, oneshot::Sender<InputResult>)> {
        if !self.prompts.is_typing(Instant::now()) && self.prompts.held.is_empty() {
            return Some((bytes, done));
        }
        if self.prompts.held.len() >= HELD_MAX {
            answer(done, InputResult::Full);
            return None;
        }
        self.prompts.held.push(Held {
            writer: writer.0,
            seq,
            bytes,
            done,
        });
        None
    }

    pub(super) fn release_held(&mut self) {
        for held in std::mem::take(&mut self.prompts.held) {
            self.type_for_person(held.writer, held.seq, &held.bytes, held.done);
        }
    }
}
