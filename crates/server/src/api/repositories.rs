//! Registered repositories.

use axum::extract::State;
use http::StatusCode;
use offshoot_protocol::rest::{
    CreateRepository, PatchRepository, RepositoriesBody, RepositoryBody,
};
use offshoot_protocol::view::Branches;
use offshoot_protocol::{Problem, RepositoryId};

use super::{DONE, Done};
use crate::extract::{ApiJson, RepositoryPath};
use crate::problem::ApiResult;
use crate::state::App;

/// Lists all repositories, oldest first.
#[utoipa::path(
    get, path = "/api/repositories", operation_id = "repositories_list", tag = "repositories",
    responses((status = 200, body = RepositoriesBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(State(app): State<App>) -> ApiJson<RepositoriesBody> {
    let repositories = app.engine.repositories();
    ApiJson(RepositoriesBody { repositories })
}

/// Registers a repository.
#[utoipa::path(
    post, path = "/api/repositories", operation_id = "repositories_create", tag = "repositories",
    request_body = CreateRepository,
    responses((status = 201, body = RepositoryBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    ApiJson(body): ApiJson<CreateRepository>,
) -> ApiResult<(StatusCode, ApiJson<RepositoryBody>)> {
    let repository = app.engine.register_repository(&body.path).await?;
    Ok((StatusCode::CREATED, ApiJson(RepositoryBody { repository })))
}

/// Returns one repository.
#[utoipa::path(
    get, path = "/api/repositories/{id}", operation_id = "repositories_get", tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = RepositoryBody), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<RepositoryBody>> {
    let repository = app.engine.repository(id)?;
    Ok(ApiJson(RepositoryBody { repository }))
}

/// Changes the setup command or the environment.
#[utoipa::path(
    patch, path = "/api/repositories/{id}", operation_id = "repositories_patch",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    request_body = PatchRepository,
    responses((status = 200, body = RepositoryBody), (status = "default", body = Problem)),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
    ApiJson(body): ApiJson<PatchRepository>,
) -> ApiResult<ApiJson<RepositoryBody>> {
    let repository = app.engine.patch_repository(id, body).await?;
    Ok(ApiJson(RepositoryBody { repository }))
}

/// Unregisters a repository that no session uses; its files stay.
#[utoipa::path(
    delete, path = "/api/repositories/{id}", operation_id = "repositories_delete",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.unregister_repository(id).await?;
    Ok(DONE)
}

/// Lists local and remote branches.
#[utoipa::path(
    get, path = "/api/repositories/{id}/branches", operation_id = "repositories_branches",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = Branches), (status = "default", body = Problem)),
)]
pub(crate) async fn branches(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<Branches>> {
    Ok(ApiJson(app.engine.branches(id).await?))
}
