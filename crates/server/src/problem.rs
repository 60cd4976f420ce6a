//! Failed requests as answers.
//!
//! Owns the one match from the engine's words to status codes. Unexpected failures are logged here,
//! once; expected ones are the client's to handle and not logged.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use offshoot_engine::EngineError;
use offshoot_protocol::{ErrorCode, Problem};

/// The content type of every error (RFC 9457).
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// A request that failed. Handlers return it; nothing else makes error bodies.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    status: StatusCode,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
}

/// What handlers return.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// Makes a failure; the text is shown to people.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: status_of(code),
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// Makes a failure of one field of the request.
    pub(crate) fn invalid(field: impl Into<String>, message: &str) -> Self {
        let field = field.into();
        Self {
            detail: format!("{field}: {message}"),
            field: Some(field),
            ..Self::new(ErrorCode::InvalidRequest, "")
        }
    }

    /// Says when the same request may succeed.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Answers with another status than the usual one of the code.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Returns the stable word.
    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    fn body(self) -> Problem {
        Problem {
            code: self.code,
            status: self.status.as_u16(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            error: self.detail.clone(),
            detail: self.detail,
            field: self.field,
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(err: EngineError) -> Self {
        let code = err.code();
        if status_of(code).is_server_error() {
            tracing::error!(err = &err as &dyn std::error::Error, "command failed");
        }
        match &err {
            EngineError::Invalid { field, message } => Self::invalid(*field, message),
            _ => Self::new(code, err.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        let retry_after = self.retry_after;
        let problem = self.body();
        let body = serde_json::to_vec(&problem).expect("a problem has string keys only");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Maps a failure to its status. Several are 400 where another would say more, because clients of
/// the first dialect expect it.
fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidRequest
        | ErrorCode::PathNotFound
        | ErrorCode::PathNotAllowed
        | ErrorCode::NotARepository
        | ErrorCode::RepositoryExists
        | ErrorCode::InvalidBranch
        | ErrorCode::BranchNotFound
        | ErrorCode::GitFailed
        | ErrorCode::NotDelivered
        | ErrorCode::WrongState => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::OriginNotAllowed => StatusCode::FORBIDDEN,
        ErrorCode::RouteNotFound
        | ErrorCode::SessionNotFound
        | ErrorCode::WorkerNotFound
        | ErrorCode::RepositoryNotFound
        | ErrorCode::AgentNotFound
        | ErrorCode::JobNotFound
        | ErrorCode::WorktreeNotFound
        | ErrorCode::TrashNotFound
        | ErrorCode::PromptNotFound
        | ErrorCode::NotificationNotFound
        | ErrorCode::TokenNotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::InUse
        | ErrorCode::InProgress
        | ErrorCode::BranchExists
        | ErrorCode::WorktreeDirty
        | ErrorCode::PromptNotQueued
        | ErrorCode::AlreadyAnswered
        | ErrorCode::RequestChanged
        | ErrorCode::NotRunning => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::HostNotAllowed => StatusCode::MISDIRECTED_REQUEST,
        ErrorCode::StartFailed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::WorkerUnknown | ErrorCode::InputFull => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::NotificationFailed => StatusCode::BAD_GATEWAY,
        ErrorCode::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
