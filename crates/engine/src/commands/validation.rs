//! Which sessions have lost what they need: their directory, its repository, their branch.

use std::path::Path;
use std::sync::Arc;

use offshoot_git::{GitError, OpenError};
use offshoot_protocol::hosting::{
    SessionIssue, SessionIssueKind, ValidatedPlace, ValidatedSession, Validation,
};
use offshoot_protocol::view::{Session, SessionKind};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Engine;

/// Sessions that are looked at at the same time; each runs one git after the other.
const AT_ONCE: usize = 8;

impl Engine {
    /// Looks at all sessions. What cannot be told, as with a hanging disk, counts as valid.
    pub async fn validate_sessions(&self) -> Validation {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut looks = JoinSet::new();
        for (position, session) in self.sessions().into_iter().enumerate() {
            let turns = Arc::clone(&turns);
            looks.spawn(async move {
                let _turn = turns.acquire().await;
                (position, validate(session).await)
            });
        }
        let mut results = looks.join_all().await;
        results.sort_by_key(|(position, _)| *position);
        let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
        Validation {
            has_issues: results.iter().any(|result| !result.valid),
            results,
        }
    }
}

async fn validate(session: Session) -> ValidatedSession {
    let issue = issue_of(&session).await;
    ValidatedSession {
        session_id: session.id,
        valid: issue.is_none(),
        issues: issue.into_iter().collect(),
        session: ValidatedPlace {
            kind: session.kind,
            location_path: session.location_path,
            worktree_id: session.worktree_id,
            title: session.title,
        },
    }
}

/// Each thing needs the one before it, so that there is one issue at the most.
async fn issue_of(session: &Session) -> Option<SessionIssue> {
    let dir = Path::new(&session.location_path);
    let found = tokio::fs::metadata(dir).await;
    if !found.is_ok_and(|found| found.is_dir()) {
        return Some(SessionIssue {
            kind: SessionIssueKind::DirectoryNotFound,
            message: format!("Directory does not exist: {}", dir.display()),
        });
    }
    if session.kind != SessionKind::Worktree {
        return None;
    }
    let head = match offshoot_git::head(dir).await {
        Ok(head) => Some(head),
        Err(GitError::Failed { stderr, .. }) if stderr.contains("not a git repository") => {
            return Some(not_a_repository(dir));
        }
        Err(_) => None,
    };
    let branch = session.worktree_id.as_deref()?;
    // Nothing is missing where the branch is checked out.
    if head.as_ref().and_then(|head| head.branch()) == Some(branch) || branch.starts_with('(') {
        return None;
    }
    let opened = match offshoot_git::open(dir).await {
        Ok(opened) => opened,
        Err(OpenError::NotARepository(_)) => return Some(not_a_repository(dir)),
        Err(_) => return None,
    };
    let branches = opened.branches().await.ok()?;
    let exists = branches.local.iter().any(|known| known == branch);
    (!exists).then(|| SessionIssue {
        kind: SessionIssueKind::BranchNotFound,
        message: format!("Branch does not exist: {branch}"),
    })
}

fn not_a_repository(dir: &Path) -> SessionIssue {
    SessionIssue {
        kind: SessionIssueKind::NotGitRepository,
        message: format!("Not a git repository: {}", dir.display()),
    }
}
