//! The product: sessions, workers, agents, and the events about them.
//!
//! Owns what exists and what happens to it; every adapter (HTTP, sockets, command line) calls the
//! same commands here. It does not know status codes, sockets of clients, or the environment: all
//! of its surroundings come in with [`EngineConfig`]. Commands fail with [`EngineError`], whose
//! text is for people and whose code is for programs.
//!
//! Rooms: `state` is what exists, `worker` runs one terminal, `sessions`, `start`, `workers`,
//! `repositories` and `agents` are the commands, `reconcile` finds out at start what survived,
//! `attention` judges what agents do, `credentials` knows who may ask,
//! `jobs` runs work in the background that outlives the server, `upkeep` forgets what is old,
//! `prompts` gets texts into agents safely,
//! `requests` reads what they ask, `export` writes recorded output in other forms, `diff` compares and watches worktrees, `idle`
//! ends workers that have nothing to do.

mod agents;
pub mod attention;
mod checks;
mod commands;
mod config;
mod conversations;
mod credentials;
pub mod definitions;
mod desktop;
mod diff;
mod engine;
mod environment;
mod error;
mod event;
mod export;
mod hooks;
mod idle;
mod injection;
mod jobs;
mod launch;
mod notify;
mod paths;
mod patterns;
mod private_file;
mod program;
mod prompts;
mod reconcile;
mod requests;
mod state;
mod template;
mod upkeep;
mod uploads;
mod usage;
mod versions;
mod worker;
mod worktrees;

pub use config::EngineConfig;
pub use credentials::Credentials;
pub use diff::{DiffChanges, DiffView, DiffViewEnd};
pub use engine::{Engine, Subscription};
pub use error::{EngineError, StartError};
pub use event::{Event, EventStream, Numbered, StreamEnd, WorktreeCreated};
pub use export::{Export, ExportError};
pub use jobs::JobsWanted;
pub use notify::NotificationConfig;
pub use offshoot_vt::without_reports;
pub use private_file::write_private;
pub use uploads::Uploads;
pub use worker::{Attachment, Head, HistoryPage, Read, WorkerHandle};

pub use commands::messages::NewMessage;
pub use commands::workers::Activation;
