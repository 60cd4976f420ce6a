//! When a limit ends, from the words of an agent.

use std::sync::LazyLock;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned};
use regex::Regex;

static CLOCK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(\d{1,2})(?::(\d{2}))?\s*(am|pm)?\b").ok());
static SPAN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(\d+)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b").ok()
});
static ZONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\(([A-Za-z]+(?:/[A-Za-z_]+)*)\)").ok());

/// Reads a time such as `3pm`, `15:30 (Europe/Berlin)` or `in 2 hours 5 minutes`, as a moment after
/// `now`. None when it cannot be told, as for a date.
pub fn until(words: &str, now: &Zoned) -> Option<Timestamp> {
    let lower = words.to_lowercase();
    if let Some(span) = span_of(&lower) {
        return now.checked_add(span).ok().map(|then| then.timestamp());
    }
    let zone = ZONE.as_ref()?.captures(words).and_then(|found| {
        let name = found.get(1)?.as_str();
        TimeZone::get(name).ok()
    });
    let here = zone.map_or_else(|| now.clone(), |zone| now.with_time_zone(zone));
    let clock = CLOCK.as_ref()?.captures(&lower)?;
    let number = |at: usize| {
        clock
            .get(at)
            .and_then(|text| text.as_str().parse::<i8>().ok())
    };
    let half = clock.get(3).map(|half| half.as_str());
    if half.is_none() && clock.get(2).is_none() {
        return None;
    }
    let hour = match (number(1)?, half) {
        (12, Some("am")) => 0,
        (12, Some("pm")) => 12,
        (hour, Some("pm")) => hour.checked_add(12)?,
        (hour, _) => hour,
    };
    let time = Time::new(hour, number(2).unwrap_or(0), 0, 0).ok()?;
    let today = here.with().time(time).build().ok()?;
    let then = if today > here {
        today
    } else {
        today.checked_add(1.day()).ok()?
    };
    Some(then.timestamp())
}

fn span_of(words: &str) -> Option<Span> {
    let mut span = Span::new();
    let mut any = false;
    for found in SPAN.as_ref()?.captures_iter(words) {
        let count: i64 = found[1].parse().ok()?;
        let unit = found[2].chars().next()?;
        span = match unit {
            'd' => span.try_days(count),
            'h' => span.try_hours(count),
            'm' => span.try_minutes(count),
            _ => span.try_seconds(count),
        }
        .ok()?;
        any = true;
    }
    any.then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_next_moment_of_that_kind() {
        let now: Zoned = "2026-03-01T14:00:00[UTC]".parse().unwrap();
        for (words, expected) in [
            ("3pm", Some("2026-03-01T15:00:00Z")),
            ("3:45 PM", Some("2026-03-01T15:45:00Z")),
            ("1am", Some("2026-03-02T01:00:00Z")),
            ("12am", Some("2026-03-02T00:00:00Z")),
            ("13:30", Some("2026-03-02T13:30:00Z")),
            ("15:30 (Europe/Berlin)", Some("2026-03-01T14:30:00Z")),
            ("2 hours 5 minutes", Some("2026-03-01T16:05:00Z")),
            ("1d 2h", Some("2026-03-02T16:00:00Z")),
            ("soon", None),
            ("99pm", None),
            ("Oct 7", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(until(words, &now), expected, "{words}");
        }
    }
}
