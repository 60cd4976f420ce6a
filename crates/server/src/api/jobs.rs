//! Background work: what runs, what waits, what failed and why.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use offshoot_engine::JobsWanted;
use offshoot_protocol::job::{CloneRepository, Job, JobBody, JobStats, JobStatus, JobsBody};
use offshoot_protocol::{ErrorCode, JobId, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiQuery, JobPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Jobs of a page when the client names no number.
const LIMIT: u32 = 50;

/// Most jobs of a page.
const LIMIT_MAX: u32 = 1000;

/// Query of `GET /api/jobs`. Text, because the refusals have words of their own.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobsQuery {
    /// Only jobs that stand there: `pending`, `processing`, `completed` or `stalled`.
    #[param(value_type = Option<JobStatus>)]
    status: Option<String>,
    /// Only jobs of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// How many at most, 1 to 1000; 50 when absent.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// How many newer ones to pass over.
    #[param(value_type = Option<u64>, minimum = 0)]
    offset: Option<String>,
}

impl JobsQuery {
    fn wanted(self) -> ApiResult<JobsWanted> {
        let refuse = |text: &str| ApiError::new(ErrorCode::InvalidRequest, text);
        let status = self.status.as_deref().map(|word| {
            parse_status(word).ok_or_else(|| {
                refuse("status must be one of: pending, processing, completed, stalled")
            })
        });
        let limit = self.limit.as_deref().map(|text| {
            let number = text
                .parse()
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit));
            number.ok_or_else(|| refuse("limit must be a number between 1 and 1000"))
        });
        let offset = self.offset.as_deref().map(|text| {
            let number = text.parse().ok();
            number.ok_or_else(|| refuse("offset must be a non-negative number"))
        });
        Ok(JobsWanted {
            status: status.transpose()?,
            kind: self.kind,
            limit: limit.transpose()?.unwrap_or(LIMIT),
            offset: offset.transpose()?.unwrap_or(0),
        })
    }
}

fn parse_status(word: &str) -> Option<JobStatus> {
    Some(match word {
        "pending" => JobStatus::Pending,
        "processing" => JobStatus::Processing,
        "completed" => JobStatus::Completed,
        "stalled" => JobStatus::Stalled,
        _ => return None,
    })
}

/// Lists jobs, newest first.
#[utoipa::path(
    get, path = "/api/jobs", operation_id = "jobs_list", tag = "jobs",
    params(JobsQuery),
    responses((status = 200, body = JobsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    ApiQuery(query): ApiQuery<JobsQuery>,
) -> ApiResult<ApiJson<JobsBody>> {
    Ok(ApiJson(app.engine.jobs(query.wanted()?).await?))
}

/// Counts jobs by where they stand.
#[utoipa::path(
    get, path = "/api/jobs/stats", operation_id = "jobs_stats", tag = "jobs",
    responses((status = 200, body = JobStats), (status = "default", body = Problem)),
)]
pub(crate) async fn stats(State(app): State<App>) -> ApiResult<ApiJson<JobStats>> {
    Ok(ApiJson(app.engine.job_stats().await?))
}

/// Returns one job.
#[utoipa::path(
    get, path = "/api/jobs/{id}", operation_id = "jobs_get", tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses((status = 200, body = Job), (status = "default", body = Problem)),
)]
pub(crate) async fn get(State(app): State<App>, JobPath(id): JobPath) -> ApiResult<ApiJson<Job>> {
    Ok(ApiJson(app.engine.job(id).await?))
}

/// Returns what a job's attempts wrote, oldest line first; at most 1 MiB.
#[utoipa::path(
    get, path = "/api/jobs/{id}/log", operation_id = "jobs_log", tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn log(State(app): State<App>, JobPath(id): JobPath) -> ApiResult<Response> {
    let log = app.engine.job_log(id).await?;
    let mut response = log.into_response();
    let headers = response.headers_mut();
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    // What programs wrote is never a page of ours.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    Ok(response)
}

/// Makes a stalled job wait for another round of attempts.
#[utoipa::path(
    post, path = "/api/jobs/{id}/retry", operation_id = "jobs_retry", tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn retry(
    State(app): State<App>,
    JobPath(id): JobPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.retry_job(id).await?;
    Ok(DONE)
}

/// Ends a job that waits or runs; it is stalled then. A running one may take some seconds to end.
#[utoipa::path(
    post, path = "/api/jobs/{id}/cancel", operation_id = "jobs_cancel", tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    JobPath(id): JobPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.cancel_job(id).await?;
    Ok(DONE)
}

/// Removes a job that waits or is stalled.
#[utoipa::path(
    delete, path = "/api/jobs/{id}", operation_id = "jobs_delete", tag = "jobs",
    params(("id" = JobId, Path, description = "The job")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    JobPath(id): JobPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.remove_job(id).await?;
    Ok(DONE)
}

/// Clones a repository and registers it, as a job.
#[utoipa::path(
    post, path = "/api/repositories/clone", operation_id = "repositories_clone",
    tag = "repositories", request_body = CloneRepository,
    responses((status = 202, body = JobBody), (status = "default", body = Problem)),
)]
pub(crate) async fn clone_repository(
    State(app): State<App>,
    ApiJson(body): ApiJson<CloneRepository>,
) -> ApiResult<(StatusCode, ApiJson<JobBody>)> {
    let CloneRepository { url, path } = body;
    let job = app.engine.clone_repository(&url, path.as_deref()).await?;
    Ok((StatusCode::ACCEPTED, ApiJson(JobBody { job })))
}
