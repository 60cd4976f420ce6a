//! W1–W6: health, configuration, the UI's files, errors, bodies, who may ask.

use offshoot_testkit::rig::WebSocket;
use serde_json::json;

use crate::client::{refused, succeeded};
use crate::fixture::{Fixture, merge};

#[test]
fn w01_health() {
    let f = Fixture::new();
    assert_eq!(f.client.read("/health"), json!({"status": "ok"}));
}

#[test]
fn w02_config() {
    let f = Fixture::new();
    let config = f.client.read("/api/config");
    assert!(config["homeDir"].is_string(), "{config}");
    assert!(config["capabilities"]["vscode"].is_boolean(), "{config}");
    assert!(config["serverPid"].is_u64(), "{config}");
}

#[test]
fn w03_pages_are_the_index_and_assets_are_files() {
    let f = Fixture::new();
    let page = |path: &str| {
        let answer = f.client.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let kind = answer.header("content-type").unwrap().to_owned();
        (kind, answer.text())
    };
    let (kind, index) = page("/");
    assert!(kind.starts_with("text/html"), "{kind}");
    for path in ["/sessions/x/y", "/jobs", "/agents/x/edit"] {
        assert_eq!(page(path), (kind.clone(), index.clone()), "{path}");
    }
    let assets: Vec<&str> = index
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();
    let is_script = |path: &&&str| path.ends_with(".js");
    assert_eq!(assets.iter().filter(is_script).count() > 0, has_ui(&index));
    for path in assets {
        let (kind, body) = page(path);
        assert_ne!(body, index, "{path}");
        let expected = match path.rsplit('.').next() {
            Some("js") => "javascript",
            Some("css") => "text/css",
            _ => "",
        };
        assert!(kind.contains(expected), "{path}: {kind}");
    }
}

/// A build that was told to leave the UI out says so on its page.
fn has_ui(index: &str) -> bool {
    index.contains("<div id=\"root\">")
}

#[test]
fn w04_errors_are_json_with_a_text() {
    let f = Fixture::new();
    let none = "00000000-0000-4000-8000-000000000000";
    for (path, status) in [
        (format!("/api/sessions/{none}"), 404),
        ("/api/sessions/x".to_owned(), 404),
        (format!("/api/agents/{none}"), 404),
        (format!("/api/repositories/{none}"), 404),
        (format!("/api/sessions/{none}/workers"), 404),
        ("/api/nothing".to_owned(), 404),
    ] {
        refused(&f.client.get(&path), status);
    }
    refused(&f.client.send("POST", "/api/sessions", &json!({})), 400);
    refused(
        &f.client
            .send("POST", "/api/repositories", &json!({"path": "/no/such"})),
        400,
    );
}

#[test]
fn w05_broken_json_is_refused_and_unknown_keys_are_not() {
    let f = Fixture::new();
    for body in ["{\"name\":", "", "nonsense"] {
        let body = Some(("application/json", body.as_bytes()));
        refused(&f.client.request("POST", "/api/agents", body), 400);
    }
    let mut body = f.fa_body();
    merge(&mut body, &json!({"colour": "red"}));
    f.client.post("/api/agents", &body, 201);
}

/// Sign-in is ours: once there is a credential, nothing else is asked for.
#[test]
fn w06_after_one_sign_in_nothing_else_is_needed() {
    let f = Fixture::new();
    // A browser: its cookie, and for sockets the origin it always sends.
    succeeded(&f.client.get("/api/config"), 200);
    f.client.post("/api/agents", &f.fa_body(), 201);
    f.client.app();
    let session = f.quick(&f.fa());
    f.client
        .worker(&session, &session["workers"][0])
        .frame_of("activity");
    // A program: its token and no other header.
    let bearer = &f.rig.http;
    assert_eq!(bearer.get("/api/config").status, 200);
    WebSocket::open(bearer, "/ws/app", None).unwrap();
    // A stranger.
    refused(&f.client.http.get("/api/config"), 401);
    let refusal = WebSocket::open(&f.client.http, "/ws/app", None).unwrap_err();
    assert!(refusal.to_string().contains("401"), "{refusal}");
}
