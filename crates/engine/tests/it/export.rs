//! Recorded output in other forms, from the logs of real programs.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use offshoot_engine::{Engine, WorkerHandle};
use offshoot_protocol::TerminalSize;
use offshoot_protocol::rest::{ExportFormat, ExportQuery};
use offshoot_protocol::terminal::ClientId;
use offshoot_protocol::view::{ProcessState, Session};
use offshoot_vt::{Options, Screen, Size};
use serde_json::Value;

use crate::fixture::{Spot, start, trial, type_text, wait, wait_output};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("an_asciicast_replayed_gives_the_same_screen", same_screen),
        trial("a_range_begins_with_what_was_on_the_screen", range),
        trial(
            "text_and_page_show_the_lines_of_the_terminal",
            text_and_page,
        ),
        trial("events_of_ended_and_revived_workers_are_told", events),
        trial("a_trimmed_beginning_is_told_in_each_form", trimmed),
        trial("a_large_log_is_exported_in_little_memory", large),
    ]
}

fn export(
    engine: &Engine,
    session: &Session,
    format: ExportFormat,
    from: Option<String>,
) -> String {
    let query = ExportQuery {
        format,
        from,
        ..ExportQuery::default()
    };
    let pieces = engine.export(session.id, &query).unwrap();
    let bytes: Vec<u8> = pieces.flat_map(|piece| piece.unwrap().to_vec()).collect();
    String::from_utf8(bytes).unwrap()
}

/// Plays an asciicast: the screen at its end, the time it takes, the codes and data of its lines.
fn play(cast: &str) -> (Screen, f64, Vec<(String, String)>) {
    let mut lines = cast.lines();
    let head: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(head["version"], 3);
    let side = |name: &str| u16::try_from(head["term"][name].as_u64().unwrap()).unwrap();
    let size = Size {
        cols: side("cols"),
        rows: side("rows"),
    };
    let mut screen = Screen::new(size, Options::default());
    let (mut seconds, mut events) = (0.0, Vec::new());
    for line in lines {
        let (since, code, data): (f64, String, String) = serde_json::from_str(line).unwrap();
        assert!(since >= 0.0, "{line}");
        seconds += since;
        match code.as_str() {
            "o" => screen.feed(data.as_bytes()),
            "r" => {
                let (cols, rows) = data.split_once('x').unwrap();
                let size = Size {
                    cols: cols.parse().unwrap(),
                    rows: rows.parse().unwrap(),
                };
                screen.resize(size);
            }
            _ => {}
        }
        events.push((code, data));
    }
    (screen, seconds, events)
}

async fn live_screen(worker: &WorkerHandle) -> Screen {
    let snapshot = worker.snapshot(1000).await.unwrap();
    let size = Size {
        cols: snapshot.size.cols,
        rows: snapshot.size.rows,
    };
    let mut screen = Screen::new(size, Options::default());
    screen.feed(&snapshot.bytes);
    screen
}

async fn resize(worker: &WorkerHandle, client: ClientId, cols: u16, rows: u16) {
    let size = TerminalSize { cols, rows };
    worker.resize(client, size).await;
    wait(worker, "the size", |head| head.size == size).await;
}

async fn same_screen() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "/bin/sh").await;
    let client = ClientId(5);
    let size = TerminalSize { cols: 90, rows: 20 };
    let _attached = worker.attach(client, Some(size)).await;
    let began = Instant::now();
    for (seq, text) in [
        "printf '\\033[1;31mred\\033[0m é€😀 日本 %s\\n' one",
        "for i in 1 2 3 4 5 6 7 8; do printf '\\344\\270'; sleep 0.02; printf '\\226\\n'; done",
        "seq 1 60; ls -la --color=always /",
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("{text}; echo do''ne{seq}\n");
        type_text(&worker, seq as u64 + 1, &line).await;
        wait_output(&worker, &format!("done{seq}")).await;
        let cols = 70 + 10 * u16::try_from(seq).unwrap();
        resize(&worker, client, cols, 24).await;
    }
    type_text(
        &worker,
        500,
        "printf '\\033[?1049h\\033[5;5Hfull\\033[7mscreen'; echo e''nd; exec sleep 1000\n",
    )
    .await;
    wait_output(&worker, "screenend").await;
    let mut live = live_screen(&worker).await;
    let took = began.elapsed().as_secs_f64();
    let (mut replayed, seconds, events) =
        play(&export(&engine, &session, ExportFormat::Asciicast, None));
    assert_eq!(replayed.rows(), live.rows());
    assert_eq!(replayed.size(), live.size());
    assert_eq!(replayed.cursor(), live.cursor());
    assert_eq!(replayed.modes(), live.modes());
    assert_eq!(replayed.snapshot(0).bytes, live.snapshot(0).bytes);
    assert!(seconds <= took + 2.0, "{seconds} of {took}");
    let sizes: Vec<&str> = events
        .iter()
        .filter(|(code, _)| code == "r")
        .map(|(_, data)| data.as_str())
        .collect();
    assert_eq!(sizes, ["90x20", "70x24", "80x24", "90x24"]);
    assert!(
        events.iter().any(|(_, data)| data.contains('\u{4e16}')),
        "{events:?}"
    );
    assert!(!events.iter().any(|(_, data)| data.contains('\u{fffd}')));
    assert!(!events.iter().any(|(code, _)| code == "x"), "it runs");

    engine.stop_worker(session.id, worker.id()).await.unwrap();
    let (_, _, events) = play(&export(&engine, &session, ExportFormat::Asciicast, None));
    assert_eq!(
        events.last().unwrap().0,
        "x",
        "a stopped worker is exported too"
    );
    engine.shutdown().await;
}

async fn range() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "/bin/sh").await;
    type_text(&worker, 1, "seq 1 500; echo be''fore\n").await;
    wait_output(&worker, "before").await;
    // Times have milliseconds: the next output is later than now.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let from = jiff::Timestamp::now().to_string();
    tokio::time::sleep(Duration::from_millis(20)).await;
    type_text(&worker, 2, "echo af''ter; exec sleep 1000\n").await;
    wait_output(&worker, "after").await;
    let live = live_screen(&worker).await;
    let cast = export(
        &engine,
        &session,
        ExportFormat::Asciicast,
        Some(from.clone()),
    );
    let (replayed, seconds, events) = play(&cast);
    assert_eq!(replayed.rows(), live.rows());
    assert!(seconds < 10.0);
    assert!(events[0].1.contains("before") && !cast.contains("\n100\r"));
    let text = export(&engine, &session, ExportFormat::Text, Some(from));
    assert!(text.contains("before") && text.contains("after"), "{text}");
    assert!(!text.contains("\n100\n"), "{text}");
    let later = Some("2100-01-01T00:00:00Z".to_owned());
    let (_, _, events) = play(&export(&engine, &session, ExportFormat::Asciicast, later));
    assert!(events.iter().all(|(code, _)| code == "o"), "{events:?}");
    engine.shutdown().await;
}

async fn text_and_page() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let command = "/bin/sh -c 'printf \"10%%\\r100%%\\n\"; seq 1 300; printf \"\\033[?1049hpicture\\033[?1049l\"; printf \"\\033[1;31m<b>&\\033[0m\"'";
    let (session, worker) = start(&engine, &spot.work(), command).await;
    wait(&worker, "the end", |head| {
        head.process.state == ProcessState::Exited
    })
    .await;
    let text = export(&engine, &session, ExportFormat::Text, None);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "100%");
    for (number, line) in (1..=300).zip(&lines[1..]) {
        assert_eq!(*line, number.to_string());
    }
    assert_eq!(lines[301], "picture");
    assert_eq!(lines[302], "<b>&");
    assert!(
        lines[303].starts_with("[the program exited with 0 ("),
        "{}",
        lines[303]
    );
    assert_eq!(lines.len(), 304);
    let page = export(&engine, &session, ExportFormat::Html, None);
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(
        page.contains(";font-weight:bold;\">&lt;b&gt;&amp;</span>"),
        "{page}"
    );
    assert!(!page.contains("<b>") && !page.contains("<script"));
    engine.shutdown().await;
}

async fn events() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let command =
        "/bin/sh -c 'printf \"\\033]0;my title\\007\\033]7501;state=working\\007hello\"; exit 3'";
    let (session, worker) = start(&engine, &spot.work(), command).await;
    wait(&worker, "the end", |head| {
        head.process.state == ProcessState::Exited
    })
    .await;
    engine
        .activate_worker(session.id, worker.id())
        .await
        .unwrap();
    wait(&worker, "the second end", |head| {
        head.process.state == ProcessState::Exited && head.end > 20
    })
    .await;
    let text = export(&engine, &session, ExportFormat::Json, None);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["session"]["id"], session.id.to_string());
    assert_eq!(told["workers"].as_array().unwrap().len(), 1);
    let events = told["workers"][0]["events"].as_array().unwrap();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "started").count(),
        2,
        "{text}"
    );
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "exited").count(),
        2,
        "{text}"
    );
    assert!(
        events.iter().any(|event| event["title"] == "my title"),
        "{text}"
    );
    assert!(events.iter().any(|event| event["code"] == 3), "{text}");
    assert!(
        events.iter().any(|event| event["state"] == "working"),
        "{text}"
    );
    let times: Vec<&str> = events
        .iter()
        .map(|event| event["time"].as_str().unwrap())
        .collect();
    assert!(times.iter().all(|time| time.ends_with('Z')));
    // The first end is no end of the recording: more follows.
    let (_, _, cast) = play(&export(&engine, &session, ExportFormat::Asciicast, None));
    let codes: Vec<&str> = cast.iter().map(|(code, _)| code.as_str()).collect();
    assert!(codes.contains(&"m") && codes.iter().filter(|code| **code == "x").count() == 1);
    assert_eq!(cast.last().unwrap(), &("x".to_owned(), "3".to_owned()));
    engine.shutdown().await;
}

/// Removes the oldest segments of a worker's log, as the quota does.
fn trim(spot: &Spot, worker: &WorkerHandle) {
    let dir = spot
        .home()
        .join("workers")
        .join(worker.id().to_string())
        .join("log");
    let mut segments: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    assert!(segments.len() > 1);
    std::fs::remove_file(&segments[0]).unwrap();
}

async fn trimmed() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "/bin/sh -c 'seq 1 1500000'").await;
    wait(&worker, "the end", |head| {
        head.process.state == ProcessState::Exited
    })
    .await;
    trim(&spot, &worker);
    let sentence = "bytes are no longer kept";
    let cast = export(&engine, &session, ExportFormat::Asciicast, None);
    assert!(cast.lines().nth(1).unwrap().contains(sentence));
    for format in [ExportFormat::Text, ExportFormat::Html] {
        assert!(export(&engine, &session, format, None).contains(sentence));
    }
    let text = export(&engine, &session, ExportFormat::Text, None);
    let lines: Vec<&str> = text.lines().collect();
    // Each line there is, in order, none twice.
    for pair in lines[2..lines.len() - 2].windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|line| line.parse::<u32>().unwrap());
        assert_eq!(a + 1, b);
    }
    let told: Value =
        serde_json::from_str(&export(&engine, &session, ExportFormat::Json, None)).unwrap();
    let events = told["workers"][0]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["type"] == "trimmed"));
    engine.shutdown().await;
}

/// The memory of this process that is not shared.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// An export may hold one piece, one record and one screen with its lines.
const GROWTH_MAX_KIB: u64 = 24 * 1024;

async fn large() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let command =
        "/bin/sh -c 'yes \"[31msome words in colours, é€😀[0m and then some\" | head -c 48000000'";
    let command = command
        .replace("[31m", "\u{1b}[31m")
        .replace("[0m", "\u{1b}[0m");
    let (session, worker) = start(&engine, &spot.work(), &command).await;
    wait(&worker, "the end", |head| {
        head.process.state == ProcessState::Exited
    })
    .await;
    for format in [ExportFormat::Asciicast, ExportFormat::Html] {
        let query = ExportQuery {
            format,
            ..ExportQuery::default()
        };
        let (mut n_bytes, before, mut most) = (0, resident_kib(), 0);
        for piece in engine.export(session.id, &query).unwrap() {
            n_bytes += piece.unwrap().len();
            most = most.max(resident_kib());
        }
        assert!(n_bytes > 45_000_000, "{n_bytes}");
        let growth = most.saturating_sub(before);
        assert!(growth < GROWTH_MAX_KIB, "{format:?}: {growth} KiB");
    }
    engine.shutdown().await;
}
