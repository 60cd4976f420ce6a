//! What people ask of jobs: look, retry, cancel, remove; and forgetting what is old.

use std::path::PathBuf;
use std::time::Duration;

use offshoot_protocol::JobId;
use offshoot_protocol::job::{Job, JobStats, JobStatus, JobsBody};
use offshoot_store::JobFilter;

use super::attempt::CANCELED;
use super::view_of;
use crate::{Engine, EngineError};

/// Completed jobs are remembered so long.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Completed jobs that are remembered at most; older ones go.
const REMEMBERED_MAX: u32 = 1000;

/// Which jobs are asked for.
#[derive(Debug, Clone, Default)]
pub struct JobsWanted {
    /// Only those that stand there.
    pub status: Option<JobStatus>,
    /// Only those of this type.
    pub kind: Option<String>,
    /// How many at most.
    pub limit: u32,
    /// How many newer ones to pass over.
    pub offset: u64,
}

impl Engine {
    /// Returns one page of jobs, newest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn jobs(&self, wanted: JobsWanted) -> Result<JobsBody, EngineError> {
        let filter = JobFilter {
            status: wanted.status,
            kind: wanted.kind,
        };
        let store = &self.inner.store;
        let page = store.jobs_page(filter, wanted.limit, wanted.offset).await;
        let (rows, total) = page.map_err(|err| self.store_error("list the jobs", err))?;
        let jobs = rows.into_iter().filter_map(view_of);
        let jobs = jobs.map(|job| self.with_progress(job)).collect();
        Ok(JobsBody { jobs, total })
    }

    /// Counts jobs by where they stand.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn job_stats(&self) -> Result<JobStats, EngineError> {
        let stats = self.inner.store.job_stats().await;
        stats.map_err(|err| self.store_error("count the jobs", err))
    }

    /// Returns one job.
    ///
    /// # Errors
    /// There is no such job.
    pub async fn job(&self, id: JobId) -> Result<Job, EngineError> {
        let row = self.inner.store.job(id.to_string()).await;
        let row = row.map_err(|err| self.store_error("read the job", err))?;
        let job = row.and_then(view_of).ok_or(EngineError::JobNotFound(id))?;
        Ok(self.with_progress(job))
    }

    /// Returns a job's log: what its attempts wrote, oldest first; at most 1 MiB.
    ///
    /// # Errors
    /// There is no such job, or its log cannot be read.
    pub async fn job_log(&self, id: JobId) -> Result<Vec<u8>, EngineError> {
        self.job(id).await?;
        match tokio::fs::read(self.job_log_path(id)).await {
            Ok(bytes) => Ok(bytes),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(err) => Err(EngineError::internal("read the job's log")(err)),
        }
    }

    /// Makes a stalled job wait again, with all its attempts.
    ///
    /// # Errors
    /// There is no such job, or it is not stalled.
    pub async fn retry_job(&self, id: JobId) -> Result<(), EngineError> {
        let now = self.inner.jobs.clock.now();
        let retried = self.inner.store.retry_job(id.to_string(), now).await;
        let retried = retried.map_err(|err| self.store_error("retry the job", err))?;
        let job = self.job(id).await?;
        if !retried {
            let text = "Only stalled jobs can be retried";
            return Err(EngineError::WrongState(text.to_owned()));
        }
        self.inner.jobs.wake.notify_one();
        self.state().publish_job(job);
        Ok(())
    }

    /// Removes a job that waits or is stalled.
    ///
    /// # Errors
    /// There is no such job, or it runs or is completed.
    pub async fn remove_job(&self, id: JobId) -> Result<(), EngineError> {
        let job = self.job(id).await?;
        let removed = self.inner.store.remove_job(id.to_string()).await;
        let removed = removed.map_err(|err| self.store_error("remove the job", err))?;
        if !removed {
            let text = "Only pending or stalled jobs can be canceled";
            return Err(EngineError::WrongState(text.to_owned()));
        }
        self.remove_log(id);
        self.state().publish_job_deleted(id);
        // Whoever waits for the end of a job that never ran must not wait for ever.
        if job.status == JobStatus::Pending
            && let Ok(work) = super::Work::of(&job.kind, &job.payload)
        {
            let job = Job {
                status: JobStatus::Stalled,
                last_error: Some(CANCELED.to_owned()),
                ..job
            };
            work.ended(self, &job).await;
        }
        Ok(())
    }

    /// Ends a job that waits or runs. It is then stalled: it can be retried or removed. A running
    /// one gets a few seconds to leave things in order; this does not wait for it.
    ///
    /// # Errors
    /// There is no such job, or it has ended.
    pub async fn cancel_job(&self, id: JobId) -> Result<(), EngineError> {
        let why = CANCELED.to_owned();
        let stalled = self.inner.store.stall_job(id.to_string(), why).await;
        let stalled = stalled.map_err(|err| self.store_error("cancel the job", err))?;
        let job = self.job(id).await?;
        if stalled {
            self.state().publish_job(job.clone());
            if let Ok(work) = super::Work::of(&job.kind, &job.payload) {
                work.ended(self, &job).await;
            }
            return Ok(());
        }
        match self.inner.jobs.running.lock().get(&id) {
            Some(cancel) => {
                cancel.cancel();
                Ok(())
            }
            None => Err(EngineError::WrongState(
                "The job has ended already".to_owned(),
            )),
        }
    }

    /// Forgets completed jobs that are old or too many, and logs that no job belongs to.
    pub(crate) async fn forget_old_jobs(&self) {
        let before = self.inner.jobs.clock.now() - REMEMBERED;
        let left = match self.inner.store.prune_jobs(before, REMEMBERED_MAX).await {
            Ok(left) => left,
            Err(err) => {
                tracing::warn!(%err, "forget old jobs");
                return;
            }
        };
        let entries = std::fs::read_dir(self.inner.home.jobs()).into_iter();
        for entry in entries.flatten().filter_map(Result::ok) {
            let path = entry.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_known = stem.is_some_and(|stem| {
                let open = |job: &Job| job.id.to_string() == stem;
                // A job may have been added since.
                left.iter().any(|id| id == stem) || self.state().jobs.iter().any(open)
            });
            if !is_known && let Err(err) = std::fs::remove_file(&path) {
                tracing::warn!(%err, path = %path.display(), "remove the log of a forgotten job");
            }
        }
    }

    pub(super) fn job_log_path(&self, id: JobId) -> PathBuf {
        self.inner.home.jobs().join(format!("{id}.log"))
    }

    fn remove_log(&self, id: JobId) {
        match std::fs::remove_file(self.job_log_path(id)) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(job = %id, %err, "remove the job's log");
            }
            _ => {}
        }
    }

    /// Adds what only the running attempt knows.
    fn with_progress(&self, mut job: Job) -> Job {
        if job.status == JobStatus::Processing {
            let state = self.state();
            let known = state.jobs.iter().find(|known| known.id == job.id);
            job.progress = known.and_then(|known| known.progress.clone());
        }
        job
    }
}
