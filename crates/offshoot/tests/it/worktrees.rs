//! Worktrees as jobs, over HTTP and the first dialect's application socket: made, deleted, brought
//! back, and finished after the server was killed in the middle.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::rig::socket::{Message, WebSocket};
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Rig, process};
use serde_json::{Value, json};

use crate::box_of::{binary, rig};
use crate::succeed;

/// An agent that says how it was started and stays.
const AGENT: &str = "sh -c 'echo AGENT prompt=[$0]; exec cat' {{prompt}}";

/// A server with a registered repository.
struct Place {
    rig: Rig,
    repository: TestRepository,
    /// The address of the repository.
    path: String,
    agent: String,
}

impl Place {
    fn new() -> Self {
        let rig = rig();
        let repository = TestRepository::new().unwrap();
        let body = json!({"path": repository.path()});
        let made: Value = rig.http.send("POST", "/api/repositories", &body).json();
        let id = made["repository"]["id"]
            .as_str()
            .expect("registered")
            .to_owned();
        let body = json!({"name": "FA", "commandTemplate": AGENT});
        let agent: Value = rig.http.send("POST", "/api/agents", &body).json();
        Self {
            rig,
            repository,
            path: format!("/api/repositories/{id}"),
            agent: agent["agent"]["id"].as_str().expect("made").to_owned(),
        }
    }

    fn set_up_with(&self, command: &str) {
        let body = json!({"setupCommand": command});
        assert_eq!(self.rig.http.send("PATCH", &self.path, &body).status, 200);
    }

    fn app(&self) -> App {
        App(WebSocket::open(&self.rig.http, "/ws/app", None).expect("it opens"))
    }

    /// Asks for a worktree; returns the job.
    fn create(&self, mut body: Value) -> String {
        body["agentId"] = json!(self.agent);
        let path = format!("{}/worktrees", self.path);
        let answer = self.rig.http.send("POST", &path, &body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        let accepted: Value = answer.json();
        assert_eq!(accepted["accepted"], true);
        accepted["jobId"].as_str().expect("an id").to_owned()
    }

    /// Makes a worktree with a session and returns the frame that tells it.
    fn created(&self, app: &mut App, task: &str, branch: &str) -> Value {
        self.create(
            json!({"taskId": task, "mode": "custom", "branch": branch, "autoStartSession": true}),
        );
        app.next("worktree-creation-completed")
    }

    fn worktrees(&self) -> Vec<Value> {
        let listed: Value = self
            .rig
            .http
            .get(&format!("{}/worktrees", self.path))
            .json();
        listed["worktrees"].as_array().expect("a list").clone()
    }

    fn sessions(&self) -> Vec<Value> {
        let listed: Value = self.rig.http.get("/api/sessions").json();
        listed["sessions"].as_array().expect("a list").clone()
    }

    fn deletion(&self, worktree: &str, query: &str) -> String {
        let escaped = worktree.replace('/', "%2F");
        format!("{}/worktrees/{escaped}{query}", self.path)
    }

    fn delete(&self, worktree: &str, query: &str) -> (u16, Value) {
        let answer = self.rig.http.delete(&self.deletion(worktree, query));
        let body = serde_json::from_str(&answer.text()).expect("JSON");
        (answer.status, body)
    }

    fn offshoot(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(binary());
        command
            .args(args)
            .env("OFFSHOOT_HOME", self.rig.home())
            .env("HOME", self.rig.user_dir());
        command
    }
}

/// An application socket of the first dialect.
struct App(WebSocket);

impl App {
    /// Returns the next frame of a type, and passes over others.
    fn next(&mut self, kind: &str) -> Value {
        self.until(kind).pop().expect("at least the frame itself")
    }

    /// Returns the frames up to the next one of a type.
    fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            match self
                .0
                .receive()
                .unwrap_or_else(|err| panic!("{kind}: {err}, after {frames:?}"))
            {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    let found = frame["type"] == kind;
                    frames.push(frame);
                    if found {
                        return frames;
                    }
                }
                Message::Binary(_) => {}
                Message::Close(code) => panic!("closed with {code}"),
            }
        }
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn a_worktree_with_templates_setup_and_session_is_made_and_told() {
    let place = Place::new();
    let templates = place.repository.path().join(".agent-console/conf");
    fs::create_dir_all(&templates).unwrap();
    let template = "{{WORKTREE_NUM * 10}} {{BRANCH}} {{REPO}} {{WORKTREE_PATH}} {{ BRANCH }}";
    fs::write(templates.join("t"), template).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", templates.join("link")).unwrap();
    place.set_up_with("echo {{WORKTREE_NUM + 3000}} $BRANCH; cat conf/t >&2; exit 4");
    let mut app = place.app();
    let body = json!({"taskId": "t-1", "mode": "custom", "branch": "fix/cart", "baseBranch": "main",
        "autoStartSession": true, "initialPrompt": "it's \"here\"", "title": "Cart"});
    let job = place.create(body);
    let frames = app.until("worktree-creation-completed");
    let kinds: Vec<_> = frames.iter().map(|frame| text_of(frame, "type")).collect();
    assert!(kinds.contains(&"session-created"), "{kinds:?}");
    let told = frames.last().unwrap();
    assert_eq!(told["taskId"], "t-1");
    assert_eq!(told["session"]["title"], "Cart");
    assert_eq!(told["session"]["worktreeId"], "fix/cart");
    assert!(told.get("fetchFailed").is_none() && told.get("branchNameFallback").is_none());
    let worktree = &told["worktree"];
    assert_eq!(worktree["index"], 1);
    assert_eq!(worktree["branch"], "fix/cart");
    let path = text_of(worktree, "path");
    let name = path.rsplit('/').next().unwrap();
    assert!(
        name.starts_with("wt-001-") && name.len() == "wt-001-abcd".len(),
        "{name}"
    );
    let repo = place.repository.path();
    let repo = repo.file_name().unwrap().to_str().unwrap();
    let expanded = format!("10 fix/cart {repo} {path} {{{{ BRANCH }}}}");
    let setup = &told["setupCommandResult"];
    assert_eq!(setup["success"], false);
    assert_eq!(setup["output"], "3001 fix/cart\n");
    assert_eq!(setup["error"], json!(expanded));
    let link = Path::new(path).join("conf/link");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let log = fs::read_to_string(place.rig.home().join(format!("jobs/{job}.log"))).unwrap();
    assert!(log.contains("3001 fix/cart"), "{log}");
    assert_eq!(place.worktrees().len(), 2);
}

#[test]
fn failures_and_fallbacks_are_told() {
    let place = Place::new();
    let mut app = place.app();
    place
        .create(json!({"taskId": "bad", "mode": "custom", "branch": "b", "baseBranch": "no/such"}));
    let failed = app.next("worktree-creation-failed");
    assert_eq!(failed["taskId"], "bad");
    assert!(text_of(&failed, "error").contains("no/such"), "{failed}");
    assert_eq!(place.worktrees().len(), 1);

    place.create(json!({"taskId": "p", "mode": "prompt", "initialPrompt": "do it"}));
    let told = app.next("worktree-creation-completed");
    let branch = text_of(&told["worktree"], "branch");
    let digits = branch.strip_prefix("task-").expect(branch);
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{branch}");
    assert_eq!(told["branchNameFallback"]["usedBranch"], branch);
    assert!(text_of(&told["branchNameFallback"], "reason").contains("headless"));
    assert_eq!(told["session"], Value::Null);
    assert!(told.get("setupCommandResult").is_none());

    place.repository.git(&["branch", "local-only"]).unwrap();
    let body = json!({"taskId": "r", "mode": "custom", "branch": "from-local", "baseBranch": "local-only", "useRemote": true});
    place.create(body);
    let told = app.next("worktree-creation-completed");
    assert_eq!(told["fetchFailed"], true);
    assert!(!text_of(&told, "fetchError").is_empty());

    place.create(json!({"taskId": "e", "mode": "existing", "branch": "local-only"}));
    let told = app.next("worktree-creation-completed");
    assert_eq!(told["worktree"]["branch"], "local-only");
    assert_eq!(told["worktree"]["index"], 3);
    // It is taken now, and the refusal leaves everything as it is.
    place.create(json!({"taskId": "e2", "mode": "existing", "branch": "local-only"}));
    assert_eq!(app.next("worktree-creation-failed")["taskId"], "e2");
    place.create(json!({"taskId": "c2", "mode": "custom", "branch": "local-only"}));
    assert_eq!(app.next("worktree-creation-failed")["taskId"], "c2");
    assert_eq!(place.worktrees().len(), 4);
    for body in [
        json!({"taskId": "x", "mode": "custom", "branch": "--upload-pack=touch x"}),
        json!({"taskId": "x", "mode": "custom", "branch": "-x"}),
        json!({"taskId": "x", "mode": "custom", "branch": "a..b"}),
        json!({"taskId": "x", "mode": "custom", "branch": "a\nb"}),
        json!({"taskId": " ", "mode": "custom", "branch": "ok"}),
        json!({"taskId": "x", "mode": "custom", "branch": "ok", "agentId": "nobody"}),
        json!({"taskId": "x", "mode": "other"}),
    ] {
        let path = format!("{}/worktrees", place.path);
        let answer = place.rig.http.send("POST", &path, &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
}

#[test]
fn a_name_comes_from_the_agent_without_a_terminal() {
    let place = Place::new();
    place.repository.git(&["branch", "fix-the-cart"]).unwrap();
    let template = r#"sh -c 'case "$1" in *"do $(exit 9)"*) echo "{\"branch\": \"Fix The Cart\", \"title\": \"Cart $TERM\"}";; esac' x {{prompt}}"#;
    let path = format!("/api/agents/{}", place.agent);
    let answer = place
        .rig
        .http
        .send("PATCH", &path, &json!({"headlessTemplate": template}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut app = place.app();
    let body = json!({"taskId": "p", "mode": "prompt", "initialPrompt": "do $(exit 9)", "autoStartSession": true});
    place.create(body);
    let told = app.next("worktree-creation-completed");
    // The name it wanted is taken.
    assert_eq!(told["worktree"]["branch"], "fix-the-cart-2", "{told}");
    assert_eq!(told["session"]["title"], "Cart dumb");
    assert_eq!(told["session"]["initialPrompt"], "do $(exit 9)");
}

#[test]
fn deleting_keeps_work_or_refuses() {
    let place = Place::new();
    let mut app = place.app();
    let told = place.created(&mut app, "c", "work");
    let path = text_of(&told["worktree"], "path").to_owned();
    fs::write(Path::new(&path).join("new"), "precious\n").unwrap();

    let (status, answer) = place.delete(&path, "?taskId=d1");
    assert_eq!(status, 202, "{answer}");
    let failed = app.next("worktree-deletion-failed");
    assert_eq!(failed["taskId"], "d1");
    assert_eq!(failed["sessionId"], "");
    assert!(
        text_of(&failed, "gitStatus").contains("On branch work"),
        "{failed}"
    );
    assert_eq!(place.sessions().len(), 1);
    let (status, answer) = place.delete(&path, "");
    assert_eq!(status, 400, "{answer}");
    for outside in [
        "/etc",
        "/",
        &format!("{path}/../../../../x"),
        &format!("{path}/..%2f..%2f..%2fx"),
    ] {
        let (status, answer) = place.delete(outside, "?taskId=o&force=true");
        assert_eq!(status, 400, "{outside}: {answer}");
    }
    // Only the word itself forces.
    let (status, _) = place.delete(&path, "?force=1");
    assert_eq!(status, 400);

    let session = text_of(&told["session"], "id").to_owned();
    let pause = format!("/api/sessions/{session}/pause");
    assert_eq!(place.rig.http.send("POST", &pause, &json!({})).status, 200);
    let target = place.deletion(&path, "?force=true&taskId=d2");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || place.rig.http.delete(&target).status;
        let asked: Vec<_> = (0..2).map(|_| scope.spawn(ask)).collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    });
    assert!(
        statuses.contains(&202) && statuses.contains(&409),
        "{statuses:?}"
    );
    let frames = app.until("worktree-deletion-completed");
    let deleted = frames
        .iter()
        .position(|frame| frame["type"] == "session-deleted");
    assert!(deleted.is_some(), "{frames:?}");
    assert_eq!(frames.last().unwrap()["sessionId"], session);
    assert!(!Path::new(&path).exists());
    assert_eq!(place.sessions().len(), 0);

    let listed = succeed(&mut place.offshoot(&["trash", "ls", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = text_of(&listed[0], "id").to_owned();
    assert_eq!(listed[0]["branch"], "work");
    let restored = succeed(&mut place.offshoot(&["trash", "restore", &id, "--json"]));
    let restored: Value = serde_json::from_str(&restored).unwrap();
    let back = PathBuf::from(text_of(&restored, "path"));
    assert_eq!(restored["index"], 1);
    assert_eq!(fs::read_to_string(back.join("new")).unwrap(), "precious\n");
    let target = place.rig.user_dir().join("elsewhere");
    let args = [
        "trash",
        "restore",
        &id,
        "--path",
        target.to_str().unwrap(),
        "--branch",
        "again",
    ];
    succeed(&mut place.offshoot(&args));
    assert_eq!(
        fs::read_to_string(target.join("new")).unwrap(),
        "precious\n"
    );
    succeed(&mut place.offshoot(&["trash", "drop", &id]));
    let listed = succeed(&mut place.offshoot(&["trash", "ls", "--json"]));
    assert_eq!(listed.trim(), "[]");
}

#[test]
fn discarding_a_session_goes_through_the_trash() {
    let place = Place::new();
    let mut app = place.app();
    let told = place.created(&mut app, "c", "work");
    let path = text_of(&told["worktree"], "path");
    fs::write(Path::new(path).join("new"), "precious\n").unwrap();
    let session = text_of(&told["session"], "id");
    let answer = place
        .rig
        .http
        .delete(&format!("/api/sessions/{session}?worktree=discard"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!Path::new(path).exists());
    let trash: Value = place.rig.http.get(&format!("{}/trash", place.path)).json();
    assert_eq!(trash["trash"][0]["summary"], "1 untracked");
    assert_eq!(place.worktrees().len(), 1);
    let told = place.created(&mut app, "c2", "other");
    assert_eq!(told["worktree"]["index"], 1, "the number is free again");
}

#[test]
fn what_others_do_to_worktrees_is_seen() {
    let place = Place::new();
    let mut app = place.app();
    let first = place.created(&mut app, "a", "a");
    let second = place.created(&mut app, "b", "b");
    let outside = place.rig.user_dir().join("mine");
    let outside = outside.to_str().unwrap();
    place
        .repository
        .git(&["worktree", "add", "-q", "-b", "mine", outside])
        .unwrap();
    let find = |path: &str| {
        let listed = place.worktrees();
        listed.into_iter().find(|worktree| worktree["path"] == path)
    };
    let mine = find(outside).expect("shown");
    assert!(mine.get("index").is_none() && mine["isMain"] == false);
    // Its directory goes: missing, until git forgets it.
    let path = text_of(&first["worktree"], "path");
    fs::remove_dir_all(path).unwrap();
    assert_eq!(find(path).expect("still on record")["missing"], true);
    let next = place.created(&mut app, "c", "c");
    assert_eq!(next["worktree"]["index"], 3);
    let (status, answer) = place.delete(path, "?force=true");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(find(path), None);
    // git removes it: its number is free.
    let path = text_of(&second["worktree"], "path");
    place
        .repository
        .git(&["worktree", "remove", "--force", path])
        .unwrap();
    assert_eq!(find(path), None);
    let next = place.created(&mut app, "d", "d");
    assert_eq!(next["worktree"]["index"], 1);
    let next = place.created(&mut app, "e", "e");
    assert_eq!(next["worktree"]["index"], 2);
}

fn last_pid(file: &Path) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    text.ends_with('\n')
        .then(|| text.lines().last()?.parse().ok())?
}

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as the request was accepted.
    Accepted,
    /// When the worktree's directory begins to be.
    Adding,
    /// While the setup command runs.
    SettingUp,
}

#[test]
fn a_server_that_is_killed_meanwhile_finishes_the_worktree() {
    for moment in [Moment::Accepted, Moment::Adding, Moment::SettingUp] {
        killed_at(moment);
    }
}

fn killed_at(moment: Moment) {
    let mut place = Place::new();
    let (pids, go) = (
        place.rig.user_dir().join("pids"),
        place.rig.user_dir().join("go"),
    );
    let (pids_text, go_text) = (pids.display(), go.display());
    place.set_up_with(&format!(
        "echo $$ >> {pids_text}; until [ -e {go_text} ]; do sleep 0.02; done; echo finished"
    ));
    let body = json!({"taskId": "k", "mode": "custom", "branch": "once", "autoStartSession": true});
    let job = place.create(body);
    let worktrees = place.rig.home().join("worktrees");
    let made = || {
        fs::read_dir(&worktrees)
            .ok()?
            .flatten()
            .find_map(|repository| fs::read_dir(repository.path()).ok()?.flatten().next())
    };
    match moment {
        Moment::Accepted => {}
        Moment::Adding => drop(until("a directory", made)),
        Moment::SettingUp => drop(until("the setup command runs", || last_pid(&pids))),
    }
    place.rig.kill_server();
    let first = last_pid(&pids);
    place.rig.start_server().unwrap();
    let again = until("the setup command runs after the death", || {
        last_pid(&pids).filter(|pid| Some(*pid) != first)
    });
    if let Some(first) = first {
        assert!(
            !process::is_alive(first),
            "{moment:?}: one setup command at a time"
        );
    }
    assert_ne!(Some(again), first);
    fs::write(&go, "").unwrap();
    until("the session is there", || {
        (!place.sessions().is_empty()).then_some(())
    });
    let log = place.rig.home().join(format!("jobs/{job}.log"));
    until("the job is done", || {
        let log = fs::read_to_string(&log).ok()?;
        log.trim_end().ends_with(" done").then_some(())
    });
    let sessions = place.sessions();
    assert_eq!(sessions.len(), 1, "{moment:?}");
    assert_eq!(sessions[0]["worktreeId"], "once");
    let listed = place.worktrees();
    assert_eq!(listed.len(), 2, "{moment:?}: {listed:?}");
    assert_eq!(listed[1]["index"], 1);
    let branches = place
        .repository
        .git(&["branch", "--format=%(refname:short)"])
        .unwrap();
    assert_eq!(
        branches.split_whitespace().collect::<Vec<_>>(),
        ["main", "once"]
    );
    assert_eq!(sessions[0]["locationPath"], listed[1]["path"]);
    let screen = sessions[0]["workers"][0]["id"].as_str().unwrap().to_owned();
    let session = text_of(&sessions[0], "id");
    let text = format!("/api/sessions/{session}/workers/{screen}/text?lines=10");
    until("the agent runs", || {
        place
            .rig
            .http
            .get(&text)
            .text()
            .contains("AGENT")
            .then_some(())
    });
}

/// A `git` of the server that stands still when it is to remove a worktree.
struct HeldGit {
    /// It stands still as long as this file is there, and then fails.
    hold: PathBuf,
    /// It makes this file when it stands still.
    held: PathBuf,
}

impl HeldGit {
    /// Puts it before the true one, for servers from the next start on.
    fn put_before(rig: &mut Rig) -> Self {
        let folder = rig.user_dir().join("bin");
        fs::create_dir(&folder).unwrap();
        let [hold, held] = ["hold", "held"].map(|name| folder.join(name));
        let path = std::env::var("PATH").unwrap();
        let script = format!(
            "#!/bin/sh\nPATH={path}\ncase \" $* \" in *' worktree remove '*)\n\
             if [ -e {0} ]; then : > {1}; while [ -e {0} ]; do sleep 0.02; done; exit 1; fi;;\n\
             esac\nexec git \"$@\"\n",
            hold.display(),
            held.display()
        );
        let program = folder.join("git");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        rig.set_env("PATH", &format!("{}:{path}", folder.display()));
        Self { hold, held }
    }
}

#[test]
fn a_server_that_is_killed_while_it_takes_a_worktree_back_takes_it_back_at_its_next_start() {
    let mut place = Place::new();
    let git = HeldGit::put_before(&mut place.rig);
    place.rig.kill_server();
    place.rig.start_server().unwrap();
    let pids = place.rig.user_dir().join("pids");
    place.set_up_with(&format!("echo $$ >> {}; sleep 1000", pids.display()));
    let job = place.create(json!({"taskId": "k", "mode": "custom", "branch": "half"}));
    until("the setup command runs", || last_pid(&pids));
    let path = PathBuf::from(text_of(&place.worktrees()[1], "path"));

    fs::write(&git.hold, "").unwrap();
    let cancel = format!("/api/jobs/{job}/cancel");
    let answer = place.rig.http.send("POST", &cancel, &json!({}));
    assert!(answer.status < 300, "{}", answer.text());
    until("it is being taken back", || git.held.exists().then_some(()));
    place.rig.kill_server();
    fs::remove_file(&git.hold).unwrap();
    assert!(path.exists(), "it was not taken back yet");

    place.rig.start_server().unwrap();
    let branch = || {
        let listed = place.repository.git(&["branch", "--list", "half"]);
        listed.unwrap()
    };
    until("it was taken back", || {
        (!path.exists() && branch().is_empty()).then_some(())
    });
    assert_eq!(place.worktrees().len(), 1);
    place.set_up_with("true");
    let mut app = place.app();
    let next = place.created(&mut app, "next", "half");
    assert_eq!(next["worktree"]["branch"], "half", "the name is free again");
}
