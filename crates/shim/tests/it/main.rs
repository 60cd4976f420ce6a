//! The shim as a real process, with real programs in it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod clients;
mod disk;
mod frames;
mod harness;
mod input;
mod lifecycle;
mod tree;
