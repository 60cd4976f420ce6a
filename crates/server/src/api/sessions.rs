//! Sessions.

use axum::extract::State;
use http::StatusCode;
use offshoot_protocol::hosting::Validation;
use offshoot_protocol::rest::{
    CreateSession, DeleteSessionQuery, PatchSession, SessionBody, SessionsBody, StartSession,
    WorktreeFate,
};
use offshoot_protocol::view::Session;
use offshoot_protocol::{ErrorCode, Problem, SessionId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiQuery, SessionPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Lists all sessions, oldest first, paused ones included.
#[utoipa::path(
    get, path = "/api/sessions", operation_id = "sessions_list", tag = "sessions",
    responses((status = 200, body = SessionsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(State(app): State<App>) -> ApiJson<SessionsBody> {
    let sessions = app.engine.sessions();
    ApiJson(SessionsBody { sessions })
}

/// Opens a session in a directory that exists.
#[utoipa::path(
    post, path = "/api/sessions", operation_id = "sessions_create", tag = "sessions",
    request_body = CreateSession,
    responses((status = 201, body = SessionBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    ApiJson(body): ApiJson<CreateSession>,
) -> ApiResult<(StatusCode, ApiJson<SessionBody>)> {
    let session = app.engine.create_session(body).await?;
    Ok((StatusCode::CREATED, ApiJson(SessionBody { session })))
}

/// Makes a worktree, or uses a directory, and starts a worker in it.
#[utoipa::path(
    post, path = "/api/sessions/start", operation_id = "sessions_start", tag = "sessions",
    request_body = StartSession,
    responses((status = 201, body = SessionBody), (status = "default", body = Problem)),
)]
pub(crate) async fn start(
    State(app): State<App>,
    ApiJson(body): ApiJson<StartSession>,
) -> ApiResult<(StatusCode, ApiJson<SessionBody>)> {
    let session = app.engine.start_session(body).await?;
    Ok((StatusCode::CREATED, ApiJson(SessionBody { session })))
}

/// Returns one session.
#[utoipa::path(
    get, path = "/api/sessions/{id}", operation_id = "sessions_get", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = SessionBody), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<SessionBody>> {
    let session = app.engine.session(id)?;
    Ok(ApiJson(SessionBody { session }))
}

/// Answer of `PATCH /api/sessions/{id}`: what was changed, and the session after it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PatchedSession {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    session: Session,
}

/// Changes the title or renames the branch.
#[utoipa::path(
    patch, path = "/api/sessions/{id}", operation_id = "sessions_patch", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    request_body = PatchSession,
    responses((status = 200, body = PatchedSession), (status = "default", body = Problem)),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    SessionPath(id): SessionPath,
    ApiJson(body): ApiJson<PatchSession>,
) -> ApiResult<ApiJson<PatchedSession>> {
    let (title, branch) = (body.title.is_some(), body.branch.is_some());
    let patched = app.engine.patch_session(id, body).await.map_err(|err| {
        let err = ApiError::from(err);
        match err.code() {
            // Whatever git has against a name is a bad request to clients of the first dialect.
            ErrorCode::BranchExists => err.with_status(StatusCode::BAD_REQUEST),
            _ => err,
        }
    });
    let session = patched?;
    Ok(ApiJson(PatchedSession {
        success: true,
        title: session.title.clone().filter(|_| title),
        branch: session.worktree_id.clone().filter(|_| branch),
        session,
    }))
}

/// Ends a session: its processes, its output, and its worktree when asked to.
#[utoipa::path(
    delete, path = "/api/sessions/{id}", operation_id = "sessions_delete", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session"), DeleteSessionQuery),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    SessionPath(id): SessionPath,
    ApiQuery(query): ApiQuery<DeleteSessionQuery>,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_session(id, query.worktree).await?;
    Ok(DONE)
}

/// Removes a session whose directory is gone.
#[utoipa::path(
    delete, path = "/api/sessions/{id}/invalid", operation_id = "sessions_delete_invalid",
    tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete_invalid(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_session(id, WorktreeFate::Keep).await?;
    Ok(DONE)
}

/// Ends all processes of a worktree session and keeps everything else.
#[utoipa::path(
    post, path = "/api/sessions/{id}/pause", operation_id = "sessions_pause", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn pause(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.pause_session(id).await?;
    Ok(DONE)
}

/// Starts the workers of a paused session again, agents with their conversation.
#[utoipa::path(
    post, path = "/api/sessions/{id}/resume", operation_id = "sessions_resume", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = SessionBody), (status = "default", body = Problem)),
)]
pub(crate) async fn resume(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<SessionBody>> {
    let resumed = app.engine.resume_session(id).await.map_err(|err| {
        let err = ApiError::from(err);
        match err.code() {
            // The path is not part of this request: what is missing is the thing it names.
            ErrorCode::PathNotFound | ErrorCode::StartFailed => {
                err.with_status(StatusCode::NOT_FOUND)
            }
            _ => err,
        }
    });
    let session = resumed?;
    Ok(ApiJson(SessionBody { session }))
}

/// Tells which sessions have lost their directory, its repository or their branch.
#[utoipa::path(
    get, path = "/api/sessions/validate", operation_id = "sessions_validate", tag = "sessions",
    responses((status = 200, body = Validation), (status = "default", body = Problem)),
)]
pub(crate) async fn validate(State(app): State<App>) -> ApiJson<Validation> {
    ApiJson(app.engine.validate_sessions().await)
}
