//! Hooks of an agent, from the agent's own process to what is shown of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use offshoot_protocol::AgentId;
use offshoot_protocol::hook::HookFile;
use offshoot_protocol::rest::{Place, Run, SessionBody, StartSession};
use offshoot_protocol::view::{Conversation, ConversationSource};
use offshoot_testkit::rig::Rig;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;

use crate::box_of::binary;

/// Plays Claude Code: writes down how it was started and waits.
const CLAUDE: &str = "printf '%s\\n' \"$@\" > \"$HOME/../argv.new\"\nmv \"$HOME/../argv.new\" \"$HOME/../argv\"\ncat\n";

/// A server whose users have that agent.
fn rig_with_claude() -> Rig {
    rig_with(CLAUDE)
}

/// A server whose users have an agent called `claude`, which runs this.
pub(crate) fn rig_with(script: &str) -> Rig {
    let mut rig = Rig::prepare(&binary()).unwrap();
    let bin = rig.home().with_file_name("agent-bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("claude"), format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(bin.join("claude"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    rig.set_env("PATH", &format!("{}:{path}", bin.display()));
    rig.start_server().unwrap();
    rig
}

pub(crate) fn start(rig: &Rig) -> Started {
    let request = StartSession {
        run: Run::Agent {
            agent_id: Some(AgentId::claude_code()),
        },
        place: Place::Directory,
        ..rig.command_request("")
    };
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    Started::of(&answer.json::<SessionBody>().session)
}

/// The arguments of the agent's newest start.
fn argv(rig: &Rig) -> Vec<String> {
    let file = rig.user_dir().join("../argv");
    let text = until("the agent has started", || fs::read_to_string(&file).ok());
    fs::remove_file(&file).unwrap();
    text.lines().map(str::to_owned).collect()
}

pub(crate) fn conversation(rig: &Rig, started: &Started) -> Option<Conversation> {
    let session = rig.session(started.session);
    let worker = session
        .workers
        .into_iter()
        .find(|one| one.id == started.worker);
    worker.unwrap().conversation
}

pub(crate) fn hook_file(rig: &Rig, started: &Started) -> PathBuf {
    rig.worker_dir(started.worker).join("hook.json")
}

/// Runs the hook as the agent would, and returns how long it took.
pub(crate) fn hook(file: Option<&Path>, event: &str, payload: &str) -> Duration {
    let mut command = Command::new(binary());
    command.args(["hook", "claude-code", event]).env_clear();
    if let Some(file) = file {
        command.env("OFFSHOOT_HOOK_FILE", file);
    }
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // One that does nothing reads nothing.
    let _ = std::io::Write::write_all(&mut input, payload.as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    began.elapsed()
}

pub(crate) fn payload(event: &str, id: &str, source: &str) -> String {
    serde_json::json!({"hook_event_name": event, "session_id": id, "source": source}).to_string()
}

pub(crate) fn n_spooled(file: &Path) -> usize {
    let told: HookFile = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    fs::read_dir(told.spool).map_or(0, Iterator::count)
}

/// Every file below a directory with its content.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(content(&entry.path())),
            false => drop(all.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    all
}

#[test]
fn an_agent_is_resumed_by_the_conversation_its_hooks_tell() {
    let rig = rig_with_claude();
    let before = content(&rig.user_dir());
    let started = start(&rig);
    let words = argv(&rig);
    let chosen = conversation(&rig, &started).unwrap();
    assert_eq!(chosen.source, ConversationSource::Chosen);
    assert_eq!(words[..2], ["--session-id".to_owned(), chosen.id.clone()]);
    assert_eq!(words[2], "--settings");
    let file = hook_file(&rig, &started);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // Another conversation begins; what a nested agent says of its own does not count.
    hook(
        Some(&file),
        "UserPromptSubmit",
        &payload("UserPromptSubmit", &chosen.id, ""),
    );
    hook(
        Some(&file),
        "SessionStart",
        &payload("SessionStart", "nested", "startup"),
    );
    hook(Some(&file), "Stop", &payload("Stop", "nested", ""));
    hook(
        Some(&file),
        "SessionStart",
        &payload("SessionStart", "cleared", "clear"),
    );
    until("the conversation is another one", || {
        conversation(&rig, &started).filter(|now| now.id == "cleared")
    });
    hook(Some(&file), "Stop", &payload("Stop", "cleared", ""));
    until("all reports are taken", || {
        (n_spooled(&file) == 0).then_some(())
    });

    let path = format!("{}/restart", started.path());
    let body = serde_json::json!({"continueConversation": true});
    assert_eq!(rig.http.send("POST", &path, &body).status, 200);
    assert_eq!(
        argv(&rig)[..2],
        ["--resume".to_owned(), "cleared".to_owned()]
    );
    // The user's own files are as they were.
    assert_eq!(content(&rig.user_dir()), before);
}

#[test]
fn reports_are_taken_in_when_the_server_comes_back() {
    let mut rig = rig_with_claude();
    let started = start(&rig);
    let id = conversation(&rig, &started).unwrap().id;
    let file = hook_file(&rig, &started);
    rig.kill_server();
    hook(
        Some(&file),
        "UserPromptSubmit",
        &payload("UserPromptSubmit", &id, ""),
    );
    hook(
        Some(&file),
        "SessionStart",
        &payload("SessionStart", "second", "clear"),
    );
    hook(
        Some(&file),
        "SessionStart",
        &payload("SessionStart", "third", "resume"),
    );
    assert_eq!(n_spooled(&file), 3);
    rig.start_server().unwrap();
    until("the spool is empty", || {
        (n_spooled(&file) == 0).then_some(())
    });
    let now = conversation(&rig, &started).unwrap();
    assert_eq!(
        (now.id.as_str(), now.source),
        ("third", ConversationSource::Hook)
    );
}

#[test]
fn two_agents_in_one_directory_do_not_mix() {
    let rig = rig_with_claude();
    let (one, other) = (start(&rig), start(&rig));
    let ids = [one, other].map(|started| conversation(&rig, &started).unwrap().id);
    assert_ne!(ids[0], ids[1]);
    // One cannot take the other's.
    let file = hook_file(&rig, &other);
    hook(
        Some(&file),
        "SessionStart",
        &payload("SessionStart", &ids[0], "resume"),
    );
    until("the report is taken", || {
        (n_spooled(&file) == 0).then_some(())
    });
    assert_eq!(conversation(&rig, &other).unwrap().id, ids[1]);
}

#[test]
fn a_hook_outside_of_our_workers_does_nothing() {
    hook(None, "Stop", "{}");
    hook(Some(Path::new("/nowhere/hook.json")), "Stop", "{}");
}

#[test]
fn a_stranger_cannot_report() {
    let rig = rig_with_claude();
    let started = start(&rig);
    let report = serde_json::json!({"id": uuid::Uuid::new_v4(), "agent": "a", "at": "2026-01-02T03:04:05Z", "seq": 1});
    let path = format!("/api/workers/{}/hooks", started.worker);
    // The user's own token is not the worker's.
    assert_eq!(rig.http.send("POST", &path, &report).status, 401);
}
