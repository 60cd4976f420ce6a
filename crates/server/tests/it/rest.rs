//! The REST interface: shapes, failures, and what the first dialect relies on.

use std::sync::Arc;

use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "basics_have_the_shapes_clients_read",
            basics_have_the_shapes_clients_read,
        ),
        trial(
            "failures_are_problems_with_a_stable_code",
            failures_are_problems_with_a_stable_code,
        ),
        trial(
            "agents_follow_the_template_rules",
            agents_follow_the_template_rules,
        ),
        trial(
            "a_quick_session_lives_and_ends",
            a_quick_session_lives_and_ends,
        ),
        trial("terminals_come_and_go", terminals_come_and_go),
        trial("the_log_is_read_by_offset", the_log_is_read_by_offset),
        trial(
            "input_with_a_key_is_typed_once",
            input_with_a_key_is_typed_once,
        ),
    ]
}

async fn call(rig: &Rig, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = rig.http.request(method, path);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let (status, body) = rig.http.answer(request).await.unwrap();
    (status.as_u16(), body)
}

async fn basics_have_the_shapes_clients_read(rig: Arc<Rig>) {
    let (status, body) = call(&rig, Method::GET, "/health", None).await;
    assert_eq!((status, body), (200, json!({"status": "ok"})));
    let (_, config) = call(&rig, Method::GET, "/api/config", None).await;
    assert!(config["homeDir"].is_string() && config["serverPid"].is_number());
    assert!(config["capabilities"]["vscode"].is_boolean());
    let (_, document) = call(&rig, Method::GET, "/api/openapi.json", None).await;
    assert!(document["paths"]["/api/sessions/{id}"]["patch"].is_object());
    let (_, checks) = call(&rig, Method::GET, "/api/checks", None).await;
    assert!(
        checks["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["id"] == "git")
    );
    let prefix = rig.work().display().to_string();
    let path = format!("/api/paths?prefix={}", &prefix[..prefix.len() - 1]);
    let (_, paths) = call(&rig, Method::GET, &path, None).await;
    assert_eq!(paths["paths"][0]["path"], prefix, "{paths}");
    let (_, validation) = call(&rig, Method::GET, "/api/sessions/validate", None).await;
    assert_eq!(validation, json!({"results": [], "hasIssues": false}));
}

#[expect(clippy::too_many_lines, reason = "one table")]
async fn failures_are_problems_with_a_stable_code(rig: Arc<Rig>) {
    let id = uuid::Uuid::new_v4();
    for (method, path, body, status, code) in [
        (
            Method::GET,
            "/api/nothing".to_owned(),
            None,
            404,
            "route-not-found",
        ),
        (
            Method::GET,
            "/ws/nothing".to_owned(),
            None,
            404,
            "route-not-found",
        ),
        (
            Method::GET,
            "/ws/app".to_owned(),
            None,
            400,
            "invalid-request",
        ),
        (
            Method::PUT,
            "/api/sessions".to_owned(),
            None,
            405,
            "method-not-allowed",
        ),
        (
            Method::POST,
            "/somewhere".to_owned(),
            None,
            405,
            "method-not-allowed",
        ),
        (
            Method::GET,
            format!("/api/sessions/{id}"),
            None,
            404,
            "session-not-found",
        ),
        (
            Method::GET,
            "/api/sessions/no-id".to_owned(),
            None,
            404,
            "session-not-found",
        ),
        (
            Method::DELETE,
            format!("/api/sessions/{id}?worktree=burn"),
            None,
            400,
            "invalid-request",
        ),
        (
            Method::DELETE,
            format!("/api/sessions/{id}/workers/x"),
            None,
            404,
            "worker-not-found",
        ),
        (
            Method::GET,
            "/api/repositories/x".to_owned(),
            None,
            404,
            "repository-not-found",
        ),
        (
            Method::GET,
            "/api/agents/x".to_owned(),
            None,
            404,
            "agent-not-found",
        ),
        (
            Method::DELETE,
            "/api/agents/claude-code-builtin".to_owned(),
            None,
            400,
            "wrong-state",
        ),
        (
            Method::PATCH,
            "/api/agents/claude-code-builtin".to_owned(),
            Some(json!({})),
            404,
            "agent-not-found",
        ),
        (
            Method::POST,
            "/api/repositories".to_owned(),
            Some(json!({"path": rig.work()})),
            400,
            "not-a-repository",
        ),
        (
            Method::POST,
            "/api/repositories".to_owned(),
            Some(json!({"path": "/no/where"})),
            400,
            "path-not-found",
        ),
        (
            Method::POST,
            "/api/repositories".to_owned(),
            Some(json!({})),
            400,
            "invalid-request",
        ),
        (
            Method::POST,
            "/api/sessions".to_owned(),
            Some(json!({"type": "quick", "locationPath": "/etc"})),
            400,
            "path-not-allowed",
        ),
        (
            Method::POST,
            "/api/sessions".to_owned(),
            Some(json!({"type": "quick", "locationPath": "/no/where"})),
            400,
            "path-not-found",
        ),
        (
            Method::POST,
            "/api/sessions".to_owned(),
            Some(json!({"type": "other"})),
            400,
            "invalid-request",
        ),
    ] {
        let (got, problem) = call(&rig, method.clone(), &path, body).await;
        assert_eq!(
            (got, &problem["code"]),
            (status, &json!(code)),
            "{method} {path}: {problem}"
        );
        assert!(
            problem["error"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        assert_eq!(problem["error"], problem["detail"]);
        assert_eq!(problem["status"], status);
    }
    let broken = rig
        .http
        .request(Method::POST, "/api/agents")
        .header("content-type", "application/json");
    let (status, problem) = rig.http.answer(broken.body("{")).await.unwrap();
    assert_eq!(
        (status.as_u16(), &problem["error"]),
        (400, &json!("Invalid JSON body"))
    );
}

async fn agents_follow_the_template_rules(rig: Arc<Rig>) {
    let agent = rig.agent().await;
    let path = format!("/api/agents/{agent}");
    let (_, found) = call(&rig, Method::GET, &path, None).await;
    assert_eq!(found["agent"]["capabilities"]["supportsContinue"], true);
    assert!(found["agent"].get("description").is_none());
    let (status, changed) = call(
        &rig,
        Method::PATCH,
        &path,
        Some(json!({"continueTemplate": null})),
    )
    .await;
    assert_eq!(status, 200);
    assert!(changed["agent"].get("continueTemplate").is_none());
    assert_eq!(changed["agent"]["capabilities"]["supportsContinue"], false);
    for template in ["no prompt", "x \"{{prompt}}\"", "x {{ prompt }}", ""] {
        let body = json!({"name": "bad", "commandTemplate": template});
        let (status, _) = call(&rig, Method::POST, "/api/agents", Some(body)).await;
        assert_eq!(status, 400, "{template}");
    }
    assert_eq!(call(&rig, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(call(&rig, Method::DELETE, &path, None).await.0, 404);
}

async fn a_quick_session_lives_and_ends(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let path = format!("/api/sessions/{}", session.id);
    let (_, found) = call(&rig, Method::GET, &path, None).await;
    let found = &found["session"];
    assert_eq!(
        (&found["status"], &found["activationState"]),
        (&json!("active"), &json!("running"))
    );
    assert_eq!(
        (&found["workers"][1]["type"], &found["workers"][1]["name"]),
        (&json!("git-diff"), &json!("Diff"))
    );
    let (status, patched) =
        call(&rig, Method::PATCH, &path, Some(json!({"title": " Cart "}))).await;
    assert_eq!(
        (status, &patched["success"], &patched["title"]),
        (200, &json!(true), &json!("Cart"))
    );
    assert!(patched.get("branch").is_none());
    assert_eq!(
        call(&rig, Method::PATCH, &path, Some(json!({}))).await.0,
        400
    );
    assert_eq!(
        call(&rig, Method::POST, &format!("{path}/pause"), None)
            .await
            .0,
        400
    );
    assert_eq!(
        call(&rig, Method::POST, &format!("{path}/resume"), None)
            .await
            .0,
        200
    );
    let agent = session.workers[0].agent_id.clone().unwrap();
    let (status, in_use) = call(&rig, Method::DELETE, &format!("/api/agents/{agent}"), None).await;
    assert_eq!((status, &in_use["code"]), (409, &json!("in-use")));
    let restart = format!("{path}/workers/{worker}/restart");
    let (status, restarted) = call(&rig, Method::POST, &restart, None).await;
    assert_eq!((status, &restarted["worker"]["id"]), (200, &json!(worker)));
    assert_eq!(call(&rig, Method::DELETE, &path, None).await.0, 200);
    assert_eq!(call(&rig, Method::GET, &path, None).await.0, 404);
    assert_eq!(call(&rig, Method::DELETE, &path, None).await.0, 404);
    assert!(rig.work().is_dir());
}

async fn terminals_come_and_go(rig: Arc<Rig>) {
    let (session, _) = rig.run("cat").await;
    let path = format!("/api/sessions/{session}/workers");
    let (status, made) = call(
        &rig,
        Method::POST,
        &path,
        Some(json!({"type": "terminal", "name": "Shell 1"})),
    )
    .await;
    assert_eq!((status, &made["worker"]["name"]), (201, &json!("Shell 1")));
    let (status, _) = call(&rig, Method::POST, &path, Some(json!({"type": "agent"}))).await;
    assert_eq!(status, 400);
    let id = made["worker"]["id"].as_str().unwrap();
    let (_, listed) = call(&rig, Method::GET, &path, None).await;
    assert!(listed["workers"].to_string().contains(id));
    let (status, stopped) = call(&rig, Method::POST, &format!("{path}/{id}/stop"), None).await;
    assert_eq!(
        (status, &stopped["worker"]["activated"]),
        (200, &json!(false))
    );
    assert_eq!(
        call(&rig, Method::DELETE, &format!("{path}/{id}"), None)
            .await
            .0,
        200
    );
    assert_eq!(
        call(&rig, Method::DELETE, &format!("{path}/{id}"), None)
            .await
            .0,
        404
    );
}

async fn the_log_is_read_by_offset(rig: Arc<Rig>) {
    let (session, worker) = rig.run("seq 1 50000").await;
    let exited = offshoot_protocol::view::ProcessState::Exited;
    rig.http
        .wait_for_state(session, worker, exited)
        .await
        .unwrap();
    let expected: String = (1..=50000).map(|n| format!("{n}\r\n")).collect();
    let all = rig.http.log(session, worker).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&all), expected);
    let path = format!("/api/sessions/{session}/workers/{worker}/log");
    for (query, from, len) in [
        ("?from=100&len=7", 100, 7),
        ("?from=99999999", expected.len(), 0),
        ("?len=0", 0, 0),
        ("?len=3", 0, 3),
    ] {
        let answer = rig
            .http
            .request(Method::GET, &format!("{path}{query}"))
            .send()
            .await
            .unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("offshoot-offset"), from.to_string());
        assert_eq!(header("offshoot-first-offset"), "0");
        assert_eq!(header("offshoot-end-offset"), expected.len().to_string());
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(
            answer.bytes().await.unwrap(),
            expected.as_bytes()[from..from + len]
        );
    }
    let (_, text) = call(
        &rig,
        Method::GET,
        &format!("/api/sessions/{session}/workers/{worker}/text?lines=2"),
        None,
    )
    .await;
    assert_eq!(text["lines"], json!(["49999", "50000"]));
}

async fn input_with_a_key_is_typed_once(rig: Arc<Rig>) {
    let (session, worker) = rig.run("cat").await;
    let path = format!("/api/sessions/{session}/workers/{worker}/input");
    for duplicate in [false, true] {
        let body = json!({"text": "once\n"});
        let request = rig
            .http
            .request(Method::POST, &path)
            .json(&body)
            .header("idempotency-key", "k1");
        let (status, receipt) = rig.http.answer(request).await.unwrap();
        assert_eq!(
            (status.as_u16(), &receipt["duplicate"]),
            (200, &json!(duplicate))
        );
    }
    let (status, _) = call(&rig, Method::POST, &path, Some(json!({"text": "end\n"}))).await;
    assert_eq!(status, 200);
    let log = loop {
        let log = rig.http.log(session, worker).await.unwrap();
        let log = String::from_utf8(log).unwrap();
        if log.matches("end").count() == 2 {
            break log;
        }
    };
    assert_eq!(
        log.matches("once").count(),
        2,
        "typed and printed once each: {log:?}"
    );
    let (status, problem) = call(
        &rig,
        Method::POST,
        &path,
        Some(json!({"text": "x".repeat(600_000)})),
    )
    .await;
    assert_eq!((status, &problem["code"]), (413, &json!("too-large")));
}
