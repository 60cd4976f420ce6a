//! Wrong requests get a clear answer, change nothing and leave nothing behind.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use offshoot_protocol::ErrorCode;
use offshoot_protocol::terminal::{SUBPROTOCOL, ServerFrame};
use offshoot_testkit::rig::http;
use offshoot_testkit::rig::process::{self, descendants};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::socket::Message;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Answer, Rig, WebSocket};

use crate::box_of::{rig, until_shown};
use crate::lifecycle::{git, linked_worktrees, on_branch, repository};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    let text = answer.text();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{text}"
    );
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(
        body["detail"].as_str().is_some_and(|text| text.len() > 5),
        "says why: {text}"
    );
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{text}");
}

#[test]
fn a_command_that_does_not_exist_leaves_nothing() {
    let rig = rig();
    let repository = repository(&rig, "repo");
    let request = on_branch(&repository, "work", "/no/such/program --flag");
    for request in [request, rig.command_request("no-such-program")] {
        let answer = rig.http.send("POST", "/api/sessions/start", &request);
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        assert_eq!(answer.code(), "start-failed", "{}", answer.text());
        assert!(
            answer.text().contains("such"),
            "it names the program: {}",
            answer.text()
        );
    }
    assert!(rig.sessions().is_empty());
    assert_eq!(linked_worktrees(&repository), 0);
    assert_eq!(git(&repository, &["branch", "--list", "work"]), "");
    assert_eq!(fs::read_dir(rig.home().join("workers")).unwrap().count(), 0);
    until("no process is left", || {
        descendants(rig.server_pid()).is_empty().then_some(())
    });
}

#[test]
fn branches_that_git_refuses_leave_nothing() {
    let rig = rig();
    let repository = repository(&rig, "repo");
    git(&repository, &["branch", "taken"]);
    let cases = [
        ("-x", "invalid-branch"),
        ("--upload-pack=touch", "invalid-branch"),
        ("a..b", "invalid-branch"),
        ("a b", "invalid-branch"),
        ("a~1", "invalid-branch"),
        ("a.lock", "invalid-branch"),
        ("a\nb", "invalid-branch"),
        ("taken", "branch-exists"),
        ("main", "branch-exists"),
    ];
    for (branch, code) in cases {
        let request = on_branch(&repository, branch, "cat");
        let answer = rig.http.send("POST", "/api/sessions/start", &request);
        assert!(
            (400..500).contains(&answer.status),
            "{branch:?}: {}",
            answer.text()
        );
        assert_eq!(answer.code(), code, "{branch:?}: {}", answer.text());
    }
    let mut request = serde_json::to_value(on_branch(&repository, "new", "cat")).unwrap();
    request["place"]["base"] = "no-such-base".into();
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    assert_eq!(answer.code(), "branch-not-found", "{}", answer.text());
    request["place"]["base"] = "--help".into();
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert!(rig.sessions().is_empty());
    assert_eq!(linked_worktrees(&repository), 0);
    assert_eq!(git(&repository, &["branch", "--list"]).lines().count(), 2);
}

#[test]
fn a_path_that_is_no_repository_is_named() {
    let rig = rig();
    let answer = rig.http.send(
        "POST",
        "/api/sessions/start",
        &on_branch(&rig.user_dir(), "work", "cat"),
    );
    assert_eq!(answer.code(), "not-a-repository", "{}", answer.text());
    let missing = rig.user_dir().join("missing");
    let answer = rig.http.send(
        "POST",
        "/api/sessions/start",
        &on_branch(&missing, "work", "cat"),
    );
    assert_eq!(answer.code(), "path-not-found", "{}", answer.text());
    let answer = rig.http.send(
        "POST",
        "/api/repositories",
        &serde_json::json!({"path": missing}),
    );
    assert!((400..500).contains(&answer.status), "{}", answer.text());
}

#[test]
#[expect(clippy::too_many_lines, reason = "one flat table of requests")]
fn unknown_ids_are_not_found() {
    let rig = rig();
    let worker = rig.start_command("cat");
    let (session, none) = (worker.session, NOBODY);
    let cases = [
        ("GET", format!("/api/sessions/{none}"), "session-not-found"),
        (
            "DELETE",
            format!("/api/sessions/{none}"),
            "session-not-found",
        ),
        (
            "POST",
            format!("/api/sessions/{none}/pause"),
            "session-not-found",
        ),
        (
            "POST",
            format!("/api/sessions/{none}/resume"),
            "session-not-found",
        ),
        (
            "GET",
            format!("/api/sessions/{none}/workers"),
            "session-not-found",
        ),
        (
            "DELETE",
            format!("/api/sessions/{session}/workers/{none}"),
            "worker-not-found",
        ),
        (
            "POST",
            format!("/api/sessions/{session}/workers/{none}/stop"),
            "worker-not-found",
        ),
        (
            "POST",
            format!("/api/sessions/{session}/workers/{none}/restart"),
            "worker-not-found",
        ),
        (
            "GET",
            format!("/api/sessions/{session}/workers/{none}/log"),
            "worker-not-found",
        ),
        (
            "GET",
            format!("/api/sessions/{session}/workers/{none}/text"),
            "worker-not-found",
        ),
        (
            "GET",
            format!("/api/sessions/{none}/workers/{none}/log"),
            "session-not-found",
        ),
        (
            "GET",
            format!("/api/repositories/{none}"),
            "repository-not-found",
        ),
        (
            "DELETE",
            format!("/api/repositories/{none}"),
            "repository-not-found",
        ),
        (
            "GET",
            format!("/api/repositories/{none}/branches"),
            "repository-not-found",
        ),
        ("GET", format!("/api/agents/{none}"), "agent-not-found"),
        ("DELETE", format!("/api/agents/{none}"), "agent-not-found"),
        ("DELETE", "/api/tokens/none".to_owned(), "token-not-found"),
        ("GET", "/api/nothing".to_owned(), "route-not-found"),
    ];
    for (method, path, code) in cases {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let answer = rig.http.ask(method, &path, &[], body).unwrap();
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, code),
            "{method} {path}: {text}"
        );
    }
    let answer = rig
        .http
        .send("PUT", "/api/sessions", &serde_json::json!({}));
    assert_refused(&answer, 405, "method-not-allowed");
    assert!(process::is_alive(worker.pid));
}

#[test]
fn malformed_bodies_are_refused() {
    let rig = rig();
    let worker = rig.start_command("cat");
    let input = format!("{}/input", worker.path());
    let bodies: [&[u8]; 8] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{\"path\": 5}",
        b"{\"path\": \"/x\", \"place\": {\"kind\": \"nowhere\"}}",
        b"{\"path\": \"\\u0000\", \"place\": {\"kind\": \"directory\"}}",
    ];
    for body in bodies {
        for path in [
            "/api/sessions/start",
            "/api/sessions",
            "/api/agents",
            input.as_str(),
        ] {
            let answer = rig.http.ask("POST", path, &[], body).unwrap();
            let text = answer.text();
            assert_eq!(
                answer.status,
                400,
                "{path} {:?}: {text}",
                String::from_utf8_lossy(body)
            );
            assert_eq!(answer.code(), "invalid-request", "{path}: {text}");
        }
    }
    let deep = b"[".repeat(100_000);
    let answer = rig
        .http
        .ask("POST", "/api/sessions/start", &[], &deep)
        .unwrap();
    assert_refused(&answer, 400, "invalid-request");
    for path in ["/api/sessions/not-an-id", "/api/sessions/not-an-id/workers"] {
        let answer = rig.http.get(path);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.text()
        );
    }
    assert_eq!(rig.sessions().len(), 1);
    assert!(process::is_alive(worker.pid));
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let rig = rig();
    let mut stream = rig.http.connect().unwrap();
    let head = format!(
        "POST /api/sessions/start HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000000\r\n\r\n{{",
        rig.http.addr, rig.http.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = http::read_answer(stream).unwrap();
    assert_refused(&answer, 413, "too-large");
}

/// Opens a terminal socket, sends one message first, and returns why the connection ended.
fn sent_first(
    rig: &Rig,
    worker: &Started,
    send: impl FnOnce(&mut WebSocket),
) -> (Option<ErrorCode>, u16) {
    let path = format!("/ws/session/{}/worker/{}", worker.session, worker.worker);
    let mut socket = WebSocket::open(&rig.http, &path, Some(SUBPROTOCOL)).unwrap();
    send(&mut socket);
    let mut code = None;
    loop {
        match socket.receive() {
            Ok(Message::Binary(frame)) => {
                if let Ok(ServerFrame::Error(error)) = ServerFrame::decode(frame) {
                    assert!(error.message.len() > 5, "says why");
                    code = Some(error.code);
                }
            }
            Ok(Message::Text(text)) => panic!("text in a binary dialect: {text}"),
            Ok(Message::Close(close)) => return (code, close),
            Err(_) => return (code, 0),
        }
    }
}

#[test]
fn malformed_frames_end_their_connection_only() {
    let rig = rig();
    let worker = rig.start_command("cat");
    let frames: [&[u8]; 9] = [
        b"",
        b"\x00",
        b"\xff\xff",
        b"\x01",
        b"\x01{",
        b"\x01{\"client\": 5}",
        b"\x01{\"client\": \"1\", \"size\": {\"cols\": 0, \"rows\": 5}}",
        b"\x02\x01",
        // Well formed, but not the first word of a conversation.
        b"\x02\x01\0\0\0\0\0\0\0typed before the greeting",
    ];
    for frame in frames {
        let (code, _) = sent_first(&rig, &worker, |socket| socket.send_binary(frame).unwrap());
        assert_eq!(code, Some(ErrorCode::InvalidRequest), "{frame:?}");
    }
    let (code, _) = sent_first(&rig, &worker, |socket| socket.send_text("{}").unwrap());
    assert_eq!(code, Some(ErrorCode::InvalidRequest), "text");
    let large = vec![2; 300 * 1024];
    sent_first(&rig, &worker, |socket| {
        // The server may close before it has read all of it.
        let _ = socket.send_binary(&large);
    });
    assert!(process::is_alive(worker.pid));
    let path = format!("{}/input", worker.path());
    let answer = rig
        .http
        .send("POST", &path, &serde_json::json!({"text": "still-here\r"}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    until_shown(&rig, &worker, "still-here");
    let (_, log) = rig.log(&worker);
    assert!(!String::from_utf8_lossy(&log).contains("before the greeting"));
}

#[test]
fn a_second_server_on_one_data_directory_is_refused() {
    let rig = rig();
    let worker = rig.start_command("cat");
    let mut command = rig
        .server_command(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let status = command.status().unwrap();
    assert!(!status.success(), "{status}");
    let log = rig.server_log();
    let pid = rig.server_pid().to_string();
    assert!(
        log.contains(&pid),
        "it names the process that has it: {log}"
    );
    assert_eq!(Started::of(&rig.session(worker.session)), worker);
}

#[test]
fn a_port_in_use_is_refused_and_nothing_is_started() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = taken.local_addr().unwrap();
    let rig = Rig::prepare(&crate::box_of::binary()).unwrap();
    let status = rig.server_command(addr).unwrap().status().unwrap();
    assert!(!status.success(), "{status}");
    let log = rig.server_log();
    assert!(
        log.contains(&addr.to_string()),
        "it names the address: {log}"
    );
    assert!(!rig.home().join("server.json").exists());
}
