//! Types the prompts of one worker's queue; when and whether they were taken is judged in `prompts`.
//!
//! Everything a prompt needs happens here, in the worker's own task: between the text and its Enter
//! what people type is held back, so that no line is ever half theirs and half ours.

mod queue;
mod receipt;
mod typing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offshoot_protocol::prompt::{Prompt, PromptState};
use offshoot_protocol::terminal::InputResult;
use offshoot_protocol::view::ActivityState;
use offshoot_store::PromptRow;
use offshoot_vt::Event;
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use self::queue::PromptCommand;
use super::task::{Change, WorkerTask};
use crate::EngineError;
use crate::prompts::composer::{Composer, Sight};
use crate::prompts::draft::Draft;
use crate::prompts::{Keys, Typing};

/// How often a screen is looked at while it decides something.
const LOOK: Duration = Duration::from_millis(150);

/// A key right behind another may be taken for a part of it: Esc and a letter for Alt and that letter.
const AFTER_KEY: Duration = Duration::from_millis(500);

/// How many lines of a prompt that was given back are cleared away at the most.
const CLEARS_MAX: usize = 64;

/// Nobody is held back for longer before Enter, nor after it, whatever the prompt waits for.
const HOLD: Duration = Duration::from_secs(2);

/// Who is told what became of a request about a prompt.
pub(super) type Asker<T> = oneshot::Sender<Result<T, EngineError>>;

/// Where the first prompt of the queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    /// It was not begun.
    #[default]
    Waiting,
    /// The shim has the text and has not confirmed it.
    Pasting,
    /// The text is typed; Enter comes at the moment given, or once the text shows.
    Pasted { at: Instant, enter_at: Instant },
    /// The shim has Enter and has not confirmed it.
    Entering,
    /// Enter is typed.
    Entered { last: Instant },
}

/// The queue of one worker.
#[derive(Debug, Default)]
pub(super) struct Prompts {
    /// Those that are not settled, in their order; `step` is about the first.
    queue: VecDeque<PromptRow>,
    step: Step,
    look_at: Option<Instant>,
    pub(super) draft: Draft,
    held: Vec<Held>,
    /// When the present process first showed an input line.
    line_at: Option<Instant>,
    /// It has told, by its hook or its status, that it has begun.
    pub(super) has_begun: bool,
    /// The last prompt that the present process took, and how often it was cleared away since.
    taken: Option<(String, usize)>,
    since: Since,
}

/// What has been seen since a prompt was begun, most of it since its first Enter.
#[derive(Debug, Default)]
struct Since {
    /// When its text was typed.
    begun: Option<Instant>,
    first_enter: Option<Instant>,
    stood: bool,
    hooked: bool,
    worked: bool,
    end: u64,
    /// Since when no look has found the text in its place.
    gone: Option<Instant>,
}

/// Input of a person that waits for a prompt to be typed.
#[derive(Debug)]
struct Held {
    writer: u64,
    seq: u64,
    bytes: Bytes,
    done: oneshot::Sender<InputResult>,
}

impl Prompts {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at.filter(|_| !self.queue.is_empty())
    }

    fn look_now(&mut self) {
        self.look_at = Some(Instant::now());
    }

    fn look_later(&mut self) {
        self.look_at = Some(Instant::now() + LOOK);
    }

    pub(super) fn is_typing(&self, now: Instant) -> bool {
        match self.step {
            Step::Pasting | Step::Entering => true,
            Step::Pasted { at, .. } => now < at + HOLD,
            // What is typed before the receipt would be sent with the text if Enter comes again.
            Step::Entered { .. } => {
                let first_enter = self.since.first_enter;
                first_enter.is_some_and(|at| now < at + HOLD)
            }
            Step::Waiting => false,
        }
    }

    /// What people have typed since the first prompt was begun.
    fn keys(&self, now: Instant) -> Option<Keys> {
        let typed_at = self.draft.typed_at()?;
        let is_since = self.since.begun.is_some_and(|begun| typed_at > begun);
        is_since.then(|| Keys {
            n_chars: self.draft.n_chars(),
            fresh: now < typed_at + AFTER_KEY,
        })
    }

    fn on_sight(&mut self, sight: &Sight, now: Instant) {
        if *sight.composer() != Composer::Unknown {
            self.line_at.get_or_insert(now);
        }
    }

    /// The agent said something by its terminal.
    pub(in crate::worker) fn on_event(&mut self, event: &Event) {
        if matches!(event, Event::ProgramStatus { .. }) {
            self.has_begun = true;
        }
    }

    fn untold_for(&self, typing: &Typing, now: Instant) -> Option<Duration> {
        let tells = (typing.begins.is_some() || typing.tells_status) && !self.has_begun;
        let shown_for = |at| now.saturating_duration_since(at);
        tells.then(|| self.line_at.map_or(Duration::ZERO, shown_for))
    }

    /// Whether nothing but the last prompt stands in the input line, as some agents put it back after
    /// an interrupt, and nobody has typed since.
    fn is_given_back(&self, sight: &Sight) -> bool {
        let taken = self.taken.as_ref();
        let resting = self
            .draft
            .typed_at()
            .is_none_or(|at| at.elapsed() >= AFTER_KEY);
        resting
            && !self.draft.is_open()
            && *sight.composer() != Composer::Unknown
            && taken.is_some_and(|(text, n)| *n < CLEARS_MAX && sight.holds_only(text))
    }

    /// An agent's activity changed.
    pub(super) fn on_activity(&mut self, state: ActivityState) {
        if self.queue.is_empty() {
            return;
        }
        if matches!(self.step, Step::Entered { .. } | Step::Entering) {
            self.since.worked |= matches!(state, ActivityState::Working | ActivityState::Waiting);
        }
        self.look_now();
    }
}

/// A row as people see it.
pub(crate) fn view_of(row: &PromptRow) -> Prompt {
    Prompt {
        id: row.id,
        worker_id: row.worker_id,
        text: row.text.clone(),
        state: row.state,
        reason: row.reason.clone(),
        created_at: row.created_at,
        changed_at: row.changed_at,
    }
}

impl WorkerTask {
    /// Looks whether the first prompt of the queue can go a step further.
    pub(super) async fn go_on_prompting(&mut self) {
        self.prompts.look_at = None;
        if self.link.is_none() || self.prompts.queue.is_empty() {
            return;
        }
        match self.prompts.step {
            Step::Waiting => self.begin_prompt().await,
            Step::Pasted { at, enter_at } => self.finish_prompt(at, enter_at).await,
            Step::Entered { last } => self.verify_prompt(last).await,
            // The acknowledgement goes on.
            Step::Pasting | Step::Entering => {}
        }
    }

    pub(super) fn shown_state(&self) -> ActivityState {
        let shown = self.activities.as_ref().map(|watch| watch.shown().state);
        shown.unwrap_or(ActivityState::Idle)
    }

    async fn sight(&mut self) -> Sight {
        self.catch_up().await;
        let typing = Arc::clone(&self.setup.typing);
        Sight::of(self.screen_mut().await.screen(), &typing)
    }

    /// Shows why the first prompt waits.
    fn wait_because(&mut self, why: &str) {
        let Some(row) = self.prompts.queue.front_mut() else {
            return;
        };
        if row.reason.as_deref() != Some(why) {
            row.reason = Some(why.to_owned());
            let view = view_of(row);
            self.tell_prompt(view);
        }
    }

    /// Writes the next step of the first prompt down. Returns whether it may be taken.
    async fn write_down(&mut self, state: PromptState, seq: u64) -> bool {
        let Some(row) = self.prompts.queue.front_mut() else {
            return false;
        };
        let mut next = row.clone();
        next.state = state;
        next.seq = seq;
        next.reason = None;
        next.changed_at = jiff::Timestamp::now();
        match self.setup.store.save_prompt(next.clone()).await {
            Ok(_) => {
                let changed = row.state != state;
                *row = next;
                if changed {
                    let view = view_of(row);
                    self.tell_prompt(view);
                }
                true
            }
            Err(err) => {
                tracing::error!(%err, "record the prompt");
                self.prompts.look_at = Some(Instant::now() + Duration::from_secs(1));
                false
            }
        }
    }

    fn tell_prompt(&self, prompt: Prompt) {
        self.notify(Change::Prompt(Box::new(prompt)));
    }
}
