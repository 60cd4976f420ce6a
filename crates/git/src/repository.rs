//! A repository that was found: where its main worktree and its git directory are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Git, GitError, TREE_TIMEOUT};
use crate::remote::without_credentials;

/// A repository on this machine. Cheap to clone; holds no open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    root: PathBuf,
    common_dir: PathBuf,
    is_bare: bool,
    tree_timeout: Duration,
}

/// Why a path was not opened as a repository.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at the path.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// Neither the path nor a folder above it is a repository.
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// The repository belongs to another user; git's words say how to trust it.
    #[error("{} belongs to another user: {stderr}", path.display())]
    NotOwned {
        /// The path.
        path: PathBuf,
        /// What git said.
        stderr: String,
    },
    /// git refused or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Why a text names no commit.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The repository has no commit at all.
    #[error("the repository has no commits yet")]
    NoCommits,
    /// It names none here.
    #[error("{0:?} is neither a branch nor a commit here")]
    NotFound(String),
    /// git refused or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Opens the repository around a path: a file or folder in its main worktree, in a linked worktree
/// or in its git directory. A submodule is a repository of its own.
pub async fn open(path: &Path) -> Result<Repository, OpenError> {
    let metadata = tokio::fs::metadata(path)
        .await
        .map_err(|_| OpenError::NotFound(path.to_owned()))?;
    let dir = if metadata.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let common_dir = absolute(dir, "--git-common-dir")
        .await
        .map_err(|err| open_error(path, err))?;
    let git_dir = absolute(dir, "--git-dir").await?;
    let is_bare = bare(&common_dir).await?;
    let root = if is_bare {
        common_dir.clone()
    } else {
        main_worktree(dir, &common_dir, &git_dir).await?
    };
    Ok(Repository {
        root,
        common_dir,
        is_bare,
        tree_timeout: TREE_TIMEOUT,
    })
}

/// Returns the full id of the commit that an expression names in the worktree at (or around) a
/// directory. `HEAD` differs from worktree to worktree.
pub async fn resolve(dir: &Path, rev: &str) -> Result<String, ResolveError> {
    let missing = || ResolveError::NotFound(rev.to_owned());
    if rev.is_empty() || rev.contains('\0') {
        return Err(missing());
    }
    let output = Git::read(dir)
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options"])
        .arg(format!("{rev}^{{commit}}"))
        .run_any()
        .await?;
    if output.code == Some(0) {
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // `^HEAD` names a commit that is not wanted.
        let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_id { Ok(id) } else { Err(missing()) };
    }
    if has_commits(dir).await? {
        Err(missing())
    } else {
        Err(ResolveError::NoCommits)
    }
}

/// Whether there is any commit to start from.
async fn has_commits(dir: &Path) -> Result<bool, GitError> {
    let any = Git::read(dir)
        .args(["for-each-ref", "--count=1", "--format=x"])
        .run()
        .await?;
    if !any.is_empty() {
        return Ok(true);
    }
    let head = Git::read(dir)
        .args(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .maybe_line()
        .await?;
    Ok(head.is_some())
}

async fn absolute(dir: &Path, what: &str) -> Result<PathBuf, GitError> {
    let git = Git::read(dir).args(["rev-parse", "--path-format=absolute", what]);
    git.line().await.map(PathBuf::from)
}

/// Reads where a `.git` file leads.
pub(crate) fn link_target(content: &[u8]) -> Option<PathBuf> {
    line_path(content.strip_prefix(b"gitdir: ")?)
}

/// Reads the path that is all of a file, without the line breaks after it.
pub(crate) fn line_path(content: &[u8]) -> Option<PathBuf> {
    let end = content
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(PathBuf::from(OsStr::from_bytes(&content[..=end])))
}

/// Whether the repository as a whole has no main worktree; asked from its git directory, for a
/// linked worktree of a bare repository is not bare.
async fn bare(common_dir: &Path) -> Result<bool, GitError> {
    let mut git_dir = std::ffi::OsString::from("--git-dir=");
    git_dir.push(common_dir);
    let answer = Git::read(common_dir)
        .option(git_dir)
        .args(["rev-parse", "--is-bare-repository"])
        .line()
        .await?;
    Ok(answer == "true")
}

/// Finds the main worktree. `git worktree list` would not do: it is wrong for submodules and for
/// git directories that live elsewhere.
async fn main_worktree(dir: &Path, common_dir: &Path, git_dir: &Path) -> Result<PathBuf, GitError> {
    if common_dir == git_dir {
        // Fails inside the git directory, where the rules below decide.
        if let Ok(top) = absolute(dir, "--show-toplevel").await {
            return Ok(top);
        }
    }
    let configured = Git::read(common_dir)
        .args(["config", "--get", "core.worktree"])
        .maybe_line()
        .await?;
    if let Some(worktree) = configured {
        let path = common_dir.join(worktree);
        return Ok(tokio::fs::canonicalize(&path).await.unwrap_or(path));
    }
    match (common_dir.file_name(), common_dir.parent()) {
        (Some(name), Some(parent)) if name == OsStr::new(".git") => Ok(parent.to_owned()),
        _ => Ok(common_dir.to_owned()),
    }
}

fn open_error(path: &Path, err: GitError) -> OpenError {
    match err {
        GitError::Failed { stderr, .. } if stderr.contains("dubious ownership") => {
            OpenError::NotOwned {
                path: path.to_owned(),
                stderr,
            }
        }
        GitError::Failed { stderr, .. } if stderr.contains("not a git repository") => {
            OpenError::NotARepository(path.to_owned())
        }
        err => OpenError::Git(err),
    }
}

impl Repository {
    /// Returns the main worktree; of a bare repository its git directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the git directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Whether the repository has no main worktree.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Changes the time that adding or removing a worktree may take, for large trees on slow disks;
    /// 120 s otherwise.
    pub fn with_tree_timeout(mut self, timeout: Duration) -> Self {
        self.tree_timeout = timeout;
        self
    }

    /// Returns the address of remote `origin` without user and password; none without that remote.
    pub async fn remote_url(&self) -> Result<Option<String>, GitError> {
        let url = self
            .read()
            .args(["config", "--get", "remote.origin.url"])
            .maybe_line()
            .await?;
        Ok(url.map(|url| without_credentials(&url.to_string_lossy())))
    }

    /// Returns the full id of the commit that a branch, a tag or any other expression names, as
    /// seen from the main worktree.
    pub async fn resolve(&self, rev: &str) -> Result<String, ResolveError> {
        resolve(self.git_place(), rev).await
    }

    /// Whether there is a ref of that full name.
    pub(crate) async fn ref_exists(&self, name: &str) -> Result<bool, GitError> {
        let found = self
            .read()
            .args(["show-ref", "--verify", "--quiet", "--", name])
            .maybe_line()
            .await?;
        Ok(found.is_some())
    }

    /// The directory from which git finds this repository.
    pub(crate) fn git_place(&self) -> &Path {
        &self.root
    }

    /// Begins a command that writes or deletes a working tree.
    pub(crate) fn write_tree(&self) -> Git {
        Git::write(self.git_place()).within(self.tree_timeout)
    }

    /// Begins a command about the repository as a whole that only looks.
    pub(crate) fn read(&self) -> Git {
        Git::read(self.git_place())
    }
}
