//! The words on the wire: what the server, the command line and the browser say to each other.
//!
//! Owns ids, read models (`view`, `message`, `hosting`, `diff`), request bodies (`rest`), error bodies (`problem`), the frames of
//! both sockets (`terminal`, `app`, `v1`) and the numbers both sides must agree on (`limits`).
//! It does not know who sends a word or why: no I/O, no clock, no async. Decoding fails with a
//! typed error that names the frame; encoding cannot fail.

pub mod app;
pub mod diff;
pub mod explain;
pub mod hook;
pub mod hosting;
pub mod idle;
pub mod ids;
pub mod job;
pub mod limits;
pub mod message;
pub mod millis;
pub mod notification;
pub mod problem;
pub mod prompt;
pub mod request;
pub mod rest;
pub mod size;
pub mod terminal;
pub mod usage;
pub mod v1;
pub mod view;
pub mod worktree;

pub use ids::{AgentId, JobId, PromptId, RepositoryId, SessionId, WorkerId};
pub use problem::{ErrorCode, Problem};
pub use size::TerminalSize;
