//! One agent in a worker of the built server, its home, and the model it asks.

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
use serde_json::{Value, json};

use crate::acts::PATIENCE;
use crate::footprint::Before;
use crate::watch::{Watch, now};

/// A screen that is still for so long is ready, in seconds.
const STILL: f64 = 1.0;

/// Between a pasted prompt and Enter, in seconds: Gemini takes what comes sooner for a part of it.
const BEFORE_ENTER: f64 = 0.3;

/// Around what is pasted.
const PASTE: &str = "\x1b[200~";
const PASTE_END: &str = "\x1b[201~";

/// An agent under observation.
pub(crate) struct Actor {
    pub(crate) looks: Looks,
    pub(crate) home: Home,
    pub(crate) watch: Watch,
    pub(crate) model: FakeModel,
    pub(crate) worker: Started,
    /// Whether its definition ships, so that the server can know its states.
    pub(crate) is_known: bool,
    before: Before,
    rig: Rig,
    /// The model answers on it; ended last.
    _runtime: tokio::runtime::Runtime,
}

impl Actor {
    /// Starts a server and in it an agent with a prompt; nobody when npm is out of reach.
    pub(crate) fn start(agent: RealAgent, prompt: &str) -> Option<Self> {
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
        let home = Home::make(agent, &root, &model.url(), Trust::Given).unwrap();
        let before = Before::of(&home);
        let rig = server(&home, &programs);
        let (id, is_known) = definition(&rig, agent);
        let body = StartSession {
            path: home.work().to_string_lossy().into_owned(),
            place: Place::Directory,
            run: Run::Agent { agent_id: Some(id) },
            prompt: Some(prompt.to_owned()),
            title: None,
        };
        let answer = rig.http.send("POST", "/api/sessions/start", &body);
        let worker = Started::of(&answer.json::<SessionBody>().session);
        let watch = Watch::start(&rig.http, worker);
        Some(Self {
            looks: Looks::of(agent).unwrap(),
            home,
            watch,
            model,
            worker,
            is_known,
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

    /// Gives a prompt as a person at the terminal does; returns when Enter was pressed.
    pub(crate) fn prompt(&self, prompt: &str) -> f64 {
        self.type_text(&format!("{PASTE}{prompt}{PASTE_END}"));
        let last = prompt.rsplit(' ').next().unwrap_or(prompt).to_owned();
        let drawn = self
            .watch
            .wait_for_screen("the pasted prompt", now(), |shown| {
                shown.text().contains(&last) || shown.text().contains("asted")
            });
        until("Enter is a key of its own", || {
            (now() > drawn + BEFORE_ENTER).then_some(())
        });
        self.type_text("\r")
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
        // Of an agent that nothing is known of, what does not come at once does not come.
        let patience = if self.is_known { PATIENCE } else { 1.0 };
        self.watch
            .wait_for_state(names, after, Duration::from_secs_f64(patience))
    }

    /// Waits until the agent is ready for a prompt, by its screen and by its state.
    pub(crate) fn ready(&self) -> Option<f64> {
        // Some draw their input line before they read what is typed into it.
        let at = self
            .watch
            .wait_for_stillness("rest", STILL, |shown| self.looks.at_rest(shown));
        self.wait_for_state(&["idle"], at)
    }

    /// The user's settings are what they were.
    pub(crate) fn assert_no_footprint(&self) {
        self.before.assert_unchanged(&self.home);
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

fn server(home: &Home, programs: &Path) -> Rig {
    let mut rig = Rig::prepare(&programs::offshoot()).unwrap();
    let path = std::env::var("PATH").unwrap();
    rig.set_env("PATH", &format!("{}:{path}", programs.display()));
    rig.set_env("HOME", &home.path().to_string_lossy());
    rig.set_env("LANG", "C.UTF-8");
    for (name, value) in home.environment() {
        rig.set_env(name, &value);
    }
    rig.start_server().unwrap();
    rig
}

/// The definition of an agent: the one that ships, or one made of templates; and whether the states of
/// the agent can be known with it.
fn definition(rig: &Rig, agent: RealAgent) -> (AgentId, bool) {
    let known: Value = rig.http.get("/api/agents").json();
    let mut known = known["agents"].as_array().unwrap().iter();
    let is_it = |known: &&Value| {
        let id = known["id"].as_str().unwrap_or_default();
        id == agent.id || (id == "claude-code-builtin" && agent.id == "claude-code")
    };
    if let Some(found) = known.find(is_it) {
        return (serde_json::from_value(found["id"].clone()).unwrap(), true);
    }
    let (start, resume) = match agent.id {
        "codex" => ("codex {{prompt}}", "codex resume --last"),
        "opencode" => ("opencode --prompt {{prompt}}", "opencode -c"),
        "gemini" => ("gemini -i {{prompt}}", "gemini --resume latest"),
        _ => ("qwen -i {{prompt}}", "qwen --continue"),
    };
    let body = json!({"name": agent.id, "commandTemplate": start, "continueTemplate": resume});
    let made: Value = rig.http.send("POST", "/api/agents", &body).json();
    // Codex reports its states to any terminal.
    let is_known = agent.id == "codex";
    (
        serde_json::from_value(made["agent"]["id"].clone()).unwrap(),
        is_known,
    )
}
