//! Bodies of requests and answers that are no view. Unknown keys are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::idle::IdlePolicy;
use crate::view::{ActivityPatterns, Repository, Session, Worker};
use crate::{AgentId, RepositoryId, TerminalSize, WorkerId};

/// `POST /api/sessions`: opens a session in a directory that exists.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum CreateSession {
    /// In a worktree of a registered repository.
    #[serde(rename_all = "camelCase")]
    Worktree {
        /// The repository.
        repository_id: RepositoryId,
        /// The branch of the worktree.
        worktree_id: String,
        /// The worktree's directory.
        location_path: String,
        /// The common part.
        #[serde(flatten)]
        start: SessionStart,
    },
    /// In any directory.
    #[serde(rename_all = "camelCase")]
    Quick {
        /// The directory.
        location_path: String,
        /// The common part.
        #[serde(flatten)]
        start: SessionStart,
    },
}

/// What both kinds of sessions are started with.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionStart {
    /// The agent; the default agent when absent or unknown.
    pub agent_id: Option<AgentId>,
    /// Continue the agent's last conversation in this directory.
    #[serde(default)]
    pub continue_conversation: bool,
    /// The prompt, passed as one unchanged argument.
    pub initial_prompt: Option<String>,
    /// The title.
    pub title: Option<String>,
}

/// `POST /api/sessions/start`: makes a worktree (or uses a directory) and starts a worker in it.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartSession {
    /// Any path inside a repository; it is registered when it is not yet. Absolute or `~/…`.
    /// Without a worktree, any directory.
    pub path: String,
    /// Where to work.
    #[serde(default)]
    pub place: Place,
    /// What to run first.
    #[serde(default)]
    pub run: Run,
    /// The prompt for an agent, passed as one unchanged argument.
    pub prompt: Option<String>,
    /// The title; without one, the first line of the prompt.
    pub title: Option<String>,
}

/// Where a started session works.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Place {
    /// A fresh worktree on a new branch.
    NewBranch {
        /// The new branch; made from the title or the prompt when absent.
        branch: Option<String>,
        /// The branch or commit it starts from; the default branch when absent.
        base: Option<String>,
    },
    /// A fresh worktree on a branch that exists.
    ExistingBranch {
        /// The branch.
        branch: String,
    },
    /// No worktree: the directory itself.
    Directory,
}

impl Default for Place {
    fn default() -> Self {
        Self::NewBranch {
            branch: None,
            base: None,
        }
    }
}

/// What a started session runs first.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Run {
    /// An agent; the default agent when no id is given.
    #[serde(rename_all = "camelCase")]
    Agent {
        /// The definition.
        agent_id: Option<AgentId>,
    },
    /// A command template with optional `{{prompt}}` and `{{cwd}}`, each one argument.
    Command {
        /// The template.
        command: String,
    },
    /// The user's shell.
    Shell,
}

impl Default for Run {
    fn default() -> Self {
        Self::Agent { agent_id: None }
    }
}

/// `PATCH /api/sessions/{id}`; at least one field is present.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
pub struct PatchSession {
    /// The new title; empty clears it.
    pub title: Option<String>,
    /// The new name of the branch.
    pub branch: Option<String>,
    /// What becomes of workers that have nothing to do; null leaves it to the repository's rule.
    #[serde(default, deserialize_with = "double_option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdlePolicy>)]
    pub idle: Option<Option<IdlePolicy>>,
}

/// Query of `DELETE /api/sessions/{id}`.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct DeleteSessionQuery {
    /// What happens to the worktree's directory.
    #[serde(default)]
    pub worktree: WorktreeFate,
}

/// What deleting a session does to its worktree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorktreeFate {
    /// The directory stays.
    #[default]
    Keep,
    /// The worktree is removed when it holds nothing uncommitted, else the request is refused.
    Remove,
    /// The worktree is removed with everything in it.
    Discard,
}

/// `POST /api/sessions/{id}/workers`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateWorker {
    /// Only `terminal`.
    #[serde(rename = "type")]
    pub kind: CreateWorkerKind,
    /// The name on the tab.
    pub name: Option<String>,
}

/// The kinds of workers that can be added to a session.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CreateWorkerKind {
    /// A shell.
    Terminal,
}

/// `POST /api/sessions/{sid}/workers/{wid}/restart`; an absent body means the default.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestartWorker {
    /// Continue the last conversation instead of beginning a fresh one.
    #[serde(default)]
    pub continue_conversation: bool,
    /// Restart the worker also when it is a terminal. Clients of the first dialect know agents only
    /// and are told that there is no such worker.
    #[serde(default)]
    pub terminal: bool,
}

/// `POST /api/sessions/{sid}/workers/{wid}/input`.
///
/// With an `Idempotency-Key` header the same text is typed once, however often it is sent.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendInput {
    /// The text, typed as it is. With `submit`, pasted and followed by Enter.
    pub text: String,
    /// Paste the text in one piece (bracketed where the program asked for it) and press Enter.
    #[serde(default)]
    pub submit: bool,
}

/// Answer of `POST …/input`: the input was handed to the worker.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputReceipt {
    /// Whether the same input had been typed before; it was not typed again.
    pub duplicate: bool,
}

/// `POST /api/repositories`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CreateRepository {
    /// The directory that holds `.git`.
    pub path: String,
}

/// `PATCH /api/repositories/{id}`: a null or empty value clears.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchRepository {
    /// The setup command.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub setup_command: Option<Option<String>>,
    /// The environment, as dotenv text.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub env_vars: Option<Option<String>>,
    /// What becomes of workers that have nothing to do; null leaves it to the server's rule.
    #[serde(default, deserialize_with = "double_option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdlePolicy>)]
    pub idle: Option<Option<IdlePolicy>>,
}

/// `POST /api/agents`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateAgent {
    /// The name.
    pub name: String,
    /// How to start it; holds `{{prompt}}`, not quoted.
    pub command_template: String,
    /// How to continue; without `{{prompt}}`.
    pub continue_template: Option<String>,
    /// How to run it without a terminal; holds `{{prompt}}`, not quoted.
    pub headless_template: Option<String>,
    /// A sentence for people.
    pub description: Option<String>,
    /// Patterns that tell what it does.
    pub activity_patterns: Option<ActivityPatterns>,
}

/// `PATCH /api/agents/{id}`: absent keeps, null clears where a value may be absent.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchAgent {
    /// The name.
    pub name: Option<String>,
    /// How to start it.
    pub command_template: Option<String>,
    /// How to continue.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub continue_template: Option<Option<String>>,
    /// How to run it without a terminal.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<String>)]
    pub headless_template: Option<Option<String>>,
    /// A sentence for people.
    pub description: Option<String>,
    /// Patterns that tell what it does.
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<ActivityPatterns>)]
    pub activity_patterns: Option<Option<ActivityPatterns>>,
}

/// Keeps the difference between an absent key (`None`) and null (`Some(None)`).
pub(crate) fn double_option<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Answers that wrap one session.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct SessionBody {
    /// The session.
    pub session: Session,
}

/// Answers that wrap one repository.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct RepositoryBody {
    /// The repository.
    pub repository: Repository,
}

/// Answer of `GET /api/repositories`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct RepositoriesBody {
    /// All repositories, oldest first.
    pub repositories: Vec<Repository>,
}

/// Answer of `GET /api/sessions`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct SessionsBody {
    /// All sessions, oldest first, paused ones included.
    pub sessions: Vec<Session>,
}

/// Answers that wrap one worker.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct WorkerBody {
    /// The worker.
    pub worker: Worker,
}

/// `POST /api/auth/sign-in`: trades the one-time code of the sign-in address for a cookie.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct SignIn {
    /// The code from the address printed by the server, or a bearer token.
    pub code: String,
}

/// `POST /api/tokens`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CreateToken {
    /// What the token is for, shown in the list.
    pub name: String,
}

/// A token as it is listed: never its secret.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// The token's id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// When it was made.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub created_at: jiff::Timestamp,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub last_used_at: Option<jiff::Timestamp>,
}

/// Answer of `POST /api/tokens`: the only time the secret is shown.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CreatedToken {
    /// The token.
    pub token: TokenView,
    /// The secret, to be sent as `Authorization: Bearer <secret>`.
    pub secret: String,
}

/// Answer of `GET /api/config`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The user's home directory, shown as `~`.
    pub home_dir: String,
    /// What this machine offers.
    pub capabilities: BTreeMap<String, bool>,
    /// *v1*: changes when cached offsets of a browser stop being valid.
    pub server_pid: u32,
    /// The version of the server.
    pub version: String,
}

/// Answer of `GET /api/paths?prefix=…`: directories that complete a path.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct PathsBody {
    /// At most 50, in alphabetical order.
    pub paths: Vec<PathSuggestion>,
}

/// One directory that completes a path.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathSuggestion {
    /// The absolute path, without a trailing slash.
    pub path: String,
    /// Whether it holds `.git`.
    pub is_repository: bool,
}

/// Answer of `GET /api/checks`: what a new user needs, and whether it is there.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct ChecksBody {
    /// The checks, in the order to show them.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct Check {
    /// A stable word, for example `git` or `agent:claude`.
    pub id: String,
    /// What was looked for.
    pub name: String,
    /// Whether it was found and is usable.
    pub ok: bool,
    /// The version or place found, or what to do.
    pub detail: String,
}

/// Query of `GET …/log`: raw output by offset.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// The first byte wanted; the oldest kept when absent or older.
    pub from: Option<u64>,
    /// At most so many bytes; 1 MiB when absent, 16 MiB at the most.
    pub len: Option<u64>,
}

/// Query of `GET /api/sessions/{id}/export`.
///
/// A time is an ISO 8601 instant with an offset (`2026-03-01T10:00:00Z`) or a duration such as `10m`
/// or `1h30m`, which means so long ago.
#[derive(Debug, Clone, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The form; asciicast when absent.
    #[serde(default)]
    #[param(inline)]
    pub format: ExportFormat,
    /// The worker; the first agent when absent, else the first terminal. The JSON form tells of all
    /// workers when absent.
    pub worker: Option<WorkerId>,
    /// Leaves out what happened before this time.
    pub from: Option<String>,
    /// Leaves out what happened after this time.
    pub to: Option<String>,
}

/// The forms of exported output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// asciicast v3, which asciinema plays.
    #[default]
    Asciicast,
    /// Plain text: the lines as the terminal showed them.
    Text,
    /// A page with colours that needs nothing else.
    Html,
    /// What happened to the session and its workers, without their output.
    Json,
}

/// Answer of `GET …/text`: the newest lines as plain text.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct TextBody {
    /// The lines, oldest first, without trailing blanks.
    pub lines: Vec<String>,
    /// The offset in the output at which they are true.
    pub offset: u64,
    /// The size of the terminal.
    pub size: TerminalSize,
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    /// Names of fields inside variants must be the same on the wire and in the description.
    #[test]
    fn variants_are_described_as_they_are_written() {
        let run = Run::Agent {
            agent_id: Some(AgentId::claude_code()),
        };
        let written = serde_json::to_value(&run).expect("serialises");
        assert_eq!(written["agentId"], "claude-code-builtin");
        let described = serde_json::to_string(&Run::schema()).expect("serialises");
        assert!(described.contains("agentId"), "{described}");
        let described = serde_json::to_string(&CreateSession::schema()).expect("serialises");
        assert!(described.contains("repositoryId") && described.contains("locationPath"));
        let described = serde_json::to_string(&crate::app::AppEvent::schema()).expect("serialises");
        assert!(described.contains("sessionId") && !described.contains("session_id"));
    }
}
