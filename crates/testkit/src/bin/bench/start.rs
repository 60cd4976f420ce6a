//! Start: from `exec` of the server to its first answer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use offshoot_testkit::rig::Rig;
use offshoot_testkit::rig::wait::DEADLINE;

use crate::Bench;
use crate::report::{Goal, Row};
use crate::statistics::median;

const GOAL_MS: f64 = 300.0;

/// Measures with no session and with 200 that live.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rig = Rig::start(&bench.binary)?;
    let mut rows = Vec::new();
    for sessions in [0, 200] {
        while rig.sessions().len() < sessions {
            rig.start_command("cat");
        }
        let mut times = Vec::new();
        for _ in 0..bench.rounds(9) {
            rig.kill_server();
            times.push(start(&mut rig, sessions)?);
        }
        rows.push(Row {
            what: format!("start with {sessions} sessions to the first answer"),
            unit: " ms",
            measured: median(&times),
            goal: Goal::AtMost(GOAL_MS),
            detail: format!(
                "the answer lists all sessions; slowest {:.0} ms",
                times.iter().copied().fold(0.0, f64::max)
            ),
        });
    }
    Ok(rows)
}

/// Milliseconds until the server has listed all its sessions.
fn start(rig: &mut Rig, sessions: usize) -> Result<f64> {
    let begin = Instant::now();
    rig.spawn_server()?;
    loop {
        if let Ok(answer) = rig.http.ask("GET", "/api/sessions", &[], b"")
            && answer.status == 200
        {
            let took = begin.elapsed().as_secs_f64() * 1e3;
            ensure!(rig.sessions().len() == sessions, "all sessions are there");
            return Ok(took);
        }
        ensure!(begin.elapsed() < DEADLINE, "the server does not answer");
        std::thread::sleep(Duration::from_micros(500));
    }
}
