//! A worker's socket, first dialect.
//!
//! Owns that dialect's rules: opening a dead worker revives it, output is batched, history comes
//! only when asked for and once per request, nothing at or before its offset follows it, the exit
//! comes after all output. Output is pulled at the client's pace, from the log if need be, so a
//! stalled client costs one frame of memory.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use offshoot_engine::{
    Activation, Attachment, EngineError, Head, Read, WorkerHandle, without_reports,
};
use offshoot_protocol::limits::TERMINAL_OUTPUT_FRAME_BYTES;
use offshoot_protocol::terminal::{ClientId, InputResult};
use offshoot_protocol::v1::{ActivityState, TerminalErrorCode, TerminalFrame, TerminalRequest};
use offshoot_protocol::view::{Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::app_v1::state_of;
use super::diff_v1;
use super::history_v1;
use super::images::Image;
use super::shapes_v1::{exit_frame, offset_of, size_of};
use super::utf8::complete_len;
use super::wire::{Io, Reading, Wire, close};
use crate::state::App;

/// Output after a frame is collected for so long; the first output after a pause goes at once.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// Unanswered history requests of one client. When there are more, it is not read until some are
/// answered.
const REQUESTS_MAX: usize = 32;

/// Input is handed on in pieces of this size, each when the one before was taken.
const INPUT_PIECE_BYTES: usize = 64 * 1024;

/// A program that does not take a piece of input within so long does not read; the rest is dropped,
/// for which this dialect has no word.
const INPUT_TIME: Duration = Duration::from_secs(5);

/// Why a connection ends.
enum End {
    Client,
    Stop,
    /// A last error, then an exit, then a close that the client takes as final.
    Failed {
        code: TerminalErrorCode,
        message: String,
    },
}

impl End {
    fn unknown(message: &str) -> Self {
        Self::Failed {
            code: TerminalErrorCode::WorkerNotFound,
            message: message.to_owned(),
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
    let opened = open(&app, session, worker).await;
    let end = match opened {
        Ok(Opened::Terminal(mut terminal)) => match terminal.follow(&app, &mut wire).await {
            Ok(never) => match never {},
            Err(end) => end,
        },
        Ok(Opened::Diff(session, worker)) => {
            return diff_v1::run(&app, wire, session, worker).await;
        }
        Err(end) => end,
    };
    match end {
        End::Client => {}
        End::Stop => {
            wire.close(Vec::new(), close::RESTART, "the server stops")
                .await
        }
        End::Failed { code, message } => {
            let exit = TerminalFrame::Exit {
                exit_code: 1,
                signal: None,
            };
            let error = TerminalFrame::Error {
                message: message.clone(),
                code: Some(code),
            };
            let last: Vec<_> = [error, exit]
                .iter()
                .map(|frame| Message::Text(encode(frame).into()))
                .collect();
            wire.close(last, close::NORMAL, &message).await;
        }
    }
}

fn encode(frame: &TerminalFrame) -> String {
    serde_json::to_string(frame).expect("wire types have string keys and finite numbers")
}

/// What a socket was opened on.
enum Opened {
    Terminal(Box<Terminal>),
    Diff(SessionId, WorkerId),
}

/// Finds the worker and revives it when its process has ended.
async fn open(
    app: &App,
    session: Option<SessionId>,
    worker: Option<WorkerId>,
) -> Result<Opened, End> {
    if let (Some(session), Some(worker)) = (session, worker)
        && let Err(err) = app.engine.wake(session, worker).await
    {
        tracing::debug!(%worker, %err, "start what an idle rule ended");
    }
    let known = session.and_then(|id| app.engine.session(id).ok());
    let session = known
        .filter(|session| !session.paused)
        .ok_or_else(|| End::unknown("Session not found"))?;
    let is_wanted = |found: &&Worker| Some(found.id) == worker;
    let found = session.workers.iter().find(is_wanted);
    let worker = found.ok_or_else(|| End::unknown("Worker not found"))?;
    if worker.kind == WorkerKind::GitDiff {
        return Ok(Opened::Diff(session.id, worker.id));
    }
    let handle = app
        .engine
        .worker(session.id, worker.id)
        .map_err(|_| End::unknown("Worker not found"))?;
    // Taken before the process starts, so that its first output is not missed.
    let before = handle.head();
    let activation = app
        .engine
        .activate_worker(session.id, worker.id)
        .await
        .map_err(refuse_activation)?;
    let is_agent = worker.kind == WorkerKind::Agent;
    let terminal = Terminal::attach(handle, is_agent, &before, activation).await;
    Ok(Opened::Terminal(Box::new(terminal)))
}

fn refuse_activation(err: EngineError) -> End {
    let code = match &err {
        EngineError::PathNotFound(_) => TerminalErrorCode::PathNotFound,
        EngineError::SessionNotFound(_) | EngineError::WorkerNotFound(_) => {
            TerminalErrorCode::WorkerNotFound
        }
        _ => TerminalErrorCode::ActivationFailed,
    };
    let message = err.to_string();
    End::Failed { code, message }
}

/// One client following one worker.
struct Terminal {
    handle: WorkerHandle,
    head: watch::Receiver<Head>,
    is_agent: bool,
    /// This connection as a writer of input and an owner of the size.
    client: ClientId,
    seq: u64,
    epoch: u32,
    /// Everything before it was sent. Never inside a character.
    cursor: u64,
    /// The end of output at which only the beginning of a character was left.
    held_at: Option<u64>,
    batch_due: Instant,
    frames: VecDeque<TerminalFrame>,
    /// Offsets of history requests that wait for their answer.
    requests: VecDeque<u64>,
    told_activity: Option<ActivityState>,
    told_exit: bool,
    _attachment: Attachment,
}

impl Terminal {
    async fn attach(
        handle: WorkerHandle,
        is_agent: bool,
        before: &Head,
        activation: Activation,
    ) -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the system has a source of randomness");
        let client = ClientId(u64::from_le_bytes(random));
        let attachment = handle.attach(client, None).await;
        let mut frames = VecDeque::new();
        let mut told_activity = None;
        if activation == Activation::Started {
            let server_pid = std::process::id();
            frames.push_back(TerminalFrame::ServerRestarted { server_pid });
            if is_agent {
                let state = ActivityState::Idle;
                frames.push_back(TerminalFrame::Activity { state });
                told_activity = Some(state);
            }
        }
        let (epoch, cursor) = match activation {
            Activation::Started => (before.epoch, before.end),
            Activation::Alive => {
                let head = handle.head();
                (head.epoch, head.end)
            }
        };
        Self {
            head: handle.watch(),
            handle,
            is_agent,
            client,
            seq: 0,
            epoch,
            cursor,
            held_at: None,
            batch_due: Instant::now(),
            frames,
            requests: VecDeque::new(),
            told_activity,
            told_exit: false,
            _attachment: attachment,
        }
    }

    async fn follow(
        &mut self,
        app: &App,
        wire: &mut Wire,
    ) -> Result<std::convert::Infallible, End> {
        loop {
            let mut wake = None;
            if wire.is_free() {
                match self.next_frame(app).await? {
                    Next::Frame(frame) => wire.send_text(encode(&frame)),
                    Next::At(due) => wake = Some(due),
                    Next::Nothing => {}
                    Next::Deleted => return self.outlive(app, wire).await,
                }
            }
            let reading = match self.requests.len() < REQUESTS_MAX {
                true => Reading::Yes,
                false => Reading::No,
            };
            tokio::select! {
                biased;
                () = app.stop.cancelled() => return Err(End::Stop),
                io = wire.next(reading) => match io {
                    Io::Sent => {}
                    Io::Text(text) => self.on_request(app, text.as_bytes()).await,
                    Io::Binary(bytes) => self.on_request(app, &bytes).await,
                    Io::Ended => return Err(End::Client),
                },
                changed = self.head.changed(), if wire.is_free() => {
                    changed.map_err(|_| End::Stop)?;
                }
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
        }
    }

    /// Tells the deletion of a session; a socket whose worker alone was deleted stays open, silent.
    async fn outlive(&self, app: &App, wire: &mut Wire) -> Result<std::convert::Infallible, End> {
        let (session, worker) = (self.handle.session_id(), self.handle.id());
        let with_session = tokio::select! {
            () = app.stop.cancelled() => return Err(End::Stop),
            with_session = went_with_session(app, session, worker) => with_session,
        };
        if with_session {
            return Err(End::Failed {
                code: TerminalErrorCode::SessionDeleted,
                message: "Session has been deleted".to_owned(),
            });
        }
        loop {
            tokio::select! {
                biased;
                () = app.stop.cancelled() => return Err(End::Stop),
                io = wire.next(Reading::Yes) => if matches!(io, Io::Ended) {
                    return Err(End::Client);
                },
            }
        }
    }

    /// Decides what to send now.
    async fn next_frame(&mut self, app: &App) -> Result<Next, End> {
        if let Some(frame) = self.frames.pop_front() {
            return Ok(Next::Frame(frame));
        }
        let head = self.head.borrow_and_update().clone();
        if head.deleted {
            return Ok(Next::Deleted);
        }
        if let Some(from) = self.requests.pop_front() {
            return Ok(Next::Frame(self.answer_history(from).await));
        }
        if let Some(state) = self.changed_activity(&head) {
            return Ok(Next::Frame(TerminalFrame::Activity { state }));
        }
        if head.epoch != self.epoch {
            self.begin(head.epoch);
            let message = "The worker was restarted; its earlier output is gone".to_owned();
            return Ok(Next::Frame(TerminalFrame::OutputTruncated { message }));
        }
        if head.is_alive() {
            self.told_exit = false;
        }
        if head.end > self.cursor && self.held_at.filter(|_| head.is_alive()) != Some(head.end) {
            return Ok(self.output(&head));
        }
        Ok(match self.exit(app, &head) {
            Some(exit) => Next::Frame(exit),
            None => Next::Nothing,
        })
    }

    fn begin(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.cursor = 0;
        self.held_at = None;
        self.told_exit = false;
    }

    fn changed_activity(&mut self, head: &Head) -> Option<ActivityState> {
        let state = state_of(head.activity.as_ref().map(|activity| activity.state));
        // That nothing is known is not said in this dialect.
        let is_news =
            self.is_agent && state != ActivityState::Unknown && self.told_activity != Some(state);
        is_news.then(|| {
            self.told_activity = Some(state);
            state
        })
    }

    /// Takes the next piece of output, unless it is still being collected.
    fn output(&mut self, head: &Head) -> Next {
        let now = Instant::now();
        let is_full = head.end - self.cursor >= TERMINAL_OUTPUT_FRAME_BYTES as u64;
        if head.is_alive() && !is_full && now < self.batch_due {
            return Next::At(self.batch_due);
        }
        match self
            .handle
            .read(self.epoch, self.cursor, TERMINAL_OUTPUT_FRAME_BYTES)
        {
            Read::Bytes { bytes, .. } => self.cut(head, &bytes),
            Read::Gap { to, .. } => {
                self.cursor = to;
                Next::Frame(TerminalFrame::OutputTruncated {
                    message: "Output history truncated due to size limits".to_owned(),
                })
            }
            // The head is ahead of what can be read for a moment.
            Read::AtEnd | Read::OtherEpoch => Next::At(now + BATCH_TIME),
        }
    }

    fn cut(&mut self, head: &Head, bytes: &Bytes) -> Next {
        let reaches_end = self.cursor + bytes.len() as u64 == head.end;
        let is_last = !head.is_alive() && reaches_end;
        let whole = if is_last {
            bytes.len()
        } else {
            complete_len(bytes)
        };
        if whole == 0 {
            self.held_at = Some(head.end);
            return Next::Nothing;
        }
        self.cursor += whole as u64;
        self.held_at = (whole < bytes.len() && reaches_end).then_some(head.end);
        self.batch_due = Instant::now() + BATCH_TIME;
        Next::Frame(TerminalFrame::Output {
            data: String::from_utf8_lossy(&bytes[..whole]).into_owned(),
            offset: self.cursor,
        })
    }

    /// Takes the end of the process, once, after all output. Pausing tells nothing.
    fn exit(&mut self, app: &App, head: &Head) -> Option<TerminalFrame> {
        if head.is_alive() || self.told_exit {
            return None;
        }
        self.told_exit = true;
        let session = app.engine.session(self.handle.session_id()).ok()?;
        (!session.paused).then(|| exit_frame(head.process.exit, head.process.state))
    }

    async fn answer_history(&mut self, from: u64) -> TerminalFrame {
        match history_v1::answer(&self.handle, from).await {
            Ok(answer) => {
                self.epoch = answer.epoch;
                self.cursor = answer.cursor;
                self.held_at = None;
                self.frames.extend(answer.frames);
            }
            Err(err) => {
                tracing::warn!(%err, "answer a history request");
                self.frames.push_back(TerminalFrame::Error {
                    message:
                        "Failed to load terminal history. Try switching workers or refreshing."
                            .to_owned(),
                    code: Some(TerminalErrorCode::HistoryLoadFailed),
                });
            }
        }
        self.frames.pop_front().expect("an answer has a frame")
    }

    /// Does what a frame asks for; what is no frame of this dialect is ignored.
    async fn on_request(&mut self, app: &App, frame: &[u8]) {
        match serde_json::from_slice(frame) {
            Ok(TerminalRequest::Input { data }) => {
                // Browsers of this dialect answer terminal queries too; the server has done so.
                let typed = without_reports(data.as_bytes()).into_owned();
                self.input(typed.into()).await;
            }
            Ok(TerminalRequest::Resize { cols, rows }) => {
                if let Some(size) = size_of(&cols, &rows) {
                    // The last one to say a size has it; only a client with a size can claim.
                    self.handle.resize(self.client, size).await;
                    self.handle.claim(self.client).await;
                }
            }
            Ok(TerminalRequest::Image { data, mime_type }) => {
                if let Some(image) = Image::decode(&data, &mime_type) {
                    self.paste(app, &image).await;
                }
            }
            Ok(TerminalRequest::RequestHistory { from_offset }) => {
                self.requests.push_back(offset_of(&from_offset));
            }
            Err(err) => tracing::debug!(%err, "ignored a frame"),
        }
    }

    async fn paste(&mut self, app: &App, image: &Image) {
        match image.store(&app.engine.home().join("uploads")).await {
            Ok(path) => self.input(path.display().to_string().into()).await,
            Err(err) => tracing::warn!(%err, "store an image"),
        }
    }

    async fn input(&mut self, mut bytes: Bytes) {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(INPUT_PIECE_BYTES));
            self.seq += 1;
            let fate = self.handle.input(self.client, self.seq, piece).await;
            if bytes.is_empty() {
                return;
            }
            let taken = tokio::time::timeout(INPUT_TIME, fate).await;
            if !matches!(taken, Ok(Ok(InputResult::Accepted))) {
                tracing::debug!(
                    n_bytes = bytes.len(),
                    "the program does not read; the rest of its input is dropped"
                );
                return;
            }
        }
    }
}

/// What there is to send.
enum Next {
    Frame(TerminalFrame),
    /// Something, at this time.
    At(Instant),
    Nothing,
    /// Nothing any more.
    Deleted,
}

/// Waits until a deleted worker has left its session, and tells whether the session went with it.
async fn went_with_session(app: &App, session: SessionId, worker: WorkerId) -> bool {
    loop {
        let mut events = app.engine.subscribe().events;
        loop {
            match app.engine.session(session) {
                Err(_) => return true,
                Ok(session) if session.workers.iter().all(|found| found.id != worker) => {
                    return false;
                }
                Ok(_) => {}
            }
            match events.next().await {
                Ok(_) => {}
                Err(offshoot_engine::StreamEnd::Lagged(_)) => break,
                Err(offshoot_engine::StreamEnd::Closed) => return true,
            }
        }
    }
}
