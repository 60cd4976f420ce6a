//! Settings of the server that its clients may change.

use axum::extract::State;
use offshoot_protocol::Problem;
use offshoot_protocol::idle::{PatchSettings, Settings};

use crate::extract::ApiJson;
use crate::problem::ApiResult;
use crate::state::App;

/// Returns the settings in force.
#[utoipa::path(
    get, path = "/api/settings", operation_id = "settings_get", tag = "server",
    responses((status = 200, body = Settings), (status = "default", body = Problem)),
)]
pub(crate) async fn get(State(app): State<App>) -> ApiJson<Settings> {
    ApiJson(app.engine.settings())
}

/// Changes settings; they hold until they are changed again, also over restarts.
#[utoipa::path(
    patch, path = "/api/settings", operation_id = "settings_patch", tag = "server",
    request_body = PatchSettings,
    responses((status = 200, body = Settings), (status = "default", body = Problem)),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    ApiJson(body): ApiJson<PatchSettings>,
) -> ApiResult<ApiJson<Settings>> {
    Ok(ApiJson(app.engine.patch_settings(body).await?))
}
