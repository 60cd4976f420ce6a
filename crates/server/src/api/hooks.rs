//! What agents report by their hooks.

use axum::extract::{Request, State};
use http::StatusCode;
use offshoot_protocol::hook::{HOOK_BYTES, HookReport};
use offshoot_protocol::{ErrorCode, Problem, WorkerId};

use crate::extract::{LoneWorkerPath, parse, read_body};
use crate::guard::layer::bearer;
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Takes a report of a worker's agent. The same report counts once. Of a flood, the newest count.
#[utoipa::path(
    post, path = "/api/workers/{id}/hooks", operation_id = "hooks_report", tag = "agents",
    params(("id" = WorkerId, Path, description = "The worker; its own token is needed")),
    request_body = HookReport,
    responses(
        (status = 204, description = "It counts"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn report(
    State(app): State<App>,
    LoneWorkerPath(worker): LoneWorkerPath,
    request: Request,
) -> ApiResult<StatusCode> {
    let token = bearer(request.headers()).unwrap_or_default();
    if !app.engine.credentials().check_worker_token(worker, token) {
        let detail = "a worker's agent reports with the token of its worker";
        return Err(ApiError::new(ErrorCode::Unauthenticated, detail));
    }
    let body = read_body(request, HOOK_BYTES).await?;
    let report: HookReport = parse(&body)?;
    app.engine.hook(worker, report).await?;
    Ok(StatusCode::NO_CONTENT)
}
