//! Ranges of time as people give them. Pure: now comes in as an argument.

use jiff::{SignedDuration, Timestamp};

use crate::EngineError;

/// A range of time in milliseconds since 1970, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

impl Range {
    /// Reads both ends; an absent one leaves its side open.
    pub(super) fn parse(
        from: Option<&str>,
        to: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, EngineError> {
        let from_ms = from.map_or(Ok(0), |text| moment("from", text, now))?;
        let to_ms = to.map_or(Ok(u64::MAX), |text| moment("to", text, now))?;
        if from_ms > to_ms {
            return Err(invalid("from", "the range ends before it begins"));
        }
        Ok(Self { from_ms, to_ms })
    }
}

/// Reads an instant, or a duration that means so long ago.
fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<u64, EngineError> {
    let text = text.trim();
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let ago: SignedDuration = text.parse().ok()?;
        now.checked_sub(ago.abs()).ok()
    });
    let ms = instant.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    ms.ok_or_else(|| {
        let message =
            "give a time such as 2026-03-01T10:00:00Z, or how long ago it is, such as 10m or 1h30m";
        invalid(field, message)
    })
}

fn invalid(field: &'static str, message: &str) -> EngineError {
    EngineError::Invalid {
        field,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_so_long_ago() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a time");
        let ms = |text: &str| moment("from", text, now).ok();
        let at = |text: &str| {
            let instant: Timestamp = text.parse().expect("a time");
            u64::try_from(instant.as_millisecond()).ok()
        };
        assert_eq!(ms("10m"), at("2026-03-01T09:50:00Z"));
        assert_eq!(ms("1h30m"), at("2026-03-01T08:30:00Z"));
        assert_eq!(ms(" 2s"), at("2026-03-01T09:59:58Z"));
        assert_eq!(ms("2026-03-01T11:00:00+02:00"), at("2026-03-01T09:00:00Z"));
        for wrong in ["", "10", "yesterday", "2026-03-01", "1969-01-01T00:00:00Z"] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_range_goes_forwards() {
        let now = Timestamp::now();
        assert!(Range::parse(Some("1m"), Some("1h"), now).is_err());
        let all = Range::parse(None, None, now).expect("a range");
        assert_eq!((all.from_ms, all.to_ms), (0, u64::MAX));
    }
}
