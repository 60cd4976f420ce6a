//! The end of a worker's process: asked for, noticed, or found out.

use std::time::Duration;

use offshoot_protocol::view::ProcessState;
use offshoot_shim::frame::{FromShim, ToShim};
use offshoot_shim::{ExitRecord, Life};
use offshoot_store::WorkerPhase;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::life::{ASK_AGAIN, life_without_files};
use super::link::LinkError;
use super::task::{WorkerTask, answer, next_frame};
use crate::EngineError;

/// A program whose terminal went away ends of the hangup, nearly always; it gets so long.
const HANGUP: Duration = Duration::from_secs(1);

/// A process tree that is told to end gets so long before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Ending a tree takes at most so long; then the stop is reported as failed.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// After its exit the shim leaves at once; one that stays so long is asked again.
const LEAVE: Duration = Duration::from_secs(10);

/// A shim that has told its exit lets go of its lock within milliseconds; it is waited for so.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A stop under way.
pub(super) struct Stopping {
    pub(super) deadline: Instant,
    /// Why, when no person asked for it.
    reason: Option<String>,
    waiting: Vec<oneshot::Sender<Result<(), EngineError>>>,
}

impl WorkerTask {
    /// Ends a living process and waits for it.
    pub(super) async fn end_living(&mut self) -> Result<(), EngineError> {
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
    pub(super) async fn stop(
        &mut self,
        reason: Option<String>,
        done: oneshot::Sender<Result<(), EngineError>>,
    ) {
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
            reason,
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
        self.set_aside()
            .map_err(EngineError::internal("remove the worker's directory"))?;
        // A socket whose shim was killed is left behind by it.
        let _ = std::fs::remove_file(&self.setup.socket);
        let deleted = self.setup.store.delete_worker(self.setup.row.id).await;
        deleted
            .map(|_| ())
            .map_err(EngineError::internal("delete the worker's row"))
    }

    /// Takes the directory away from where workers are looked for; whoever deletes has its space
    /// freed. Where it cannot be moved, as on a full disk, it is removed at once.
    fn set_aside(&self) -> std::io::Result<()> {
        let (dir, aside) = (&self.setup.dir, &self.setup.deleted_dir);
        if let Some(above) = aside.parent()
            && std::fs::create_dir_all(above).is_ok()
            && std::fs::rename(dir, aside).is_ok()
        {
            return Ok(());
        }
        match std::fs::remove_dir_all(dir) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(err),
            _ => Ok(()),
        }
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
    pub(super) async fn on_exit(&mut self, record: ExitRecord) {
        self.read_to_end().await;
        tracing::info!(code = record.code, signal = record.signal, "exited");
        let stopped = self.stopping.is_some();
        let reason = self
            .stopping
            .as_ref()
            .and_then(|stopping| stopping.reason.clone());
        let phase = if stopped {
            WorkerPhase::Stopped
        } else {
            WorkerPhase::Ended
        };
        self.record(phase, reason.clone(), Some(record)).await;
        let state = if stopped {
            ProcessState::Stopped
        } else {
            ProcessState::Exited
        };
        self.show_ended(state, Some(record), reason);
        self.end_asking().await;
        self.end_prompts().await;
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
        self.asked_size = None;
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
    pub(super) async fn on_life(&mut self, life: Life) {
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
                self.end_asking().await;
                self.end_prompts().await;
            }
            Life::Unknown { reason, .. } => {
                self.show_unknown(reason);
                self.probe_at = Some(Instant::now() + ASK_AGAIN);
            }
            Life::Running(_) => {}
        }
    }

    pub(super) fn probe(&self) -> Life {
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
}

fn kill_tree() -> ToShim {
    ToShim::KillTree {
        grace_ms: u32::try_from(STOP_GRACE.as_millis()).unwrap_or(u32::MAX),
    }
}
