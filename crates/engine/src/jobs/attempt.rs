//! One attempt: watched while it runs, recorded when it ends.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offshoot_protocol::JobId;
use offshoot_protocol::job::{JobProgress, JobStatus};
use offshoot_store::JobRow;
use tokio::task::{JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::log::JobLog;
use super::{JobContext, JobError, Work, view_of};
use crate::Engine;

/// How often progress is announced and signs of life are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A cancelled attempt gets so long to leave things in order.
const GRACE: Duration = Duration::from_secs(10);

/// The same when the server stops, which must not wait.
const GRACE_AT_SHUTDOWN: Duration = Duration::from_millis(300);

/// Wait before the second attempt; it doubles from attempt to attempt.
const BACKOFF: SignedDuration = SignedDuration::from_secs(1);

/// Longest wait between attempts.
const BACKOFF_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Attempts beyond the allowed ones that the server's death may cost. A job in which it died more
/// often is what kills it, and is not begun again by itself.
const DEATHS_MAX: u32 = 3;

/// What is recorded of a job that a person canceled.
pub(super) const CANCELED: &str = "Canceled";

/// How an attempt ended.
#[derive(Debug, PartialEq)]
enum End {
    /// The work is done.
    Done,
    /// It failed by itself, or showed no progress.
    Failed(JobError),
    /// A person canceled it.
    Canceled,
    /// The server stops.
    Stopped,
}

/// Runs one attempt of a claimed job to its end.
pub(super) async fn run(engine: Engine, id: JobId, row: JobRow, cancel: CancellationToken) {
    let jobs = &engine.inner.jobs;
    announce(&engine, &row, None);
    let log = JobLog::open(engine.job_log_path(id));
    let context = JobContext::new(id, cancel, log);
    let began = jobs.clock.now();
    context.log(&format!("[{began:.0}] attempt {} begins", row.attempts));
    let work = Work::of(&row.kind, &row.payload);
    let end = match &work {
        Ok(_) if row.attempts > row.max_attempts.saturating_add(DEATHS_MAX) => {
            let text = "the server ended several times while this job ran; it is not begun again by itself";
            End::Failed(JobError::lasting(text))
        }
        Ok(work) => supervise(&engine, work.clone(), &row, &context).await,
        Err(text) => End::Failed(JobError::lasting(text.clone())),
    };
    let now = jobs.clock.now();
    context.log(&format!("[{now:.0}] {}", words_of(&end)));
    let row = next_row(row, end, context.take_result(), now);
    let saved = engine.inner.store.update_job(row.clone()).await;
    jobs.running.lock().remove(&id);
    if let Err(err) = saved {
        // It stays `processing` in the database and is run again after the next start.
        tracing::error!(job = %id, %err, "record how the job ended");
    }
    let has_ended = row.status != JobStatus::Pending;
    if let Some(error) = row.last_error.as_ref().filter(|_| has_ended) {
        tracing::warn!(job = %id, kind = row.kind, error, "the job failed");
    }
    announce(&engine, &row, None);
    if let (Ok(work), true, Some(job)) = (work, has_ended, view_of(row)) {
        work.ended(&engine, &job).await;
    }
    jobs.wake.notify_one();
}

fn announce(engine: &Engine, row: &JobRow, progress: Option<JobProgress>) {
    if let Some(mut job) = view_of(row.clone()) {
        job.progress = progress;
        engine.state().publish_job(job);
    }
}

/// Waits for the work, telling its progress; ends it when it is to end.
async fn supervise(engine: &Engine, work: Work, row: &JobRow, context: &JobContext) -> End {
    let patience = work.rules().patience;
    // A task of its own: a panic ends the attempt and nothing else.
    let mut task = JoinSet::new();
    let (of_task, its_context) = (engine.clone(), context.clone());
    task.spawn(async move { work.run(&of_task, &its_context).await });
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = engine.inner.cancel.cancelled() => {
                context.cancelled().cancel();
                return match finish(&mut task, GRACE_AT_SHUTDOWN).await {
                    Some(End::Done) => End::Done,
                    _ => End::Stopped,
                };
            }
            Some(joined) = task.join_next() => return match end_of(joined) {
                // It may notice sooner than this loop that it was canceled.
                End::Failed(_) if context.cancelled().is_cancelled() => End::Canceled,
                end => end,
            },
            () = context.cancelled().cancelled() => {
                return match finish(&mut task, GRACE).await {
                    Some(End::Done) => End::Done,
                    _ => End::Canceled,
                };
            }
            _ = looks.tick() => {
                if let Some(progress) = context.take_news() {
                    announce(engine, row, Some(progress));
                }
                if context.last_sign().elapsed() > patience {
                    context.cancelled().cancel();
                    return match finish(&mut task, GRACE_AT_SHUTDOWN).await {
                        Some(End::Done) => End::Done,
                        _ => End::Failed(JobError::passing(silence(patience, context))),
                    };
                }
            }
        }
    }
}

fn silence(patience: Duration, context: &JobContext) -> String {
    let seconds = patience.as_secs_f32();
    match context.step() {
        Some(step) => {
            format!("it showed no progress for {seconds} seconds; the last step was: {step}")
        }
        None => format!("it showed no progress for {seconds} seconds"),
    }
}

/// Gives cancelled work a little time; `None` when it had to be dropped.
async fn finish(task: &mut JoinSet<Result<(), JobError>>, grace: Duration) -> Option<End> {
    let ended = tokio::time::timeout(grace, task.join_next()).await;
    if ended.is_err() {
        task.abort_all();
    }
    ended.ok().flatten().map(end_of)
}

fn end_of(joined: Result<Result<(), JobError>, JoinError>) -> End {
    match joined {
        Ok(Ok(())) => End::Done,
        Ok(Err(err)) => End::Failed(err),
        Err(err) => {
            tracing::error!(%err, "a job panicked");
            let text = "a defect of Offshoot ended it; the server's log says more";
            End::Failed(JobError::passing(text))
        }
    }
}

fn words_of(end: &End) -> String {
    match end {
        End::Done => "done".to_owned(),
        End::Failed(err) => format!("failed: {}", err.text),
        End::Canceled => "canceled".to_owned(),
        End::Stopped => "the server stops; it will be run again".to_owned(),
    }
}

/// Returns the row after an attempt.
fn next_row(
    mut row: JobRow,
    end: End,
    result: Option<serde_json::Value>,
    now: Timestamp,
) -> JobRow {
    match end {
        End::Done => {
            row.status = JobStatus::Completed;
            row.completed_at = Some(now);
            row.last_error = None;
            row.result = result;
        }
        End::Failed(err) => {
            let is_last = !err.retry || row.attempts >= row.max_attempts;
            row.status = if is_last {
                JobStatus::Stalled
            } else {
                JobStatus::Pending
            };
            row.next_retry_at = now + backoff(row.attempts);
            row.last_error = Some(err.text);
        }
        End::Canceled => {
            row.status = JobStatus::Stalled;
            row.last_error = Some(CANCELED.to_owned());
        }
        End::Stopped => {
            // The attempt was not at fault, so that it does not count.
            row.status = JobStatus::Pending;
            row.attempts = row.attempts.saturating_sub(1);
            row.next_retry_at = now;
        }
    }
    row
}

/// Returns the wait after so many attempts.
fn backoff(attempts: u32) -> SignedDuration {
    let factor = 1_i32.checked_shl(attempts.saturating_sub(1)).unwrap_or(0);
    match BACKOFF.checked_mul(factor) {
        Some(wait) if factor > 0 => wait.min(BACKOFF_MAX),
        _ => BACKOFF_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn row(attempts: u32, max_attempts: u32) -> JobRow {
        JobRow {
            id: String::new(),
            kind: String::new(),
            payload: serde_json::Value::Null,
            status: JobStatus::Processing,
            priority: 0,
            attempts,
            max_attempts,
            next_retry_at: at(0),
            last_error: None,
            created_at: at(0),
            started_at: Some(at(0)),
            completed_at: None,
            result: None,
        }
    }

    #[test]
    fn the_wait_doubles_up_to_five_minutes() {
        let waits: Vec<_> = (1..=10).map(|n| backoff(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        for attempts in [0, 32, 33, u32::MAX] {
            assert!(
                (1..=300).contains(&backoff(attempts).as_secs()),
                "{attempts}"
            );
        }
    }

    #[test]
    fn an_end_leads_to_one_row() {
        let failed = |retry| {
            End::Failed(JobError {
                retry,
                text: "no".to_owned(),
            })
        };
        let cases = [
            (row(1, 5), failed(true), JobStatus::Pending, 1, 101),
            (row(4, 5), failed(true), JobStatus::Pending, 4, 108),
            (row(5, 5), failed(true), JobStatus::Stalled, 5, 116),
            (row(1, 5), failed(false), JobStatus::Stalled, 1, 101),
            (row(2, 1), failed(true), JobStatus::Stalled, 2, 102),
            (row(1, 5), End::Canceled, JobStatus::Stalled, 1, 0),
            (row(1, 5), End::Stopped, JobStatus::Pending, 0, 100),
            (row(1, 5), End::Done, JobStatus::Completed, 1, 0),
        ];
        for (before, end, status, attempts, due) in cases {
            let context = format!("{before:?} {end:?}");
            let is_done = end == End::Done;
            let after = next_row(before, end, None, at(100));
            assert_eq!(after.status, status, "{context}");
            assert_eq!(after.attempts, attempts, "{context}");
            assert_eq!(after.next_retry_at, at(due), "{context}");
            assert_eq!(after.completed_at.is_some(), is_done, "{context}");
        }
    }
}
