//! Throughput: how fast output reaches one client that wants every byte, and what it costs.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use offshoot_protocol::limits::TERMINAL_ACK_EVERY_BYTES;
use offshoot_protocol::terminal::{ClientFrame, ClientId, DeliveryMode, Hello, Resume};
use offshoot_testkit::rig::process::{cpu_ticks, shim_of};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::socket::{BINARY, PING};
use offshoot_testkit::rig::{Rig, TerminalSocket};

use crate::Bench;
use crate::inputs::{Kind, Printed, READY, printed};
use crate::pty::BareTerminal;
use crate::report::{Goal, Row};
use crate::statistics::{median, megabytes};

/// Of the bare terminal's throughput.
const SHARE_GOAL: f64 = 0.8;

/// Seconds of CPU per 100 MB, server and shim together.
const CPU_GOAL: f64 = 0.7;

/// The type of the frame that carries output.
const OUTPUT: u8 = 0x82;

/// One round of ours.
struct Round {
    seconds: f64,
    server_cpu: f64,
    shim_cpu: f64,
}

/// Measures plain and escape-heavy output.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let rig = Rig::start(&bench.binary)?;
    let size = if bench.quick { 30_000_000 } else { 100_000_000 };
    let kinds = [(Kind::Plain, "plain"), (Kind::Escapes, "escape-heavy")];
    let mut rows = Vec::new();
    for (kind, name) in kinds {
        let printed = printed(&rig.user_dir(), kind, size)?;
        rows.extend(measure_kind(bench, &rig, &printed, name)?);
    }
    Ok(rows)
}

fn measure_kind(bench: &Bench, rig: &Rig, printed: &Printed, name: &str) -> Result<Vec<Row>> {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..bench.rounds(7) {
        bare.push(drain_bare(printed)?);
        ours.push(follow(rig, printed)?);
    }
    let size = megabytes(printed.bytes);
    let of = |value: fn(&Round) -> f64| median(&ours.iter().map(value).collect::<Vec<_>>());
    let (bare, ours_seconds) = (median(&bare), of(|round| round.seconds));
    let per_100 = 100.0 / size;
    let (server, shim) = (of(|round| round.server_cpu), of(|round| round.shim_cpu));
    Ok(vec![
        Row {
            what: format!("throughput to one client, {name}"),
            unit: " of bare",
            measured: bare / ours_seconds,
            goal: Goal::AtLeast(SHARE_GOAL),
            detail: format!(
                "{:.0} MB/s, bare terminal {:.0} MB/s",
                size / ours_seconds,
                size / bare
            ),
        },
        Row {
            what: format!("CPU per 100 MB, {name}"),
            unit: " s",
            measured: of(|round| round.server_cpu + round.shim_cpu) * per_100,
            goal: Goal::AtMost(CPU_GOAL),
            detail: format!(
                "server {:.2} s, shim {:.2} s",
                server * per_100,
                shim * per_100
            ),
        },
    ])
}

/// Seconds that a bare terminal takes.
fn drain_bare(printed: &Printed) -> Result<f64> {
    let script = printed.script.to_str().context("a path in UTF-8")?;
    let mut terminal = BareTerminal::start(&["/bin/sh", script])?;
    terminal.read_to(READY)?;
    let mut buffer = vec![0; 64 * 1024];
    let begin = Instant::now();
    terminal.type_bytes(b"\n")?;
    let mut left = printed.bytes;
    while left > 0 {
        let read = terminal.read(&mut buffer) as u64;
        ensure!(read > 0, "the program left early");
        left = left
            .checked_sub(read)
            .context("more was printed than expected")?;
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// Follows a worker of ours that prints the same.
fn follow(rig: &Rig, printed: &Printed) -> Result<Round> {
    let worker = rig.start_command(&format!("/bin/sh {}", printed.script.display()));
    let shim = shim_of(&rig.worker_dir(worker.worker)).context("the shim lives")?;
    let mut client = attach_complete(rig, &worker)?;
    let mut position = 0;
    while position < READY.len() as u64 {
        position = next_output(&mut client)?;
    }
    let (server_before, shim_before) = (cpu(rig.server_pid())?, cpu(shim)?);
    let begin = Instant::now();
    client.send(&ClientFrame::Input {
        seq: 1,
        bytes: Bytes::from_static(b"\n"),
    })?;
    let end = READY.len() as u64 + printed.bytes;
    let mut acknowledged = position;
    while position < end {
        position = next_output(&mut client)?;
        if position - acknowledged >= TERMINAL_ACK_EVERY_BYTES {
            acknowledged = position;
            client.send(&ClientFrame::Ack { offset: position })?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    // Parsing may lag behind on purpose; asking for the screen makes it part of the bill.
    ensure!(
        rig.http
            .get(&format!("{}/text?lines=1", worker.path()))
            .status
            == 200
    );
    let round = Round {
        seconds,
        server_cpu: cpu(rig.server_pid())? - server_before,
        shim_cpu: cpu(shim)? - shim_before,
    };
    rig.http
        .delete(&format!("/api/sessions/{}", worker.session));
    Ok(round)
}

/// Attaches a client that gets every byte from the beginning.
pub(crate) fn attach_complete(rig: &Rig, worker: &Started) -> Result<TerminalSocket> {
    let hello = Hello {
        client: ClientId(1),
        resume: Some(Resume {
            epoch: worker.epoch,
            offset: 0,
        }),
        mode: DeliveryMode::Complete,
        history: None,
        size: None,
    };
    Ok(TerminalSocket::attach(
        &rig.http,
        worker.session,
        worker.worker,
        hello,
    )?)
}

/// Waits for output, looks at nothing but its place, and returns where it ends.
pub(crate) fn next_output(client: &mut TerminalSocket) -> Result<u64> {
    loop {
        let (opcode, frame) = client.0.receive_frame()?;
        match (opcode, frame.split_first()) {
            (BINARY, Some((&OUTPUT, rest))) => {
                let (offset, bytes) = rest.split_first_chunk().context("a whole frame")?;
                return Ok(u64::from_le_bytes(*offset) + bytes.len() as u64);
            }
            (PING, _) => {
                let payload = frame.to_vec();
                client.0.pong(&payload)?;
            }
            (BINARY, _) => {}
            _ => bail!("the connection ended"),
        }
    }
}

/// Seconds of CPU that a process has used.
pub(crate) fn cpu(pid: u32) -> Result<f64> {
    let (user, system) = cpu_ticks(pid).context("the process lives")?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of one process are few")]
    let ticks = (user + system) as f64;
    #[expect(clippy::cast_precision_loss, reason = "it is 100")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(ticks / per_second)
}
