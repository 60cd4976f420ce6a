//! Memory at rest: pages that nobody else has.

use anyhow::{Context as _, Result};
use offshoot_testkit::rig::Rig;
use offshoot_testkit::rig::process::{memory, shim_of};

use crate::Bench;
use crate::report::{Goal, Row};
use crate::statistics::megabytes;

/// Idle workers that the second figure is the mean of.
const WORKERS: u32 = 50;

/// Measures the server alone, then what each further worker adds to it and brings along.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let rig = Rig::start(&bench.binary)?;
    let server = rig.server_pid();
    let alone = memory(server);
    let workers: Vec<_> = (0..WORKERS).map(|_| rig.start_command("cat")).collect();
    let mut shims = 0;
    for worker in &workers {
        let shim = shim_of(&rig.worker_dir(worker.worker)).context("the shim lives")?;
        shims += memory(shim).private;
    }
    let added = memory(server).private.saturating_sub(alone.private);
    let each = |bytes: u64| megabytes(bytes) / f64::from(WORKERS);
    Ok(vec![
        Row {
            what: "private memory of the idle server".to_owned(),
            unit: " MB",
            measured: megabytes(alone.private),
            goal: Goal::AtMost(25.0),
            detail: format!("resident {:.1} MB", megabytes(alone.resident)),
        },
        Row {
            what: "private memory per idle worker, with its shim".to_owned(),
            unit: " MB",
            measured: each(shims + added),
            goal: Goal::AtMost(1.0),
            detail: format!(
                "shim {:.2} MB, in the server {:.2} MB, mean of {WORKERS}",
                each(shims),
                each(added)
            ),
        },
    ])
}
