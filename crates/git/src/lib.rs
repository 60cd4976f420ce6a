//! Placeholder until the room is built; shapes only.
#![allow(missing_docs)]
use std::path::{Path, PathBuf};
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("x")]
    NotFound { path: PathBuf },
    #[error("x")]
    NotARepository { path: PathBuf },
    #[error("x")]
    Git { stderr: String },
}
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("x")]
    InvalidBranch { name: String },
    #[error("x")]
    BranchExists { name: String },
    #[error("x")]
    BranchNotFound { name: String },
    #[error("x")]
    BranchCheckedOut { name: String, path: PathBuf },
    #[error("x")]
    Git { stderr: String },
}
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    #[error("x")]
    InvalidBranch { name: String },
    #[error("x")]
    BranchExists { name: String },
    #[error("x")]
    Git { stderr: String },
}
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    #[error("x")]
    Dirty { status: String },
    #[error("x")]
    NotAWorktree { path: PathBuf },
    #[error("x")]
    Git { stderr: String },
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct GitError;
pub enum NewWorktree {
    NewBranch { name: String, base: String },
    Existing(String),
}
pub enum Force {
    No,
    Yes,
}
#[derive(Debug)]
pub struct Repository;
pub struct Branches {
    pub local: Vec<String>,
    pub remote: Vec<String>,
    pub default: Option<String>,
}
pub struct Worktree {
    pub path: PathBuf,
    pub branch: Option<String>,
    pub head: String,
    pub is_main: bool,
    pub missing: bool,
}
pub struct Status;
impl Status {
    pub fn is_clean(&self) -> bool {
        true
    }
    pub fn summary(&self) -> String {
        String::new()
    }
}
pub async fn open(_: &Path) -> Result<Repository, OpenError> {
    Ok(Repository)
}
pub async fn resolve(_: &Path, _: &str) -> Result<String, GitError> {
    Err(GitError)
}
pub async fn status(_: &Path) -> Result<Status, GitError> {
    Ok(Status)
}
pub async fn rename_branch(_: &Path, _: &str, _: &str) -> Result<(), RenameError> {
    Ok(())
}
pub fn owner_and_name(_: &str) -> Option<(String, String)> {
    None
}
impl Repository {
    pub fn root(&self) -> &Path {
        Path::new("/")
    }
    pub async fn remote_url(&self) -> Option<String> {
        None
    }
    pub async fn branches(&self) -> Result<Branches, GitError> {
        Err(GitError)
    }
    pub async fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        Ok(vec![])
    }
    pub async fn add_worktree(&self, _: &Path, _: &NewWorktree) -> Result<(), AddError> {
        Ok(())
    }
    pub async fn remove_worktree(&self, _: &Path, _: Force) -> Result<(), RemoveError> {
        Ok(())
    }
    pub async fn delete_branch(&self, _: &str) -> Result<(), GitError> {
        Ok(())
    }
}
