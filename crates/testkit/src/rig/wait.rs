//! Waiting for a fact, with a deadline that only a failure reaches.

use std::time::{Duration, Instant};

/// No awaited fact takes longer on a machine that works, however busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a fact that cannot be waited for otherwise is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks until `look` finds something.
///
/// # Panics
/// The fact did not come true; the message names it.
pub fn until<T>(fact: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain: {fact}");
        std::thread::sleep(LOOK_EVERY);
    }
}
