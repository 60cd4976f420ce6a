//! Repositories for tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use offshoot_git::{Repository, open};
use tempfile::TempDir;

/// A folder for one test, with links in its path resolved.
pub(crate) struct Place {
    _dir: TempDir,
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            path: dir.path().canonicalize().unwrap(),
            _dir: dir,
        }
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// A repository with one commit on `main`.
    pub(crate) fn repository(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir_all(&path).unwrap();
        run(&path, ["init", "-q", "-b", "main"]);
        commit(&path, "a.txt", "hello\n");
        path
    }

    pub(crate) async fn opened(&self) -> Repository {
        open(&self.repository("repo")).await.unwrap()
    }
}

/// A git that knows the test and nothing of the machine.
pub(crate) fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "protocol.file.allow=always"]);
    command
}

/// Runs git as the user of the test would, and returns what it printed.
pub(crate) fn run<A: AsRef<OsStr>>(dir: &Path, args: impl IntoIterator<Item = A>) -> String {
    let output = git(dir).args(args).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn commit(dir: &Path, file: &str, text: &str) {
    std::fs::write(dir.join(file), text).unwrap();
    run(dir, ["add", "-A"]);
    run(dir, ["commit", "-q", "-m", "a commit"]);
}

/// Whether the file system takes a name: macOS has no names that are not UTF-8.
pub(crate) fn can_be_made(name: &[u8]) -> bool {
    cfg!(target_os = "linux") || std::str::from_utf8(name).is_ok()
}
