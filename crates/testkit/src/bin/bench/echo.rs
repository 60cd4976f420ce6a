//! Echo: from a key press to its letter, alone and beside programs that print without end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use offshoot_protocol::terminal::{ClientFrame, ClientId, DeliveryMode, Hello};
use offshoot_testkit::rig::{Rig, TerminalSocket};

use crate::Bench;
use crate::flow::next_output;
use crate::inputs::{Kind, printed};
use crate::pty::BareTerminal;
use crate::report::{Goal, Row};
use crate::statistics::percentile;

/// Between two key presses.
const PACE: Duration = Duration::from_millis(2);

/// Key presses in one turn.
const TURN: usize = 100;

/// Programs that print without end.
const WRITERS: usize = 10;

/// What `terminal-program echo` says first.
const ECHOING: &[u8] = b"echoing\r\n";

/// Milliseconds of every key press, on both sides.
#[derive(Default)]
struct Samples {
    bare: Vec<f64>,
    ours: Vec<f64>,
}

/// Measures alone, then in a flood.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let rig = Rig::start(&bench.binary)?;
    let alone = take(bench, &rig, |_| Ok(()))?;
    let mut rows = vec![
        row("echo p50 added", &alone, 0.5, 0.2),
        row("echo p99 added", &alone, 0.99, 5.0),
    ];
    // The same flood on both sides, one side at a time: side by side they would share the blame.
    let file = printed(&rig.user_dir(), Kind::Plain, 10_000_000)?;
    let flood = rig.user_dir().join("flood.sh");
    let source = file.script.with_extension("");
    std::fs::write(
        &flood,
        format!("while :; do cat {}; done\n", source.display()),
    )?;
    let flood = flood.to_str().context("a path in UTF-8")?;
    let program = bench.terminal_program.to_str().context("a path in UTF-8")?;
    let presses = bench.rounds(15) * TURN;
    let mut samples = Samples::default();
    {
        let mut floods = Vec::new();
        for _ in 0..WRITERS {
            let terminal = BareTerminal::start(&["/bin/sh", flood])?;
            terminal.drain()?;
            floods.push(terminal);
        }
        let mut bare = BareEcho::start(program)?;
        bare.press(presses, &mut samples.bare)?;
    }
    for _ in 0..WRITERS {
        rig.start_command(&format!("/bin/sh {flood}"));
    }
    let mut ours = OurEcho::start(&rig, program)?;
    ours.press(presses, &mut samples.ours)?;
    rows.push(row(
        "echo p99 added beside 10 unbounded writers",
        &samples,
        0.99,
        15.0,
    ));
    Ok(rows)
}

fn take(bench: &Bench, rig: &Rig, before: impl Fn(&Rig) -> Result<()>) -> Result<Samples> {
    before(rig)?;
    let program = bench.terminal_program.to_str().context("a path in UTF-8")?;
    let (mut bare, mut ours) = (BareEcho::start(program)?, OurEcho::start(rig, program)?);
    let mut samples = Samples::default();
    for _ in 0..bench.rounds(20) {
        bare.press(TURN, &mut samples.bare)?;
        ours.press(TURN, &mut samples.ours)?;
    }
    Ok(samples)
}

fn row(what: &str, samples: &Samples, share: f64, goal: f64) -> Row {
    let of = |sample: &[f64]| percentile(sample, share);
    let (bare, ours) = (of(&samples.bare), of(&samples.ours));
    Row {
        what: what.to_owned(),
        unit: " ms",
        measured: ours - bare,
        goal: Goal::AtMost(goal),
        detail: format!(
            "{ours:.2} ms, bare terminal {bare:.2} ms, {} key presses each",
            samples.ours.len()
        ),
    }
}

struct BareEcho(BareTerminal);

impl BareEcho {
    fn start(program: &str) -> Result<Self> {
        let mut terminal = BareTerminal::start(&[program, "echo"])?;
        terminal.read_to(ECHOING)?;
        Ok(Self(terminal))
    }

    fn press(&mut self, times: usize, into: &mut Vec<f64>) -> Result<()> {
        let mut buffer = [0; 64];
        for _ in 0..times {
            std::thread::sleep(PACE);
            let begin = Instant::now();
            self.0.type_bytes(b"x")?;
            anyhow::ensure!(self.0.read(&mut buffer) == 1, "one letter comes back");
            into.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        Ok(())
    }
}

struct OurEcho {
    client: TerminalSocket,
    seq: u64,
    position: u64,
}

impl OurEcho {
    fn start(rig: &Rig, program: &str) -> Result<Self> {
        let worker = rig.start_command(&format!("{program} echo"));
        let hello = Hello {
            client: ClientId(7),
            resume: Some(offshoot_protocol::terminal::Resume {
                epoch: worker.epoch,
                offset: 0,
            }),
            mode: DeliveryMode::Live,
            history: None,
            size: None,
        };
        let mut client = TerminalSocket::attach(&rig.http, worker.session, worker.worker, hello)?;
        let mut position = 0;
        while position < ECHOING.len() as u64 {
            position = next_output(&mut client)?;
        }
        Ok(Self {
            client,
            seq: 0,
            position,
        })
    }

    fn press(&mut self, times: usize, into: &mut Vec<f64>) -> Result<()> {
        for _ in 0..times {
            std::thread::sleep(PACE);
            self.seq += 1;
            let key = ClientFrame::Input {
                seq: self.seq,
                bytes: Bytes::from_static(b"x"),
            };
            let begin = Instant::now();
            self.client.send(&key)?;
            let end = next_output(&mut self.client)?;
            into.push(begin.elapsed().as_secs_f64() * 1e3);
            anyhow::ensure!(end == self.position + 1, "one letter comes back");
            self.position = end;
            self.client.send(&ClientFrame::Ack { offset: end })?;
        }
        Ok(())
    }
}
