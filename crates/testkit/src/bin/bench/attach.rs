//! Attaching: from the first byte of the connection to the screen.

use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use offshoot_protocol::terminal::{
    ClientFrame, ClientId, DeliveryMode, Hello, ServerFrame, Snapshot,
};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::{Rig, TerminalSocket};

use crate::Bench;
use crate::flow::{attach_complete, next_output};
use crate::inputs::{Kind, READY, printed};
use crate::report::{Goal, Row};
use crate::statistics::{median, megabytes};

const TIME_GOAL_MS: f64 = 20.0;
const SIZE_GOAL_KB: f64 = 100.0;

/// After a restart the screen is made anew from the log.
const RESTART_GOAL_MS: f64 = 100.0;

/// What was printed before, in bytes.
const CASES: [(Kind, usize, &str); 5] = [
    (Kind::Plain, 1_000_000, "1 MB"),
    (Kind::Plain, 10_000_000, "10 MB"),
    (Kind::Plain, 100_000_000, "100 MB"),
    (Kind::Escapes, 10_000_000, "10 MB escape-heavy"),
    (
        Kind::FullScreen,
        10_000_000,
        "10 MB full-screen without line feeds",
    ),
];

/// Measures attaching to workers that have printed much.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let rig = Rig::start(&bench.binary)?;
    let mut rows = Vec::new();
    for (kind, bytes, name) in CASES {
        let worker = print_all(&rig, kind, bytes)?;
        let (mut times, mut size) = (Vec::new(), 0);
        for _ in 0..bench.rounds(15) {
            let (ms, snapshot) = attach(&rig, &worker)?;
            times.push(ms);
            size = snapshot.bytes.len();
        }
        rows.push(Row {
            what: format!("attach after {name}"),
            unit: " ms",
            measured: median(&times),
            goal: Goal::AtMost(TIME_GOAL_MS),
            detail: format!(
                "slowest {:.1} ms",
                times.iter().copied().fold(0.0, f64::max)
            ),
        });
        rows.push(Row {
            what: format!("snapshot after {name}"),
            unit: " KB",
            measured: megabytes(size as u64) * 1e3,
            goal: Goal::AtMost(SIZE_GOAL_KB),
            detail: "screen and 500 lines of scrollback".to_owned(),
        });
        rig.http
            .delete(&format!("/api/sessions/{}", worker.session));
    }
    Ok(rows)
}

/// Measures the first attach after a kill and a start of the server.
pub(crate) fn measure_restart(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (kind, bytes, name) in CASES {
        let mut rig = Rig::start(&bench.binary)?;
        let worker = print_all(&rig, kind, bytes)?;
        let mut times = Vec::new();
        for _ in 0..bench.rounds(5) {
            rig.kill_server();
            rig.start_server()?;
            times.push(attach(&rig, &worker)?.0);
        }
        rows.push(Row {
            what: format!("first attach after a restart of the server, {name}"),
            unit: " ms",
            measured: median(&times),
            goal: Goal::AtMost(RESTART_GOAL_MS),
            detail: format!(
                "slowest {:.0} ms",
                times.iter().copied().fold(0.0, f64::max)
            ),
        });
    }
    Ok(rows)
}

/// Runs a program that prints, and returns when all of it is there.
fn print_all(rig: &Rig, kind: Kind, bytes: usize) -> Result<Started> {
    let printed = printed(&rig.user_dir(), kind, bytes)?;
    let worker = rig.start_command(&format!("/bin/sh {}", printed.script.display()));
    let mut client = attach_complete(rig, &worker)?;
    let mut position = 0;
    while position < READY.len() as u64 {
        position = next_output(&mut client)?;
    }
    client.send(&ClientFrame::Input {
        seq: 1,
        bytes: Bytes::from_static(b"\n"),
    })?;
    while position < READY.len() as u64 + printed.bytes {
        position = next_output(&mut client)?;
        client.send(&ClientFrame::Ack { offset: position })?;
    }
    Ok(worker)
}

/// Attaches, and returns the milliseconds to the snapshot and the snapshot.
fn attach(rig: &Rig, worker: &Started) -> Result<(f64, Snapshot)> {
    let hello = Hello {
        client: ClientId(3),
        resume: None,
        mode: DeliveryMode::Live,
        history: None,
        size: None,
    };
    let begin = Instant::now();
    let mut client = TerminalSocket::attach(&rig.http, worker.session, worker.worker, hello)?;
    loop {
        let frame = client.receive().context("wait for the snapshot")?;
        if let ServerFrame::Snapshot(snapshot) = frame {
            return Ok((begin.elapsed().as_secs_f64() * 1e3, snapshot));
        }
    }
}
