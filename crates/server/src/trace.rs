//! A span around every request, so that each log line says which request, session and worker.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
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
    let segments: Vec<_> = path.split('/').collect();
    for pair in segments.windows(2) {
        match pair {
            ["session" | "sessions", id] => span.record("session", *id),
            ["worker" | "workers", id] => span.record("worker", *id),
            _ => continue,
        };
    }
    span
}
