//! Read models: what clients are shown of the engine's objects.
//!
//! Keys are camelCase; an absent value is an absent key. The shapes are a superset of the first
//! dialect's objects, so that one object serves both: fields marked *v1* exist for its clients.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::idle::{IdlePolicy, IdleWarning};
use crate::prompt::Undelivered;
use crate::request::Request;
use crate::usage::Usage;
use crate::{AgentId, RepositoryId, SessionId, TerminalSize, WorkerId};

/// A place to work: a directory, a title, and workers in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The session's id.
    pub id: SessionId,
    /// Whether the directory is a worktree of a registered repository or any directory.
    #[serde(rename = "type")]
    pub kind: SessionKind,
    /// The directory, as given when the session was created.
    pub location_path: String,
    /// *v1*: `active`, or `inactive` for a paused session.
    pub status: SessionStatus,
    /// *v1*: `running` when a process lives or there is none to run, else `hibernated`.
    pub activation_state: ActivationState,
    /// Whether the session is paused.
    pub paused: bool,
    /// Why it was paused, when its idle rule did it; opening it resumes it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_because: Option<String>,
    /// When the session was created.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// The workers, oldest first.
    pub workers: Vec<Worker>,
    /// The prompt the first agent was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_prompt: Option<String>,
    /// The title; may be empty, which counts as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The repository of a worktree session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<RepositoryId>,
    /// The repository's name, `Unknown` when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_name: Option<String>,
    /// The branch of a worktree session. *v1* calls it an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_id: Option<String>,
    /// Whether the directory is the repository's main worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_main_worktree: Option<bool>,
    /// Whether the directory is missing on disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub location_missing: bool,
    /// The session's own rule for workers that have nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdlePolicy>,
    /// What the rule in force is about to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_warning: Option<IdleWarning>,
    /// What its agents used of their models, as far as they report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// The kind of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// The directory is a worktree of a registered repository.
    Worktree,
    /// The directory is any directory.
    Quick,
}

/// *v1*: whether the session is one to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    /// The session can be opened.
    Active,
    /// The session is paused; resume it first.
    Inactive,
}

/// *v1*: whether any process of the session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActivationState {
    /// At least one process lives, or the session has none to run.
    Running,
    /// All processes have ended.
    Hibernated,
}

/// One tab of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// The worker's id, stable over restarts.
    pub id: WorkerId,
    /// The name on the tab.
    pub name: String,
    /// When the worker was created.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// What the worker runs.
    #[serde(rename = "type")]
    pub kind: WorkerKind,
    /// The agent definition, for agent workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// *v1*: whether the process lives; absent for diff workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<bool>,
    /// What a diff worker compares against: a commit or `HEAD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_commit: Option<String>,
    /// The state of the process; absent for diff workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// What the agent is doing; absent for terminals and diff workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// What the agent asks, while it waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The last prompt, when it was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<Undelivered>,
    /// The title the program gave its terminal, stripped of control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_title: Option<String>,
    /// The conversation that the agent has, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
}

/// A conversation of an agent, by which it is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The agent's own id for it.
    pub id: String,
    /// How the id is known.
    pub source: ConversationSource,
    /// Why it could not be resumed, when the last attempt failed. The id is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How the id of a conversation is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConversationSource {
    /// The agent was started with it.
    Chosen,
    /// A hook of the agent told it.
    Hook,
    /// A file of the agent told it.
    File,
    /// The agent printed it when it ended.
    Screen,
}

/// What a worker runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerKind {
    /// An agent.
    Agent,
    /// The user's shell.
    Terminal,
    /// No process: a view of the changes.
    GitDiff,
}

/// The process of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Where in its life the process is.
    pub state: ProcessState,
    /// One life of the worker's output; grows when a restart begins a new output at offset 0.
    pub epoch: u32,
    /// The process id, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Why it could not start, was lost, was stopped by an idle rule or cannot be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The size of its terminal.
    pub size: TerminalSize,
}

/// Where in its life a worker's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// Asked for, not yet confirmed.
    Starting,
    /// The process lives.
    Running,
    /// The process ended; `exit` says how.
    Exited,
    /// The process never ran; `reason` says why.
    FailedToStart,
    /// The process is gone without an exit status, for example after a reboot.
    Lost,
    /// Whether the process lives cannot be told right now. It is never restarted blindly.
    Unknown,
    /// Stopped by its user, or never started.
    Stopped,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exit {
    /// The exit code; absent when a signal ended the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The number of the signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// The state.
    pub state: ActivityState,
    /// What a person must do, while the state is `waiting` and it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<WaitKind>,
    /// Why it is in this state, in words; for `waiting`, the question where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub since: Timestamp,
    /// When a limit ends, while the state is `limited` and it is known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::millis::option"
    )]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub until: Option<Timestamp>,
}

/// The states of an agent's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActivityState {
    /// The process starts and has not shown what it does.
    Starting,
    /// A turn is under way.
    Working,
    /// A person must answer.
    Waiting,
    /// The agent waits for its next prompt.
    Idle,
    /// It says that it works, and has neither printed nor computed for minutes.
    Stuck,
    /// A limit of its account stops it.
    Limited,
    /// Its turn ended with an error.
    Errored,
    /// The process has ended.
    Exited,
}

/// What an agent that waits wants of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitKind {
    /// Permission to use a tool.
    Approval,
    /// The answer to a question.
    Question,
    /// Consent to a plan.
    Plan,
    /// A sign-in.
    Auth,
    /// Trust in the directory.
    Trust,
}

/// A registered repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// The repository's id.
    pub id: RepositoryId,
    /// The last component of the path.
    pub name: String,
    /// The main worktree.
    pub path: String,
    /// When it was registered.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// The URL of remote `origin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_url: Option<String>,
    /// A command run in every new worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_command: Option<String>,
    /// Environment of the sessions' processes, as dotenv text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_vars: Option<String>,
    /// The repository's own rule for workers that have nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdlePolicy>,
}

/// A worktree of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worktree {
    /// The directory.
    pub path: String,
    /// The branch, or `(detached at 1a2b3c4)`.
    pub branch: String,
    /// Whether it is the main worktree.
    pub is_main: bool,
    /// The repository.
    pub repository_id: RepositoryId,
    /// The number of a worktree of ours, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Whether the directory is gone although git still lists it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
}

/// The branches of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Branches {
    /// Local branches.
    pub local: Vec<String>,
    /// Remote branches with their remote's name, `origin/main`.
    pub remote: Vec<String>,
    /// The default branch; null when it cannot be told.
    pub default_branch: Option<String>,
}

/// An agent definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// The definition's id.
    pub id: AgentId,
    /// The name shown to people.
    pub name: String,
    /// How to start it; holds `{{prompt}}`.
    pub command_template: String,
    /// How to continue its last conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continue_template: Option<String>,
    /// How to run it without a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headless_template: Option<String>,
    /// A sentence for people; may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it ships with the product and cannot be changed.
    pub is_built_in: bool,
    /// When it was made.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// Patterns that tell what the agent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_patterns: Option<ActivityPatterns>,
    /// What the templates allow.
    pub capabilities: AgentCapabilities,
    /// Whether its program is on the PATH of workers; absent for agents whose program is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<bool>,
    /// The version that is installed, once its program has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<AgentVersion>,
    /// What a person does to get its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<String>,
}

/// The installed version of an agent, and those that its definition was tried with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentVersion {
    /// The version, as the program tells it.
    pub installed: String,
    /// The versions that the definition was tried with, as `>=1.2, <3`.
    pub tested: String,
    /// Whether the installed one is among them. When not, its state may be misjudged.
    pub is_tested: bool,
}

/// Patterns on an agent's screen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityPatterns {
    /// Regular expressions that match while the agent asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asking_patterns: Option<Vec<String>>,
}

/// What an agent definition allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// It has a continue template.
    pub supports_continue: bool,
    /// It has a headless template.
    pub supports_headless_mode: bool,
    /// It has at least one asking pattern.
    pub supports_activity_detection: bool,
}
