//! What agents use of their models: their reports come in, sums go out.

use axum::extract::{Request, State};
use offshoot_protocol::usage::UsageBody;
use offshoot_protocol::{ErrorCode, Problem, WorkerId};
use serde::Deserialize;

use crate::extract::{ApiJson, ApiQuery, LoneWorkerPath, read_body};
use crate::guard::layer::bearer;
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Days that are summed when none are named.
const DAYS: u16 = 30;

/// Largest report. Agents send a few hundred records of some kilobytes at once.
const REPORT_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// How many days, today among them; 30 if absent, at most 400.
    #[serde(default)]
    days: Option<u16>,
}

/// Returns what agents used of their models on the last days, as far as they report it.
#[utoipa::path(
    get, path = "/api/usage", operation_id = "usage_get", tag = "agents",
    params(UsageQuery),
    responses((status = 200, body = UsageBody), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    ApiQuery(query): ApiQuery<UsageQuery>,
) -> ApiResult<ApiJson<UsageBody>> {
    Ok(ApiJson(app.engine.usage(query.days.unwrap_or(DAYS)).await?))
}

/// Counts what a worker's agent reports: an OTLP export of log records in JSON. Records of other things
/// than finished requests to a model are passed over. The same record counts once.
#[utoipa::path(
    post, path = "/api/workers/{id}/usage", operation_id = "usage_report", tag = "agents",
    params(("id" = WorkerId, Path, description = "The worker; its own token is needed")),
    request_body(content = serde_json::Value, description = "`ExportLogsServiceRequest` of OTLP"),
    responses(
        (status = 200, body = serde_json::Value, description = "An empty object: all is taken"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn report(
    State(app): State<App>,
    LoneWorkerPath(worker): LoneWorkerPath,
    request: Request,
) -> ApiResult<ApiJson<serde_json::Value>> {
    let token = bearer(request.headers()).unwrap_or_default();
    if !app.engine.credentials().check_worker_token(worker, token) {
        let detail = "a worker's agent reports with the token of its worker";
        return Err(ApiError::new(ErrorCode::Unauthenticated, detail));
    }
    let body = read_body(request, REPORT_BYTES).await?;
    app.engine.record_usage(worker, &body).await?;
    Ok(ApiJson(serde_json::json!({})))
}
