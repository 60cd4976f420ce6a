//! How often a client may guess a sign-in code.
//!
//! Owns the count of failures per address. The time is an argument. At most [`ADDRESSES_MAX`]
//! addresses are remembered; when there are more, the one whose last failure is oldest goes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Failures that are allowed within [`WINDOW`]; the next attempt is answered with 429.
const FAILURES_MAX: usize = 5;

/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(60);

/// Remembered addresses; 40 KiB or so.
const ADDRESSES_MAX: usize = 1024;

/// Failed sign-ins of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failures: Mutex<HashMap<IpAddr, Vec<Instant>>>,
}

impl Attempts {
    /// Tells whether an address may try now; `Err` says how long it must wait.
    pub(crate) fn admit(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut failures = self.failures.lock();
        let Some(times) = failures.get_mut(&network(from)) else {
            return Ok(());
        };
        times.retain(|time| now.duration_since(*time) < WINDOW);
        match times.first() {
            Some(first) if times.len() >= FAILURES_MAX => {
                Err(WINDOW.saturating_sub(now.duration_since(*first)))
            }
            _ => Ok(()),
        }
    }

    /// Records a failure.
    pub(crate) fn record_failure(&self, from: IpAddr, now: Instant) {
        let mut failures = self.failures.lock();
        let from = network(from);
        if failures.len() >= ADDRESSES_MAX && !failures.contains_key(&from) {
            let oldest = failures
                .iter()
                .min_by_key(|(_, times)| times.last().copied());
            if let Some(address) = oldest.map(|(address, _)| *address) {
                failures.remove(&address);
            }
        }
        let times = failures.entry(from).or_default();
        times.push(now);
        if times.len() > FAILURES_MAX {
            times.remove(0);
        }
    }
}

/// One subscriber of IPv6 owns a whole /64, so that is what counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_guess_of_a_minute_waits() {
        let attempts = Attempts::default();
        let from: IpAddr = "2001:db8::1".parse().expect("an address");
        let neighbour: IpAddr = "2001:db8::2".parse().expect("an address");
        let other: IpAddr = "2001:db8:1::1".parse().expect("an address");
        let start = Instant::now();
        for second in 0..5 {
            let now = start + Duration::from_secs(second);
            assert_eq!(attempts.admit(from, now), Ok(()));
            attempts.record_failure(from, now);
        }
        let now = start + Duration::from_secs(10);
        assert_eq!(attempts.admit(neighbour, now), Err(Duration::from_secs(50)));
        assert_eq!(attempts.admit(other, now), Ok(()));
        assert_eq!(attempts.admit(from, start + WINDOW), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for number in 0..5000_u32 {
            attempts.record_failure(IpAddr::V4(number.into()), now);
        }
        assert_eq!(attempts.failures.lock().len(), ADDRESSES_MAX);
    }
}
