//! What a server is told at its start, and why it may refuse to start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where to listen and whom to trust.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Certificate and key; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// A reverse proxy stands in front: a bind beyond loopback is allowed without TLS, and its
    /// `X-Forwarded-For` and `X-Forwarded-Proto` headers are believed.
    pub behind_proxy: bool,
    /// Names, with or without a port, that `Host` may hold besides the loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Origins (`scheme://host[:port]`) that pages may have besides this server's own.
    pub allowed_origins: Vec<String>,
    /// A directory to serve the UI from instead of the one inside the binary.
    pub ui_dir: Option<PathBuf>,
    /// Development: pages of every loopback port are believed.
    pub dev: bool,
    /// How sockets learn that their client is gone.
    pub pings: Pings,
}

impl ServerConfig {
    /// Makes the configuration of a server that only this machine reaches.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            behind_proxy: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            ui_dir: None,
            dev: false,
            pings: Pings::default(),
        }
    }
}

/// How a socket learns that its client is gone without having said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pings {
    /// How often the client is asked for a sign of life.
    pub every: Duration,
    /// A client that was silent for so long is gone.
    pub silence_max: Duration,
}

impl Default for Pings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(20),
            silence_max: Duration::from_secs(45),
        }
    }
}

/// The files of a TLS identity, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate chain, the server's own first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why a server could not be bound. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("{addr} is in use by another program; stop it or choose another port with --listen")]
    InUse {
        /// The address.
        addr: SocketAddr,
    },
    /// The system does not let this user listen there.
    #[error(
        "listening on {addr} is not permitted; ports below 1024 need privileges, choose a higher one"
    )]
    NotPermitted {
        /// The address.
        addr: SocketAddr,
    },
    /// The address is reachable from other machines and the connection would be plain.
    #[error(
        "{addr} can be reached from other machines and everything, passwords included, would cross the \
         network unencrypted; give --tls-cert and --tls-key, or --behind-proxy when a proxy in front \
         does TLS, or listen on 127.0.0.1"
    )]
    Unencrypted {
        /// The address.
        addr: SocketAddr,
    },
    /// The TLS identity cannot be used.
    #[error("use TLS file {file}: {reason}")]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A configured host or origin has no valid form.
    #[error("{value:?} is no valid {what}")]
    Invalid {
        /// What was configured.
        value: String,
        /// What it should have been.
        what: &'static str,
    },
    /// Listening failed for another reason.
    #[error("listen on {addr}: {source}")]
    Io {
        /// The address.
        addr: SocketAddr,
        /// The reason.
        source: io::Error,
    },
}
