//! The life of a worker's process: take over, start, stop, notice its end.

use std::time::Duration;

use offshoot_protocol::view::{Process, ProcessState};
use offshoot_shim::frame::{FromShim, Hello, ToShim};
use offshoot_shim::{ExitRecord, Life, Meta, SpawnSpec};
use offshoot_store::WorkerPhase;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::link::{Link, LinkError};
use super::spawn::spawn_shim;
use super::task::{Change, Launch, WorkerTask, answer, exit_of, next_frame};
use crate::EngineError;

/// A program whose terminal went away ends of the hangup, nearly always; it gets so long.
const HANGUP: Duration = Duration::from_secs(1);

/// How often a worker whose process cannot be judged is looked at again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A process tree that is told to end gets so long before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Ending a tree takes at most so long; then the stop is reported as failed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// After its exit the shim leaves at once; one that stays so long is asked again.
const LEAVE: Duration = Duration::from_secs(10);

/// A shim that has told its exit lets go of its lock within milliseconds; it is waited for so.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A shim that refuses a connection although it holds its lock is mostly about to leave. It gets
/// so long for that before it is unknown.
const LEAVING: Duration = Duration::from_millis(500);

/// Output kept on disk per worker. The oldest goes first, and a gap says so.
const QUOTA_BYTES: u64 = 64 * 1024 * 1024;

/// A stop under way.
pub(super) struct Stopping {
    pub(super) deadline: Instant,
    waiting: Vec<oneshot::Sender<Result<(), EngineError>>>,
}

impl WorkerTask {
    /// Shows what is known before the task runs, so that no question meets an empty answer.
    pub(super) fn show_life_before_run(&mut self) {
        let row = &self.setup.row;
        let (state, exit) = match (&self.setup.life, row.phase) {
            (Life::Running(_), _) => (ProcessState::Running, None),
            (Life::Unknown { .. }, _) => (ProcessState::Unknown, None),
            (Life::Exited(_, record), WorkerPhase::Stopped) => {
                (ProcessState::Stopped, Some(exit_of(record)))
            }
            (Life::Exited(_, record), _) => (ProcessState::Exited, Some(exit_of(record))),
            (Life::Lost(_), _) => (ProcessState::Lost, None),
            (Life::Absent, WorkerPhase::Failed) => (ProcessState::FailedToStart, None),
            (Life::Absent, WorkerPhase::Running | WorkerPhase::Unknown) => {
                (ProcessState::Lost, None)
            }
            (Life::Absent, _) => (ProcessState::Stopped, None),
        };
        let pid = match &self.setup.life {
            Life::Running(meta) => u32::try_from(meta.child.pid).ok(),
            _ => None,
        };
        let reason = row.reason.clone().or_else(|| match &self.setup.life {
            Life::Lost(_) => {
                Some("the process is gone without an exit status, as after a reboot".to_owned())
            }
            Life::Unknown { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        let end = match &self.setup.life {
            Life::Exited(_, record) => record.offset,
            // The shim will tell, faster than its log can be searched.
            Life::Running(_) => 0,
            _ => self.log_end(),
        };
        let settled = !matches!(self.setup.life, Life::Running(_));
        self.begin_at(end);
        self.shared.head.send_modify(|head| {
            head.settled = settled;
            head.process = Process {
                state,
                pid,
                exit,
                reason,
                ..head.process.clone()
            };
        });
    }

    /// Connects to a process that survived.
    pub(super) async fn take_over(&mut self) {
        if let Life::Running(meta) = self.setup.life.clone() {
            self.connect(&meta).await;
        } else if let Life::Unknown { .. } = self.setup.life {
            self.probe_at = Some(Instant::now() + ASK_AGAIN);
        }
    }

    /// Places ring and position at an offset, with nothing in memory before it.
    fn begin_at(&mut self, end: u64) {
        self.position = end;
        self.shared.ring.lock().reset(self.setup.row.epoch, end);
        self.shared.head.send_modify(|head| head.end = end);
    }

    fn log_end(&self) -> u64 {
        offshoot_shim::log::Reader::open(&self.setup.dir)
            .and_then(|mut log| log.end_offset())
            .unwrap_or_default()
    }

    async fn connect(&mut self, meta: &Meta) {
        let deadline = Instant::now() + LEAVING;
        loop {
            let err = match Link::connect(&meta.socket, self.setup.server_epoch).await {
                Ok((link, hello)) => return self.on_connected(link, &hello, meta).await,
                Err(err) => err,
            };
            // A program that ends at once takes its shim along, perhaps before it was connected to.
            match self.probe() {
                life @ (Life::Exited(..) | Life::Lost(_) | Life::Absent) => {
                    return Box::pin(self.on_life(life)).await;
                }
                Life::Running(_) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Life::Running(_) | Life::Unknown { .. } => {
                    // Unknown is not dead: nothing is done to it, and it is asked again.
                    if !self.shared.head.borrow().settled {
                        self.begin_at(self.log_end());
                        self.shared.head.send_modify(|head| head.settled = true);
                    }
                    self.show_unknown(err.to_string());
                    self.probe_at = Some(Instant::now() + ASK_AGAIN);
                    return;
                }
            }
        }
    }

    async fn on_connected(&mut self, link: Link, hello: &Hello, meta: &Meta) {
        self.link = Some(link);
        self.log = None;
        self.setup.row.epoch = hello.epoch;
        self.begin_output(hello);
        let pid = u32::try_from(meta.child.pid).ok();
        self.record(WorkerPhase::Running, None, None).await;
        self.show(ProcessState::Running, pid);
        self.more_output = true;
        self.resend_outbox().await;
        if let Some(record) = hello.exit {
            self.on_exit(record).await;
        }
    }

    /// Places ring, position and screen where the log's end is, unless they are there already.
    fn begin_output(&mut self, hello: &Hello) {
        let epoch = hello.epoch;
        let size = offshoot_protocol::TerminalSize {
            cols: hello.cols,
            rows: hello.rows,
        };
        let settled = self.shared.head.borrow().settled;
        let continues = {
            let mut ring = self.shared.ring.lock();
            let continues = settled
                && ring.epoch() == epoch
                && ring.end() == self.position
                && self.position <= hello.end_offset;
            if !continues {
                self.position = hello.end_offset;
                ring.reset(epoch, self.position);
            }
            continues
        };
        if !continues || self.screen.is_none() {
            self.screen = None;
            let mut screen = self.begin_screen();
            let answered = hello
                .writers
                .iter()
                .find(|(writer, _)| *writer == super::input::ANSWERS);
            screen.answer_only_recent(self.position, answered.map_or(0, |(_, seq)| *seq));
            self.screen = Some(screen);
            // Watching an agent needs its screen; a terminal's is parsed when somebody looks.
            if self.activities.is_some() {
                self.catch_up_at = Some(Instant::now());
            }
        }
        self.note_size(size);
        let end = self.position;
        self.shared.head.send_modify(|head| {
            head.epoch = epoch;
            head.process.epoch = epoch;
            head.end = end;
            head.settled = true;
        });
    }

    /// Does the same for a process that ended before it was connected to.
    fn begin_ended_output(&mut self, meta: &Meta) {
        let size = self.size();
        self.log = None;
        self.setup.row.epoch = meta.epoch;
        self.begin_output(&Hello {
            epoch: meta.epoch,
            cols: size.cols,
            rows: size.rows,
            end_offset: self.log_end(),
            ..Hello::default()
        });
    }

    /// Starts the process, ending a living one first.
    pub(super) async fn start(&mut self, launch: Launch) -> Result<(), EngineError> {
        if launch.fresh {
            self.screen = None;
        }
        self.end_living().await?;
        let preface = if launch.fresh {
            Vec::new()
        } else {
            self.preface().await
        };
        if launch.fresh {
            self.setup.row.epoch += 1;
        }
        let size = self.viewers.owner_size().unwrap_or_else(|| self.size());
        self.record(WorkerPhase::Intended, None, None).await;
        self.show(ProcessState::Starting, None);
        let spec = SpawnSpec {
            worker_id: self.setup.row.id.to_string(),
            epoch: self.setup.row.epoch,
            dir: self.setup.dir.clone(),
            socket: self.setup.socket.clone(),
            argv: launch.argv,
            env: launch.env,
            cwd: launch.cwd,
            cols: size.cols,
            rows: size.rows,
            quota_bytes: QUOTA_BYTES,
            on_exit: launch.on_exit,
            preface,
            note: launch.note,
        };
        let program = self.setup.program.clone();
        let spawned = tokio::task::spawn_blocking(move || spawn_shim(&program, &spec)).await;
        match spawned {
            Ok(Ok(spawned)) => self.on_spawned(&spawned.meta).await,
            Ok(Err(err)) => Err(self.on_spawn_failed(err.to_string()).await),
            Err(err) => Err(self.on_spawn_failed(err.to_string()).await),
        }
    }

    async fn on_spawned(&mut self, meta: &Meta) -> Result<(), EngineError> {
        tracing::info!(pid = meta.child.pid, epoch = meta.epoch, "started");
        self.setup.row.socket = meta.socket.to_str().map(str::to_owned);
        if let Some(activities) = &mut self.activities {
            *activities = super::activities::Activities::new(&self.setup.asking_patterns, None);
            let shown = activities.shown().clone();
            self.shared.head.send_modify(|head| {
                head.activity = Some(shown);
                head.title = None;
            });
        }
        self.next_title = None;
        self.connect(meta).await;
        Ok(())
    }

    async fn on_spawn_failed(&mut self, reason: String) -> EngineError {
        tracing::warn!(reason, "failed to start");
        self.record(WorkerPhase::Failed, Some(reason.clone()), None)
            .await;
        self.show_ended(ProcessState::FailedToStart, None, Some(reason.clone()));
        EngineError::StartFailed(reason)
    }

    /// What makes the terminal usable again after the program that ended in it.
    async fn preface(&mut self) -> Vec<u8> {
        if self.position == 0 {
            return Vec::new();
        }
        self.screen_mut().await;
        self.catch_up().await;
        self.screen_mut().await.preface()
    }

    /// Ends a living process and waits for it.
    async fn end_living(&mut self) -> Result<(), EngineError> {
        self.refuse_unknown().await?;
        if let Some(link) = &mut self.link {
            link.queue(&kill_tree());
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.link.is_some() || matches!(self.probe(), Life::Running(_) | Life::Unknown { .. })
        {
            if Instant::now() >= deadline {
                let message = "its processes did not end in time; try again".to_owned();
                return Err(EngineError::WorkerUnknown(message));
            }
            tokio::select! {
                frame = next_frame(&mut self.link) => Box::pin(self.on_frame(frame)).await,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
        let patience = Instant::now() + HANGUP;
        while let Some(pid) = self.program_without_terminal() {
            if Instant::now() >= patience {
                return Err(EngineError::WorkerUnknown(format!(
                    "its program still runs without its terminal; end it with `kill {pid}` and try again"
                )));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Returns the program that outlives its killed shim.
    fn program_without_terminal(&self) -> Option<i32> {
        match self.probe() {
            Life::Lost(meta) if meta.child_is_alive() == Some(true) => Some(meta.child.pid),
            _ => None,
        }
    }

    /// Fails for a worker whose process cannot be judged, after one more look.
    async fn refuse_unknown(&mut self) -> Result<(), EngineError> {
        if self.shared.head.borrow().process.state == ProcessState::Unknown {
            self.look_again().await;
        }
        let process = self.shared.head.borrow().process.clone();
        match process.state {
            ProcessState::Unknown => Err(EngineError::WorkerUnknown(
                process.reason.unwrap_or_default(),
            )),
            _ => Ok(()),
        }
    }

    /// Begins to end the process tree; `done` is answered when the shim is gone.
    pub(super) async fn stop(&mut self, done: oneshot::Sender<Result<(), EngineError>>) {
        if let Err(err) = self.refuse_unknown().await {
            return answer(done, Err(err));
        }
        let Some(link) = &mut self.link else {
            return answer(done, Ok(()));
        };
        link.queue(&kill_tree());
        let deadline = Instant::now() + STOP_TIMEOUT;
        let stopping = self.stopping.get_or_insert(Stopping {
            deadline,
            waiting: Vec::new(),
        });
        stopping.waiting.push(done);
    }

    pub(super) fn give_up_stopping(&mut self) {
        let Some(stopping) = self.stopping.take() else {
            return;
        };
        for done in stopping.waiting {
            let message = "its processes did not end in time; try again".to_owned();
            answer(done, Err(EngineError::WorkerUnknown(message)));
        }
    }

    /// Ends the process and removes the worker from disk and database. Returns whether the task
    /// goes on: only when the worker could not be deleted.
    pub(super) async fn delete(&mut self, done: oneshot::Sender<Result<(), EngineError>>) -> bool {
        let deleted = self.delete_all().await;
        let goes_on = deleted.is_err();
        if !goes_on {
            self.shared.head.send_modify(|head| head.deleted = true);
        }
        answer(done, deleted);
        goes_on
    }

    async fn delete_all(&mut self) -> Result<(), EngineError> {
        // Nobody will look at it again.
        self.screen = None;
        self.end_living().await?;
        match std::fs::remove_dir_all(&self.setup.dir) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                return Err(EngineError::internal("remove the worker's directory")(err));
            }
            _ => {}
        }
        // A socket whose shim was killed is left behind by it.
        let _ = std::fs::remove_file(&self.setup.socket);
        let deleted = self.setup.store.delete_worker(self.setup.row.id).await;
        deleted
            .map(|_| ())
            .map_err(EngineError::internal("delete the worker's row"))
    }

    pub(super) async fn on_frame(&mut self, frame: Result<FromShim, LinkError>) {
        match frame {
            Ok(FromShim::Advance { .. } | FromShim::Pong { .. }) => self.read_output().await,
            Ok(FromShim::InputAck {
                writer,
                seq,
                result,
            }) => self.on_input_ack(writer, seq, result),
            Ok(FromShim::Exit(record)) => self.on_exit(record).await,
            Ok(FromShim::Error { code, about }) => tracing::warn!(?code, about, "the shim refused"),
            Ok(_) => {}
            Err(err) => self.on_link_lost(err).await,
        }
    }

    /// The process ended. Its output is complete in the log; the shim leaves next.
    async fn on_exit(&mut self, record: ExitRecord) {
        self.read_to_end().await;
        tracing::info!(code = record.code, signal = record.signal, "exited");
        let stopped = self.stopping.is_some();
        let phase = if stopped {
            WorkerPhase::Stopped
        } else {
            WorkerPhase::Ended
        };
        self.record(phase, None, Some(record)).await;
        let state = if stopped {
            ProcessState::Stopped
        } else {
            ProcessState::Exited
        };
        self.show_ended(state, Some(record), None);
        self.probe_at = Some(Instant::now() + LEAVE);
    }

    /// Takes in what the log holds; the screen follows later. A flood's last megabytes take far
    /// longer to parse than to read, and nobody who stops a worker wants to wait for that.
    async fn read_to_end(&mut self) {
        self.more_output = true;
        while self.more_output {
            self.take_in_output();
            tokio::task::yield_now().await;
        }
        self.catch_up_at = Some(Instant::now());
    }

    /// The shim's socket closed: it left after an exit, or it was lost.
    async fn on_link_lost(&mut self, err: LinkError) {
        self.link = None;
        self.inputs.drop_all();
        let known = !self.shared.head.borrow().is_alive();
        match self.probe() {
            Life::Running(_) | Life::Unknown { .. } if known => {
                // It has told its exit and is about to let go of its lock.
                self.probe_at = Some(Instant::now() + LOOK_AGAIN);
                return;
            }
            Life::Running(meta) => {
                tracing::warn!(%err, "lost the connection to the terminal's process");
                return Box::pin(self.connect(&meta)).await;
            }
            life => self.on_life(life).await,
        }
        self.finish_stopping();
    }

    /// Looks at a worker whose process could not be judged, or is expected to be gone.
    pub(super) async fn look_again(&mut self) {
        let ended = !self.shared.head.borrow().is_alive();
        match self.probe() {
            Life::Running(_) | Life::Unknown { .. } if ended && self.link.is_none() => {
                self.probe_at = Some(Instant::now() + LOOK_AGAIN);
            }
            Life::Running(meta) if self.link.is_none() => self.connect(&meta).await,
            Life::Running(_) => {}
            Life::Unknown { reason, .. } => {
                self.show_unknown(reason);
                self.probe_at = Some(Instant::now() + ASK_AGAIN);
            }
            life => {
                self.on_life(life).await;
                self.finish_stopping();
            }
        }
    }

    /// Notes an end that the directory tells about.
    async fn on_life(&mut self, life: Life) {
        if !self.shared.head.borrow().is_alive() {
            return;
        }
        if let Life::Exited(meta, _) | Life::Lost(meta) = &life {
            self.begin_ended_output(meta);
        }
        match life {
            Life::Exited(_, record) => self.on_exit(record).await,
            Life::Lost(_) | Life::Absent => {
                self.read_to_end().await;
                let reason =
                    "the terminal's process was killed; what it printed until then is kept";
                self.record(WorkerPhase::Ended, Some(reason.to_owned()), None)
                    .await;
                self.show_ended(ProcessState::Lost, None, Some(reason.to_owned()));
            }
            Life::Unknown { reason, .. } => {
                self.show_unknown(reason);
                self.probe_at = Some(Instant::now() + ASK_AGAIN);
            }
            Life::Running(_) => {}
        }
    }

    fn probe(&self) -> Life {
        match offshoot_shim::probe(&self.setup.dir) {
            Life::Absent if self.link.is_none() => {
                life_without_files(self.setup.row.socket.as_deref())
            }
            life => life,
        }
    }

    fn finish_stopping(&mut self) {
        let Some(stopping) = self.stopping.take() else {
            return;
        };
        stopping
            .waiting
            .into_iter()
            .for_each(|done| answer(done, Ok(())));
    }

    /// Writes the worker's row. A row that cannot be written is rebuilt from the directory later.
    async fn record(
        &mut self,
        phase: WorkerPhase,
        reason: Option<String>,
        exit: Option<ExitRecord>,
    ) {
        let row = &mut self.setup.row;
        let before = row.clone();
        row.phase = phase;
        row.reason = reason;
        row.exit_code = exit.and_then(|exit| exit.code);
        row.exit_signal = exit.and_then(|exit| exit.signal);
        if *row == before && phase != WorkerPhase::Intended {
            return;
        }
        if let Err(err) = self.setup.store.save_worker(row.clone()).await {
            tracing::error!(%err, "record the worker");
        }
    }

    fn show(&mut self, state: ProcessState, pid: Option<u32>) {
        self.shared.head.send_modify(|head| {
            head.process = Process {
                state,
                pid,
                exit: None,
                reason: None,
                ..head.process.clone()
            };
        });
        self.notify(Change::Process);
    }

    fn show_unknown(&mut self, reason: String) {
        let changed = self.shared.head.send_if_modified(|head| {
            let changed = head.process.state != ProcessState::Unknown;
            head.process.state = ProcessState::Unknown;
            head.process.reason = Some(reason);
            changed
        });
        if changed {
            self.notify(Change::Process);
        }
    }

    fn show_ended(
        &mut self,
        state: ProcessState,
        record: Option<ExitRecord>,
        reason: Option<String>,
    ) {
        let exit = record.as_ref().map(exit_of);
        self.shared.head.send_modify(|head| {
            head.process = Process {
                state,
                pid: None,
                exit,
                reason,
                ..head.process.clone()
            };
        });
        let changed = self
            .activities
            .as_mut()
            .is_some_and(|watch| watch.on_exit());
        self.notify(Change::Process);
        self.show_activity(changed);
    }
}

/// Judges a worker that has no directory by its socket alone: who deletes files does not end what
/// runs, and starting it again would run it twice.
pub(crate) fn life_without_files(socket: Option<&str>) -> Life {
    let answered = socket.and_then(|path| std::os::unix::net::UnixStream::connect(path).ok());
    let Some(stream) = answered else {
        return Life::Absent;
    };
    let pid = rustix::net::sockopt::socket_peercred(&stream).map(|peer| peer.pid);
    let how = match pid {
        Ok(pid) => format!("; end it with `kill {pid}`"),
        Err(_) => String::new(),
    };
    Life::Unknown {
        meta: None,
        reason: format!("its files were deleted while it runs{how}"),
    }
}

fn kill_tree() -> ToShim {
    ToShim::KillTree {
        grace_ms: u32::try_from(STOP_GRACE.as_millis()).unwrap_or(u32::MAX),
    }
}
