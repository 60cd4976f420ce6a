//! The server itself: whether it is there, what it offers, and what helps to start.

use std::collections::BTreeMap;

use axum::extract::State;
use http::StatusCode;
use offshoot_engine::EngineError;
use offshoot_protocol::hosting::OpenPath;
use offshoot_protocol::rest::{ChecksBody, Config, PathsBody};
use offshoot_protocol::{ErrorCode, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{DONE, Done};
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
        capabilities: BTreeMap::from([("vscode".to_owned(), app.engine.has_editor())]),
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

/// Shows a directory, or the directory of a file, in the file manager of the server's machine.
#[utoipa::path(
    post, path = "/api/system/open", operation_id = "server_open", tag = "server",
    request_body = OpenPath,
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn open(
    State(app): State<App>,
    ApiJson(body): ApiJson<OpenPath>,
) -> ApiResult<ApiJson<Done>> {
    opened(app.engine.open_in_file_manager(&body.path).await)
}

/// Opens a file or directory in VS Code on the server's machine.
#[utoipa::path(
    post, path = "/api/system/open-in-vscode", operation_id = "server_open_in_vscode", tag = "server",
    request_body = OpenPath,
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn open_in_vscode(
    State(app): State<App>,
    ApiJson(body): ApiJson<OpenPath>,
) -> ApiResult<ApiJson<Done>> {
    opened(app.engine.open_in_editor(&body.path).await)
}

/// The path is what is asked for here: a missing one is not found.
fn opened(result: Result<(), EngineError>) -> ApiResult<ApiJson<Done>> {
    match result {
        Ok(()) => Ok(DONE),
        Err(EngineError::PathNotFound(_)) => {
            let missing = ApiError::new(ErrorCode::PathNotFound, "Path not found");
            Err(missing.with_status(StatusCode::NOT_FOUND))
        }
        Err(err) => Err(err.into()),
    }
}
