//! Delivery: texts and messages that were promised to be typed.
//!
//! ```text
//!  letter ──► outbox rows (one per part) ──► part 1 typed ──150 ms──► part 2 typed ── … ──► next letter
//! ```
//! One letter at a time: the parts of a message are never mixed with another text, only with what
//! people type themselves. Every part is in the database before the first is typed, so a server that
//! dies in between goes on where it was: the shim drops what it has typed already. What is not typed
//! when the process ends is never typed, for it was meant for that process.

use std::collections::VecDeque;
use std::time::Duration;

use offshoot_protocol::rest::InputReceipt;
use offshoot_protocol::terminal::InputResult;
use offshoot_store::{NewOutboxRow, OutboxRow, Queued, StoreError};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::input::Done;
use super::task::{WorkerTask, answer};
use crate::EngineError;

/// Pause between two parts of a message: a program takes what comes at once for a paste, in which
/// Enter confirms nothing.
const PACE: Duration = Duration::from_millis(150);

/// Letters that wait for the one before them, which takes 1.7 s at the most. More are refused as full.
const WAITING_MAX: usize = 32;

/// Who is told what became of a letter.
pub(super) type Asker = oneshot::Sender<Result<InputReceipt, EngineError>>;

/// A text or message to be typed once per key.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(super) content: Content,
    pub(super) key: Option<String>,
    pub(super) done: Asker,
}

/// What is typed.
#[derive(Debug)]
pub(super) enum Content {
    /// A text as a whole.
    Text {
        /// The text.
        text: String,
        /// Paste it and press Enter.
        submit: bool,
    },
    /// Bytes with a pause after each part. Holds at least one part.
    Parts(Vec<Vec<u8>>),
}

/// Letters on their way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Parts of the present letter that are not typed yet.
    rest: VecDeque<OutboxRow>,
    /// When the next part is typed; set while there are any.
    next_at: Option<Instant>,
    waiting: VecDeque<Letter>,
}

impl Deliveries {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next_at
    }

    fn push(&mut self, row: OutboxRow) {
        self.rest.push_back(row);
        self.next_at.get_or_insert_with(|| Instant::now() + PACE);
    }
}

impl WorkerTask {
    pub(super) async fn on_letter(&mut self, letter: Letter) {
        // To an agent that waits it is an answer; else it is a prompt.
        let takes_prompts = self.activities.is_some()
            && self.shown_state() != offshoot_protocol::view::ActivityState::Waiting;
        if let (Content::Text { text, submit: true }, true) = (&letter.content, takes_prompts) {
            let queued = self.queue_prompt(text, letter.key).await;
            let receipt = queued.map(|(_, duplicate)| InputReceipt { duplicate });
            return answer(letter.done, receipt);
        }
        let is_free = self.deliveries.rest.is_empty() && !self.prompts.is_typing(Instant::now());
        if is_free {
            return self.begin_letter(letter).await;
        }
        if self.deliveries.waiting.len() >= WAITING_MAX {
            return answer(letter.done, Err(EngineError::InputFull));
        }
        self.deliveries.waiting.push_back(letter);
        let later = || Instant::now() + PACE;
        self.deliveries.next_at.get_or_insert_with(later);
    }

    async fn begin_letter(&mut self, letter: Letter) {
        let Letter { content, key, done } = letter;
        if self.link.is_none() {
            return answer(done, Err(EngineError::NotRunning));
        }
        let parts = match content {
            Content::Text { text, submit } => vec![self.input_bytes(&text, submit).await],
            Content::Parts(parts) => parts,
        };
        match self.setup.store.queue_input(self.rows(parts, key)).await {
            Ok(Queued::New(rows)) => {
                let mut rows = rows.into_iter();
                if let Some(first) = rows.next() {
                    self.type_part(first, Some(done));
                }
                rows.for_each(|row| self.deliveries.push(row));
            }
            Ok(Queued::Existing(_)) => answer(done, Ok(InputReceipt { duplicate: true })),
            Err(StoreError::DiskFull(_)) => {
                let dir = self.setup.dir.clone();
                answer(done, Err(EngineError::DiskFull(dir)));
            }
            Err(err) => answer(done, Err(EngineError::internal("queue the input")(err))),
        }
    }

    /// The parts as rows of one writer, whose numbers keep their order.
    fn rows(&self, parts: Vec<Vec<u8>>, mut key: Option<String>) -> Vec<NewOutboxRow> {
        let writer = own_writer();
        let created_at = jiff::Timestamp::now();
        let row = |(bytes, seq)| NewOutboxRow {
            worker_id: self.setup.row.id,
            idempotency_key: key.take(),
            writer,
            seq,
            bytes,
            created_at,
        };
        parts.into_iter().zip(1..).map(row).collect()
    }

    fn type_part(&mut self, row: OutboxRow, done: Option<Asker>) {
        self.notice_typing(&row.bytes);
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_input(&row.bytes));
        self.show_activity(changed);
        let fate = Done::Outbox { id: row.id, done };
        self.type_bytes(row.writer, row.seq, &row.bytes, fate);
    }

    /// Types the part that is due, then begins the letters that waited for the last one.
    pub(super) async fn go_on_delivering(&mut self) {
        let later = Some(Instant::now() + PACE);
        self.deliveries.next_at = later;
        let is_typing = self.prompts.is_typing(Instant::now());
        if is_typing || self.link.as_ref().is_none_or(super::link::Link::is_full) {
            return;
        }
        if let Some(row) = self.deliveries.rest.pop_front() {
            self.type_part(row, None);
        }
        while self.deliveries.rest.is_empty() {
            self.deliveries.next_at = None;
            let Some(letter) = self.deliveries.waiting.pop_front() else {
                return;
            };
            self.begin_letter(letter).await;
        }
    }

    /// The process is gone, and with it whom the letters were for.
    pub(super) fn end_deliveries(&mut self) {
        let Deliveries { rest, waiting, .. } = std::mem::take(&mut self.deliveries);
        for letter in waiting {
            answer(letter.done, Err(EngineError::NotRunning));
        }
        for row in rest {
            self.settle_outbox(row.id, None, InputResult::NotRunning);
        }
    }

    /// Types again what a server that died had promised. The shim drops what it has typed already.
    pub(super) async fn resend_outbox(&mut self) {
        let rows = match self.setup.store.unfinished_input().await {
            Ok(rows) => rows,
            Err(err) => return tracing::error!(%err, "read the outbox"),
        };
        let own = self.setup.row.id;
        let waits: Vec<i64> = self.deliveries.rest.iter().map(|row| row.id).collect();
        for row in rows {
            if row.worker_id != own || waits.contains(&row.id) {
                continue;
            }
            if row.seq > 1 {
                self.deliveries.push(row);
            } else {
                let done = Done::Outbox {
                    id: row.id,
                    done: None,
                };
                self.type_bytes(row.writer, row.seq, &row.bytes, done);
            }
        }
    }

    /// A submitted text is pasted (bracketed where the program asked for it), then Enter.
    async fn input_bytes(&mut self, text: &str, submit: bool) -> Vec<u8> {
        if !submit {
            return text.as_bytes().to_vec();
        }
        self.catch_up().await;
        let bracketed = self.screen_mut().await.screen().modes().bracketed_paste;
        let mut bytes = Vec::with_capacity(text.len() + 16);
        if bracketed {
            // An ESC inside a bracketed paste could end it early and type what follows.
            bytes.extend_from_slice(b"\x1b[200~");
            bytes.extend(text.bytes().filter(|byte| *byte != 0x1b));
            bytes.extend_from_slice(b"\x1b[201~");
        } else {
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.push(b'\r');
        bytes
    }

    pub(super) fn settle_outbox(&mut self, id: i64, done: Option<Asker>, result: InputResult) {
        let receipt = match result {
            InputResult::Accepted => Ok(InputReceipt { duplicate: false }),
            InputResult::Duplicate => Ok(InputReceipt { duplicate: true }),
            InputResult::Full => Err(EngineError::InputFull),
            InputResult::NotRunning => Err(EngineError::NotRunning),
        };
        let store = self.setup.store.clone();
        let typed = receipt.is_ok();
        // The shim has judged it; recording that can wait, since asking again gives the same answer.
        tokio::spawn(async move {
            let recorded = if typed {
                store.mark_input_typed(id).await
            } else {
                store.delete_input(id).await
            };
            if let Err(err) = recorded {
                tracing::warn!(%err, "record the fate of an input");
            }
        });
        if let Some(done) = done {
            answer(done, receipt);
        }
    }
}

/// Draws a writer number for one text. The shim counts it apart from everybody else's.
pub(super) fn own_writer() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
