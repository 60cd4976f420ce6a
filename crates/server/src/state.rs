//! What all handlers share.

use std::path::PathBuf;
use std::sync::Arc;

use offshoot_engine::Engine;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Pings;
use crate::guard::Policy;
use crate::guard::attempts::Attempts;

/// The server's state; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Shared>);

/// See [`App`].
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) policy: Policy,
    pub(crate) attempts: Attempts,
    /// The UI to serve instead of the one inside the binary.
    pub(crate) ui_dir: Option<PathBuf>,
    /// The server's own address, as people type it.
    pub(crate) url: String,
    /// Whether `X-Forwarded-…` headers are believed.
    pub(crate) behind_proxy: bool,
    /// How sockets learn that their client is gone.
    pub(crate) pings: Pings,
    /// Cancelled when the server stops: sockets say so to their clients and end.
    pub(crate) stop: CancellationToken,
    /// All open sockets.
    pub(crate) sockets: TaskTracker,
}

impl App {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
