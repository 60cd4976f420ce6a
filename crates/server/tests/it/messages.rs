//! Messages with files: what is typed, what is refused, what is left behind.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use libtest_mimic::Trial;
use offshoot_engine::Read;
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{SessionId, WorkerId};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::rig::{Rig, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_message_is_typed_as_one_prompt_and_announced",
            a_message_is_typed_as_one_prompt_and_announced,
        ),
        trial(
            "messages_do_not_mix_with_each_other",
            messages_do_not_mix_with_each_other,
        ),
        trial(
            "a_message_with_a_key_is_delivered_once",
            a_message_with_a_key_is_delivered_once,
        ),
        trial(
            "refused_messages_leave_no_file",
            refused_messages_leave_no_file,
        ),
        trial(
            "an_upload_that_breaks_off_leaves_no_file",
            an_upload_that_breaks_off_leaves_no_file,
        ),
    ]
}

type Ids = (SessionId, WorkerId);

/// A worker that shows every byte it is given.
async fn recorder(rig: &Rig) -> Ids {
    let ids = rig
        .script("stty raw -echo; printf ready; exec cat -v")
        .await;
    wait_output(rig, ids, |output| output.ends_with("ready")).await;
    ids
}

/// Waits until a worker's output is as it should be.
async fn wait_output(rig: &Rig, ids: Ids, met: impl Fn(&str) -> bool) -> String {
    let worker = rig.engine.worker(ids.0, ids.1).unwrap();
    let mut watch = worker.watch();
    loop {
        let epoch = watch.borrow_and_update().epoch;
        let (mut all, mut offset) = (Vec::new(), 0);
        while let Read::Bytes { bytes, .. } = worker.read(epoch, offset, 65_536) {
            offset += bytes.len() as u64;
            all.extend_from_slice(&bytes);
        }
        let all = String::from_utf8_lossy(&all).into_owned();
        if met(&all) {
            return all;
        }
        watch.changed().await.unwrap();
    }
}

fn to(worker: WorkerId) -> Form {
    Form::new().text("toWorkerId", worker.to_string())
}

fn file(form: Form, name: &str, bytes: impl Into<Vec<u8>>) -> Form {
    let part = Part::bytes(bytes.into()).file_name(name.to_owned());
    form.part("files", part)
}

async fn post(rig: &Rig, session: SessionId, form: Form) -> (u16, Value) {
    let path = format!("/api/sessions/{session}/messages");
    let request = rig.http.request(Method::POST, &path).multipart(form);
    let (status, body) = rig.http.answer(request).await.unwrap();
    (status.as_u16(), body)
}

fn uploads(rig: &Rig) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(rig.engine.home().join("uploads")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

async fn a_message_is_typed_as_one_prompt_and_announced(rig: Arc<Rig>) {
    let mut app = rig.socket("/ws/app", None).await;
    let ids = recorder(&rig).await;
    let form = to(ids.1).text("content", " please\nlook é ");
    let form = file(form, "../../x", "one");
    let form = file(form, "a\\b c.png", "two");
    let (status, body) = post(&rig, ids.0, form).await;
    assert_eq!(status, 201, "{body}");
    let message = &body["message"];
    assert_eq!(message["content"], "please\nlook é");
    assert_eq!(message["fromWorkerId"], "user");
    assert_eq!(message["fromWorkerName"], "User");
    assert_eq!(message["toWorkerId"], ids.1.to_string());
    let paths: Vec<&str> = message["files"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Value::as_str)
        .collect();
    let [one, two] = paths[..] else {
        panic!("{message}")
    };
    assert!(
        one.ends_with("-.._.._x") && two.ends_with("b c.png"),
        "{paths:?}"
    );
    assert_eq!(std::fs::read(one).unwrap(), b"one");
    assert_eq!(std::fs::read(two).unwrap(), b"two");
    for path in uploads(&rig) {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let typed = format!("readyplease\nlook M-CM-)\n{one}\n{two}^M");
    wait_output(&rig, ids, |output| output == typed).await;
    let frame = app.frame_of("worker-message").await;
    assert_eq!(frame["message"], *message);

    // From one worker to another.
    let (_, body) = rig
        .http
        .answer(
            rig.http
                .request(Method::GET, &format!("/api/sessions/{}", ids.0)),
        )
        .await
        .unwrap();
    let name = body["session"]["workers"][0]["name"].clone();
    let form = to(ids.1)
        .text("fromWorkerId", ids.1.to_string())
        .text("content", "x");
    let (status, body) = post(&rig, ids.0, form).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["message"]["fromWorkerName"], name);
    wait_output(&rig, ids, |output| output.ends_with("x^M")).await;
}

async fn messages_do_not_mix_with_each_other(rig: Arc<Rig>) {
    let ids = recorder(&rig).await;
    let send = |text: &'static str| {
        let rig = Arc::clone(&rig);
        async move {
            let form = file(to(ids.1).text("content", text), text, text);
            let (status, body) = post(&rig, ids.0, form).await;
            assert_eq!(status, 201, "{body}");
            let path = body["message"]["files"][0].as_str().unwrap().to_owned();
            format!("{text}\n{path}^M")
        }
    };
    let typed = async {
        let path = format!("/api/sessions/{}/workers/{}/input", ids.0, ids.1);
        let body = serde_json::json!({"text": "between\r", "submit": false});
        let request = rig.http.request(Method::POST, &path).json(&body);
        assert_eq!(rig.http.answer(request).await.unwrap().0, 200);
        "between^M".to_owned()
    };
    let (one, two, three) = tokio::join!(send("aaaa"), send("bbbb"), typed);
    let whole = "ready".len() + one.len() + two.len() + three.len();
    let output = wait_output(&rig, ids, |output| output.len() == whole).await;
    for letter in [one, two, three] {
        assert!(output.contains(&letter), "{letter} in {output}");
    }
}

async fn a_message_with_a_key_is_delivered_once(rig: Arc<Rig>) {
    let ids = recorder(&rig).await;
    for _ in 0..2 {
        let form = file(to(ids.1).text("content", "once"), "f", "f");
        let path = format!("/api/sessions/{}/messages", ids.0);
        let request = rig.http.request(Method::POST, &path).multipart(form);
        let request = request.header("Idempotency-Key", "k");
        assert_eq!(rig.http.answer(request).await.unwrap().0, 201);
        assert_eq!(uploads(&rig).len(), 1);
    }
    let (status, _) = post(&rig, ids.0, to(ids.1).text("content", "end")).await;
    assert_eq!(status, 201);
    let output = wait_output(&rig, ids, |output| output.ends_with("end^M")).await;
    assert_eq!(output.matches("once").count(), 1, "{output}");
}

async fn refused_messages_leave_no_file(rig: Arc<Rig>) {
    let ids = recorder(&rig).await;
    let workers = rig.engine.session(ids.0).unwrap().workers;
    let diff = workers.iter().find(|one| one.kind == WorkerKind::GitDiff);
    let diff = diff.unwrap().id;
    let not_delivered = "Failed to send message (target worker not found or PTY inactive)";
    let nobody = WorkerId::random();
    let eleven = (0..11).fold(to(ids.1), |form, n| file(form, &format!("{n}"), "x"));
    let half = vec![7; 5 * 1024 * 1024];
    let large = file(file(to(ids.1), "a", half.clone()), "b", half.clone());
    let just_too_large = file(large, "c", "x");
    let far_too_large = file(to(ids.1), "a", vec![7; 11 * 1024 * 1024]);
    let late =
        |worker: WorkerId| file(Form::new(), "early", "x").text("toWorkerId", worker.to_string());
    let with = |content: String| file(to(ids.1), "f", "x").text("content", content);
    let total = "Total file size exceeds limit (max 10485760 bytes)";
    let none = "Message must have content or at least one file";
    for (form, text) in [
        (to(ids.1), none),
        (to(ids.1).text("content", " \n "), none),
        (eleven, "Too many files (max 10)"),
        (just_too_large, total),
        (far_too_large, total),
        (file(to(nobody), "f", "x"), not_delivered),
        (file(to(diff), "f", "x"), not_delivered),
        (late(nobody), not_delivered),
        (late(diff), not_delivered),
        (
            file(Form::new(), "f", "x").text("content", "x"),
            "toWorkerId: is required",
        ),
        (
            Form::new().text("toWorkerId", "").text("content", "x"),
            "toWorkerId: is required",
        ),
        (
            file(Form::new().text("toWorkerId", "no-id"), "f", "x"),
            not_delivered,
        ),
        (
            with("x".repeat(10_001)),
            "content: a message has at most 10000 characters",
        ),
        (with("x".repeat(100_000)), "content: is too long"),
        (
            with("a\0b".to_owned()),
            "content: a message cannot hold a NUL character",
        ),
        (
            with("x".to_owned()).text("fromWorkerId", nobody.to_string()),
            "fromWorkerId: there is no such worker",
        ),
    ] {
        let (status, body) = post(&rig, ids.0, form).await;
        assert_eq!(
            (status, body["error"].as_str()),
            (400, Some(text)),
            "{body}"
        );
        assert_eq!(uploads(&rig), Vec::<PathBuf>::new(), "{text}");
    }
    refused_outside_of_the_form(&rig, ids).await;
    let (status, _) = post(&rig, ids.0, to(ids.1).text("content", "x".repeat(10_000))).await;
    assert_eq!(status, 201);
    rig.engine.worker(ids.0, ids.1).unwrap();
    let stop = format!("/api/sessions/{}/workers/{}/stop", ids.0, ids.1);
    rig.http
        .answer(rig.http.request(Method::POST, &stop))
        .await
        .unwrap();
    let (status, body) = post(&rig, ids.0, file(to(ids.1), "f", "x")).await;
    assert_eq!((status, body["error"].as_str()), (400, Some(not_delivered)));
    assert_eq!(uploads(&rig), Vec::<PathBuf>::new());
}

/// Of a session that is not there, and bodies that are no form.
async fn refused_outside_of_the_form(rig: &Rig, ids: Ids) {
    let (status, body) = post(rig, SessionId::random(), file(to(ids.1), "f", "x")).await;
    assert_eq!((status, &body["code"]), (404, &"session-not-found".into()));
    let path = format!("/api/sessions/{}/messages", ids.0);
    for content_type in [
        "multipart/form-data",
        "application/json",
        "multipart/form-data; boundary=no",
    ] {
        let request = rig.http.request(Method::POST, &path).body("{}");
        let request = request.header("content-type", content_type);
        let (status, body) = rig.http.answer(request).await.unwrap();
        assert_eq!(status, 400, "{content_type} {body}");
    }
    assert_eq!(uploads(rig), Vec::<PathBuf>::new());
}

async fn an_upload_that_breaks_off_leaves_no_file(rig: Arc<Rig>) {
    let ids = recorder(&rig).await;
    let head = format!(
        "POST /api/sessions/{}/messages HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n\
         --b\r\nContent-Disposition: form-data; name=\"toWorkerId\"\r\n\r\n{}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n",
        ids.0, rig.addr, rig.access.token, ids.1
    );
    let mut stream = std::net::TcpStream::connect(rig.addr).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[b'x'; 100_000]).unwrap();
    while uploads(&rig).is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    while !uploads(&rig).is_empty() {
        tokio::task::yield_now().await;
    }
}
