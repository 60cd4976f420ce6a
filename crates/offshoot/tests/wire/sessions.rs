//! W25–W38: sessions.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::client::refused;
use crate::fixture::{Fixture, Shop, agent_of, of_session};

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect()
}

#[test]
fn w25_a_quick_session() {
    let f = Fixture::with_claude();
    let agent = f.fa();
    let session = f.quick(&agent);
    assert_eq!(session["type"], "quick");
    assert_eq!(session["status"], "active");
    assert_eq!(session["activationState"], "running");
    assert_eq!(session["locationPath"], json!(f.rig.user_dir()));
    for absent in ["repositoryId", "worktreeId", "title", "initialPrompt"] {
        assert!(session.get(absent).is_none(), "{absent}: {session}");
    }
    let workers = session["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2);
    assert_eq!(
        (&workers[0]["type"], &workers[0]["name"]),
        (&json!("agent"), &json!("FA"))
    );
    assert_eq!(workers[0]["agentId"], agent.as_str());
    assert_eq!(workers[0]["activated"], true);
    assert_eq!(
        (&workers[1]["type"], &workers[1]["name"]),
        (&json!("git-diff"), &json!("Diff"))
    );
    assert_eq!(workers[1]["baseCommit"], "HEAD", "no repository, no commit");
    assert_eq!(
        f.client.read(&of_session(&session))["session"]["id"],
        session["id"]
    );
    // An agent that nobody knows falls back silently.
    let fallback = f.quick_with("no-such-agent", &json!({"continueConversation": false}));
    assert_eq!(agent_of(&fallback)["name"], "AI");
    assert_eq!(
        agent_of(&f.quick_with("claude-code-builtin", &json!({})))["name"],
        "Claude Code"
    );
}

#[test]
fn w26_a_session_is_announced_once() {
    let f = Fixture::new();
    let agent = f.fa();
    let mut app = f.client.app();
    let session = f.quick(&agent);
    let activity = json!({
        "type": "worker-activity",
        "sessionId": session["id"],
        "workerId": agent_of(&session)["id"],
        "activityState": "idle",
    });
    assert_eq!(app.frame(), activity);
    let created = app.frame();
    assert_eq!(created["type"], "session-created");
    assert_eq!(created["session"]["id"], session["id"]);
    let (more, _) = app.news();
    let once = |kind: &str| !kinds(&more).contains(&kind);
    assert!(
        once("session-created") && once("worker-activity"),
        "{more:?}"
    );
}

#[test]
fn w27_directories_that_are_missing_or_not_allowed() {
    let f = Fixture::new();
    let link = f.rig.user_dir().join("link");
    symlink("/etc", &link).unwrap();
    let below = link.join("ssl");
    let up = f.rig.user_dir().join("../../../../etc");
    for path in [
        json!("/no/such"),
        json!("/etc"),
        json!("/etc/"),
        json!("/usr/bin"),
        json!("/proc/self"),
        json!(link),
        json!(below),
        json!(up),
        json!(""),
        json!("  "),
        json!(7),
        json!("relative"),
    ] {
        let body = json!({"type": "quick", "locationPath": path});
        let answer = f.client.send("POST", "/api/sessions", &body);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        refused(&answer, 400);
    }
    let [sessions, ..] = f.client.socket("/ws/app").syncs();
    assert_eq!(sessions["sessions"], json!([]), "nothing is left behind");
}

#[test]
fn w28_the_prompt_is_one_unchanged_argument() {
    let f = Fixture::new();
    let agent = f.fa();
    let prompt = "it's \"quoted\" $HOME $(id) `id` \\n {{cwd}} *\nsecond 'line' é ~ !! # ; & |\n";
    let session = f.quick_with(&agent, &json!({"initialPrompt": prompt}));
    assert_eq!(session["initialPrompt"], prompt);
    let shown = prompt.replace('\n', "\r\n");
    let (all, _) = f
        .client
        .worker(&session, agent_of(&session))
        .all_with("]\r\n");
    assert_eq!(all, format!("AGENT mode=start prompt=[{shown}]\r\n"));
}

#[test]
fn w29_continuing_uses_the_other_template() {
    let f = Fixture::new();
    let more = json!({"continueConversation": true, "initialPrompt": "not delivered"});
    let session = f.quick_with(&f.fa(), &more);
    let (all, _) = f
        .client
        .worker(&session, agent_of(&session))
        .all_with("]\r\n");
    assert_eq!(all, "AGENT mode=cont prompt=[]\r\n");
}

#[test]
fn w30_title_and_refused_changes() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let path = of_session(&session);
    let mut app = f.client.app();
    let changed = f.client.patch(&path, &json!({"title": " Cart total "}));
    assert_eq!(
        (&changed["success"], &changed["title"]),
        (&json!(true), &json!("Cart total"))
    );
    assert!(
        changed.get("branch").is_none(),
        "only what was sent: {changed}"
    );
    let frame = app.frame_of("session-updated");
    assert_eq!(frame["session"]["id"], session["id"]);
    assert_eq!(frame["session"]["title"], "Cart total");
    assert_eq!(f.client.patch(&path, &json!({"title": ""}))["title"], "");
    refused(&f.client.send("PATCH", &path, &json!({})), 400);
    refused(
        &f.client.send("PATCH", &path, &json!({"branch": "a b"})),
        400,
    );
    refused(
        &f.client.send("PATCH", &path, &json!({"branch": "fine"})),
        400,
    );
    let shop = Shop::new(&f, &f.fa());
    let path = of_session(&shop.session);
    for branch in [
        "a b",
        "",
        " ",
        "a..b",
        "-x",
        "--upload-pack=touch x",
        "a\nb",
        "main",
    ] {
        let answer = f.client.send("PATCH", &path, &json!({"branch": branch}));
        assert!(
            (400..500).contains(&answer.status),
            "{branch:?}: {}",
            answer.text()
        );
    }
    refused(
        &f.client.send("PATCH", &path, &json!({"branch": "a b"})),
        400,
    );
    refused(
        &f.client.send("PATCH", &path, &json!({"branch": "main"})),
        400,
    );
    assert_eq!(
        shop.repository.git(&["branch", "--list", "work"]).unwrap(),
        "+ work"
    );
}

#[test]
fn w31_renaming_the_branch() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let mut app = f.client.app();
    let answer = f
        .client
        .patch(&of_session(&shop.session), &json!({"branch": " fix/cart "}));
    assert_eq!(
        (&answer["success"], &answer["branch"]),
        (&json!(true), &json!("fix/cart"))
    );
    let branches = shop
        .repository
        .git(&["branch", "--format", "%(refname:short)"])
        .unwrap();
    assert_eq!(branches, "fix/cart\nmain");
    let (frames, sync) = app.news();
    let updated = frames
        .iter()
        .rev()
        .find(|frame| frame["type"] == "session-updated")
        .unwrap();
    assert_eq!(updated["session"]["worktreeId"], "fix/cart");
    let activity = frames
        .iter()
        .rfind(|frame| frame["type"] == "worker-activity")
        .unwrap();
    assert_eq!(activity["activityState"], "idle");
    let session = &sync["sessions"][0];
    assert_eq!(session["worktreeId"], "fix/cart");
    assert_eq!(agent_of(session)["id"], agent_of(&shop.session)["id"]);
    let (all, _) = f
        .client
        .worker(session, agent_of(session))
        .all_with("]\r\n");
    assert_eq!(all, "AGENT mode=cont prompt=[]\r\n");
}

#[test]
fn w32_deleting_a_session() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let mut app = f.client.app();
    let path = of_session(&session);
    f.client.delete(&path);
    let frame = app.frame_of("session-deleted");
    assert_eq!(frame["sessionId"], session["id"]);
    refused(&f.client.get(&path), 404);
    refused(&f.client.bare("DELETE", &path), 404);
    assert!(f.script().exists(), "the directory is untouched");
}

#[test]
fn w33_every_session_object_is_whole() {
    let f = Fixture::new();
    let agent = f.fa();
    let mut app = f.client.socket("/ws/app");
    let shop = Shop::new(&f, &agent);
    let path = of_session(&shop.session);
    f.client.patch(&path, &json!({"title": "x"}));
    f.client.post(
        &format!("{path}/workers"),
        &json!({"type": "terminal"}),
        201,
    );
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    let (mut frames, paused) = app.news();
    f.client.post(&format!("{path}/resume"), &json!({}), 200);
    f.client
        .worker(&shop.session, agent_of(&shop.session))
        .input("quit\r");
    let ended = |frame: &Value| {
        frame["type"] == "session-updated" && agent_of(&frame["session"])["activated"] == false
    };
    frames.extend(app.until(ended));
    let (more, sync) = app.news();
    frames.extend(more);
    frames.extend([paused, sync]);
    let mut seen = 0;
    for frame in &frames {
        let one = frame.get("session").into_iter();
        let all = frame["sessions"].as_array().into_iter().flatten();
        for session in one.chain(all) {
            let state = session["activationState"].as_str();
            assert!(matches!(state, Some("running" | "hibernated")), "{frame}");
            assert!(session["workers"].is_array(), "{frame}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen} of {:?}", kinds(&frames));
}

#[test]
fn w34_the_main_worktree_is_told() {
    let f = Fixture::new();
    let agent = f.fa();
    let shop = Shop::new(&f, &agent);
    assert_eq!(shop.session["isMainWorktree"], false);
    assert_eq!(shop.session["repositoryId"], shop.record["id"]);
    assert_eq!(shop.session["repositoryName"], "shop");
    assert_eq!(shop.session["worktreeId"], "work");
    let path = shop.repository.path();
    let main = f.worktree_session(&agent, &shop.record, "main", &path);
    assert_eq!(main["isMainWorktree"], true);
}

#[test]
fn w35_pausing() {
    let f = Fixture::new();
    let agent = f.fa();
    let quick = f.quick(&agent);
    refused(
        &f.client
            .bare("POST", &format!("{}/pause", of_session(&quick))),
        400,
    );
    let shop = Shop::new(&f, &agent);
    let path = of_session(&shop.session);
    f.client.post(
        &format!("{path}/workers"),
        &json!({"type": "terminal"}),
        201,
    );
    let mut app = f.client.app();
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    let (frames, sync) = app.news();
    let paused = json!({"type": "session-paused", "sessionId": shop.session["id"]});
    assert!(frames.contains(&paused), "{frames:?}");
    let sessions = sync["sessions"].as_array().unwrap();
    let session = sessions
        .iter()
        .find(|found| found["id"] == shop.session["id"])
        .unwrap();
    assert_eq!(session["activationState"], "hibernated");
    let activated = session["workers"].as_array().unwrap().iter();
    let activated: Vec<_> = activated
        .filter_map(|worker| worker.get("activated"))
        .collect();
    assert_eq!(activated, [false, false]);
    let stored = &f.client.read(&path)["session"];
    assert_ne!(stored["status"], "active");
    assert_eq!(stored["locationPath"], shop.session["locationPath"]);
}

#[test]
fn w36_resuming() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let path = of_session(&shop.session);
    let terminal = json!({"type": "terminal"});
    let terminal = f.client.post(&format!("{path}/workers"), &terminal, 201)["worker"].clone();
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    let mut app = f.client.app();
    let resumed = f.client.post(&format!("{path}/resume"), &json!({}), 200)["session"].clone();
    assert_eq!(resumed["activationState"], "running");
    assert_eq!(resumed["status"], "active");
    let (frames, _) = app.news();
    let at = |kind: &str| kinds(&frames).iter().position(|found| *found == kind);
    assert!(at("session-resumed").is_some(), "{frames:?}");
    assert!(at("worker-activity") < at("session-resumed"), "{frames:?}");
    let told = &frames[at("session-resumed").unwrap()]["session"];
    assert_eq!(told["activationState"], "running");
    let mut agent = f.client.worker(&resumed, agent_of(&resumed));
    agent.all_with("AGENT mode=cont prompt=[]\r\n");
    let mut shell = f.client.worker(&resumed, &terminal);
    shell.input("echo $((6*7))\r");
    shell.output_with("42");
}

#[test]
fn w37_resuming_what_runs_changes_nothing() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let mut app = f.client.app();
    let path = format!("{}/resume", of_session(&shop.session));
    let resumed = f.client.post(&path, &json!({}), 200);
    assert_eq!(resumed["session"]["id"], shop.session["id"]);
    assert_eq!(resumed["session"]["activationState"], "running");
    let (frames, _) = app.news();
    assert_eq!(frames, Vec::<Value>::new());
}

#[test]
fn w38_nothing_resumes_without_its_directory() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let path = of_session(&shop.session);
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    fs::remove_dir_all(&shop.worktree).unwrap();
    refused(&f.client.bare("POST", &format!("{path}/resume")), 404);
    let none = "/api/sessions/00000000-0000-4000-8000-000000000000/resume";
    refused(&f.client.bare("POST", none), 404);
}
