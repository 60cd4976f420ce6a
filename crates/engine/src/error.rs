//! Why the engine refuses or fails, typed by what the caller would do about it.

use std::path::PathBuf;

use offshoot_protocol::{AgentId, ErrorCode, JobId, PromptId, RepositoryId, SessionId, WorkerId};

/// A failed command or query. The text is a sentence for people and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A value does not have the form it must have.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, in the words of the request.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// No such session.
    #[error("Session not found: {0}")]
    SessionNotFound(SessionId),
    /// No such worker in the session.
    #[error("Worker not found: {0}")]
    WorkerNotFound(WorkerId),
    /// No such repository.
    #[error("Repository not found: {0}")]
    RepositoryNotFound(RepositoryId),
    /// No such agent.
    #[error("Agent not found: {0}")]
    AgentNotFound(AgentId),
    /// No such job.
    #[error("Job not found")]
    JobNotFound(JobId),
    /// No such token.
    #[error("Token not found: {0}")]
    TokenNotFound(String),
    /// The path does not exist.
    #[error("Path does not exist: {}", .0.display())]
    PathNotFound(PathBuf),
    /// Sessions are not allowed there.
    #[error("Path is in a restricted system directory: {}", .0.display())]
    PathNotAllowed(PathBuf),
    /// The path is no git repository.
    #[error("Not a git repository: {}", .0.display())]
    NotARepository(PathBuf),
    /// The repository is registered already.
    #[error("Repository already registered: {}", .0.display())]
    RepositoryExists(PathBuf),
    /// The same is being done already.
    #[error("{0}")]
    InProgress(String),
    /// No such entry in the trash of the repository.
    #[error("Trash entry not found: {0}")]
    TrashNotFound(String),
    /// Sessions use the object.
    #[error(
        "{what} is in use by {} session(s) ({} active, {paused} inactive): {}",
        .sessions.len(), .sessions.len() - .paused, .sessions.join(", ")
    )]
    InUse {
        /// The kind of object, capitalised.
        what: &'static str,
        /// Titles of the sessions.
        sessions: Vec<String>,
        /// How many of them are paused.
        paused: usize,
    },
    /// git would not accept the branch name.
    #[error("{0:?} is not a valid branch name")]
    InvalidBranch(String),
    /// The branch exists or is checked out elsewhere.
    #[error("{0}")]
    BranchExists(String),
    /// The branch or revision does not exist.
    #[error("The branch or commit {0:?} does not exist in this repository")]
    BranchNotFound(String),
    /// What is compared names no commit.
    #[error("{0}")]
    RevNotFound(String),
    /// Deleting the worktree would lose changes.
    #[error(
        "The worktree holds changes that are not committed: {0}. Commit them, or discard the worktree; its work is then kept in the trash for 30 days"
    )]
    WorktreeDirty(String),
    /// git failed; its own words.
    #[error("git: {0}")]
    Git(String),
    /// A remote did not answer as it should; git's own words.
    #[error("Failed to {what}: {reason}")]
    Remote {
        /// What was asked of it, verb and object.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// There is no such integration or webhook.
    #[error("{0} not found")]
    NotificationNotFound(&'static str),
    /// A receiver of notifications did not take one.
    #[error("Could not send: {0}")]
    NotificationFailed(String),
    /// The operation does not fit the object.
    #[error("{0}")]
    WrongState(String),
    /// No process lives.
    #[error("The worker has no running process; restart it, or resume its session, first")]
    NotRunning,
    /// A message's worker does not exist, has no terminal or no running process.
    #[error("Failed to send message (target worker not found or PTY inactive)")]
    NotDelivered,
    /// The process could not be started.
    #[error("Could not start: {0}")]
    StartFailed(String),
    /// The worker's process cannot be judged; nothing was done.
    #[error("It cannot be told whether this worker's process lives ({0}); nothing was done to it")]
    WorkerUnknown(String),
    /// The worker does not read its input.
    #[error("The program does not read its input and the queue is full; try again later")]
    InputFull,
    /// No such prompt.
    #[error("Prompt not found: {0}")]
    PromptNotFound(PromptId),
    /// The prompt is being typed, or is settled.
    #[error("The prompt does not wait any more; it can no longer be changed or removed")]
    PromptNotQueued,
    /// The request was answered.
    #[error("This question was answered already; nothing was typed")]
    AlreadyAnswered,
    /// The agent does not ask this any more.
    #[error("The agent asks something else now, or nothing; nothing was typed")]
    RequestChanged,
    /// No space left.
    #[error("The disk is full: free some space in {} and try again", .0.display())]
    DiskFull(PathBuf),
    /// Anything else: a defect or a failing machine.
    #[error("{context}: {source}")]
    Internal {
        /// What was being done, verb and object.
        context: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EngineError {
    /// Wraps an unexpected failure with what was being done.
    pub(crate) fn internal<E>(context: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Internal {
            context,
            source: source.into(),
        }
    }

    /// Wraps what git said when nothing better can be made of it.
    pub(crate) fn git(err: impl std::fmt::Display) -> Self {
        Self::Git(err.to_string())
    }

    /// Returns the stable word for this failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::InvalidRequest,
            Self::SessionNotFound(_) => ErrorCode::SessionNotFound,
            Self::WorkerNotFound(_) => ErrorCode::WorkerNotFound,
            Self::RepositoryNotFound(_) => ErrorCode::RepositoryNotFound,
            Self::AgentNotFound(_) => ErrorCode::AgentNotFound,
            Self::JobNotFound(_) => ErrorCode::JobNotFound,
            Self::TokenNotFound(_) => ErrorCode::TokenNotFound,
            Self::PathNotFound(_) => ErrorCode::PathNotFound,
            Self::PathNotAllowed(_) => ErrorCode::PathNotAllowed,
            Self::NotARepository(_) => ErrorCode::NotARepository,
            Self::RepositoryExists(_) => ErrorCode::RepositoryExists,
            Self::InProgress(_) => ErrorCode::InProgress,
            Self::TrashNotFound(_) => ErrorCode::TrashNotFound,
            Self::InUse { .. } => ErrorCode::InUse,
            Self::InvalidBranch(_) => ErrorCode::InvalidBranch,
            Self::BranchExists(_) => ErrorCode::BranchExists,
            Self::BranchNotFound(_) | Self::RevNotFound(_) => ErrorCode::BranchNotFound,
            Self::WorktreeDirty(_) => ErrorCode::WorktreeDirty,
            Self::Git(_) | Self::Remote { .. } => ErrorCode::GitFailed,
            Self::NotificationNotFound(_) => ErrorCode::NotificationNotFound,
            Self::NotificationFailed(_) => ErrorCode::NotificationFailed,
            Self::WrongState(_) => ErrorCode::WrongState,
            Self::NotRunning => ErrorCode::NotRunning,
            Self::NotDelivered => ErrorCode::NotDelivered,
            Self::StartFailed(_) => ErrorCode::StartFailed,
            Self::WorkerUnknown(_) => ErrorCode::WorkerUnknown,
            Self::InputFull => ErrorCode::InputFull,
            Self::PromptNotFound(_) => ErrorCode::PromptNotFound,
            Self::PromptNotQueued => ErrorCode::PromptNotQueued,
            Self::AlreadyAnswered => ErrorCode::AlreadyAnswered,
            Self::RequestChanged => ErrorCode::RequestChanged,
            Self::DiskFull(_) => ErrorCode::DiskFull,
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another server holds the data directory.
    #[error(
        "another server (pid {pid}) uses the data directory {}; stop it, or give this one another directory with --home",
        .home.display()
    )]
    Locked {
        /// The data directory.
        home: PathBuf,
        /// The holder, as it wrote itself down.
        pid: String,
    },
    /// No terminal could be started: the sockets' paths would be too long for the system.
    #[error(
        "the data directory {} is {excess} bytes too long for sockets; choose a shorter one with --home, or set XDG_RUNTIME_DIR to a short directory",
        .home.display()
    )]
    HomeTooLong {
        /// The data directory.
        home: PathBuf,
        /// By how much.
        excess: usize,
    },
    /// The database cannot be opened, and setting it aside would lose what a newer version wrote.
    #[error("open the database: {0}")]
    Store(#[source] offshoot_store::StoreError),
    /// A directory or file could not be made.
    #[error("{context} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        context: &'static str,
        /// To which file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}
