//! One agent in a worker of the built server, its home, and the model it asks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use offshoot_protocol::AgentId;
use offshoot_protocol::rest::{
    Place, RestartWorker, Run, SendInput, SessionBody, StartSession, WorkerBody,
};
use offshoot_testkit::agents::{Brought, Home, RealAgent, Trust};
use offshoot_testkit::models::{Entry, FakeModel};
use offshoot_testkit::programs;
use offshoot_testkit::recording::looks::Looks;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Rig, process};
use rustix::process::Signal;
use serde_json::Value;

use crate::acts::PATIENCE;
use crate::footprint::Before;
use crate::watch::{Watch, now};

/// Who was late is asked why.
impl Drop for Actor {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "the reader of a failed test needs it")]
            {
                eprintln!("--- why: {}\n--- prompts: {}", self.why(), self.prompts());
            }
        }
    }
}

/// An agent under observation.
pub(crate) struct Actor {
    pub(crate) agent: RealAgent,
    pub(crate) looks: Looks,
    pub(crate) home: Home,
    pub(crate) watch: Watch,
    pub(crate) model: FakeModel,
    pub(crate) worker: Started,
    before: Before,
    pub(crate) rig: Rig,
    /// The model answers on it; ended last.
    _runtime: tokio::runtime::Runtime,
}

impl Actor {
    /// Starts a server and in it an agent, with a prompt or without; nobody when npm is out of reach.
    pub(crate) fn start(agent: RealAgent, trust: Trust, prompt: Option<&str>) -> Option<Self> {
        let programs = match agent.bring().unwrap() {
            Brought::Programs(programs) => programs,
            Brought::OutOfReach(reason) => {
                skip(agent, &reason);
                return None;
            }
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let model = runtime.block_on(FakeModel::start(0)).unwrap();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("real")
            .join(agent.id);
        let home = Home::make(agent, &root, &model.url(), trust).unwrap();
        let before = Before::of(&home);
        let rig = server(&home, &root.join("data"), &programs);
        let body = StartSession {
            path: home.work().to_string_lossy().into_owned(),
            place: Place::Directory,
            run: Run::Agent {
                agent_id: Some(definition(agent)),
            },
            prompt: prompt.map(str::to_owned),
            title: None,
        };
        let answer = rig.http.send("POST", "/api/sessions/start", &body);
        let worker = Started::of(&answer.json::<SessionBody>().session);
        let watch = Watch::start(&rig.http, worker);
        Some(Self {
            agent,
            looks: Looks::of(agent).unwrap(),
            home,
            watch,
            model,
            worker,
            before,
            rig,
            _runtime: runtime,
        })
    }

    /// Types, and returns when.
    pub(crate) fn type_text(&self, text: &str) -> f64 {
        let at = now();
        let body = SendInput {
            text: text.to_owned(),
            submit: false,
        };
        let answer = self
            .rig
            .http
            .send("POST", &format!("{}/input", self.worker.path()), &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        at
    }

    /// Waits until the model was asked by a prompt with a text; returns that request.
    pub(crate) fn asked(&self, text: &str) -> Entry {
        until(&format!("the model is asked {text:?}"), || self.entry(text))
    }

    /// The last request of a prompt with a text that offers tools.
    pub(crate) fn entry(&self, text: &str) -> Option<Entry> {
        let log = self.model.log();
        log.into_iter()
            .rfind(|entry| entry.prompt.contains(text) && !entry.tools.is_empty())
    }

    /// Waits until the model answered all there is to a prompt; returns when its last word was said.
    pub(crate) fn said(&self, text: &str, requests: usize) -> f64 {
        until(&format!("the model has answered {text:?}"), || {
            let log = self.model.log();
            let of_prompt = log
                .iter()
                .filter(|entry| entry.prompt.contains(text) && !entry.tools.is_empty());
            let ends: Option<Vec<f64>> = of_prompt.map(|entry| entry.ended_at).collect();
            let ends = ends.filter(|ends| ends.len() >= requests)?;
            ends.last().copied()
        })
    }

    /// Kills the agent with everything it started; returns when.
    pub(crate) fn kill(&self) -> f64 {
        let body: Value = self
            .rig
            .http
            .get(&format!("/api/sessions/{}", self.worker.session))
            .json();
        let workers = body["session"]["workers"].as_array().unwrap().iter();
        let mut pids = workers.filter_map(|worker| worker["process"]["pid"].as_u64());
        let pid = u32::try_from(pids.next().unwrap()).unwrap();
        let all = process::descendants(pid);
        let at = now();
        for pid in all.into_iter().chain([pid]) {
            process::signal(pid, Signal::KILL);
        }
        at
    }

    /// Deletes the session, and with it what runs in it.
    pub(crate) fn end_session(&self) {
        let path = format!("/api/sessions/{}", self.worker.session);
        let answer = self.rig.http.ask("DELETE", &path, &[], b"").unwrap();
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// What runs with the environment of the worker: the agent and all it started.
    pub(crate) fn processes(&self) -> Vec<u32> {
        process::with_variable("OFFSHOOT_WORKER_ID", &self.worker.worker.to_string())
    }

    /// Kills the server and starts it again.
    pub(crate) fn restart_server(&mut self) {
        self.rig.kill_server();
        self.rig.start_server().unwrap();
        self.watch = Watch::start(&self.rig.http, self.worker);
    }

    /// Takes away what the agent remembers of its conversations.
    pub(crate) fn forget_conversations(&self) {
        for name in self.agent.conversations() {
            let path = self.home.path().join(name);
            let gone = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        }
    }

    /// Starts the agent again in its conversation.
    pub(crate) fn resume(&mut self) {
        let body = RestartWorker {
            continue_conversation: true,
            terminal: false,
        };
        let path = format!("{}/restart", self.worker.path());
        let answer = self.rig.http.send("POST", &path, &body);
        answer.json::<WorkerBody>();
        // What the first life showed is no evidence any more.
        self.watch = Watch::start(&self.rig.http, self.worker);
    }

    /// Waits until the server says one of those states, after a moment; returns since when.
    pub(crate) fn wait_for_state(&self, names: &[&str], after: f64) -> Option<f64> {
        self.watch
            .wait_for_state(names, after, Duration::from_secs_f64(PATIENCE))
    }

    /// The user's settings are what they were, and nothing of the user's names us.
    pub(crate) fn assert_no_footprint(&self) {
        self.before.assert_unchanged(&self.home, self.rig.home());
    }
}

#[expect(
    clippy::print_stderr,
    reason = "loud, so that nobody takes it for a pass"
)]
fn skip(agent: RealAgent, reason: &str) {
    eprintln!(
        "\n!!! SKIPPED: {} {} is not tested: {reason}\n",
        agent.id, agent.version
    );
}

fn server(home: &Home, data: &Path, programs: &Path) -> Rig {
    let mut rig = Rig::prepare(&programs::offshoot()).unwrap();
    // Gemini and Qwen take no settings from below /tmp.
    rig.set_home(data.to_owned());
    let path = std::env::var("PATH").unwrap();
    rig.set_env("PATH", &format!("{}:{path}", programs.display()));
    rig.set_env("HOME", &home.path().to_string_lossy());
    rig.set_env("LANG", "C.UTF-8");
    rig.set_env("OFFSHOOT_TRUSTED_HOOKS", "codex");
    for (name, value) in home.environment() {
        rig.set_env(name, &value);
    }
    rig.start_server().unwrap();
    rig
}

/// The id of an agent's definition.
fn definition(agent: RealAgent) -> AgentId {
    AgentId(match agent.id {
        "claude-code" => "claude-code-builtin".to_owned(),
        id => id.to_owned(),
    })
}
