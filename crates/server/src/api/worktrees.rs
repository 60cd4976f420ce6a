//! Worktrees of a repository, and its trash.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use offshoot_protocol::view::Worktree;
use offshoot_protocol::worktree::{
    Accepted, CreateWorktree, DeleteWorktreeQuery, RestoreTrash, TrashBody, WorktreeBody,
};
use offshoot_protocol::{ErrorCode, Problem, RepositoryId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiPath, ApiQuery, RepositoryPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Answer of `GET /api/repositories/{id}/worktrees`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorktreesBody {
    worktrees: Vec<Worktree>,
}

/// Lists the worktrees, the main one first.
#[utoipa::path(
    get, path = "/api/repositories/{id}/worktrees", operation_id = "worktrees_list",
    tag = "worktrees",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = WorktreesBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<WorktreesBody>> {
    let worktrees = match app.engine.worktrees(id).await {
        Ok(worktrees) => worktrees,
        Err(err) if err.code() == ErrorCode::GitFailed => {
            // Clients of the first dialect take a failure for the end of the page.
            tracing::warn!(repository = %id, %err, "list the worktrees");
            Vec::new()
        }
        Err(err) => return Err(err.into()),
    };
    Ok(ApiJson(WorktreesBody { worktrees }))
}

/// Makes a worktree as a job, and a session in it if asked to.
#[utoipa::path(
    post, path = "/api/repositories/{id}/worktrees", operation_id = "worktrees_create",
    tag = "worktrees",
    params(("id" = RepositoryId, Path, description = "The repository")),
    request_body = CreateWorktree,
    responses((status = 202, body = Accepted), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
    ApiJson(body): ApiJson<CreateWorktree>,
) -> ApiResult<Response> {
    let created = app.engine.create_worktree(id, body).await;
    let job = created.map_err(|err| match ApiError::from(err) {
        // The agent is a field of the request here, not its object.
        err if err.code() == ErrorCode::AgentNotFound => err.with_status(StatusCode::BAD_REQUEST),
        err => err,
    })?;
    Ok(accepted(job.to_string()))
}

fn accepted(job_id: String) -> Response {
    let body = Accepted {
        accepted: true,
        job_id,
    };
    (StatusCode::ACCEPTED, ApiJson(body)).into_response()
}

/// Deletes a worktree of ours with its sessions. Work in it goes to the trash.
#[utoipa::path(
    delete, path = "/api/repositories/{id}/worktrees/{path}", operation_id = "worktrees_delete",
    tag = "worktrees",
    params(
        ("id" = RepositoryId, Path, description = "The repository"),
        ("path" = String, Path, description = "The directory, percent-encoded"),
        DeleteWorktreeQuery,
    ),
    responses(
        (status = 200, body = Done), (status = 202, body = Accepted),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    ApiPath((id, path)): ApiPath<(String, String)>,
    ApiQuery(query): ApiQuery<DeleteWorktreeQuery>,
) -> ApiResult<Response> {
    let id = id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::RepositoryNotFound, "Repository not found"))?;
    let force = query.force.as_deref() == Some("true");
    let is_sync = query.task_id.is_none();
    let deleted = app
        .engine
        .delete_worktree(id, &path, force, query.task_id)
        .await;
    match deleted {
        Ok(Some(job)) => Ok(accepted(job.to_string())),
        Ok(None) => Ok(DONE.into_response()),
        Err(err) => Err(match ApiError::from(err) {
            // As clients of the first dialect expect it of everything git refuses.
            err if is_sync && err.code() == ErrorCode::WorktreeDirty => {
                err.with_status(StatusCode::BAD_REQUEST)
            }
            err => err,
        }),
    }
}

/// Answers for a path that is missing.
pub(crate) async fn delete_nothing(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<()> {
    app.engine.delete_worktree(id, "", false, None).await?;
    Ok(())
}

/// Lists what is in the trash of a repository, the newest first.
#[utoipa::path(
    get, path = "/api/repositories/{id}/trash", operation_id = "trash_list", tag = "worktrees",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = TrashBody), (status = "default", body = Problem)),
)]
pub(crate) async fn trash(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<TrashBody>> {
    let trash = app.engine.trash(id).await?;
    Ok(ApiJson(TrashBody { trash }))
}

/// Makes a worktree again as it was when it was removed. The entry stays in the trash.
#[utoipa::path(
    post, path = "/api/repositories/{id}/trash/{entry}/restore", operation_id = "trash_restore",
    tag = "worktrees",
    params(
        ("id" = RepositoryId, Path, description = "The repository"),
        ("entry" = String, Path, description = "The entry"),
    ),
    request_body = RestoreTrash,
    responses((status = 201, body = WorktreeBody), (status = "default", body = Problem)),
)]
pub(crate) async fn restore(
    State(app): State<App>,
    ApiPath((id, entry)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<RestoreTrash>,
) -> ApiResult<(StatusCode, ApiJson<WorktreeBody>)> {
    let id = id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::RepositoryNotFound, "Repository not found"))?;
    let worktree = app.engine.restore_trash(id, &entry, body).await?;
    Ok((StatusCode::CREATED, ApiJson(WorktreeBody { worktree })))
}

/// Drops an entry of the trash for good.
#[utoipa::path(
    delete, path = "/api/repositories/{id}/trash/{entry}", operation_id = "trash_drop",
    tag = "worktrees",
    params(
        ("id" = RepositoryId, Path, description = "The repository"),
        ("entry" = String, Path, description = "The entry"),
    ),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn drop_entry(
    State(app): State<App>,
    ApiPath((id, entry)): ApiPath<(String, String)>,
) -> ApiResult<ApiJson<Done>> {
    let id = id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::RepositoryNotFound, "Repository not found"))?;
    app.engine.drop_trash(id, &entry).await?;
    Ok(DONE)
}
