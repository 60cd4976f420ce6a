//! The engine's handle: start, shutdown, questions and subscriptions.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use offshoot_protocol::job::Job;
use offshoot_protocol::view::{Agent, Repository, Session};
use offshoot_protocol::{AgentId, RepositoryId, SessionId, WorkerId};
use offshoot_store::Store;
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{EngineConfig, Home};
use crate::definitions::Definitions;
use crate::event::{EventLog, EventStream};
use crate::state::State;
use crate::worker::WorkerHandle;
use crate::{Credentials, EngineError, StartError, reconcile};

/// Workers' tasks and the database get so long to finish at shutdown; then they are abandoned,
/// which loses nothing that was acknowledged.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// The engine. Cheap to clone; all clones are one engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: EngineConfig,
    pub(crate) home: Home,
    pub(crate) store: Store,
    pub(crate) desktop: crate::desktop::Desktop,
    /// The number of this run of the server: shims refuse commands of earlier ones.
    pub(crate) server_epoch: u64,
    /// The executable that shims run: a copy that no upgrade touches.
    pub(crate) shim_program: PathBuf,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
    instance: String,
    credentials: Credentials,
    state: Mutex<State>,
    /// Where agents of this machine reach the server, once it listens.
    pub(crate) address: OnceLock<String>,
    /// Held while a repository is registered, so that two who open it at once open one.
    pub(crate) registering: tokio::sync::Mutex<()>,
    /// Held from reading a session's or repository's row to having changed it, so that two changes at
    /// once do not undo each other.
    pub(crate) recording: tokio::sync::Mutex<()>,
    pub(crate) deleting: crate::worktrees::Deleting,
    pub(crate) reserving: crate::worktrees::Reserving,
    /// Held while a conversation is changed and recorded, so that rows are written in order.
    pub(crate) conversing: tokio::sync::Mutex<()>,
    pub(crate) jobs: crate::jobs::Jobs,
    /// Which versions of agents are installed.
    pub(crate) versions: Arc<crate::versions::Versions>,
    /// Who looks at which directory's diff.
    pub(crate) diffs: crate::diff::Diffs,
    /// Locked while this engine lives: one server per data directory.
    _lock: File,
}

/// Everything that exists, and the events that follow.
#[derive(Debug)]
pub struct Subscription {
    /// The number of the last event contained in the snapshot.
    pub seq: u64,
    /// All sessions, oldest first.
    pub sessions: Vec<Session>,
    /// All repositories, oldest first.
    pub repositories: Vec<Repository>,
    /// All agents, the default one first.
    pub agents: Vec<Agent>,
    /// All jobs that are not completed, oldest first.
    pub jobs: Vec<Job>,
    /// What happens from here on.
    pub events: EventStream,
}

impl Engine {
    /// Opens the data directory, finds out what survived, and takes it over.
    ///
    /// # Errors
    /// Another server uses the directory, or it cannot be read or written.
    pub async fn start(config: EngineConfig) -> Result<Self, StartError> {
        let home = Home::new(&config)?;
        make_directories(&home)?;
        let lock = lock_home(&home)?;
        let opened = Store::open(&home.database()).map_err(StartError::Store)?;
        if let Some(path) = &opened.set_aside {
            tracing::warn!(path = %path.display(), "the database was damaged and is set aside; sessions are rebuilt from their workers");
        }
        let store = opened.store;
        let server_epoch = store.next_server_epoch().await.map_err(StartError::Store)?;
        let credentials = Credentials::open(store.clone())
            .await
            .map_err(StartError::Store)?;
        let shim_program = keep_program(&home, &config.program)?;
        let engine = Self {
            inner: Arc::new(Inner {
                server_epoch,
                shim_program,
                tasks: TaskTracker::new(),
                cancel: CancellationToken::new(),
                instance: uuid::Uuid::new_v4().to_string(),
                credentials,
                state: Mutex::new(State {
                    sessions: Vec::new(),
                    repositories: Vec::new(),
                    definitions: definitions(&config),
                    custom_agents: Vec::new(),
                    jobs: Vec::new(),
                    idle: crate::idle::Idle::default(),
                    usage: std::collections::HashMap::new(),
                    conversations: std::collections::HashMap::new(),
                    events: EventLog::new(),
                }),
                address: OnceLock::new(),
                registering: tokio::sync::Mutex::default(),
                recording: tokio::sync::Mutex::default(),
                deleting: crate::worktrees::Deleting::default(),
                reserving: crate::worktrees::Reserving::default(),
                conversing: tokio::sync::Mutex::default(),
                jobs: crate::jobs::Jobs::default(),
                versions: Arc::default(),
                desktop: crate::desktop::Desktop::find(&config),
                diffs: crate::diff::Diffs::default(),
                _lock: lock,
                config,
                home,
                store,
            }),
        };
        reconcile::reconcile(&engine).await?;
        crate::jobs::start(&engine).await?;
        crate::hooks::start(&engine);
        crate::idle::start(&engine);
        crate::notify::start(&engine);
        crate::upkeep::start(&engine);
        Ok(engine)
    }

    /// Ends the engine's tasks and closes the database. Touches no worker's process.
    pub async fn shutdown(&self) {
        self.inner.cancel.cancel();
        self.inner.tasks.close();
        let finish = async {
            self.inner.tasks.wait().await;
            if let Err(err) = self.inner.store.clone().close().await {
                tracing::warn!(%err, "close the database");
            }
        };
        if tokio::time::timeout(SHUTDOWN, finish).await.is_err() {
            tracing::warn!("some tasks did not end in time and are abandoned");
        }
    }

    /// Returns the name of this run: event numbers of another run mean nothing.
    pub fn instance(&self) -> &str {
        &self.inner.instance
    }

    /// Tells whether agents are asked to report what they use.
    pub fn asks_usage(&self) -> bool {
        self.inner.config.asks_usage
    }

    /// Tells where agents of this machine reach the server, as `http://127.0.0.1:PORT`. Said once.
    pub fn set_address(&self, address: String) {
        let _ = self.inner.address.set(address);
    }

    /// Returns the data directory.
    pub fn home(&self) -> &Path {
        self.inner.home.root()
    }

    /// Returns the user's home directory.
    pub fn user_home(&self) -> &Path {
        &self.inner.config.user_home
    }

    /// Returns the product's version.
    pub fn version(&self) -> &str {
        &self.inner.config.version
    }

    /// Returns who may talk to the server.
    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// Takes everything that exists together with the stream of what follows.
    pub fn subscribe(&self) -> Subscription {
        let state = self.state();
        let seq = state.events.seq();
        let mut subscription = Subscription {
            seq,
            sessions: state.views(),
            repositories: state
                .repositories
                .iter()
                .map(|entry| entry.view())
                .collect(),
            agents: state.agents(),
            jobs: state.jobs.clone(),
            events: state
                .events
                .since(seq)
                .expect("the newest number is always kept"),
        };
        drop(state);
        self.look_for(&mut subscription.agents);
        subscription
    }

    /// Continues after an event number of this run, or `None` when it is too old.
    pub fn resume_events(&self, after_seq: u64) -> Option<EventStream> {
        self.state().events.since(after_seq)
    }

    /// Returns all sessions, oldest first.
    pub fn sessions(&self) -> Vec<Session> {
        self.state().views()
    }

    /// Returns one session.
    ///
    /// # Errors
    /// There is no such session.
    pub fn session(&self, id: SessionId) -> Result<Session, EngineError> {
        self.state().session_view(id)
    }

    /// Returns the handle of a worker with a process.
    ///
    /// # Errors
    /// There is no such session or worker, or the worker is a diff view.
    pub fn worker(
        &self,
        session: SessionId,
        worker: WorkerId,
    ) -> Result<WorkerHandle, EngineError> {
        let state = self.state();
        let entry = state.session(session)?.worker(worker)?;
        entry
            .handle
            .clone()
            .ok_or(EngineError::WorkerNotFound(worker))
    }

    /// Returns all repositories, oldest first.
    pub fn repositories(&self) -> Vec<Repository> {
        self.state()
            .repositories
            .iter()
            .map(|entry| entry.view())
            .collect()
    }

    /// Returns one repository.
    ///
    /// # Errors
    /// There is no such repository.
    pub fn repository(&self, id: RepositoryId) -> Result<Repository, EngineError> {
        self.state().repository(id).map(|entry| entry.view())
    }

    /// Returns all agents, the default one first.
    pub fn agents(&self) -> Vec<Agent> {
        let mut agents = self.state().agents();
        self.look_for(&mut agents);
        agents
    }

    /// Notes whether the programs of agents are there.
    fn look_for(&self, agents: &mut [Agent]) {
        let definitions = self.state().definitions.clone();
        for agent in agents {
            let program = definitions.get(&agent.id).map(|one| one.program.as_str());
            agent.version = self.inner.versions.of(&agent.id);
            agent.installed = program
                .filter(|program| !program.is_empty())
                .map(|program| {
                    crate::program::find(&self.inner.config.environment, program).is_some()
                });
        }
    }

    /// Returns one agent.
    ///
    /// # Errors
    /// There is no such agent.
    pub fn agent(&self, id: &AgentId) -> Result<Agent, EngineError> {
        let found = self.state().agent(id);
        let mut agent = found.ok_or_else(|| EngineError::AgentNotFound(id.clone()))?;
        self.look_for(std::slice::from_mut(&mut agent));
        Ok(agent)
    }

    /// Lists directories that complete a typed path.
    pub fn complete_path(&self, prefix: &str) -> offshoot_protocol::rest::PathsBody {
        crate::paths::complete(prefix, self.user_home())
    }

    /// Looks for what a new user needs.
    pub async fn checks(&self) -> offshoot_protocol::rest::ChecksBody {
        let definitions = self.state().definitions.clone();
        crate::checks::run(&self.inner.config, &definitions).await
    }

    /// Runs work of the engine's own in a task that ends with the engine.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.inner.cancel.clone();
        self.inner
            .tasks
            .spawn(cancel.run_until_cancelled_owned(work));
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock()
    }
}

/// Reads what is known of agents; files that are no definitions are told and left out.
fn definitions(config: &EngineConfig) -> Definitions {
    let shipped = Definitions::built_in();
    let Some(dir) = &config.agents_dir else {
        return shipped;
    };
    let all = shipped.with_overrides(dir);
    for problem in all.problems() {
        for finding in &problem.findings {
            let file = problem.file.display();
            tracing::warn!(%file, line = finding.line, help = finding.help, "the definition of an agent is left out: {}", finding.what);
        }
    }
    all
}

fn make_directories(home: &Home) -> Result<(), StartError> {
    for path in home.directories() {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path);
        made.map_err(|source| StartError::Io {
            context: "make the directory",
            path,
            source,
        })?;
    }
    private(home.root())
}

/// A directory that existed before may be open to others; what lies in it must not be.
fn private(root: &Path) -> Result<(), StartError> {
    let closed = std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o700));
    closed.map_err(|source| StartError::Io {
        context: "close the data directory to others",
        path: root.to_owned(),
        source,
    })
}

fn lock_home(home: &Home) -> Result<File, StartError> {
    use std::io::{Read, Seek, Write};
    let path = home.lock();
    let failed = |source| StartError::Io {
        context: "lock",
        path: home.lock(),
        source,
    };
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    // One that an earlier version made may be open to others.
    let private = std::fs::Permissions::from_mode(0o600);
    file.set_permissions(private).map_err(failed)?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        // The text only helps people; the lock itself decides.
        let _ = file.read_to_string(&mut pid);
        let pid = pid.trim().to_owned();
        return Err(StartError::Locked {
            home: home.root().to_owned(),
            pid,
        });
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// Copies the executable under a name made of its identity (device, file, size, time of change), so
/// that replacing the installed one does not touch running shims. Not of its content: reading all
/// of it at every start would be the longest part of starting. Copies that no worker's `meta.json`
/// names may be deleted.
fn keep_program(home: &Home, program: &Path) -> Result<PathBuf, StartError> {
    use sha2::{Digest, Sha256};
    use std::os::unix::fs::MetadataExt;
    let failed = |context| {
        move |source| StartError::Io {
            context,
            path: program.to_owned(),
            source,
        }
    };
    let found = std::fs::metadata(program).map_err(failed("find the executable"))?;
    let identity = [
        found.dev(),
        found.ino(),
        found.len(),
        found.mtime_nsec().cast_unsigned(),
    ];
    let identity = format!("{identity:?} {}", found.mtime());
    let name = crate::credentials::hex(&Sha256::digest(identity)[..6]);
    let kept = home.programs().join(format!("offshoot-{name}"));
    if !kept.exists() {
        let fresh = home
            .programs()
            .join(format!(".offshoot-{name}.{}", std::process::id()));
        if let Err(err) = std::fs::copy(program, &fresh) {
            // On a full disk half a copy would fill it for good.
            let _ = std::fs::remove_file(&fresh);
            return Err(failed("copy the executable")(err));
        }
        std::fs::rename(&fresh, &kept).map_err(failed("keep the executable"))?;
    }
    Ok(kept)
}

impl Engine {
    /// Looks up what launching in a session needs; see `launch`.
    pub(crate) fn repository_path(&self, id: RepositoryId) -> Result<PathBuf, EngineError> {
        Ok(PathBuf::from(&self.state().repository(id)?.row.path))
    }
}
