//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Answer, TOKENS, Voice, named_event};
use crate::models::tools::{Call, Input};

#[derive(Debug)]
pub(super) struct Messages {
    pub(super) id: String,
    pub(super) model: String,
}

impl Voice for Messages {
    fn begin(&mut self) -> String {
        let block = json!({"type": "text", "text": ""});
        self.message_start() + &block_start(&block)
    }

    fn word(&mut self, text: &str) -> String {
        block_delta(&json!({"type": "text_delta", "text": text}))
    }

    fn end(&mut self) -> String {
        end("end_turn")
    }

    fn call(&mut self, call: &Call) -> String {
        let mut block = self.tool_use(call);
        let arguments = block["input"].take().to_string();
        block["input"] = json!({});
        let delta = json!({"type": "input_json_delta", "partial_json": arguments});
        self.message_start() + &block_start(&block) + &block_delta(&delta) + &end("tool_use")
    }

    fn idle(&self) -> &'static str {
        "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }

    fn whole(&self, answer: &Answer) -> Value {
        let mut message = self.message();
        let (block, reason) = match answer {
            Answer::Words(text) => (json!({"type": "text", "text": text}), "end_turn"),
            Answer::Call(call) => (self.tool_use(call), "tool_use"),
        };
        message["content"] = json!([block]);
        message["stop_reason"] = json!(reason);
        message
    }
}

impl Messages {
    fn message(&self) -> Value {
        json!({
            "id": format!("msg_{}", self.id),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": {
                "input_tokens": TOKENS.0,
                "output_tokens": TOKENS.1,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        })
    }

    fn message_start(&self) -> String {
        named_event(&json!({"type": "message_start", "message": self.message()}))
    }

    fn tool_use(&self, call: &Call) -> Value {
        let input = match &call.input {
            Input::Arguments(arguments) => arguments.clone(),
            Input::Text(text) => json!({"input": text}),
        };
        let id = format!("toolu_{}", self.id);
        json!({"type": "tool_use", "id": id, "name": call.name, "input": input})
    }
}

fn block_start(block: &Value) -> String {
    named_event(&json!({"type": "content_block_start", "index": 0, "content_block": block}))
}

fn block_delta(delta: &Value) -> String {
    named_event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

fn end(reason: &str) -> String {
    let delta = json!({"stop_reason": reason, "stop_sequence": null});
    let usage = json!({"output_tokens": TOKENS.1});
    named_event(&json!({"type": "content_block_stop", "index": 0}))
        + &named_event(&json!({"type": "message_delta", "delta": delta, "usage": usage}))
        + &named_event(&json!({"type": "message_stop"}))
}
