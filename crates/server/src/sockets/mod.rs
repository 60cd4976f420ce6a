//! Both sockets in both dialects.
//!
//! A socket opened without a subprotocol speaks the first dialect. Every socket is one task that
//! pulls what it sends; it ends with its client, with its subject, or with the server, and nothing
//! else ends because of it.

mod app_v1;
mod app_v2;
mod diff_v1;
mod flow;
mod history_v1;
mod images;
mod shapes_v1;
mod terminal_v1;
mod terminal_v2;
mod utf8;
mod wire;

use axum::extract::State;
use axum::extract::ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use offshoot_protocol::ErrorCode;
use offshoot_protocol::app::{self, AppResume};
use offshoot_protocol::limits::{SOCKET_FRAME_IN_BYTES, V1_FRAME_IN_BYTES};
use offshoot_protocol::terminal;
use tracing::Instrument;

use crate::extract::{ApiPath, ApiQuery};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Bytes a socket reads at once. Clients send little; a larger buffer would only be idle memory.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// What a request for a socket turned out to be.
type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `/ws/app`: everything that exists, and what changes.
pub(crate) async fn app(
    State(app): State<App>,
    resume: ApiQuery<AppResume>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let (upgrade, dialect) = negotiate(upgrade, app::SUBPROTOCOL)?;
    Ok(match dialect {
        Dialect::V1 => serve(app, upgrade, app_v1::run),
        Dialect::V2 => serve(app, upgrade, |app, socket| {
            app_v2::run(app, socket, resume.0)
        }),
    })
}

/// `/ws/session/{session}/worker/{worker}`: one worker's terminal. Ids that are none are told on the
/// socket like unknown ones, because browsers do not show the body of a refused upgrade.
pub(crate) async fn worker(
    State(app): State<App>,
    ApiPath((session, worker)): ApiPath<(String, String)>,
    upgrade: Upgrade,
) -> ApiResult<Response> {
    let (session, worker) = (session.parse().ok(), worker.parse().ok());
    let (upgrade, dialect) = negotiate(upgrade, terminal::SUBPROTOCOL)?;
    Ok(match dialect {
        Dialect::V1 => serve(app, upgrade, move |app, socket| {
            terminal_v1::run(app, socket, session, worker)
        }),
        Dialect::V2 => serve(app, upgrade, move |app, socket| {
            terminal_v2::run(app, socket, session, worker)
        }),
    })
}

/// The language of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    V1,
    V2,
}

/// Chooses the dialect and with it the limits.
fn negotiate(upgrade: Upgrade, v2: &'static str) -> ApiResult<(WebSocketUpgrade, Dialect)> {
    let upgrade =
        upgrade.map_err(|err| ApiError::new(ErrorCode::InvalidRequest, err.body_text()))?;
    let wanted: Vec<&HeaderValue> = upgrade.requested_protocols().collect();
    let dialect = if wanted.is_empty() {
        Dialect::V1
    } else if wanted.iter().any(|wanted| *wanted == v2) {
        Dialect::V2
    } else {
        let detail = format!("this socket speaks {v2}, or the first dialect without a subprotocol");
        return Err(ApiError::new(ErrorCode::InvalidRequest, detail));
    };
    let largest = match dialect {
        Dialect::V1 => V1_FRAME_IN_BYTES,
        // A frame a little too large is answered with the reason, a much larger one is not read.
        Dialect::V2 => 2 * SOCKET_FRAME_IN_BYTES,
    };
    let upgrade = upgrade
        .protocols([v2])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(largest)
        .max_frame_size(largest);
    Ok((upgrade, dialect))
}

/// Completes the upgrade and runs the socket as a task of the server.
fn serve<F, R>(app: App, upgrade: WebSocketUpgrade, run: F) -> Response
where
    F: FnOnce(App, WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let span = tracing::Span::current();
    let sockets = app.sockets.clone();
    let answer = upgrade.on_upgrade(move |socket| {
        let running = async move {
            tracing::debug!("socket opened");
            run(app, socket).await;
            tracing::debug!("socket closed");
        };
        sockets.track_future(running.instrument(span))
    });
    answer.into_response()
}
