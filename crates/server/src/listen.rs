//! The listener: binding, accepting, TLS, and the end.
//!
//! Owns connections until they are requests. A client has [`HEADER_TIME`] for its headers and a
//! TLS handshake, and one address has at most [`CONNECTIONS_PER_ADDRESS`] connections; whoever
//! exceeds either is dropped without an answer. A client that reads nothing of its answer for
//! [`READ_TIME`] is dropped too. Failing to accept is retried, never fatal.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use offshoot_engine::Engine;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::{BindError, ServerConfig, TlsFiles};
use crate::guard::layer::Peer;
use crate::guard::{Policy, attempts::Attempts};
use crate::patience::Patient;
use crate::state::{App, Shared};
use crate::{reports, routes};

/// A client that has not sent its headers by then is dropped.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// A client that takes not one byte of what it asked for in this time is dropped.
const READ_TIME: Duration = Duration::from_secs(60);

/// Connections of one address beyond this machine, sockets included. More are dropped.
const CONNECTIONS_PER_ADDRESS: usize = 256;

/// Sockets and requests get so long to end when the server stops; then they are abandoned.
const DRAIN: Duration = Duration::from_secs(1);

/// How long to wait after a failed accept: the usual reason, too many open files, needs others to
/// close some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound server that does not answer yet.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    reports: Option<TcpListener>,
    tls: Option<TlsAcceptor>,
    app: App,
    router: Router,
}

impl Server {
    /// Binds the address.
    ///
    /// # Errors
    /// The address is taken, not permitted or unsafe, or the configuration is invalid.
    pub async fn bind(engine: Engine, config: ServerConfig) -> Result<Self, BindError> {
        let wanted = config.listen;
        if !wanted.ip().is_loopback() && config.tls.is_none() && !config.behind_proxy {
            return Err(BindError::Unencrypted { addr: wanted });
        }
        let policy = Policy::new(&config)?;
        let tls = config.tls.as_ref().map(load_tls).transpose()?;
        let listener = TcpListener::bind(wanted)
            .await
            .map_err(|err| refuse_bind(wanted, err))?;
        let addr = listener.local_addr().map_err(|source| BindError::Io {
            addr: wanted,
            source,
        })?;
        let reports = reports::bind(&engine).await;
        let app = App::new(Shared {
            engine,
            policy,
            attempts: Attempts::default(),
            ui_dir: config.ui_dir.clone(),
            url: url_of(&config, addr),
            behind_proxy: config.behind_proxy,
            pings: config.pings,
            stop: CancellationToken::new(),
            sockets: TaskTracker::new(),
        });
        let router = routes::router(app.clone());
        Ok(Self {
            listener,
            addr,
            reports,
            tls,
            app,
            router,
        })
    }

    /// Returns the address the server listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address to open in a browser, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.app.url
    }

    /// Answers requests until cancelled. Then every socket is closed with 1012 (service restart),
    /// which every client answers by connecting again, and the function returns within a second.
    pub async fn run(self, cancel: CancellationToken) {
        let connections = TaskTracker::new();
        let open = Arc::new(Mutex::new(HashMap::new()));
        if let Some(listener) = self.reports {
            let router = reports::router(self.app.clone());
            connections.spawn(reports::serve(listener, router, self.app.stop.clone()));
        }
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(err) => {
                    tracing::warn!(%err, "accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(place) = Place::take(&open, peer.ip(), self.app.behind_proxy) else {
                tracing::warn!(peer = %peer.ip(), "too many connections from one address");
                continue;
            };
            let connection = Connection {
                peer: Peer(peer.ip()),
                tls: self.tls.clone(),
                router: self.router.clone(),
                stop: self.app.stop.clone(),
                _place: place,
            };
            connections.spawn(connection.serve(stream));
        }
        drop(self.listener);
        self.app.stop.cancel();
        self.app.sockets.close();
        connections.close();
        let drained = async {
            self.app.sockets.wait().await;
            connections.wait().await;
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::debug!("some connections did not end in time and are abandoned");
        }
    }
}

/// One of the connections that an address may have.
struct Place {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Place {
    /// Takes a place; addresses of this machine and proxies have as many as they want.
    fn take(
        open: &Arc<Mutex<HashMap<IpAddr, usize>>>,
        address: IpAddr,
        behind_proxy: bool,
    ) -> Option<Self> {
        let mut counts = open.lock();
        let count = counts.entry(address).or_default();
        if *count >= CONNECTIONS_PER_ADDRESS && !address.is_loopback() && !behind_proxy {
            return None;
        }
        *count += 1;
        let open = Arc::clone(open);
        Some(Self { open, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// A connection from accept to its end.
struct Connection {
    peer: Peer,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
    _place: Place,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        if let Err(err) = stream.set_nodelay(true) {
            tracing::debug!(%err, "set TCP_NODELAY");
        }
        let stream = Patient::new(stream, READ_TIME);
        let Some(tls) = &self.tls else {
            return self.serve_http(stream).await;
        };
        match tokio::time::timeout(HEADER_TIME, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.serve_http(stream).await,
            Ok(Err(err)) => tracing::debug!(%err, "TLS handshake"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn serve_http(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (router, peer) = (&self.router, self.peer);
        let service =
            hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(peer);
                router.clone().oneshot(request)
            });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(err) = ended {
            tracing::trace!(%err, "connection ended");
        }
    }
}

fn refuse_bind(addr: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { addr },
        io::ErrorKind::PermissionDenied => BindError::NotPermitted { addr },
        _ => BindError::Io { addr, source },
    }
}

/// Makes the address people type: the first configured name where there is one, and never an
/// unspecified address, which no browser can open.
fn url_of(config: &ServerConfig, addr: SocketAddr) -> String {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    if addr.ip().is_loopback() {
        return format!("{scheme}://{addr}");
    }
    let name = config.allowed_hosts.first();
    match name {
        Some(name) if config.behind_proxy && config.tls.is_none() => format!("https://{name}"),
        Some(name) if name.contains(':') => format!("{scheme}://{name}"),
        Some(name) => format!("{scheme}://{name}:{}", addr.port()),
        None if addr.ip().is_unspecified() => {
            let addr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), addr.port());
            format!("{scheme}://{addr}")
        }
        None => format!("{scheme}://{addr}"),
    }
}

fn load_tls(files: &TlsFiles) -> Result<TlsAcceptor, BindError> {
    let refuse = |file: &Path, reason: String| BindError::Tls {
        file: file.to_owned(),
        reason,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|err| refuse(&files.certificate, err.to_string()))?;
    if chain.is_empty() {
        let reason = "it holds no certificate".to_owned();
        return Err(refuse(&files.certificate, reason));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|err| refuse(&files.key, err.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|err| refuse(&files.certificate, err.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
