//! Jobs: durable units of background work.

use jiff::Timestamp;
use offshoot_protocol::job::JobStats;
pub use offshoot_protocol::job::JobStatus;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::{all, change};
use crate::columns::{Json, Millis, Word, words};
use crate::{Store, StoreError};

words!(JobStatus {
    Pending => "pending",
    Processing => "processing",
    Completed => "completed",
    Stalled => "stalled",
});

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// The job's id.
    pub id: String,
    /// What is to be done, for example `cleanup:worker-output`.
    pub kind: String,
    /// What it is to be done with.
    pub payload: Value,
    /// Where it stands.
    pub status: JobStatus,
    /// Jobs with a higher priority come first.
    pub priority: i32,
    /// Attempts so far.
    pub attempts: u32,
    /// Attempts after which it stalls.
    pub max_attempts: u32,
    /// When the next attempt may begin.
    pub next_retry_at: Timestamp,
    /// How the last attempt failed.
    pub last_error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
    /// What it made.
    pub result: Option<Value>,
}

/// Which jobs are asked for; all by default.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only those that stand there.
    pub status: Option<JobStatus>,
    /// Only those of this type.
    pub kind: Option<String>,
}

const COLUMNS: &str = "id, type, payload, status, priority, attempts, max_attempts, \
     next_retry_at, last_error, created_at, started_at, completed_at, result";
const VALUES: &str = "(:id, :type, :payload, :status, :priority, :attempts, :max_attempts, \
     :next_retry_at, :last_error, :created_at, :started_at, :completed_at, :result)";

impl Store {
    /// Adds a job. [`StoreError::Exists`] when the id is taken.
    pub async fn insert_job(&self, row: JobRow) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO jobs ({COLUMNS}) VALUES {VALUES}");
        self.call(move |connection| put(connection, &sql, &row).map(drop))
            .await
    }

    /// Replaces all fields of a job; false when there is none with this id.
    pub async fn update_job(&self, row: JobRow) -> Result<bool, StoreError> {
        let sql = format!("UPDATE jobs SET ({COLUMNS}) = {VALUES} WHERE id = :id");
        self.call(move |connection| put(connection, &sql, &row))
            .await
    }

    /// Deletes a job wherever it stands; false when there is none.
    pub async fn delete_job(&self, id: String) -> Result<bool, StoreError> {
        self.call(move |connection| {
            change(connection, "DELETE FROM jobs WHERE id = ?1", [&id]).map(|n| n == 1)
        })
        .await
    }

    /// Returns a job.
    pub async fn job(&self, id: String) -> Result<Option<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row([&id], read)
                .optional()
        })
        .await
    }

    /// Returns all jobs, newest first.
    pub async fn jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM jobs ORDER BY created_at DESC, id");
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }

    /// Returns one page of jobs, newest first, and how many there are on all pages.
    pub async fn jobs_page(
        &self,
        filter: JobFilter,
        limit: u32,
        offset: u64,
    ) -> Result<(Vec<JobRow>, u64), StoreError> {
        const WANTED: &str =
            "(:status IS NULL OR status = :status) AND (:type IS NULL OR type = :type)";
        let page = format!(
            "SELECT {COLUMNS} FROM jobs WHERE {WANTED} \
             ORDER BY created_at DESC, id LIMIT :limit OFFSET :offset"
        );
        let count = format!("SELECT count(*) FROM jobs WHERE {WANTED}");
        // SQLite counts with a sign; nothing lies beyond.
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.call(move |connection| {
            let status = filter.status.map(Word);
            let rows = connection
                .prepare_cached(&page)?
                .query_map(
                    named_params! {
                        ":status": status, ":type": filter.kind,
                        ":limit": limit, ":offset": offset,
                    },
                    read,
                )?
                .collect::<rusqlite::Result<_>>()?;
            let total: i64 = connection.prepare_cached(&count)?.query_row(
                named_params! { ":status": status, ":type": filter.kind },
                |row| row.get(0),
            )?;
            Ok((rows, total.unsigned_abs()))
        })
        .await
    }

    /// Counts jobs by where they stand.
    pub async fn job_stats(&self) -> Result<JobStats, StoreError> {
        self.call(|connection| {
            let mut stats = JobStats::default();
            let mut statement =
                connection.prepare_cached("SELECT status, count(*) FROM jobs GROUP BY status")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let n_jobs = row.get::<_, i64>(1)?.unsigned_abs();
                *match row.get::<_, Word<JobStatus>>(0)?.0 {
                    JobStatus::Pending => &mut stats.pending,
                    JobStatus::Processing => &mut stats.processing,
                    JobStatus::Completed => &mut stats.completed,
                    JobStatus::Stalled => &mut stats.stalled,
                } = n_jobs;
            }
            Ok(stats)
        })
        .await
    }

    /// Returns all jobs that are not completed, oldest first.
    pub async fn open_jobs(&self) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE status <> 'completed' ORDER BY created_at, id"
        );
        self.call(move |connection| all(connection, &sql, [], read))
            .await
    }

    /// Returns jobs whose next attempt may begin: by priority, then by when they are due.
    pub async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<JobRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE status = 'pending' AND next_retry_at <= ?1 \
             ORDER BY priority DESC, next_retry_at, created_at, id LIMIT ?2"
        );
        self.call(move |connection| all(connection, &sql, (Millis(now), limit), read))
            .await
    }

    /// Returns when the next waiting job is due.
    pub async fn next_job_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.call(|connection| {
            let sql = "SELECT min(next_retry_at) FROM jobs WHERE status = 'pending'";
            let due: Option<Millis> = connection
                .prepare_cached(sql)?
                .query_row([], |r| r.get(0))?;
            Ok(due.map(|at| at.0))
        })
        .await
    }

    /// Marks a waiting job as under way and counts the attempt; `None` when it does not wait.
    pub async fn claim_job(
        &self,
        id: String,
        now: Timestamp,
    ) -> Result<Option<JobRow>, StoreError> {
        let sql = format!(
            "UPDATE jobs SET status = 'processing', attempts = attempts + 1, started_at = ?2 \
             WHERE id = ?1 AND status = 'pending' RETURNING {COLUMNS}"
        );
        self.call(move |connection| {
            connection
                .prepare_cached(&sql)?
                .query_row((&id, Millis(now)), read)
                .optional()
        })
        .await
    }

    /// Puts jobs that were under way when the server died back among the waiting ones.
    pub async fn requeue_jobs(&self, now: Timestamp) -> Result<usize, StoreError> {
        let sql = "UPDATE jobs SET status = 'pending', next_retry_at = ?1 \
                   WHERE status = 'processing'";
        self.call(move |connection| change(connection, sql, [Millis(now)]))
            .await
    }

    /// Makes a stalled job wait again, with all its attempts; false when it is not stalled.
    pub async fn retry_job(&self, id: String, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET status = 'pending', attempts = 0, next_retry_at = ?2 \
                   WHERE id = ?1 AND status = 'stalled'";
        self.call(move |connection| change(connection, sql, (&id, Millis(now))).map(|n| n == 1))
            .await
    }

    /// Stalls a waiting job; false when it does not wait.
    pub async fn stall_job(&self, id: String, why: String) -> Result<bool, StoreError> {
        let sql = "UPDATE jobs SET status = 'stalled', last_error = ?2 \
                   WHERE id = ?1 AND status = 'pending'";
        self.call(move |connection| change(connection, sql, (&id, &why)).map(|n| n == 1))
            .await
    }

    /// Removes a job that waits or is stalled; false when there is no such.
    pub async fn remove_job(&self, id: String) -> Result<bool, StoreError> {
        let sql = "DELETE FROM jobs WHERE id = ?1 AND status IN ('pending', 'stalled')";
        self.call(move |connection| change(connection, sql, [&id]).map(|n| n == 1))
            .await
    }

    /// Forgets completed jobs: those done before a time, and all but the newest `keep`.
    /// Returns the ids of those that remain.
    pub async fn prune_jobs(
        &self,
        before: Timestamp,
        keep: u32,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "DELETE FROM jobs WHERE status = 'completed' AND (completed_at < ?1 OR id NOT IN \
                   (SELECT id FROM jobs WHERE status = 'completed' \
                    ORDER BY completed_at DESC, id LIMIT ?2))";
        self.call(move |connection| {
            change(connection, sql, (Millis(before), keep))?;
            all(connection, "SELECT id FROM jobs", [], |row| row.get(0))
        })
        .await
    }
}

fn put(connection: &Connection, sql: &str, row: &JobRow) -> rusqlite::Result<bool> {
    let n_rows = change(
        connection,
        sql,
        named_params! {
            ":id": row.id,
            ":type": row.kind,
            ":payload": Json(&row.payload),
            ":status": Word(row.status),
            ":priority": row.priority,
            ":attempts": row.attempts,
            ":max_attempts": row.max_attempts,
            ":next_retry_at": Millis(row.next_retry_at),
            ":last_error": row.last_error,
            ":created_at": Millis(row.created_at),
            ":started_at": row.started_at.map(Millis),
            ":completed_at": row.completed_at.map(Millis),
            ":result": row.result.as_ref().map(Json),
        },
    )?;
    Ok(n_rows == 1)
}

fn read(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: row.get("id")?,
        kind: row.get("type")?,
        payload: payload_of(row.get("payload")?),
        status: row.get::<_, Word<_>>("status")?.0,
        priority: row.get("priority")?,
        attempts: row.get("attempts")?,
        max_attempts: row.get("max_attempts")?,
        next_retry_at: row.get::<_, Millis>("next_retry_at")?.0,
        last_error: row.get("last_error")?,
        created_at: row.get::<_, Millis>("created_at")?.0,
        started_at: row.get::<_, Option<Millis>>("started_at")?.map(|at| at.0),
        completed_at: row.get::<_, Option<Millis>>("completed_at")?.map(|at| at.0),
        result: row.get::<_, Option<Json<_>>>("result")?.map(|json| json.0),
    })
}

/// Reads a payload. One that a person or a defect broke must not hide the job.
fn payload_of(text: String) -> Value {
    serde_json::from_str(&text)
        .unwrap_or_else(|_| serde_json::json!({"_parseError": true, "raw": text}))
}
