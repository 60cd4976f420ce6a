//! `offshoot hook AGENT [EVENT]`: what an agent runs to tell what it does.
//!
//! ```text
//!  payload (standard input, or the last argument) ─► report ─┬─► server, within a few milliseconds
//!                                                            └─► spool, when that does not work out
//! ```
//! Runs inside of other people's programs: it is entered before anything else of ours starts, says
//! nothing, always succeeds, and is done within [`LIMIT`]. Outside of our workers, where nothing
//! names a hook file, it does nothing at all. Everything that goes wrong is kept to itself.

mod payload;
mod send;
mod spool;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use offshoot_protocol::hook::{HOOK_FILE_VARIABLE, HookFile, HookReport};
use serde_json::Value;

/// The server gets so long for all of it; what it has not taken by then goes to the spool.
const LIMIT: Duration = Duration::from_millis(50);

/// The agent gets so long to hand over the payload.
const PAYLOAD: Duration = Duration::from_millis(500);

/// Reports an event and ends the process.
pub(crate) fn main(words: impl Iterator<Item = std::ffi::OsString>) -> ! {
    // A failure of ours must not become one of the agent's.
    std::panic::set_hook(Box::new(|_| std::process::exit(0)));
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(file) = std::env::var_os(HOOK_FILE_VARIABLE) {
        // Nobody to tell: the agent must not see it, and nothing else listens.
        let _ = report(Path::new(&file), &words);
    }
    std::process::exit(0);
}

fn report(file: &Path, words: &[String]) -> std::io::Result<()> {
    let file: HookFile = serde_json::from_slice(&std::fs::read(file)?)?;
    let report = made_of(words, || payload::from_stdin(Instant::now() + PAYLOAD));
    let body = serde_json::to_vec(&report)?;
    if send::send(&file, &body, Instant::now() + LIMIT).is_err() {
        spool::keep(&file.spool, &report.file_name(), &body)?;
    }
    Ok(())
}

/// Makes the report of a call: `AGENT [EVENT] [PAYLOAD]`.
fn made_of(words: &[String], stdin: impl FnOnce() -> Option<Value>) -> HookReport {
    let at = Timestamp::now();
    let (agent, rest) = words
        .split_first()
        .map_or(("", words), |(agent, rest)| (agent, rest));
    let given = rest.last().and_then(|word| payload::parse(word.as_bytes()));
    let event = rest
        .first()
        .filter(|_| rest.len() > usize::from(given.is_some()));
    let payload = given.or_else(stdin).unwrap_or_default();
    HookReport {
        id: uuid::Uuid::new_v4(),
        agent: agent.to_owned(),
        event: event.cloned(),
        at,
        seq: u64::try_from(at.as_nanosecond()).unwrap_or_default(),
        subagent: payload.get("agent_id").is_some_and(|id| !id.is_null()),
        payload: payload::cut(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(words: &[&str], stdin: Option<Value>) -> HookReport {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        made_of(&words, || stdin)
    }

    #[test]
    fn the_payload_comes_by_input_or_as_the_last_word() {
        let report = report_of(&["claude-code", "Stop"], Some(serde_json::json!({"a": 1})));
        assert_eq!(report.agent, "claude-code");
        assert_eq!(report.event.as_deref(), Some("Stop"));
        assert_eq!(report.payload["a"], 1);
        let report = report_of(&["codex", r#"{"type":"agent-turn-complete"}"#], None);
        assert_eq!(report.event, None);
        assert_eq!(report.payload["type"], "agent-turn-complete");
        let report = report_of(&["codex", "notify", "{}"], None);
        assert_eq!(report.event.as_deref(), Some("notify"));
        let report = report_of(&[], None);
        assert_eq!((report.agent.as_str(), report.payload), ("", Value::Null));
    }

    #[test]
    fn events_of_sub_agents_are_marked() {
        let of = |payload| report_of(&["claude-code", "Stop"], Some(payload)).subagent;
        assert!(of(serde_json::json!({"agent_id": "7"})));
        assert!(!of(serde_json::json!({"agent_id": null})));
        assert!(!of(serde_json::json!({"session_id": "7"})));
    }

    #[test]
    fn later_calls_come_later() {
        let first = report_of(&["a"], None);
        let second = report_of(&["a"], None);
        assert!(first.seq < second.seq);
        assert!(first.file_name() < second.file_name());
    }
}
