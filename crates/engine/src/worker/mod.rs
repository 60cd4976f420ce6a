//! One worker with a terminal: a task that owns it, and the cheap handles that everyone else holds.
//!
//! ```text
//!                 ┌────────── task (task.rs) ──────────┐
//!  handle ──────► │ commands   shim socket   log files │
//!    │            │ screen     viewers       activity  │
//!    │            └──────┬──────────────────┬──────────┘
//!    │ read(offset)      ▼ push             ▼ publish
//!    └────────────► ring · log files      head (watch)
//! ```
//! Output is pulled, never pushed: a reader keeps its own offset, waits for the head to move past
//! it and reads from the ring, or from the log files when it is far behind. A slow reader is an old
//! offset and nothing else. The task ends when the worker is deleted or the engine shuts down;
//! handles then answer "not running".

mod activities;
mod asking;
mod cpu;
mod delivery;
mod ending;
mod handle;
mod hooks;
mod input;
mod life;
mod link;
mod output;
mod prompting;
mod ring;
mod screen;
mod size;
mod spawn;
mod task;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use offshoot_protocol::explain::Explanation;
use offshoot_protocol::prompt::Undelivered;
use offshoot_protocol::request::{Answer, Request};
use offshoot_protocol::rest::TextBody;
use offshoot_protocol::terminal::{ClientId, InputResult, Snapshot};
use offshoot_protocol::view::{Activity, ActivityState, Process, ProcessState};
use offshoot_protocol::{SessionId, TerminalSize, WorkerId};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use crate::EngineError;
use crate::hooks::Inbox;

use self::delivery::Letter;
pub use self::handle::{Attachment, WorkerHandle};
pub(crate) use self::life::life_without_files;
pub(crate) use self::prompting::{PromptCommand, view_of};
use self::ring::Ring;
pub(crate) use self::task::{Change, Launch, Notify, WorkerSetup, spawn};

/// Commands waiting for one worker's task. A full queue makes its senders wait: the task is
/// reading output, and input comes in no faster than it can be passed on.
const COMMANDS: usize = 64;

/// What followers of a worker need to know at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// One life of the output; offsets of another epoch mean nothing.
    pub epoch: u32,
    /// The offset after the newest byte.
    pub end: u64,
    /// The process. When it has ended, `end` is final unless it is revived.
    pub process: Process,
    /// The terminal's size.
    pub size: TerminalSize,
    /// Who decides the size.
    pub size_owner: Option<ClientId>,
    /// What the agent does; absent for terminals.
    pub activity: Option<Activity>,
    /// What the agent asks, while it waits.
    pub request: Option<Request>,
    /// The last prompt, when it was not delivered.
    pub undelivered: Option<Undelivered>,
    /// The title the program gave its terminal.
    pub title: Option<String>,
    /// The worker is deleted; nothing follows.
    pub deleted: bool,
    /// Whether it is known where the output ends; false for a moment after the server's start.
    pub(crate) settled: bool,
}

impl Head {
    /// Tells whether an idle rule stopped the process.
    pub(crate) fn rests(&self) -> bool {
        let reason = self.process.reason.as_deref();
        self.process.state == ProcessState::Stopped && reason.is_some_and(crate::idle::is_reason)
    }

    /// Tells whether a process lives or is about to.
    pub fn is_alive(&self) -> bool {
        matches!(
            self.process.state,
            ProcessState::Running | ProcessState::Starting | ProcessState::Unknown
        )
    }
}

/// A worker to which nothing happened has the same mark as before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    epoch: u32,
    end: u64,
    typed: u64,
}

/// What tells whether anything happens at a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    pub(crate) mark: Mark,
    /// Its process lives, and it is known where the output ends.
    pub(crate) running: bool,
    /// What the agent does; none for terminals.
    pub(crate) activity: Option<ActivityState>,
    /// Whether anybody follows.
    pub(crate) attached: bool,
    pub(crate) pid: Option<u32>,
}

/// What reading at an offset gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Output from `offset` on.
    Bytes {
        /// The offset of the first byte: the one asked for.
        offset: u64,
        /// At least one byte.
        bytes: Bytes,
    },
    /// These bytes are not kept; read on at `to`.
    Gap {
        /// The first missing byte.
        from: u64,
        /// The first byte that is there again.
        to: u64,
    },
    /// Nothing after the offset yet.
    AtEnd,
    /// The worker began a new life; take a snapshot.
    OtherEpoch,
}

/// Older lines of a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The number of the first line.
    pub first_line: u64,
    /// How many lines.
    pub lines: u32,
    /// The lines with their colours, each ended by CRLF.
    pub bytes: Bytes,
}

/// What task and handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    id: WorkerId,
    session_id: SessionId,
    dir: PathBuf,
    commands: mpsc::Sender<Command>,
    head: watch::Sender<Head>,
    ring: Mutex<Ring>,
    /// Whether anybody follows.
    attached: AtomicBool,
    /// How often something was typed that no terminal query asked for.
    typed: AtomicU64,
    /// What the agent reports by its hooks.
    hooks: Inbox,
}

/// What a worker's task can be asked.
#[derive(Debug)]
pub(crate) enum Command {
    Start {
        launch: Box<Launch>,
        done: oneshot::Sender<Result<(), EngineError>>,
    },
    Stop {
        /// Why, when no person asked for it.
        reason: Option<String>,
        done: oneshot::Sender<Result<(), EngineError>>,
    },
    Delete {
        done: oneshot::Sender<Result<(), EngineError>>,
    },
    Input {
        writer: ClientId,
        seq: u64,
        bytes: Bytes,
        done: oneshot::Sender<InputResult>,
    },
    Send(Letter),
    Prompt(PromptCommand),
    Answer {
        request: String,
        answer: Answer,
        done: oneshot::Sender<Result<bool, EngineError>>,
    },
    Attach {
        client: ClientId,
        size: Option<TerminalSize>,
    },
    Detach {
        client: ClientId,
    },
    Resize {
        client: ClientId,
        size: TerminalSize,
    },
    Claim {
        client: ClientId,
    },
    Snapshot {
        history_lines: u32,
        done: oneshot::Sender<Snapshot>,
    },
    History {
        before: u64,
        count: u16,
        done: oneshot::Sender<HistoryPage>,
    },
    Text {
        lines: usize,
        done: oneshot::Sender<TextBody>,
    },
    /// Says why an agent is thought to do what it does; none for terminals.
    Explain {
        done: oneshot::Sender<Option<Explanation>>,
    },
}
