//! Reports that hooks left on disk while no server took them.
//!
//! Looked for once a second, which costs one system call per agent that has none. A report is deleted
//! when it counts; the server may be killed in between, and then it counts once more after the next
//! start, which changes nothing: it says what it said.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use offshoot_protocol::WorkerId;
use offshoot_protocol::hook::{HOOK_BYTES, HookReport, SPOOL_FILES};
use offshoot_protocol::view::WorkerKind;

use crate::Engine;

/// How often spools are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A report that is being written is whole within milliseconds; one this old was never finished.
const UNFINISHED: Duration = Duration::from_secs(60);

/// Takes in what is spooled, now and from now on.
pub(crate) fn start(engine: &Engine) {
    let on = engine.clone();
    engine.spawn(async move {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            drain(&on).await;
        }
    });
}

async fn drain(engine: &Engine) {
    let spools = spools(engine);
    let found = tokio::task::spawn_blocking(move || {
        let all = spools.into_iter();
        let all = all.flat_map(|(worker, spool)| {
            let reports = reports_in(&spool).into_iter();
            reports.map(move |(file, report)| (worker, file, report))
        });
        all.collect::<Vec<_>>()
    });
    for (worker, file, report) in found.await.unwrap_or_default() {
        if let Err(err) = engine.hook(worker, report).await {
            tracing::warn!(%worker, %err, "take in a spooled report");
            continue;
        }
        // One that stays is known by its id the next time.
        let _ = std::fs::remove_file(&file);
    }
}

fn spools(engine: &Engine) -> Vec<(WorkerId, PathBuf)> {
    let state = engine.state();
    let workers = state.sessions.iter().flat_map(|session| &session.workers);
    let agents = workers.filter(|worker| worker.kind == WorkerKind::Agent);
    agents
        .map(|worker| (worker.id, spool_of(&engine.inner.home.worker(worker.id))))
        .collect()
}

/// Where the hooks of a worker leave their reports.
pub(crate) fn spool_of(worker_dir: &Path) -> PathBuf {
    worker_dir.join("spool")
}

/// Reads a spool, the oldest report first. What is no report is deleted.
fn reports_in(spool: &Path) -> Vec<(PathBuf, HookReport)> {
    let Ok(entries) = std::fs::read_dir(spool) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let mut reports = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str());
        if name.is_none_or(|name| name.starts_with('.')) {
            if is_old(&file) {
                let _ = std::fs::remove_file(&file);
            }
            continue;
        }
        match read(&file) {
            Some(report) if reports.len() < SPOOL_FILES => reports.push((file, report)),
            // More than a spool holds comes the next time.
            Some(_) => {}
            None => drop(std::fs::remove_file(&file)),
        }
    }
    reports
}

fn read(file: &Path) -> Option<HookReport> {
    let size = file.symlink_metadata().ok()?;
    if !size.is_file() || size.len() > HOOK_BYTES as u64 {
        return None;
    }
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn is_old(file: &Path) -> bool {
    let changed = file.symlink_metadata().and_then(|found| found.modified());
    let age = changed.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    age.is_ok_and(|age| age > UNFINISHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(seq: u64) -> HookReport {
        serde_json::from_value(serde_json::json!({
            "id": uuid::Uuid::new_v4(), "agent": "a", "at": "2026-01-02T03:04:05Z", "seq": seq,
        }))
        .unwrap()
    }

    #[test]
    fn a_spool_is_read_in_order_and_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        for seq in [100, 7, 20] {
            let report = report(seq);
            let text = serde_json::to_vec(&report).unwrap();
            std::fs::write(dir.path().join(report.file_name()), text).unwrap();
        }
        std::fs::write(dir.path().join("junk.json"), "{").unwrap();
        std::fs::write(dir.path().join(".begun.json"), "{").unwrap();
        let found = reports_in(dir.path());
        let seqs: Vec<u64> = found.iter().map(|(_, report)| report.seq).collect();
        assert_eq!(seqs, [7, 20, 100]);
        assert!(!dir.path().join("junk.json").exists());
        assert!(dir.path().join(".begun.json").exists());
        assert!(reports_in(&dir.path().join("none")).is_empty());
    }
}
