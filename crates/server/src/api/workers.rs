//! Workers of a session.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use offshoot_engine::{Head, Read, WorkerHandle};
use offshoot_protocol::explain::Explanation;
use offshoot_protocol::limits::INPUT_TEXT_BYTES;
use offshoot_protocol::rest::{
    CreateWorker, InputReceipt, LogQuery, RestartWorker, SendInput, TextBody, WorkerBody,
};
use offshoot_protocol::view::{Worker, WorkerKind};
use offshoot_protocol::{ErrorCode, Problem, SessionId, WorkerId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiQuery, LoneWorkerPath, SessionPath, WorkerPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Bytes of a log answer when the client names no number.
const LOG_BYTES: u64 = 1024 * 1024;

/// Most bytes of one log answer; the client asks again for more.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes read at a time while a log answer is sent; at most so many are in memory.
const LOG_CHUNK_BYTES: u64 = 256 * 1024;

/// Lines of a text answer when the client names no number.
const TEXT_LINES: usize = 100;

/// Most lines of a text answer.
const TEXT_LINES_MAX: usize = 5000;

/// Longest idempotency key, in characters.
const KEY_CHARS: usize = 200;

/// Answer of `GET /api/sessions/{sid}/workers`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkersBody {
    workers: Vec<Worker>,
}

/// Says what an agent is thought to do, and why: the last pieces of evidence.
#[utoipa::path(
    get, path = "/api/workers/{id}/explain", operation_id = "workers_explain", tag = "workers",
    params(("id" = WorkerId, Path, description = "The worker")),
    responses((status = 200, body = Explanation), (status = "default", body = Problem)),
)]
pub(crate) async fn explain(
    State(app): State<App>,
    LoneWorkerPath(worker): LoneWorkerPath,
) -> ApiResult<ApiJson<Explanation>> {
    Ok(ApiJson(app.engine.explain(worker).await?))
}

/// Lists the workers of a session, oldest first.
#[utoipa::path(
    get, path = "/api/sessions/{id}/workers", operation_id = "workers_list", tag = "workers",
    params(("id" = SessionId, Path, description = "The session")),
    responses((status = 200, body = WorkersBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    SessionPath(session): SessionPath,
) -> ApiResult<ApiJson<WorkersBody>> {
    let workers = app.engine.session(session)?.workers;
    Ok(ApiJson(WorkersBody { workers }))
}

/// Adds a shell to a session.
#[utoipa::path(
    post, path = "/api/sessions/{id}/workers", operation_id = "workers_create", tag = "workers",
    params(("id" = SessionId, Path, description = "The session")),
    request_body = CreateWorker,
    responses((status = 201, body = WorkerBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    SessionPath(session): SessionPath,
    ApiJson(body): ApiJson<CreateWorker>,
) -> ApiResult<(StatusCode, ApiJson<WorkerBody>)> {
    let worker = app.engine.create_terminal(session, body.name).await?;
    Ok((StatusCode::CREATED, ApiJson(WorkerBody { worker })))
}

/// Ends a worker's process and removes the worker with its output.
#[utoipa::path(
    delete, path = "/api/sessions/{sid}/workers/{wid}", operation_id = "workers_delete",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
    ),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_worker(session, worker).await?;
    Ok(DONE)
}

/// Starts a worker anew with an empty output, ending its process first.
#[utoipa::path(
    post, path = "/api/sessions/{sid}/workers/{wid}/restart", operation_id = "workers_restart",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
    ),
    request_body = RestartWorker,
    responses((status = 200, body = WorkerBody), (status = "default", body = Problem)),
)]
pub(crate) async fn restart(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiJson(body): ApiJson<RestartWorker>,
) -> ApiResult<ApiJson<WorkerBody>> {
    let known = app.engine.session(session)?.workers;
    let is_terminal = |known: &Worker| known.id == worker && known.kind == WorkerKind::Terminal;
    if known.iter().any(is_terminal) && !body.terminal {
        let detail = "Worker not found: this one is a terminal; say so to restart it";
        return Err(ApiError::new(ErrorCode::WorkerNotFound, detail));
    }
    let restarted = app
        .engine
        .restart_worker(session, worker, body.continue_conversation)
        .await?;
    Ok(ApiJson(WorkerBody { worker: restarted }))
}

/// Ends a worker's process tree; the worker and its output stay.
#[utoipa::path(
    post, path = "/api/sessions/{sid}/workers/{wid}/stop", operation_id = "workers_stop",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
    ),
    responses((status = 200, body = WorkerBody), (status = "default", body = Problem)),
)]
pub(crate) async fn stop(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
) -> ApiResult<ApiJson<WorkerBody>> {
    let worker = app.engine.stop_worker(session, worker).await?;
    Ok(ApiJson(WorkerBody { worker }))
}

/// Types a text into a worker.
#[utoipa::path(
    post, path = "/api/sessions/{sid}/workers/{wid}/input", operation_id = "workers_input",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same text is typed once per key"),
    ),
    request_body = SendInput,
    responses((status = 200, body = InputReceipt), (status = "default", body = Problem)),
)]
pub(crate) async fn input(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    headers: HeaderMap,
    ApiJson(body): ApiJson<SendInput>,
) -> ApiResult<ApiJson<InputReceipt>> {
    let key = idempotency_key(&headers)?;
    if body.text.len() > INPUT_TEXT_BYTES {
        let detail = format!("the text is larger than {INPUT_TEXT_BYTES} bytes");
        return Err(ApiError::new(ErrorCode::TooLarge, detail));
    }
    let handle = app.engine.worker(session, worker)?;
    let receipt = handle.send(&body.text, body.submit, key).await?;
    Ok(ApiJson(receipt))
}

/// The key under which a repeated request is recognised.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<&str>> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_CHARS {
        let message = "a key has 1 to 200 ASCII characters";
        return Err(ApiError::invalid("Idempotency-Key", message));
    }
    Ok(Some(key))
}

/// Returns raw output by offset. The answer is one contiguous piece: it begins at
/// `Offshoot-Offset`, which lies behind `from` when the bytes there are no longer kept, and ends
/// early before a hole.
#[utoipa::path(
    get, path = "/api/sessions/{sid}/workers/{wid}/log", operation_id = "workers_log",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
        LogQuery,
    ),
    responses(
        (
            status = 200, content_type = "application/octet-stream", body = [u8],
            headers(
                ("Offshoot-Epoch" = u32, description = "The life of the worker the offsets belong to"),
                ("Offshoot-Offset" = u64, description = "The offset of the first byte of the answer"),
                ("Offshoot-First-Offset" = u64, description = "The oldest offset that is kept"),
                ("Offshoot-End-Offset" = u64, description = "The end of the output"),
            ),
        ),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn log(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> ApiResult<Response> {
    let handle = app.engine.worker(session, worker)?;
    handle.settled().await;
    let Head { epoch, end, .. } = handle.head();
    let first = match handle.read(epoch, 0, 1) {
        Read::Gap { to, .. } => to,
        _ => 0,
    };
    let mut from = query.from.unwrap_or(first).max(first).min(end);
    if let Read::Gap { to, .. } = handle.read(epoch, from, 1) {
        from = to;
    }
    let len = query.len.unwrap_or(LOG_BYTES).min(LOG_BYTES_MAX);
    let piece = LogPiece {
        handle,
        epoch,
        at: from,
        until: end.min(from.saturating_add(len)),
    };
    let body = Body::from_stream(stream::iter(piece.map(Ok::<_, std::convert::Infallible>)));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    for (name, value) in [
        ("offshoot-epoch", u64::from(epoch)),
        ("offshoot-offset", from),
        ("offshoot-first-offset", first),
        ("offshoot-end-offset", end),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
    Ok(response)
}

/// Reads a contiguous piece of output chunk by chunk, as fast as it is sent.
struct LogPiece {
    handle: WorkerHandle,
    epoch: u32,
    at: u64,
    until: u64,
}

impl Iterator for LogPiece {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let wanted = self.until.saturating_sub(self.at).min(LOG_CHUNK_BYTES);
        if wanted == 0 {
            return None;
        }
        let max = usize::try_from(wanted).unwrap_or(usize::MAX);
        match self.handle.read(self.epoch, self.at, max) {
            Read::Bytes { bytes, .. } => {
                self.at += bytes.len() as u64;
                Some(bytes)
            }
            Read::Gap { .. } | Read::AtEnd | Read::OtherEpoch => None,
        }
    }
}

/// Query of `GET …/text`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TextQuery {
    /// At most so many lines; 100 when absent, 5,000 at the most.
    lines: Option<usize>,
}

/// Returns the newest lines of the terminal as plain text.
#[utoipa::path(
    get, path = "/api/sessions/{sid}/workers/{wid}/text", operation_id = "workers_text",
    tag = "workers",
    params(
        ("sid" = SessionId, Path, description = "The session"),
        ("wid" = WorkerId, Path, description = "The worker"),
        TextQuery,
    ),
    responses((status = 200, body = TextBody), (status = "default", body = Problem)),
)]
pub(crate) async fn text(
    State(app): State<App>,
    WorkerPath(session, worker): WorkerPath,
    ApiQuery(query): ApiQuery<TextQuery>,
) -> ApiResult<ApiJson<TextBody>> {
    let handle = app.engine.worker(session, worker)?;
    let lines = query.lines.unwrap_or(TEXT_LINES).min(TEXT_LINES_MAX);
    Ok(ApiJson(handle.text(lines).await?))
}
