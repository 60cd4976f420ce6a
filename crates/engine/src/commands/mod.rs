//! What the engine can be told to do, one file per kind of object.

mod agents;
mod repositories;
mod sessions;
mod start;
pub(crate) mod workers;

pub(crate) use agents::agent_of;
