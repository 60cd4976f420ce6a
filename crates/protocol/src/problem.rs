//! The body of every failed request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, as a word that programs may match on. Words are never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The body, the query or a path parameter does not have the documented form.
    InvalidRequest,
    /// The body is larger than the limit.
    TooLarge,
    /// No valid cookie or bearer token came with the request.
    Unauthenticated,
    /// The credential is valid but the page or host that sent it is not allowed.
    OriginNotAllowed,
    /// The `Host` header names no host this server answers for.
    HostNotAllowed,
    /// Too many attempts; try again later.
    RateLimited,
    /// No route matches.
    RouteNotFound,
    /// The route exists but not for this method.
    MethodNotAllowed,
    /// The session does not exist.
    SessionNotFound,
    /// The worker does not exist.
    WorkerNotFound,
    /// The repository does not exist.
    RepositoryNotFound,
    /// The agent definition does not exist.
    AgentNotFound,
    /// The worktree does not exist.
    WorktreeNotFound,
    /// The token does not exist.
    TokenNotFound,
    /// The job does not exist.
    JobNotFound,
    /// The path does not exist or is no directory.
    PathNotFound,
    /// The path lies where sessions are not allowed.
    PathNotAllowed,
    /// The path is no git repository.
    NotARepository,
    /// The repository is registered already.
    RepositoryExists,
    /// The same is being done already; wait for its end.
    InProgress,
    /// The entry does not exist in the trash of the repository.
    TrashNotFound,
    /// The object is in use by sessions, which are named in the text.
    InUse,
    /// The branch name is not one git accepts.
    InvalidBranch,
    /// The branch exists already, or is checked out in another worktree.
    BranchExists,
    /// The branch or revision does not exist.
    BranchNotFound,
    /// The worktree holds changes that deleting it would lose.
    WorktreeDirty,
    /// git refused; its own words are in the text.
    GitFailed,
    /// The operation does not fit the kind or the state of the object.
    WrongState,
    /// The worker has no running process.
    NotRunning,
    /// The message was not delivered: no such worker, or no running process.
    NotDelivered,
    /// There is no such integration or webhook.
    NotificationNotFound,
    /// The receiver of a notification did not take it; its words are in the text.
    NotificationFailed,
    /// The process could not be started; the reason is in the text.
    StartFailed,
    /// The worker's process cannot be judged right now; nothing was done to it.
    WorkerUnknown,
    /// The worker does not read its input and the queue is full; try again later.
    InputFull,
    /// The prompt does not exist.
    PromptNotFound,
    /// The prompt is being typed or was; it cannot be changed any more.
    PromptNotQueued,
    /// The question was answered before; nothing was typed.
    AlreadyAnswered,
    /// Another question stands there now, or none; nothing was typed.
    RequestChanged,
    /// The disk is full; free space and try again.
    DiskFull,
    /// A defect or an unexpected failure of the machine; the log says more.
    Internal,
}

/// The body of every error, served as `application/problem+json` (RFC 9457).
///
/// `error` repeats `detail` for clients of the first dialect, which read nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The stable word for the kind of failure.
    pub code: ErrorCode,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// What happened to which object, and what to do about it. Shown to people.
    pub detail: String,
    /// The same text as `detail`.
    pub error: String,
    /// The first offending field, when the request's form was at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
