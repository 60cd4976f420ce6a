//! W7–W13: the application's socket.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Heard;
use crate::fixture::{Fixture, agent_of};

#[test]
fn w07_three_syncs_come_first() {
    let f = Fixture::new();
    let begin = Instant::now();
    let mut app = f.client.socket("/ws/app");
    app.syncs();
    assert!(begin.elapsed() < Duration::from_secs(2));
    let (between, _) = app.news();
    assert_eq!(between, Vec::<Value>::new(), "exactly one each");
}

#[test]
fn w08_every_request_is_answered_with_the_same_three() {
    let f = Fixture::new();
    f.quick(&f.fa());
    let mut app = f.client.socket("/ws/app");
    let first = app.syncs();
    for _ in 0..10 {
        app.send(&json!({"type": "request-sync"}));
    }
    for _ in 0..10 {
        assert_eq!(app.syncs(), first);
    }
}

#[test]
fn w09_garbage_is_ignored() {
    let f = Fixture::new();
    let mut app = f.client.app();
    for garbage in [
        "",
        "{",
        "[]",
        "null",
        "7",
        r#"{"type":7}"#,
        r#"{"type":"no-such"}"#,
        "{}",
    ] {
        app.0.send_text(garbage).unwrap();
    }
    app.0.send_binary(b"\xff\x00").unwrap();
    app.send(&json!({"type": "request-sync"}));
    app.syncs();
}

#[test]
fn w10_the_built_in_agent_is_first() {
    let f = Fixture::new();
    f.fa();
    let [_, agents, _] = f.client.socket("/ws/app").syncs();
    let first = &agents["agents"][0];
    assert_eq!(first["id"], "claude-code-builtin");
    assert_eq!(first["isBuiltIn"], true);
    let all = json!({
        "supportsContinue": true,
        "supportsHeadlessMode": true,
        "supportsActivityDetection": true,
    });
    assert_eq!(first["capabilities"], all);
}

#[test]
fn w11_all_sockets_hear_the_same() {
    let f = Fixture::new();
    let mut all = [f.client.app(), f.client.app()];
    let id = f.fa();
    for app in &mut all {
        let frame = app.frame();
        assert_eq!(frame["type"], "agent-created");
        assert_eq!(frame["agent"]["id"], id.as_str());
    }
}

#[test]
fn w12_a_session_made_while_a_socket_opens_is_shown_once() {
    let f = Fixture::new();
    let agent = f.fa();
    for round in 0..50_u64 {
        let mut app = thread::scope(|scope| {
            let made = scope.spawn(|| f.quick(&agent));
            // The statement is about this time: the socket opens 0 to 40 ms after the request.
            thread::sleep(Duration::from_millis(round * 40 / 49));
            let app = f.client.socket("/ws/app");
            (app, made.join().unwrap())
        });
        let id = &app.1["id"];
        let [sessions, ..] = app.0.syncs();
        let in_sync = sessions["sessions"].as_array().unwrap().iter();
        let in_sync = in_sync.filter(|session| session["id"] == *id).count();
        let (frames, _) = app.0.news();
        let created =
            |frame: &&Value| frame["type"] == "session-created" && frame["session"]["id"] == *id;
        let announced = frames.iter().filter(created).count();
        assert_eq!(in_sync + announced, 1, "round {round}: {frames:?}");
        f.client
            .delete(&format!("/api/sessions/{}", id.as_str().unwrap()));
    }
}

#[test]
fn w13_the_end_of_the_server_lets_clients_come_back() {
    let mut f = Fixture::new();
    let session = f.quick(&f.fa());
    let mut sockets = [
        f.client.app(),
        f.client.worker(&session, agent_of(&session)),
    ];
    f.rig.terminate_server();
    for socket in &mut sockets {
        let (_, code) = socket.rest();
        assert_eq!(code, 1012, "never 1000, 1001 or 1008");
    }
    f.rig.start_server().unwrap();
    let mut sockets = [
        f.client.app(),
        f.client.worker(&session, agent_of(&session)),
    ];
    f.rig.kill_server();
    for socket in &mut sockets {
        let (_, code) = socket.rest();
        assert_eq!(code, 1006, "never 1000, 1001 or 1008");
    }
}

/// A frame too many, too large or of the wrong kind ends one connection, so that it comes back.
#[test]
fn a_frame_of_more_than_16_mib_drops_its_connection() {
    let f = Fixture::new();
    let mut app = f.client.app();
    let large = " ".repeat(16 * 1024 * 1024 + 1);
    let _ = app.0.send_text(&large);
    loop {
        if let Heard::Closed(code) = app.hear() {
            assert!(![1000, 1001, 1008].contains(&code), "{code}");
            break;
        }
    }
    f.client.app();
}
