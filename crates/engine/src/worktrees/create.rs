//! Makes a worktree, as a job: name, base, number, git, templates, setup command, session.
//!
//! ```text
//!  request ─► job ─► name ─► base ─► number ─► git worktree add ─► templates ─► setup ─► session ─► told
//!                └── each choice is in the plan before it is acted on; a later attempt goes on from there
//! ```
//! How it fails: whatever was made is taken back, the worktree with it, and the clients that follow
//! are told why. The setup command alone may fail without that: its end is told with the worktree.

use std::path::{Path, PathBuf};
use std::time::Duration;

use offshoot_git::{AddError, NewWorktree};
use offshoot_protocol::job::{Job, JobStatus};
use offshoot_protocol::view::{Repository, Session, SessionKind, Worktree};
use offshoot_protocol::worktree::{
    BranchNameFallback, CreateWorktree, SetupCommandResult, WorktreeMode,
};
use offshoot_protocol::{JobId, RepositoryId};
use serde::{Deserialize, Serialize};

use super::placeholders::Facts;
use super::plan::{Base, Name, Place, Plan, Stage};
use super::request::checked;
use super::{naming, place, program, setup, templates};
use crate::commands::{FirstWorker, NewSession, add_error, no_commits};
use crate::event::{Event, WorktreeCreated};
use crate::jobs::{JobContext, JobError, Options, Work};
use crate::{Engine, EngineError};

/// Signs of life while something silent runs, far more often than the patience with a job.
const SIGN_EVERY: Duration = Duration::from_secs(10);

/// A worktree to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateWorktreeWork {
    pub(crate) repository_id: RepositoryId,
    #[serde(flatten)]
    pub(crate) request: CreateWorktree,
}

impl Engine {
    /// Makes a worktree in the background; what came of it is told under the task's id.
    ///
    /// # Errors
    /// There is no such repository or agent, or a value is invalid.
    pub async fn create_worktree(
        &self,
        repository_id: RepositoryId,
        request: CreateWorktree,
    ) -> Result<JobId, EngineError> {
        self.repository(repository_id)?;
        let request = checked(request)?;
        if let Some(agent) = &request.agent_id {
            self.agent(agent)?;
        }
        let work = Work::CreateWorktree(CreateWorktreeWork {
            repository_id,
            request,
        });
        let job = self.enqueue(work, Options::default()).await?;
        Ok(job.id)
    }
}

impl CreateWorktreeWork {
    /// Makes the worktree, from wherever an earlier attempt got to.
    pub(crate) async fn run(&self, engine: &Engine, context: &JobContext) -> Result<(), JobError> {
        let repository = engine.repository(self.repository_id)?;
        let git = engine.open_repository(repository.path.as_ref()).await?;
        let mut creation = Creation {
            engine,
            context,
            request: &self.request,
            plan: engine.plan_of(context.id()).await?,
            repository,
            git,
        };
        let created = creation.run().await?;
        context.set_result(serde_json::json!({
            "path": created.worktree.path,
            "branch": created.worktree.branch,
            "index": created.worktree.index,
            "sessionId": created.session.as_ref().map(|session| session.id),
            "setupCommandResult": created.setup_command_result,
            "fetchError": created.fetch_error,
            "branchNameFallback": created.branch_name_fallback,
        }));
        let event = Event::WorktreeCreated(Box::new(created));
        engine.state().events.publish(event);
        Ok(())
    }

    /// Takes back what a creation left that failed for good, and tells it.
    pub(crate) async fn ended(&self, engine: &Engine, job: &Job) {
        if job.status == JobStatus::Stalled {
            program::end_leftovers(&job.id.to_string()).await;
            self.take_back(engine, job.id).await;
            let event = Event::WorktreeCreationFailed {
                repository_id: self.repository_id,
                task_id: self.request.task_id.clone(),
                error: job.last_error.clone().unwrap_or_default(),
            };
            engine.state().events.publish(event);
        }
        engine.forget_plan(job.id).await;
    }

    async fn take_back(&self, engine: &Engine, job: JobId) {
        let plan = match engine.find_plan(job).await {
            Ok(Some(plan)) => plan,
            Ok(None) => return,
            Err(err) => return tracing::warn!(%job, %err, "take back a worktree"),
        };
        let (Some(place), Ok(path)) = (&plan.place, engine.repository_path(self.repository_id))
        else {
            return;
        };
        if engine.session(plan.session_id).is_ok() {
            // Somebody may work there by now.
            return;
        }
        if plan.stage >= Stage::Adding
            && let Ok(git) = engine.open_repository(&path).await
        {
            program::end_git(&place.path).await;
            git.discard_unfinished(&place.path).await;
            self.take_back_branch(&git, &plan).await;
        }
        engine.release_worktree_path(&place.path).await;
    }

    async fn take_back_branch(&self, git: &offshoot_git::Repository, plan: &Plan) {
        let (Some(name), Some(commit)) = (
            &plan.name,
            plan.base.as_ref().and_then(|b| b.commit.as_ref()),
        ) else {
            return;
        };
        // One that has moved since is somebody's work.
        let tip = git.resolve(&format!("refs/heads/{}", name.branch)).await;
        if tip.is_ok_and(|tip| tip == *commit)
            && let Err(err) = git.delete_branch(&name.branch).await
        {
            tracing::warn!(%err, branch = name.branch, "take back a branch");
        }
    }
}

/// One attempt.
struct Creation<'a> {
    engine: &'a Engine,
    context: &'a JobContext,
    request: &'a CreateWorktree,
    repository: Repository,
    git: offshoot_git::Repository,
    plan: Plan,
}

impl Creation<'_> {
    async fn run(&mut self) -> Result<WorktreeCreated, JobError> {
        // Of an earlier attempt that the server did not live to see the end of.
        program::end_leftovers(&self.context.id().to_string()).await;
        let name = self.name().await?;
        let base = self.base(&name).await?;
        let place = self.place().await?;
        self.add(&name, &base, &place).await?;
        let branch = self.branch_at(&place.path).await;
        self.fill(&branch, &place).await?;
        self.set_up(&branch, &place).await?;
        let session = self.session(&name, &branch, &place).await?;
        Ok(WorktreeCreated {
            task_id: self.request.task_id.clone(),
            worktree: Worktree {
                path: place.path.to_string_lossy().into_owned(),
                branch,
                is_main: false,
                repository_id: self.repository.id,
                index: Some(place.index),
                missing: false,
            },
            session,
            branch_name_fallback: name.fallback.map(|reason| BranchNameFallback {
                used_branch: name.branch,
                reason,
            }),
            setup_command_result: self.plan.setup.clone(),
            fetch_error: base.fetch_error,
        })
    }

    async fn save(&self) -> Result<(), JobError> {
        if self.context.cancelled().is_cancelled() {
            return Err(cancelled());
        }
        Ok(self.engine.save_plan(self.context.id(), &self.plan).await?)
    }

    async fn name(&mut self) -> Result<Name, JobError> {
        if let Some(name) = &self.plan.name {
            return Ok(name.clone());
        }
        let name = match &self.request.mode {
            WorktreeMode::Custom { branch, .. } | WorktreeMode::Existing { branch } => Name {
                branch: branch.clone(),
                title: None,
                fallback: None,
            },
            WorktreeMode::Prompt { .. } => self.suggested_name().await?,
        };
        self.plan.name = Some(name.clone());
        self.save().await?;
        Ok(name)
    }

    async fn suggested_name(&self) -> Result<Name, JobError> {
        self.context.progress("Asking the agent for a name", None);
        let branches = self.git.branches().await.map_err(git_failed)?;
        let agent = self.engine.agent_or_default(self.request.agent_id.as_ref());
        let job = self.context.id().to_string();
        let question = naming::Question {
            agent: &agent,
            task: self.request.initial_prompt.as_deref().unwrap_or_default(),
            branches: &branches.local,
            repository: self.git.root(),
            environment: self.engine.environment_of(self.repository.id),
            job: &job,
        };
        let suggested = naming::ask(question, self.context.cancelled()).await;
        if self.context.cancelled().is_cancelled() {
            return Err(cancelled());
        }
        let (wanted, title, fallback) = match suggested {
            Ok(suggestion) => (suggestion.branch, suggestion.title, None),
            Err(reason) => {
                self.context.log(&format!("no suggested name: {reason}"));
                let now = jiff::Timestamp::now().as_millisecond();
                (format!("task-{now}"), None, Some(reason))
            }
        };
        let branch = self.git.unused_branch(&wanted).await.map_err(git_failed)?;
        Ok(Name {
            branch,
            title,
            fallback,
        })
    }

    async fn base(&mut self, name: &Name) -> Result<Base, JobError> {
        if let Some(base) = &self.plan.base {
            return Ok(base.clone());
        }
        let base = match &self.request.mode {
            WorktreeMode::Existing { .. } => Base {
                commit: None,
                fetch_error: None,
            },
            WorktreeMode::Prompt {
                base_branch,
                use_remote,
            }
            | WorktreeMode::Custom {
                base_branch,
                use_remote,
                ..
            } => self.new_base(base_branch.as_deref(), *use_remote).await?,
        };
        if base.commit.is_some() {
            // From here on a branch of that name is of our making.
            let branches = self.git.branches().await.map_err(git_failed)?;
            if branches.local.contains(&name.branch) {
                let name = name.branch.clone();
                return Err(add_error(AddError::BranchExists { name }).into());
            }
        }
        self.plan.base = Some(base.clone());
        self.save().await?;
        Ok(base)
    }

    async fn new_base(&self, given: Option<&str>, use_remote: bool) -> Result<Base, JobError> {
        let wanted = match given {
            Some(base) => base.to_owned(),
            None => {
                let branches = self.git.branches().await.map_err(git_failed)?;
                branches.default.unwrap_or_else(|| "main".to_owned())
            }
        };
        let mut fetch_error = None;
        let mut expression = wanted.clone();
        if use_remote {
            let short = wanted.strip_prefix("origin/").unwrap_or(&wanted);
            self.context.progress(&format!("Fetching {short}"), None);
            match self.fetch(short).await? {
                Ok(()) => expression = format!("refs/remotes/origin/{short}"),
                Err(reason) => {
                    let text = "Failed to fetch remote branch, created from local branch instead";
                    self.context.log(&format!("{text}: {reason}"));
                    fetch_error = Some(format!("{text}: {reason}"));
                }
            }
        }
        match self.git.resolve(&expression).await {
            Ok(commit) => Ok(Base {
                commit: Some(commit),
                fetch_error,
            }),
            Err(offshoot_git::ResolveError::NoCommits) => Err(JobError::lasting(no_commits())),
            Err(offshoot_git::ResolveError::NotFound(_)) => {
                Err(EngineError::BranchNotFound(wanted).into())
            }
            Err(err) => Err(JobError::passing(err.to_string())),
        }
    }

    /// Fetches a branch. The inner error is the reason for doing without.
    async fn fetch(&self, branch: &str) -> Result<Result<(), String>, JobError> {
        let fetched = tokio::select! {
            fetched = self.git.fetch(Some(branch)) => fetched,
            () = self.context.cancelled().cancelled() => return Err(cancelled()),
        };
        Ok(fetched.map_err(|err| err.to_string()))
    }

    async fn place(&mut self) -> Result<Place, JobError> {
        if let Some(place) = &self.plan.place {
            return Ok(place.clone());
        }
        let mark = self.plan.mark.clone();
        let row = self
            .engine
            .reserve_worktree(&self.repository, &mark)
            .await?;
        let place = Place {
            path: PathBuf::from(row.path),
            index: row.idx,
        };
        self.plan.place = Some(place.clone());
        self.save().await?;
        Ok(place)
    }

    async fn add(&mut self, name: &Name, base: &Base, place: &Place) -> Result<(), JobError> {
        if self.plan.stage >= Stage::Added {
            return Ok(());
        }
        self.context.progress("Making the worktree", None);
        let mut new = match &base.commit {
            Some(commit) => NewWorktree::NewBranch {
                name: name.branch.clone(),
                base: commit.clone(),
            },
            None => NewWorktree::Existing(name.branch.clone()),
        };
        let is_there = self.plan.stage == Stage::Adding && self.find_added(&mut new, place).await?;
        if !is_there {
            self.plan.stage = Stage::Adding;
            self.save().await?;
            let added = self.git.add_worktree(&place.path, &new).await;
            added.map_err(add_error)?;
        }
        self.context.log(&format!(
            "worktree {} on branch {}",
            place.path.display(),
            name.branch
        ));
        self.plan.stage = Stage::Added;
        self.save().await
    }

    /// Finds out what came of an earlier attempt. True: the worktree is there, whole. Else what is
    /// there of it is cleared away, and `new` says how to make it.
    async fn find_added(&self, new: &mut NewWorktree, place: &Place) -> Result<bool, JobError> {
        // A git that outlived the server may still be at it.
        program::end_git(&place.path).await;
        let worktrees = self.git.worktrees().await.map_err(git_failed)?;
        let found = worktrees
            .iter()
            .find(|worktree| worktree.path == place.path);
        if found.is_some_and(|found| !found.missing && !found.is_unfinished()) {
            return Ok(true);
        }
        self.git.discard_unfinished(&place.path).await;
        if let NewWorktree::NewBranch { name, .. } = new {
            let branches = self.git.branches().await.map_err(git_failed)?;
            if branches.local.contains(name) {
                *new = NewWorktree::Existing(name.clone());
            }
        }
        Ok(false)
    }

    /// Returns what git says is checked out.
    async fn branch_at(&self, path: &Path) -> String {
        let name = self.plan.name.as_ref().map(|name| name.branch.clone());
        match offshoot_git::head(path).await {
            Ok(head) => head.branch().map(str::to_owned).or(name),
            Err(_) => name,
        }
        .unwrap_or_default()
    }

    async fn fill(&mut self, branch: &str, place: &Place) -> Result<(), JobError> {
        if self.plan.stage >= Stage::Filled {
            return Ok(());
        }
        let remote = self.engine.remote_url_of(&self.repository).await;
        let root = self.engine.inner.home.templates();
        let main = PathBuf::from(&self.repository.path);
        let ours = place::directory_of(&root, remote.as_deref(), &main);
        if let Some(source) = templates::source(&main, &ours) {
            self.context.progress("Copying templates", None);
            let repo = ours
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let (branch, place) = (branch.to_owned(), place.clone());
            let cancel = self.context.cancelled().clone();
            let copy = move || {
                let facts = Facts {
                    index: place.index,
                    branch: &branch,
                    repo: repo.as_deref().unwrap_or_default(),
                    path: &place.path.to_string_lossy(),
                };
                templates::copy(&source, &place.path, facts, &cancel)
            };
            let copied = tokio::task::spawn_blocking(copy).await;
            let copied = copied.map_err(|err| JobError::passing(err.to_string()))?;
            let copied = copied.map_err(|err| JobError::lasting(err.to_string()))?;
            self.context
                .log(&format!("{} template files", copied.n_files));
            for path in copied.left_out {
                self.context.log(&format!("left out: {}", path.display()));
            }
        }
        self.plan.stage = Stage::Filled;
        self.save().await
    }

    async fn set_up(&mut self, branch: &str, place: &Place) -> Result<(), JobError> {
        if self.plan.stage >= Stage::SetUp {
            return Ok(());
        }
        if let Some(command) = self.repository.setup_command.clone() {
            self.plan.setup = Some(self.run_setup(&command, branch, place).await?);
        }
        self.plan.stage = Stage::SetUp;
        self.save().await
    }

    async fn run_setup(
        &self,
        command: &str,
        branch: &str,
        place: &Place,
    ) -> Result<SetupCommandResult, JobError> {
        let config = &self.engine.inner.config;
        self.context.log(&format!("$ {command}"));
        let job = self.context.id().to_string();
        let setup = setup::Setup {
            command,
            facts: Facts {
                index: place.index,
                branch,
                repo: &self.repository.name,
                path: &place.path.to_string_lossy(),
            },
            environment: &config.environment,
            limit: config.setup_limit,
            job: &job,
        };
        let on_line = |line: &str| {
            self.context.log(line);
            self.context.progress(&format!("Setup: {line}"), None);
        };
        self.context.progress("Running the setup command", None);
        let run = setup::run(setup, self.context.cancelled(), on_line);
        let ended = with_signs(self.context, run).await.ok_or_else(cancelled)?;
        if let Some(error) = &ended.error {
            self.context
                .log(&format!("the setup command failed: {error}"));
        }
        Ok(ended)
    }

    async fn session(
        &self,
        name: &Name,
        branch: &str,
        place: &Place,
    ) -> Result<Option<Session>, JobError> {
        if !self.request.auto_start_session {
            return Ok(None);
        }
        let id = self.plan.session_id;
        if let Ok(session) = self.engine.session(id) {
            if self.engine.has_begun(id) {
                return Ok(Some(session));
            }
            self.engine.forget_unbegun(id).await?;
        }
        self.context.progress("Starting the session", None);
        let new = NewSession {
            id,
            kind: SessionKind::Worktree,
            location_path: place.path.to_string_lossy().into_owned(),
            repository_id: Some(self.repository.id),
            worktree_branch: Some(branch.to_owned()),
            owned_worktree: true,
            title: self.request.title.clone().or_else(|| name.title.clone()),
            prompt: self.request.initial_prompt.clone(),
            first: FirstWorker::Agent {
                agent_id: self.request.agent_id.clone(),
                continue_conversation: false,
            },
        };
        Ok(Some(self.engine.open_session(new).await?))
    }
}

/// Shows that a job lives while something silent runs.
pub(crate) async fn with_signs<T>(context: &JobContext, work: impl Future<Output = T>) -> T {
    let signs = async {
        loop {
            tokio::time::sleep(SIGN_EVERY).await;
            context.sign();
        }
    };
    tokio::select! {
        done = work => done,
        () = signs => unreachable!("signs never end"),
    }
}

fn cancelled() -> JobError {
    JobError::lasting("Canceled")
}

fn git_failed(err: offshoot_git::GitError) -> JobError {
    EngineError::git(err).into()
}
