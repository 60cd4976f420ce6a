//! The interface of existing clients, W1 to W74: each statement about it is one test, named after
//! its number, against the built binary over HTTP and WebSocket only.
//!
//! Owns the fixture of the statements (an agent, a repository with a bare origin, a client that
//! signed in once) and the hostile inputs. Knows nothing of the product's types: bodies and frames
//! are JSON as a client of another make would see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activity;
mod agents;
mod app;
mod basics;
mod client;
mod complete;
mod diff;
mod fixture;
mod hostile;
mod integrations;
mod lives;
mod messages;
mod repositories;
mod sessions;
mod terminal;
mod validation;
mod workers;
mod worktrees;
