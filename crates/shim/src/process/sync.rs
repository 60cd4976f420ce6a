//! Brings the log to the disk now and then, on a thread of its own: a slow disk must not hold the
//! terminal up.

use std::fs::File;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// How long written output may stay in memory only. What a power cut may cost.
const INTERVAL: Duration = Duration::from_secs(5);
/// The thread only waits and calls the kernel.
const STACK_BYTES: usize = 32 << 10;

/// Decides when to sync, and has it done.
pub(super) struct Sync {
    due: Option<Instant>,
    /// Room for one file: a sync that is still running makes the next one wait, not queue up.
    files: Option<SyncSender<File>>,
}

impl Sync {
    /// Nothing to sync yet; the thread starts with the first one.
    pub(super) fn new() -> Self {
        Self {
            due: None,
            files: None,
        }
    }

    /// Something was written.
    pub(super) fn note_written(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = now.checked_add(INTERVAL);
        }
    }

    /// When [`Sync::run`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Has `file` synced.
    pub(super) fn run(&mut self, now: Instant, file: Option<File>) {
        self.due = None;
        let Some(file) = file else { return };
        if self.files.is_none() {
            self.files = start();
        }
        if let Some(Err(TrySendError::Full(_))) =
            self.files.as_ref().map(|files| files.try_send(file))
        {
            self.note_written(now);
        }
    }
}

/// Starts the thread; without one (limits) the system's own write-back must do.
fn start() -> Option<SyncSender<File>> {
    let (sender, receiver) = sync_channel::<File>(1);
    let work = move || {
        for file in receiver {
            let _ = file.sync_data();
        }
    };
    std::thread::Builder::new()
        .name("log-sync".into())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .ok()?;
    Some(sender)
}
