//! Bearer tokens for the command line and scripts.

use axum::extract::State;
use http::StatusCode;
use offshoot_protocol::Problem;
use offshoot_protocol::rest::{CreateToken, CreatedToken, TokenView};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Longest name of a token, in characters.
const NAME_CHARS: usize = 200;

/// Answer of `GET /api/tokens`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokensBody {
    /// All tokens, oldest first.
    tokens: Vec<TokenView>,
}

/// Lists the tokens, without their secrets.
#[utoipa::path(
    get, path = "/api/tokens", operation_id = "tokens_list", tag = "auth",
    responses((status = 200, body = TokensBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(State(app): State<App>) -> ApiResult<ApiJson<TokensBody>> {
    let tokens = app.engine.credentials().tokens().await?;
    Ok(ApiJson(TokensBody { tokens }))
}

/// Makes a token and shows its secret, this once.
#[utoipa::path(
    post, path = "/api/tokens", operation_id = "tokens_create", tag = "auth",
    request_body = CreateToken,
    responses((status = 201, body = CreatedToken), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    ApiJson(body): ApiJson<CreateToken>,
) -> ApiResult<(StatusCode, ApiJson<CreatedToken>)> {
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS {
        return Err(ApiError::invalid("name", "a name has 1 to 200 characters"));
    }
    let created = app.engine.credentials().create_token(name).await?;
    Ok((StatusCode::CREATED, ApiJson(created)))
}

/// Revokes a token; it is refused from now on.
#[utoipa::path(
    delete, path = "/api/tokens/{id}", operation_id = "tokens_revoke", tag = "auth",
    params(("id" = String, Path, description = "The token")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<ApiJson<Done>> {
    app.engine.credentials().revoke_token(&id).await?;
    Ok(DONE)
}
