//! What changed in a session's directory.

use axum::extract::State;
use offshoot_protocol::diff::{
    DiffFileBody, DiffFileQuery, DiffLinesBody, DiffLinesQuery, DiffQuery, GitDiff,
};
use offshoot_protocol::{Problem, SessionId, WorkerId};

use crate::extract::{ApiJson, ApiQuery, WorkerPath};
use crate::problem::ApiResult;
use crate::state::App;

/// Compares the session's directory, or two commits in it.
#[utoipa::path(
    get, path = "/api/sessions/{sid}/workers/{wid}/diff", operation_id = "diff_get", tag = "diff",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "Its diff worker"),
        DiffQuery,
    ),
    responses((status = 200, body = GitDiff), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiQuery(query): ApiQuery<DiffQuery>,
) -> ApiResult<ApiJson<GitDiff>> {
    let (base, target) = (query.base.as_deref(), query.target.as_deref());
    Ok(ApiJson(
        app.engine.diff(session, worker, base, target).await?,
    ))
}

/// Returns the patch of one file, also when the whole diff leaves it out for its size.
#[utoipa::path(
    get, path = "/api/sessions/{sid}/workers/{wid}/diff/file", operation_id = "diff_file",
    tag = "diff",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "Its diff worker"),
        DiffFileQuery,
    ),
    responses((status = 200, body = DiffFileBody), (status = "default", body = Problem)),
)]
pub(crate) async fn file(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiQuery(query): ApiQuery<DiffFileQuery>,
) -> ApiResult<ApiJson<DiffFileBody>> {
    let (base, target) = (query.base.as_deref(), query.target.as_deref());
    let patch = app
        .engine
        .diff_of_file(session, worker, &query.path, base, target);
    Ok(ApiJson(DiffFileBody {
        raw_diff: patch.await?,
    }))
}

/// Returns lines of a file, to show what is around a hunk.
#[utoipa::path(
    get, path = "/api/sessions/{sid}/workers/{wid}/diff/lines", operation_id = "diff_lines",
    tag = "diff",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "Its diff worker"),
        DiffLinesQuery,
    ),
    responses((status = 200, body = DiffLinesBody), (status = "default", body = Problem)),
)]
pub(crate) async fn lines(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiQuery(query): ApiQuery<DiffLinesQuery>,
) -> ApiResult<ApiJson<DiffLinesBody>> {
    let (range, target) = (query.start..=query.end, query.target.as_deref());
    let lines = app
        .engine
        .file_lines(session, worker, &query.path, range, target);
    Ok(ApiJson(DiffLinesBody {
        start_line: query.start,
        lines: lines.await?,
    }))
}
