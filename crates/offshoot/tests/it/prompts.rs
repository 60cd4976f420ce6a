//! Prompts reach slow and rude agents once and whole, also when the server is killed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use offshoot_protocol::prompt::{Prompt, PromptBody, PromptState, PromptsBody};
use offshoot_testkit::programs::fake_agent;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Answer, Rig};
use serde_json::{Value, json};

use crate::box_of::{offshoot, rig};

/// Agents that are started and told something.
const STARTS: u64 = 500;

/// So many at a time, and one kill of the server for each.
const BATCH: u64 = 50;

/// An agent, what it is told, and where it writes down what arrived.
struct Told {
    started: Started,
    record: PathBuf,
    text: String,
    key: String,
}

fn start(rig: &Rig, seed: u64) -> Told {
    let record = rig.user_dir().join(format!("told-{seed}"));
    let program = fake_agent();
    let command = format!(
        "{} --composer {} {seed}",
        program.display(),
        record.display()
    );
    Told {
        started: rig.start_command(&command),
        record,
        text: format!("number {seed}: 'quoted' \"twice\"\n\n  indented é 你好 🎉 end {seed}"),
        key: format!("key-{seed}"),
    }
}

fn prompts_path(started: &Started) -> String {
    format!("/api/workers/{}/prompts", started.worker)
}

/// Queues a prompt; none when the server is away.
fn queue(rig: &Rig, told: &Told) -> Option<Answer> {
    let body = serde_json::to_vec(&json!({ "text": told.text })).unwrap();
    let path = prompts_path(&told.started);
    let headers = [("Idempotency-Key", told.key.as_str())];
    let answer = rig.http.ask("POST", &path, &headers, &body).ok()?;
    // Until its terminal is connected again the server says so.
    (answer.code() != "not-running").then_some(answer)
}

fn prompts(rig: &Rig, started: &Started) -> Vec<Prompt> {
    let body: PromptsBody = rig.http.get(&prompts_path(started)).json();
    body.prompts
}

/// What arrived, in order.
fn arrived(record: &Path) -> Vec<Value> {
    let text = fs::read_to_string(record).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn five_hundred_starts_lose_double_and_halve_no_prompt() {
    let mut rig = rig();
    for batch in 0..STARTS / BATCH {
        let seeds = batch * BATCH..(batch + 1) * BATCH;
        let told: Vec<Told> = seeds.map(|seed| start(&rig, seed)).collect();
        for told in &told {
            let answer = until("the prompt is queued", || queue(&rig, told));
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
        // Another step of the deliveries each time.
        thread::sleep(Duration::from_millis(batch * 173 % 1700));
        rig.kill_server();
        rig.start_server().unwrap();
        for told in &told {
            // Whose answer was lost asks again.
            let answer = until("the prompt is known", || queue(&rig, told));
            let body: PromptBody = answer.json();
            assert!(body.duplicate, "{:?}", body.prompt);
        }
        for told in &told {
            check(&rig, told);
        }
        for told in &told {
            assert_eq!(
                rig.http
                    .delete(&format!("/api/sessions/{}", told.started.session))
                    .status,
                200
            );
        }
    }
}

fn check(rig: &Rig, told: &Told) {
    let prompt = until("the prompt is settled", || {
        let prompt = prompts(rig, &told.started).pop()?;
        prompt.state.is_settled().then_some(prompt)
    });
    let seen = rig
        .http
        .get(&format!("{}/text?lines=30", told.started.path()));
    assert_eq!(
        prompt.state,
        PromptState::Accepted,
        "{prompt:?}\n{}",
        seen.text()
    );
    let expected = [json!({ "prompt": told.text })];
    assert_eq!(
        arrived(&told.record),
        expected,
        "{prompt:?}\n{}",
        seen.text()
    );
}

#[test]
fn a_queue_is_listed_changed_and_removed_until_it_is_typed() {
    let rig = rig();
    let record = rig.user_dir().join("told");
    let command = format!("{} --composer {}", fake_agent().display(), record.display());
    let started = rig.start_command(&command);
    let path = prompts_path(&started);
    let queue = |text: &str| -> Prompt {
        let answer = rig.http.send("POST", &path, &json!({ "text": text }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json::<PromptBody>().prompt
    };
    // The first makes it wait for an answer, and nothing is typed into a question.
    queue("ask rm -rf build");
    until("it asks", || (arrived(&record).len() == 1).then_some(()));
    let (second, third) = (queue("second"), queue("third"));
    until("it waits", || {
        let waits = prompts(&rig, &started)
            .into_iter()
            .find(|one| one.id == second.id)?;
        (waits.reason.as_deref() == Some("it waits for an answer")).then_some(())
    });
    let second_path = format!("{path}/{}", second.id);
    let answer = rig
        .http
        .send("PATCH", &second_path, &json!({ "text": "second, better" }));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let empty = rig
        .http
        .send("PATCH", &second_path, &json!({ "text": " \n" }));
    assert_eq!(empty.code(), "invalid-request");
    assert_eq!(rig.http.delete(&format!("{path}/{}", third.id)).status, 200);
    assert_eq!(
        rig.http.delete(&format!("{path}/{}", third.id)).code(),
        "prompt-not-found"
    );
    assert_eq!(
        arrived(&record).len(),
        1,
        "nothing answers the question by itself"
    );

    // A person answers; then the changed prompt follows.
    let input = format!("{}/input", started.path());
    assert_eq!(
        rig.http
            .send("POST", &input, &json!({ "text": "1" }))
            .status,
        200
    );
    until("the second is accepted", || {
        let accepted = prompts(&rig, &started)
            .into_iter()
            .find(|one| one.id == second.id)?;
        (accepted.state == PromptState::Accepted).then_some(())
    });
    let expected = [
        json!({"prompt": "ask rm -rf build"}),
        json!({"answer": "1"}),
        json!({"prompt": "second, better"}),
    ];
    assert_eq!(arrived(&record), expected);
    let late = rig
        .http
        .send("PATCH", &second_path, &json!({ "text": "too late" }));
    assert_eq!(late.code(), "prompt-not-queued", "{}", late.text());
}

#[test]
fn a_half_typed_line_is_left_alone_and_sent_by_its_owner() {
    let rig = rig();
    let record = rig.user_dir().join("told");
    let command = format!("{} --composer {}", fake_agent().display(), record.display());
    let started = rig.start_command(&command);
    let input = format!("{}/input", started.path());
    crate::box_of::until_shown(&rig, &started, "? for shortcuts");
    assert_eq!(
        rig.http
            .send("POST", &input, &json!({ "text": "half a li" }))
            .status,
        200
    );
    crate::box_of::until_shown(&rig, &started, "half a li");
    let name = started.session.to_string();
    let queued = crate::succeed(&mut offshoot(
        &rig,
        &["send", "--no-wait", &name, "from afar"],
    ));
    until("it says why it waits", || {
        let prompt = prompts(&rig, &started).pop()?;
        assert_eq!(prompt.id.to_string(), queued.trim());
        prompt.reason?.contains("input line").then_some(())
    });
    assert_eq!(
        rig.http
            .send("POST", &input, &json!({ "text": "ne\r" }))
            .status,
        200
    );
    let sent = crate::succeed(&mut offshoot(&rig, &["send", &name, "and after it"]));
    assert_eq!(sent, "");
    let texts = ["half a line", "from afar", "and after it"].map(|text| json!({ "prompt": text }));
    assert_eq!(arrived(&record), texts);
}
