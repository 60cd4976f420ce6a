//! The REST interface, one file per family of paths.
//!
//! A handler extracts, calls one engine command, and wraps its answer; it decides nothing. Ids of
//! operations are `<family>_<verb>`.

pub(crate) mod agents;
pub(crate) mod auth;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod hooks;
pub(crate) mod hosting;
pub(crate) mod jobs;
pub(crate) mod messages;
pub(crate) mod notifications;
pub(crate) mod prompts;
pub(crate) mod repositories;
pub(crate) mod requests;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod usage;
pub(crate) mod workers;
pub(crate) mod worktrees;

use serde::Serialize;
use utoipa::ToSchema;

/// Answer of a command that has nothing else to say.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    success: bool,
}

/// The only value of [`Done`].
pub(crate) const DONE: crate::extract::ApiJson<Done> =
    crate::extract::ApiJson(Done { success: true });
