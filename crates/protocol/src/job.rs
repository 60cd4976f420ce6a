//! Jobs as clients see them: durable units of background work.
//!
//! The shape is the first dialect's, times in epoch milliseconds included; `progress` and `result`
//! are ours.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::JobId;

/// A durable unit of background work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The job's id.
    pub id: JobId,
    /// What is to be done, for example `cleanup:worker-output` or `clone`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is to be done with; its keys depend on the type. `{"_parseError":true,"raw":"…"}`
    /// when it cannot be read.
    pub payload: Value,
    /// Where it stands.
    pub status: JobStatus,
    /// Jobs with a higher priority come first.
    pub priority: i32,
    /// Attempts so far, the one under way included.
    pub attempts: u32,
    /// Attempts after which it stalls.
    pub max_attempts: u32,
    /// When the next attempt may begin.
    #[serde(with = "epoch")]
    #[schema(value_type = i64)]
    pub next_retry_at: Timestamp,
    /// How the last attempt failed, in words for people.
    pub last_error: Option<String>,
    /// When it was made.
    #[serde(with = "epoch")]
    #[schema(value_type = i64)]
    pub created_at: Timestamp,
    /// When the last attempt began.
    #[serde(with = "epoch::option")]
    #[schema(value_type = Option<i64>)]
    pub started_at: Option<Timestamp>,
    /// When it was done.
    #[serde(with = "epoch::option")]
    #[schema(value_type = Option<i64>)]
    pub completed_at: Option<Timestamp>,
    /// How far the attempt under way has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<JobProgress>,
    /// What a completed job made; its keys depend on the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// It waits for its turn or its next attempt.
    Pending,
    /// An attempt is under way.
    Processing,
    /// It is done.
    Completed,
    /// All attempts failed, or a person canceled it; retry it or remove it.
    Stalled,
}

/// How far an attempt has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// What is being done, in words for people.
    pub step: String,
    /// How much of the step is done, 0 to 100, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// One page of jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobsBody {
    /// The jobs of the page.
    pub jobs: Vec<Job>,
    /// How many jobs there are on all pages.
    pub total: u64,
}

/// How many jobs stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStats {
    /// Jobs that wait.
    pub pending: u64,
    /// Jobs under way.
    pub processing: u64,
    /// Jobs that are done and still remembered.
    pub completed: u64,
    /// Jobs that a person has to look at.
    pub stalled: u64,
}

/// Answer of a request that became a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobBody {
    /// The job.
    pub job: Job,
}

/// `POST /api/repositories/clone`: clones a repository and registers it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CloneRepository {
    /// Where from: `https://…`, `ssh://…` or `user@host:path`.
    pub url: String,
    /// The directory to make, absolute or `~/…`; absent, one named after the repository in the
    /// user's home. It must not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Times as integer milliseconds since 1970.
mod epoch {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.as_millisecond())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_millisecond(i64::deserialize(from)?).map_err(D::Error::custom)
    }

    pub(super) mod option {
        use jiff::Timestamp;
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serializer};

        #[expect(clippy::ref_option, reason = "serde passes the field as it is")]
        pub(in super::super) fn serialize<S: Serializer>(
            at: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => to.serialize_some(&at.as_millisecond()),
                None => to.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let at = Option::<i64>::deserialize(from)?;
            at.map(|at| Timestamp::from_millisecond(at).map_err(D::Error::custom))
                .transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_looks_as_in_the_first_dialect() {
        let at = Timestamp::from_millisecond(1_770_000_000_123).unwrap();
        let job = Job {
            id: JobId(uuid::Uuid::nil()),
            kind: "cleanup:repository".to_owned(),
            payload: serde_json::json!({"repoDir": "/r"}),
            status: JobStatus::Pending,
            priority: 0,
            attempts: 0,
            max_attempts: 5,
            next_retry_at: at,
            last_error: None,
            created_at: at,
            started_at: None,
            completed_at: Some(at),
            progress: None,
            result: None,
        };
        let wire = serde_json::to_value(&job).unwrap();
        let expected = serde_json::json!({
            "id": "00000000-0000-0000-0000-000000000000", "type": "cleanup:repository",
            "payload": {"repoDir": "/r"}, "status": "pending", "priority": 0, "attempts": 0,
            "maxAttempts": 5, "nextRetryAt": 1_770_000_000_123_i64, "lastError": null,
            "createdAt": 1_770_000_000_123_i64, "startedAt": null,
            "completedAt": 1_770_000_000_123_i64,
        });
        assert_eq!(wire, expected);
        assert_eq!(serde_json::from_value::<Job>(wire).unwrap(), job);
    }
}
