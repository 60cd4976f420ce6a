//! Ids of the objects that people see. Every id is a newtype, so that no two can be swapped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new random id (UUID version 4).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// Names a session: a directory, a title and its workers.
    SessionId
}
uuid_id! {
    /// Names a worker: one tab of a session. Stable over restarts of its process.
    WorkerId
}
uuid_id! {
    /// Names a registered repository.
    RepositoryId
}

uuid_id! {
    /// Names a job: a durable unit of background work.
    JobId
}
uuid_id! {
    /// Names a prompt in the queue of a worker.
    PromptId
}

/// Names an agent definition: a UUID for custom agents, a fixed word for built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct AgentId(pub String);

impl AgentId {
    /// The id of the built-in Claude Code definition, the default agent.
    pub const CLAUDE_CODE: &'static str = "claude-code-builtin";

    /// Makes a new random id for a custom agent.
    pub fn random() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    /// Returns the id of the default agent.
    pub fn claude_code() -> Self {
        Self(Self::CLAUDE_CODE.to_owned())
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
