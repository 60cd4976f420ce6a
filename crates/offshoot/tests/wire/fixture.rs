//! What the statements are checked with: a server, a repository with a bare origin, the agent FA.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::rig::Rig;
use serde_json::{Value, json};

use crate::client::Client;

/// The agent: says how it was started and what it is told, and does what the checks need. The line
/// `run …` is given to the shell.
const FA: &str = r#"#!/bin/sh
printf 'AGENT mode=%s prompt=[%s]\n' "$1" "$2"
while IFS= read -r line; do
  case "$line" in
    burst) i=0; while [ $i -lt 40 ]; do echo "line $i"; sleep 0.05; i=$((i+1)); done;;
    ask) echo 'Do you want to go?';;
    quit) exit 7;;
    'run '*) eval "${line#run }";;
    *) printf 'got:%s\n' "$line";;
  esac
done
"#;

/// A server in a box with a client that signed in.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) rig: Rig,
    pub(crate) client: Client,
}

impl Fixture {
    /// Starts the server.
    pub(crate) fn new() -> Self {
        Self::of(Rig::start(&binary()).expect("the server starts"))
    }

    /// Starts the server with further variables.
    pub(crate) fn with_env(variables: &[(&str, &str)]) -> Self {
        let mut rig = Rig::prepare(&binary()).unwrap();
        for (name, value) in variables {
            rig.set_env(name, value);
        }
        rig.start_server().unwrap();
        Self::of(rig)
    }

    /// Starts the server where a program of the name of the built-in agent is found.
    pub(crate) fn with_claude() -> Self {
        let mut rig = Rig::prepare(&binary()).unwrap();
        let bin = rig.user_dir().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("claude"), FA).unwrap();
        fs::set_permissions(bin.join("claude"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        rig.set_env("PATH", &format!("{}:{path}", bin.display()));
        rig.start_server().unwrap();
        Self::of(rig)
    }

    fn of(rig: Rig) -> Self {
        let client = Client::sign_in(&rig);
        Self { rig, client }
    }

    /// The script of FA.
    pub(crate) fn script(&self) -> PathBuf {
        let path = self.rig.user_dir().join("fa.sh");
        if !path.exists() {
            fs::write(&path, FA).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    /// Registers FA and returns its id.
    pub(crate) fn fa(&self) -> String {
        let body = self.fa_body();
        let agent = self.client.post("/api/agents", &body, 201);
        agent["agent"]["id"].as_str().unwrap().to_owned()
    }

    /// The request that registers FA.
    pub(crate) fn fa_body(&self) -> Value {
        let script = self.script();
        let script = script.display();
        json!({
            "name": "FA",
            "commandTemplate": format!("{script} start {{{{prompt}}}}"),
            "continueTemplate": format!("{script} cont"),
            "activityPatterns": {"askingPatterns": ["Do you want to.*\\?"]},
        })
    }

    /// Opens a quick session of an agent in the user's directory.
    pub(crate) fn quick(&self, agent: &str) -> Value {
        self.quick_with(agent, &json!({}))
    }

    /// Opens a quick session with further fields.
    pub(crate) fn quick_with(&self, agent: &str, more: &Value) -> Value {
        let mut body = json!({
            "type": "quick",
            "locationPath": self.rig.user_dir(),
            "agentId": agent,
        });
        merge(&mut body, more);
        self.client.post("/api/sessions", &body, 201)["session"].clone()
    }

    /// Registers a repository.
    pub(crate) fn register(&self, path: &Path) -> Value {
        let body = json!({"path": path});
        self.client.post("/api/repositories", &body, 201)["repository"].clone()
    }

    /// Opens a session of an agent in a worktree of a registered repository.
    pub(crate) fn worktree_session(
        &self,
        agent: &str,
        repository: &Value,
        branch: &str,
        path: &Path,
    ) -> Value {
        let body = json!({
            "type": "worktree",
            "repositoryId": repository["id"],
            "worktreeId": branch,
            "locationPath": path,
            "agentId": agent,
        });
        self.client.post("/api/sessions", &body, 201)["session"].clone()
    }
}

/// A repository, registered, with a session of FA in a linked worktree on branch `work`.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) repository: TestRepository,
    pub(crate) record: Value,
    pub(crate) worktree: PathBuf,
    pub(crate) session: Value,
}

impl Shop {
    pub(crate) fn new(b: &Fixture, agent: &str) -> Self {
        let repository = TestRepository::new().unwrap();
        let record = b.register(&repository.path());
        let worktree = linked_worktree(b, &repository, "work");
        let session = b.worktree_session(agent, &record, "work", &worktree);
        Self {
            repository,
            record,
            worktree,
            session,
        }
    }
}

/// Adds a linked worktree on a new branch with git alone.
pub(crate) fn linked_worktree(b: &Fixture, repository: &TestRepository, branch: &str) -> PathBuf {
    let path = b.rig.user_dir().join(format!("wt-{branch}"));
    let at = path.to_string_lossy().into_owned();
    repository
        .git(&["worktree", "add", "-q", "-b", branch, &at])
        .unwrap();
    path
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_offshoot"))
}

/// Puts the fields of one object over another's.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
}

/// The path of a session.
pub(crate) fn of_session(session: &Value) -> String {
    format!("/api/sessions/{}", session["id"].as_str().unwrap())
}

/// The path of a worker.
pub(crate) fn of_worker(session: &Value, worker: &Value) -> String {
    let worker = worker["id"].as_str().unwrap();
    format!("{}/workers/{worker}", of_session(session))
}

/// The first worker of a session, its agent.
pub(crate) fn agent_of(session: &Value) -> &Value {
    &session["workers"][0]
}
