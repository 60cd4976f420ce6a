//! Repositories: register, change, unregister, and what git says about them.

use std::path::Path;

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::limits::REPOSITORY_TEXT_BYTES;
use offshoot_protocol::rest::PatchRepository;
use offshoot_protocol::view::{Branches, Repository};
use offshoot_store::RepositoryRow;

use super::invalid;
use crate::event::Event;
use crate::state::RepositoryEntry;
use crate::{Engine, EngineError, idle, paths};

impl Engine {
    /// Registers the repository whose main worktree is at a path.
    ///
    /// # Errors
    /// The path does not exist, is no repository, or is registered already.
    pub async fn register_repository(&self, path: &str) -> Result<Repository, EngineError> {
        let path = path.to_owned();
        self.finish(move |engine| async move { engine.register_repository_now(&path).await })
            .await
    }

    async fn register_repository_now(&self, path: &str) -> Result<Repository, EngineError> {
        let path = paths::expand(path, self.user_home())?;
        if !path.exists() {
            return Err(EngineError::PathNotFound(path));
        }
        if !path.join(".git").exists() {
            return Err(EngineError::NotARepository(path));
        }
        let opened = self.open_repository(&path).await?;
        if self.find_repository(&path).is_some() {
            return Err(EngineError::RepositoryExists(path));
        }
        self.add_repository(&path, &opened).await
    }

    /// Finds or registers the repository that holds a path.
    pub(crate) async fn repository_of(
        &self,
        path: &Path,
    ) -> Result<(Repository, offshoot_git::Repository), EngineError> {
        let opened = self.open_repository(path).await?;
        let root = opened.root().to_owned();
        let repository = match self.find_repository(&root) {
            Some(repository) => repository,
            None => match self.add_repository(&root, &opened).await {
                // Somebody else registered it meanwhile.
                Err(EngineError::RepositoryExists(_)) => self
                    .find_repository(&root)
                    .ok_or(EngineError::RepositoryExists(root))?,
                added => added?,
            },
        };
        Ok((repository, opened))
    }

    pub(crate) async fn open_repository(
        &self,
        path: &Path,
    ) -> Result<offshoot_git::Repository, EngineError> {
        use offshoot_git::OpenError;
        offshoot_git::open(path).await.map_err(|err| match err {
            OpenError::NotFound { .. } => EngineError::PathNotFound(path.to_owned()),
            OpenError::NotARepository { .. } => EngineError::NotARepository(path.to_owned()),
            err => EngineError::Git(err.to_string()),
        })
    }

    /// Opens a registered repository.
    pub(crate) async fn open_registered(
        &self,
        id: RepositoryId,
    ) -> Result<offshoot_git::Repository, EngineError> {
        self.open_repository(&self.repository_path(id)?).await
    }

    fn find_repository(&self, path: &Path) -> Option<Repository> {
        let state = self.state();
        let found = state
            .repositories
            .iter()
            .find(|entry| Path::new(&entry.row.path) == path);
        found.map(RepositoryEntry::view)
    }

    async fn add_repository(
        &self,
        path: &Path,
        opened: &offshoot_git::Repository,
    ) -> Result<Repository, EngineError> {
        let Some(text) = path.to_str() else {
            let message = "the path is not valid UTF-8, which clients could not show".to_owned();
            return Err(EngineError::Invalid {
                field: "path",
                message,
            });
        };
        let name = path.file_name().map_or_else(
            || text.to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let row = RepositoryRow {
            id: RepositoryId::random(),
            path: text.to_owned(),
            name,
            created_at: Timestamp::now(),
            setup_command: None,
            env_vars: None,
            idle: None,
        };
        let remote_url = opened.remote_url().await.unwrap_or_default();
        let _registering = self.inner.registering.lock().await;
        if self.find_repository(path).is_some() {
            return Err(EngineError::RepositoryExists(path.to_owned()));
        }
        let saved = self.inner.store.insert_repository(row.clone()).await;
        saved.map_err(|err| self.store_error("record the repository", err))?;
        let entry = RepositoryEntry { row, remote_url };
        let view = entry.view();
        let mut state = self.state();
        state.repositories.push(entry);
        state.events.publish(Event::RepositoryCreated(view.clone()));
        Ok(view)
    }

    /// Changes a repository's setup command or environment.
    ///
    /// # Errors
    /// There is no such repository.
    pub async fn patch_repository(
        &self,
        id: RepositoryId,
        change: PatchRepository,
    ) -> Result<Repository, EngineError> {
        self.finish(move |engine| async move { engine.patch_repository_now(id, change).await })
            .await
    }

    async fn patch_repository_now(
        &self,
        id: RepositoryId,
        change: PatchRepository,
    ) -> Result<Repository, EngineError> {
        if let Some(idle) = change.idle {
            idle::check(idle)?;
        }
        check_setting("setupCommand", &change.setup_command)?;
        check_setting("envVars", &change.env_vars)?;
        let _recording = self.inner.recording.lock().await;
        let mut row = self.state().repository(id)?.row.clone();
        if let Some(command) = change.setup_command {
            row.setup_command = trimmed(command);
        }
        if let Some(env_vars) = change.env_vars {
            row.env_vars = trimmed(env_vars);
        }
        if let Some(idle) = change.idle {
            row.idle = idle;
        }
        let saved = self.inner.store.update_repository(row.clone()).await;
        saved.map_err(|err| self.store_error("record the repository", err))?;
        let mut state = self.state();
        let entry = state
            .repositories
            .iter_mut()
            .find(|entry| entry.row.id == id);
        let Some(entry) = entry else {
            return Err(EngineError::RepositoryNotFound(id));
        };
        entry.row = row;
        let view = entry.view();
        state.idle.rules_changed();
        state.events.publish(Event::RepositoryUpdated(view.clone()));
        Ok(view)
    }

    /// Forgets a repository. Its files, worktrees included, stay where they are.
    ///
    /// # Errors
    /// There is no such repository, or sessions use it.
    pub async fn unregister_repository(&self, id: RepositoryId) -> Result<(), EngineError> {
        self.finish(move |engine| async move { engine.unregister_repository_now(id).await })
            .await
    }

    async fn unregister_repository_now(&self, id: RepositoryId) -> Result<(), EngineError> {
        let known = self.repository(id)?;
        {
            let state = self.state();
            state.refuse_in_use("Repository", |entry| entry.row.repository_id == Some(id))?;
        }
        let deleted = self.inner.store.delete_repository(id).await;
        deleted.map_err(|err| self.store_error("forget the repository", err))?;
        self.state().repositories.retain(|entry| entry.row.id != id);
        let path = Path::new(&known.path);
        self.clean_up_repository(path, known.remote_url.as_deref())
            .await;
        self.state().events.publish(Event::RepositoryDeleted(id));
        Ok(())
    }

    /// Lists a repository's branches.
    ///
    /// # Errors
    /// There is no such repository, or git fails.
    pub async fn branches(&self, id: RepositoryId) -> Result<Branches, EngineError> {
        branches_of(&self.open_registered(id).await?).await
    }
}

/// Lists the branches of an open repository.
pub(super) async fn branches_of(
    opened: &offshoot_git::Repository,
) -> Result<Branches, EngineError> {
    let branches = opened.branches().await;
    let branches = branches.map_err(EngineError::git)?;
    Ok(Branches {
        local: branches.local,
        remote: branches.remote,
        default_branch: branches.default,
    })
}

/// Refuses a text that no process can be given, or that makes every list of repositories long.
fn check_setting(field: &'static str, value: &Option<Option<String>>) -> Result<(), EngineError> {
    let text = value
        .as_ref()
        .and_then(Option::as_deref)
        .unwrap_or_default();
    if text.contains('\0') {
        return Err(invalid(field, "must not hold a NUL character"));
    }
    if text.len() > REPOSITORY_TEXT_BYTES {
        let message = format!("has at most {REPOSITORY_TEXT_BYTES} bytes");
        return Err(EngineError::Invalid { field, message });
    }
    Ok(())
}

fn trimmed(value: Option<String>) -> Option<String> {
    value
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// Turns git's refusal to make a worktree into what the caller can do about it.
pub(crate) fn add_error(err: offshoot_git::AddError) -> EngineError {
    use offshoot_git::AddError;
    match err {
        AddError::InvalidBranch(invalid) => EngineError::InvalidBranch(invalid.name),
        AddError::BranchExists { name } => EngineError::BranchExists(format!(
            "The branch {name:?} exists already; choose another name, or start on the existing branch"
        )),
        AddError::BranchNotFound { name } | AddError::BaseNotFound(name) => {
            EngineError::BranchNotFound(name)
        }
        AddError::NoCommits => EngineError::WrongState(no_commits()),
        AddError::BranchCheckedOut { name, path, .. } => EngineError::BranchExists(format!(
            "The branch {name:?} is checked out in {}; open a session there instead",
            path.display()
        )),
        err => EngineError::Git(err.to_string()),
    }
}

/// What to do about a repository that nothing can be started in.
pub(crate) fn no_commits() -> String {
    "The repository has no commit yet; make a first commit, then start".to_owned()
}

/// Turns git's refusal to rename a branch into what the caller can do about it.
pub(crate) fn git_error(branch: &str, err: offshoot_git::RenameError) -> EngineError {
    use offshoot_git::RenameError;
    match err {
        RenameError::InvalidBranch { .. } => EngineError::InvalidBranch(branch.to_owned()),
        RenameError::BranchExists { .. } => {
            EngineError::BranchExists(format!("The branch {branch:?} exists already"))
        }
        err => EngineError::Git(err.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_bounded_and_hold_no_nul() {
        let check = |text: &str| check_setting("envVars", &Some(Some(text.to_owned())));
        assert!(check(&"x".repeat(REPOSITORY_TEXT_BYTES)).is_ok());
        assert!(check(&"x".repeat(REPOSITORY_TEXT_BYTES + 1)).is_err());
        assert!(check("A=\0").is_err());
        assert!(check_setting("envVars", &Some(None)).is_ok());
        assert!(check_setting("envVars", &None).is_ok());
    }
}
