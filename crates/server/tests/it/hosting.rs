//! What git and GitHub say, with real repositories and a `gh` that is a script.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, trial, write_program};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_session_tells_branches_commits_and_its_pull_request",
            a_session_tells_branches_commits_and_its_pull_request,
        ),
        trial(
            "a_repository_is_compared_with_its_remote",
            a_repository_is_compared_with_its_remote,
        ),
        trial("github_is_asked_through_gh", github_is_asked_through_gh),
        trial(
            "things_are_opened_on_the_desktop",
            things_are_opened_on_the_desktop,
        ),
        trial(
            "sessions_are_validated_by_git",
            sessions_are_validated_by_git,
        ),
    ]
}

fn git(dir: &Path, args: &[&str]) {
    let ran = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-C"])
        .arg(dir)
        .args(args)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

async fn call(rig: &Rig, method: Method, path: &str, body: Value) -> (u16, Value) {
    let mut request = rig.http.request(method, path);
    if !body.is_null() {
        request = request.json(&body);
    }
    let (status, body) = rig.http.answer(request).await.unwrap();
    (status.as_u16(), body)
}

async fn get(rig: &Rig, path: &str) -> (u16, Value) {
    call(rig, Method::GET, path, Value::Null).await
}

/// Registers a repository with one commit on `main` and returns its id.
async fn repository(rig: &Rig) -> String {
    let work = rig.work();
    git(&work, &["init", "-q", "-b", "main"]);
    git(&work, &["commit", "-q", "--allow-empty", "-m", "first"]);
    let (status, body) = call(
        rig,
        Method::POST,
        "/api/repositories",
        json!({"path": work}),
    )
    .await;
    assert_eq!(status, 201, "{body}");
    body["repository"]["id"].as_str().unwrap().to_owned()
}

/// Opens a session on a branch in the repository itself.
async fn session(rig: &Rig, repository: &str, branch: &str) -> String {
    let agent = rig.agent().await;
    let body = json!({
        "type": "worktree", "repositoryId": repository, "worktreeId": branch,
        "locationPath": rig.work(), "agentId": agent,
    });
    let (status, body) = call(rig, Method::POST, "/api/sessions", body).await;
    assert_eq!(status, 201, "{body}");
    body["session"]["id"].as_str().unwrap().to_owned()
}

async fn a_session_tells_branches_commits_and_its_pull_request(rig: Arc<Rig>) {
    let repository = repository(&rig).await;
    git(&rig.work(), &["switch", "-q", "-c", "feat/x"]);
    git(
        &rig.work(),
        &["commit", "-q", "--allow-empty", "-m", "second | half"],
    );
    let id = session(&rig, &repository, "feat/x").await;
    let path = |rest: &str| format!("/api/sessions/{id}/{rest}");
    let (status, body) = get(&rig, &path("branches")).await;
    assert_eq!((status, &body["local"]), (200, &json!(["feat/x", "main"])));
    let (_, body) = get(&rig, &path("commits?base=main")).await;
    assert_eq!(body["commits"][0]["message"], "second | half", "{body}");
    assert_eq!(body["commits"].as_array().unwrap().len(), 1);
    for base in ["nothing", "-x", "--output=x", "a..b"] {
        let (status, body) = get(&rig, &path(&format!("commits?base={base}"))).await;
        assert_eq!((status, &body["commits"]), (200, &json!([])), "{base}");
    }
    for base in ["commits", "commits?base="] {
        assert_eq!(get(&rig, &path(base)).await.0, 400);
    }

    // Without a remote nobody is asked.
    let (_, body) = get(&rig, &path("pr-link")).await;
    assert_eq!(
        body,
        json!({"prUrl": null, "branchName": "feat/x", "orgRepo": null})
    );
    git(
        &rig.work(),
        &["remote", "add", "origin", "git@github.com:acme/shop.git"],
    );
    let gh = rig.dir().join("bin/gh");
    write_program(
        &gh,
        "[ \"$*\" = 'pr view feat/x --repo github.com/acme/shop --json url' ] && echo '{\"url\":\"https://github.com/acme/shop/pull/5\"}'",
    );
    let (_, body) = get(&rig, &path("pr-link")).await;
    assert_eq!(
        body["prUrl"], "https://github.com/acme/shop/pull/5",
        "{body}"
    );
    assert_eq!(body["orgRepo"], "acme/shop");
    write_program(&gh, "echo no pull request >&2; exit 1");
    let (status, body) = get(&rig, &path("pr-link")).await;
    assert_eq!((status, &body["prUrl"]), (200, &Value::Null));
    // One that hangs is ended in time, with what it started.
    write_program(
        &gh,
        &format!(
            "sleep 1000 & echo $! > {}; wait",
            rig.dir().join("child").display()
        ),
    );
    let (status, body) = get(&rig, &path("pr-link")).await;
    assert_eq!((status, &body["prUrl"]), (200, &Value::Null));
    let child = std::fs::read_to_string(rig.dir().join("child")).unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
        tokio::task::yield_now().await;
    }

    let (quick, _) = rig.agent_session().await;
    let (status, _) = get(&rig, &format!("/api/sessions/{}/pr-link", quick.id)).await;
    assert_eq!(status, 400);
    let unknown = uuid::Uuid::new_v4();
    for rest in ["branches", "commits?base=main", "pr-link"] {
        let (status, _) = get(&rig, &format!("/api/sessions/{unknown}/{rest}")).await;
        assert_eq!(status, 404, "{rest}");
    }
}

async fn a_repository_is_compared_with_its_remote(rig: Arc<Rig>) {
    let id = repository(&rig).await;
    let path = |rest: &str| format!("/api/repositories/{id}/{rest}");
    let (status, body) = call(&rig, Method::POST, &path("fetch"), Value::Null).await;
    assert_eq!(status, 400, "{body}");
    let text = body["error"].as_str().unwrap();
    assert!(text.starts_with("Failed to fetch remote: "), "{text}");

    let remote = rig.dir().join("remote");
    git(rig.dir(), &["clone", "-q", "--bare", "work", "remote"]);
    git(
        &rig.work(),
        &["remote", "add", "origin", remote.to_str().unwrap()],
    );
    git(&rig.work(), &["switch", "-q", "-c", "feat/x/y"]);
    git(&rig.work(), &["push", "-q", "origin", "feat/x/y"]);
    git(
        &rig.work(),
        &["commit", "-q", "--allow-empty", "-m", "ours"],
    );
    let other = rig.dir().join("other");
    git(
        rig.dir(),
        &["clone", "-q", "-b", "feat/x/y", "remote", "other"],
    );
    for text in ["one", "two"] {
        git(&other, &["commit", "-q", "--allow-empty", "-m", text]);
    }
    git(&other, &["push", "-q", "origin", "feat/x/y"]);
    for branch in ["feat/x/y", "feat%2Fx%2Fy", "feat/x%2Fy"] {
        let (status, body) = get(&rig, &path(&format!("branches/{branch}/remote-status"))).await;
        assert_eq!(
            (status, body),
            (200, json!({"behind": 2, "ahead": 1})),
            "{branch}"
        );
    }
    let (status, body) = get(&rig, &path("branches/main/remote-status")).await;
    assert_eq!((status, body), (200, json!({"behind": 0, "ahead": 0})));
    for branch in [
        "nothing",
        "--upload-pack=touch%20x",
        "-x",
        "a..b",
        "a%0Ab",
        "..%2f..%2fx",
    ] {
        let (status, body) = get(&rig, &path(&format!("branches/{branch}/remote-status"))).await;
        assert_eq!(status, 400, "{branch} {body}");
        let text = body["error"].as_str().unwrap();
        assert!(text.starts_with("Failed to get remote status: "), "{text}");
    }
    assert!(!rig.work().join("x").exists());
    assert_eq!(get(&rig, &path("branches/feat/x")).await.0, 404);
    assert_eq!(
        get(&rig, "/api/repositories/none/branches/main/remote-status")
            .await
            .0,
        404
    );

    let (status, _) = call(&rig, Method::POST, &path("fetch"), Value::Null).await;
    assert_eq!(status, 200);
    let refresh = path("refresh-default-branch");
    let (status, body) = call(&rig, Method::POST, &refresh, Value::Null).await;
    assert_eq!((status, body), (200, json!({"defaultBranch": "main"})));
}

async fn github_is_asked_through_gh(rig: Arc<Rig>) {
    let id = repository(&rig).await;
    let path = |rest: &str| format!("/api/repositories/{id}/{rest}");
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let page = async || {
        let request = client.get(format!("{}{}", rig.access.url, path("github")));
        let answer = request.bearer_auth(&rig.access.token).send().await.unwrap();
        let location = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location)
    };
    assert_eq!(page().await, (400, None));
    git(
        &rig.work(),
        &["remote", "add", "origin", "https://gitlab.com/acme/shop"],
    );
    assert_eq!(page().await, (400, None));
    git(
        &rig.work(),
        &[
            "remote",
            "set-url",
            "origin",
            "ssh://git@github.com/acme/shop.git",
        ],
    );
    assert_eq!(
        page().await,
        (302, Some("https://github.com/acme/shop".to_owned()))
    );

    let issue = path("github-issue");
    let ask = async |reference: &str| {
        call(&rig, Method::POST, &issue, json!({"reference": reference})).await
    };
    write_program(
        &rig.dir().join("bin/gh"),
        "echo \"$*\" > \"$HOME/asked\"; echo '{\"title\":\"Fix: the Cart\",\"body\":null,\"html_url\":\"https://github.com/acme/shop/issues/7\"}'",
    );
    let (status, body) = ask(" #7 ").await;
    assert_eq!(status, 200, "{body}");
    let expected = json!({"issue": {
        "org": "acme", "repo": "shop", "number": 7, "title": "Fix: the Cart", "body": "",
        "url": "https://github.com/acme/shop/issues/7", "suggestedBranch": "fix-the-cart",
    }});
    assert_eq!(body, expected);
    let asked = std::fs::read_to_string(rig.dir().join("asked")).unwrap();
    assert_eq!(asked, "api repos/acme/shop/issues/7\n");
    for reference in [
        "",
        "7",
        "--help",
        "o/r#x",
        "https://evil.example/o/r/issues/1",
    ] {
        assert_eq!(ask(reference).await.0, 400, "{reference}");
    }
    write_program(
        &rig.dir().join("bin/gh"),
        "echo HTTP 404: Not Found >&2; exit 1",
    );
    let (status, body) = ask("o/r#1").await;
    assert_eq!(
        (status, body["error"].as_str()),
        (400, Some("gh: HTTP 404: Not Found"))
    );
}

async fn things_are_opened_on_the_desktop(rig: Arc<Rig>) {
    let (_, config) = get(&rig, "/api/config").await;
    assert_eq!(config["capabilities"]["vscode"], true);
    let opened = rig.dir().join("opened");
    let work = rig.work();
    std::fs::write(work.join("-file"), "").unwrap();
    let open = async |what: &str, path: Value| {
        call(
            &rig,
            Method::POST,
            &format!("/api/system/{what}"),
            json!({"path": path}),
        )
        .await
    };
    for (what, path) in [
        ("open", json!(work)),
        ("open", json!(work.join("-file"))),
        ("open-in-vscode", json!(work.join("-file"))),
        ("open-in-vscode", json!("~/work/../work")),
    ] {
        let (status, body) = open(what, path).await;
        assert_eq!((status, body), (200, json!({"success": true})));
    }
    let work = work.display();
    let expected = format!("xdg-open {work}\nxdg-open {work}\ncode {work}/-file\ncode {work}\n");
    assert_eq!(std::fs::read_to_string(&opened).unwrap(), expected);
    for what in ["open", "open-in-vscode"] {
        let (status, body) = open(what, json!("/no/such/place")).await;
        assert_eq!(
            (status, body["error"].as_str()),
            (404, Some("Path not found"))
        );
        for path in [json!(""), json!("-x"), json!("x"), json!("/a\0b"), json!(1)] {
            assert_eq!(open(what, path.clone()).await.0, 400, "{path}");
        }
    }
    write_program(&rig.dir().join("bin/xdg-open"), "exit 3");
    assert_eq!(open("open", json!("~")).await.0, 400);
}

async fn sessions_are_validated_by_git(rig: Arc<Rig>) {
    let repository = repository(&rig).await;
    let id = session(&rig, &repository, "main").await;
    let issues = async || {
        let (_, body) = get(&rig, "/api/sessions/validate").await;
        let results = body["results"].as_array().unwrap();
        let result = results
            .iter()
            .find(|result| result["sessionId"] == id.as_str())
            .unwrap();
        assert_eq!(body["hasIssues"], !result["valid"].as_bool().unwrap());
        result["issues"].clone()
    };
    assert_eq!(issues().await, json!([]));
    // An agent that works on another branch is fine; one whose branch is gone is not.
    git(&rig.work(), &["switch", "-q", "-c", "other"]);
    assert_eq!(issues().await, json!([]));
    git(&rig.work(), &["branch", "-q", "-D", "main"]);
    assert_eq!(issues().await[0]["type"], "branch_not_found");
    std::fs::rename(rig.work().join(".git"), rig.dir().join("git")).unwrap();
    assert_eq!(issues().await[0]["type"], "not_git_repository");
    std::fs::rename(rig.work(), rig.dir().join("moved")).unwrap();
    assert_eq!(issues().await[0]["type"], "directory_not_found");
}
