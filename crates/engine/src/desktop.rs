//! The desktop of the machine the server runs on: its file manager and its editor.
//!
//! Programs are found once, at the start. They are started detached, with the environment that
//! workers get, and outlive the server; a path is always absolute, so that none is taken for an option.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::program::find;
use crate::{Engine, EngineConfig, EngineError, paths};

/// A program that cannot do it says so in this time; one that still runs then has done it.
const REFUSAL: Duration = Duration::from_secs(2);

/// What there is to open things with.
#[derive(Debug)]
pub(crate) struct Desktop {
    file_manager: Option<PathBuf>,
    editor: Option<PathBuf>,
}

impl Desktop {
    /// Looks for the programs.
    pub(crate) fn find(config: &EngineConfig) -> Self {
        let found = |name| find(&config.environment, name);
        let file_manager = if cfg!(target_os = "macos") {
            "open"
        } else {
            "xdg-open"
        };
        Self {
            file_manager: found(file_manager),
            editor: found("code").or_else(|| found("code-insiders")),
        }
    }
}

impl Engine {
    /// Whether VS Code was found at the start.
    pub fn has_editor(&self) -> bool {
        self.inner.desktop.editor.is_some()
    }

    /// Shows a directory, or the directory of a file, in the file manager.
    ///
    /// # Errors
    /// There is nothing at the path, or no file manager, or it refuses.
    pub async fn open_in_file_manager(&self, path: &str) -> Result<(), EngineError> {
        let path = self.existing(path).await?;
        let is_file = !path.is_dir();
        let dir = path.parent().filter(|_| is_file).unwrap_or(&path);
        let program = self.inner.desktop.file_manager.as_deref();
        let program = program.ok_or_else(|| unavailable("No file manager"))?;
        self.open_with(program, dir).await
    }

    /// Opens a file or directory in VS Code.
    ///
    /// # Errors
    /// There is no VS Code, nothing at the path, or VS Code refuses.
    pub async fn open_in_editor(&self, path: &str) -> Result<(), EngineError> {
        let program = self.inner.desktop.editor.as_deref();
        let program = program.ok_or_else(|| unavailable("VS Code"))?;
        let path = self.existing(path).await?;
        self.open_with(program, &path).await
    }

    async fn existing(&self, path: &str) -> Result<PathBuf, EngineError> {
        let path = paths::expand(path, self.user_home())?;
        match tokio::fs::metadata(&path).await {
            Ok(_) => Ok(path),
            Err(_) => Err(EngineError::PathNotFound(path)),
        }
    }

    async fn open_with(&self, program: &Path, path: &Path) -> Result<(), EngineError> {
        let config = &self.inner.config;
        let failed = |text: String| EngineError::WrongState(format!("Could not open: {text}"));
        let spawned = tokio::process::Command::new(program)
            .arg(path)
            .env_clear()
            .envs(config.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&config.user_home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let mut child = spawned.map_err(|err| failed(err.to_string()))?;
        match tokio::time::timeout(REFUSAL, child.wait()).await {
            Ok(Ok(status)) if !status.success() => {
                Err(failed(format!("{} ended with {status}", program.display())))
            }
            Ok(Err(err)) => Err(failed(err.to_string())),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }
}

fn unavailable(what: &str) -> EngineError {
    EngineError::WrongState(format!("{what} is not available on this system"))
}
