//! Reports on their way into a worker's task. Bounded: of too many, the newest are kept.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Hook;

/// Reports that wait. A task takes all of them whenever it comes round.
const HOOKS: usize = 256;

/// Bytes that wait.
const BYTES: usize = 1024 * 1024;

/// Reports that are remembered as taken: one comes twice only when its hook was not answered in time,
/// and then within seconds.
const KNOWN: usize = 1024;

/// The reports of one worker.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// In the order of their sequence numbers, each with its size.
    waiting: VecDeque<(Hook, usize)>,
    bytes: usize,
    known: VecDeque<Uuid>,
    /// Reports made before are those of an earlier process.
    since: Option<Timestamp>,
}

impl Inbox {
    /// A process was started, or taken over, that began at this time.
    pub(crate) fn begin(&self, since: Timestamp) {
        let mut inner = self.inner.lock();
        inner.since = Some(since);
        inner.waiting.retain(|(hook, _)| hook.at >= since);
        inner.bytes = inner.waiting.iter().map(|(_, bytes)| bytes).sum();
    }

    /// Returns when the process began, where that is known.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.inner.lock().since
    }

    /// Tells whether a report may be of the process that runs now.
    pub(crate) fn is_of_this_process(&self, at: Timestamp) -> bool {
        self.inner.lock().since.is_none_or(|since| at >= since)
    }

    /// Tells whether a report is here already.
    pub(crate) fn knows(&self, id: Uuid) -> bool {
        self.inner.lock().known.contains(&id)
    }

    /// Adds a report, unless it is known.
    pub(crate) fn put(&self, hook: Hook) {
        let bytes = bytes_of(&hook.payload);
        {
            let mut inner = self.inner.lock();
            if inner.known.contains(&hook.id) {
                return;
            }
            inner.known.push_back(hook.id);
            if inner.known.len() > KNOWN {
                inner.known.pop_front();
            }
            let place = inner
                .waiting
                .partition_point(|(known, _)| known.seq <= hook.seq);
            inner.bytes += bytes;
            inner.waiting.insert(place, (hook, bytes));
            while inner.waiting.len() > HOOKS || inner.bytes > BYTES {
                let Some((_, bytes)) = inner.waiting.pop_front() else {
                    break;
                };
                inner.bytes -= bytes;
            }
        }
        self.arrived.notify_one();
    }

    /// Waits until there are reports to take.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes all that wait, the oldest first.
    pub(crate) fn take(&self) -> Vec<Hook> {
        let mut inner = self.inner.lock();
        inner.bytes = 0;
        // A flood's room is given back.
        std::mem::take(&mut inner.waiting)
            .into_iter()
            .map(|(hook, _)| hook)
            .collect()
    }
}

/// About the memory that a payload takes.
fn bytes_of(payload: &Value) -> usize {
    const NODE: usize = size_of::<Value>();
    NODE + match payload {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(bytes_of).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| NODE + key.len() + bytes_of(value))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(seq: u64) -> Hook {
        Hook {
            id: Uuid::from_u128(u128::from(seq)),
            event: "Stop".to_owned(),
            payload: serde_json::Value::Null,
            at: Timestamp::from_millisecond(i64::try_from(seq).unwrap()).unwrap(),
            seq,
            subagent: false,
        }
    }

    fn seqs(inbox: &Inbox) -> Vec<u64> {
        inbox.take().iter().map(|hook| hook.seq).collect()
    }

    #[test]
    fn each_report_comes_once_and_in_order() {
        let inbox = Inbox::default();
        for seq in [3, 1, 2, 3, 1] {
            inbox.put(hook(seq));
        }
        assert_eq!(seqs(&inbox), [1, 2, 3]);
        inbox.put(hook(2));
        assert!(seqs(&inbox).is_empty());
    }

    #[test]
    fn a_flood_keeps_the_newest_and_grows_nothing() {
        let inbox = Inbox::default();
        for seq in 0..100_000 {
            inbox.put(hook(seq));
        }
        let kept = seqs(&inbox);
        assert_eq!(kept.len(), HOOKS);
        assert_eq!(kept.last(), Some(&99_999));
        assert_eq!(inbox.inner.lock().known.len(), KNOWN);
        assert_eq!(inbox.inner.lock().waiting.capacity(), 0);
        for seq in 200_000..200_100 {
            let mut large = hook(seq);
            large.payload = "x".repeat(BYTES / 4 - 64).into();
            inbox.put(large);
        }
        assert_eq!(seqs(&inbox), [200_096, 200_097, 200_098, 200_099]);
    }

    #[test]
    fn reports_of_an_earlier_process_are_passed_over() {
        let inbox = Inbox::default();
        inbox.put(hook(10));
        inbox.put(hook(20));
        let began = Timestamp::from_millisecond(15).unwrap();
        inbox.begin(began);
        assert!(!inbox.is_of_this_process(hook(14).at));
        assert!(inbox.is_of_this_process(began));
        assert_eq!(seqs(&inbox), [20]);
    }
}
