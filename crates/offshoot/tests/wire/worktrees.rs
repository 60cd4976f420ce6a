//! W70–W73: worktrees made and deleted in the background.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use offshoot_testkit::repository::TestRepository;
use serde_json::{Value, json};

use crate::client::{Socket, refused, succeeded};
use crate::fixture::{Fixture, merge};

struct Yard {
    f: Fixture,
    repository: TestRepository,
    record: Value,
    agent: String,
    app: Socket,
}

impl Yard {
    fn new() -> Self {
        let f = Fixture::new();
        let repository = TestRepository::new().unwrap();
        let record = f.register(&repository.path());
        let agent = f.fa();
        let app = f.client.app();
        Self {
            f,
            repository,
            record,
            agent,
            app,
        }
    }

    fn path(&self) -> String {
        format!(
            "/api/repositories/{}/worktrees",
            self.record["id"].as_str().unwrap()
        )
    }

    fn ask(&self, task: &str, more: &Value) {
        let mut body = json!({"taskId": task, "agentId": self.agent});
        merge(&mut body, more);
        let accepted = self.f.client.post(&self.path(), &body, 202);
        assert_eq!(accepted["accepted"], true);
    }

    /// Makes a worktree and returns what came on **A** up to the end of the task.
    fn create(&mut self, task: &str, more: &Value) -> Vec<Value> {
        self.ask(task, more);
        self.app.until(|frame| frame["taskId"] == task)
    }

    /// Makes a worktree and returns the last frame, which tells a success.
    fn created(&mut self, task: &str, more: &Value) -> Value {
        let last = self.create(task, more).pop().unwrap();
        assert_eq!(last["type"], "worktree-creation-completed", "{last}");
        last
    }

    fn delete(&self, worktree: &str, query: &str) -> offshoot_testkit::rig::Answer {
        let path = worktree.replace('%', "%25").replace('/', "%2F");
        self.f
            .client
            .bare("DELETE", &format!("{}/{path}{query}", self.path()))
    }

    fn set_up(&self, command: &str) {
        let path = format!("/api/repositories/{}", self.record["id"].as_str().unwrap());
        self.f
            .client
            .patch(&path, &json!({"setupCommand": command}));
    }
}

fn is_directory_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let [wt, index, random] = parts[..] else {
        return false;
    };
    let is_random = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    wt == "wt"
        && index.len() == 3
        && index.chars().all(|c| c.is_ascii_digit())
        && random.len() == 4
        && random.chars().all(is_random)
}

#[test]
fn w70_a_worktree_with_its_session() {
    let mut y = Yard::new();
    let more = json!({
        "mode": "custom", "branch": "fix/cart", "baseBranch": "main",
        "autoStartSession": true, "useRemote": false, "title": "Cart", "initialPrompt": "go",
    });
    let frames = y.create("t-1", &more);
    let done = frames.last().unwrap();
    assert_eq!(done["type"], "worktree-creation-completed", "{done}");
    let created = frames
        .iter()
        .find(|frame| frame["type"] == "session-created")
        .unwrap();
    assert_eq!(created["session"]["id"], done["session"]["id"]);
    let worktree = &done["worktree"];
    assert_eq!(worktree["index"], 1);
    assert_eq!(worktree["branch"], "fix/cart");
    assert_eq!(worktree["isMain"], false);
    assert_eq!(worktree["repositoryId"], y.record["id"]);
    let path = Path::new(worktree["path"].as_str().unwrap());
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(is_directory_name(name), "{name}");
    assert!(path.join("README.md").is_file());
    let session = &done["session"];
    assert_eq!(session["locationPath"], worktree["path"]);
    assert_eq!(session["worktreeId"], "fix/cart");
    assert_eq!(session["title"], "Cart");
    assert_eq!(session["type"], "worktree");
    y.f.client
        .worker(session, &session["workers"][0])
        .all_with("AGENT mode=start prompt=[go]\r\n");
    for absent in [
        "branchNameFallback",
        "setupCommandResult",
        "fetchFailed",
        "fetchError",
    ] {
        assert!(done.get(absent).is_none(), "{absent}: {done}");
    }
    // An existing branch, without a session.
    y.repository.git(&["branch", "old"]).unwrap();
    let done = y.created("t-2", &json!({"mode": "existing", "branch": "old"}));
    assert_eq!(done["session"], Value::Null);
    assert_eq!(done["worktree"]["index"], 2);
    let listed = y.f.client.read(&y.path());
    let listed = listed["worktrees"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    let main = listed.iter().find(|found| found["isMain"] == true).unwrap();
    assert!(main.get("index").is_none());
    assert!(listed.contains(&done["worktree"]), "{listed:?}");
    for bad in [
        json!({"mode": "custom", "branch": "a b"}),
        json!({"mode": "custom"}),
        json!({"mode": "x"}),
        json!({"mode": "prompt", "initialPrompt": " "}),
        json!({"mode": "existing", "branch": "old", "taskId": " "}),
        json!({"mode": "existing", "branch": "old", "agentId": "no-such"}),
    ] {
        let mut body = json!({"taskId": "t-3"});
        merge(&mut body, &bad);
        let answer = y.f.client.send("POST", &y.path(), &body);
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text());
        refused(&answer, 400);
    }
}

#[test]
fn w71_what_goes_wrong_is_told() {
    let mut y = Yard::new();
    let custom = json!({"mode": "custom", "branch": "x1", "baseBranch": "no-such-base"});
    let failed = y.create("t-1", &custom).pop().unwrap();
    assert_eq!(failed["type"], "worktree-creation-failed");
    assert!(!failed["error"].as_str().unwrap().is_empty());
    // FA has no headless template.
    let prompt = json!({"mode": "prompt", "initialPrompt": "mend the cart"});
    let done = y.created("t-2", &prompt);
    let branch = done["worktree"]["branch"].as_str().unwrap();
    let digits = branch.strip_prefix("task-").expect(branch);
    assert!(
        digits.len() >= 13 && digits.chars().all(|c| c.is_ascii_digit()),
        "{branch}"
    );
    assert_eq!(done["branchNameFallback"]["usedBranch"], branch);
    assert!(done["branchNameFallback"]["reason"].is_string());
    fs::rename(
        y.repository.origin(),
        y.repository.origin().with_extension("away"),
    )
    .unwrap();
    let remote = json!({"mode": "custom", "branch": "x2", "baseBranch": "main", "useRemote": true});
    let done = y.created("t-3", &remote);
    assert_eq!(done["fetchFailed"], true);
    assert!(done["fetchError"].is_string());
}

/// The other half of the mode: an agent that answers names the branch and the title.
#[test]
fn a_headless_agent_names_branch_and_title() {
    let mut y = Yard::new();
    let headless = y.f.rig.user_dir().join("headless.sh");
    let answer = r#"{"branch": " Fix/The CART!! ", "title": " The cart "}"#;
    fs::write(
        &headless,
        format!("#!/bin/sh\necho 'thinking {{'\necho 'x'; echo '{answer}'\n"),
    )
    .unwrap();
    let plain = format!("#!/bin/sh\necho 'Sure:'; echo '{answer}'; echo done\n");
    fs::write(&headless, plain).unwrap();
    fs::set_permissions(&headless, fs::Permissions::from_mode(0o755)).unwrap();
    let mut body = y.f.fa_body();
    let template = format!("{} {{{{prompt}}}}", headless.display());
    merge(&mut body, &json!({"headlessTemplate": template}));
    let agent = y.f.client.post("/api/agents", &body, 201)["agent"]["id"].clone();
    let prompt = json!({
        "mode": "prompt", "initialPrompt": "mend it", "autoStartSession": true, "agentId": agent,
    });
    let done = y.created("t-1", &prompt);
    assert_eq!(done["worktree"]["branch"], "fix/the-cart");
    assert_eq!(done["session"]["title"], "The cart");
    assert!(done.get("branchNameFallback").is_none(), "{done}");
}

#[test]
fn w72_setup_and_templates() {
    let mut y = Yard::new();
    let templates = y.repository.path().join(".agent-console/sub");
    fs::create_dir_all(&templates).unwrap();
    let text = "{{WORKTREE_NUM}} {{WORKTREE_NUM + 3000}} {{WORKTREE_NUM*2}} {{WORKTREE_NUM / 2}} \
                {{BRANCH}} {{REPO}} {{WORKTREE_PATH}} {{ WORKTREE_NUM }} {{X}}\n";
    fs::write(templates.join(".env"), text).unwrap();
    y.set_up("echo {{WORKTREE_NUM + 3000}} $BRANCH");
    let done = y.created("t-1", &json!({"mode": "custom", "branch": "fix/a"}));
    let result = &done["setupCommandResult"];
    assert_eq!(result["success"], true, "{done}");
    assert_eq!(result["output"], "3001 fix/a\n");
    let path = done["worktree"]["path"].as_str().unwrap();
    let copied = fs::read_to_string(Path::new(path).join("sub/.env")).unwrap();
    let expected = format!("1 3001 2 0 fix/a shop {path} {{{{ WORKTREE_NUM }}}} {{{{X}}}}\n");
    assert_eq!(copied, expected);
    y.set_up("echo partly; echo no network >&2; exit 4");
    let done = y.created("t-2", &json!({"mode": "custom", "branch": "fix/b"}));
    let result = &done["setupCommandResult"];
    assert_eq!(result["success"], false);
    assert_eq!(result["error"], "no network\n");
    assert_eq!(result["output"], "partly\n");
}

#[test]
fn w73_deleting() {
    let mut y = Yard::new();
    let more = json!({"mode": "custom", "branch": "fix/a", "autoStartSession": true});
    let done = y.created("t-1", &more);
    let path = done["worktree"]["path"].as_str().unwrap().to_owned();
    let session = done["session"]["id"].clone();
    fs::write(Path::new(&path).join("new.txt"), "not committed").unwrap();
    let accepted = succeeded(&y.delete(&path, "?taskId=d-1"), 202);
    assert_eq!(accepted["accepted"], true);
    let failed = y.app.until(|frame| frame["taskId"] == "d-1").pop().unwrap();
    assert_eq!(failed["type"], "worktree-deletion-failed");
    assert!(!failed["error"].as_str().unwrap().is_empty());
    assert!(
        failed["gitStatus"].as_str().unwrap().contains("new.txt"),
        "{failed}"
    );
    let kept = format!("/api/sessions/{}", session.as_str().unwrap());
    assert_eq!(
        y.f.client.read(&kept)["session"]["activationState"],
        "running"
    );
    // Two requests at once: one is refused.
    let answers = std::thread::scope(|scope| {
        let ask = |task: &'static str| {
            let (y, path) = (&y, &path);
            scope.spawn(move || y.delete(path, &format!("?force=true&taskId={task}")).status)
        };
        [ask("d-2"), ask("d-3")].map(|asked| asked.join().unwrap())
    });
    let mut sorted = answers;
    sorted.sort_unstable();
    assert_eq!(sorted, [202, 409]);
    let task = if answers[0] == 202 { "d-2" } else { "d-3" };
    let frames = y.app.until(|frame| frame["taskId"] == task);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "worktree-deletion-completed", "{last}");
    assert_eq!(last["sessionId"], session);
    let deleted = json!({"type": "session-deleted", "sessionId": session});
    assert!(frames.contains(&deleted), "{frames:?}");
    assert!(!Path::new(&path).exists());
    refused(&y.f.client.get(&kept), 404);
    // Paths that are none of ours.
    refused(&y.delete("/etc", "?taskId=d-4"), 400);
    refused(&y.delete("", "?taskId=d-5"), 400);
    let main = y.repository.path().to_string_lossy().into_owned();
    refused(&y.delete(&main, "?force=true&taskId=d-6"), 400);
    refused(
        &y.delete(&format!("{path}/../../../../../.."), "?force=true"),
        400,
    );
    refused(&y.delete(&path, "?taskId=d-7"), 400);
    // Without a task the answer waits. The number of the deleted one is free again.
    let done = y.created("t-2", &json!({"mode": "custom", "branch": "fix/b"}));
    assert_eq!(done["worktree"]["index"], 1);
    let path = done["worktree"]["path"].as_str().unwrap();
    assert_eq!(succeeded(&y.delete(path, ""), 200)["success"], true);
    assert!(!Path::new(path).exists());
}
