//! Bodies about worktrees: making and deleting them, what came of it, and the trash.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AgentId;

/// `POST /api/repositories/{id}/worktrees`: makes a worktree as a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateWorktree {
    /// Any text of the client; what came of it is told under it.
    pub task_id: String,
    /// Which branch it gets.
    #[serde(flatten)]
    pub mode: WorktreeMode,
    /// Start a session in it.
    #[serde(default)]
    pub auto_start_session: bool,
    /// The agent of the session, also asked for a branch name; the default agent when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The prompt of the session, passed as one unchanged argument; in mode `prompt` also what the
    /// branch is named after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_prompt: Option<String>,
    /// The title of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Which branch a new worktree gets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum WorktreeMode {
    /// A new one, named by the agent after the prompt.
    #[serde(rename_all = "camelCase")]
    Prompt {
        /// Where it starts; the default branch when absent or empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_branch: Option<String>,
        /// Fetch the base from `origin` and start there.
        #[serde(default)]
        use_remote: bool,
    },
    /// A new one of this name.
    #[serde(rename_all = "camelCase")]
    Custom {
        /// The name.
        branch: String,
        /// Where it starts; the default branch when absent or empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_branch: Option<String>,
        /// Fetch the base from `origin` and start there.
        #[serde(default)]
        use_remote: bool,
    },
    /// One that exists.
    Existing {
        /// The branch.
        branch: String,
    },
}

/// Answer of a request that is carried out later.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// Always true.
    pub accepted: bool,
    /// The job that carries it out.
    pub job_id: String,
}

/// How a setup command ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct SetupCommandResult {
    /// Whether it ended with 0.
    pub success: bool,
    /// The end of its standard output, at most 64 KiB; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The end of its error output, or how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why a branch is not named by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BranchNameFallback {
    /// The name that was used.
    pub used_branch: String,
    /// Why.
    pub reason: String,
}

/// Query of `DELETE /api/repositories/{id}/worktrees/{path}`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DeleteWorktreeQuery {
    /// `true`: also with work in it, which goes to the trash. Any other value means no.
    pub force: Option<String>,
    /// Any text of the client: the answer is 202, and what came of it is told under this text.
    pub task_id: Option<String>,
}

/// Work of a removed worktree that can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrashEntry {
    /// Its name.
    pub id: String,
    /// The branch that was checked out; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit that was checked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where the worktree was.
    pub path: String,
    /// The title of its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What was not committed, in words.
    pub summary: String,
    /// Files that are kept.
    pub files: u32,
    /// When it was removed.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: jiff::Timestamp,
    /// When it is forgotten.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: jiff::Timestamp,
}

/// Answer of `GET /api/repositories/{id}/trash`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct TrashBody {
    /// The entries, newest first.
    pub trash: Vec<TrashEntry>,
}

/// `POST /api/repositories/{id}/trash/{entry}/restore`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct RestoreTrash {
    /// Where to, absolute, where nothing is; a fresh worktree of ours when absent.
    pub path: Option<String>,
    /// The new branch; the old one, or one like it, when absent.
    pub branch: Option<String>,
}

/// Answers that wrap one worktree.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct WorktreeBody {
    /// The worktree.
    pub worktree: crate::view::Worktree,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_existing_clients_are_read() {
        let custom = r#"{"taskId":"7f","mode":"custom","branch":"fix/cart","baseBranch":"main",
            "autoStartSession":true,"useRemote":false,"unknown":1}"#;
        let custom: CreateWorktree = serde_json::from_str(custom).expect("read");
        assert!(custom.auto_start_session);
        let WorktreeMode::Custom { branch, .. } = &custom.mode else {
            panic!("{custom:?}");
        };
        assert_eq!(branch, "fix/cart");
        let stored = serde_json::to_value(&custom).expect("written");
        assert_eq!(stored["mode"], "custom");
        let read: CreateWorktree = serde_json::from_value(stored).expect("read");
        assert_eq!(read, custom);
        let existing = r#"{"taskId":"7f","mode":"existing","branch":"b"}"#;
        serde_json::from_str::<CreateWorktree>(existing).expect("read");
        for bad in [
            r#"{"mode":"existing","branch":"b"}"#,
            r#"{"taskId":"7f","mode":"custom"}"#,
            r#"{"taskId":"7f","mode":"other"}"#,
            r#"{"taskId":"7f"}"#,
        ] {
            serde_json::from_str::<CreateWorktree>(bad).expect_err(bad);
        }
    }
}
