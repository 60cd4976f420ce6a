//! What an agent asks is answered once, whoever answers and however many do.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use offshoot_protocol::request::{AnswerBody, Request};
use offshoot_testkit::programs::fake_agent;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Answer, Rig};
use serde_json::{Value, json};

use crate::box_of::{offshoot, rig};

fn agent(rig: &Rig) -> (Started, PathBuf) {
    let record = rig.user_dir().join("told");
    let program = fake_agent();
    let command = format!("{} --composer {}", program.display(), record.display());
    (rig.start_command(&command), record)
}

fn ask(rig: &Rig, started: &Started, question: &str) -> Request {
    let name = started.session.to_string();
    crate::succeed(&mut offshoot(
        rig,
        &["send", &name, &format!("ask {question}")],
    ));
    until("it asks", || {
        let request = request(rig, started)?;
        let seen = (request.options.len() == 2).then_some(request)?;
        (seen.text.contains("proceed")).then_some(seen)
    })
}

fn request(rig: &Rig, started: &Started) -> Option<Request> {
    let workers = rig.session(started.session).workers;
    let worker = workers
        .into_iter()
        .find(|worker| worker.id == started.worker)?;
    worker.request
}

fn answer(rig: &Rig, started: &Started, request: &str, body: &Value) -> Answer {
    let path = format!("/api/workers/{}/requests/{request}/answer", started.worker);
    rig.http.send("POST", &path, body)
}

fn answers(record: &Path) -> Vec<String> {
    let text = fs::read_to_string(record).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter_map(|line| Some(line["answer"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn two_devices_answer_once() {
    let rig = rig();
    let (started, record) = agent(&rig);
    for round in 0..5 {
        let asked = ask(&rig, &started, &format!("rm -rf build-{round}"));
        let both = thread::scope(|scope| {
            ["1", "2"]
                .map(|option| {
                    let (rig, started, id) = (&rig, &started, &asked.id);
                    scope.spawn(move || answer(rig, started, id, &json!({ "option": option })))
                })
                .map(|device| device.join().unwrap())
        });
        let taken = both.iter().filter(|one| one.status == 200);
        let taken: Vec<AnswerBody> = taken.map(Answer::json).collect();
        assert_eq!(
            taken,
            [AnswerBody { taken: true }],
            "{}{}",
            both[0].text(),
            both[1].text()
        );
        let refused = both.iter().find(|one| one.status != 200).unwrap();
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (409, "already-answered")
        );
        assert_eq!(answers(&record).len(), round + 1, "{:?}", answers(&record));
    }
}

#[test]
fn an_answer_to_another_question_is_refused_and_not_typed() {
    let rig = rig();
    let (started, record) = agent(&rig);
    let first = ask(&rig, &started, "delete one");
    // A person answers in the terminal, and the agent asks something else.
    let input = format!("{}/input", started.path());
    assert_eq!(
        rig.http
            .send("POST", &input, &json!({ "text": "1" }))
            .status,
        200
    );
    let second = ask(&rig, &started, "delete two");
    assert_ne!(first.id, second.id);
    let late = answer(&rig, &started, &first.id, &json!({ "option": "1" }));
    assert_eq!(
        (late.status, late.code().as_str()),
        (409, "request-changed"),
        "{}",
        late.text()
    );
    for body in [
        json!({ "option": "9" }),
        json!({ "text": "words" }),
        json!({}),
    ] {
        let refused = answer(&rig, &started, &second.id, &body);
        assert_eq!(
            refused.code(),
            "invalid-request",
            "{body} {}",
            refused.text()
        );
    }
    assert_eq!(answers(&record), ["1"]);
    assert_eq!(request(&rig, &started), Some(second));
}

#[test]
fn the_command_line_lists_and_answers() {
    let rig = rig();
    let (started, record) = agent(&rig);
    let name = started.session.to_string();
    crate::refuse(&mut offshoot(&rig, &["answer", &name]), 1, "asks nothing");
    ask(&rig, &started, "make install");
    let listed = crate::succeed(&mut offshoot(&rig, &["answer", &name]));
    assert!(
        listed.contains("1  Yes") && listed.contains("2  No, and say"),
        "{listed}"
    );
    crate::refuse(
        &mut offshoot(&rig, &["answer", &name, "maybe"]),
        1,
        "no option",
    );
    crate::succeed(&mut offshoot(&rig, &["answer", &name, "no"]));
    assert_eq!(answers(&record), ["2"]);
    until("nothing is asked any more", || {
        request(&rig, &started).is_none().then_some(())
    });
}
