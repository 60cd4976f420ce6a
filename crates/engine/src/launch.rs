//! What a worker's process is started with: arguments, environment, and the note that lets its row
//! be rebuilt when the database is lost.

use std::ffi::OsString;
use std::path::PathBuf;

use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{AgentId, RepositoryId, SessionId, WorkerId};
use offshoot_shim::OnExit;
use serde::{Deserialize, Serialize};

use crate::state::{SessionEntry, WorkerEntry};
use crate::worker::Launch;
use crate::{Engine, EngineError, environment, template};

/// Why a process is started.
#[derive(Debug, Clone)]
pub(crate) enum Occasion {
    /// For the first time, with the prompt if there is one.
    First {
        prompt: Option<String>,
        continue_conversation: bool,
    },
    /// Anew with an empty output; with or without the conversation so far.
    Restart { continue_conversation: bool },
    /// Again after its end, the output goes on.
    Revive,
}

/// What a worker's directory tells about it, without the database and without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    pub(crate) session_id: SessionId,
    pub(crate) session_kind: SessionKind,
    pub(crate) location_path: String,
    pub(crate) repository_id: Option<RepositoryId>,
    pub(crate) repository_path: Option<String>,
    pub(crate) worktree_branch: Option<String>,
    pub(crate) owned_worktree: bool,
    pub(crate) title: Option<String>,
    pub(crate) session_created_at: jiff::Timestamp,
    pub(crate) worker_id: WorkerId,
    pub(crate) worker_kind: WorkerKind,
    pub(crate) worker_name: String,
    pub(crate) worker_created_at: jiff::Timestamp,
    pub(crate) agent_id: Option<AgentId>,
    pub(crate) command: Option<String>,
}

impl Engine {
    /// Works out how to start a worker of a session.
    ///
    /// # Errors
    /// The session's directory is missing.
    pub(crate) fn launch(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        occasion: &Occasion,
    ) -> Result<Launch, EngineError> {
        let cwd = PathBuf::from(&session.row.location_path);
        if !cwd.is_dir() {
            return Err(EngineError::PathNotFound(cwd));
        }
        let argv = match worker.kind {
            WorkerKind::Agent => self.agent_argv(worker, &cwd, occasion),
            WorkerKind::Terminal => vec![self.inner.config.shell.clone(), "-l".into()],
            WorkerKind::GitDiff => return Err(EngineError::WorkerNotFound(worker.id)),
        };
        let on_exit = match worker.kind {
            WorkerKind::Agent => OnExit::KillTree,
            // What a user put in the background of a shell on purpose stays, as in any terminal.
            _ => OnExit::Keep,
        };
        Ok(Launch {
            argv,
            env: self.environment(session, worker),
            cwd,
            fresh: matches!(occasion, Occasion::Restart { .. }),
            on_exit,
            note: self.note(session, worker),
        })
    }

    fn agent_argv(
        &self,
        worker: &WorkerEntry,
        cwd: &PathBuf,
        occasion: &Occasion,
    ) -> Vec<OsString> {
        let (prompt, continues) = match occasion {
            Occasion::First {
                prompt,
                continue_conversation,
            } => (prompt.as_deref(), *continue_conversation),
            Occasion::Restart {
                continue_conversation,
            } => (None, *continue_conversation),
            Occasion::Revive => (None, true),
        };
        let (start, again) = match &worker.command {
            Some(command) => (command.clone(), None),
            None => {
                let agent = self.agent_or_default(worker.agent_id.as_ref());
                (agent.command_template, agent.continue_template)
            }
        };
        let again = again.filter(|template| continues && !template.trim().is_empty());
        // A continued conversation has its prompt already.
        let prompt = prompt.filter(|_| again.is_none() && !continues);
        template::argv(&again.unwrap_or(start), template::Values { prompt, cwd })
    }

    /// Returns an agent, or the default one when its definition is gone.
    pub(crate) fn agent_or_default(&self, id: Option<&AgentId>) -> offshoot_protocol::view::Agent {
        let state = self.state();
        id.and_then(|id| state.agent(id))
            .unwrap_or_else(crate::agents::claude_code)
    }

    fn environment(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
    ) -> Vec<(OsString, OsString)> {
        let dotenv = session.row.repository_id.and_then(|id| {
            self.state()
                .repository(id)
                .ok()
                .and_then(|entry| entry.row.env_vars.clone())
        });
        let own = [
            ("OFFSHOOT_SESSION_ID", session.row.id.to_string()),
            ("OFFSHOOT_WORKER_ID", worker.id.to_string()),
        ];
        environment::build(&self.inner.config.environment, dotenv.as_deref(), &own)
    }

    fn note(&self, session: &SessionEntry, worker: &WorkerEntry) -> serde_json::Value {
        let row = &session.row;
        let repository_path = row.repository_id.and_then(|id| {
            self.state()
                .repository(id)
                .ok()
                .map(|entry| entry.row.path.clone())
        });
        let note = Note {
            session_id: row.id,
            session_kind: row.kind,
            location_path: row.location_path.clone(),
            repository_id: row.repository_id,
            repository_path,
            worktree_branch: row.worktree_branch.clone(),
            owned_worktree: row.owned_worktree,
            title: row.title.clone(),
            session_created_at: row.created_at,
            worker_id: worker.id,
            worker_kind: worker.kind,
            worker_name: worker.name.clone(),
            worker_created_at: worker.created_at,
            agent_id: worker.agent_id.clone(),
            command: worker.command.clone(),
        };
        serde_json::to_value(note).expect("a note has string keys")
    }
}
