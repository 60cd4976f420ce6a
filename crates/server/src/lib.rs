//! HTTP, WebSocket and the web UI over the engine.
//!
//! Owns the listener, the guard in front of every request (host, origin, credential), the paths,
//! the status codes and both dialects of both sockets. It decides nothing about sessions and
//! workers: every handler translates a request into one engine command and its answer back.
//! A request fails with a [`Problem`](offshoot_protocol::Problem) body; a socket fails by its
//! dialect's error frame; a panic in one of them is answered with 500 and ends nothing else.

mod api;
pub mod assets;
mod config;
mod extract;
mod guard;
mod listen;
mod openapi;
mod patience;
mod problem;
mod reports;
mod routes;
mod sockets;
mod state;
mod trace;

pub use config::{BindError, Pings, ServerConfig, TlsFiles};
pub use listen::Server;
pub use openapi::openapi;
