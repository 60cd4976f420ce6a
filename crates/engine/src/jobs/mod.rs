//! Jobs: durable units of background work, with attempts.
//!
//! Owns when a job runs, for how long it may show no progress, what a failure means and how long a
//! finished job is remembered. It does not know what the work is: that is one file per kind.
//!
//! ```text
//!            enqueue                 claimed                     done
//!  Work ───────────────► pending ───────────────► processing ───────────► completed ──► forgotten
//!                          ▲ ▲ ▲  failed, retry later │ │
//!                          │ │ └──────────────────────┘ │ failed for good, canceled
//!                          │ └─ the server died in it   ▼
//!                          └───────────────────────── stalled ──► removed by a person
//!                                 retried by a person
//! ```
//!
//! The database is the truth; one task (`runner`) starts what is due, at most [`RUNNING_MAX`] at
//! once, and one task per attempt (`attempt`) watches it and records how it ended. Transitions that
//! others ask for are conditional statements, so that no two can both win.
//!
//! How it fails: an error, a panic or silence for longer than the kind's patience is a failed
//! attempt with a text for people. A database that cannot be written leaves the job as it was; it is
//! run again. The death of the server is no failure of the job: it waits again at the next start.
//!
//! # Adding a kind
//! 1. A file here (or in the room that owns the work) with a struct that serialises to the payload,
//!    and `impl` blocks with `async fn run(&self, engine: &Engine, context: &JobContext) ->
//!    Result<(), JobError>`. Running it again after it was cut off anywhere must be safe: a step
//!    that was done is seen to be done. Long steps watch [`JobContext::cancelled`].
//! 2. A variant of [`Work`] with its type's name, and an arm in each match of `work.rs`: `run`,
//!    `rules` (attempts, patience, priority) and, where somebody must be told of the end, `ended`.
//! 3. `engine.enqueue(Work::…, Options::default())`, or `enqueue_alone` where two of them on one
//!    thing would be wrong.

mod attempt;
mod cleanup;
mod clone;
mod commands;
mod context;
mod log;
mod runner;
#[cfg(test)]
mod tests;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use offshoot_protocol::JobId;
use offshoot_protocol::job::{Job, JobStatus};
use offshoot_store::JobRow;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use cleanup::{CleanupRepository, CleanupSessionOutputs, CleanupWorkerOutput};
pub(crate) use clone::CloneRepository;
pub use commands::JobsWanted;
pub(crate) use context::{JobContext, JobError};
pub(crate) use work::Work;

use crate::{Engine, EngineError, StartError};

/// Attempts under way at once; further jobs wait.
const RUNNING_MAX: usize = 4;

/// How a job is to be run. The default leaves everything to the kind's rules.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Options {
    /// Higher comes first.
    pub(crate) priority: Option<i32>,
    /// Attempts after which it stalls.
    pub(crate) max_attempts: Option<u32>,
}

/// What the engine keeps about jobs beside the database.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    /// Something may be due, or a place may be free.
    wake: Notify,
    /// Held while it is checked that no other job does the same.
    enqueueing: tokio::sync::Mutex<()>,
    /// Attempts under way, with what cancels each.
    running: Mutex<HashMap<JobId, CancellationToken>>,
    clock: Clock,
}

/// The wall clock, which tests put forward.
#[derive(Debug, Default)]
struct Clock {
    ahead_ms: AtomicI64,
}

impl Clock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }
}

/// Puts back what was under way when the server ended, and starts the runner.
pub(crate) async fn start(engine: &Engine) -> Result<(), StartError> {
    let store = &engine.inner.store;
    let now = engine.inner.jobs.clock.now();
    store.requeue_jobs(now).await.map_err(StartError::Store)?;
    let rows = store.open_jobs().await.map_err(StartError::Store)?;
    let jobs: Vec<Job> = rows.into_iter().filter_map(view_of).collect();
    engine.state().jobs.clone_from(&jobs);
    cleanup::sweep(engine).await;
    engine.spawn(finish_ends(engine.clone(), jobs));
    engine.spawn(runner::run(engine.clone()));
    Ok(())
}

/// Finishes what jobs that failed had still to do when the server ended: to take back what they made.
async fn finish_ends(engine: Engine, jobs: Vec<Job>) {
    let failed = jobs
        .into_iter()
        .filter(|job| job.status == JobStatus::Stalled);
    for job in failed {
        if let Ok(work @ Work::CreateWorktree(_)) = Work::of(&job.kind, &job.payload)
            && matches!(engine.find_plan(job.id).await, Ok(Some(_)))
        {
            work.ended(&engine, &job).await;
        }
    }
}

impl Engine {
    /// Records work to be done in the background; it survives the server.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(crate) async fn enqueue(&self, work: Work, options: Options) -> Result<Job, EngineError> {
        let rules = work.rules();
        let now = self.inner.jobs.clock.now();
        let (kind, payload) = work.to_parts();
        let row = JobRow {
            id: JobId::random().to_string(),
            kind,
            payload,
            status: JobStatus::Pending,
            priority: options.priority.unwrap_or(rules.priority),
            attempts: 0,
            max_attempts: options.max_attempts.unwrap_or(rules.max_attempts).max(1),
            next_retry_at: now,
            last_error: None,
            created_at: now,
            started_at: None,
            completed_at: None,
            result: None,
        };
        let saved = self.inner.store.insert_job(row.clone()).await;
        saved.map_err(|err| self.store_error("record the job", err))?;
        let job = view_of(row).expect("its id was made a moment ago");
        self.state().publish_job(job.clone());
        self.inner.jobs.wake.notify_one();
        Ok(job)
    }

    /// Records work unless a waiting or running job conflicts with it; that one is returned then.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(crate) async fn enqueue_alone(
        &self,
        work: Work,
        options: Options,
        conflicts: impl Fn(&Work) -> bool + Send,
    ) -> Result<Result<Job, Box<Job>>, EngineError> {
        let _enqueueing = self.inner.jobs.enqueueing.lock().await;
        let other = self
            .live_jobs()
            .into_iter()
            .find(|(_, work)| conflicts(work));
        match other {
            Some((job, _)) => Ok(Err(Box::new(job))),
            None => self.enqueue(work, options).await.map(Ok),
        }
    }

    /// Returns all jobs that wait or run, oldest first, with their work.
    pub(crate) fn live_jobs(&self) -> Vec<(Job, Work)> {
        let state = self.state();
        let is_live = |job: &&Job| job.status != JobStatus::Stalled;
        let jobs = state.jobs.iter().filter(is_live);
        jobs.filter_map(|job| Some((job.clone(), Work::of(&job.kind, &job.payload).ok()?)))
            .collect()
    }
}

/// Makes the view of a row; `None` for an id that no version of ours makes.
fn view_of(row: JobRow) -> Option<Job> {
    Some(Job {
        id: row.id.parse().ok()?,
        kind: row.kind,
        payload: row.payload,
        status: row.status,
        priority: row.priority,
        attempts: row.attempts,
        max_attempts: row.max_attempts,
        next_retry_at: row.next_retry_at,
        last_error: row.last_error,
        created_at: row.created_at,
        started_at: row.started_at,
        completed_at: row.completed_at,
        progress: None,
        result: row.result,
    })
}
