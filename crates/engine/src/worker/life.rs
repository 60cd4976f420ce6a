//! The life of a worker's process: taken over or started, and what is shown and recorded of it.
//! How it ends is in `ending`.

use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::view::{Process, ProcessState};
use offshoot_shim::frame::Hello;
use offshoot_shim::{ExitRecord, Life, Meta, SpawnSpec};
use offshoot_store::WorkerPhase;
use tokio::time::Instant;

use super::ending::LOOK_AGAIN;
use super::link::Link;
use super::spawn::spawn_shim;
use super::task::{Change, Launch, WorkerTask, exit_of};
use crate::EngineError;

/// How often a worker whose process cannot be judged is looked at again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A shim that refuses a connection although it holds its lock is mostly about to leave. It gets
/// so long for that before it is unknown.
const LEAVING: Duration = Duration::from_millis(500);

/// Output kept on disk per worker. The oldest goes first, and a gap says so.
const QUOTA_BYTES: u64 = 64 * 1024 * 1024;

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
            self.prompts.has_begun = true;
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

    pub(super) async fn connect(&mut self, meta: &Meta) {
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
        self.begin_hooks(meta);
        self.link = Some(link);
        self.log = None;
        self.setup.row.epoch = hello.epoch;
        self.begin_output(hello);
        self.asked_size = None;
        if let Some(size) = self.viewers.owner_size() {
            // Who came while no process was known could not be heard.
            self.apply_size(size);
        }
        let pid = u32::try_from(meta.child.pid).ok();
        self.record(WorkerPhase::Running, None, None).await;
        self.show(ProcessState::Running, pid);
        self.more_output = true;
        self.alive_since.get_or_insert_with(Instant::now);
        self.resend_outbox().await;
        self.resume_prompts(&hello.writers).await;
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
            if let Some(activities) = &mut self.activities {
                activities.look_again();
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
    pub(super) fn begin_ended_output(&mut self, meta: &Meta) {
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
            *activities = super::activities::Activities::new(Arc::clone(&self.setup.rules), None);
            let shown = activities.shown().clone();
            self.shared.head.send_modify(|head| {
                head.activity = Some(shown);
                head.title = None;
            });
        }
        self.next_title = None;
        self.alive_since = None;
        self.output_at = None;
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

    /// Writes the worker's row. A row that cannot be written is rebuilt from the directory later.
    pub(super) async fn record(
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

    pub(super) fn show(&mut self, state: ProcessState, pid: Option<u32>) {
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

    pub(super) fn show_unknown(&mut self, reason: String) {
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

    pub(super) fn show_ended(
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
        self.end_deliveries();
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
