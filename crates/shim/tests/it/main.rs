//! The shim as a real process, with real programs in it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod frames;
mod harness;
mod lifecycle;
