//! What becomes of workers that have nothing to do.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether and when workers that have nothing to do are ended. The rule of a session goes before
/// that of its repository, and that before the server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum IdlePolicy {
    /// They stay.
    #[default]
    Off,
    /// The session is paused when none of its workers had anything to do for so long. Workers of
    /// a session that cannot be paused are stopped.
    #[serde(rename_all = "camelCase")]
    Pause {
        /// For so long; from one second to a year.
        after_seconds: u32,
    },
    /// Each worker is stopped that had nothing to do for so long.
    #[serde(rename_all = "camelCase")]
    Stop {
        /// For so long; from one second to a year.
        after_seconds: u32,
    },
}

/// What is about to happen to a session or some of its workers, unless somebody uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdleWarning {
    /// What will be done.
    pub action: IdleAction,
    /// When.
    #[serde(with = "crate::millis")]
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
}

/// What is done to workers that have nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdleAction {
    /// The session is paused.
    Pause,
    /// Workers are stopped.
    Stop,
}

/// Answer of `GET` and `PATCH /api/settings`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// What becomes of workers that have nothing to do, where nothing else is set.
    pub idle: IdlePolicy,
}

/// `PATCH /api/settings`: null returns to what the server's configuration says.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct PatchSettings {
    /// What becomes of workers that have nothing to do.
    #[serde(
        default,
        deserialize_with = "crate::rest::double_option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<IdlePolicy>)]
    pub idle: Option<Option<IdlePolicy>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_written_with_their_action() {
        for (policy, text) in [
            (IdlePolicy::Off, r#"{"action":"off"}"#),
            (
                IdlePolicy::Pause { after_seconds: 60 },
                r#"{"action":"pause","afterSeconds":60}"#,
            ),
            (
                IdlePolicy::Stop { after_seconds: 5 },
                r#"{"action":"stop","afterSeconds":5}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&policy).expect("JSON"), text);
            let read: IdlePolicy = serde_json::from_str(text).expect("a policy");
            assert_eq!(read, policy);
        }
        let patch: PatchSettings = serde_json::from_str(r#"{"idle":null}"#).expect("a patch");
        assert_eq!(patch.idle, Some(None));
    }
}
