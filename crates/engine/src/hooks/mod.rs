//! What agents report by their hooks.
//!
//! ```text
//!  POST …/hooks ─┐
//!                ├─► report ─► conversation ─► inbox of the worker ─► its task
//!  spool on disk ┘
//! ```
//! Owns the way of a report to the worker's task: each counts once, in the order of their sequence
//! numbers as far as they wait together; a flood keeps the newest. Those of a process that has ended
//! are passed over. Does not know what an event means for the agent's state.

mod inbox;
mod spool;

use jiff::Timestamp;
use offshoot_protocol::WorkerId;
use offshoot_protocol::hook::HookReport;
use serde_json::Value;
use uuid::Uuid;

pub(crate) use inbox::Inbox;
pub(crate) use spool::{spool_of, start};

use crate::definitions::Definition;
use crate::{Engine, EngineError};

/// A report in the words of its agent's definition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hook {
    /// Names the report.
    pub(crate) id: Uuid,
    /// The event's name.
    pub(crate) event: String,
    /// What the agent said.
    pub(crate) payload: Value,
    /// When the hook was called.
    pub(crate) at: Timestamp,
    /// Orders the reports of one worker.
    pub(crate) seq: u64,
    /// Whether the event belongs to a sub-agent, or to another conversation than the worker's.
    pub(crate) subagent: bool,
}

impl Hook {
    /// Reads a report by its agent's definition.
    fn read(report: HookReport, definition: &Definition) -> Self {
        let named = definition.payload.event.as_deref();
        let named = named.and_then(|path| text_at(&report.payload, path));
        let event = report.event.or(named.map(str::to_owned));
        let marked = definition.payload.subagent.as_deref();
        let marked = marked.and_then(|path| at(&report.payload, path));
        Self {
            id: report.id,
            event: event.unwrap_or_default(),
            at: report.at,
            seq: report.seq,
            subagent: report.subagent || marked.is_some_and(is_said),
            payload: report.payload,
        }
    }
}

/// Finds a value by a path with dots.
fn at<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(payload, |value, key| value.get(key))
}

pub(crate) fn text_at<'a>(payload: &'a Value, path: &str) -> Option<&'a str> {
    at(payload, path)?.as_str().filter(|text| !text.is_empty())
}

fn is_said(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

impl Engine {
    /// Takes a report of a worker's agent. Returns when it counts, whatever happens to the server
    /// then; the same report counts once.
    ///
    /// # Errors
    /// There is no such worker, or the conversation that it tells cannot be recorded.
    pub async fn hook(&self, worker: WorkerId, report: HookReport) -> Result<(), EngineError> {
        let entry = self.state().worker(worker)?.1.clone();
        let handle = entry.handle.clone();
        let handle = handle.ok_or(EngineError::WorkerNotFound(worker))?;
        let inbox = handle.hooks();
        if !inbox.is_of_this_process(report.at) || inbox.knows(report.id) {
            return Ok(());
        }
        let definition = self.definition_of(&entry);
        let mut hook = Hook::read(report, &definition);
        hook.subagent |= !self.hear(worker, &definition, &hook).await?;
        inbox.put(hook);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definitions::Definitions;
    use offshoot_protocol::AgentId;

    fn read(report: Value) -> Hook {
        let mut whole = json!({
            "id": Uuid::nil(), "agent": "claude-code", "at": "2026-01-02T03:04:05.006Z", "seq": 7,
        });
        let fields = report.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(fields);
        let report = serde_json::from_value(whole).unwrap();
        let all = Definitions::built_in();
        Hook::read(report, all.get(&AgentId::claude_code()).unwrap())
    }

    #[test]
    fn the_event_is_named_by_the_command_or_by_the_payload() {
        let hook = read(json!({"event": "Stop", "payload": {"hook_event_name": "Other"}}));
        assert_eq!(hook.event, "Stop");
        let hook = read(json!({"payload": {"hook_event_name": "Stop"}}));
        assert_eq!(hook.event, "Stop");
        assert_eq!(read(json!({"payload": null})).event, "");
    }

    #[test]
    fn events_of_sub_agents_are_marked_by_hook_or_payload() {
        assert!(read(json!({"payload": {"agent_id": "a"}})).subagent);
        assert!(read(json!({"subagent": true})).subagent);
        assert!(!read(json!({"payload": {"agent_id": null}})).subagent);
    }
}
