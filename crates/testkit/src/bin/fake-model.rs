//! Plays a model on loopback; see [`offshoot_testkit::models`].
//!
//! `fake-model [PORT]`
//!
//! Prints `{"port": N}` once it listens, and runs until it is ended.
#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::io::Write as _;

use anyhow::{Context as _, Result};
use offshoot_testkit::models::FakeModel;

#[tokio::main]
async fn main() -> Result<()> {
    let port = match std::env::args().nth(1) {
        Some(port) => port.parse().context("the port is no number")?,
        None => 0,
    };
    let model = FakeModel::start(port).await?;
    println!("{{\"port\": {}}}", model.port());
    std::io::stdout().flush()?;
    model.serve().await;
    Ok(())
}
