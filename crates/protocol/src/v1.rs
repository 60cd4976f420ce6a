//! The first dialect: JSON text frames of sockets opened without a subprotocol.
//!
//! Existing clients speak it; shapes here never change. Objects inside are the views, whose extra
//! fields those clients ignore.

use serde::{Deserialize, Serialize};

use crate::diff::GitDiff;
use crate::message::WorkerMessage;
use crate::view::{Agent, Repository, Session, Worktree};
use crate::worktree::{BranchNameFallback, SetupCommandResult};
use crate::{AgentId, RepositoryId, SessionId, WorkerId};

/// *v1* activity of an agent worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityState {
    /// A turn is under way.
    Active,
    /// Nothing happens.
    Idle,
    /// A person must answer.
    Asking,
    /// No process has run yet.
    Unknown,
}

/// The activity of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerActivity {
    /// The session.
    pub session_id: SessionId,
    /// The worker.
    pub worker_id: WorkerId,
    /// What it does.
    pub activity_state: ActivityState,
}

/// What came of making a worktree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorktreeCreation {
    /// The text that the client knows it by.
    pub task_id: String,
    /// The worktree.
    pub worktree: Worktree,
    /// Null when none was asked for.
    pub session: Option<Session>,
    /// Why the branch is not named by the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_name_fallback: Option<BranchNameFallback>,
    /// How the setup command ended, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_command_result: Option<SetupCommandResult>,
    /// Whether the base was not fetched although it was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fetch_failed: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_error: Option<String>,
}

/// A frame of `/ws/app` from the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum AppFrame {
    SessionsSync {
        sessions: Vec<Session>,
        activity_states: Vec<WorkerActivity>,
    },
    SessionCreated {
        session: Session,
    },
    SessionUpdated {
        session: Session,
    },
    SessionDeleted {
        session_id: SessionId,
    },
    SessionPaused {
        session_id: SessionId,
    },
    SessionResumed {
        session: Session,
    },
    WorkerActivity(WorkerActivity),
    WorkerActivated {
        session_id: SessionId,
        worker_id: WorkerId,
    },
    AgentsSync {
        agents: Vec<Agent>,
    },
    AgentCreated {
        agent: Agent,
    },
    AgentUpdated {
        agent: Agent,
    },
    AgentDeleted {
        agent_id: AgentId,
    },
    RepositoriesSync {
        repositories: Vec<Repository>,
    },
    RepositoryCreated {
        repository: Repository,
    },
    RepositoryUpdated {
        repository: Repository,
    },
    RepositoryDeleted {
        repository_id: RepositoryId,
    },
    WorktreeCreationCompleted(Box<WorktreeCreation>),
    WorktreeCreationFailed {
        task_id: String,
        error: String,
    },
    WorktreeDeletionCompleted {
        task_id: String,
        /// Empty when there was none.
        session_id: String,
    },
    WorktreeDeletionFailed {
        task_id: String,
        session_id: String,
        error: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        git_status: Option<String>,
    },
    WorkerMessage {
        message: WorkerMessage,
    },
}

/// A frame of `/ws/app` from the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum AppRequest {
    RequestSync,
}

/// A frame of a worker's socket from the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum TerminalRequest {
    Input {
        data: String,
    },
    Resize {
        cols: serde_json::Value,
        rows: serde_json::Value,
    },
    Image {
        data: String,
        mime_type: String,
    },
    RequestHistory {
        #[serde(default)]
        from_offset: serde_json::Value,
    },
}

/// A frame of a worker's socket from the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum TerminalFrame {
    Output {
        data: String,
        offset: u64,
    },
    History {
        data: String,
        offset: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        timed_out: bool,
    },
    Exit {
        exit_code: i32,
        signal: Option<String>,
    },
    Activity {
        state: ActivityState,
    },
    Error {
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<TerminalErrorCode>,
    },
    OutputTruncated {
        message: String,
    },
    ServerRestarted {
        server_pid: u32,
    },
}

/// The error codes of a worker's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum TerminalErrorCode {
    PathNotFound,
    SessionDeleted,
    ActivationFailed,
    WorkerNotFound,
    HistoryLoadFailed,
}

/// A frame of a diff worker's socket from the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum DiffRequest {
    Refresh,
    SetBaseCommit {
        #[serde(rename = "ref")]
        rev: String,
    },
    SetTargetCommit {
        #[serde(rename = "ref")]
        rev: String,
    },
    GetFileLines {
        path: String,
        start_line: i64,
        end_line: i64,
        #[serde(rename = "ref")]
        rev: String,
    },
}

/// A frame of a diff worker's socket from the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "names and fields are those of the dialect")]
pub enum DiffFrame {
    DiffData {
        data: Box<GitDiff>,
    },
    DiffError {
        error: String,
    },
    FileLines {
        path: String,
        start_line: i64,
        lines: Vec<String>,
    },
}
