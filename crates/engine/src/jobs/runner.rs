//! The task that starts what is due.

use std::time::Duration;

use jiff::Timestamp;
use offshoot_protocol::JobId;
use offshoot_store::StoreError;
use tokio_util::sync::CancellationToken;

use super::{RUNNING_MAX, attempt};
use crate::Engine;

/// Longest sleep while a job waits for its time: the wall clock may be put forward meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// How long to wait when the database cannot be asked.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// When to look again, unless woken.
enum Next {
    /// When a job is added or an attempt ends.
    WhenWoken,
    /// After a time.
    In(Duration),
}

/// Starts jobs until it is dropped. At rest it costs nothing: it waits for a job or a time.
pub(super) async fn run(engine: Engine) {
    loop {
        let next = start_due(&engine).await.unwrap_or_else(|err| {
            tracing::warn!(%err, "look for jobs");
            Next::In(STORE_PAUSE)
        });
        let woken = engine.inner.jobs.wake.notified();
        match next {
            Next::WhenWoken => woken.await,
            Next::In(wait) => drop(tokio::time::timeout(wait, woken).await),
        }
    }
}

async fn start_due(engine: &Engine) -> Result<Next, StoreError> {
    let (store, jobs) = (&engine.inner.store, &engine.inner.jobs);
    let n_free = RUNNING_MAX.saturating_sub(jobs.running.lock().len());
    if n_free == 0 {
        return Ok(Next::WhenWoken);
    }
    let now = jobs.clock.now();
    let limit = u32::try_from(n_free).unwrap_or(u32::MAX);
    let due = store.due_jobs(now, limit).await?;
    let is_full = due.len() == n_free;
    for row in due {
        if let Some(row) = store.claim_job(row.id, now).await? {
            start(engine, row);
        }
    }
    if is_full {
        return Ok(Next::WhenWoken);
    }
    let next_due = store.next_job_due().await?;
    Ok(next_due.map_or(Next::WhenWoken, |due| Next::In(until(due, now))))
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    wait.min(SLEEP_MAX)
}

fn start(engine: &Engine, row: offshoot_store::JobRow) {
    let inner = &engine.inner;
    let Ok(id) = row.id.parse::<JobId>() else {
        // No version of ours makes such a row; it stays as it is.
        tracing::warn!(job = row.id, "a job has a strange id and is left alone");
        return;
    };
    let cancel = CancellationToken::new();
    inner.jobs.running.lock().insert(id, cancel.clone());
    let attempt = attempt::run(engine.clone(), id, row, cancel);
    inner.tasks.spawn(attempt);
}
