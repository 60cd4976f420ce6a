//! Commits: which a branch has and another lacks, and what they say.

use std::path::Path;

use crate::Repository;
use crate::command::{Git, GitError};
use crate::repository::{ResolveError, resolve};

/// Commits that are listed at the most; a review of more is not done by reading a list.
const COMMITS_MAX: usize = 5000;

/// A commit, as a list shows it. Texts are UTF-8; what is not is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The full id.
    pub hash: String,
    /// The id as short as it is unique.
    pub short_hash: String,
    /// The first paragraph of its message, in one line.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// When it was written, as git tells it: `2026-02-01 12:00:00 +0100`.
    pub date: String,
}

/// Lists the commits that the worktree at (or around) a directory has on top of a base, the newest
/// first; at most 5,000. Empty before the first commit.
pub async fn commits(dir: &Path, base: &str) -> Result<Vec<Commit>, ResolveError> {
    let base = match resolve(dir, base).await {
        Err(ResolveError::NoCommits) => return Ok(Vec::new()),
        answer => answer?,
    };
    let head = match resolve(dir, "HEAD").await {
        // A branch without commits beside others that have some.
        Err(ResolveError::NotFound(_) | ResolveError::NoCommits) => return Ok(Vec::new()),
        answer => answer?,
    };
    let listing = Git::read(dir)
        .args([
            "log",
            "-z",
            "--no-show-signature",
            "--no-notes",
            "--no-color",
        ])
        .args([
            "--encoding=UTF-8",
            "--format=tformat:%H%x00%h%x00%s%x00%an%x00%ai",
        ])
        .arg(format!("--max-count={COMMITS_MAX}"))
        .arg(format!("{base}..{head}"))
        .arg("--")
        .run()
        .await?;
    parse(&listing).ok_or_else(|| ResolveError::Git(GitError::unreadable("log")))
}

/// Parses fields that end with NUL. None when some are missing.
fn parse(listing: &[u8]) -> Option<Vec<Commit>> {
    let Some(listing) = listing.strip_suffix(b"\0") else {
        return listing.is_empty().then(Vec::new);
    };
    let fields = listing.split(|byte| *byte == 0);
    let mut fields = fields.map(|field| String::from_utf8_lossy(field).into_owned());
    let mut commits = Vec::new();
    while let Some(hash) = fields.next() {
        commits.push(Commit {
            hash,
            short_hash: fields.next()?,
            subject: fields.next()?,
            author: fields.next()?,
            date: fields.next()?,
        });
    }
    Some(commits)
}

impl Repository {
    /// Counts the commits that a branch has and another lacks (*ahead*), and the reverse (*behind*).
    ///
    /// Takes branches, remote-tracking branches, tags and commits; of a branch and a tag of one name,
    /// the branch.
    pub async fn ahead_behind(
        &self,
        branch: &str,
        other: &str,
    ) -> Result<(u32, u32), ResolveError> {
        let branch = self.resolve_branch(branch).await?;
        let other = self.resolve_branch(other).await?;
        let counts = self
            .read()
            .args(["rev-list", "--left-right", "--count"])
            .arg(format!("{branch}...{other}"))
            .arg("--")
            .line()
            .await?;
        let counts = counts.to_string_lossy();
        let mut numbers = counts.split('\t').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(ahead)), Some(Ok(behind))) => Ok((ahead, behind)),
            _ => Err(ResolveError::Git(GitError::unreadable("rev-list"))),
        }
    }

    /// Returns the commit of a branch, here or at a remote, else of any other expression.
    async fn resolve_branch(&self, name: &str) -> Result<String, ResolveError> {
        for folder in ["refs/heads", "refs/remotes"] {
            match self.resolve(&format!("{folder}/{name}")).await {
                Err(ResolveError::NotFound(_)) => {}
                answer => return answer,
            }
        }
        self.resolve(name).await
    }
}
