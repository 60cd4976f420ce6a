//! The task that owns one worker: its process, its output, its screen, its followers.
//!
//! ```text
//!            start                 ready                    exit
//!  stopped ────────► starting ──────────────► running ────────────────► exited
//!     ▲                 │ cannot run             │ socket lost            │ start
//!     │                 ▼                        ▼                        ▼
//!   stop          failed-to-start        probe the directory           starting
//!                                  lives: reconnect · exit kept: exited
//!                                  gone: lost · cannot tell: unknown, asked again
//! ```
//! Only this task moves a worker from state to state (`life.rs`), reads its output (`output.rs`)
//! and types its input (`input.rs`). Each move is written to the database by the task itself, so
//! that rows of one worker are written in order.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use offshoot_protocol::prompt::Prompt;
use offshoot_protocol::rest::TextBody;
use offshoot_protocol::terminal::Snapshot;
use offshoot_protocol::view::{Exit, Process, ProcessState, WorkerKind};
use offshoot_protocol::{PromptId, TerminalSize};
use offshoot_shim::frame::ToShim;
use offshoot_shim::log::{Reader, Tail};
use offshoot_shim::{Life, OnExit};
use offshoot_store::{Store, WorkerRow};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::activities::{Activities, LOOK_BEHIND};
use super::asking::Asking;
use super::delivery::Deliveries;
use super::ending::Stopping;
use super::input::Inputs;
use super::link::Link;
use super::prompting::Prompts;
use super::ring::Ring;
use super::screen::LazyScreen;
use super::size::Viewers;
use crate::attention::Rules;
use crate::prompts::Typing;

use super::{COMMANDS, Command, Head, HistoryPage, Shared, WorkerHandle};

/// Memory that only a flood needs is given back after so long without output.
const REST: Duration = Duration::from_secs(5);

/// What a process is started with.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    /// Begin a new epoch with an empty output.
    pub(crate) fresh: bool,
    pub(crate) on_exit: OnExit,
    pub(crate) note: serde_json::Value,
}

/// What changed about a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its process or its title.
    Process,
    /// What its agent does.
    Activity,
    /// A prompt of its queue.
    Prompt(Box<Prompt>),
    /// A prompt was removed from its queue.
    PromptRemoved(PromptId),
}

/// Tells the engine that a worker changed. Called from the worker's task; must not block.
pub(crate) type Notify = Arc<dyn Fn(Change) + Send + Sync>;

/// What a worker's task is made of.
pub(crate) struct WorkerSetup {
    pub(crate) row: WorkerRow,
    /// What the worker's directory says of its process.
    pub(crate) life: Life,
    /// The worker's directory.
    pub(crate) dir: PathBuf,
    /// Where its directory is moved to when it is deleted.
    pub(crate) deleted_dir: PathBuf,
    /// Where a new shim binds its socket.
    pub(crate) socket: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) server_epoch: u64,
    pub(crate) store: Store,
    /// Reads what the agent asks.
    pub(crate) reader: Arc<crate::requests::Reader>,
    /// How the agent wants to be typed to.
    pub(crate) typing: Arc<Typing>,
    /// The rules by which its agent is judged.
    pub(crate) rules: Arc<Rules>,
    pub(crate) screen_options: offshoot_vt::Options,
    pub(crate) notify: Notify,
}

/// One worker's task. Fields of one concern are used by the file of that concern.
pub(super) struct WorkerTask {
    pub(super) shared: Arc<Shared>,
    pub(super) setup: WorkerSetup,
    commands: mpsc::Receiver<Command>,
    // life
    pub(super) link: Option<Link>,
    pub(super) probe_at: Option<Instant>,
    pub(super) stopping: Option<Stopping>,
    // output
    /// The log and the place up to which it was read.
    pub(super) log: Option<(Reader, Tail)>,
    pub(super) position: u64,
    pub(super) more_output: bool,
    pub(super) screen: Option<LazyScreen>,
    pub(super) catch_up_at: Option<Instant>,
    pub(super) gap_told_at: Option<Instant>,
    pub(super) rest_at: Option<Instant>,
    pub(super) activities: Option<Activities>,
    /// The newest title, when it is not shown yet.
    pub(super) next_title: Option<String>,
    /// Until then no other title is shown.
    pub(super) title_at: Option<Instant>,
    // input
    pub(super) inputs: Inputs,
    pub(super) deliveries: Deliveries,
    pub(super) prompts: Prompts,
    pub(super) asking: Asking,
    /// The input of the tool that the agent wants to use, as its hook told.
    pub(super) tool_input: Option<serde_json::Value>,
    /// Since when the process is known to live.
    pub(super) alive_since: Option<Instant>,
    /// When the last output came.
    pub(super) output_at: Option<Instant>,
    pub(super) viewers: Viewers,
    /// What the shim was asked for last, until the log says so.
    pub(super) asked_size: Option<TerminalSize>,
}

/// Starts a worker's task and returns its handle.
pub(crate) fn spawn(
    setup: WorkerSetup,
    tasks: &TaskTracker,
    cancel: CancellationToken,
) -> WorkerHandle {
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let row = &setup.row;
    let activities = (row.kind == WorkerKind::Agent)
        .then(|| Activities::new(Arc::clone(&setup.rules), ended_at(&setup.life)));
    let head = Head {
        epoch: row.epoch,
        end: 0,
        process: Process {
            state: ProcessState::Stopped,
            epoch: row.epoch,
            pid: None,
            exit: None,
            reason: None,
            size: TerminalSize {
                cols: row.cols,
                rows: row.rows,
            },
        },
        size: TerminalSize {
            cols: row.cols,
            rows: row.rows,
        },
        size_owner: None,
        request: None,
        undelivered: None,
        activity: activities
            .as_ref()
            .map(|activities| activities.shown().clone()),
        title: None,
        deleted: false,
        settled: false,
    };
    let shared = Arc::new(Shared {
        id: row.id,
        session_id: row.session_id,
        dir: setup.dir.clone(),
        commands,
        head: watch::Sender::new(head),
        ring: parking_lot::Mutex::new(Ring::default()),
        attached: AtomicBool::new(false),
        typed: AtomicU64::new(0),
        hooks: crate::hooks::Inbox::default(),
    });
    // A worker outlives the request that made it, and must not carry its id for ever.
    let span =
        tracing::info_span!(parent: None, "worker", session = %row.session_id, worker = %row.id);
    let mut task = WorkerTask {
        shared: Arc::clone(&shared),
        setup,
        commands: receiver,
        link: None,
        probe_at: None,
        stopping: None,
        log: None,
        position: 0,
        more_output: false,
        screen: None,
        catch_up_at: None,
        gap_told_at: None,
        rest_at: None,
        activities,
        next_title: None,
        title_at: None,
        inputs: Inputs::default(),
        deliveries: Deliveries::default(),
        prompts: Prompts::default(),
        asking: Asking::default(),
        tool_input: None,
        alive_since: None,
        output_at: None,
        viewers: Viewers::default(),
        asked_size: None,
    };
    task.show_life_before_run();
    tasks.spawn(task.run(cancel).instrument(span));
    WorkerHandle::new(shared)
}

impl WorkerTask {
    async fn run(mut self, cancel: CancellationToken) {
        self.load_prompts().await;
        self.load_request().await;
        self.take_over().await;
        if !self.shared.head.borrow().is_alive() {
            // It ended while no server was there to tell what became of its prompts.
            self.end_prompts().await;
            self.end_asking().await;
        }
        let shared = Arc::clone(&self.shared);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                () = cancel.cancelled() => break,
                frame = next_frame(&mut self.link) => self.on_frame(frame).await,
                command = self.commands.recv() => match command {
                    Some(command) => {
                        if !self.on_command(command).await {
                            break;
                        }
                    }
                    None => break,
                },
                () = shared.hooks.arrived() => self.on_hooks(),
                // Each turn gives way: a task that is always ready keeps the thread from its sockets.
                () = tokio::task::yield_now(), if self.more_output => self.read_output().await,
                () = sleep_until(deadline) => self.on_timers().await,
            }
        }
        self.inputs.drop_all();
    }

    /// Handles one command. Returns whether the task goes on.
    async fn on_command(&mut self, command: Command) -> bool {
        match command {
            Command::Start { launch, done } => {
                let started = self.start(*launch).await;
                answer(done, started);
            }
            Command::Stop { reason, done } => self.stop(reason, done).await,
            Command::Delete { done } => return self.delete(done).await,
            Command::Input {
                writer,
                seq,
                bytes,
                done,
            } => {
                self.on_input(writer, seq, bytes, done);
            }
            Command::Send(letter) => self.on_letter(letter).await,
            Command::Prompt(command) => self.on_prompt_command(command).await,
            Command::Answer {
                request,
                answer,
                done,
            } => self.on_answer(request, answer, done).await,
            Command::Attach { client, size } => {
                let size = self.viewers.attach(client, size);
                self.on_viewers(size);
            }
            Command::Detach { client } => {
                let size = self.viewers.detach(client);
                self.on_viewers(size);
            }
            Command::Resize { client, size } => {
                let size = self.viewers.resize(client, size);
                self.on_viewers(size);
            }
            Command::Claim { client } => {
                let size = self.viewers.claim(client);
                self.on_viewers(size);
            }
            Command::Snapshot {
                history_lines,
                done,
            } => {
                let snapshot = self.take_snapshot(history_lines).await;
                answer(done, snapshot);
            }
            Command::History {
                before,
                count,
                done,
            } => {
                let page = self.take_history(before, count).await;
                answer(done, page);
            }
            Command::Explain { done } => {
                self.catch_up().await;
                answer(done, self.activities.as_ref().map(Activities::explain));
            }
            Command::Text { lines, done } => {
                let text = self.take_text(lines).await;
                answer(done, text);
            }
        }
        true
    }

    fn deadline(&self) -> Option<Instant> {
        let stop = self.stopping.as_ref().map(|stopping| stopping.deadline);
        let activity = self.activities.as_ref().and_then(Activities::deadline);
        [
            self.probe_at,
            stop,
            self.catch_up_at,
            self.rest_at,
            self.title_at,
            self.deliveries.deadline(),
            self.prompts.deadline(),
            self.asking.deadline(),
            activity,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    async fn on_timers(&mut self) {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.probe_at) {
            self.probe_at = None;
            self.look_again().await;
        }
        if self
            .stopping
            .as_ref()
            .is_some_and(|stopping| stopping.deadline <= now)
        {
            // Taking in the last output may have taken longer than the process took to end.
            self.look_again().await;
            self.give_up_stopping();
        }
        if due(self.catch_up_at) {
            self.catch_up_at = None;
            self.catch_up_a_piece().await;
        }
        if due(self.rest_at) {
            self.rest_at = None;
            self.shared.ring.lock().settle();
        }
        if due(self.title_at) {
            self.title_at = None;
            self.show_title();
        }
        if due(self.deliveries.deadline()) {
            self.go_on_delivering().await;
        }
        if due(self.prompts.deadline()) {
            self.go_on_prompting().await;
        }
        if due(self.asking.deadline()) {
            self.go_on_asking().await;
        }
        if due(self.activities.as_ref().and_then(Activities::deadline)) {
            self.judge_activity().await;
        }
    }

    /// Memory is given back later, when output has rested.
    pub(super) fn rest_later(&mut self) {
        self.rest_at = Some(Instant::now() + REST);
    }

    /// Applies a size that changed hands, and tells followers who owns it.
    fn on_viewers(&mut self, size: Option<TerminalSize>) {
        let owner = self.viewers.owner();
        let attached = !self.viewers.is_empty();
        self.shared.attached.store(attached, Ordering::Relaxed);
        self.shared.head.send_if_modified(|head| {
            let changed = head.size_owner != owner;
            head.size_owner = owner;
            changed
        });
        if let Some(size) = size {
            self.apply_size(size);
        }
    }

    /// Asks the shim for a size. The size counts once the log says so.
    pub(super) fn apply_size(&mut self, size: TerminalSize) {
        if self.asked_size.unwrap_or_else(|| self.size()) == size {
            return;
        }
        match &mut self.link {
            Some(link) => {
                self.asked_size = Some(size);
                link.queue(&ToShim::Resize {
                    cols: size.cols,
                    rows: size.rows,
                    xpixel: 0,
                    ypixel: 0,
                });
                // A size alone is no output that would be told of. The answer to the ping comes
                // when the log has it.
                link.queue(&ToShim::Ping { nonce: 0 });
            }
            // Nothing runs: the next process starts with this size.
            None => self.note_size(size),
        }
    }

    pub(super) fn note_size(&mut self, size: TerminalSize) {
        self.setup.row.cols = size.cols;
        self.setup.row.rows = size.rows;
        self.shared.head.send_modify(|head| {
            head.size = size;
            head.process.size = size;
        });
    }

    pub(super) fn size(&self) -> TerminalSize {
        self.shared.head.borrow().size
    }

    /// Tells the engine about a change.
    pub(super) fn notify(&self, change: Change) {
        (self.setup.notify)(change);
    }

    /// Publishes what the agent does, if that changed.
    pub(super) fn show_activity(&mut self, changed: bool) {
        let Some(activities) = self.activities.as_ref().filter(|_| changed) else {
            return;
        };
        let shown = activities.shown().clone();
        self.prompts.on_activity(shown.state);
        self.shared
            .head
            .send_modify(|head| head.activity = Some(shown));
        self.notify(Change::Activity);
        self.on_asking_changed();
    }

    async fn take_snapshot(&mut self, history_lines: u32) -> Snapshot {
        self.catch_up().await;
        let (epoch, size) = (self.setup.row.epoch, self.size());
        let screen = self.screen_mut().await;
        let offset = screen.parsed();
        let taken = screen
            .screen()
            .snapshot(usize::try_from(history_lines).unwrap_or(usize::MAX));
        let bytes = Bytes::from(taken.bytes);
        Snapshot {
            epoch,
            offset,
            size,
            skipped: 0,
            first_line: taken.first_line,
            bytes,
        }
    }

    async fn take_history(&mut self, before: u64, count: u16) -> HistoryPage {
        self.catch_up().await;
        let page = self
            .screen_mut()
            .await
            .screen()
            .history(before, usize::from(count));
        HistoryPage {
            first_line: page.first_line,
            lines: page.lines,
            bytes: page.bytes.into(),
        }
    }

    async fn take_text(&mut self, lines: usize) -> TextBody {
        self.catch_up().await;
        let size = self.size();
        let screen = self.screen_mut().await;
        TextBody {
            offset: screen.parsed(),
            lines: screen.screen().tail(lines),
            size,
        }
    }

    async fn processor_time(&self) -> Option<Duration> {
        let pid = self.shared.head.borrow().process.pid?;
        let used = tokio::task::spawn_blocking(move || super::cpu::used_by(pid)).await;
        used.ok().flatten()
    }

    async fn judge_activity(&mut self) {
        if self
            .activities
            .as_ref()
            .is_some_and(Activities::needs_screen)
        {
            let behind = self.position - self.parsed();
            if self.more_output && behind > LOOK_BEHIND {
                if let Some(activities) = &mut self.activities {
                    activities.put_off();
                }
            } else {
                self.catch_up().await;
            }
        }
        if self
            .activities
            .as_ref()
            .is_some_and(Activities::needs_process)
        {
            let used = self.processor_time().await;
            if let Some(activities) = &mut self.activities {
                activities.on_process(used);
            }
        }
        let screen = self.screen.as_mut().map(LazyScreen::screen);
        let watch = self.activities.as_mut();
        let changed = watch.is_some_and(|watch| watch.on_timer(screen));
        self.show_activity(changed);
    }
}

/// Answers a question whose asker may have gone.
pub(super) fn answer<T>(done: oneshot::Sender<T>, value: T) {
    let _ = done.send(value);
}

pub(super) async fn next_frame(
    link: &mut Option<Link>,
) -> Result<offshoot_shim::frame::FromShim, super::link::LinkError> {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// When the process ended; `None` while it may live.
fn ended_at(life: &Life) -> Option<Timestamp> {
    let wall_ms = match life {
        Life::Running(_) | Life::Unknown { .. } => return None,
        Life::Exited(_, record) => i64::try_from(record.wall_ms).ok(),
        Life::Lost(_) | Life::Absent => None,
    };
    let told = wall_ms.and_then(|wall_ms| Timestamp::from_millisecond(wall_ms).ok());
    Some(told.unwrap_or_else(Timestamp::now))
}

/// The exit as people see it.
pub(super) fn exit_of(record: &offshoot_shim::ExitRecord) -> Exit {
    Exit {
        code: record.code,
        signal: record.signal,
    }
}
