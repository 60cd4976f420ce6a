//! Types the prompts of one worker's queue; when and whether they were taken is judged in `prompts`.
//!
//! Everything a prompt needs happens here, in the worker's own task: between the text and its Enter
//! what people type is held back, so that no line is ever half theirs and half ours.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use offshoot_protocol::PromptId;
use offshoot_protocol::prompt::{NOT_RUNNING, Prompt, PromptState, Undelivered};
use offshoot_protocol::terminal::{ClientId, InputResult};
use offshoot_protocol::view::ActivityState;
use offshoot_store::{NewPrompt, PromptRow, StoreError};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::delivery::{Content, Letter};
use super::input::Done;
use super::task::{Change, WorkerTask, answer};
use crate::EngineError;
use crate::prompts::composer::{Composer, Sight, squeeze};
use crate::prompts::draft::Draft;
use crate::prompts::{Evidence, Finding, Outlook, Typing};
use crate::prompts::{activity_obstacle, clean, judge, obstacle, paste_bytes};

/// Prompts that wait in one queue. More are refused as full.
const QUEUE_MAX: usize = 64;

/// Prompts looked through for the last that is settled: more than a queue holds.
const SETTLED_SEEN: u32 = 100;

/// How often a screen is looked at while it decides something.
const LOOK: Duration = Duration::from_millis(150);

/// A text that does not show in its input line within this is sent all the same.
const SHOWS: Duration = Duration::from_secs(3);

/// A key right behind another may be taken for a part of it: Esc and a letter for Alt and that letter.
const AFTER_KEY: Duration = Duration::from_millis(500);

/// How many lines of a prompt that was given back are cleared away at the most.
const CLEARS_MAX: usize = 64;

/// Inputs of people held back while a prompt is typed: half a second of them. More are refused.
const HELD_MAX: usize = 256;

/// Nobody is held back for longer, whatever the prompt waits for.
const HOLD: Duration = Duration::from_secs(2);

/// Who is told what became of a request about a prompt.
pub(super) type Asker<T> = oneshot::Sender<Result<T, EngineError>>;

/// What the queue can be asked.
#[derive(Debug)]
pub(crate) enum PromptCommand {
    Queue {
        text: String,
        key: Option<String>,
        done: Asker<(Prompt, bool)>,
    },
    Change {
        id: PromptId,
        text: String,
        done: Asker<Prompt>,
    },
    Remove {
        id: PromptId,
        done: Asker<()>,
    },
    List {
        done: oneshot::Sender<Vec<Prompt>>,
    },
}

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
    /// Its hook has told that it has begun.
    pub(super) has_begun: bool,
    /// The last prompt that the present process took, and how often it was cleared away since.
    taken: Option<(String, usize)>,
    since: Since,
}

/// What has been seen since the first Enter of a prompt.
#[derive(Debug, Default)]
struct Since {
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
            Step::Waiting | Step::Entered { .. } => false,
        }
    }

    fn on_sight(&mut self, sight: &Sight, now: Instant) {
        if *sight.composer() != Composer::Unknown {
            self.line_at.get_or_insert(now);
        }
    }

    fn untold_for(&self, typing: &Typing, now: Instant) -> Option<Duration> {
        let tells = typing.begins.is_some() && !self.has_begun;
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

/// Returns the last prompt that was given up, unless the agent has taken one since.
fn undelivered(rows: &[PromptRow]) -> Option<Undelivered> {
    let mut settled = rows.iter().rev().filter(|row| row.state.is_settled());
    let last = settled
        .next()
        .filter(|row| row.state == PromptState::Failed)?;
    Some(Undelivered {
        prompt_id: last.id,
        reason: last.reason.clone().unwrap_or_default(),
        at: last.changed_at,
    })
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
    /// Reads what an earlier server had queued.
    pub(super) async fn load_prompts(&mut self) {
        if self.activities.is_none() {
            return;
        }
        match self.setup.store.open_prompts(self.setup.row.id).await {
            Ok(rows) => self.prompts.queue = rows.into(),
            Err(err) => tracing::error!(%err, "read the prompts"),
        }
        self.show_undelivered().await;
    }

    /// Shows whether the last prompt was given up, until a person has seen to it.
    async fn show_undelivered(&self) {
        let rows = self.setup.store.prompts(self.setup.row.id, SETTLED_SEEN);
        let rows = match rows.await {
            Ok(rows) => rows,
            Err(err) => return tracing::error!(%err, "read the prompts"),
        };
        let newest = undelivered(&rows);
        let changed = self.shared.head.send_if_modified(|head| {
            let changed = head.undelivered != newest;
            head.undelivered = newest;
            changed
        });
        if changed {
            self.notify(Change::Process);
        }
    }

    pub(super) async fn on_prompt_command(&mut self, command: PromptCommand) {
        match command {
            PromptCommand::Queue { text, key, done } => {
                let queued = self.queue_prompt(&text, key).await;
                answer(done, queued);
            }
            PromptCommand::Change { id, text, done } => {
                let changed = self.change_prompt(id, &text).await;
                answer(done, changed);
            }
            PromptCommand::Remove { id, done } => {
                let removed = self.remove_prompt(id).await;
                answer(done, removed);
            }
            PromptCommand::List { done } => {
                answer(done, self.prompts.queue.iter().map(view_of).collect());
            }
        }
    }

    pub(super) async fn queue_prompt(
        &mut self,
        text: &str,
        key: Option<String>,
    ) -> Result<(Prompt, bool), EngineError> {
        if self.link.is_none() {
            return Err(EngineError::NotRunning);
        }
        if self.prompts.queue.len() >= QUEUE_MAX {
            return Err(EngineError::InputFull);
        }
        let new = NewPrompt {
            id: PromptId::random(),
            worker_id: self.setup.row.id,
            idempotency_key: key,
            text: checked(text)?,
            writer: super::delivery::own_writer(),
            created_at: jiff::Timestamp::now(),
        };
        let (row, is_new) = match self.setup.store.queue_prompt(new).await {
            Ok(queued) => queued,
            Err(err) => return Err(self.prompt_error(err)),
        };
        let view = view_of(&row);
        if is_new {
            self.prompts.queue.push_back(row);
            self.tell_prompt(view.clone());
            self.prompts.look_now();
        }
        Ok((view, !is_new))
    }

    async fn change_prompt(&mut self, id: PromptId, text: &str) -> Result<Prompt, EngineError> {
        let text = checked(text)?;
        let mut row = self.waiting_prompt(id)?.clone();
        row.text = text;
        row.changed_at = jiff::Timestamp::now();
        let saved = self.setup.store.save_prompt(row.clone()).await;
        saved.map_err(|err| self.prompt_error(err))?;
        let view = view_of(&row);
        if let Some(known) = self.prompts.queue.iter_mut().find(|known| known.id == id) {
            *known = row;
        }
        self.tell_prompt(view.clone());
        Ok(view)
    }

    async fn remove_prompt(&mut self, id: PromptId) -> Result<(), EngineError> {
        let is_open = self.prompts.queue.iter().any(|row| row.id == id);
        if is_open {
            self.waiting_prompt(id)?;
        }
        let removed = self.setup.store.delete_prompt(id).await;
        if !removed.map_err(|err| self.prompt_error(err))? {
            return Err(EngineError::PromptNotQueued);
        }
        self.prompts.queue.retain(|row| row.id != id);
        self.notify(Change::PromptRemoved(id));
        if !is_open {
            self.show_undelivered().await;
        }
        Ok(())
    }

    /// The prompt, as long as nothing of it is typed.
    fn waiting_prompt(&self, id: PromptId) -> Result<&PromptRow, EngineError> {
        let row = self.prompts.queue.iter().find(|row| row.id == id);
        let row = row.filter(|row| row.state == PromptState::Queued);
        row.ok_or(EngineError::PromptNotQueued)
    }

    fn prompt_error(&self, err: StoreError) -> EngineError {
        match err {
            StoreError::DiskFull(_) => EngineError::DiskFull(self.setup.dir.clone()),
            err => EngineError::internal("record the prompt")(err),
        }
    }

    fn tell_prompt(&self, prompt: Prompt) {
        self.notify(Change::Prompt(Box::new(prompt)));
    }

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

    async fn begin_prompt(&mut self) {
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
        self.prompts.since = Since::default();
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

    fn type_for_prompt(&mut self, writer: u64, seq: u64, bytes: &[u8]) {
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_input(bytes));
        self.show_activity(changed);
        self.type_bytes(writer, seq, bytes, Done::Prompt);
    }

    /// The shim has judged a step of the first prompt.
    pub(super) fn on_prompt_ack(&mut self, result: InputResult) {
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
                self.release_held();
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
    async fn finish_prompt(&mut self, at: Instant, enter_at: Instant) {
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
        let stands = sight.holds(&row.text);
        if !stands && now < at + SHOWS && *sight.composer() != Composer::Unknown {
            return self.prompts.look_later();
        }
        self.prompts.since.stood |= stands;
        self.press_enter().await;
    }

    async fn press_enter(&mut self) {
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

    async fn verify_prompt(&mut self, last: Instant) {
        let typed = self.prompts.queue.front().map(|row| (row.state, row.seq));
        if let Some((PromptState::Typing, seq)) = typed
            && !self.write_down(PromptState::Typed, seq).await
        {
            return;
        }
        let sight = self.sight().await;
        let now = Instant::now();
        self.prompts.on_sight(&sight, now);
        let Some(row) = self.prompts.queue.front() else {
            return;
        };
        let has_line = self.prompts.line_at.is_some();
        let since = &mut self.prompts.since;
        if sight.holds(&row.text) {
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
    async fn settle_prompt(&mut self, state: PromptState, reason: &str) {
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
    pub(super) async fn resume_prompts(&mut self, writers: &[(u64, u64)]) {
        self.prompts.step = Step::Waiting;
        self.prompts.since = Since::default();
        self.prompts.look_now();
        let Some(row) = self.prompts.queue.front_mut() else {
            return;
        };
        if row.state == PromptState::Queued {
            return;
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
    pub(super) async fn end_prompts(&mut self) {
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

    /// Keeps input of a person back while a prompt is typed. Gives it back otherwise.
    pub(super) fn hold_back(
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

    fn release_held(&mut self) {
        for held in std::mem::take(&mut self.prompts.held) {
            self.type_for_person(held.writer, held.seq, &held.bytes, held.done);
        }
    }

    /// The agent's own hook tells which prompt it has taken, or what it wants to do.
    pub(super) fn on_hook_payload(&mut self, name: &str, payload: &Value) {
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

fn checked(text: &str) -> Result<String, EngineError> {
    let text = clean(text);
    if text.trim().is_empty() {
        return Err(EngineError::Invalid {
            field: "text",
            message: "there is nothing to send".to_owned(),
        });
    }
    Ok(text)
}
