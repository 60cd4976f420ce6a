//! What everyone else holds of a worker: it asks the task, and reads output by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use offshoot_protocol::explain::Explanation;
use offshoot_protocol::prompt::Prompt;
use offshoot_protocol::request::Answer;
use offshoot_protocol::rest::{InputReceipt, TextBody};
use offshoot_protocol::terminal::{ClientId, InputResult, Snapshot};
use offshoot_protocol::view::ProcessState;
use offshoot_protocol::{SessionId, TerminalSize, WorkerId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use super::delivery::{Content, Letter};
use super::{Command, Head, HistoryPage, Launch, Mark, PromptCommand, Read, Shared, Signs};
use crate::EngineError;
use crate::hooks::Inbox;

/// A living terminal takes a text within milliseconds. Whoever sends one is told after so long that
/// this one does not; the text stays in the outbox.
const SEND: Duration = Duration::from_secs(10);

/// Holds one worker. Cheap to clone; each clone reads far-behind output through its own file.
#[derive(Debug)]
pub struct WorkerHandle {
    shared: Arc<Shared>,
    far: Mutex<Option<FarReader>>,
}

impl Clone for WorkerHandle {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            far: Mutex::new(None),
        }
    }
}

/// A log reader of one epoch.
#[derive(Debug)]
struct FarReader {
    epoch: u32,
    reader: offshoot_shim::log::Reader,
}

/// Counts a client among a worker's viewers until it is dropped.
#[derive(Debug)]
pub struct Attachment {
    shared: Arc<Shared>,
    client: ClientId,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let command = Command::Detach {
            client: self.client,
        };
        if let Err(mpsc::error::TrySendError::Full(command)) =
            self.shared.commands.try_send(command)
        {
            // Only a busy task has a full queue; it will take the command in a moment.
            let commands = self.shared.commands.clone();
            tokio::spawn(async move { commands.send(command).await });
        }
    }
}

impl WorkerHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            far: Mutex::new(None),
        }
    }

    /// Returns the worker's id.
    pub fn id(&self) -> WorkerId {
        self.shared.id
    }

    /// Returns the session the worker belongs to.
    pub fn session_id(&self) -> SessionId {
        self.shared.session_id
    }

    /// Returns what the agent reports by its hooks, on its way into the task.
    pub(crate) fn hooks(&self) -> &Inbox {
        &self.shared.hooks
    }

    /// Returns the newest head.
    pub fn head(&self) -> Head {
        self.shared.head.borrow().clone()
    }

    /// Waits until it is known where the output ends: a moment after the server's start, while the
    /// shims are asked. Bounded by the time a shim has to answer.
    pub async fn settled(&self) {
        // The sender lives as long as this handle.
        let _ = self.watch().wait_for(|head| head.settled).await;
    }

    /// Tells whether no process of this worker was ever started.
    pub(crate) fn never_ran(&self) -> bool {
        !self.head().is_alive()
            && offshoot_shim::probe(&self.shared.dir) == offshoot_shim::Life::Absent
    }

    /// Follows the head. The newest value is always there; values in between may be skipped.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.shared.head.subscribe()
    }

    /// Reads up to `max` bytes of output from `offset` on. Costs a copy from memory, or a read
    /// from the page cache when the offset is far behind.
    pub fn read(&self, epoch: u32, offset: u64, max: usize) -> Read {
        {
            let ring = self.shared.ring.lock();
            if ring.epoch() != epoch {
                return Read::OtherEpoch;
            }
            if let Some(bytes) = ring.read(offset, max) {
                return if bytes.is_empty() {
                    Read::AtEnd
                } else {
                    Read::Bytes { offset, bytes }
                };
            }
            if offset > ring.end() {
                return Read::AtEnd;
            }
        }
        self.read_far(epoch, offset, max)
    }

    fn read_far(&self, epoch: u32, offset: u64, max: usize) -> Read {
        use offshoot_shim::log::{Chunk, Reader};
        let mut far = self.far.lock();
        if far.as_ref().is_none_or(|far| far.epoch != epoch) {
            match Reader::open(&self.shared.dir) {
                Ok(reader) => *far = Some(FarReader { epoch, reader }),
                Err(err) => {
                    tracing::warn!(worker = %self.shared.id, %err, "open the output log");
                    return self.gap_to_ring(offset);
                }
            }
        }
        let Some(far) = far.as_mut() else {
            return Read::AtEnd;
        };
        match far.reader.read_at(offset, max) {
            Ok(Chunk::Data { offset, bytes }) => Read::Bytes {
                offset,
                bytes: bytes.into(),
            },
            Ok(Chunk::Gap { from, to }) => Read::Gap { from, to },
            Ok(Chunk::Trimmed { first }) => Read::Gap {
                from: offset,
                to: first,
            },
            Ok(Chunk::End) => Read::AtEnd,
            Err(err) => {
                tracing::warn!(worker = %self.shared.id, %err, "read the output log");
                self.gap_to_ring(offset)
            }
        }
    }

    /// What cannot be read from disk any more is a gap up to what memory still holds.
    fn gap_to_ring(&self, from: u64) -> Read {
        let to = self.shared.ring.lock().start();
        if to > from {
            Read::Gap { from, to }
        } else {
            Read::AtEnd
        }
    }

    /// Takes a snapshot of the screen with up to `history_lines` lines above it.
    ///
    /// # Errors
    /// The worker is deleted or the engine shuts down.
    pub async fn snapshot(&self, history_lines: u32) -> Result<Snapshot, EngineError> {
        self.ask(|done| Command::Snapshot {
            history_lines,
            done,
        })
        .await
    }

    /// Reads up to `count` lines above line number `before`.
    ///
    /// # Errors
    /// The worker is deleted or the engine shuts down.
    pub async fn history(&self, before: u64, count: u16) -> Result<HistoryPage, EngineError> {
        self.ask(|done| Command::History {
            before,
            count,
            done,
        })
        .await
    }

    /// Reads the newest lines as plain text.
    ///
    /// # Errors
    /// The worker is deleted or the engine shuts down.
    pub async fn text(&self, lines: usize) -> Result<TextBody, EngineError> {
        self.ask(|done| Command::Text { lines, done }).await
    }

    /// Says why the agent is thought to do what it does; none for terminals.
    ///
    /// # Errors
    /// The worker is deleted or the engine shuts down.
    pub async fn explain(&self) -> Result<Option<Explanation>, EngineError> {
        self.ask(|done| Command::Explain { done }).await
    }

    /// Types bytes, once per (writer, seq). Returns when the input is queued in order; its fate
    /// comes later through the receiver. A dropped sender means that the worker is gone.
    pub async fn input(
        &self,
        writer: ClientId,
        seq: u64,
        bytes: Bytes,
    ) -> oneshot::Receiver<InputResult> {
        let (done, fate) = oneshot::channel();
        let command = Command::Input {
            writer,
            seq,
            bytes,
            done,
        };
        // A closed queue drops `done`, which the receiver reports.
        let _ = self.shared.commands.send(command).await;
        fate
    }

    /// Types a text as one message, once per idempotency key, also across a server restart.
    ///
    /// # Errors
    /// No process lives, or its input queue is full.
    pub async fn send(
        &self,
        text: &str,
        submit: bool,
        key: Option<&str>,
    ) -> Result<InputReceipt, EngineError> {
        let text = text.to_owned();
        self.send_letter(Content::Text { text, submit }, key).await
    }

    /// Types the parts of a message one after the other, at the pace of a person who confirms each;
    /// no other text comes between them. Returns when the first is typed; the others follow, also
    /// across a server restart.
    ///
    /// # Errors
    /// No process lives, or its input queue is full.
    pub(crate) async fn send_parts(
        &self,
        parts: Vec<Vec<u8>>,
        key: Option<&str>,
    ) -> Result<InputReceipt, EngineError> {
        self.send_letter(Content::Parts(parts), key).await
    }

    async fn send_letter(
        &self,
        content: Content,
        key: Option<&str>,
    ) -> Result<InputReceipt, EngineError> {
        let key = key.map(str::to_owned);
        let sent = self.ask(|done| Command::Send(Letter { content, key, done }));
        let Ok(sent) = tokio::time::timeout(SEND, sent).await else {
            let reason = "the terminal does not answer; the text is typed when it does".to_owned();
            return Err(EngineError::WorkerUnknown(reason));
        };
        sent?
    }

    /// Queues a prompt for the agent, once per key. Returns whether it had been queued before.
    pub(crate) async fn queue_prompt(
        &self,
        text: &str,
        key: Option<&str>,
    ) -> Result<(Prompt, bool), EngineError> {
        let (text, key) = (text.to_owned(), key.map(str::to_owned));
        self.ask_prompts(|done| PromptCommand::Queue { text, key, done })
            .await
    }

    /// Answers what the agent asks, once. Returns whether it is seen to have taken it.
    pub(crate) async fn answer(
        &self,
        request: String,
        answer: Answer,
    ) -> Result<bool, EngineError> {
        let command = |done| Command::Answer {
            request,
            answer,
            done,
        };
        self.ask(command).await?
    }

    /// Asks the queue of prompts.
    pub(crate) async fn ask_prompts<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, EngineError>>) -> PromptCommand,
    ) -> Result<T, EngineError> {
        self.ask(|done| Command::Prompt(command(done))).await?
    }

    /// Returns the prompts that are not settled, in their order.
    pub(crate) async fn open_prompts(&self) -> Result<Vec<Prompt>, EngineError> {
        self.ask(|done| Command::Prompt(PromptCommand::List { done }))
            .await
    }

    /// Counts a client among the viewers; with a size it may become the size's owner. What the
    /// head says afterwards is settled, so that a client can be continued where it was.
    pub async fn attach(&self, client: ClientId, size: Option<TerminalSize>) -> Attachment {
        self.settled().await;
        let _ = self
            .shared
            .commands
            .send(Command::Attach { client, size })
            .await;
        Attachment {
            shared: Arc::clone(&self.shared),
            client,
        }
    }

    /// Notes the size a client shows; applied while it owns the size.
    pub async fn resize(&self, client: ClientId, size: TerminalSize) {
        let _ = self
            .shared
            .commands
            .send(Command::Resize { client, size })
            .await;
    }

    /// Makes a client the owner of the size.
    pub async fn claim(&self, client: ClientId) {
        let _ = self.shared.commands.send(Command::Claim { client }).await;
    }

    /// Starts (or starts anew) the worker's process.
    pub(crate) async fn start(&self, launch: Launch) -> Result<(), EngineError> {
        self.ask(|done| Command::Start {
            launch: Box::new(launch),
            done,
        })
        .await?
    }

    /// Ends the process with its whole tree. Fine when none lives.
    pub(crate) async fn stop(&self) -> Result<(), EngineError> {
        let reason = None;
        self.ask(|done| Command::Stop { reason, done }).await?
    }

    /// Ends the process as [`Self::stop`] does, for a reason that is shown afterwards.
    pub(crate) async fn rest(&self, reason: String) -> Result<(), EngineError> {
        let reason = Some(reason);
        self.ask(|done| Command::Stop { reason, done }).await?
    }

    /// Returns what tells whether anything happens here.
    pub(crate) fn signs(&self) -> Signs {
        let head = self.shared.head.borrow();
        Signs {
            mark: Mark {
                epoch: head.epoch,
                end: head.end,
                typed: self.shared.typed.load(Ordering::Relaxed),
            },
            running: head.settled && head.process.state == ProcessState::Running,
            activity: head.activity.as_ref().map(|activity| activity.state),
            attached: self.shared.attached.load(Ordering::Relaxed),
            pid: head.process.pid,
        }
    }

    /// Ends the process and removes everything the worker has on disk; its task ends.
    pub(crate) async fn delete(&self) -> Result<(), EngineError> {
        self.ask(|done| Command::Delete { done }).await?
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, EngineError> {
        let (done, answer) = oneshot::channel();
        let gone = || EngineError::WorkerNotFound(self.shared.id);
        self.shared
            .commands
            .send(command(done))
            .await
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }
}
