//! The process that holds one terminal, its output log, and the client side of its protocol.
//!
//! Owns three things. The *shim* ([`main_from_fd`]): one small single-threaded process per worker
//! that holds the pty and the child, appends every byte of output to a checksummed log on disk, and
//! outlives whoever started it. The *log* ([`log`]): the truth about output; whoever may read the
//! directory may read it, no cooperation needed. The *client side* ([`spawn()`], [`probe()`],
//! [`frame`]): how a server starts a shim, finds out whether one lives, and talks to it.
//!
//! Knows nothing of sessions, screens or servers; never interprets output; has no async runtime.
//!
//! Fails towards the child: a full disk, a client that does not read, garbage on the socket or a
//! dead server never stop or end it. What could not be kept is a `GAP` in the log, never silence.

pub mod frame;
pub mod log;
mod meta;
mod probe;
#[cfg(unix)]
mod process;
mod spawn;
mod spec;

pub use meta::{ExitRecord, Meta, ProcessIdentity};
pub use probe::{Life, probe};
pub use process::main_from_fd;
pub use spawn::{SpawnError, Spawned, spawn};
pub use spec::{OnExit, SpawnSpec};

/// Oldest protocol version this build still speaks.
pub const PROTO_MIN: u16 = 1;
/// Newest protocol version this build speaks.
pub const PROTO_MAX: u16 = 1;
/// Name and version of this build, as told in HELLO and in `meta.json`.
pub const BUILD: &str = concat!("offshoot-shim ", env!("CARGO_PKG_VERSION"));
