//! What an attempt is given: who it is, how to tell how far it is, and when to stop.

use std::sync::Arc;

use offshoot_protocol::job::JobProgress;
use offshoot_protocol::{ErrorCode, JobId};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::JobLog;
use crate::EngineError;

/// Longest step, in characters; the rest is cut off.
const STEP_CHARS: usize = 200;

/// One attempt. Cheap to clone; all clones are one attempt.
#[derive(Debug, Clone)]
pub(crate) struct JobContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: JobId,
    cancel: CancellationToken,
    log: JobLog,
    live: Mutex<Live>,
}

/// What the attempt has told so far.
#[derive(Debug)]
struct Live {
    progress: Option<JobProgress>,
    /// Whether there is progress that was not announced.
    is_news: bool,
    /// When it last showed that it lives.
    last_sign: Instant,
    result: Option<Value>,
}

impl JobContext {
    pub(super) fn new(id: JobId, cancel: CancellationToken, log: JobLog) -> Self {
        let live = Mutex::new(Live {
            progress: None,
            is_news: false,
            last_sign: Instant::now(),
            result: None,
        });
        Self {
            inner: Arc::new(Inner {
                id,
                cancel,
                log,
                live,
            }),
        }
    }

    /// Returns the job's id.
    pub(crate) fn id(&self) -> JobId {
        self.inner.id
    }

    /// Tells what is being done, in words for people, and how much of it is done. Cheap: it may be
    /// called for every file; clients are told a few times a second.
    pub(crate) fn progress(&self, step: &str, percent: Option<u8>) {
        let step: String = step.chars().take(STEP_CHARS).collect();
        let progress = JobProgress {
            step,
            percent: percent.map(|percent| percent.min(100)),
        };
        let mut live = self.inner.live.lock();
        live.last_sign = Instant::now();
        if live.progress.as_ref() != Some(&progress) {
            live.progress = Some(progress);
            live.is_news = true;
        }
    }

    /// Shows that it lives, while something runs that says nothing.
    pub(crate) fn sign(&self) {
        self.inner.live.lock().last_sign = Instant::now();
    }

    /// Adds lines to the job's log, which people read. The log is bounded: when it is full the
    /// oldest half goes.
    pub(crate) fn log(&self, text: &str) {
        self.inner.live.lock().last_sign = Instant::now();
        self.inner.log.write(text);
    }

    /// Keeps what the job made, shown with it once it is completed.
    pub(crate) fn set_result(&self, result: Value) {
        self.inner.live.lock().result = Some(result);
    }

    /// Is cancelled when the attempt is to end: a person cancels it, the server stops, or it showed
    /// no progress for too long. An attempt that does not end soon after is dropped at its next
    /// await; blocking work must look at this itself.
    pub(crate) fn cancelled(&self) -> &CancellationToken {
        &self.inner.cancel
    }

    /// Takes progress that was not announced.
    pub(super) fn take_news(&self) -> Option<JobProgress> {
        let mut live = self.inner.live.lock();
        std::mem::take(&mut live.is_news)
            .then(|| live.progress.clone())
            .flatten()
    }

    pub(super) fn take_result(&self) -> Option<Value> {
        self.inner.live.lock().result.take()
    }

    pub(super) fn last_sign(&self) -> Instant {
        self.inner.live.lock().last_sign
    }

    /// Returns what was being done last.
    pub(super) fn step(&self) -> Option<String> {
        let live = self.inner.live.lock();
        live.progress.as_ref().map(|progress| progress.step.clone())
    }
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct JobError {
    /// Whether a later attempt may succeed.
    pub(crate) retry: bool,
    /// What happened and what to do about it, for people.
    pub(crate) text: String,
}

impl JobError {
    /// A failure that may pass by itself.
    pub(crate) fn passing(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { retry: true, text }
    }

    /// A failure that will be the same next time.
    pub(crate) fn lasting(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { retry: false, text }
    }
}

impl From<EngineError> for JobError {
    fn from(err: EngineError) -> Self {
        let retry = matches!(
            err.code(),
            ErrorCode::Internal
                | ErrorCode::DiskFull
                | ErrorCode::GitFailed
                | ErrorCode::WorkerUnknown
                | ErrorCode::InputFull
        );
        let text = err.to_string();
        Self { retry, text }
    }
}
