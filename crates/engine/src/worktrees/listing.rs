//! Which worktrees there are: what git says, with our numbers.
//!
//! One call of git however many there are. Those that were made behind our back are shown; in our own
//! directory they get the number in their name back. A number whose worktree git no longer knows is
//! freed; a directory that is gone is shown as missing for as long as git keeps its record.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use offshoot_protocol::RepositoryId;
use offshoot_protocol::view::Worktree;
use offshoot_store::WorktreeRow;

use super::place::index_in;
use crate::jobs::Work;
use crate::{Engine, EngineError};

impl Engine {
    /// Lists a repository's worktrees as git knows them, the main one first.
    ///
    /// # Errors
    /// There is no such repository, or git fails.
    pub async fn worktrees(&self, id: RepositoryId) -> Result<Vec<Worktree>, EngineError> {
        let path = self.repository_path(id)?;
        let rows = self.inner.store.worktrees_of(id).await;
        let rows = rows.map_err(|err| self.store_error("list the worktrees", err))?;
        // Before git is asked: what is finished by now, git knows.
        let is_making = self.makes_worktrees(id);
        let found = offshoot_git::worktrees_at(&path).await;
        let mut found = found.map_err(EngineError::git)?;
        let root = self.inner.home.worktrees();
        let real = tokio::fs::canonicalize(&root)
            .await
            .unwrap_or_else(|_| root.clone());
        for worktree in &mut found {
            // git tells real paths; ours are as the data directory was named.
            if let Ok(rest) = worktree.path.strip_prefix(&real) {
                worktree.path = root.join(rest);
            }
        }
        let indexes = self.settle_numbers(id, rows, &found, is_making).await;
        let view = |worktree: offshoot_git::Worktree| Worktree {
            branch: worktree
                .branch
                .unwrap_or_else(|| detached(worktree.head.as_deref().unwrap_or_default())),
            is_main: worktree.is_main,
            repository_id: id,
            index: indexes.get(&worktree.path).copied(),
            missing: worktree.missing,
            path: worktree.path.to_string_lossy().into_owned(),
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Frees the numbers of worktrees that are gone and gives those of ours that have none theirs
    /// back. Returns all numbers.
    async fn settle_numbers(
        &self,
        id: RepositoryId,
        rows: Vec<WorktreeRow>,
        found: &[offshoot_git::Worktree],
        is_making: bool,
    ) -> HashMap<PathBuf, u32> {
        let listed: HashSet<&Path> = found
            .iter()
            .map(|worktree| worktree.path.as_path())
            .collect();
        let mut indexes = HashMap::new();
        let mut taken = HashSet::new();
        let mut gone = Vec::new();
        for row in rows {
            let path = PathBuf::from(&row.path);
            match listed.contains(path.as_path()) {
                true => {
                    taken.insert(row.idx);
                    indexes.insert(path, row.idx);
                }
                false => gone.push(row.path),
            }
        }
        if is_making {
            gone.clear();
        }
        for path in &gone {
            tracing::info!(path, "a worktree was removed by somebody else");
        }
        let root = self.inner.home.worktrees();
        let mut lost = Vec::new();
        for worktree in found {
            let Some(idx) = lost_number(&root, worktree, &indexes, &taken) else {
                continue;
            };
            taken.insert(idx);
            lost.push(WorktreeRow {
                path: worktree.path.to_string_lossy().into_owned(),
                repository_id: id,
                idx,
                created_at: Timestamp::now(),
            });
        }
        if gone.is_empty() && lost.is_empty() {
            return indexes;
        }
        match self.inner.store.settle_worktrees(gone, lost).await {
            Ok(settled) => indexes.extend(
                settled
                    .into_iter()
                    .map(|row| (PathBuf::from(row.path), row.idx)),
            ),
            Err(err) => tracing::warn!(%err, "settle the numbers of worktrees"),
        }
        indexes
    }

    /// Whether numbers may be given to worktrees that git does not know yet.
    fn makes_worktrees(&self, id: RepositoryId) -> bool {
        let makes =
            |work: &Work| matches!(work, Work::CreateWorktree(work) if work.repository_id == id);
        self.inner.reserving.contains(id) || self.live_jobs().iter().any(|(_, work)| makes(work))
    }

    /// Forgets git's records of worktrees of ours whose directories are gone and which no session
    /// knows: their branches and numbers are free again.
    pub(crate) async fn prune_worktrees(&self) {
        for repository in self.repositories() {
            let Ok(listed) = self.worktrees(repository.id).await else {
                continue;
            };
            let is_used = |path: &str| {
                let state = self.state();
                state
                    .sessions
                    .iter()
                    .any(|entry| entry.row.location_path == path)
            };
            let gone = listed
                .iter()
                .filter(|worktree| worktree.missing && worktree.index.is_some());
            for worktree in gone.filter(|worktree| !is_used(&worktree.path)) {
                let Ok(git) = self.open_repository(repository.path.as_ref()).await else {
                    break;
                };
                let path = Path::new(&worktree.path);
                match git.remove_worktree(path, offshoot_git::Force::No).await {
                    Ok(()) => self.release_worktree_path(path).await,
                    Err(err) => tracing::warn!(%err, path = worktree.path, "forget a worktree"),
                }
            }
        }
    }
}

/// Reads the number that a worktree in our directory has lost, if nobody else has it.
fn lost_number(
    root: &Path,
    worktree: &offshoot_git::Worktree,
    indexes: &HashMap<PathBuf, u32>,
    taken: &HashSet<u32>,
) -> Option<u32> {
    if indexes.contains_key(&worktree.path) || !worktree.path.starts_with(root) {
        return None;
    }
    let name = worktree.path.file_name()?.to_str()?;
    index_in(name).filter(|idx| !taken.contains(idx))
}

/// Words what is checked out where there is no branch.
pub(crate) fn detached(commit: &str) -> String {
    format!("(detached at {})", commit.get(..7).unwrap_or(commit))
}
