//! What jobs do: one variant per kind, with its rules.

use std::time::Duration;

use offshoot_protocol::job::Job;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    CleanupRepository, CleanupSessionOutputs, CleanupWorkerOutput, CloneRepository, JobContext,
    JobError,
};
use crate::Engine;
use crate::worktrees::{CreateWorktreeWork, DeleteWorktreeWork};

/// Work of one kind. The names of types are stored and shown; they are never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub(crate) enum Work {
    /// Removes what a deleted worker left on the disk.
    #[serde(rename = "cleanup:worker-output")]
    CleanupWorkerOutput(CleanupWorkerOutput),
    /// Removes what the workers of a deleted session left on the disk.
    #[serde(rename = "cleanup:session-outputs")]
    CleanupSessionOutputs(CleanupSessionOutputs),
    /// Removes empty directories of a repository that was unregistered.
    #[serde(rename = "cleanup:repository")]
    CleanupRepository(CleanupRepository),
    /// Clones a repository and registers it.
    #[serde(rename = "clone")]
    Clone(CloneRepository),
    /// Makes a worktree, and a session in it.
    #[serde(rename = "worktree:create")]
    CreateWorktree(CreateWorktreeWork),
    /// Deletes a worktree with its sessions.
    #[serde(rename = "worktree:delete")]
    DeleteWorktree(DeleteWorktreeWork),
    /// Tells somebody outside what happened.
    #[serde(rename = "notify")]
    Notify(crate::notify::Notify),
    /// What tests run.
    #[cfg(test)]
    #[serde(rename = "probe")]
    Probe(super::tests::Probe),
}

/// How work of a kind is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Higher comes first.
    pub(crate) priority: i32,
    /// Attempts after which it stalls.
    pub(crate) max_attempts: u32,
    /// An attempt that shows no progress and logs nothing for so long is ended and has failed.
    pub(crate) patience: Duration,
}

/// For work on the local disk that nobody waits for.
const CLEANUP: Rules = Rules {
    priority: 0,
    max_attempts: 5,
    patience: Duration::from_secs(60),
};

/// For work that a person waits for.
const CLONE: Rules = Rules {
    priority: 10,
    max_attempts: 3,
    // git itself gives up a transfer that stands still after one minute.
    patience: Duration::from_secs(300),
};

/// For worktrees: a person waits, and is told of the first failure.
const WORKTREE: Rules = Rules {
    priority: 10,
    max_attempts: 1,
    // git writes or removes a tree in two minutes or gives up; a fetch has three.
    patience: Duration::from_secs(300),
};

/// For requests to others: eight attempts take two minutes, within which most restarts are over.
const NOTIFY: Rules = Rules {
    priority: 5,
    max_attempts: 8,
    // Longer than a request may take.
    patience: Duration::from_secs(30),
};

impl Work {
    /// Reads work from a row. The error is for people.
    pub(crate) fn of(kind: &str, payload: &Value) -> Result<Self, String> {
        serde_json::from_value(json!({"type": kind, "payload": payload}))
            .map_err(|err| format!("this version cannot run this job: {err}"))
    }

    /// Returns the type's name and the payload.
    pub(crate) fn to_parts(&self) -> (String, Value) {
        let mut whole = serde_json::to_value(self).expect("work has string keys only");
        let kind = whole["type"].as_str().expect("a unit of work is tagged");
        (kind.to_owned(), whole["payload"].take())
    }

    /// Returns how it is run.
    pub(crate) fn rules(&self) -> Rules {
        match self {
            Self::CleanupWorkerOutput(_)
            | Self::CleanupSessionOutputs(_)
            | Self::CleanupRepository(_) => CLEANUP,
            Self::Clone(_) => CLONE,
            Self::CreateWorktree(_) | Self::DeleteWorktree(_) => WORKTREE,
            Self::Notify(_) => NOTIFY,
            #[cfg(test)]
            Self::Probe(probe) => probe.rules(),
        }
    }

    /// Does it.
    pub(crate) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        match self {
            Self::CleanupWorkerOutput(work) => work.run(engine, context).await,
            Self::CleanupSessionOutputs(work) => work.run(engine, context).await,
            Self::CleanupRepository(work) => work.run(engine, context).await,
            Self::Clone(work) => work.run(engine, context).await,
            Self::CreateWorktree(work) => work.run(engine, context).await,
            Self::DeleteWorktree(work) => work.run(engine, context).await,
            Self::Notify(work) => work.run(engine, context).await,
            #[cfg(test)]
            Self::Probe(work) => work.run(context).await,
        }
    }

    /// Tells whoever must know that the job is completed or stalled. Never called for an attempt
    /// that will be repeated. After a crash it may be missed for a job that had just ended.
    pub(crate) async fn ended(&self, engine: &Engine, job: &Job) {
        match self {
            Self::CleanupWorkerOutput(_)
            | Self::CleanupSessionOutputs(_)
            | Self::CleanupRepository(_)
            | Self::Clone(_)
            | Self::Notify(_) => {}
            Self::CreateWorktree(work) => work.ended(engine, job).await,
            Self::DeleteWorktree(work) => work.ended(engine, job).await,
            #[cfg(test)]
            Self::Probe(_) => {}
        }
    }
}
