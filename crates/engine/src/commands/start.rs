//! Start something in one go: find the repository, make a worktree, open a session in it.

use std::path::{Path, PathBuf};

use offshoot_git::NewWorktree;
use offshoot_protocol::SessionId;
use offshoot_protocol::rest::{Place, Run, StartSession, WorktreeFate};
use offshoot_protocol::view::{Repository, Session, SessionKind};

use super::repositories::{add_error, no_commits};
use super::sessions::{FirstWorker, NewSession, invalid};
use crate::state::SessionEntry;
use crate::{Engine, EngineError, paths};

/// Longest title made from a prompt.
const TITLE_FROM_PROMPT_CHARS: usize = 80;

/// A worktree made for a session.
struct Made {
    path: PathBuf,
    branch: String,
    repository: Repository,
    owned: bool,
}

impl Engine {
    /// Makes a worktree (or uses a directory as it is) and starts a worker in it.
    ///
    /// # Errors
    /// The path, the branch or the command is wrong; then nothing is left behind.
    pub async fn start_session(&self, request: StartSession) -> Result<Session, EngineError> {
        self.finish(move |engine| async move { engine.start_session_now(request).await })
            .await
    }

    async fn start_session_now(&self, request: StartSession) -> Result<Session, EngineError> {
        let path = paths::expand(&request.path, self.user_home())?;
        paths::check_location(&path, self.user_home())?;
        let first = self.first_worker_of(&request.run)?;
        let title = title_of(&request);
        super::sessions::check_title(title.as_deref())?;
        let made = self
            .make_place(&path, &request.place, title.as_deref())
            .await?;
        let new = |made: Option<&Made>| NewSession {
            id: SessionId::random(),
            kind: if made.is_some() {
                SessionKind::Worktree
            } else {
                SessionKind::Quick
            },
            location_path: made
                .map_or(&path, |made| &made.path)
                .to_string_lossy()
                .into_owned(),
            repository_id: made.map(|made| made.repository.id),
            worktree_branch: made.map(|made| made.branch.clone()),
            owned_worktree: made.is_some_and(|made| made.owned),
            title,
            prompt: request
                .prompt
                .clone()
                .filter(|prompt| !prompt.trim().is_empty()),
            first,
        };
        let opened = self.open_session(new(made.as_ref())).await;
        if let (Err(_), Some(made)) = (&opened, &made) {
            self.take_back(made, &request.place).await;
        }
        opened
    }

    fn first_worker_of(&self, run: &Run) -> Result<FirstWorker, EngineError> {
        Ok(match run {
            Run::Agent { agent_id } => {
                if let Some(id) = agent_id {
                    self.agent(id)?;
                }
                FirstWorker::Agent {
                    agent_id: agent_id.clone(),
                    continue_conversation: false,
                }
            }
            Run::Command { command } if command.trim().is_empty() => {
                return Err(invalid("run.command", "a command is needed"));
            }
            Run::Command { command } if command.contains('\0') => {
                return Err(invalid(
                    "run.command",
                    "a command cannot hold a NUL character",
                ));
            }
            Run::Command { command } => FirstWorker::Command(command.trim().to_owned()),
            Run::Shell => FirstWorker::Shell,
        })
    }

    async fn make_place(
        &self,
        path: &Path,
        place: &Place,
        title: Option<&str>,
    ) -> Result<Option<Made>, EngineError> {
        if let Place::Directory = place {
            return self.directory_in_repository(path).await;
        }
        let (repository, opened) = self.repository_of(path).await?;
        let branch = match place {
            Place::NewBranch {
                branch: Some(branch),
                ..
            }
            | Place::ExistingBranch { branch } => branch.trim().to_owned(),
            _ => self.unused_branch(&opened, title).await?,
        };
        let base = match place {
            Place::NewBranch { base, .. } => base
                .as_deref()
                .map(str::trim)
                .filter(|base| !base.is_empty()),
            _ => None,
        };
        let new = match place {
            Place::ExistingBranch { .. } => NewWorktree::Existing(branch.clone()),
            _ => {
                let base = match base {
                    Some(base) => base.to_owned(),
                    None => self.default_base(&opened).await?,
                };
                NewWorktree::NewBranch {
                    name: branch.clone(),
                    base,
                }
            }
        };
        let _reserved = self.reserving(repository.id);
        let mark = &uuid::Uuid::new_v4().simple().to_string()[..4];
        let row = self.reserve_worktree(&repository, mark).await?;
        let path = PathBuf::from(row.path);
        if let Err(err) = opened.add_worktree(&path, &new).await {
            self.release_worktree_path(&path).await;
            return Err(add_error(err));
        }
        Ok(Some(Made {
            path,
            branch,
            repository,
            owned: true,
        }))
    }

    /// A directory inside a repository is shown with it; any other is a place of its own.
    async fn directory_in_repository(&self, path: &Path) -> Result<Option<Made>, EngineError> {
        let Ok(opened) = offshoot_git::open(path).await else {
            return Ok(None);
        };
        let worktrees = opened.worktrees().await.unwrap_or_default();
        let Some(worktree) = worktrees.into_iter().find(|worktree| worktree.path == path) else {
            return Ok(None);
        };
        let (repository, _) = self.repository_of(path).await?;
        let branch = worktree.branch.unwrap_or_else(|| "HEAD".to_owned());
        Ok(Some(Made {
            path: path.to_owned(),
            branch,
            repository,
            owned: false,
        }))
    }

    async fn default_base(&self, opened: &offshoot_git::Repository) -> Result<String, EngineError> {
        let branches = opened.branches().await.map_err(EngineError::git)?;
        branches
            .default
            .ok_or_else(|| EngineError::WrongState(no_commits()))
    }

    /// Makes a branch name of the title that no branch has.
    async fn unused_branch(
        &self,
        opened: &offshoot_git::Repository,
        title: Option<&str>,
    ) -> Result<String, EngineError> {
        let wanted = title.and_then(offshoot_git::branch_name_from);
        let wanted = wanted.unwrap_or_else(|| "work".to_owned());
        let unused = opened.unused_branch(&wanted).await;
        unused.map_err(EngineError::git)
    }

    /// Removes a worktree whose session did not start, with the branch made for it.
    async fn take_back(&self, made: &Made, place: &Place) {
        if !made.owned {
            return;
        }
        let Ok(opened) = offshoot_git::open(Path::new(&made.repository.path)).await else {
            return;
        };
        if let Err(err) = opened
            .remove_worktree(&made.path, offshoot_git::Force::Yes)
            .await
        {
            tracing::warn!(%err, path = %made.path.display(), "take back a worktree");
            return;
        }
        if matches!(place, Place::NewBranch { .. })
            && let Err(err) = opened.delete_branch(&made.branch).await
        {
            tracing::warn!(%err, branch = made.branch, "take back a branch");
        }
        self.release_worktree_path(&made.path).await;
    }

    /// Refuses to delete a session whose worktree would lose changes, before anything is done.
    pub(crate) async fn check_worktree_fate(
        &self,
        session: &SessionEntry,
        fate: WorktreeFate,
    ) -> Result<(), EngineError> {
        if fate == WorktreeFate::Keep {
            return Ok(());
        }
        let path = Path::new(&session.row.location_path);
        let main = session
            .row
            .repository_id
            .map(|id| self.repository_path(id))
            .transpose()?;
        if main.as_deref().is_none_or(|main| main == path) {
            let message =
                "Only a linked worktree can be removed with its session; keep the directory";
            return Err(EngineError::WrongState(message.to_owned()));
        }
        if fate == WorktreeFate::Remove && path.is_dir() {
            let status = offshoot_git::status(path).await;
            let status = status.map_err(EngineError::git)?;
            if !status.is_clean() {
                return Err(EngineError::WorktreeDirty(status.to_string()));
            }
        }
        Ok(())
    }

    pub(crate) async fn remove_worktree(
        &self,
        session: &SessionEntry,
        fate: WorktreeFate,
    ) -> Result<(), EngineError> {
        let Some(repository) = session.row.repository_id else {
            return Ok(());
        };
        let path = Path::new(&session.row.location_path);
        let opened = self.open_registered(repository).await?;
        let title = session.label();
        self.remove_or_trash(&opened, path, fate, Some(&title))
            .await
    }
}

/// The given title, else the first line of the prompt.
fn title_of(request: &StartSession) -> Option<String> {
    let given = request
        .title
        .as_deref()
        .map(str::trim)
        .filter(|title| !title.is_empty());
    let line = || {
        request
            .prompt
            .as_deref()?
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
    };
    let line = given.map(str::to_owned).or_else(|| line().map(shorten))?;
    Some(line)
}

fn shorten(line: &str) -> String {
    if line.chars().count() <= TITLE_FROM_PROMPT_CHARS {
        return line.to_owned();
    }
    let short: String = line.chars().take(TITLE_FROM_PROMPT_CHARS - 1).collect();
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_gives_a_title_when_none_is_given() {
        let mut request: StartSession =
            serde_json::from_str(r#"{"path":"/r","prompt":"\n  Fix it\nplease"}"#).unwrap();
        assert_eq!(title_of(&request).as_deref(), Some("Fix it"));
        request.title = Some(" T ".to_owned());
        assert_eq!(title_of(&request).as_deref(), Some("T"));
        request.title = None;
        request.prompt = Some("é".repeat(200));
        assert_eq!(
            title_of(&request).unwrap().chars().count(),
            TITLE_FROM_PROMPT_CHARS
        );
    }
}
