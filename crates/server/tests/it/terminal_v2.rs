//! A worker's socket, second dialect.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use libtest_mimic::Trial;
use offshoot_protocol::limits::TERMINAL_WINDOW_BYTES;
use offshoot_protocol::terminal::{
    ClientFrame, ClientId, DeliveryMode, Hello, InputResult, Resume, SUBPROTOCOL, ServerFrame,
};
use offshoot_protocol::view::{Exit, ProcessState};
use offshoot_protocol::{ErrorCode, SessionId, TerminalSize, WorkerId};
use offshoot_testkit::terminal::{Terminal, complete, live};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::rig::{Rig, Socket, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("v2_types_and_sees_and_exits", v2_types_and_sees_and_exits),
        trial(
            "v2_a_reconnecting_client_has_every_byte",
            a_reconnecting_client_has_every_byte,
        ),
        trial(
            "v2_a_stalled_client_costs_nobody_anything",
            a_stalled_client_costs_nobody_anything,
        ),
        trial(
            "v2_a_restart_begins_a_new_life",
            a_restart_begins_a_new_life,
        ),
        trial("v2_one_client_owns_the_size", one_client_owns_the_size),
        trial(
            "v2_bad_frames_are_answered_with_the_reason",
            bad_frames_are_answered_with_the_reason,
        ),
        trial(
            "v2_frames_that_cannot_be_read_are_answered_with_a_code",
            frames_that_cannot_be_read_are_answered_with_a_code,
        ),
        trial(
            "v2_unknown_and_deleted_workers_are_told",
            unknown_and_deleted_workers_are_told,
        ),
        trial("v2_older_lines_come_by_page", older_lines_come_by_page),
        trial(
            "v2_input_numbers_are_typed_once",
            input_numbers_are_typed_once,
        ),
    ]
}

type Ids = (SessionId, WorkerId);

async fn attach(rig: &Rig, ids: Ids, hello: Hello) -> Terminal {
    Terminal::connect(&rig.access, ids.0, ids.1, hello)
        .await
        .unwrap()
}

/// A socket that acknowledges nothing and answers nothing by itself.
async fn raw(rig: &Rig, ids: Ids) -> Socket {
    let path = format!("/ws/session/{}/worker/{}", ids.0, ids.1);
    rig.socket(&path, Some(SUBPROTOCOL)).await
}

async fn send(socket: &mut Socket, frame: &ClientFrame) {
    socket
        .0
        .send(Message::Binary(frame.encode()))
        .await
        .unwrap();
}

/// The next frame; `None` when the connection closes.
async fn frame(socket: &mut Socket) -> Option<ServerFrame> {
    match socket.message().await {
        Some(Message::Binary(bytes)) => Some(ServerFrame::decode(bytes).unwrap()),
        Some(Message::Close(_)) | None => None,
        other => panic!("a binary frame was expected: {other:?}"),
    }
}

async fn v2_types_and_sees_and_exits(rig: Arc<Rig>) {
    let ids = rig.run("sh -c 'read x; echo got:$x; exit 7'").await;
    let mut terminal = attach(&rig, ids, live(1, 80, 24)).await;
    assert_eq!(
        terminal.type_text("hello\n").await.unwrap(),
        InputResult::Accepted
    );
    terminal.wait_for("got:hello").await.unwrap();
    let exit = terminal.wait_for_exit().await.unwrap();
    assert_eq!(
        exit,
        Exit {
            code: Some(7),
            signal: None
        }
    );
    assert_eq!(
        terminal.type_text("x").await.unwrap(),
        InputResult::NotRunning
    );

    let mut late = attach(&rig, ids, live(2, 80, 24)).await;
    late.wait_for("got:hello").await.unwrap();
    assert_eq!(late.wait_for_exit().await.unwrap().code, Some(7));
}

async fn a_reconnecting_client_has_every_byte(rig: Arc<Rig>) {
    let ids = rig.run("seq 1 300000").await;
    let (mut all, mut position) = (Vec::new(), complete(5).resume);
    for round in 0.. {
        let hello = Hello {
            resume: position,
            ..complete(5)
        };
        let mut terminal = attach(&rig, ids, hello).await;
        let mut n_frames = 0;
        while terminal.exit.is_none() && n_frames < 7 {
            terminal
                .next()
                .await
                .unwrap()
                .expect("the connection stays");
            n_frames += 1;
        }
        all.extend_from_slice(&terminal.output);
        position = terminal.position;
        if terminal.exit.is_some() {
            assert!(round > 1, "it reconnected");
            break;
        }
    }
    let expected: String = (1..=300_000).map(|n| format!("{n}\r\n")).collect();
    assert!(
        all == expected.as_bytes(),
        "{} bytes of {}",
        all.len(),
        expected.len()
    );
}

async fn a_stalled_client_costs_nobody_anything(rig: Arc<Rig>) {
    let ids = rig
        .run("sh -c 'read x; seq 1 1000000; read x; echo the-end; read x'")
        .await;
    let mut stalled = raw(&rig, ids).await;
    let hello = Hello {
        mode: DeliveryMode::Live,
        history: Some(0),
        ..live(1, 80, 24)
    };
    send(&mut stalled, &ClientFrame::Hello(hello)).await;
    let begun = loop {
        if let Some(ServerFrame::Snapshot(snapshot)) = frame(&mut stalled).await {
            break snapshot.offset;
        }
    };
    send(&mut stalled, &ClientFrame::Ack { offset: begun }).await;

    // It reads nothing from here on while the other one gets all of it.
    let mut follower = attach(&rig, ids, complete(2)).await;
    follower.type_text("go\n").await.unwrap();
    let expected: String = (1..=1_000_000).map(|n| format!("{n}\r\n")).collect();
    while !follower.output.ends_with(b"\r\n1000000\r\n") {
        follower
            .next()
            .await
            .unwrap()
            .expect("the connection stays");
    }
    let is_whole = follower.output.ends_with(expected.as_bytes());
    assert!(is_whole, "the other client misses nothing");

    // What was sent to the stalled one is at most a window, then a snapshot that says what it
    // skipped. A busy server may have sent that one in the midst of the output; then it is a window
    // again, and the next.
    let end = follower.position.unwrap().offset;
    let (mut at, mut received, mut unanswered) = (begun, 0, 0);
    while at < end {
        match frame(&mut stalled).await.expect("the connection stays") {
            ServerFrame::Output { offset, bytes } => {
                assert_eq!(offset, at);
                at += bytes.len() as u64;
                received += bytes.len() as u64;
                unanswered += bytes.len() as u64;
                assert!(
                    unanswered <= TERMINAL_WINDOW_BYTES,
                    "more than a window unacknowledged"
                );
            }
            ServerFrame::Snapshot(snapshot) => {
                assert_eq!(snapshot.offset, at + snapshot.skipped);
                at = snapshot.offset;
                unanswered = 0;
            }
            _ => continue,
        }
        send(&mut stalled, &ClientFrame::Ack { offset: at }).await;
    }
    assert_eq!(at, end);
    assert!(received <= 3 * TERMINAL_WINDOW_BYTES, "{received}");
    follower.type_text("go\n").await.unwrap();
    let mut tail = Vec::new();
    while !tail.windows(7).any(|part| part == b"the-end") {
        if let ServerFrame::Output { offset, bytes } = frame(&mut stalled).await.unwrap() {
            assert_eq!(offset, at, "live again, without a hole");
            at += bytes.len() as u64;
            tail.extend_from_slice(&bytes);
        }
    }
}

async fn a_restart_begins_a_new_life(rig: Arc<Rig>) {
    let ids = rig.run("sh -c 'echo life; cat'").await;
    let mut every = attach(&rig, ids, complete(1)).await;
    let mut watcher = attach(&rig, ids, live(2, 80, 24)).await;
    every.wait_for("life").await.unwrap();
    watcher.wait_for("life").await.unwrap();
    let first = every.position.unwrap().epoch;
    let path = format!("/api/sessions/{}/workers/{}/restart", ids.0, ids.1);
    let _: serde_json::Value = rig.http.post(&path, &serde_json::json!({})).await.unwrap();
    for terminal in [&mut every, &mut watcher] {
        while terminal
            .position
            .is_none_or(|position| position.epoch == first)
        {
            terminal
                .next()
                .await
                .unwrap()
                .expect("the connection stays");
        }
        terminal.wait_for("life").await.unwrap();
        assert_eq!(terminal.skipped, 0);
    }
    assert_eq!(every.output, b"life\r\n", "the new life is whole");
    let outdated = Resume {
        epoch: first,
        offset: 3,
    };
    let mut late = attach(
        &rig,
        ids,
        Hello {
            resume: Some(outdated),
            ..live(3, 80, 24)
        },
    )
    .await;
    late.wait_for("life").await.unwrap();
    assert!(late.position.unwrap().epoch > first);
}

/// Reads until a size comes that meets a condition.
async fn size(terminal: &mut Terminal, mut met: impl FnMut(TerminalSize, bool) -> bool) {
    loop {
        if let Some(ServerFrame::Size { size, owner }) = terminal.next().await.unwrap()
            && met(size, owner)
        {
            return;
        }
    }
}

async fn one_client_owns_the_size(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let mut desktop = attach(&rig, ids, live(1, 132, 43)).await;
    size(&mut desktop, |size, owner| size.cols == 132 && owner).await;
    let mut phone = attach(&rig, ids, live(2, 40, 60)).await;
    size(&mut phone, |size, owner| size.cols == 132 && !owner).await;
    phone.send(&ClientFrame::Claim).await.unwrap();
    size(&mut phone, |size, owner| size.cols == 40 && owner).await;
    size(&mut desktop, |size, owner| size.cols == 40 && !owner).await;
    drop(phone);
    size(&mut desktop, |size, owner| size.cols == 132 && owner).await;
    let smaller = TerminalSize {
        cols: 100,
        rows: 30,
    };
    desktop.send(&ClientFrame::Resize(smaller)).await.unwrap();
    size(&mut desktop, |size, owner| size == smaller && owner).await;
}

/// The word of an error frame and the close code after it.
type Failure = (ErrorCode, Option<u16>);

/// Reads the error and the close code that end a connection.
async fn failure(socket: &mut Socket) -> Failure {
    loop {
        match socket
            .message()
            .await
            .expect("an error frame comes before the end")
        {
            Message::Binary(bytes) => {
                if let ServerFrame::Error(error) = ServerFrame::decode(bytes).unwrap() {
                    return (error.code, socket.close_code().await);
                }
            }
            other => panic!("an error frame was expected: {other:?}"),
        }
    }
}

async fn bad_frames_are_answered_with_the_reason(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let hello = || ClientFrame::Hello(live(1, 80, 24)).encode();
    let invalid = (ErrorCode::InvalidRequest, Some(1002));
    let cases: Vec<(Vec<Message>, Failure)> = vec![
        (vec![Message::Binary(Bytes::new())], invalid),
        (
            vec![Message::Binary(Bytes::from_static(b"\x01not json"))],
            invalid,
        ),
        (vec![Message::Binary(ClientFrame::Resync.encode())], invalid),
        (vec![Message::text("{}")], invalid),
        (
            vec![Message::Binary(hello()), Message::Binary(hello())],
            invalid,
        ),
        (
            vec![
                Message::Binary(hello()),
                Message::Binary(Bytes::from_static(b"\xee")),
            ],
            invalid,
        ),
        (
            vec![
                Message::Binary(hello()),
                Message::Binary(Bytes::from_static(b"\x04\0\0\0\0")),
            ],
            invalid,
        ),
        (
            vec![
                Message::Binary(hello()),
                Message::Binary(vec![2; 300_000].into()),
            ],
            (ErrorCode::TooLarge, Some(1009)),
        ),
    ];
    for (messages, expected) in cases {
        let mut socket = raw(&rig, ids).await;
        for message in &messages {
            socket.0.send(message.clone()).await.unwrap();
        }
        assert_eq!(failure(&mut socket).await, expected, "{messages:?}");
    }
    let mut socket = raw(&rig, ids).await;
    let _ = socket
        .0
        .send(Message::Binary(vec![2; 5_000_000].into()))
        .await;
    assert!(
        !matches!(socket.message().await, Some(Message::Binary(_))),
        "a huge frame is not read"
    );
    // A client that says nothing is not waited for.
    let mut silent = raw(&rig, ids).await;
    assert_eq!(failure(&mut silent).await, invalid);
}

async fn frames_that_cannot_be_read_are_answered_with_a_code(rig: Arc<Rig>) {
    let frame = |data: &'static [u8], opcode| Frame::message(data, opcode, true);
    let text = OpCode::Data(Data::Text);
    let mut reserved = frame(b"x", text);
    reserved.header_mut().rsv1 = true;
    let ids = rig.run("sleep 60").await;
    let v2 = (
        format!("/ws/session/{}/worker/{}", ids.0, ids.1),
        Some(SUBPROTOCOL),
    );
    for (path, dialect) in [v2, ("/ws/app".to_owned(), None)] {
        for (message, code) in [
            (Message::Frame(frame(b"\xff\xff", text)), 1007),
            (Message::Frame(reserved.clone()), 1002),
            (Message::Ping(Bytes::from_static(&[0; 200])), 1002),
            (Message::Binary(vec![0; 1024 * 1024].into()), 1009),
        ] {
            if code == 1009 && dialect.is_none() {
                continue; // the first dialect has images in its frames
            }
            let mut socket = rig.socket(&path, dialect).await;
            // It may be refused before all of it has left.
            let _ = socket.0.send(message).await;
            assert_eq!(socket.close_code().await, Some(code), "{path}");
        }
    }
}

async fn unknown_and_deleted_workers_are_told(rig: Arc<Rig>) {
    let (session, worker) = rig.run("cat").await;
    for (path, code) in [
        (
            format!("{session}/worker/{}", WorkerId::random()),
            ErrorCode::WorkerNotFound,
        ),
        (
            format!("{}/worker/{worker}", SessionId::random()),
            ErrorCode::SessionNotFound,
        ),
        ("x/worker/y".to_owned(), ErrorCode::WorkerNotFound),
    ] {
        let mut socket = rig
            .socket(&format!("/ws/session/{path}"), Some(SUBPROTOCOL))
            .await;
        assert_eq!(failure(&mut socket).await, (code, Some(1000)), "{path}");
    }
    let mut socket = raw(&rig, (session, worker)).await;
    send(&mut socket, &ClientFrame::Hello(live(1, 80, 24))).await;
    while !matches!(frame(&mut socket).await, Some(ServerFrame::Snapshot(_))) {}
    rig.http
        .delete(&format!("/api/sessions/{session}"))
        .await
        .unwrap();
    assert_eq!(failure(&mut socket).await.0, ErrorCode::WorkerNotFound);
}

async fn older_lines_come_by_page(rig: Arc<Rig>) {
    let ids = rig.run("seq 1 1000").await;
    rig.http
        .wait_for_state(ids.0, ids.1, ProcessState::Exited)
        .await
        .unwrap();
    let mut terminal = attach(
        &rig,
        ids,
        Hello {
            history: Some(50),
            ..live(1, 80, 24)
        },
    )
    .await;
    let first_line = loop {
        if let Some(ServerFrame::Snapshot(snapshot)) = terminal.next().await.unwrap() {
            break snapshot.first_line;
        }
    };
    assert!(first_line > 500, "{first_line}");
    let ask = ClientFrame::History {
        request: 9,
        before: first_line,
        count: 100,
    };
    terminal.send(&ask).await.unwrap();
    loop {
        if let Some(ServerFrame::History {
            request,
            first_line: from,
            lines,
            bytes,
        }) = terminal.next().await.unwrap()
        {
            assert_eq!((request, from, lines), (9, first_line - 100, 100));
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(text.matches("\r\n").count(), 100);
            let last = first_line.to_string();
            assert!(text.contains(&last), "line {last} is the last of {text:?}");
            break;
        }
    }
}

async fn input_numbers_are_typed_once(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let input = |seq| ClientFrame::Input {
        seq,
        bytes: Bytes::from(format!("n{seq}\n")),
    };
    let mut fates = Vec::new();
    for (connection, seqs) in [(0, vec![1, 2]), (1, vec![2, 3, 1])] {
        let mut terminal = attach(
            &rig,
            ids,
            Hello {
                client: ClientId(42),
                ..live(1, 80, 24)
            },
        )
        .await;
        for seq in &seqs {
            terminal.send(&input(*seq)).await.unwrap();
        }
        let mut n_acks = 0;
        while n_acks < seqs.len() {
            if let Some(ServerFrame::InputAck { seq, result }) = terminal.next().await.unwrap() {
                fates.push((connection, seq, result));
                n_acks += 1;
            }
        }
    }
    use InputResult::{Accepted, Duplicate};
    let expected = [
        (0, 1, Accepted),
        (0, 2, Accepted),
        (1, 2, Duplicate),
        (1, 3, Accepted),
        (1, 1, Duplicate),
    ];
    assert_eq!(fates, expected);
    let mut terminal = attach(&rig, ids, complete(7)).await;
    let mut seen = String::new();
    while seen.matches("n3").count() < 2 {
        terminal
            .next()
            .await
            .unwrap()
            .expect("the connection stays");
        seen = String::from_utf8(terminal.output.clone()).unwrap();
    }
    for once in ["n1", "n2"] {
        assert_eq!(
            seen.matches(once).count(),
            2,
            "echoed and printed once each: {seen:?}"
        );
    }
}
