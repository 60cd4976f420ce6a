//! Webhooks from the command line, to a receiver that checks what it is sent; files with `send`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use offshoot_protocol::notification::{Webhook, WebhookEvent, WebhookPayload};
use offshoot_protocol::prompt::PromptBody;
use offshoot_testkit::rig::Rig;
use serde_json::json;
use sha2::Sha256;

use crate::box_of::{binary, offshoot, rig, until_shown};
use crate::{refuse, succeed};

/// A notification comes 3 seconds after what it tells.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that may send to this machine.
fn rig_with_private_webhooks() -> Rig {
    let mut rig = Rig::prepare(&binary()).unwrap();
    let config = rig.user_dir().join(".config/offshoot");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "webhooks_private = true\n").unwrap();
    rig.start_server().unwrap();
    rig
}

/// A request as it came.
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("{name} in {}", self.head));
        value.trim_start_matches(": ")
    }

    /// Computes the signature that the request must carry, from the secret that was shown.
    fn signature(&self, secret: &str) -> String {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.{}", self.body).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// Takes every request and hands it on.
fn receiver() -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (requests, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let request = loop {
                let mut piece = [0; 4096];
                let n = stream.read(&mut piece).unwrap();
                bytes.extend_from_slice(&piece[..n]);
                if let Some(request) = whole(&bytes) {
                    break request;
                }
                assert!(n > 0, "the request breaks off");
            };
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                .unwrap();
            if requests.send(request).is_err() {
                return;
            }
        }
    });
    (url, received)
}

/// The request, when all of it is there.
fn whole(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let request = Request {
        head: head.to_owned(),
        body: body.to_owned(),
    };
    let length: usize = request.header("content-length").parse().unwrap();
    (body.len() == length).then_some(request)
}

fn listed(rig: &Rig) -> Vec<Webhook> {
    let json = succeed(&mut offshoot(rig, &["webhook", "ls", "--json"]));
    assert!(!json.contains("whsec_"), "{json}");
    serde_json::from_str(&json).unwrap()
}

#[test]
fn a_webhook_is_added_tried_switched_and_removed_by_command() {
    let rig = rig_with_private_webhooks();
    let (url, received) = receiver();
    let shown = succeed(&mut offshoot(&rig, &["webhook", "ls"]));
    assert_eq!(shown, "no webhooks\n");
    let args = [
        "webhook", "add", &url, "--event", "errored", "--event", "waiting",
    ];
    let secret = succeed(&mut offshoot(&rig, &args));
    let secret = secret.trim_end();
    let [webhook] = listed(&rig).try_into().unwrap();
    assert_eq!(
        webhook.events.len(),
        2,
        "only what was asked for: {webhook:?}"
    );
    assert!(webhook.events.contains(&WebhookEvent::Errored) && webhook.enabled);

    let said = succeed(&mut offshoot(&rig, &["webhook", "test", &webhook.id[..8]]));
    assert!(said.ends_with("took the test\n"), "{said}");
    let request = received.recv_timeout(PATIENCE).unwrap();
    assert!(request.head.starts_with("POST /hook HTTP/1.1"));
    assert_eq!(
        request.header("webhook-signature"),
        request.signature(secret)
    );
    let payload: WebhookPayload = serde_json::from_str(&request.body).unwrap();
    assert_eq!(payload.kind, "test");

    // While it is off nothing comes; what comes next is of the agent that fails after that.
    succeed(&mut offshoot(&rig, &["webhook", "off", &url]));
    assert!(!listed(&rig)[0].enabled);
    let shown = succeed(&mut offshoot(&rig, &["webhook", "ls"]));
    assert!(
        shown.contains("off") && shown.contains("waiting errored"),
        "{shown}"
    );
    succeed(&mut offshoot(&rig, &["webhook", "on", &webhook.id]));
    let failing = rig.start_command("sh -c 'exit 3'");
    let request = received.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        request.header("webhook-signature"),
        request.signature(secret)
    );
    let payload: WebhookPayload = serde_json::from_str(&request.body).unwrap();
    assert_eq!(payload.kind, "worker.errored");
    let told = payload.data.unwrap();
    assert_eq!(
        (told.worker_id, told.exit_code),
        (failing.worker, Some(3)),
        "{told:?}"
    );

    let removed = succeed(&mut offshoot(
        &rig,
        &["webhook", "rm", &webhook.id, "--json"],
    ));
    let removed: Webhook = serde_json::from_str(&removed).unwrap();
    assert_eq!(removed.id, webhook.id);
    assert_eq!(listed(&rig), []);
    refuse(
        &mut offshoot(&rig, &["webhook", "test", &webhook.id]),
        4,
        "no webhook",
    );
}

#[test]
fn webhooks_reach_the_public_network_only_unless_told_otherwise() {
    let rig = rig();
    let (url, received) = receiver();
    refuse(
        &mut offshoot(&rig, &["webhook", "add", &url]),
        5,
        "https://",
    );
    let private = url.replace("http:", "https:");
    refuse(
        &mut offshoot(&rig, &["webhook", "add", &private]),
        5,
        "webhooks_private",
    );
    // What a name stands for is known when it is asked.
    let named = private.replace("127.0.0.1", "localhost");
    succeed(&mut offshoot(&rig, &["webhook", "add", &named]));
    refuse(
        &mut offshoot(&rig, &["webhook", "test", &named]),
        5,
        "webhooks_private",
    );
    assert!(received.try_recv().is_err(), "nobody called");
}

#[test]
fn files_are_sent_along_with_a_message() {
    let rig = rig();
    let started = rig.start_command("cat");
    let file = rig.user_dir().join("a b.txt");
    fs::write(&file, "content of the file").unwrap();
    let name = started.session.to_string();
    let file = file.to_str().unwrap();
    succeed(&mut offshoot(
        &rig,
        &["send", &name, "--file", file, "look at this"],
    ));
    until_shown(&rig, &started, "look at this");
    let uploads = rig.home().join("uploads");
    let kept: Vec<_> = fs::read_dir(&uploads)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [kept] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    assert_eq!(fs::read_to_string(kept).unwrap(), "content of the file");
    // The terminal may break the path over two lines.
    until_shown(&rig, &started, "uploads/");
    refuse(
        &mut offshoot(&rig, &["send", &name, "--file", "/nonexistent", "x"]),
        1,
        "read /nonexistent",
    );
}

#[test]
fn a_prompt_that_fails_is_told_shown_and_seen_to() {
    let rig = rig_with_private_webhooks();
    let (url, received) = receiver();
    let args = ["webhook", "add", &url, "--event", "prompt-failed"];
    succeed(&mut offshoot(&rig, &args));
    // Takes nothing, shows nothing.
    let command = "/bin/sh -c 'stty -echo; echo deaf; exec sleep 1000'";
    let started = rig.start_command(command);
    until_shown(&rig, &started, "deaf");
    let path = format!("/api/workers/{}/prompts", started.worker);
    let queued = rig.http.send("POST", &path, &json!({"text": "hello?"}));
    let PromptBody { prompt, .. } = queued.json();

    let told: WebhookPayload =
        serde_json::from_str(&received.recv_timeout(PATIENCE).unwrap().body).unwrap();
    assert_eq!(told.kind, "prompt.failed");
    let subject = told.data.unwrap();
    assert_eq!(subject.worker_id, started.worker);
    assert!(subject.reason.unwrap().contains("nothing shows"));
    let undelivered = || {
        let worker = rig.session(started.session).workers.into_iter();
        worker.map(|one| one.undelivered).find(Option::is_some)?
    };
    assert_eq!(undelivered().map(|last| last.prompt_id), Some(prompt.id));
    let listed = succeed(&mut offshoot(&rig, &["ls"]));
    assert!(listed.contains("prompt not delivered"), "{listed}");

    // Seen to: nothing waits any more.
    let removed = rig.http.delete(&format!("{path}/{}", prompt.id));
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(undelivered(), None);
    let listed = succeed(&mut offshoot(&rig, &["ls"]));
    assert!(!listed.contains("not delivered"), "{listed}");
}
