//! Cloning a repository by its address, and registering it.

use std::path::{Path, PathBuf};

use offshoot_git::{CloneError, CloneProgress, CloneStep, CloneUrl};
use offshoot_protocol::job::Job;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{JobContext, JobError, Options, Work};
use crate::{Engine, EngineError, paths};

/// Clones a repository and registers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloneRepository {
    /// Where from. It was checked to hold no password.
    pub(crate) url: String,
    /// The directory to make.
    pub(crate) path: PathBuf,
}

impl CloneRepository {
    pub(super) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        let url = offshoot_git::valid_clone_url(&self.url)
            .map_err(|err| JobError::lasting(err.to_string()))?;
        if !self.is_done(engine).await {
            self.load(&url, context).await?;
        }
        context.progress("registering", None);
        let registered = match engine
            .register_repository(&self.path.to_string_lossy())
            .await
        {
            Err(EngineError::RepositoryExists(path)) => engine
                .repositories()
                .into_iter()
                .find(|known| Path::new(&known.path) == path)
                .ok_or(EngineError::RepositoryExists(path)),
            registered => registered,
        }?;
        context.set_result(json!({"repositoryId": registered.id, "path": registered.path}));
        Ok(())
    }

    /// Whether an earlier attempt cloned it and was cut off before it was registered.
    async fn is_done(&self, engine: &Engine) -> bool {
        let Ok(opened) = engine.open_repository(&self.path).await else {
            return false;
        };
        let is_root = opened.root() == self.path;
        is_root && opened.remote_url().await.ok().flatten().as_deref() == Some(&self.url)
    }

    async fn load(&self, url: &CloneUrl, context: &JobContext) -> Result<(), JobError> {
        context.progress("connecting", None);
        context.log(&format!("cloning {url} into {}", self.path.display()));
        let told = context.clone();
        let mut last_step = None;
        let on_progress = move |progress: CloneProgress| {
            told.progress(words_of(progress.step), progress.percent);
            // git tells every percent; the log needs each step once.
            if last_step.replace(progress.step) != Some(progress.step) {
                told.log(&progress.text);
            }
        };
        let cancel = context.cancelled().clone().cancelled_owned();
        let cloned = offshoot_git::clone_repository(url, &self.path, on_progress, cancel).await;
        cloned.map(drop).map_err(failure)
    }
}

fn words_of(step: CloneStep) -> &'static str {
    match step {
        CloneStep::Connecting => "connecting",
        CloneStep::Receiving => "receiving",
        CloneStep::Resolving => "resolving",
        CloneStep::CheckingOut => "checking files out",
    }
}

fn failure(err: CloneError) -> JobError {
    let text = with_causes(&err);
    match err {
        CloneError::Stalled | CloneError::Git(_) | CloneError::Io { .. } => JobError::passing(text),
        CloneError::PathExists(_)
        | CloneError::Cancelled
        | CloneError::NotFound { .. }
        | CloneError::SignIn { .. } => JobError::lasting(text),
    }
}

fn with_causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

impl Engine {
    /// Has a repository cloned and registered, as a job.
    ///
    /// # Errors
    /// The address is none that is cloned, something is at the path, or another job clones to it.
    pub async fn clone_repository(
        &self,
        url: &str,
        path: Option<&str>,
    ) -> Result<Job, EngineError> {
        let address = offshoot_git::valid_clone_url(url.trim()).map_err(|err| {
            let message = err.to_string();
            EngineError::Invalid {
                field: "url",
                message,
            }
        })?;
        let path = match path.map(str::trim).filter(|path| !path.is_empty()) {
            Some(path) => paths::expand(path, self.user_home())?,
            None => {
                let name = address.folder_name().ok_or_else(|| EngineError::Invalid {
                    field: "path",
                    message: "the address names no directory; give one".to_owned(),
                })?;
                self.user_home().join(name)
            }
        };
        paths::check_new(&path, self.user_home())?;
        paths::refuse_inside(&path, self.home())?;
        let work = Work::Clone(CloneRepository {
            url: address.to_string(),
            path: path.clone(),
        });
        let same = |other: &Work| matches!(other, Work::Clone(other) if other.path == path);
        let added = self.enqueue_alone(work, Options::default(), same).await?;
        added.map_err(|_| {
            let text = format!("Another clone to {} is under way", path.display());
            EngineError::WrongState(text)
        })
    }
}
