//! W66 and W67: what an agent is seen to do. Their statements are about time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Socket;
use crate::fixture::{Fixture, agent_of};

/// What a busy machine may add to the times of the statements.
const SLACK: Duration = Duration::from_millis(700);

fn opened(f: &Fixture) -> (Value, Socket, Socket) {
    let session = f.quick(&f.fa());
    let mut app = f.client.app();
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.all_with("]\r\n");
    app.news();
    (session, worker, app)
}

fn state(worker: &mut Socket, wanted: &str) -> Instant {
    let frame = worker.frame_of("activity");
    assert_eq!(frame["state"], wanted);
    Instant::now()
}

fn on_app(app: &mut Socket, session: &Value, wanted: &str) {
    let frame = app.frame_of("worker-activity");
    let expected = json!({
        "type": "worker-activity",
        "sessionId": session["id"],
        "workerId": agent_of(session)["id"],
        "activityState": wanted,
    });
    assert_eq!(frame, expected);
}

#[test]
fn w66_a_burst_is_activity() {
    let f = Fixture::new();
    let (session, mut worker, mut app) = opened(&f);
    let begin = Instant::now();
    worker.input("burst\r");
    let mut active = None;
    let mut last = begin;
    let idle = loop {
        let frame = worker.frame();
        match (frame["type"].as_str(), active) {
            (Some("activity"), None) => {
                assert_eq!(frame["state"], "active");
                active = Some(Instant::now());
            }
            (Some("activity"), Some(_)) => {
                assert_eq!(frame["state"], "idle");
                break Instant::now();
            }
            _ => last = Instant::now(),
        }
    };
    let until_active = active.unwrap() - begin;
    assert!(
        until_active < Duration::from_secs(2) + SLACK,
        "{until_active:?}"
    );
    let silence = idle - last;
    assert!(silence > Duration::from_millis(1900), "{silence:?}");
    assert!(silence < Duration::from_secs(3) + SLACK, "{silence:?}");
    on_app(&mut app, &session, "active");
    on_app(&mut app, &session, "idle");
}

#[test]
fn w67_a_question_is_asked_and_answered() {
    let f = Fixture::new();
    let (session, mut worker, mut app) = opened(&f);
    let begin = Instant::now();
    worker.input("ask\r");
    let asked = state(&mut worker, "asking") - begin;
    assert!(asked < Duration::from_secs(1) + SLACK, "{asked:?}");
    on_app(&mut app, &session, "asking");
    let begin = Instant::now();
    worker.input("\r");
    let answered = state(&mut worker, "idle") - begin;
    assert!(answered < SLACK, "{answered:?}");
    on_app(&mut app, &session, "idle");
}
