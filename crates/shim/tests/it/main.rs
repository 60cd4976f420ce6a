//! The shim as a real process, with real programs in it.

mod harness;
mod lifecycle;
