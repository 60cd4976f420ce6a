//! Placeholder.

pub mod assets;
