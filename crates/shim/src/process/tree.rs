//! Everything that descends from the shim, and how to end it.
//!
//! The shim is a subreaper: whoever daemonizes below it becomes its child, so a walk from the shim
//! down finds everything, also what left its session or lost its parent. The walk is a snapshot;
//! it is repeated until nothing is left.

use std::time::{Duration, Instant};

use super::sys;

/// How often the tree is looked at while it is being ended, at first and once KILL was sent.
const STEP: Duration = Duration::from_millis(20);
/// How often it is looked at in the middle of a long grace.
const LONG_STEP: Duration = Duration::from_millis(250);
/// How long TERM alone may take.
const AGAIN: Duration = Duration::from_millis(500);
/// How long after KILL a process may take to vanish before the shim no longer waits for it. Longer
/// means that it hangs in the kernel, where no signal reaches it.
const STUCK: Duration = Duration::from_secs(10);

/// A tree that is being ended: TERM to each process once, KILL to all that are left after the grace.
#[derive(Debug)]
pub(super) struct KillTree {
    kill_at: Instant,
    next: Instant,
    /// Time from one look to the next.
    pause: Duration,
    /// When those that are left are asked once more.
    again_at: Instant,
    /// Who got TERM already.
    asked: Vec<i32>,
    /// Who was asked once more.
    asked_again: Vec<i32>,
}

impl KillTree {
    /// Begins now; KILL follows after `grace`.
    pub(super) fn new(now: Instant, grace: Duration) -> Self {
        Self {
            kill_at: now.checked_add(grace).unwrap_or(now),
            next: now,
            pause: STEP,
            again_at: now.checked_add(AGAIN).unwrap_or(now),
            asked: Vec::new(),
            asked_again: Vec::new(),
        }
    }

    /// A second request may only make it shorter.
    pub(super) fn hurry(&mut self, now: Instant, grace: Duration) {
        self.kill_at = self.kill_at.min(now.checked_add(grace).unwrap_or(now));
        self.next = self.next.min(now);
    }

    /// Somebody has ended: worth a look.
    pub(super) fn look(&mut self, now: Instant) {
        self.next = self.next.min(now);
        self.pause = STEP;
    }

    /// When [`KillTree::step`] is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Signals whoever is due. True: nothing is left, or nothing that can be ended.
    pub(super) fn step(&mut self, now: Instant) -> bool {
        let alive = descendants();
        if alive.is_empty() {
            return true;
        }
        let stuck = self.kill_at.checked_add(STUCK).is_some_and(|at| now >= at);
        if stuck {
            return true;
        }
        for pid in alive {
            if now >= self.kill_at {
                let _ = sys::kill(pid, libc::SIGKILL);
            } else if !self.asked.contains(&pid) {
                self.asked.push(pid);
                ask(pid);
            } else if now >= self.again_at && !self.asked_again.contains(&pid) {
                self.asked_again.push(pid);
                ask_again(pid);
            }
        }
        self.next = now.checked_add(self.pause).unwrap_or(now);
        if now < self.kill_at {
            // A long grace is not worth many looks.
            self.pause = self.pause.saturating_mul(2).min(LONG_STEP);
            self.next = self.next.min(self.kill_at);
        } else {
            self.pause = STEP;
        }
        false
    }
}

/// Asks one process to end.
fn ask(pid: i32) {
    let _ = sys::kill(pid, libc::SIGTERM);
    if disposition(pid, "SigIgn:", libc::SIGTERM) {
        let _ = sys::kill(pid, libc::SIGHUP);
    }
    // A stopped process handles signals only when it goes on.
    let _ = sys::kill(pid, libc::SIGCONT);
}

/// Asks once more, as a closing terminal does. An interactive shell shrugs TERM off and ends on
/// this. Whoever has no handler for it gets none: it may be in the middle of a clean end.
fn ask_again(pid: i32) {
    if disposition(pid, "SigCgt:", libc::SIGHUP) {
        let _ = sys::kill(pid, libc::SIGHUP);
    }
}

/// Is `signal` in this mask of the process?
#[cfg(target_os = "linux")]
fn disposition(pid: i32, mask: &str, signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        return false;
    };
    let bits = status
        .lines()
        .find_map(|line| line.strip_prefix(mask))
        .unwrap_or_default();
    u64::from_str_radix(bits.trim(), 16).is_ok_and(|bits| bits & signal_bit(signal) != 0)
}

/// Place of a signal in a mask.
#[cfg(target_os = "linux")]
fn signal_bit(signal: i32) -> u64 {
    u32::try_from(signal)
        .ok()
        .and_then(|n| 1_u64.checked_shl(n.saturating_sub(1)))
        .unwrap_or(0)
}

/// Cannot be told here; a shell then ends by KILL.
#[cfg(not(target_os = "linux"))]
fn disposition(_pid: i32, _mask: &str, _signal: i32) -> bool {
    false
}

/// All living descendants of this process, parents before children.
pub(super) fn descendants() -> Vec<i32> {
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    let mut found = children(me);
    let mut at = 0;
    while let Some(pid) = found.get(at).copied() {
        for child in children(pid) {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        at = at.saturating_add(1);
    }
    found.retain(|pid| !is_zombie(*pid));
    found
}

/// Children of all threads of a process.
#[cfg(target_os = "linux")]
fn children(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for thread in threads.flatten() {
        let Ok(list) = std::fs::read_to_string(thread.path().join("children")) else {
            continue;
        };
        found.extend(
            list.split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    found
}

/// Children of a process.
#[cfg(target_os = "macos")]
fn children(pid: i32) -> Vec<i32> {
    #![expect(unsafe_code, reason = "proc_listchildpids has no safe wrapper")]
    let mut pids = vec![0_i32; 1024];
    let size = i32::try_from(pids.len().saturating_mul(size_of::<i32>())).unwrap_or(0);
    // SAFETY: pointer and size describe one live array.
    let n = unsafe { libc::proc_listchildpids(pid, pids.as_mut_ptr().cast(), size) };
    pids.truncate(usize::try_from(n).unwrap_or(0));
    pids
}

/// Has it ended already, and only its parent does not know yet?
#[cfg(target_os = "linux")]
fn is_zombie(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| matches!(rest.trim_start().chars().next(), Some('Z' | 'X')))
}

/// Cannot be told cheaply; a zombie of a living parent goes with its parent.
#[cfg(not(target_os = "linux"))]
fn is_zombie(_pid: i32) -> bool {
    false
}
