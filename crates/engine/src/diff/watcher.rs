//! The task that watches one directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use offshoot_protocol::diff::DiffUpdates;
use tokio::sync::watch;

use super::Pulse;

/// How often a directory is looked at that cannot be watched.
const POLL_EVERY: Duration = Duration::from_secs(3);

/// A directory that cannot be watched is looked at for at most this part of the time.
const POLL_SHARE: u32 = 20;

/// Changes that never end are told so far apart at the most, however long a diff takes.
const GAP_MAX: Duration = Duration::from_secs(5);

/// What a diff of the directory costs, so that changes that never end do not take a processor.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Notes how long a diff took.
    pub(super) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }

    fn cost(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    /// The time from one change to the next that is told.
    #[cfg(target_os = "linux")]
    pub(super) fn gap(&self) -> Duration {
        (2 * self.cost()).min(GAP_MAX)
    }
}

/// Watches until the directory is gone; ended from outside otherwise.
pub(super) async fn run(dir: PathBuf, publish: watch::Sender<Pulse>, pace: Arc<Pace>) {
    #[cfg(target_os = "linux")]
    match super::tree::follow(&dir, &publish, &pace).await {
        super::tree::Unwatched::Gone => return tell_gone(&publish),
        super::tree::Unwatched::Refused(why) => {
            tracing::warn!(dir = %dir.display(), %why, "changes of this directory cannot be watched; it is looked at now and then");
        }
    }
    poll(&dir, &publish, &pace).await;
}

async fn poll(dir: &Path, publish: &watch::Sender<Pulse>, pace: &Pace) {
    publish.send_modify(|pulse| pulse.updates = DiffUpdates::Polling);
    loop {
        if !dir.is_dir() {
            return tell_gone(publish);
        }
        publish.send_modify(|pulse| pulse.n_changes += 1);
        tokio::time::sleep(POLL_EVERY.max(POLL_SHARE * pace.cost())).await;
    }
}

fn tell_gone(publish: &watch::Sender<Pulse>) {
    publish.send_modify(|pulse| pulse.is_gone = true);
}
