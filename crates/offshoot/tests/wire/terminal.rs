//! W46–W50, W52–W56, W58, W62, W63: a worker's socket while its process lives.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{Socket, text};
use crate::fixture::{Fixture, agent_of, of_session};

/// A session of FA that has said hello, and its socket.
fn opened(f: &Fixture) -> (Value, Socket) {
    let session = f.quick(&f.fa());
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.all_with("AGENT mode=start prompt=[]\r\n");
    (session, worker)
}

fn length(data: &str) -> u64 {
    data.len() as u64
}

/// Runs a shell command in FA and returns its output: what follows the echo of the command.
fn run(worker: &mut Socket, command: &str, last: &str) -> String {
    worker.input(&format!("run {command}\r"));
    let (seen, _) = worker.output_with(last);
    let (_, output) = seen.split_once("\r\n").expect("the echo of the command");
    output.to_owned()
}

#[test]
fn w46_no_history_unasked() {
    let f = Fixture::new();
    let (session, _) = opened(&f);
    let mut worker = f.client.worker(&session, agent_of(&session));
    let frames = worker.frames_for(Duration::from_secs(2));
    assert!(
        frames.iter().all(|frame| frame["type"] != "history"),
        "{frames:?}"
    );
    let states: Vec<_> = frames
        .iter()
        .filter(|frame| frame["type"] == "activity")
        .collect();
    assert_eq!(states, [&json!({"type": "activity", "state": "idle"})]);
}

#[test]
fn w47_the_first_history_is_everything() {
    let f = Fixture::new();
    let (session, mut worker) = opened(&f);
    worker.input("äöü € 日本 😀\r");
    worker.output_with("got:äöü € 日本 😀\r\n");
    let mut fresh = f.client.worker(&session, agent_of(&session));
    fresh.send(&json!({"type": "request-history"}));
    fresh.send(&json!({"type": "request-history", "fromOffset": 0}));
    fresh.send(&json!({"type": "request-history", "fromOffset": "x"}));
    let answers: Vec<Value> = (0..3).map(|_| fresh.frame_of("history")).collect();
    let data = text(&answers[0]["data"]);
    assert!(data.starts_with("AGENT mode=start prompt=[]\r\n"), "{data}");
    assert!(data.ends_with("got:äöü € 日本 😀\r\n"), "{data}");
    for answer in answers {
        assert_eq!(answer["data"], data.as_str());
        assert_eq!(answer["offset"], length(&data));
        assert!(answer.get("timedOut").is_none());
    }
}

#[test]
fn w48_history_from_an_offset_is_the_rest() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    worker.input("naïve €uro\r");
    worker.output_with("got:naïve €uro\r\n");
    let (all, end) = worker.history(0);
    assert_eq!(worker.history(end), (String::new(), end));
    for (at, _) in all.char_indices().skip(1) {
        assert_eq!(
            worker.history(at as u64),
            (all[at..].to_owned(), end),
            "from {at}"
        );
    }
}

#[test]
fn w49_history_from_beyond_the_end_is_empty() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    let (_, end) = worker.history(0);
    for asked in [end + 1, end + 1_000_000, u64::from(u32::MAX)] {
        let (data, offset) = worker.history(asked);
        assert_eq!(data, "");
        assert!(offset <= asked);
    }
    worker.input("still open\r");
    worker.output_with("got:still open\r\n");
}

#[test]
fn w50_offsets_chain() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    let (_, mut offset) = worker.history(0);
    worker.input("run yes 'zwölf Boxkämpfer' | head -c 1048576; echo; echo END-$((6*7))\r");
    let mut seen = String::new();
    while !seen.contains("END-42") {
        let frame = worker.frame_of("output");
        let data = text(&frame["data"]);
        offset += length(&data);
        assert_eq!(frame["offset"], offset);
        seen += &data;
    }
    assert!(length(&seen) > 1_048_576);
}

#[test]
fn w52_nothing_is_lost_or_doubled_around_history() {
    let f = Fixture::new();
    let (session, mut worker) = opened(&f);
    worker.input("run i=0; while [ $i -lt 3000 ]; do echo \"line-$i.\"; i=$((i+1)); done; echo END-$((6*7))\r");
    worker.output_with("line-10.");
    for _ in 0..10 {
        let mut late = f.client.worker(&session, agent_of(&session));
        let (mut all, _) = late.history(0);
        // More requests while output runs: an answer holds everything from the offset that was
        // asked for, what came meanwhile too; what follows it continues it exactly.
        while !all.contains("END-42") {
            let asked = all.len();
            late.send(&json!({"type": "request-history", "fromOffset": asked}));
            loop {
                let frame = late.frame();
                if frame["type"] == "activity" {
                    continue;
                }
                let is_answer = frame["type"] == "history";
                if is_answer {
                    all.truncate(asked);
                }
                all += frame["data"].as_str().unwrap();
                assert_eq!(frame["offset"], length(&all), "{}", frame["type"]);
                if is_answer {
                    break;
                }
            }
        }
        let numbers: Vec<usize> = all
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix("line-")?.strip_suffix('.'))
            .filter_map(|number| number.parse().ok())
            .collect();
        assert!(
            numbers.iter().copied().eq(0..3000),
            "{} lines",
            numbers.len()
        );
    }
}

#[test]
fn w53_exit_comes_after_all_output() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.all_with("]\r\n");
    worker.input("run yes x | head -c 300000; echo; printf LAST-$((6*7)); exit 3\r");
    let frames = worker.until(|frame| frame["type"] == "exit");
    let data: String = frames
        .iter()
        .filter_map(|frame| frame["data"].as_str())
        .collect();
    assert!(
        data.ends_with("LAST-42"),
        "{}",
        &data[data.len().saturating_sub(100)..]
    );
    assert_eq!(
        frames.last(),
        Some(&json!({"type": "exit", "exitCode": 3, "signal": null}))
    );
    let (_, end) = worker.history(0);
    let told = frames
        .iter()
        .rev()
        .find(|frame| frame["type"] == "output")
        .unwrap();
    assert_eq!(told["offset"], end, "nothing comes after it");
}

#[test]
fn w54_characters_are_never_broken() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    let command = "printf x; yes é | tr -d '\\n' | head -c 12000; echo; echo END-$((6*7))";
    let seen = run(&mut worker, command, "END-42");
    assert!(!seen.contains('\u{fffd}'));
    assert_eq!(seen.matches('é').count(), 6000);
    let (all, _) = worker.history(0);
    assert!(!all.contains('\u{fffd}'));
    assert_eq!(
        all.matches('é').count(),
        6000 + 1,
        "and the one in the echo"
    );
}

#[test]
fn w55_the_first_load_is_at_most_5000_lines() {
    let f = Fixture::new();
    let (session, mut worker) = opened(&f);
    run(&mut worker, "seq 1 6000; echo END-$((6*7))", "END-42\r\n");
    let mut fresh = f.client.worker(&session, agent_of(&session));
    let (data, offset) = fresh.history(0);
    assert!(data.lines().count() <= 5000, "{}", data.lines().count());
    assert!(data.ends_with("5999\r\n6000\r\nEND-42\r\n"));
    assert_eq!(
        fresh.history(offset),
        (String::new(), offset),
        "the current end"
    );
}

#[test]
fn w56_sizes_reach_the_process() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    let resize = |worker: &mut Socket, cols: Value, rows: Value| {
        worker.send(&json!({"type": "resize", "cols": cols, "rows": rows}));
        let shown = run(worker, "stty size; echo END-$((6*7))", "END-42");
        shown.lines().next().unwrap().trim().to_owned()
    };
    assert_eq!(resize(&mut worker, json!(101), json!(37)), "37 101");
    for (cols, rows) in [
        (json!(0), json!(10)),
        (json!(10), json!(0)),
        (json!(1001), json!(10)),
        (json!(10), json!(1001)),
        (json!("80"), json!("24")),
        (json!(null), json!(24)),
        (json!(-5), json!(24)),
        (json!(80.5), json!(24)),
    ] {
        assert_eq!(
            resize(&mut worker, cols.clone(), rows.clone()),
            "37 101",
            "{cols}×{rows}"
        );
    }
    assert_eq!(resize(&mut worker, json!(1000), json!(1000)), "1000 1000");
    assert_eq!(resize(&mut worker, json!(80), json!(24)), "24 80");
}

#[test]
fn w58_two_sockets_hear_the_same() {
    let f = Fixture::new();
    let (session, mut first) = opened(&f);
    let mut second = f.client.worker(&session, agent_of(&session));
    second.all_with("]\r\n");
    first.input("hello\r");
    first.output_with("got:hello\r\n");
    second.output_with("got:hello\r\n");
    drop(first);
    second.input("again\r");
    second.output_with("got:again\r\n");
}

#[test]
fn w62_images_are_kept_and_their_path_is_typed() {
    let f = Fixture::new();
    let (_, mut worker) = opened(&f);
    let bytes = b"\x89PNG\r\n\x1a\nnot much of an image";
    let data = STANDARD.encode(bytes);
    for (data, kind) in [
        (data.as_str(), "image/tiff"),
        ("&&&", "image/png"),
        (data.as_str(), "text/html"),
    ] {
        worker.send(&json!({"type": "image", "data": data, "mimeType": kind}));
    }
    worker.send(&json!({"type": "image", "data": data, "mimeType": "image/png"}));
    worker.input(" END\r");
    let (seen, _) = worker.output_with("got:");
    let line = seen.lines().next().unwrap().trim_end();
    let path = line.strip_suffix(" END").expect(line);
    assert!(
        path.starts_with('/') && path.ends_with(".png"),
        "one path, nothing before: {line}"
    );
    assert_eq!(fs::read(Path::new(path)).unwrap(), bytes);
}

#[test]
fn w63_sockets_of_a_deleted_session() {
    let f = Fixture::new();
    let (session, worker) = opened(&f);
    let mut app = f.client.app();
    let mut sockets = [worker, f.client.worker(&session, agent_of(&session))];
    sockets[1].all_with("]\r\n");
    f.client.delete(&of_session(&session));
    for socket in &mut sockets {
        let (frames, code) = socket.rest();
        assert_eq!(code, 1000);
        let [.., error, exit] = frames.as_slice() else {
            panic!("{frames:?}");
        };
        assert_eq!(error["type"], "error");
        assert_eq!(error["code"], "SESSION_DELETED");
        assert_eq!(
            *exit,
            json!({"type": "exit", "exitCode": 1, "signal": null})
        );
    }
    let deleted = app.frame_of("session-deleted");
    assert_eq!(deleted["sessionId"], session["id"]);
}
