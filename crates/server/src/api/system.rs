//! The server itself: whether it is there, what it offers, and what helps to start.

use std::collections::BTreeMap;

use axum::extract::State;
use offshoot_protocol::Problem;
use offshoot_protocol::rest::{ChecksBody, Config, PathsBody};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::{ApiJson, ApiQuery};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Answer of `GET /health`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Tells that the server answers.
#[utoipa::path(
    get, path = "/health", operation_id = "server_health", tag = "server", security(()),
    responses((status = 200, body = Health)),
)]
pub(crate) async fn health() -> ApiJson<Health> {
    ApiJson(Health { status: "ok" })
}

/// Answer of `GET /api`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Greeting {
    message: &'static str,
}

/// Names the interface.
#[utoipa::path(
    get, path = "/api", operation_id = "server_greet", tag = "server",
    responses((status = 200, body = Greeting), (status = "default", body = Problem)),
)]
pub(crate) async fn greet() -> ApiJson<Greeting> {
    ApiJson(Greeting {
        message: "Offshoot API",
    })
}

/// Tells what a client must know before anything else.
#[utoipa::path(
    get, path = "/api/config", operation_id = "server_config", tag = "server",
    responses((status = 200, body = Config), (status = "default", body = Problem)),
)]
pub(crate) async fn config(State(app): State<App>) -> ApiJson<Config> {
    ApiJson(Config {
        home_dir: app.engine.user_home().display().to_string(),
        capabilities: BTreeMap::from([("vscode".to_owned(), false)]),
        server_pid: std::process::id(),
        version: app.engine.version().to_owned(),
    })
}

/// Query of `GET /api/paths`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PathsQuery {
    /// The beginning of a path: absolute or `~/…`.
    #[serde(default)]
    prefix: String,
}

/// Lists directories that complete a typed path.
#[utoipa::path(
    get, path = "/api/paths", operation_id = "server_complete_path", tag = "server",
    params(PathsQuery),
    responses((status = 200, body = PathsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn complete_path(
    State(app): State<App>,
    ApiQuery(query): ApiQuery<PathsQuery>,
) -> ApiResult<ApiJson<PathsBody>> {
    // Directories may lie on slow disks; a waiting one must not hold up other requests.
    let listed = tokio::task::spawn_blocking(move || app.engine.complete_path(&query.prefix));
    let paths = listed.await.map_err(|err| {
        tracing::error!(%err, "list directories");
        ApiError::new(
            offshoot_protocol::ErrorCode::Internal,
            "listing directories failed",
        )
    })?;
    Ok(ApiJson(paths))
}

/// Looks for what a new user needs: git, agents, directories.
#[utoipa::path(
    get, path = "/api/checks", operation_id = "server_checks", tag = "server",
    responses((status = 200, body = ChecksBody), (status = "default", body = Problem)),
)]
pub(crate) async fn checks(State(app): State<App>) -> ApiJson<ChecksBody> {
    ApiJson(app.engine.checks().await)
}
