//! Input: what clients type, what the terminal answers, and texts that are sent as a whole.
//!
//! The shim types every (writer, seq) once and remembers the last seq of each writer, so nothing
//! here needs to be remembered over a server's death, except texts that were promised to be typed:
//! they wait in the database's outbox until the shim has acknowledged them.

use std::collections::VecDeque;

use bytes::Bytes;
use offshoot_protocol::rest::InputReceipt;
use offshoot_protocol::terminal::{ClientId, InputResult};
use offshoot_shim::frame::{self, ToShim};
use offshoot_store::{NewOutboxRow, Queued, StoreError};
use tokio::sync::oneshot;

use super::task::{WorkerTask, answer};
use crate::EngineError;

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
enum Done {
    Client(oneshot::Sender<InputResult>),
    Outbox {
        id: i64,
        done: Option<oneshot::Sender<Result<InputReceipt, EngineError>>>,
    },
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
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_input(&bytes));
        self.show_activity(changed);
        self.type_bytes(writer.0, seq, &bytes, Done::Client(done));
    }

    fn type_bytes(&mut self, writer: u64, seq: u64, bytes: &[u8], done: Done) {
        let Some(link) = &mut self.link else {
            return self.settle(done, InputResult::NotRunning);
        };
        if link.is_full() {
            return self.settle(done, InputResult::Full);
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
            Done::Nobody => {}
        }
    }

    /// Types the answers to terminal queries. Their offset makes each of them unique.
    pub(super) fn answer_queries(&mut self, answers: Vec<(u64, Vec<u8>)>) {
        for (at, bytes) in answers {
            self.type_bytes(ANSWERS, at, &bytes, Done::Nobody);
        }
    }

    /// Types a text as a whole, once per key.
    pub(super) async fn on_send(
        &mut self,
        text: String,
        submit: bool,
        key: Option<String>,
        done: oneshot::Sender<Result<InputReceipt, EngineError>>,
    ) {
        if self.link.is_none() {
            return answer(done, Err(EngineError::NotRunning));
        }
        let bytes = self.input_bytes(&text, submit).await;
        let row = NewOutboxRow {
            worker_id: self.setup.row.id,
            idempotency_key: key,
            writer: own_writer(),
            seq: 1,
            bytes,
            created_at: jiff::Timestamp::now(),
        };
        let queued = self.setup.store.queue_input(row).await;
        match queued {
            Ok(Queued::New(row)) => {
                let changed = self
                    .activities
                    .as_mut()
                    .is_some_and(|watch| watch.on_input(&row.bytes));
                self.show_activity(changed);
                let fate = Done::Outbox {
                    id: row.id,
                    done: Some(done),
                };
                self.type_bytes(row.writer, row.seq, &row.bytes, fate);
            }
            Ok(Queued::Existing(_)) => answer(done, Ok(InputReceipt { duplicate: true })),
            Err(StoreError::DiskFull(_)) => {
                let dir = self.setup.dir.clone();
                answer(done, Err(EngineError::DiskFull(dir)));
            }
            Err(err) => answer(done, Err(EngineError::internal("queue the input")(err))),
        }
    }

    /// Types again what a server that died had promised. The shim drops what it has typed already.
    pub(super) async fn resend_outbox(&mut self) {
        match self.setup.store.unfinished_input().await {
            Ok(rows) => {
                let own = self.setup.row.id;
                for row in rows.into_iter().filter(|row| row.worker_id == own) {
                    let done = Done::Outbox {
                        id: row.id,
                        done: None,
                    };
                    self.type_bytes(row.writer, row.seq, &row.bytes, done);
                }
            }
            Err(err) => tracing::error!(%err, "read the outbox"),
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

    fn settle_outbox(
        &mut self,
        id: i64,
        done: Option<oneshot::Sender<Result<InputReceipt, EngineError>>>,
        result: InputResult,
    ) {
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
fn own_writer() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
