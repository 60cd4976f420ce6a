//! A worker's socket, dialect `offshoot.terminal.v2`.
//!
//! Owns the order of frames on one connection; `flow` decides about output, the engine about
//! everything else. Whatever the client does, it holds at most [`QUEUE_MAX`] answers and one frame
//! of output here: beyond that its own frames stay unread.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use offshoot_engine::{Attachment, Head, Read, WorkerHandle};
use offshoot_protocol::limits::{
    SNAPSHOT_HISTORY_LINES, SNAPSHOT_HISTORY_LINES_MAX, SOCKET_FRAME_IN_BYTES,
};
use offshoot_protocol::terminal::{
    ClientFrame, Hello, InputResult, ServerFrame, Snapshot, TerminalError, TerminalState,
};
use offshoot_protocol::view::Exit;
use offshoot_protocol::{ErrorCode, SessionId, TerminalSize, WorkerId};
use tokio::sync::watch;

use super::flow::{Flow, Step};
use super::wire::{Io, Reading, Wire, close};
use crate::state::App;

/// A client must introduce itself within so long.
const HELLO_TIME: Duration = Duration::from_secs(10);

/// Answers and unanswered inputs of one client. When there are more, it is not read until some
/// have left.
const QUEUE_MAX: usize = 256;

/// Lines of one history answer.
const HISTORY_LINES_MAX: u16 = 5000;

/// The head may be ahead of what can be read for a moment; then reading is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Why a connection ends.
enum End {
    /// The client went.
    Client,
    /// The server stops.
    Stop,
    /// The client is told why, and disconnected.
    Failed {
        code: ErrorCode,
        message: String,
        close: u16,
    },
}

impl End {
    fn gone() -> Self {
        Self::Failed {
            code: ErrorCode::WorkerNotFound,
            message: "the worker was deleted".to_owned(),
            close: close::NORMAL,
        }
    }

    fn broken(message: impl Into<String>) -> Self {
        Self::Failed {
            code: ErrorCode::InvalidRequest,
            message: message.into(),
            close: close::PROTOCOL,
        }
    }
}

/// Runs the socket until one side ends it.
pub(super) async fn run(
    app: App,
    socket: WebSocket,
    session: Option<SessionId>,
    worker: Option<WorkerId>,
) {
    let mut wire = Wire::new(socket, app.pings);
    let end = match converse(&app, &mut wire, session, worker).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    match end {
        End::Client => {}
        End::Stop => {
            wire.close(Vec::new(), close::RESTART, "the server stops")
                .await
        }
        End::Failed {
            code,
            message,
            close,
        } => {
            tracing::debug!(?code, message, "socket failed");
            let error = ServerFrame::Error(TerminalError { code, message });
            let last = vec![Message::Binary(error.encode())];
            wire.close(last, close, "see the error frame").await;
        }
    }
}

async fn converse(
    app: &App,
    wire: &mut Wire,
    session: Option<SessionId>,
    worker: Option<WorkerId>,
) -> Result<std::convert::Infallible, End> {
    let (Some(session), Some(worker)) = (session, worker) else {
        return Err(End::Failed {
            code: ErrorCode::WorkerNotFound,
            message: "Worker not found".to_owned(),
            close: close::NORMAL,
        });
    };
    let handle = app
        .engine
        .worker(session, worker)
        .map_err(|err| End::Failed {
            code: err.code(),
            message: err.to_string(),
            close: close::NORMAL,
        })?;
    let hello = tokio::select! {
        biased;
        () = app.stop.cancelled() => return Err(End::Stop),
        hello = tokio::time::timeout(HELLO_TIME, hello(wire)) => {
            hello.unwrap_or_else(|_| Err(End::broken("the first frame did not come in time")))?
        }
    };
    if let Err(err) = app.engine.wake(session, worker).await {
        // Its output is there to be read all the same.
        tracing::warn!(%worker, %err, "start what an idle rule ended");
    }
    Terminal::attach(handle, hello)
        .await
        .follow(app, wire)
        .await
}

/// Waits for the client's introduction.
async fn hello(wire: &mut Wire) -> Result<Hello, End> {
    loop {
        match wire.next(Reading::Yes).await {
            Io::Sent => {}
            Io::Binary(bytes) => match decode(bytes)? {
                ClientFrame::Hello(hello) => return Ok(hello),
                _ => return Err(End::broken("the first frame must be HELLO")),
            },
            Io::Text(_) => return Err(End::broken("frames of this socket are binary")),
            Io::Ended => return Err(End::Client),
        }
    }
}

fn decode(bytes: Bytes) -> Result<ClientFrame, End> {
    if bytes.len() > SOCKET_FRAME_IN_BYTES {
        return Err(End::Failed {
            code: ErrorCode::TooLarge,
            message: format!("a frame has at most {SOCKET_FRAME_IN_BYTES} bytes"),
            close: close::TOO_LARGE,
        });
    }
    ClientFrame::decode(bytes).map_err(|err| End::broken(err.to_string()))
}

/// One client following one worker.
struct Terminal {
    handle: WorkerHandle,
    head: watch::Receiver<Head>,
    hello: Hello,
    flow: Flow,
    told: Told,
    /// Answers to the client's requests, in order.
    answers: VecDeque<ServerFrame>,
    /// Inputs whose fate is not known yet, in order.
    inputs: FuturesOrdered<BoxFuture<'static, ServerFrame>>,
    /// Reading gave nothing although the head says there is something.
    retry: bool,
    _attachment: Attachment,
}

/// What the client was told last.
#[derive(Default)]
struct Told {
    state: Option<TerminalState>,
    size: Option<(TerminalSize, bool)>,
    exit: bool,
}

impl Terminal {
    async fn attach(handle: WorkerHandle, hello: Hello) -> Self {
        let attachment = handle.attach(hello.client, hello.size).await;
        let head = handle.watch();
        let flow = {
            let head = head.borrow();
            Flow::new(hello.mode, hello.resume, head.epoch, head.end)
        };
        Self {
            handle,
            head,
            hello,
            flow,
            told: Told::default(),
            answers: VecDeque::new(),
            inputs: FuturesOrdered::new(),
            retry: false,
            _attachment: attachment,
        }
    }

    async fn follow(mut self, app: &App, wire: &mut Wire) -> Result<std::convert::Infallible, End> {
        loop {
            if wire.is_free()
                && let Some(frame) = self.next_frame().await?
            {
                wire.send(Message::Binary(frame.encode()));
            }
            let reading = match self.answers.len() + self.inputs.len() < QUEUE_MAX {
                true => Reading::Yes,
                false => Reading::No,
            };
            tokio::select! {
                biased;
                () = app.stop.cancelled() => return Err(End::Stop),
                io = wire.next(reading) => match io {
                    Io::Sent => {}
                    Io::Binary(bytes) => self.on_frame(decode(bytes)?).await?,
                    Io::Text(_) => return Err(End::broken("frames of this socket are binary")),
                    Io::Ended => return Err(End::Client),
                },
                Some(answer) = self.inputs.next(), if !self.inputs.is_empty() => {
                    self.answers.push_back(answer);
                }
                changed = self.head.changed(), if wire.is_free() => {
                    changed.map_err(|_| End::gone())?;
                }
                () = tokio::time::sleep(RETRY), if self.retry && wire.is_free() => {}
            }
        }
    }

    async fn on_frame(&mut self, frame: ClientFrame) -> Result<(), End> {
        let client = self.hello.client;
        match frame {
            ClientFrame::Hello(_) => return Err(End::broken("HELLO is said once")),
            ClientFrame::Input { seq, bytes } => {
                let fate = self.handle.input(client, seq, bytes).await;
                self.inputs.push_back(Box::pin(async move {
                    let result = fate.await.unwrap_or(InputResult::NotRunning);
                    ServerFrame::InputAck { seq, result }
                }));
            }
            ClientFrame::Ack { offset } => self.flow.acknowledge(offset),
            ClientFrame::Resize(size) => self.handle.resize(client, size).await,
            ClientFrame::Claim => self.handle.claim(client).await,
            ClientFrame::History {
                request,
                before,
                count,
            } => {
                let count = count.min(HISTORY_LINES_MAX);
                let page = self.handle.history(before, count).await;
                let page = page.map_err(|_| End::gone())?;
                self.answers.push_back(ServerFrame::History {
                    request,
                    first_line: page.first_line,
                    lines: page.lines,
                    bytes: page.bytes,
                });
            }
            ClientFrame::Resync => self.flow.lose(),
        }
        Ok(())
    }

    /// Takes the next frame to send, if there is one now.
    async fn next_frame(&mut self) -> Result<Option<ServerFrame>, End> {
        self.retry = false;
        if let Some(answer) = self.answers.pop_front() {
            return Ok(Some(answer));
        }
        let head = self.head.borrow_and_update().clone();
        if head.deleted {
            return Err(End::gone());
        }
        if let Some(frame) = self.told.change(&head, &self.hello) {
            return Ok(Some(frame));
        }
        match self.flow.step(head.epoch, head.end) {
            Step::Output { offset, max } => Ok(self.read(offset, max)),
            Step::Snapshot => self.snapshot().await.map(Some),
            Step::Beginning => Ok(Some(self.beginning(&head))),
            Step::Wait if self.flow.epoch() == head.epoch && self.flow.cursor() == head.end => {
                Ok(self.told.end(&head))
            }
            Step::Wait => Ok(None),
        }
    }

    fn read(&mut self, offset: u64, max: usize) -> Option<ServerFrame> {
        match self.handle.read(self.flow.epoch(), offset, max) {
            Read::Bytes { offset, bytes } => {
                self.flow.sent_to(offset + bytes.len() as u64);
                Some(ServerFrame::Output { offset, bytes })
            }
            Read::Gap { from, to } => {
                self.flow.sent_to(to);
                Some(ServerFrame::Gap { from, to })
            }
            Read::AtEnd | Read::OtherEpoch => {
                self.retry = true;
                None
            }
        }
    }

    async fn snapshot(&mut self) -> Result<ServerFrame, End> {
        let lines = self.hello.history.unwrap_or(SNAPSHOT_HISTORY_LINES);
        let lines = lines.min(SNAPSHOT_HISTORY_LINES_MAX);
        let taken = self.handle.snapshot(lines).await;
        let mut snapshot = taken.map_err(|_| End::gone())?;
        snapshot.skipped = self.flow.jumped_to(snapshot.epoch, snapshot.offset);
        Ok(ServerFrame::Snapshot(snapshot))
    }

    /// The screen of a new epoch before its first byte is empty.
    fn beginning(&mut self, head: &Head) -> ServerFrame {
        self.flow.jumped_to(head.epoch, 0);
        ServerFrame::Snapshot(Snapshot {
            epoch: head.epoch,
            offset: 0,
            size: head.size,
            skipped: 0,
            first_line: 0,
            bytes: Bytes::new(),
        })
    }
}

impl Told {
    /// Takes the frame for what changed in the head, one at a time.
    fn change(&mut self, head: &Head, hello: &Hello) -> Option<ServerFrame> {
        let state = TerminalState {
            epoch: head.epoch,
            state: head.process.state,
            exit: head.process.exit,
            reason: head.process.reason.clone(),
        };
        if self.state.as_ref() != Some(&state) {
            if head.is_alive()
                || self
                    .state
                    .as_ref()
                    .is_none_or(|told| told.epoch != head.epoch)
            {
                self.exit = false;
            }
            self.state = Some(state.clone());
            return Some(ServerFrame::State(state));
        }
        let size = (head.size, head.size_owner == Some(hello.client));
        if self.size != Some(size) {
            self.size = Some(size);
            let (size, owner) = size;
            return Some(ServerFrame::Size { size, owner });
        }
        None
    }

    /// Takes the frame for the end of the process, once all output was sent.
    fn end(&mut self, head: &Head) -> Option<ServerFrame> {
        let exit: Exit = head
            .process
            .exit
            .filter(|_| !head.is_alive() && !self.exit)?;
        self.exit = true;
        Some(ServerFrame::Exit {
            offset: head.end,
            exit,
        })
    }
}
