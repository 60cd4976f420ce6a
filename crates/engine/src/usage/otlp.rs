//! Reads what agents used out of their telemetry: log records in the JSON form of OTLP.
//!
//! Pure. Records of other kinds are passed over, and so is everything in a record that is not a
//! number of tokens, a price, a model or a time: prompts and answers, should an agent send them, are not kept.

use jiff::Timestamp;
use offshoot_protocol::usage::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Greatest count and price that is believed, so that no sum ever overflows: 1,000 dollars.
const NUMBER_MAX: u64 = 1_000_000_000;

/// Longest name of a model, in characters.
const MODEL_CHARS: usize = 100;

/// How an agent tells of a finished request to its model.
struct Shape {
    event: &'static str,
    /// An attribute that must be so.
    only: Option<(&'static str, &'static str)>,
    input: &'static str,
    output: &'static str,
    cache_read: &'static str,
    cache_write: &'static str,
    /// Whether the input counts the cached tokens, too.
    is_cache_in_input: bool,
    /// Price in millionths of a dollar.
    cost: Option<&'static str>,
}

const SHAPES: &[Shape] = &[
    // Claude Code
    Shape {
        event: "api_request",
        only: None,
        input: "input_tokens",
        output: "output_tokens",
        cache_read: "cache_read_tokens",
        cache_write: "cache_creation_tokens",
        is_cache_in_input: false,
        cost: Some("cost_usd_micros"),
    },
    // Codex
    Shape {
        event: "codex.sse_event",
        only: Some(("event.kind", "response.completed")),
        input: "input_token_count",
        output: "output_token_count",
        cache_read: "cached_token_count",
        cache_write: "cache_write_token_count",
        is_cache_in_input: true,
        cost: None,
    },
];

/// One finished request to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// The same for a record that is sent again, else another one.
    pub(super) digest: u64,
    /// When, if the record says so.
    pub(super) at: Option<Timestamp>,
    pub(super) model: String,
    pub(super) usage: Usage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    #[serde(default)]
    resource_logs: Vec<ResourceLogs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs {
    #[serde(default)]
    scope_logs: Vec<ScopeLogs>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs {
    #[serde(default)]
    log_records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    /// One member, named after the type; numbers come as numbers or as text.
    #[serde(default)]
    value: Map<String, Value>,
}

/// Returns the finished requests that an export tells of.
///
/// # Errors
/// It is no OTLP export of logs in JSON.
pub(super) fn calls(body: &[u8]) -> Result<Vec<Call>, serde_json::Error> {
    let export: Export = serde_json::from_slice(body)?;
    let scopes = export
        .resource_logs
        .into_iter()
        .flat_map(|it| it.scope_logs);
    let records = scopes.flat_map(|scope| scope.log_records);
    Ok(records.filter_map(|record| record.call()).collect())
}

impl Record {
    fn call(&self) -> Option<Call> {
        let event = self.text("event.name")?;
        let shape = SHAPES.iter().find(|shape| shape.event == event)?;
        if let Some((key, value)) = shape.only
            && self.text(key) != Some(value)
        {
            return None;
        }
        // Codex tells of each end twice, once without numbers.
        let input = self.number(shape.input)?;
        let cache_read = self.number(shape.cache_read).unwrap_or(0);
        let cost_micros = shape.cost.and_then(|key| self.number(key));
        Some(Call {
            digest: self.digest(),
            at: self.text("event.timestamp").and_then(|at| at.parse().ok()),
            model: self.model(),
            usage: Usage {
                requests: 1,
                input_tokens: if shape.is_cache_in_input {
                    input.saturating_sub(cache_read)
                } else {
                    input
                },
                output_tokens: self.number(shape.output).unwrap_or(0),
                cache_read_tokens: cache_read,
                cache_write_tokens: self.number(shape.cache_write).unwrap_or(0),
                cost_micros,
                unpriced_requests: u64::from(cost_micros.is_none()),
            },
        })
    }

    fn value(&self, key: &str) -> Option<&Value> {
        let attribute = self.attributes.iter().find(|it| it.key == key)?;
        attribute.value.values().next()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    fn number(&self, key: &str) -> Option<u64> {
        let number = match self.value(key)? {
            Value::Number(number) => number.as_u64()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        Some(number.min(NUMBER_MAX))
    }

    fn model(&self) -> String {
        let name = self.text("model").unwrap_or("unknown");
        let shown = name.chars().filter(|c| !c.is_control());
        shown.take(MODEL_CHARS).collect()
    }

    fn digest(&self) -> u64 {
        let mut hash = Sha256::new();
        for attribute in &self.attributes {
            hash.update(&attribute.key);
            hash.update([0]);
            for value in attribute.value.values() {
                hash.update(value.to_string());
            }
            hash.update([0]);
        }
        let bytes: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(bytes[..8].try_into().expect("a digest has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn export(attributes: &Value) -> Vec<u8> {
        let record = json!({"timeUnixNano": "0", "attributes": attributes});
        let scopes = json!([{"scope": {}, "logRecords": [record]}]);
        json!({"resourceLogs": [{"resource": {}, "scopeLogs": scopes}]})
            .to_string()
            .into_bytes()
    }

    fn claude() -> Value {
        json!([
            {"key": "event.name", "value": {"stringValue": "api_request"}},
            {"key": "event.timestamp", "value": {"stringValue": "2026-11-24T20:41:01.909Z"}},
            {"key": "event.sequence", "value": {"intValue": 6}},
            {"key": "model", "value": {"stringValue": "claude-opus-5-5"}},
            {"key": "input_tokens", "value": {"intValue": 10}},
            {"key": "output_tokens", "value": {"intValue": "5"}},
            {"key": "cache_read_tokens", "value": {"intValue": 700}},
            {"key": "cache_creation_tokens", "value": {"intValue": 3}},
            {"key": "cost_usd", "value": {"doubleValue": 0.00014}},
            {"key": "cost_usd_micros", "value": {"intValue": 140}},
        ])
    }

    #[test]
    fn a_request_of_claude_code_has_its_price() {
        let calls = calls(&export(&claude())).unwrap();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].model, "claude-opus-5-5");
        assert_eq!(
            calls[0].at,
            Some("2026-11-24T20:41:01.909Z".parse().unwrap())
        );
        let expected = Usage {
            requests: 1,
            input_tokens: 10,
            output_tokens: 5,
            cache_read_tokens: 700,
            cache_write_tokens: 3,
            cost_micros: Some(140),
            unpriced_requests: 0,
        };
        assert_eq!(calls[0].usage, expected);
    }

    #[test]
    fn a_request_of_codex_counts_cached_tokens_once() {
        let told = |numbers: bool| {
            let mut attributes = json!([
                {"key": "event.name", "value": {"stringValue": "codex.sse_event"}},
                {"key": "event.kind", "value": {"stringValue": "response.completed"}},
                {"key": "model", "value": {"stringValue": "gpt"}},
            ]);
            if numbers {
                attributes.as_array_mut().unwrap().extend([
                    json!({"key": "input_token_count", "value": {"stringValue": "100"}}),
                    json!({"key": "output_token_count", "value": {"stringValue": "5"}}),
                    json!({"key": "cached_token_count", "value": {"intValue": "60"}}),
                ]);
            }
            calls(&export(&attributes)).unwrap()
        };
        assert_eq!(told(false), []);
        let usage = told(true)[0].usage;
        assert_eq!((usage.input_tokens, usage.cache_read_tokens), (40, 60));
        assert_eq!((usage.cost_micros, usage.unpriced_requests), (None, 1));
    }

    #[test]
    fn only_a_record_sent_again_has_the_same_digest() {
        let digest = |attributes: &Value| calls(&export(attributes)).unwrap()[0].digest;
        let first = claude();
        let mut second = claude();
        second[2]["value"]["intValue"] = json!(7);
        assert_eq!(digest(&first), digest(&first));
        assert_ne!(digest(&first), digest(&second));
    }

    #[test]
    fn what_is_no_finished_request_is_passed_over() {
        let prompt = json!([{"key": "event.name", "value": {"stringValue": "user_prompt"}}]);
        assert_eq!(calls(&export(&prompt)).unwrap(), []);
        assert_eq!(calls(&export(&json!([]))).unwrap(), []);
        assert_eq!(calls(b"{}").unwrap(), []);
        assert!(calls(b"[1]").is_err());
        assert!(calls(b"\x0a\x02protobuf").is_err());
    }

    #[test]
    fn absurd_numbers_and_names_are_bounded() {
        let mut hostile = claude();
        hostile[4]["value"]["intValue"] = json!(u64::MAX);
        hostile[3]["value"]["stringValue"] = json!("m\u{1b}".repeat(1000));
        let call = calls(&export(&hostile)).unwrap().remove(0);
        assert_eq!(call.usage.input_tokens, NUMBER_MAX);
        assert_eq!(call.model, "m".repeat(MODEL_CHARS));
        hostile[4]["value"]["intValue"] = json!(-1);
        assert_eq!(calls(&export(&hostile)).unwrap(), []);
    }
}
