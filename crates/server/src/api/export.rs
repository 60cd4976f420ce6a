//! Recorded output in other forms.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use offshoot_engine::Export;
use offshoot_protocol::rest::ExportQuery;
use offshoot_protocol::{Problem, SessionId};

use crate::extract::{ApiQuery, SessionPath};
use crate::problem::ApiResult;
use crate::state::App;

/// Returns a session's recorded output: one worker's as asciicast v3, plain text or a page, or what
/// happened to all of them as JSON. The answer is made while it is sent, however long the output.
#[utoipa::path(
    get, path = "/api/sessions/{id}/export", operation_id = "sessions_export", tag = "sessions",
    params(("id" = SessionId, Path, description = "The session"), ExportQuery),
    responses(
        (
            status = 200,
            content(
                (String = "application/x-asciicast"), (String = "text/plain"),
                (String = "text/html"), (serde_json::Value = "application/json"),
            ),
            headers(("Content-Disposition" = String, description = "A name for the file")),
        ),
        (status = "default", body = Problem),
    ),
)]
pub(crate) async fn export(
    State(app): State<App>,
    SessionPath(id): SessionPath,
    ApiQuery(query): ApiQuery<ExportQuery>,
) -> ApiResult<Response> {
    let export = app.engine.export(id, &query)?;
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    let media_type = export.media_type();
    let mut response = Body::from_stream(pieces(export)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = HeaderValue::try_from(disposition);
    headers.extend(
        disposition
            .ok()
            .map(|value| (header::CONTENT_DISPOSITION, value)),
    );
    Ok(response)
}

/// Makes each piece on a thread that may block, when the connection has taken the one before.
fn pieces(export: Export) -> impl stream::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        let made = tokio::task::spawn_blocking(move || (export.next(), export)).await;
        match made {
            Ok((Some(Ok(piece)), export)) => Some((Ok(piece), Some(export))),
            Ok((Some(Err(err)), _)) => {
                tracing::warn!(%err, "an export broke off");
                Some((Err(std::io::Error::other(err)), None))
            }
            Ok((None, _)) => None,
            Err(err) => Some((Err(std::io::Error::other(err)), None)),
        }
    })
}
