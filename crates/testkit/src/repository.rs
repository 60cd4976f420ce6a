//! Temporary git repositories with a bare origin.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

/// A repository with one commit on `main`, pushed to a bare `origin` beside it. Removed on drop.
#[derive(Debug)]
pub struct TestRepository {
    directory: TempDir,
}

impl TestRepository {
    /// Makes the repository.
    ///
    /// # Errors
    /// git is not there or refuses.
    pub fn new() -> Result<Self> {
        let repository = Self {
            directory: tempfile::Builder::new().prefix("offshoot-repo").tempdir()?,
        };
        let (path, origin) = (repository.path(), repository.origin());
        std::fs::create_dir_all(&path)?;
        git(
            repository.directory.path(),
            &["init", "-q", "--bare", "-b", "main", "origin.git"],
        )?;
        repository.git(&["init", "-q", "-b", "main"])?;
        repository.git(&["config", "user.name", "Test"])?;
        repository.git(&["config", "user.email", "test@example.invalid"])?;
        repository.git(&["config", "commit.gpgsign", "false"])?;
        repository.commit("README.md", "# Shop\n", "first")?;
        let origin = origin.to_string_lossy();
        repository.git(&["remote", "add", "origin", &origin])?;
        repository.git(&["push", "-q", "-u", "origin", "main"])?;
        Ok(repository)
    }

    /// The main worktree.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("shop")
    }

    /// The bare repository behind remote `origin`.
    pub fn origin(&self) -> PathBuf {
        self.directory.path().join("origin.git")
    }

    /// Runs git in the main worktree and returns what it printed, without the final line feed.
    ///
    /// # Errors
    /// git refuses; its own words are in the error.
    pub fn git(&self, args: &[&str]) -> Result<String> {
        git(&self.path(), args)
    }

    /// Writes a file and commits it.
    ///
    /// # Errors
    /// The file cannot be written or git refuses.
    pub fn commit(&self, file: &str, text: &str, message: &str) -> Result<()> {
        std::fs::write(self.path().join(file), text)?;
        self.git(&["add", "--", file])?;
        self.git(&["commit", "-q", "-m", message])?;
        Ok(())
    }
}

/// Runs git in a directory, away from the configuration of the user and the machine.
///
/// # Errors
/// git is not there or refuses; its own words are in the error.
pub fn git(dir: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .context("run git")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("git {} in {}: {words}", args.join(" "), dir.display());
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}
