//! What `/proc` says of processes.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// Memory of one process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Pages nobody else has.
    pub private: u64,
    /// Resident pages, shared ones included.
    pub resident: u64,
}

/// Memory of a process; zero when it is gone.
pub fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let field = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        let numbers = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        numbers.sum::<u64>() * 1024
    };
    Memory {
        private: field("Private_Clean:") + field("Private_Dirty:"),
        resident: field("Rss:"),
    }
}

/// The most memory a process ever had resident, in bytes.
pub fn peak_resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// Open descriptors of a process.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// CPU time of a process in clock ticks (user, system); none when it is gone.
pub fn cpu_ticks(pid: u32) -> Option<(u64, u64)> {
    let fields = stat(pid)?;
    Some((fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?))
}

/// When a process started, in ticks since boot; none when it is gone.
pub fn start_time(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

/// Whether a process runs: it exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| !matches!(fields.first().map(String::as_str), Some("Z" | "X")))
}

/// The fields of `stat` from the state on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// All descendants of a process, children before their own children.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let parent = stat(pid).and_then(|fields| fields.get(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.get(pid).into_iter().flatten());
        next += 1;
    }
    found.split_off(1)
}

/// The living processes that were started with a variable of that value.
pub fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let has = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == wanted.as_bytes())
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_alive(*pid) && has(pid)).collect()
}

/// Sends a signal; a process that is gone already is fine.
pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, signal);
    }
}

/// Ends the shims below a data directory, then everything they held; none lives to tell how the
/// other ended. Returns whom it signalled.
pub fn end_shims(home: &Path) -> Vec<u32> {
    let mut signalled = Vec::new();
    let dirs = fs::read_dir(home.join("workers")).into_iter().flatten();
    for dir in dirs.flatten() {
        if let Some(shim) = shim_of(&dir.path()) {
            let held = descendants(shim);
            signalled.push(shim);
            signalled.extend(held);
        }
    }
    signalled.iter().for_each(|pid| signal(*pid, Signal::KILL));
    signalled
}

/// The pid of the living shim of a worker's directory.
pub fn shim_of(worker_dir: &Path) -> Option<u32> {
    let meta = fs::read(worker_dir.join("meta.json")).ok()?;
    let meta: serde_json::Value = serde_json::from_slice(&meta).ok()?;
    let shim = &meta["shim"];
    let pid = u32::try_from(shim["pid"].as_u64()?).ok()?;
    // A pid may have been given to another process since.
    (start_time(pid) == shim["startTime"].as_u64()).then_some(pid)
}
