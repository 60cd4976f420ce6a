//! Who is told what outside, with a receiver that is a real server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, mpsc};

use libtest_mimic::Trial;
use offshoot_protocol::RepositoryId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{PATIENCE, Rig, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("slack_is_kept_per_repository", slack_is_kept_per_repository),
        trial(
            "webhooks_are_signed_and_tried_again",
            webhooks_are_signed_and_tried_again,
        ),
        trial(
            "addresses_of_webhooks_are_judged",
            addresses_of_webhooks_are_judged,
        ),
    ]
}

async fn call(rig: &Rig, method: Method, path: &str, body: Value) -> (u16, Value) {
    let mut request = rig.http.request(method, path);
    if !body.is_null() {
        request = request.json(&body);
    }
    let (status, body) = rig.http.answer(request).await.unwrap();
    (status.as_u16(), body)
}

/// Answers requests with the statuses, one after the other, and hands them on.
fn receiver(statuses: &'static [&'static str]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (requests, received) = mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut all, mut piece) = (Vec::new(), [0; 4096]);
            let is_whole = |all: &[u8]| {
                let text = String::from_utf8_lossy(all).to_ascii_lowercase();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    return false;
                };
                let length = head.split("content-length: ").nth(1).unwrap();
                body.len() >= length.lines().next().unwrap().parse::<usize>().unwrap()
            };
            while !is_whole(&all) {
                let n = stream.read(&mut piece).unwrap();
                assert!(n > 0, "the request breaks off");
                all.extend_from_slice(&piece[..n]);
            }
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            let _ = requests.send(String::from_utf8(all).unwrap());
        }
    });
    (url, received)
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {request}"))
        .trim_start_matches(": ")
}

async fn slack_is_kept_per_repository(rig: Arc<Rig>) {
    let (_, body) = call(
        &rig,
        Method::GET,
        "/api/settings/notifications/status",
        Value::Null,
    )
    .await;
    assert_eq!(body, json!({"baseUrl": "", "isBaseUrlConfigured": false}));
    let work = rig.work();
    let made = std::process::Command::new("git")
        .args(["init", "-q"])
        .arg(&work)
        .status()
        .unwrap();
    assert!(made.success());
    let (_, body) = call(
        &rig,
        Method::POST,
        "/api/repositories",
        json!({"path": work}),
    )
    .await;
    let id = body["repository"]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/repositories/{id}/integrations/slack");
    assert_eq!(call(&rig, Method::GET, &path, Value::Null).await.0, 404);
    for url in [
        "",
        "https://example.org/",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.org/x",
        "https://hooks.slack.com/",
        "https://hooks.slack.com/a@b",
    ] {
        let (status, body) = call(&rig, Method::PUT, &path, json!({"webhookUrl": url})).await;
        assert_eq!(status, 400, "{url} {body}");
    }
    let url = "https://hooks.slack.com/services/T/B/x";
    let (status, first) = call(
        &rig,
        Method::PUT,
        &path,
        json!({"webhookUrl": format!(" {url} ")}),
    )
    .await;
    assert_eq!(
        (status, &first["webhookUrl"], &first["enabled"]),
        (200, &url.into(), &true.into())
    );
    let change = json!({"webhookUrl": url, "enabled": false});
    let (_, second) = call(&rig, Method::PUT, &path, change).await;
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["enabled"], false);
    assert_eq!(call(&rig, Method::GET, &path, Value::Null).await.1, second);
    let test = format!("{path}/test");
    assert_eq!(call(&rig, Method::POST, &test, Value::Null).await.0, 400);
    assert_eq!(call(&rig, Method::DELETE, &path, Value::Null).await.0, 200);
    assert_eq!(call(&rig, Method::DELETE, &path, Value::Null).await.0, 404);
    let unknown = format!(
        "/api/repositories/{}/integrations/slack",
        RepositoryId::random()
    );
    assert_eq!(
        call(&rig, Method::PUT, &unknown, json!({"webhookUrl": url}))
            .await
            .0,
        404
    );
}

async fn webhooks_are_signed_and_tried_again(rig: Arc<Rig>) {
    let (url, received) = receiver(&["204 No Content", "503 Busy", "200 OK"]);
    let body = json!({"url": url, "events": ["worker.errored"]});
    let (status, body) = call(&rig, Method::POST, "/api/webhooks", body).await;
    assert_eq!(status, 201, "{body}");
    assert!(body["secret"].as_str().unwrap().starts_with("whsec_"));
    let id = body["webhook"]["id"].as_str().unwrap().to_owned();
    let (_, list) = call(&rig, Method::GET, "/api/webhooks", Value::Null).await;
    assert_eq!(list["webhooks"][0], body["webhook"]);
    assert!(!list.to_string().contains("whsec_"));
    let (status, _) = call(
        &rig,
        Method::POST,
        &format!("/api/webhooks/{id}/test"),
        Value::Null,
    )
    .await;
    assert_eq!(status, 200);
    let request = received.recv_timeout(PATIENCE).unwrap();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(header(&request, "webhook-signature").starts_with("v1,"));

    // A real agent that fails is told, twice because the first answer asks for it.
    let (session, worker) = rig.run("sh -c 'exit 7'").await;
    let wait = |received: mpsc::Receiver<String>| {
        tokio::task::spawn_blocking(move || {
            let first = received.recv_timeout(PATIENCE).unwrap();
            (first, received.recv_timeout(PATIENCE).unwrap())
        })
    };
    let (first, second) = wait(received).await.unwrap();
    assert_eq!(header(&first, "webhook-id"), header(&second, "webhook-id"));
    let (_, body) = second.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "worker.errored", "{body}");
    assert_eq!(body["data"]["sessionId"], session.to_string());
    assert_eq!(body["data"]["workerId"], worker.to_string());
    assert_eq!(body["data"]["exitCode"], 7);
    assert_eq!(
        call(
            &rig,
            Method::DELETE,
            &format!("/api/webhooks/{id}"),
            Value::Null
        )
        .await
        .0,
        200
    );
    assert_eq!(
        call(
            &rig,
            Method::DELETE,
            &format!("/api/webhooks/{id}"),
            Value::Null
        )
        .await
        .0,
        404
    );
}

async fn addresses_of_webhooks_are_judged(rig: Arc<Rig>) {
    for url in [
        "",
        "x",
        "ftp://example.org/",
        "https://u:p@example.org/",
        "file:///etc/passwd",
    ] {
        let (status, body) = call(&rig, Method::POST, "/api/webhooks", json!({"url": url})).await;
        assert_eq!((status, &body["field"]), (400, &"url".into()), "{url}");
    }
    let (url, received) = receiver(&["302 Found"]);
    let (_, body) = call(&rig, Method::POST, "/api/webhooks", json!({"url": url})).await;
    let test = format!(
        "/api/webhooks/{}/test",
        body["webhook"]["id"].as_str().unwrap()
    );
    let (status, body) = call(&rig, Method::POST, &test, Value::Null).await;
    assert_eq!(
        (status, &body["code"]),
        (502, &"notification-failed".into()),
        "{body}"
    );
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .contains("redirects are not followed")
    );
    received.recv_timeout(PATIENCE).unwrap();
}
