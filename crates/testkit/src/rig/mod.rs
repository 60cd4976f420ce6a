//! The product from outside: the built binary, its processes in `/proc`, and plain blocking clients.
//!
//! For tests that kill and benchmarks that measure. Nothing here shares code with the server beyond
//! the frames of the protocol, and the clients cost as little as a client can: one thread, one
//! buffer, no runtime. Fails by error or, in waiting, by a panic that names the awaited fact.

pub mod http;
pub mod output;
pub mod process;
pub mod server;
pub mod socket;
pub mod wait;

pub use http::{Answer, Http};
pub use server::Rig;
pub use socket::{TerminalSocket, WebSocket};
