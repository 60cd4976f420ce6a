//! What was chosen for a worktree under way, written down before it is done.
//!
//! After a crash the next attempt goes on from here: it takes the same number, directory, branch and
//! session, and sees which steps are done.

use std::path::PathBuf;

use offshoot_protocol::worktree::SetupCommandResult;
use offshoot_protocol::{JobId, SessionId};
use serde::{Deserialize, Serialize};

use crate::{Engine, EngineError};

/// What was chosen, and how far it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// The end of the directory's name, from which its number is found again.
    pub(crate) mark: String,
    /// The session that is opened in it.
    pub(crate) session_id: SessionId,
    /// What it is called; none before it was chosen.
    pub(crate) name: Option<Name>,
    /// Where a new branch starts; none before it was found.
    pub(crate) base: Option<Base>,
    /// Its directory; none before it was given a number.
    pub(crate) place: Option<Place>,
    /// How far it is made.
    pub(crate) stage: Stage,
    /// How the setup command ended.
    pub(crate) setup: Option<SetupCommandResult>,
}

/// What a worktree is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub(crate) branch: String,
    /// The title that the agent suggested.
    pub(crate) title: Option<String>,
    /// Why the branch is not named by the agent.
    pub(crate) fallback: Option<String>,
}

/// Where a new branch starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    /// The commit; none for a branch that exists.
    pub(crate) commit: Option<String>,
    /// Why the base was not fetched although it was asked for.
    pub(crate) fetch_error: Option<String>,
}

/// Where a worktree is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) index: u32,
}

/// How far a worktree is made. Each stage contains those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Nothing is there but choices.
    Chosen,
    /// git was asked to add it, and may have done so. A branch of that name is of our making.
    Adding,
    /// git has added it.
    Added,
    /// The templates are in it.
    Filled,
    /// The setup command has ended, or there is none.
    SetUp,
}

impl Plan {
    fn new() -> Self {
        Self {
            mark: uuid::Uuid::new_v4().simple().to_string()[..4].to_owned(),
            session_id: SessionId::random(),
            name: None,
            base: None,
            place: None,
            stage: Stage::Chosen,
            setup: None,
        }
    }
}

impl Engine {
    /// Returns what earlier attempts of a job have chosen and done.
    pub(crate) async fn find_plan(&self, job: JobId) -> Result<Option<Plan>, EngineError> {
        let found = self.inner.store.worktree_plan(job.to_string()).await;
        let found = found.map_err(|err| self.store_error("read the plan of a worktree", err))?;
        found
            .map(serde_json::from_value)
            .transpose()
            .map_err(EngineError::internal("read the plan of a worktree"))
    }

    /// Returns the plan of a job, a new one at the first attempt.
    pub(crate) async fn plan_of(&self, job: JobId) -> Result<Plan, EngineError> {
        if let Some(plan) = self.find_plan(job).await? {
            return Ok(plan);
        }
        let plan = Plan::new();
        self.save_plan(job, &plan).await?;
        Ok(plan)
    }

    /// Writes a plan down; what it says may be done after that.
    pub(crate) async fn save_plan(&self, job: JobId, plan: &Plan) -> Result<(), EngineError> {
        let value = serde_json::to_value(plan).expect("a plan has string keys only");
        let saved = self
            .inner
            .store
            .save_worktree_plan(job.to_string(), value)
            .await;
        saved.map_err(|err| self.store_error("record the plan of a worktree", err))
    }

    /// Forgets the plan of a job that has ended.
    pub(crate) async fn forget_plan(&self, job: JobId) {
        if let Err(err) = self.inner.store.delete_worktree_plan(job.to_string()).await {
            tracing::warn!(%job, %err, "forget the plan of a worktree");
        }
    }
}
