//! What a worker's process is started with: arguments, environment, and the note that lets its row
//! be rebuilt when the database is lost.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use offshoot_protocol::hook::{HOOK_FILE_VARIABLE, HookFile};
use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{AgentId, RepositoryId, SessionId, WorkerId};
use offshoot_shim::OnExit;
use serde::{Deserialize, Serialize};

use crate::conversations::Plan;
use crate::definitions::{Definition, RunValues};
use crate::injection::{self, Injected, Place};
use crate::state::{SessionEntry, WorkerEntry};
use crate::worker::Launch;
use crate::{Engine, EngineError, environment};

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
    /// The session's directory is missing, or its conversation cannot be recorded.
    pub(crate) async fn launch(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        occasion: &Occasion,
    ) -> Result<Launch, EngineError> {
        let cwd = PathBuf::from(&session.row.location_path);
        if !cwd.is_dir() {
            return Err(EngineError::PathNotFound(cwd));
        }
        let mut env = self.environment(session, worker);
        let argv = match worker.kind {
            WorkerKind::Agent => {
                let mut injected = self.inject(worker, &env);
                let telemetry = self.definition_of(worker).telemetry.clone();
                let asked = self.ask_usage(worker.id, telemetry.as_ref(), &env);
                injected.args.extend(asked.arguments);
                environment::set(&mut env, &injected.variables);
                environment::set(&mut env, &asked.variables);
                self.agent_argv(session, worker, &injected.args, occasion)
                    .await?
            }
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
            env,
            cwd,
            fresh: matches!(occasion, Occasion::Restart { .. }),
            on_exit,
            note: self.note(session, worker),
        })
    }

    async fn agent_argv(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        injected: &[OsString],
        occasion: &Occasion,
    ) -> Result<Vec<OsString>, EngineError> {
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
        let plan = self.plan_conversation(session, worker, continues).await?;
        let definition = self.definition_of(worker);
        let command = worker.command.as_deref().map(Definition::of_command);
        let definition = command.as_ref().unwrap_or(&definition);
        let (run, conversation) = match &plan {
            Plan::New(id) => (&definition.start, id.as_deref()),
            Plan::Again(id) => (&definition.start, Some(id.as_str())),
            Plan::Resume(id, _) => (definition.run(true, Some(id)), Some(id.as_str())),
            Plan::Newest => (definition.run(true, None), None),
        };
        Ok(run.argv(RunValues {
            // A conversation that goes on has its prompt already.
            prompt: prompt.filter(|_| !continues),
            conversation,
            cwd: Path::new(&session.row.location_path),
            injected,
        }))
    }

    /// Puts our hooks into a worker's directory. An agent whose directory cannot be written to runs
    /// without them.
    fn inject(&self, worker: &WorkerEntry, environment: &[(OsString, OsString)]) -> Injected {
        let inner = &self.inner;
        let dir = inner.home.worker(worker.id);
        let definition = self.definition_of(worker);
        let mut injected = injection::prepare(
            &definition,
            Place {
                dir: &dir.join("inject"),
                program: &inner.shim_program,
                environment,
                may_trust: inner.config.trusted_hooks.contains(&definition.id),
            },
        );
        let (file, told) = self.hook_file(worker.id, &dir);
        injected
            .variables
            .push((HOOK_FILE_VARIABLE.into(), file.clone().into()));
        injected.files.push((file, told));
        match injected.write() {
            Ok(()) => injected,
            Err(err) => {
                tracing::warn!(worker = %worker.id, %err, "the agent runs without our hooks");
                Injected::default()
            }
        }
    }

    /// What a worker's hooks are told, and where.
    fn hook_file(&self, worker: WorkerId, dir: &Path) -> (PathBuf, String) {
        let told = HookFile {
            home: self.home().to_owned(),
            worker,
            token: self.credentials().worker_token(worker),
            spool: crate::hooks::spool_of(dir),
        };
        let told = serde_json::to_string(&told).expect("paths of ours are text");
        (dir.join("hook.json"), told)
    }

    /// Returns what is known of the program that a worker runs.
    pub(crate) fn definition_of(&self, worker: &WorkerEntry) -> Arc<Definition> {
        self.definition_for(
            worker.kind,
            worker.agent_id.as_ref(),
            worker.command.as_deref(),
        )
    }

    /// Returns what is known of a command, of an agent, or of the default agent when neither is.
    pub(crate) fn definition_for(
        &self,
        kind: WorkerKind,
        agent: Option<&AgentId>,
        command: Option<&str>,
    ) -> Arc<Definition> {
        let state = self.state();
        // All commands share one definition, and with it its compiled rules.
        if kind != WorkerKind::Agent || command.is_some() {
            return Arc::clone(state.definitions.generic());
        }
        let custom = |id: &AgentId| {
            state
                .custom_agents
                .iter()
                .find(move |known| known.id == *id)
        };
        if let Some(custom) = agent.and_then(custom) {
            return Arc::new(Definition::of_custom(custom));
        }
        let known = agent.and_then(|id| state.definitions.get(id));
        let known = known.or_else(|| state.definitions.get(&AgentId::claude_code()));
        Arc::clone(known.unwrap_or_else(|| state.definitions.generic()))
    }

    /// Returns an agent, or the default one when its definition is gone.
    pub(crate) fn agent_or_default(&self, id: Option<&AgentId>) -> offshoot_protocol::view::Agent {
        let state = self.state();
        id.and_then(|id| state.agent(id))
            .unwrap_or_else(crate::agents::claude_code)
    }

    pub(crate) fn environment(
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
        let wanted = &self.definition_of(worker).environment;
        let base = environment::base(&self.inner.config.environment, wanted);
        environment::build(&base, dotenv.as_deref(), &own)
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
