//! Times on the wire: ISO 8601 in UTC with exactly three digits of milliseconds.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a time.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// Reads a time, with or without fractions.
///
/// # Errors
/// The text is no time.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(deserializer)
}

/// The same for times that may be absent.
pub mod option {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a time, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a time, or null.
    ///
    /// # Errors
    /// The text is no time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn whole_seconds_have_their_milliseconds_too() {
        #[derive(serde::Serialize)]
        struct Body(#[serde(with = "super")] jiff::Timestamp);
        let body = Body(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            "\"1970-01-01T00:00:00.000Z\""
        );
    }
}
