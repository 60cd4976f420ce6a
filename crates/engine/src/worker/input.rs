//! Input: what clients type and what the terminal answers, through one writer in order.
//!
//! The shim types every (writer, seq) once and remembers the last seq of each writer, so nothing
//! here needs to be remembered over a server's death, except texts that were promised to be typed
//! (`delivery`): they wait in the database's outbox until the shim has acknowledged them.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use offshoot_protocol::terminal::{ClientId, InputResult};
use offshoot_protocol::view::ActivityState;
use offshoot_shim::frame::{self, ToShim};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::delivery::Asker;
use super::task::{WorkerTask, answer};

/// The writer of answers to terminal queries. Clients draw random 64-bit numbers; meeting this one
/// by chance would only make them wait for a larger seq.
pub(super) const ANSWERS: u64 = 0;

/// Inputs on their way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// The shim acknowledges in order. Bounded by the link's buffer.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    writer: u64,
    seq: u64,
    done: Done,
}

#[derive(Debug)]
pub(super) enum Done {
    Client(oneshot::Sender<InputResult>),
    Outbox { id: i64, done: Option<Asker> },
    Prompt,
    Nobody,
}

impl Inputs {
    /// The connection is gone: what was not acknowledged was perhaps not typed. Clients send it
    /// again; the shim tells what it has seen.
    pub(super) fn drop_all(&mut self) {
        self.waiting.clear();
    }
}

impl WorkerTask {
    pub(super) fn on_input(
        &mut self,
        writer: ClientId,
        seq: u64,
        bytes: Bytes,
        done: oneshot::Sender<InputResult>,
    ) {
        if let Some((bytes, done)) = self.hold_back(writer, seq, bytes, done) {
            self.type_for_person(writer.0, seq, &bytes, done);
        }
    }

    pub(super) fn type_for_person(
        &mut self,
        writer: u64,
        seq: u64,
        bytes: &[u8],
        done: oneshot::Sender<InputResult>,
    ) {
        self.notice_typing(bytes);
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_input(bytes));
        self.show_activity(changed);
        self.type_bytes(writer, seq, bytes, Done::Client(done));
    }

    /// Takes note of what is typed besides prompts: a line may be half typed then.
    pub(super) fn notice_typing(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        match self.shown_state() {
            ActivityState::Waiting => self.prompts.draft.on_answer(now),
            _ => self.prompts.draft.on_input(bytes, now),
        }
    }

    pub(super) fn type_bytes(&mut self, writer: u64, seq: u64, bytes: &[u8], done: Done) {
        let Some(link) = &mut self.link else {
            return self.settle(done, InputResult::NotRunning);
        };
        if link.is_full() {
            return self.settle(done, InputResult::Full);
        }
        if writer != ANSWERS {
            self.shared.typed.fetch_add(1, Ordering::Relaxed);
        }
        link.queue(&ToShim::Input {
            writer,
            seq,
            bytes: bytes.to_vec(),
        });
        self.inputs.waiting.push_back(Waiting { writer, seq, done });
    }

    pub(super) fn on_input_ack(&mut self, writer: u64, seq: u64, result: frame::InputResult) {
        let is_it = |waiting: &Waiting| waiting.writer == writer && waiting.seq == seq;
        let Some(position) = self.inputs.waiting.iter().position(is_it) else {
            return;
        };
        let Some(waiting) = self.inputs.waiting.remove(position) else {
            return;
        };
        let result = match result {
            frame::InputResult::Accepted => InputResult::Accepted,
            frame::InputResult::Duplicate => InputResult::Duplicate,
            frame::InputResult::Full => InputResult::Full,
            frame::InputResult::Fenced | frame::InputResult::Exited => InputResult::NotRunning,
        };
        self.settle(waiting.done, result);
    }

    fn settle(&mut self, done: Done, result: InputResult) {
        match done {
            Done::Client(done) => answer(done, result),
            Done::Outbox { id, done } => self.settle_outbox(id, done, result),
            Done::Prompt => self.on_prompt_ack(result),
            Done::Nobody => {}
        }
    }

    /// Types the answers to terminal queries. Their offset makes each of them unique.
    pub(super) fn answer_queries(&mut self, answers: Vec<(u64, Vec<u8>)>) {
        for (at, bytes) in answers {
            self.type_bytes(ANSWERS, at, &bytes, Done::Nobody);
        }
    }
}
