//! What git and GitHub say about sessions and repositories.

use axum::extract::RawPathParams;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use offshoot_protocol::hosting::{
    CommitsBody, DefaultBranch, FetchIssue, IssueBody, PrLink, RemoteStatus,
};
use offshoot_protocol::view::Branches;
use offshoot_protocol::{ErrorCode, Problem, RepositoryId, SessionId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiPath, ApiQuery, RepositoryPath, SessionPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Lists the branches of a session's repository; none where there is no repository.
#[utoipa::path(
    get, path = "/api/sessions/{id}/branches", operation_id = "sessions_branches", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = Branches), (status = "default", body = Problem)),
)]
pub(crate) async fn branches(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<Branches>> {
    Ok(ApiJson(app.engine.session_branches(id).await?))
}

/// Query of `GET /api/sessions/{id}/commits`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommitsQuery {
    /// A branch or commit.
    #[serde(default)]
    #[param(required = true)]
    base: String,
}

/// Lists the commits of a session's directory on top of a base, newest first.
#[utoipa::path(
    get, path = "/api/sessions/{id}/commits", operation_id = "sessions_commits", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session"), CommitsQuery),
    responses((status = 200, body = CommitsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn commits(
    State(app): State<App>,
    SessionPath(id): SessionPath,
    ApiQuery(query): ApiQuery<CommitsQuery>,
) -> ApiResult<ApiJson<CommitsBody>> {
    let commits = app.engine.session_commits(id, &query.base).await?;
    Ok(ApiJson(CommitsBody { commits }))
}

/// Looks up the pull request of a session's branch.
#[utoipa::path(
    get, path = "/api/sessions/{id}/pr-link", operation_id = "sessions_pr_link", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = PrLink), (status = "default", body = Problem)),
)]
pub(crate) async fn pr_link(
    State(app): State<App>,
    SessionPath(id): SessionPath,
) -> ApiResult<ApiJson<PrLink>> {
    Ok(ApiJson(app.engine.pr_link(id).await?))
}

/// Leads to the repository's page on GitHub.
#[utoipa::path(
    get, path = "/api/repositories/{id}/github", operation_id = "repositories_github",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses(
        (status = 302, headers(("Location" = String, description = "The page"))),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn github(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<Response> {
    let page = app.engine.github_page(id).await?;
    let page = HeaderValue::try_from(page).map_err(|err| {
        tracing::error!(%err, "make the address of a page");
        ApiError::new(ErrorCode::Internal, "the address cannot be sent")
    })?;
    Ok((StatusCode::FOUND, [(header::LOCATION, page)]).into_response())
}

/// Fetches everything from the repository's remote.
#[utoipa::path(
    post, path = "/api/repositories/{id}/fetch", operation_id = "repositories_fetch",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn fetch(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.fetch_repository(id).await?;
    Ok(DONE)
}

/// Asks the repository's remote for its default branch and notes it.
#[utoipa::path(
    post, path = "/api/repositories/{id}/refresh-default-branch",
    operation_id = "repositories_refresh_default_branch", tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = DefaultBranch), (status = "default", body = Problem)),
)]
pub(crate) async fn refresh_default_branch(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<DefaultBranch>> {
    let default_branch = app.engine.refresh_default_branch(id).await?;
    Ok(ApiJson(DefaultBranch { default_branch }))
}

/// Fetches a branch and counts what it and the remote's lack. A slash in the branch may be encoded
/// or not.
#[utoipa::path(
    get, path = "/api/repositories/{id}/branches/{branch}/remote-status",
    operation_id = "repositories_remote_status", tag = "repositories",
    params(
        ("id" = RepositoryId, Path, description = "The repository"),
        ("branch" = String, Path, description = "The branch"),
    ),
    responses((status = 200, body = RemoteStatus), (status = "default", body = Problem)),
)]
pub(crate) async fn remote_status(
    State(app): State<App>,
    ApiPath((id, branch)): ApiPath<(String, String)>,
) -> ApiResult<ApiJson<RemoteStatus>> {
    status_of(&app, &id, &branch).await
}

/// The same for a branch whose slashes came as they are: the rest of the path is one text.
pub(crate) async fn remote_status_of_path(
    State(app): State<App>,
    ApiPath((id, rest)): ApiPath<(String, String)>,
    raw: RawPathParams,
) -> ApiResult<ApiJson<RemoteStatus>> {
    match rest.strip_suffix("/remote-status") {
        Some(branch) => status_of(&app, &id, branch).await,
        None => {
            let rest = raw.iter().last().map_or("", |(_, rest)| rest);
            let detail = format!("there is nothing at /api/repositories/{id}/branches/{rest}");
            Err(ApiError::new(ErrorCode::RouteNotFound, detail))
        }
    }
}

async fn status_of(app: &App, id: &str, branch: &str) -> ApiResult<ApiJson<RemoteStatus>> {
    let id = id
        .parse()
        .map_err(|_| ApiError::new(ErrorCode::RepositoryNotFound, "Repository not found"))?;
    Ok(ApiJson(app.engine.remote_status(id, branch).await?))
}

/// Fetches an issue from GitHub.
#[utoipa::path(
    post, path = "/api/repositories/{id}/github-issue", operation_id = "repositories_github_issue",
    tag = "repositories",
    params(("id" = RepositoryId, Path, description = "The repository")),
    request_body = FetchIssue,
    responses((status = 200, body = IssueBody), (status = "default", body = Problem)),
)]
pub(crate) async fn github_issue(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
    ApiJson(body): ApiJson<FetchIssue>,
) -> ApiResult<ApiJson<IssueBody>> {
    let issue = app.engine.github_issue(id, &body.reference).await?;
    Ok(ApiJson(IssueBody { issue }))
}
