//! W68 and W69: messages with files.

use std::fs;

use serde_json::{Value, json};

use crate::client::{refused, succeeded};
use crate::fixture::{Fixture, agent_of, of_session};

/// A form with texts and files.
#[derive(Default)]
struct Form(Vec<u8>);

const BOUNDARY: &str = "----offshoot-form-7171";

impl Form {
    fn field(mut self, name: &str, value: &str) -> Self {
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.0
            .extend_from_slice(format!("{head}{value}\r\n").as_bytes());
        self
    }

    fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn send(mut self, f: &Fixture, session: &Value) -> offshoot_testkit::rig::Answer {
        self.0
            .extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let path = format!("{}/messages", of_session(session));
        f.client.request("POST", &path, Some((&kind, &self.0)))
    }
}

fn to(worker: &Value) -> Form {
    Form::default().field("toWorkerId", worker["id"].as_str().unwrap())
}

#[test]
fn w68_a_message_is_typed_with_its_files() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let agent = agent_of(&session);
    let mut worker = f.client.worker(&session, agent);
    worker.all_with("]\r\n");
    let mut app = f.client.app();
    let form = to(agent).field("content", "please look");
    let form = form
        .file("a b.txt", b"first")
        .file("../up/c.txt", b"\x00\xff\r\n--second");
    let message = succeeded(&form.send(&f, &session), 201)["message"].clone();
    assert_eq!(message["sessionId"], session["id"]);
    assert_eq!(
        (&message["fromWorkerId"], &message["fromWorkerName"]),
        (&json!("user"), &json!("User"))
    );
    assert_eq!(
        (&message["toWorkerId"], &message["toWorkerName"]),
        (&agent["id"], &json!("FA"))
    );
    assert_eq!(message["content"], "please look");
    assert!(message["id"].is_string() && message["timestamp"].is_string());
    let frame = app.frame_of("worker-message");
    assert_eq!(frame, json!({"type": "worker-message", "message": message}));
    let mut all = String::new();
    // The last answer is whole once its line has ended.
    while all.matches("got:").count() < 3 || !all.ends_with('\n') {
        all += worker.frame_of("output")["data"].as_str().unwrap();
    }
    // The echo of what is typed next may come between a line and its answer.
    let got: Vec<&str> = all
        .split("got:")
        .skip(1)
        .filter_map(|rest| rest.split("\r\n").next())
        .collect();
    assert_eq!(got.len(), 3, "{all}");
    assert_eq!(got[0], "please look");
    for (path, name, bytes) in [
        (got[1], "-a b.txt", b"first".as_slice()),
        (got[2], "-.._up_c.txt", b"\x00\xff\r\n--second"),
    ] {
        assert!(path.starts_with('/') && path.ends_with(name), "{path}");
        assert!(!path.contains("/../"), "{path}");
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
}

#[test]
fn w69_messages_have_limits() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let agent = agent_of(&session);
    let refuse = |form: Form| {
        let answer = form.send(&f, &session);
        assert!(
            (400..500).contains(&answer.status),
            "{} {}",
            answer.status,
            answer.text()
        );
        refused(&answer, answer.status)
    };
    refuse(to(agent));
    refuse(to(agent).field("content", "  "));
    let eleven = (0..11).fold(to(agent), |form, n| form.file(&format!("{n}.txt"), b"x"));
    refuse(eleven);
    let half = vec![b'x'; 5_242_881];
    refuse(to(agent).file("a", &half).file("b", &half));
    refuse(to(agent).field("content", &"x".repeat(10_001)));
    refuse(
        Form::default()
            .field("toWorkerId", "")
            .field("content", "x"),
    );
    refuse(Form::default().field("content", "x"));
    let none = json!({"id": "00000000-0000-4000-8000-000000000000"});
    refused(&to(&none).field("content", "x").send(&f, &session), 400);
    refused(
        &to(&session["workers"][1])
            .field("content", "x")
            .send(&f, &session),
        400,
    );
    refused(&to(agent).field("content", "x").send(&f, &none), 404);
    let mut worker = f.client.worker(&session, agent);
    worker.all_with("]\r\n");
    let ten = (0..10).fold(to(agent).field("content", ""), |form, n| {
        form.file(&format!("{n}.txt"), b"x")
    });
    succeeded(&ten.send(&f, &session), 201);
    let mut all = String::new();
    while all.matches("got:").count() < 10 {
        all += worker.frame_of("output")["data"].as_str().unwrap();
    }
    worker.input("quit\r");
    worker.frame_of("exit");
    refused(&to(agent).field("content", "x").send(&f, &session), 400);
}
