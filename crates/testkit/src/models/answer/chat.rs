//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::{Answer, TOKENS, Voice, event};
use crate::models::tools::{Call, Input};

#[derive(Debug)]
pub(super) struct Completion {
    pub(super) id: String,
    pub(super) model: String,
}

impl Voice for Completion {
    fn begin(&mut self) -> String {
        self.chunk(&json!({"role": "assistant", "content": ""}), None)
    }

    fn word(&mut self, text: &str) -> String {
        self.chunk(&json!({"content": text}), None)
    }

    fn end(&mut self) -> String {
        self.finish("stop")
    }

    fn call(&mut self, call: &Call) -> String {
        let mut called = self.tool_call(call);
        called["index"] = json!(0);
        self.begin()
            + &self.chunk(&json!({"tool_calls": [called]}), None)
            + &self.finish("tool_calls")
    }

    fn idle(&self) -> &'static str {
        ": still there\n\n"
    }

    fn whole(&self, answer: &Answer) -> Value {
        let (message, reason) = match answer {
            Answer::Words(text) => (json!({"role": "assistant", "content": text}), "stop"),
            Answer::Call(call) => {
                let calls = [self.tool_call(call)];
                let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
                (message, "tool_calls")
            }
        };
        let choice = json!({"index": 0, "message": message, "finish_reason": reason});
        let mut whole = self.head("chat.completion", &[choice]);
        whole["usage"] = usage();
        whole
    }
}

impl Completion {
    fn head(&self, object: &str, choices: &[Value]) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.id),
            "object": object,
            "created": 1,
            "model": self.model,
            "choices": choices,
        })
    }

    fn chunk(&self, delta: &Value, reason: Option<&str>) -> String {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        event(&self.head("chat.completion.chunk", &[choice]))
    }

    fn finish(&self, reason: &str) -> String {
        let mut last = self.head("chat.completion.chunk", &[]);
        last["usage"] = usage();
        self.chunk(&json!({}), Some(reason)) + &event(&last) + "data: [DONE]\n\n"
    }

    fn tool_call(&self, call: &Call) -> Value {
        let arguments = match &call.input {
            Input::Arguments(arguments) => arguments.to_string(),
            Input::Text(text) => text.clone(),
        };
        json!({
            "id": format!("call_{}", self.id),
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        })
    }
}

fn usage() -> Value {
    let (input, output) = TOKENS;
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
}
