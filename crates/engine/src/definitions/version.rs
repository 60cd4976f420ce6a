//! Versions of programs, as far as ranges need them: numbers with dots.

use std::cmp::Ordering;

/// A range of versions: conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<(Comparison, Vec<u64>)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
    Exactly,
}

impl Range {
    /// Reads `>=1.2, <3`; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',')
            .map(condition)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Tells whether a version is in the range; one that is no version is not.
    pub fn holds(&self, version: &str) -> bool {
        let Some(version) = numbers(version) else {
            return false;
        };
        self.0.iter().all(|(comparison, bound)| {
            let order = compare(&version, bound);
            match comparison {
                Comparison::AtLeast => order.is_ge(),
                Comparison::Above => order.is_gt(),
                Comparison::AtMost => order.is_le(),
                Comparison::Below => order.is_lt(),
                Comparison::Exactly => order.is_eq(),
            }
        })
    }
}

fn condition(text: &str) -> Option<(Comparison, Vec<u64>)> {
    let text = text.trim();
    let signs = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        (">", Comparison::Above),
        ("<", Comparison::Below),
        ("=", Comparison::Exactly),
    ];
    signs.into_iter().find_map(|(sign, comparison)| {
        let rest = text.strip_prefix(sign)?;
        Some((comparison, numbers(rest.trim())?))
    })
}

/// Reads the numbers; what follows them (`-beta.1`) does not count.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let text = text.trim_start_matches('v');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let plain = &text[..end.unwrap_or(text.len())];
    plain.split('.').map(|part| part.parse().ok()).collect()
}

fn compare(one: &[u64], other: &[u64]) -> Ordering {
    let length = one.len().max(other.len());
    let padded = |numbers: &[u64], at: usize| numbers.get(at).copied().unwrap_or(0);
    (0..length)
        .map(|at| padded(one, at).cmp(&padded(other, at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        let holds = |range: &str, version| Range::parse(range).unwrap().holds(version);
        assert!(holds(">=2.1.197", "2.1.197"));
        assert!(holds(">=2.1.197", "2.2"));
        assert!(!holds(">=2.1.197", "2.1.99"));
        assert!(holds(">=1, <3", "2.9.9-beta.1"));
        assert!(!holds(">=1, <3", "3.0"));
        assert!(!holds(">1.0", "1"));
        assert!(holds("=1.0", "v1"));
        assert!(!holds(">=1", "unknown"));
        for broken in ["", "1.2", ">= ", ">=a", ">=1,"] {
            assert_eq!(Range::parse(broken), None, "{broken:?}");
        }
    }
}
