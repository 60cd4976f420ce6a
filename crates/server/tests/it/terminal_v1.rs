//! A worker's socket, first dialect: the checks of that dialect that concern terminals.

use std::sync::Arc;

use libtest_mimic::Trial;
use offshoot_protocol::view::ProcessState;
use offshoot_protocol::{SessionId, WorkerId};
use serde_json::{Value, json};

use crate::rig::{Rig, Socket, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "v1_unknown_workers_are_refused_for_good",
            unknown_workers_are_refused_for_good,
        ),
        trial(
            "v1_history_comes_when_asked_and_chains_with_output",
            history_chains_with_output,
        ),
        trial(
            "v1_history_is_exact_to_the_byte",
            history_is_exact_to_the_byte,
        ),
        trial(
            "v1_a_first_load_has_at_most_5000_lines",
            a_first_load_has_at_most_5000_lines,
        ),
        trial("v1_characters_are_never_split", characters_are_never_split),
        trial(
            "v1_nothing_is_lost_or_doubled_around_history",
            nothing_is_lost_or_doubled_around_history,
        ),
        trial("v1_sizes_reach_the_process", sizes_reach_the_process),
        trial(
            "v1_exit_comes_last_and_a_new_socket_revives",
            exit_comes_last_and_a_new_socket_revives,
        ),
        trial(
            "v1_a_missing_directory_is_told",
            a_missing_directory_is_told,
        ),
        trial(
            "v1_images_are_stored_and_typed",
            images_are_stored_and_typed,
        ),
        trial(
            "v1_a_deleted_session_ends_its_sockets",
            a_deleted_session_ends_its_sockets,
        ),
        trial(
            "v1_a_deleted_worker_leaves_its_socket_open",
            a_deleted_worker_leaves_its_socket_open,
        ),
        trial(
            "v1_a_restart_starts_a_new_screen",
            a_restart_starts_a_new_screen,
        ),
        trial(
            "v1_answers_of_browsers_to_queries_are_dropped",
            answers_to_queries_are_dropped,
        ),
        trial("v1_garbage_is_ignored", garbage_is_ignored),
        trial(
            "v1_a_size_said_while_a_worker_revives_counts",
            a_size_said_while_a_worker_revives_counts,
        ),
        trial(
            "v1_a_stalled_client_loses_nothing_and_slows_nobody",
            a_stalled_client,
        ),
    ]
}

async fn input(socket: &mut Socket, data: &str) {
    socket.send(json!({"type": "input", "data": data})).await;
}

async fn history(socket: &mut Socket, from: u64) -> (String, u64) {
    socket
        .send(json!({"type": "request-history", "fromOffset": from}))
        .await;
    let frame = socket.frame_of("history").await;
    (
        frame["data"].as_str().unwrap().to_owned(),
        frame["offset"].as_u64().unwrap(),
    )
}

/// Reads output until it holds a text.
async fn output_with(socket: &mut Socket, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let frame = socket.frame_of("output").await;
        seen.push_str(frame["data"].as_str().unwrap());
    }
    seen
}

/// Waits until a worker's log holds a text, and returns the log.
async fn log_with(rig: &Rig, ids: (SessionId, WorkerId), text: &str) -> String {
    for _ in 0..2000 {
        let log = rig.http.log(ids.0, ids.1).await.unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        if log.contains(text) {
            return log;
        }
    }
    panic!("{text:?} never came");
}

async fn unknown_workers_are_refused_for_good(rig: Arc<Rig>) {
    let (session, worker) = rig.run("cat").await;
    for (path, message) in [
        (
            format!("{session}/worker/{}", WorkerId::random()),
            "Worker not found",
        ),
        (
            format!("{}/worker/{worker}", SessionId::random()),
            "Session not found",
        ),
        ("x/worker/y".to_owned(), "Session not found"),
    ] {
        let mut socket = rig.socket(&format!("/ws/session/{path}"), None).await;
        let (frames, close) = socket.rest().await;
        let error = json!({"type": "error", "message": message, "code": "WORKER_NOT_FOUND"});
        let exit = json!({"type": "exit", "exitCode": 1, "signal": null});
        assert_eq!(frames, [error, exit], "{path}");
        let close = close.unwrap();
        assert_eq!(
            (u16::from(close.code), close.reason.as_str()),
            (1000, message)
        );
    }
}

async fn history_chains_with_output(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let ids = (session.id, worker);
    log_with(&rig, ids, "AGENT mode=start prompt=[]\r\n").await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "é\r").await;
    // The first frames are the activity and the output: nobody asked for history.
    let mut at = None;
    let mut seen = String::new();
    while !seen.contains("got:é\r\n") {
        let frame = socket.frame().await;
        match frame["type"].as_str().unwrap() {
            "activity" => assert_ne!(frame["state"], "unknown"),
            "output" => {
                let data = frame["data"].as_str().unwrap();
                let end = frame["offset"].as_u64().unwrap();
                let start = end - data.len() as u64;
                assert!(at.is_none_or(|at| at == start), "offsets chain");
                at = Some(end);
                seen.push_str(data);
            }
            other => panic!("{other} was not asked for"),
        }
    }
    let (data, offset) = history(&mut socket, 0).await;
    assert_eq!(data.len() as u64, offset, "{data:?}");
    assert_eq!(Some(offset), at);
    assert!(data.starts_with("AGENT mode=start prompt=[]\r\n"));
}

async fn history_is_exact_to_the_byte(rig: Arc<Rig>) {
    let ids = rig.run("sh -c 'printf \"één\\r\\ntwee\\r\\n\"; cat'").await;
    log_with(&rig, ids, "twee").await;
    let mut socket = rig.worker_socket(ids).await;
    let (all, end) = history(&mut socket, 0).await;
    assert_eq!(history(&mut socket, end).await, (String::new(), end));
    for n in [1, 6, all.len() as u64 - 5] {
        let expected = &all[all.len() - usize::try_from(n).unwrap()..];
        assert_eq!(
            history(&mut socket, end - n).await,
            (expected.to_owned(), end)
        );
    }
    let (data, offset) = history(&mut socket, end + 1000).await;
    assert_eq!((data.as_str(), offset), ("", end));
    assert_eq!(history(&mut socket, 0).await, (all, end));
}

async fn a_first_load_has_at_most_5000_lines(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let ids = (session.id, worker);
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "numbers\r").await;
    let log = log_with(&rig, ids, "line 6000\r\n").await;
    let (data, offset) = history(&mut socket, 0).await;
    assert_eq!(offset, log.len() as u64);
    assert!(data.ends_with("line 5999\r\nline 6000\r\n"));
    assert_eq!(data.matches('\n').count(), 5000);

    // Output that no replay of its end can rebuild is answered by a snapshot of as many lines.
    let ids = rig
        .run("sh -c 'printf \"\\033[1mbold\\033[0m\\n\"; seq 1 8000; cat'")
        .await;
    let log = log_with(&rig, ids, "\r\n8000\r\n").await;
    let mut socket = rig.worker_socket(ids).await;
    let (data, offset) = history(&mut socket, 0).await;
    assert_eq!(offset, log.len() as u64);
    assert!(
        data.contains("8000") && data.contains("4000") && !data.contains("2000\r\n"),
        "{data:?}"
    );
    assert!(data.matches('\n').count() <= 5000);
}

async fn characters_are_never_split(rig: Arc<Rig>) {
    let ids = rig
        .script("read x; awk 'BEGIN { for (i = 0; i < 60000; i++) printf \"é😀\"; print \"\" }'; echo end; cat")
        .await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "go\r").await;
    let text = output_with(&mut socket, "end\r\n").await;
    assert!(!text.contains('\u{fffd}'));
    assert_eq!(text.matches("é😀").count(), 60000);
    // Half a character is held back until its other half comes, or the process ends.
    let ids = rig
        .script(
            r"stty -echo; read x; printf 'a\303'; read x; printf '\251b'; read x; printf '\303'",
        )
        .await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "1\r").await;
    output_with(&mut socket, "a").await;
    input(&mut socket, "2\r").await;
    output_with(&mut socket, "éb").await;
    input(&mut socket, "3\r").await;
    output_with(&mut socket, "\u{fffd}").await;
    assert_eq!(socket.frame_of("exit").await["exitCode"], 0);
}

async fn nothing_is_lost_or_doubled_around_history(rig: Arc<Rig>) {
    let ids = rig
        .run("sh -c 'read x; seq 1 100000; echo the-end; cat'")
        .await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "go\r").await;
    let (mut known, mut at) = (String::new(), 0);
    let mut asked = 0;
    while !known.contains("the-end") {
        let frame = socket.frame().await;
        let data = frame["data"].as_str().unwrap_or_default();
        let offset = frame["offset"].as_u64().unwrap_or_default();
        match frame["type"].as_str().unwrap() {
            "output" => {
                if at == 0 {
                    at = offset - data.len() as u64;
                }
                assert_eq!(at + data.len() as u64, offset, "output continues");
                known.push_str(data);
                at = offset;
                asked += 1;
                socket
                    .send(json!({"type": "request-history", "fromOffset": at}))
                    .await;
            }
            "history" => {
                known.push_str(data);
                assert!(offset >= at);
                at = offset;
                asked -= 1;
            }
            "activity" => {}
            other => panic!("{other}"),
        }
        // A client sends the offset it had; what came since is in between and must not be counted
        // twice, so each answer is awaited before the next output is looked at.
        while asked > 0 {
            let frame = socket.frame().await;
            if frame["type"] == "activity" {
                continue;
            }
            let data = frame["data"].as_str().unwrap();
            let offset = frame["offset"].as_u64().unwrap();
            if frame["type"] == "output" {
                // Sent before the answer: the answer holds it again, as the client asked.
                assert!(offset > at);
                continue;
            }
            known.push_str(data);
            at = offset;
            asked -= 1;
        }
    }
    let expected: String = (1..=100_000).map(|n| format!("{n}\r\n")).collect();
    assert!(known.contains(&expected), "{} bytes", known.len());
}

async fn sizes_reach_the_process(rig: Arc<Rig>) {
    let ids = rig.run("sh -c 'while read x; do stty size; done'").await;
    let mut socket = rig.worker_socket(ids).await;
    for (cols, rows, expected) in [
        (json!(133), json!(41), "41 133"),
        (json!(0), json!(5), "41 133"),
        (json!(1001), json!(5), "41 133"),
        (json!("80"), json!("5"), "41 133"),
        (json!(80), json!(24), "24 80"),
    ] {
        socket
            .send(json!({"type": "resize", "cols": cols, "rows": rows}))
            .await;
        input(&mut socket, "\r").await;
        output_with(&mut socket, expected).await;
    }
    let mut other = rig.worker_socket(ids).await;
    other
        .send(json!({"type": "resize", "cols": 99, "rows": 33}))
        .await;
    input(&mut other, "\r").await;
    output_with(&mut other, "33 99").await;
    output_with(&mut socket, "33 99").await;
}

async fn exit_comes_last_and_a_new_socket_revives(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let ids = (session.id, worker);
    let mut app = rig.socket("/ws/app", None).await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "quit\r").await;
    let mut seen = String::new();
    let exit = loop {
        let frame = socket.frame().await;
        match frame["type"].as_str().unwrap() {
            "output" => seen.push_str(frame["data"].as_str().unwrap()),
            "exit" => break frame,
            _ => {}
        }
    };
    assert!(seen.ends_with("bye\r\n"), "{seen:?}");
    assert_eq!(
        (&exit["exitCode"], &exit["signal"]),
        (&json!(7), &Value::Null)
    );
    loop {
        let frame = app.frame_of("session-updated").await;
        if frame["session"]["workers"][0]["activated"] == false {
            break;
        }
    }
    let (before, end) = history(&mut socket, 0).await;

    let mut second = rig.worker_socket(ids).await;
    let first = second.frame().await;
    assert_eq!(first["type"], "server-restarted");
    assert!(first["serverPid"].is_number());
    assert_eq!(
        second.frame().await,
        json!({"type": "activity", "state": "idle"})
    );
    assert_eq!(
        app.frame_of("worker-activated").await["workerId"],
        json!(worker)
    );
    output_with(&mut second, "AGENT mode=cont").await;
    let (after, _) = history(&mut second, 0).await;
    assert!(after.starts_with(&before), "old output is in history");
    let (delta, _) = history(&mut second, end).await;
    assert!(delta.contains("AGENT mode=cont"), "{delta:?}");
    output_with(&mut socket, "AGENT mode=cont").await;
}

async fn a_missing_directory_is_told(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let ids = (session.id, worker);
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "quit\r").await;
    rig.http
        .wait_for_state(ids.0, ids.1, ProcessState::Exited)
        .await
        .unwrap();
    std::fs::remove_dir_all(rig.work()).unwrap();
    let mut socket = rig.worker_socket(ids).await;
    let (frames, close) = socket.rest().await;
    assert_eq!(
        (&frames[0]["type"], &frames[0]["code"]),
        (&json!("error"), &json!("PATH_NOT_FOUND"))
    );
    assert_eq!(
        frames[1],
        json!({"type": "exit", "exitCode": 1, "signal": null})
    );
    assert_eq!(close.map(|close| close.code.into()), Some(1000_u16));
}

async fn images_are_stored_and_typed(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let mut socket = rig.worker_socket(ids).await;
    for mime in ["image/tiff", "image/png"] {
        socket
            .send(json!({"type": "image", "data": "iVBORw0KGgo=", "mimeType": mime}))
            .await;
    }
    let seen = output_with(&mut socket, ".png").await;
    assert_eq!(std::fs::read(seen.trim()).unwrap(), b"\x89PNG\r\n\x1a\n");
    assert!(std::path::Path::new(seen.trim()).starts_with(rig.engine.home().join("uploads")));
}

async fn a_deleted_session_ends_its_sockets(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let mut sockets = [
        rig.worker_socket((session.id, worker)).await,
        rig.worker_socket((session.id, worker)).await,
    ];
    for socket in &mut sockets {
        history(socket, 0).await;
    }
    rig.http
        .delete(&format!("/api/sessions/{}", session.id))
        .await
        .unwrap();
    for socket in &mut sockets {
        let (frames, close) = socket.rest().await;
        let error = json!({"type": "error", "message": "Session has been deleted", "code": "SESSION_DELETED"});
        let at = frames
            .iter()
            .position(|frame| *frame == error)
            .expect("the error");
        assert_eq!(
            frames[at + 1],
            json!({"type": "exit", "exitCode": 1, "signal": null})
        );
        assert_eq!(close.map(|close| close.code.into()), Some(1000_u16));
    }
}

async fn a_deleted_worker_leaves_its_socket_open(rig: Arc<Rig>) {
    let (session, _) = rig.run("cat").await;
    let path = format!("/api/sessions/{session}/workers");
    let made: Value = rig
        .http
        .post(&path, &json!({"type": "terminal"}))
        .await
        .unwrap();
    let worker: WorkerId = made["worker"]["id"].as_str().unwrap().parse().unwrap();
    let mut socket = rig.worker_socket((session, worker)).await;
    history(&mut socket, 0).await;
    rig.http.delete(&format!("{path}/{worker}")).await.unwrap();
    input(&mut socket, "x").await;
    // The session's end is told on sockets that are open; this one's worker was gone before.
    rig.stop().await;
    let (frames, close) = socket.rest().await;
    assert!(
        frames.iter().all(|frame| frame["type"] != "error"),
        "{frames:?}"
    );
    assert_eq!(close.map(|close| close.code.into()), Some(1012_u16));
}

async fn a_restart_starts_a_new_screen(rig: Arc<Rig>) {
    let (session, worker) = rig.agent_session().await;
    let ids = (session.id, worker);
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "one\r").await;
    let log = log_with(&rig, ids, "got:one").await;
    let path = format!("/api/sessions/{}/workers/{worker}/restart", session.id);
    let _: Value = rig
        .http
        .post(&path, &json!({"continueConversation": true}))
        .await
        .unwrap();
    socket.frame_of("output-truncated").await;
    output_with(&mut socket, "AGENT mode=cont").await;
    let (data, offset) = history(&mut socket, 0).await;
    assert_eq!(data, "AGENT mode=cont prompt=[]\r\n");
    assert_eq!(offset, data.len() as u64);
    let (data, offset) = history(&mut socket, log.len() as u64 + 5).await;
    assert_eq!(data, "");
    assert!(offset < log.len() as u64);
    socket.frame_of("output-truncated").await;
}

async fn answers_to_queries_are_dropped(rig: Arc<Rig>) {
    let ids = rig.run("sh -c 'stty raw -echo; echo ready; cat -v'").await;
    log_with(&rig, ids, "ready").await;
    let mut socket = rig.worker_socket(ids).await;
    input(
        &mut socket,
        "<\u{1b}[?1;2c\u{1b}[24;80R\u{1b}]11;rgb:0000/0000/0000\u{1b}\\>",
    )
    .await;
    let seen = output_with(&mut socket, ">").await;
    assert_eq!(seen, "<>");
}

async fn garbage_is_ignored(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let mut socket = rig.worker_socket(ids).await;
    for frame in [
        json!(null),
        json!({}),
        json!({"type": "other"}),
        json!({"type": "input"}),
        json!({"type": "input", "data": 5}),
    ] {
        socket.send(frame).await;
    }
    for from in [json!(null), json!(-1), json!("x"), json!({})] {
        socket
            .send(json!({"type": "request-history", "fromOffset": from}))
            .await;
        assert_eq!(socket.frame_of("history").await["data"], "");
    }
    socket.send(json!({"type": "request-history"})).await;
    socket.frame_of("history").await;
    input(&mut socket, "still there\r").await;
    output_with(&mut socket, "still there").await;
}

async fn a_stalled_client(rig: Arc<Rig>) {
    let ids = rig.script("read x; seq 1 1000000; exit 3").await;
    let mut stalled = rig.worker_socket(ids).await;
    let mut other = rig.worker_socket(ids).await;
    input(&mut other, "go\r").await;
    let expected: String = (1..=1_000_000).map(|n| format!("{n}\r\n")).collect();
    for socket in [&mut other, &mut stalled] {
        let (mut seen, mut at) = (String::new(), None);
        let exit = loop {
            let frame = socket.frame().await;
            match frame["type"].as_str().unwrap() {
                "output" => {
                    let data = frame["data"].as_str().unwrap();
                    let end = frame["offset"].as_u64().unwrap();
                    assert!(
                        at.is_none_or(|at| at + data.len() as u64 == end),
                        "offsets chain"
                    );
                    at = Some(end);
                    seen.push_str(data);
                }
                "exit" => break frame,
                _ => {}
            }
        };
        assert!(seen.ends_with(&expected), "{} bytes", seen.len());
        assert_eq!(exit["exitCode"], 3);
    }
}

async fn a_size_said_while_a_worker_revives_counts(rig: Arc<Rig>) {
    let ids = rig
        .script("while read x; do [ \"$x\" = end ] && exit; stty size; done")
        .await;
    let mut socket = rig.worker_socket(ids).await;
    input(&mut socket, "end\r").await;
    socket.frame_of("exit").await;
    let mut second = rig.worker_socket(ids).await;
    second
        .send(json!({"type": "resize", "cols": 91, "rows": 37}))
        .await;
    input(&mut second, "\r").await;
    output_with(&mut second, "37 91").await;
}
