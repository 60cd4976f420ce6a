//! Tests of the screen through its interface.

mod chunks;
mod events;
mod oracle;
mod output;
mod reports;
mod snapshots;
