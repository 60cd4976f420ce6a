//! The processor time of a process and its descendants, where the system tells it.

use std::collections::HashMap;
use std::time::Duration;

/// Ticks of the clock that `/proc` counts in. 100 on every Linux there is.
const TICKS_PER_SECOND: u64 = 100;

/// Returns the processor time that a process, its descendants and its waited-for children have
/// used. None where there is no `/proc`. Takes milliseconds: reads one file per process.
pub(super) fn used_by(root: u32) -> Option<Duration> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut ticks: HashMap<u32, u64> = HashMap::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((parent, used)) = parsed(&stat) {
            children.entry(parent).or_default().push(pid);
            ticks.insert(pid, used);
        }
    }
    ticks.get(&root)?;
    let (mut sum, mut open) = (0, vec![root]);
    while let Some(pid) = open.pop() {
        sum += ticks.remove(&pid).unwrap_or_default();
        open.extend(children.remove(&pid).unwrap_or_default());
    }
    Some(Duration::from_millis(sum * 1000 / TICKS_PER_SECOND))
}

/// Reads the parent and the used ticks of a line of `/proc/<pid>/stat`, whose second field may hold
/// anything in brackets.
fn parsed(stat: &str) -> Option<(u32, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let used = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok());
    Some((parent, used.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_program_is_called() {
        let line = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5";
        assert_eq!(parsed(line), Some((7, 100)));
        assert_eq!(parsed("nonsense"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn computing_is_seen() {
        let me = std::process::id();
        let before = used_by(me).unwrap();
        let mut sum = 0_u64;
        while used_by(me).unwrap() < before + Duration::from_millis(50) {
            sum = (0..1_000_000_u64).fold(sum, |sum, n| sum.wrapping_mul(31) ^ n);
        }
        assert_ne!(sum, 1);
    }
}
