//! The trash of a repository: what is in it, restoring, dropping, forgetting after thirty days.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use offshoot_git::{Restored, TRASH_KEPT, TrashError, TrashId, Trashed};
use offshoot_protocol::RepositoryId;
use offshoot_protocol::view::{Repository, Worktree};
use offshoot_protocol::worktree::{RestoreTrash, TrashEntry};

use crate::commands::{add_error, invalid};
use crate::{Engine, EngineError, paths};

impl Engine {
    /// Lists what is in a repository's trash, the newest first.
    ///
    /// # Errors
    /// There is no such repository, or git fails.
    pub async fn trash(&self, id: RepositoryId) -> Result<Vec<TrashEntry>, EngineError> {
        let git = self.open_registered(id).await?;
        let entries = git.trash().await.map_err(error_of)?;
        Ok(entries.into_iter().map(view).collect())
    }

    /// Makes a worktree again as it was; the entry stays in the trash.
    ///
    /// # Errors
    /// There is no such repository or entry, the branch or the path is taken, or git fails.
    pub async fn restore_trash(
        &self,
        id: RepositoryId,
        entry: &str,
        request: RestoreTrash,
    ) -> Result<Worktree, EngineError> {
        let entry = entry_id(entry)?;
        self.finish(move |engine| async move { engine.restore_trash_now(id, entry, request).await })
            .await
    }

    async fn restore_trash_now(
        &self,
        id: RepositoryId,
        entry: TrashId,
        request: RestoreTrash,
    ) -> Result<Worktree, EngineError> {
        let repository = self.repository(id)?;
        let git = self.open_repository(repository.path.as_ref()).await?;
        let known = git.trash().await.map_err(error_of)?;
        if !known.iter().any(|known| known.id == entry) {
            return Err(EngineError::TrashNotFound(entry.to_string()));
        }
        let branch = request.branch.as_deref().map(str::trim);
        let branch = branch.filter(|branch| !branch.is_empty());
        let _reserved = self.reserving(id);
        let (path, index) = match request.path.as_deref() {
            Some(path) => (self.target(path)?, None),
            None => {
                let mark = &uuid::Uuid::new_v4().simple().to_string()[..4];
                let row = self.reserve_worktree(&repository, mark).await?;
                (PathBuf::from(row.path), Some(row.idx))
            }
        };
        match git.restore(&entry, &path, branch).await {
            Ok(restored) => Ok(restored_view(&repository, restored, index)),
            Err(err) => {
                if index.is_some() {
                    self.release_worktree_path(&path).await;
                }
                Err(error_of(err))
            }
        }
    }

    /// Checks where somebody wants a worktree to be made.
    fn target(&self, path: &str) -> Result<PathBuf, EngineError> {
        let path = paths::expand(path, self.user_home())?;
        let parent = path.parent().unwrap_or(Path::new("/"));
        paths::check_location(parent, self.user_home())?;
        paths::refuse_inside(&path, self.home())?;
        if path.symlink_metadata().is_ok() {
            return Err(invalid("path", "there is something at this path already"));
        }
        Ok(path)
    }

    /// Drops an entry for good.
    ///
    /// # Errors
    /// There is no such repository or entry, or git fails.
    pub async fn drop_trash(&self, id: RepositoryId, entry: &str) -> Result<(), EngineError> {
        let entry = entry_id(entry)?;
        let git = self.open_registered(id).await?;
        git.drop_trash(&entry).await.map_err(error_of)
    }

    /// Forgets what was kept for long enough, in all repositories.
    pub(crate) async fn expire_trash(&self) {
        let Some(before) = SystemTime::now().checked_sub(TRASH_KEPT) else {
            return;
        };
        for repository in self.repositories() {
            let Ok(git) = self.open_repository(repository.path.as_ref()).await else {
                continue;
            };
            match git.expire_trash(before).await {
                Ok(expired) if expired.is_empty() => {}
                Ok(expired) => {
                    let n_entries = expired.len();
                    tracing::info!(repository = %repository.id, n_entries, "forgot old trash");
                }
                Err(err) => {
                    tracing::warn!(repository = %repository.id, %err, "forget old trash");
                }
            }
        }
    }
}

fn entry_id(text: &str) -> Result<TrashId, EngineError> {
    TrashId::parse(text).ok_or_else(|| EngineError::TrashNotFound(text.to_owned()))
}

fn view(entry: Trashed) -> TrashEntry {
    let time = |at: SystemTime| Timestamp::try_from(at).unwrap_or(Timestamp::MAX);
    TrashEntry {
        id: entry.id.to_string(),
        branch: entry.head.branch().map(str::to_owned),
        commit: entry.commit,
        path: entry.path.to_string_lossy().into_owned(),
        title: entry.title,
        summary: entry.summary,
        files: entry.n_files,
        created_at: time(entry.created_at),
        expires_at: time(entry.created_at + TRASH_KEPT),
    }
}

fn restored_view(repository: &Repository, restored: Restored, index: Option<u32>) -> Worktree {
    let branch = match &restored.head {
        offshoot_git::Head::Detached(commit) => super::listing::detached(commit),
        head => head.branch().unwrap_or_default().to_owned(),
    };
    Worktree {
        path: restored.path.to_string_lossy().into_owned(),
        branch,
        is_main: false,
        repository_id: repository.id,
        index,
        missing: false,
    }
}

/// Turns a refusal of the trash into what the caller can do about it.
pub(crate) fn error_of(err: TrashError) -> EngineError {
    match err {
        TrashError::NotFound(id) => EngineError::TrashNotFound(id),
        TrashError::Remove(err) => super::delete::remove_error(err),
        TrashError::Add(err) => add_error(err),
        err @ TrashError::Changing => EngineError::WrongState(err.to_string()),
        err => EngineError::Git(err.to_string()),
    }
}
