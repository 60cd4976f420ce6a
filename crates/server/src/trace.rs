//! A span around every request, so that each log line says which request, session and worker.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use offshoot_protocol::{SessionId, WorkerId};
use tracing::{Instrument, Span, field};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a proxy; a longer one is replaced.
const REQUEST_ID_CHARS: usize = 64;

/// Runs a request inside its span and logs how it ended.
pub(crate) async fn trace(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let span = span_of(&request, &id);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let ms = started.elapsed().as_millis();
    span.in_scope(|| tracing::debug!(status, ms, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok()).filter(|text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !text.is_empty() && text.len() <= REQUEST_ID_CHARS && text.bytes().all(plain)
    });
    match given {
        Some(id) => id.to_owned(),
        None => format!("{:08x}", uuid::Uuid::new_v4().as_fields().0),
    }
}

fn span_of(request: &Request, id: &str) -> Span {
    let path = request.uri().path();
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path,
        session = field::Empty,
        worker = field::Empty,
    );
    let (session, worker) = subject_of(path);
    if let Some(session) = session {
        span.record("session", field::display(session));
    }
    if let Some(worker) = worker {
        span.record("worker", field::display(worker));
    }
    span
}

/// Returns what a path speaks of. Words such as `start` in the place of an id are none.
fn subject_of(path: &str) -> (Option<SessionId>, Option<WorkerId>) {
    let (mut session, mut worker) = (None, None);
    let segments: Vec<_> = path.split('/').collect();
    for pair in segments.windows(2) {
        match pair {
            ["session" | "sessions", id] => session = id.parse().ok(),
            ["worker" | "workers", id] => worker = id.parse().ok(),
            _ => {}
        }
    }
    (session, worker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_logged_as_ids() {
        let (session, worker) = (SessionId::random(), WorkerId::random());
        for (path, expected) in [
            ("/api/sessions/start".to_owned(), (None, None)),
            ("/api/sessions".to_owned(), (None, None)),
            (format!("/api/sessions/{session}"), (Some(session), None)),
            (
                format!("/api/sessions/{session}/workers/x"),
                (Some(session), None),
            ),
            (
                format!("/ws/session/{session}/worker/{worker}"),
                (Some(session), Some(worker)),
            ),
        ] {
            assert_eq!(subject_of(&path), expected, "{path}");
        }
    }
}
