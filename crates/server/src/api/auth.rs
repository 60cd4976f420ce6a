//! Signing in and out.
//!
//! A browser trades a one-time code (or a token) for a cookie that no script can read. Failures
//! are counted per address.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use http::{HeaderMap, header};
use offshoot_protocol::rest::SignIn;
use offshoot_protocol::{ErrorCode, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DONE, Done};
use crate::extract::ApiJson;
use crate::guard::layer::{Peer, client_address, cookie_name, cookies, valid_cookie};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Browsers forget the cookie after so long without a visit; the server's own record decides.
const COOKIE_SECONDS: u64 = 30 * 24 * 3600;

/// Trades a one-time code or a token for the sign-in cookie.
#[utoipa::path(
    post, path = "/api/auth/sign-in", operation_id = "auth_sign_in", tag = "auth", security(()),
    request_body = SignIn,
    responses(
        (status = 200, body = Done, description = "Signed in; the cookie is set"),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    ApiJson(body): ApiJson<SignIn>,
) -> ApiResult<impl IntoResponse> {
    let from = client_address(&app, &headers, peer);
    app.attempts.admit(from, Instant::now()).map_err(|wait| {
        let detail = format!(
            "too many failed sign-ins; try again in {} s",
            wait.as_secs() + 1
        );
        ApiError::new(ErrorCode::RateLimited, detail).retry_after(wait)
    })?;
    let credentials = app.engine.credentials();
    let code = body.code.trim();
    if !credentials.redeem_code(code) && !credentials.check_token(code).await {
        app.attempts.record_failure(from, Instant::now());
        tracing::warn!(%from, "failed sign-in");
        return Err(ApiError::new(
            ErrorCode::Unauthenticated,
            "this code is wrong, used or too old; `offshoot signin` makes a new one",
        ));
    }
    let secret = credentials.open_sign_in().await?;
    let cookie = set_cookie(cookie_name(&app, &headers), &secret, COOKIE_SECONDS);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), DONE))
}

/// Ends the browser's sign-in.
#[utoipa::path(
    post, path = "/api/auth/sign-out", operation_id = "auth_sign_out", tag = "auth",
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
) -> ApiResult<impl IntoResponse> {
    for secret in cookies(&app, &headers) {
        app.engine.credentials().end_sign_in(secret).await?;
    }
    let cookie = set_cookie(cookie_name(&app, &headers), "", 0);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), DONE))
}

/// Answer of `GET /api/auth/me`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    signed_in: bool,
}

/// Tells whether the request's credential is valid; it fails with 401 otherwise. A browser's visit
/// prolongs its cookie, as the server prolongs the sign-in.
#[utoipa::path(
    get, path = "/api/auth/me", operation_id = "auth_me", tag = "auth",
    responses((status = 200, body = Me), (status = "default", body = Problem)),
)]
pub(crate) async fn me(State(app): State<App>, headers: HeaderMap) -> impl IntoResponse {
    let prolonged = valid_cookie(&app, &headers).await.map(|secret| {
        let cookie = set_cookie(cookie_name(&app, &headers), secret, COOKIE_SECONDS);
        AppendHeaders([(header::SET_COOKIE, cookie)])
    });
    (prolonged, ApiJson(Me { signed_in: true }))
}

/// Answer of `POST /api/auth/codes`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IssuedCode {
    /// The code: good once, for ten minutes.
    code: String,
    /// The address that signs a browser in.
    url: String,
}

/// Makes a fresh one-time code, for another browser of the same person.
#[utoipa::path(
    post, path = "/api/auth/codes", operation_id = "auth_issue_code", tag = "auth",
    responses((status = 200, body = IssuedCode), (status = "default", body = Problem)),
)]
pub(crate) async fn issue_code(State(app): State<App>) -> ApiJson<IssuedCode> {
    let code = app.engine.credentials().issue_code();
    let url = format!("{}/#code={code}", app.url);
    ApiJson(IssuedCode { code, url })
}

fn set_cookie(name: &str, value: &str, max_age: u64) -> String {
    let secure = if name.starts_with("__Host-") {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}")
}
