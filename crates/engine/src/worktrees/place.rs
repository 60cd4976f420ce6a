//! Where worktrees lie: a directory per repository, `wt-NNN-xxxx` in it, and who has which number.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::view::Repository;
use offshoot_store::WorktreeRow;
use parking_lot::Mutex;

use crate::{Engine, EngineError};

/// A directory below `root` for a repository: by owner and name of its remote, else by the name of
/// its own directory.
pub(crate) fn directory_of(root: &Path, remote_url: Option<&str>, repository: &Path) -> PathBuf {
    match remote_url.and_then(offshoot_git::parse_remote) {
        Some(remote) => root.join(remote.owner).join(remote.repo),
        None => root.join(
            repository
                .file_name()
                .unwrap_or_else(|| "repository".as_ref()),
        ),
    }
}

/// Reads the number in the name of a worktree of ours, `wt-007-k2f9`.
pub(crate) fn index_in(name: &str) -> Option<u32> {
    let (number, mark) = name.strip_prefix("wt-")?.split_once('-')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_ours = number.len() >= 3 && mark.len() == 4 && mark.bytes().all(plain);
    let index = number.parse().ok()?;
    (is_ours && index >= 1 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(index)
}

/// Repositories that give numbers to worktrees which git does not know yet.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reserving {
    ids: Arc<Mutex<Vec<RepositoryId>>>,
}

/// As long as this is held, no number of the repository is freed because git does not know its
/// worktree.
#[derive(Debug)]
pub(crate) struct Reserved {
    ids: Arc<Mutex<Vec<RepositoryId>>>,
    id: RepositoryId,
}

impl Reserving {
    pub(crate) fn contains(&self, id: RepositoryId) -> bool {
        self.ids.lock().contains(&id)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut ids = self.ids.lock();
        if let Some(at) = ids.iter().position(|id| *id == self.id) {
            ids.swap_remove(at);
        }
    }
}

impl Engine {
    /// Begins to give a number to a worktree that git does not know yet; to be held until it does.
    pub(crate) fn reserving(&self, id: RepositoryId) -> Reserved {
        let ids = Arc::clone(&self.inner.reserving.ids);
        ids.lock().push(id);
        Reserved { ids, id }
    }

    /// Gives a worktree of a repository the smallest unused number and a directory named after it
    /// that ends with `mark`. Asked again with the same mark, the same. Meanwhile
    /// [`Engine::reserving`] or a job must say that it is being made.
    pub(crate) async fn reserve_worktree(
        &self,
        repository: &Repository,
        mark: &str,
    ) -> Result<WorktreeRow, EngineError> {
        let failed = |err| self.store_error("number the worktree", err);
        let end = format!("-{mark}");
        let known = self.inner.store.worktrees_of(repository.id).await;
        let known = known.map_err(failed)?;
        if let Some(row) = known.into_iter().find(|row| row.path.ends_with(&end)) {
            return Ok(row);
        }
        let root = self.inner.home.worktrees();
        let remote = self.remote_url_of(repository).await;
        let dir = directory_of(&root, remote.as_deref(), Path::new(&repository.path));
        std::fs::create_dir_all(&dir)
            .map_err(EngineError::internal("make the directory for worktrees"))?;
        let path_of = move |idx: u32| {
            let path = dir.join(format!("wt-{idx:03}{end}"));
            path.to_string_lossy().into_owned()
        };
        let store = &self.inner.store;
        let row = store.allocate_worktree(repository.id, Timestamp::now(), path_of);
        row.await.map_err(failed)
    }

    /// Frees the number of a worktree.
    pub(crate) async fn release_worktree_path(&self, path: &Path) {
        let path = path.to_string_lossy().into_owned();
        if let Err(err) = self.inner.store.delete_worktree(path).await {
            tracing::warn!(%err, "free the number of a worktree");
        }
    }

    /// Returns the address of a repository's remote, asking git if it was not asked yet: right after
    /// the server's start it may not be known.
    pub(crate) async fn remote_url_of(&self, repository: &Repository) -> Option<String> {
        if repository.remote_url.is_some() {
            return repository.remote_url.clone();
        }
        let opened = self.open_repository(repository.path.as_ref()).await.ok()?;
        opened.remote_url().await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_names_of_ours_only() {
        let table = [
            ("wt-001-ab12", Some(1)),
            ("wt-1000-abcd", Some(1000)),
            ("wt-000-abcd", None),
            ("wt-01-abcd", None),
            ("wt-001-ABCD", None),
            ("wt-001-abcde", None),
            ("wt-+01-abcd", None),
            ("wt-001", None),
            ("feature", None),
        ];
        for (name, expected) in table {
            assert_eq!(index_in(name), expected, "{name}");
        }
    }

    #[test]
    fn directories_are_named_after_the_remote() {
        let root = Path::new("/w");
        let of = |remote| directory_of(root, remote, Path::new("/src/mine"));
        assert_eq!(
            of(Some("git@github.com:acme/shop.git")),
            Path::new("/w/acme/shop")
        );
        assert_eq!(of(Some("/srv/shop.git")), Path::new("/w/mine"));
        assert_eq!(of(None), Path::new("/w/mine"));
    }
}
