//! Tests of the screen through its interface.

mod chunks;
mod events;
mod oracle;
mod output;
mod plain;
mod reports;
mod resize;
mod snapshots;
