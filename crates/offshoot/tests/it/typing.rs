//! What is typed is typed once, however often it is sent and whenever the server dies.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use offshoot_protocol::terminal::{ClientFrame, Hello, InputResult, ServerFrame};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Answer, Rig, TerminalSocket, http};

use crate::box_of::{live, rig, terminal_program, until_shown};

/// Prompts that are sent while the server dies.
const PROMPTS: usize = 24;

/// Keys that are typed while the server dies again and again.
const KEYS: u64 = 4000;

/// Starts a program that writes down every byte it reads from its terminal.
fn recorder(rig: &Rig) -> (Started, PathBuf) {
    let file = rig.user_dir().join("typed");
    let program = terminal_program();
    let started = rig.start_command(&format!("{program} record {}", file.display()));
    until_shown(rig, &started, "recording");
    (started, file)
}

fn typed(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

/// Sends a text under a key; an error means that the server died meanwhile.
fn send(rig: &Rig, worker: &Started, key: &str, text: &str) -> io::Result<Answer> {
    let request = input_request(rig, worker, key, text);
    let mut stream = rig.http.connect()?;
    stream.write_all(&request)?;
    http::read_answer(stream)
}

fn input_request(rig: &Rig, worker: &Started, key: &str, text: &str) -> Vec<u8> {
    let body = serde_json::to_vec(&serde_json::json!({ "text": text })).unwrap();
    let path = format!("{}/input", worker.path());
    rig.http
        .request_bytes("POST", &path, &[("Idempotency-Key", key)], &body)
}

/// The moments of a request at which the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    HalfSent,
    Sent,
    Typed,
    Answered,
}

/// Sends the prompt once and kills the server at the given moment of it.
fn send_and_kill(
    rig: &mut Rig,
    worker: &Started,
    file: &Path,
    key: &str,
    text: &str,
    moment: Moment,
) {
    let request = input_request(rig, worker, key, text);
    let mut stream = rig.http.connect().unwrap();
    let before = typed(file).len();
    match moment {
        Moment::HalfSent => stream.write_all(&request[..request.len() - 5]).unwrap(),
        Moment::Sent => stream.write_all(&request).unwrap(),
        Moment::Typed => {
            stream.write_all(&request).unwrap();
            // Spins: the answer is on its way already.
            let begin = std::time::Instant::now();
            while typed(file).len() == before {
                assert!(begin.elapsed() < http_deadline(), "nothing is typed");
            }
        }
        Moment::Answered => {
            stream.write_all(&request).unwrap();
            assert_eq!(http::read_answer(stream).unwrap().status, 200);
        }
    }
    rig.kill_server();
}

fn http_deadline() -> std::time::Duration {
    offshoot_testkit::rig::wait::DEADLINE
}

#[test]
fn a_prompt_sent_again_after_a_kill_is_typed_once() {
    let mut rig = rig();
    let (worker, file) = recorder(&rig);
    let moments = [
        Moment::Sent,
        Moment::Typed,
        Moment::HalfSent,
        Moment::Answered,
    ];
    let mut expected = String::new();
    for (number, moment) in (0..PROMPTS).zip(moments.into_iter().cycle()) {
        let text = format!("<prompt {number}, killed when {moment:?}>");
        let key = format!("key-{number}");
        send_and_kill(&mut rig, &worker, &file, &key, &text, moment);
        rig.start_server().unwrap();
        // A client does not know what became of it and sends it twice more.
        for _ in 0..2 {
            let answer = until("the prompt is accepted", || {
                let answer = send(&rig, &worker, &key, &text).ok()?;
                // Until the terminal is connected again the server may say so.
                (answer.code() != "not-running").then_some(answer)
            });
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        expected += &text;
        until("the prompt is typed", || {
            (typed(&file).len() >= expected.len()).then_some(())
        });
    }
    // Whatever was typed late lies before this.
    assert_eq!(send(&rig, &worker, "end", "<end>").unwrap().status, 200);
    until("the end is typed", || {
        typed(&file).ends_with("<end>").then_some(())
    });
    assert_eq!(typed(&file), expected + "<end>");
}

#[test]
fn the_same_text_with_another_key_or_none_is_typed_again() {
    let rig = rig();
    let (worker, file) = recorder(&rig);
    for key in ["a", "b", "a"] {
        assert_eq!(send(&rig, &worker, key, key).unwrap().status, 200);
    }
    for _ in 0..2 {
        let path = format!("{}/input", worker.path());
        let answer = rig
            .http
            .send("POST", &path, &serde_json::json!({ "text": "c" }));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    until("all is typed", || (typed(&file).len() >= 4).then_some(()));
    assert_eq!(typed(&file), "abcc");
}

/// A client that types numbered keys and sends again what was not acknowledged.
struct Typist {
    hello: Hello,
    acknowledged: u64,
}

/// The text of one key press.
fn key_text(seq: u64) -> String {
    format!("{seq},")
}

impl Typist {
    /// Types until `until_seq` is acknowledged or the connection ends.
    fn type_on(&mut self, rig: &Rig, worker: &Started, until_seq: u64) -> io::Result<()> {
        let hello = self.hello.clone();
        let mut socket = TerminalSocket::attach(&rig.http, worker.session, worker.worker, hello)?;
        // All that is not acknowledged at once: the server dies with much of it under way.
        for seq in self.acknowledged + 1..=KEYS {
            let bytes = Bytes::from(key_text(seq));
            socket.send(&ClientFrame::Input { seq, bytes })?;
        }
        while self.acknowledged < until_seq {
            if let ServerFrame::InputAck { seq, result } = socket.receive()? {
                match result {
                    InputResult::Accepted | InputResult::Duplicate => {
                        assert_eq!(seq, self.acknowledged + 1, "acknowledged in order");
                        self.acknowledged = seq;
                    }
                    // Not connected yet: everything from here on is to be sent again.
                    InputResult::NotRunning => return Err(io::ErrorKind::NotConnected.into()),
                    InputResult::Full => panic!("the program reads"),
                }
            }
        }
        Ok(())
    }
}

#[test]
fn keys_sent_again_over_kills_are_typed_once_and_in_order() {
    let mut rig = rig();
    let (worker, file) = recorder(&rig);
    let mut typist = Typist {
        hello: live(),
        acknowledged: 0,
    };
    for kill in 1..=8 {
        let goal = KEYS * kill / 10;
        until("keys are acknowledged", || {
            typist.type_on(&rig, &worker, goal).ok()
        });
        rig.kill_server();
        rig.start_server().unwrap();
    }
    until("all keys are acknowledged", || {
        typist.type_on(&rig, &worker, KEYS).ok()
    });
    let expected: String = (1..=KEYS).map(key_text).collect();
    until("all keys are typed", || {
        (typed(&file).len() >= expected.len()).then_some(())
    });
    assert_eq!(typed(&file), expected);
}
