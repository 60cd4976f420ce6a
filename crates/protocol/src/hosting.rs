//! What git and the place that hosts a repository say: commits, pull requests, issues, and what is
//! wrong with sessions. Bodies of requests and answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SessionId;
use crate::view::SessionKind;

/// Answer of `GET /api/sessions/{id}/commits`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct CommitsBody {
    /// Commits on top of the base, newest first.
    pub commits: Vec<CommitInfo>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitInfo {
    /// The full id.
    pub hash: String,
    /// As many characters of it as are unique.
    pub short_hash: String,
    /// The first line of its message.
    pub message: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written, as git tells it: `2026-02-01 12:00:00 +0100`.
    pub date: String,
}

/// Answer of `GET /api/sessions/{id}/pr-link`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrLink {
    /// The pull request of the branch; null when there is none or it could not be asked for.
    pub pr_url: Option<String>,
    /// The session's branch.
    pub branch_name: String,
    /// `owner/name` of the repository where it is hosted.
    pub org_repo: Option<String>,
}

/// Answer of `GET …/branches/{branch}/remote-status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct RemoteStatus {
    /// Commits that only the remote has.
    pub behind: u32,
    /// Commits that only the local branch has.
    pub ahead: u32,
}

/// Answer of `POST …/refresh-default-branch`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultBranch {
    /// The remote's default branch.
    pub default_branch: String,
}

/// `POST /api/repositories/{id}/github-issue`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct FetchIssue {
    /// The address of an issue, `org/repo#1`, or `#1` for an issue of this repository.
    pub reference: String,
}

/// Answer of `POST /api/repositories/{id}/github-issue`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct IssueBody {
    /// The issue.
    pub issue: GitHubIssue,
}

/// An issue on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GitHubIssue {
    /// The owner of the repository.
    pub org: String,
    /// The repository.
    pub repo: String,
    /// The issue's number.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The text; may be empty.
    pub body: String,
    /// Its page.
    pub url: String,
    /// A branch name made from the title.
    pub suggested_branch: String,
}

/// Answer of `GET /api/sessions/validate`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// All sessions, paused ones included.
    pub results: Vec<ValidatedSession>,
    /// Whether any session is invalid.
    pub has_issues: bool,
}

/// What was found out about one session.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidatedSession {
    /// The session.
    pub session_id: SessionId,
    /// What of it can be invalid.
    pub session: ValidatedPlace,
    /// Whether nothing is wrong with it.
    pub valid: bool,
    /// What is wrong with it.
    pub issues: Vec<SessionIssue>,
}

/// The part of a session that can be invalid.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidatedPlace {
    /// Worktree or any directory.
    #[serde(rename = "type")]
    pub kind: SessionKind,
    /// The directory.
    pub location_path: String,
    /// The branch of a worktree session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_id: Option<String>,
    /// The title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// One thing that is wrong with a session.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct SessionIssue {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: SessionIssueKind,
    /// A sentence for people.
    pub message: String,
}

/// What can be wrong with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionIssueKind {
    /// Its directory is gone.
    DirectoryNotFound,
    /// Its directory is in no git repository any more.
    NotGitRepository,
    /// Its branch is gone.
    BranchNotFound,
}

/// `POST /api/system/open` and `POST /api/system/open-in-vscode`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub struct OpenPath {
    /// A file or directory; absolute or `~/…`.
    pub path: String,
}
