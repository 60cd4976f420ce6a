//! Tests of the screen through its interface.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod chunks;
mod events;
mod oracle;
mod output;
mod plain;
mod reports;
mod resize;
mod snapshots;
