//! Requests as typed values.
//!
//! Owns the rules of the first dialect for bodies: a body counts only with a JSON content type, any
//! other body is `{}`; unknown keys are ignored; the first thing that is wrong is named. An id in a
//! path that is no id names nothing, so it is answered as unknown.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use offshoot_protocol::limits::BODY_BYTES;
use offshoot_protocol::{ErrorCode, JobId, PromptId, RepositoryId, SessionId, WorkerId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::{ApiError, ApiResult};

/// A body must have arrived within so long, or the connection is not worth keeping.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A JSON body.
#[derive(Debug)]
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return parse(b"{}").map(Self);
        }
        let bytes = read_body(request, BODY_BYTES).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for ApiJson<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read_body(request: Request, limit: usize) -> ApiResult<Bytes> {
    if announced_bytes(request.headers()).is_some_and(|bytes| bytes > limit as u64) {
        return Err(too_large(limit));
    }
    let body = axum::body::to_bytes(request.into_body(), limit);
    let Ok(read) = tokio::time::timeout(BODY_TIME, body).await else {
        let detail = "the request's body did not arrive in time";
        return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
    };
    read.map_err(|err| refuse_body(&err, limit))
}

fn refuse_body(err: &axum::Error, limit: usize) -> ApiError {
    let mut source = Some(err as &dyn std::error::Error);
    while let Some(cause) = source {
        if cause.to_string().contains("length limit") {
            return too_large(limit);
        }
        source = cause.source();
    }
    ApiError::new(ErrorCode::InvalidRequest, format!("read the body: {err}"))
}

fn too_large(limit: usize) -> ApiError {
    let detail = format!("the body is larger than {limit} bytes");
    ApiError::new(ErrorCode::TooLarge, detail)
}

/// The length that the client says the body has.
fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Parses a body and names the first field that is wrong.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    // A list would be read as the fields in their order.
    let is_list = bytes.trim_ascii_start().starts_with(b"[");
    if is_list && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        let detail = "the body must be a JSON object";
        return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader);
    match parsed {
        Ok(value) if reader.end().is_ok() => Ok(value),
        Ok(_) => Err(broken()),
        Err(err) if !err.inner().is_data() => Err(broken()),
        Err(err) => {
            let message = err.inner().to_string();
            // The position in the text means nothing to people who filled in a form.
            let message = message.split(" at line ").next().unwrap_or(&message);
            Err(named(&err.path().to_string(), message))
        }
    }
}

fn broken() -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, "Invalid JSON body")
}

fn named(path: &str, message: &str) -> ApiError {
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match (path, missing) {
        (".", Some(field)) => ApiError::invalid(field, "is required"),
        (".", None) => ApiError::new(ErrorCode::InvalidRequest, message),
        (path, Some(field)) => ApiError::invalid(format!("{path}.{field}"), "is required"),
        (path, None) => ApiError::invalid(path, message),
    }
}

/// A query string.
#[derive(Debug)]
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, state)
            .await
            .map_err(|err| ApiError::new(ErrorCode::InvalidRequest, err.body_text()))?;
        Ok(Self(value))
    }
}

/// The id in a path of sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionPath(pub(crate) SessionId);

/// The ids in a path of workers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkerPath(pub(crate) SessionId, pub(crate) WorkerId);

/// The id in a path that names a worker without its session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoneWorkerPath(pub(crate) WorkerId);

/// The ids in a path of prompts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PromptPath(pub(crate) WorkerId, pub(crate) PromptId);

/// The id in a path of repositories.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepositoryPath(pub(crate) RepositoryId);

/// The id in a path of jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobPath(pub(crate) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let job: String = path(parts, state).await?;
        job.parse()
            .map(Self)
            .map_err(|_| ApiError::new(ErrorCode::JobNotFound, "Job not found"))
    }
}

/// Any other part of the path; what cannot be read is told as a problem.
#[derive(Debug)]
pub(crate) struct ApiPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let session: String = path(parts, state).await?;
        Ok(Self(parse_session(&session)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WorkerPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (session, worker): (String, String) = path(parts, state).await?;
        let session = parse_session(&session)?;
        Ok(Self(session, parse_worker(&worker)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LoneWorkerPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let worker: String = path(parts, state).await?;
        parse_worker(&worker).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PromptPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (worker, prompt): (String, String) = path(parts, state).await?;
        let not_found = |_| ApiError::new(ErrorCode::PromptNotFound, "Prompt not found");
        Ok(Self(
            parse_worker(&worker)?,
            prompt.parse().map_err(not_found)?,
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RepositoryPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let repository: String = path(parts, state).await?;
        repository
            .parse()
            .map(Self)
            .map_err(|_| ApiError::new(ErrorCode::RepositoryNotFound, "Repository not found"))
    }
}

fn parse_session(text: &str) -> ApiResult<SessionId> {
    text.parse()
        .map_err(|_| ApiError::new(ErrorCode::SessionNotFound, "Session not found"))
}

fn parse_worker(text: &str) -> ApiResult<WorkerId> {
    text.parse()
        .map_err(|_| ApiError::new(ErrorCode::WorkerNotFound, "Worker not found"))
}

async fn path<T, S>(parts: &mut Parts, state: &S) -> ApiResult<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    let Path(value) = Path::from_request_parts(parts, state).await.map_err(
        |err: axum::extract::rejection::PathRejection| {
            ApiError::new(ErrorCode::InvalidRequest, err.body_text())
        },
    )?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use offshoot_protocol::rest::{CreateAgent, CreateSession, PatchAgent, RestartWorker};

    use super::*;

    async fn read<T: DeserializeOwned>(content_type: &str, body: impl Into<Body>) -> ApiResult<T> {
        let mut request = Request::new(body.into());
        if !content_type.is_empty() {
            let value = content_type.parse().expect("a content type");
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        ApiJson::from_request(request, &()).await.map(|body| body.0)
    }

    async fn text_of(err: ApiError) -> (u16, String, Option<String>) {
        let response = err.into_response();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await;
        let body: offshoot_protocol::Problem =
            serde_json::from_slice(&body.expect("read")).expect("a problem");
        assert_eq!(body.error, body.detail);
        (status, body.detail, body.field)
    }

    async fn refused<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> (u16, String) {
        let err = read::<T>("application/json", body.to_owned())
            .await
            .expect_err(body);
        let (status, text, _) = text_of(err).await;
        (status, text)
    }

    #[tokio::test]
    async fn a_body_without_json_type_is_an_empty_object() {
        for (content_type, body) in [
            ("", ""),
            ("", "{broken"),
            ("text/plain", r#"{"continueConversation":true}"#),
            ("application/x-www-form-urlencoded", "a=b"),
            ("application/json", "{}"),
        ] {
            let parsed: RestartWorker = read(content_type, body).await.expect(content_type);
            assert!(!parsed.continue_conversation, "{content_type}");
        }
        for content_type in [
            "application/json",
            "application/merge-patch+json; charset=utf-8",
        ] {
            let body = r#"{"continueConversation":true,"unknown":1}"#;
            let parsed: RestartWorker = read(content_type, body).await.expect(content_type);
            assert!(parsed.continue_conversation, "{content_type}");
        }
    }

    #[tokio::test]
    async fn broken_json_is_said_in_the_words_of_the_first_dialect() {
        for body in ["", "{", "{} {}", "nul", "{\"a\":1,}", "\u{feff}{}"] {
            let wanted = (400, "Invalid JSON body".to_owned());
            assert_eq!(refused::<RestartWorker>(body).await, wanted, "{body}");
        }
    }

    #[tokio::test]
    async fn the_first_wrong_field_is_named() {
        let (status, text) = refused::<CreateAgent>(r#"{"commandTemplate":"x {{prompt}}"}"#).await;
        assert_eq!((status, text.as_str()), (400, "name: is required"));
        let (_, text) = refused::<CreateAgent>(
            r#"{"name":"a","commandTemplate":"b","activityPatterns":{"askingPatterns":[1]}}"#,
        )
        .await;
        assert!(
            text.starts_with("activityPatterns.askingPatterns[0]: "),
            "{text}"
        );
        let (_, text) = refused::<CreateAgent>(r#"{"name":7}"#).await;
        assert!(text.starts_with("name: invalid type"), "{text}");
        let (status, text) = refused::<CreateSession>(r#"{"type":"agent"}"#).await;
        assert_eq!(status, 400);
        assert!(text.contains("agent"), "{text}");
        for body in ["[]", " [null]", "null", "7", "\"\""] {
            assert_eq!(refused::<CreateSession>(body).await.0, 400, "{body}");
            assert_eq!(refused::<PatchAgent>(body).await.0, 400, "{body}");
        }
    }

    #[tokio::test]
    async fn null_and_absent_differ_where_null_clears() {
        let body = r#"{"continueTemplate":null}"#;
        let change: PatchAgent = read("application/json", body).await.expect("parsed");
        assert_eq!(change.continue_template, Some(None));
        assert_eq!(change.headless_template, None);
    }

    #[tokio::test]
    async fn a_large_body_is_413() {
        let body = format!("{{\"name\":\"{}\"}}", "x".repeat(BODY_BYTES));
        let err = read::<CreateAgent>("application/json", body)
            .await
            .expect_err("too large");
        assert_eq!(text_of(err).await.0, 413);
    }
}
