//! The listener for what agents report of themselves.
//!
//! An agent is told once, at its start, where to send its reports, and many outlive the server that
//! told them. So reports have a port of their own, on loopback and without TLS, that is kept in the
//! data directory: the next server listens there again, whatever address people use. Where the port
//! is taken meanwhile, another is kept from then on, and agents that run already report no more.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use axum::Router;
use axum::routing::post;
use offshoot_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::usage;
use crate::state::App;

/// Name of the file with the port, in the data directory.
const FILE: &str = "reports-port";

/// Listens, and tells the engine where. Without it nothing is reported, and all else works.
pub(crate) async fn bind(engine: &Engine) -> Option<TcpListener> {
    if !engine.asks_usage() {
        return None;
    }
    match listen(&engine.home().join(FILE)).await {
        Ok((listener, port)) => {
            engine.set_address(format!("http://{}:{port}", Ipv4Addr::LOCALHOST));
            Some(listener)
        }
        Err(err) => {
            tracing::warn!(%err, "agents cannot report what they use");
            None
        }
    }
}

async fn listen(file: &Path) -> io::Result<(TcpListener, u16)> {
    let kept = std::fs::read_to_string(file).ok();
    let kept = kept.and_then(|text| text.trim().parse::<u16>().ok());
    if let Some(port) = kept {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok((listener, port)),
            Err(err) => {
                tracing::warn!(port, %err, "agents that run already report no more what they use");
            }
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    std::fs::write(file, port.to_string())?;
    Ok((listener, port))
}

/// Nothing but reports is taken here; each needs the token of its worker.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/api/workers/{id}/usage", post(usage::report))
        .with_state(app)
}

/// Takes reports until the server stops.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(err) = served.await {
        tracing::warn!(%err, "agents cannot report what they use any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_port_is_kept_unless_it_is_taken() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join(FILE);
        let (first, port) = listen(&file).await?;
        drop(first);
        let (second, again) = listen(&file).await?;
        assert_eq!(again, port);
        let (_third, other) = listen(&file).await?;
        assert_ne!(other, port);
        drop(second);
        assert_eq!(std::fs::read_to_string(&file)?, other.to_string());
        Ok(())
    }
}
