//! Fetching from remote `origin`, and what it says its default branch is.

use std::time::Duration;

use crate::command::{Git, GitError};
use crate::network::{REMOTE_PROTOCOLS, Refusal, UserPrograms, refusal, without_secrets};
use crate::{InvalidBranch, Repository, lock, valid_branch_name};

/// Time for a fetch. Reaching it means a dead network; what came so far is thrown away by git.
const FETCH_TIMEOUT: Duration = Duration::from_secs(180);

/// Why nothing was fetched. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The name cannot be a branch.
    #[error(transparent)]
    InvalidBranch(#[from] InvalidBranch),
    /// The repository has no remote `origin`.
    #[error("the repository has no remote \"origin\"")]
    NoRemote,
    /// The remote has no such branch.
    #[error("the remote has no branch {0:?}")]
    BranchNotFound(String),
    /// The remote has no default branch: it has no commits, or its head is detached.
    #[error("the remote has no default branch")]
    NoDefaultBranch,
    /// The remote's address is none that is used: only https, http, ssh, git and local paths are.
    #[error("the address of the remote is not allowed: {stderr}")]
    NotAllowed {
        /// What git said.
        stderr: String,
    },
    /// The remote wants to know who asks. Set up a key or a credential helper for git.
    #[error("the remote refused to let us in: {stderr}")]
    SignIn {
        /// What git and ssh said.
        stderr: String,
    },
    /// git refused, did not end in time or could not run; also when the remote cannot be reached.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// Fetches from remote `origin`: one branch into its remote-tracking branch, or everything that
    /// the remote is configured for.
    ///
    /// Runs no program that the repository's own configuration names, fetches no submodules and asks
    /// nobody for passwords. Fetches of one repository wait for each other. Ends within 3 minutes.
    pub async fn fetch(&self, branch: Option<&str>) -> Result<(), FetchError> {
        branch.map(valid_branch_name).transpose()?;
        self.has_origin().await?;
        let _turn = lock::turn(&self.common_dir().join("fetch")).await;
        self.fetch_now(branch).await
    }

    /// Asks remote `origin` for its default branch, notes it as `origin/HEAD` and returns its short
    /// name, `main`.
    pub async fn refresh_default_branch(&self) -> Result<String, FetchError> {
        self.has_origin().await?;
        let _turn = lock::turn(&self.common_dir().join("fetch")).await;
        let listing = self
            .remote_command()
            .await?
            .args(["ls-remote", "--upload-pack=git-upload-pack", "--symref"])
            .args(["--", "origin", "HEAD"])
            .run()
            .await
            .map_err(|err| fetch_error(None, err))?;
        let listing = String::from_utf8_lossy(&listing);
        let name = listing
            .lines()
            .find_map(|line| {
                line.strip_prefix("ref: refs/heads/")?
                    .strip_suffix("\tHEAD")
            })
            .ok_or(FetchError::NoDefaultBranch)?;
        valid_branch_name(name)?;
        if !self.remote_branch_exists(name).await? {
            self.fetch_now(Some(name)).await?;
        }
        let target = format!("refs/remotes/origin/{name}");
        Git::write(self.git_place())
            .args(["symbolic-ref", "refs/remotes/origin/HEAD", &target])
            .run()
            .await?;
        Ok(name.to_owned())
    }

    /// Whether remote `origin` had the branch when it was fetched last. Asks nobody.
    pub async fn remote_branch_exists(&self, branch: &str) -> Result<bool, GitError> {
        if valid_branch_name(branch).is_err() {
            return Ok(false);
        }
        self.ref_exists(&format!("refs/remotes/origin/{branch}"))
            .await
    }

    async fn has_origin(&self) -> Result<(), FetchError> {
        // Without this, git would take the word for a path.
        match self.remote_url().await? {
            Some(url) if !url.is_empty() => Ok(()),
            _ => Err(FetchError::NoRemote),
        }
    }

    async fn fetch_now(&self, branch: Option<&str>) -> Result<(), FetchError> {
        let git = self
            .remote_command()
            .await?
            .args(["fetch", "--upload-pack=git-upload-pack", "--quiet"])
            // `FETCH_HEAD` is the user's.
            .args(["--no-recurse-submodules", "--no-write-fetch-head"])
            .args(["--no-auto-maintenance", "--", "origin"]);
        let git = match branch {
            // Said in full, so that it also works where the remote is configured for one branch.
            Some(name) => git.arg(format!("+refs/heads/{name}:refs/remotes/origin/{name}")),
            None => git,
        };
        match git.run().await {
            Ok(_) => Ok(()),
            Err(err) => Err(fetch_error(branch, err)),
        }
    }

    /// Begins a command that talks to the remote.
    async fn remote_command(&self) -> Result<Git, GitError> {
        let programs = UserPrograms::of(self.git_place()).await?;
        let git = Git::write(self.git_place()).within(FETCH_TIMEOUT);
        Ok(programs.apply(git, REMOTE_PROTOCOLS))
    }
}

fn fetch_error(branch: Option<&str>, err: GitError) -> FetchError {
    let GitError::Failed {
        command,
        code,
        stderr,
    } = err
    else {
        return FetchError::Git(err);
    };
    let stderr = without_secrets(&stderr);
    if let Some(branch) = branch
        && stderr.contains("couldn't find remote ref")
    {
        return FetchError::BranchNotFound(branch.to_owned());
    }
    match refusal(&stderr) {
        Some(Refusal::Protocol) => FetchError::NotAllowed { stderr },
        Some(Refusal::SignIn) => FetchError::SignIn { stderr },
        None => FetchError::Git(GitError::Failed {
            command,
            code,
            stderr,
        }),
    }
}
