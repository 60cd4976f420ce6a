//! Worktrees: which there are, adding one, removing one without losing work.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::branch::in_the_way;
use crate::command::{Git, GitError, TREE_TIMEOUT};
use crate::filters::OwnFilters;
use crate::head::{Head, short_branch};
use crate::repository::ResolveError;
use crate::status::{Status, status};
use crate::{InvalidBranch, Repository, lock, valid_branch_name};

/// Why git itself locks a worktree while it makes it.
const UNFINISHED: &str = "initializing";

/// A worktree, as git has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// The directory.
    pub path: PathBuf,
    /// The commit that is checked out; none before the first commit.
    pub head: Option<String>,
    /// The branch that is checked out; none when the head is detached.
    pub branch: Option<String>,
    /// Whether it is the main worktree.
    pub is_main: bool,
    /// Why it is locked, if it is; may be empty.
    pub locked: Option<String>,
    /// Whether the directory is gone. Such a worktree still holds its branch until it is removed.
    pub missing: bool,
}

/// Which branch a new worktree gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewWorktree {
    /// A new branch that starts at a branch, tag or commit. It follows no other branch.
    NewBranch {
        /// The name of the new branch.
        name: String,
        /// Where it starts.
        base: String,
    },
    /// A branch that exists, here or at exactly one remote; then a local branch that follows it is
    /// made.
    Existing(String),
}

/// Why a worktree was not added. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The branch name cannot be one.
    #[error(transparent)]
    InvalidBranch(#[from] InvalidBranch),
    /// The new branch exists, or one whose name is a folder of the other's. Choose another name.
    #[error("branch {name:?} exists")]
    BranchExists {
        /// The branch that exists.
        name: String,
    },
    /// There is no such branch, here or at exactly one remote.
    #[error("there is no branch {name:?}")]
    BranchNotFound {
        /// The branch that was asked for.
        name: String,
    },
    /// The base names no commit.
    #[error("{0:?} is neither a branch nor a commit here")]
    BaseNotFound(String),
    /// The repository has no commit to check out. Commit something first.
    #[error("the repository has no commits yet: make a first commit")]
    NoCommits,
    /// Another worktree has the branch checked out.
    #[error("branch {name:?} is checked out in {}", path.display())]
    BranchCheckedOut {
        /// The branch.
        name: String,
        /// The worktree that has it.
        path: PathBuf,
        /// Whether that worktree's directory is gone; removing it frees the branch.
        missing: bool,
    },
    /// Something is at the path, or git has a worktree on record there.
    #[error("{} exists", .0.display())]
    PathExists(PathBuf),
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Whether a worktree is removed with what is not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// Refuse when work would be lost.
    No,
    /// Remove it with everything in it.
    Yes,
}

/// Why a worktree was not removed. Everything is still there, unless git says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It holds changes or untracked files that would be lost.
    #[error("the worktree holds changes that are not committed: {0}")]
    Dirty(Box<Status>),
    /// Its head is detached at a commit that no branch or tag holds, which would be lost.
    #[error("commit {0} is on no branch and would be lost")]
    DetachedCommit(String),
    /// It holds submodules, whose commits and changes would be lost unseen.
    #[error("the worktree holds submodules, which may hold work of their own")]
    Submodules,
    /// Somebody locked it with `git worktree lock`, and may have said why. Unlock it first; the trash
    /// takes it all the same.
    #[error("the worktree is locked{}; unlock it, or force: its work goes to the trash then", why(.0))]
    Locked(String),
    /// What is called `.git` in it is not what it was made with, so that git cannot tell what would be
    /// lost. The trash takes it all the same.
    #[error(
        "the worktree's .git was replaced or removed, so that nobody can tell what would be lost"
    )]
    Replaced,
    /// A symbolic link is in its place, and what that leads to is not the worktree.
    #[error(
        "{} is a symbolic link now, which is not followed: remove the link, and what git has on record \
         can be deleted", .0.display()
    )]
    Link(PathBuf),
    /// It is the main worktree, which is the repository itself.
    #[error("the main worktree cannot be removed")]
    MainWorktree,
    /// git has no worktree on record there.
    #[error("{} is no worktree of this repository", .0.display())]
    NotAWorktree(PathBuf),
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// Lists the worktrees, the main one first. A bare repository has none but linked ones.
    pub async fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let listing = list(self.root()).await?;
        seen(parse(&listing), self.root(), self.is_bare()).await
    }

    /// Adds a worktree at a path where nothing is, and makes the folders above it.
    ///
    /// Hooks do not run. Costs the writing of the whole tree; begun, it is finished even when the
    /// caller goes away. One change at a time per repository: callers wait for each other.
    pub async fn add_worktree(&self, path: &Path, new: &NewWorktree) -> Result<(), AddError> {
        let (name, base) = match new {
            NewWorktree::NewBranch { name, base } => (name, Some(base.clone())),
            NewWorktree::Existing(name) => (name, None),
        };
        valid_branch_name(name)?;
        let add = Add {
            repository: self.clone(),
            path: self.root().join(path),
            name: name.clone(),
            base,
        };
        undisturbed(async move { add.run().await }).await
    }

    /// Removes a worktree and its directory; its branch stays. Of one whose directory is gone, the
    /// record.
    ///
    /// Refuses to lose work unless forced; ignored files go in any case. Begun, it is finished even
    /// when the caller goes away.
    pub async fn remove_worktree(&self, path: &Path, force: Force) -> Result<(), RemoveError> {
        let repository = self.clone();
        let path = self.root().join(path);
        undisturbed(async move { remove(&repository, &path, force).await }).await
    }

    /// Checks that removing a worktree without force would be allowed and lose nothing.
    pub async fn check_removable(&self, path: &Path) -> Result<(), RemoveError> {
        let worktree = find(self, &self.root().join(path)).await?;
        check(self, &worktree, Force::No).await
    }

    /// Clears away a worktree that was only just made, or half made by a git that was killed, with
    /// everything in it. Only for a directory that nobody but the caller knows. What cannot be
    /// cleared away is logged.
    pub async fn discard_unfinished(&self, path: &Path) {
        let repository = self.clone();
        let path = self.root().join(path);
        undisturbed(async move { discard(&repository, &path).await }).await;
    }

    /// Forgets all worktrees whose directories are gone, which frees their branches. Locked ones
    /// stay: their disk may only be away.
    pub async fn prune_worktrees(&self) -> Result<(), GitError> {
        let _turn = lock::turn(self.common_dir()).await;
        prune(self).await.map(drop)
    }
}

impl Worktree {
    /// Whether it is being made, or was half made by a git that was killed.
    pub fn is_unfinished(&self) -> bool {
        self.locked.as_deref() == Some(UNFINISHED)
    }

    /// Refuses the main worktree, and what git would follow: a link that took the directory's place.
    pub(crate) async fn may_be_removed(&self) -> Result<(), RemoveError> {
        if self.is_main {
            return Err(RemoveError::MainWorktree);
        }
        match tokio::fs::symlink_metadata(&self.path).await {
            Ok(metadata) if metadata.is_symlink() => Err(RemoveError::Link(self.path.clone())),
            _ => Ok(()),
        }
    }
}

/// Lists the worktrees of the repository whose main worktree, or bare git directory, is at a path, the
/// main one first. One call of git, however many there are.
pub async fn worktrees_at(root: &Path) -> Result<Vec<Worktree>, GitError> {
    let listing = list(root).await?;
    seen(parse(&listing), root, is_bare(&listing)).await
}

async fn list(root: &Path) -> Result<Vec<u8>, GitError> {
    Git::read(root)
        .args(["worktree", "list", "--porcelain", "-z"])
        .run()
        .await
}

/// Puts the main worktree right, and looks which directories are gone.
async fn seen(
    mut worktrees: Vec<Worktree>,
    root: &Path,
    is_bare: bool,
) -> Result<Vec<Worktree>, GitError> {
    match worktrees.first_mut() {
        Some(_) if is_bare => drop(worktrees.remove(0)),
        // git tells the git directory instead for submodules and the like.
        Some(main) => main.path = root.to_owned(),
        None => {}
    }
    tokio::task::spawn_blocking(move || {
        for worktree in &mut worktrees {
            worktree.missing = !worktree.path.try_exists().unwrap_or(true);
        }
        worktrees
    })
    .await
    .map_err(|err| GitError::Io {
        command: "worktree".to_owned(),
        source: std::io::Error::other(err),
    })
}

/// Whether the first of the listed is a git directory without a worktree.
fn is_bare(listing: &[u8]) -> bool {
    let mut lines = listing.split(|byte| *byte == 0);
    lines.any(|line| line == b"bare")
}

async fn discard(repository: &Repository, path: &Path) {
    let _turn = lock::turn(repository.common_dir()).await;
    take_back(repository.write_tree(), path).await;
    let path = path.to_owned();
    let record = path
        .file_name()
        .map(|name| repository.common_dir().join("worktrees").join(name));
    let cleared = tokio::task::spawn_blocking(move || {
        if path.symlink_metadata().is_ok() {
            std::fs::remove_dir_all(&path)?;
        }
        match record {
            // Of a git that was killed before it noted where the worktree is.
            Some(record) if record.is_dir() && !record.join("gitdir").exists() => {
                std::fs::remove_dir_all(record)
            }
            _ => Ok(()),
        }
    });
    if let Ok(Err(err)) = cleared.await {
        tracing::warn!(%err, "clear away a worktree that was not finished");
    }
    log_undo("record", prune(repository).await);
}

async fn prune(repository: &Repository) -> Result<Vec<u8>, GitError> {
    Git::write(repository.git_place())
        .args(["worktree", "prune", "--expire=now"])
        .run()
        .await
}

/// Runs a change in a task of its own, so that a caller that goes away cannot stop it halfway. It
/// ends by itself: every command in it has a time limit.
pub(crate) async fn undisturbed<T: Send + 'static>(
    change: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(change).await {
        Ok(answer) => answer,
        Err(err) => match err.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels it, and with it whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A worktree to be added.
struct Add {
    repository: Repository,
    path: PathBuf,
    name: String,
    base: Option<String>,
}

/// What `git worktree add` is told about the branch.
enum Start {
    /// Make the branch at a commit.
    NewAt(String),
    /// Make the branch at a remote-tracking branch and follow it.
    Tracking(String),
    /// Check the branch out.
    CheckOut,
}

impl Add {
    async fn run(self) -> Result<(), AddError> {
        let _turn = lock::turn(self.repository.common_dir()).await;
        let start = self.start().await?;
        check_free(&self.repository, &self.path).await?;
        let mut git = self.repository.write_tree().args(["worktree", "add"]);
        match &start {
            Start::NewAt(commit) => {
                git = git.args(["--no-track", "-b", &self.name, "--"]);
                git = git.arg(&self.path).arg(commit);
            }
            Start::Tracking(remote) => {
                git = git.args(["--track", "-b", &self.name, "--"]);
                git = git.arg(&self.path).arg(remote);
            }
            Start::CheckOut => git = git.arg("--").arg(&self.path).arg(&self.name),
        }
        let Err(err) = git.run().await else {
            return Ok(());
        };
        if let Some(clash) = self.clash(&err) {
            return Err(clash);
        }
        self.undo(&start, &err).await;
        Err(err.into())
    }

    /// Recognises what somebody else made after we looked. It is theirs: nothing is taken back.
    fn clash(&self, err: &GitError) -> Option<AddError> {
        let GitError::Failed { stderr, .. } = err else {
            return None;
        };
        if stderr.contains("a branch named") {
            return Some(AddError::BranchExists {
                name: self.name.clone(),
            });
        }
        let path_taken = stderr.contains("already exists") || stderr.contains("already registered");
        path_taken.then(|| AddError::PathExists(self.path.clone()))
    }

    /// Finds out where the branch starts, and whether it may be checked out at all.
    async fn start(&self) -> Result<Start, AddError> {
        let branches = self.repository.branch_names().await?;
        let Some(base) = &self.base else {
            return self.start_existing(&branches.local, &branches.remote).await;
        };
        if let Some(taken) = branches.local.iter().find(|b| in_the_way(b, &self.name)) {
            return Err(AddError::BranchExists {
                name: taken.clone(),
            });
        }
        self.check_not_checked_out().await?;
        let commit = self.repository.resolve(base).await.map_err(base_error)?;
        Ok(Start::NewAt(commit))
    }

    async fn start_existing(&self, local: &[String], remote: &[String]) -> Result<Start, AddError> {
        if local.contains(&self.name) {
            self.check_not_checked_out().await?;
            return Ok(Start::CheckOut);
        }
        let is_ours = |remote: &&String| {
            remote
                .split_once('/')
                .is_some_and(|(_, short)| short == self.name)
        };
        let candidates: Vec<_> = remote.iter().filter(is_ours).collect();
        match candidates.as_slice() {
            [remote] => Ok(Start::Tracking(format!("refs/remotes/{remote}"))),
            _ => match self.repository.resolve("HEAD").await {
                Err(ResolveError::NoCommits) => Err(AddError::NoCommits),
                _ => Err(AddError::BranchNotFound {
                    name: self.name.clone(),
                }),
            },
        }
    }

    /// A branch in two worktrees would change under the one's feet. Also told of a branch that is
    /// checked out before its first commit, which is no branch yet.
    async fn check_not_checked_out(&self) -> Result<(), AddError> {
        let worktrees = self.repository.worktrees().await?;
        let holder = worktrees
            .into_iter()
            .find(|worktree| worktree.branch.as_ref() == Some(&self.name));
        match holder {
            // A new branch of that name, in a repository without commits.
            Some(holder) if holder.head.is_none() => Err(AddError::NoCommits),
            Some(holder) => Err(AddError::BranchCheckedOut {
                name: self.name.clone(),
                path: holder.path,
                missing: holder.missing,
            }),
            None => Ok(()),
        }
    }

    /// Takes back what a failed add left: git takes its directory away itself unless it was killed,
    /// but not the branch.
    async fn undo(&self, start: &Start, err: &GitError) {
        let place = self.repository.git_place();
        if matches!(err, GitError::Timeout { .. }) {
            take_back(Git::write_tree(place, TREE_TIMEOUT), &self.path).await;
        }
        if !matches!(start, Start::CheckOut) {
            // It did not exist before, and nobody else could make it meanwhile.
            let deleted = Git::write(place)
                .args(["branch", "-D", "--quiet", "--", &self.name])
                .run()
                .await;
            log_undo("branch", deleted);
        }
    }
}

/// Checks that a worktree can be added at a path: git takes an empty directory; nothing else may be
/// there, not even on record.
pub(crate) async fn check_free(repository: &Repository, path: &Path) -> Result<(), AddError> {
    let taken = || AddError::PathExists(path.to_owned());
    match tokio::fs::symlink_metadata(path).await {
        Err(_) => {}
        Ok(metadata) if metadata.is_dir() => {
            let mut entries = tokio::fs::read_dir(path).await.map_err(|_| taken())?;
            if !matches!(entries.next_entry().await, Ok(None)) {
                return Err(taken());
            }
        }
        Ok(_) => return Err(taken()),
    }
    let worktrees = repository.worktrees().await?;
    if worktrees.iter().any(|worktree| worktree.path == path) {
        return Err(taken());
    }
    Ok(())
}

/// Says at debug level what could not be taken back: mostly, there was nothing.
fn log_undo(what: &str, result: Result<Vec<u8>, GitError>) {
    if let Err(err) = result {
        tracing::debug!(error = %err, what, "nothing to take back");
    }
}

fn base_error(err: ResolveError) -> AddError {
    match err {
        ResolveError::NoCommits => AddError::NoCommits,
        ResolveError::NotFound(base) => AddError::BaseNotFound(base),
        ResolveError::Git(err) => AddError::Git(err),
    }
}

async fn remove(repository: &Repository, path: &Path, force: Force) -> Result<(), RemoveError> {
    let _turn = lock::turn(repository.common_dir()).await;
    let worktree = find(repository, path).await?;
    check(repository, &worktree, force).await?;
    let mut git = repository.write_tree();
    if force == Force::No && !worktree.missing {
        // git looks once more by itself; without these it would run the repository's filters.
        git = OwnFilters::of(&worktree.path).await?.switch_off(git);
    }
    git = git.args(["worktree", "remove"]);
    if force == Force::Yes {
        git = git.arg("--force");
    }
    match git.arg("--").arg(&worktree.path).run().await {
        Err(GitError::Failed { stderr, .. }) if stderr.contains("containing submodules") => {
            Err(RemoveError::Submodules)
        }
        Err(err) => Err(err.into()),
        Ok(_) => Ok(()),
    }
}

/// Checks that a worktree may be removed, and that nothing is lost unless that is wanted.
async fn check(
    repository: &Repository,
    worktree: &Worktree,
    force: Force,
) -> Result<(), RemoveError> {
    worktree.may_be_removed().await?;
    if let Some(reason) = &worktree.locked {
        return Err(RemoveError::Locked(reason.clone()));
    }
    if force == Force::No && !worktree.missing {
        check_nothing_is_lost(repository, &worktree.path).await?;
    }
    Ok(())
}

/// Removes a worktree whose work is kept, also a locked one, while it is the repository's turn.
/// `is_linked` tells whether its `.git` is its own: git removes no other.
pub(crate) async fn remove_kept(
    repository: &Repository,
    worktree: &Worktree,
    is_linked: bool,
) -> Result<(), RemoveError> {
    if !is_linked {
        let top = worktree.path.clone();
        let removed = tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(top) {
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
            answer => answer,
        });
        removed
            .await
            .unwrap_or_else(|err| Err(std::io::Error::other(err)))
            .map_err(|source| GitError::Io {
                command: "worktree remove".to_owned(),
                source,
            })?;
    }
    remove_anyway(repository.write_tree(), &worktree.path).await?;
    Ok(())
}

/// Removes a worktree with everything in it, also a locked one.
async fn remove_anyway(git: Git, path: &Path) -> Result<Vec<u8>, GitError> {
    // Once for the changes, once for the lock, which is git's own on one that is being made.
    git.args(["worktree", "remove", "--force", "--force", "--"])
        .arg(path)
        .run()
        .await
}

/// Takes back a worktree that is half made.
pub(crate) async fn take_back(git: Git, path: &Path) {
    log_undo("worktree", remove_anyway(git, path).await);
}

/// Says a reason, if there is one.
fn why(reason: &str) -> String {
    match reason.trim() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    }
}

/// Finds the record of a worktree by its path, also by another way to the same directory.
pub(crate) async fn find(repository: &Repository, path: &Path) -> Result<Worktree, RemoveError> {
    let canonical = tokio::fs::canonicalize(path).await.ok();
    let mut worktrees = repository.worktrees().await?;
    // First by name: what is there may have become a link to another worktree.
    if let Some(n) = worktrees.iter().position(|known| known.path == path) {
        return Ok(worktrees.swap_remove(n));
    }
    for worktree in worktrees {
        let there = tokio::fs::canonicalize(&worktree.path).await.ok();
        if canonical.is_some() && canonical == there {
            return Ok(worktree);
        }
    }
    Err(RemoveError::NotAWorktree(path.to_owned()))
}

async fn check_nothing_is_lost(repository: &Repository, path: &Path) -> Result<(), RemoveError> {
    if !crate::trash::has_its_link(repository, path).await {
        return Err(RemoveError::Replaced);
    }
    let status = status(path).await?;
    if !status.is_clean() {
        return Err(RemoveError::Dirty(Box::new(status)));
    }
    if let Head::Detached(commit) = status.head {
        let holder = repository
            .read()
            .args(["for-each-ref", "--count=1", "--format=x", "--contains"])
            .arg(&commit)
            // What is in the trash goes one day.
            .args(["refs/heads", "refs/remotes", "refs/tags", "refs/stash"])
            .run()
            .await?;
        if holder.is_empty() {
            return Err(RemoveError::DetachedCommit(commit));
        }
    }
    Ok(())
}

/// Parses `worktree list --porcelain -z`: NUL after each line, an empty line after each worktree.
fn parse(listing: &[u8]) -> Vec<Worktree> {
    let mut worktrees: Vec<Worktree> = Vec::new();
    for line in listing.split(|byte| *byte == 0) {
        let mut halves = line.splitn(2, |byte| *byte == b' ');
        let key = halves.next().unwrap_or_default();
        let value = OsStr::from_bytes(halves.next().unwrap_or_default());
        if key == b"worktree" {
            worktrees.push(Worktree {
                path: PathBuf::from(OsString::from(value)),
                head: None,
                branch: None,
                is_main: worktrees.is_empty(),
                locked: None,
                missing: false,
            });
            continue;
        }
        let (Some(worktree), text) = (worktrees.last_mut(), value.to_string_lossy()) else {
            continue;
        };
        match key {
            b"HEAD" if text.bytes().all(|byte| byte == b'0') => {}
            b"HEAD" => worktree.head = Some(text.into_owned()),
            b"branch" => worktree.branch = Some(short_branch(&text)),
            b"locked" => worktree.locked = Some(text.into_owned()),
            _ => {}
        }
    }
    worktrees
}
