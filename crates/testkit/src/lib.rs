//! Development only: what tests of several crates need, made of real things.
//!
//! Owns temporary git repositories ([`repository`]), the built server in a box of its own
//! ([`server`]), clients of its interfaces ([`http`], [`terminal`], [`app`]), and programs: `fake-agent`
//! converses, `spewer` prints known bytes ([`spew`]), `fake-model` answers real agents ([`models`]). Nothing here stands in
//! for a part of the product.
//!
//! Fails by `anyhow`: a test that cannot be set up has failed. Waiting is for a fact, with
//! [`PATIENCE`] as the point where a fact counts as never coming.

pub mod agents;
pub mod app;
pub mod composer;
pub mod http;
pub mod models;
pub mod programs;
pub mod pty;
pub mod recording;
pub mod repository;
pub mod rig;
pub mod server;
pub mod spew;
pub mod terminal;

use std::time::Duration;

/// A fact that has not come after this time never comes: the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` finds something; fails with `what` after [`PATIENCE`].
///
/// # Errors
/// The fact never came.
pub async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let begin = tokio::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begin.elapsed() > PATIENCE {
            anyhow::bail!("waited {PATIENCE:?} in vain for {what}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
