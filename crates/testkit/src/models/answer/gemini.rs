//! Gemini.

use serde_json::{Value, json};

use super::{Answer, TOKENS, Voice, event};
use crate::models::tools::{Call, Input};

#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: String,
}

impl Voice for Candidate {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn word(&mut self, text: &str) -> String {
        event(&self.candidate(&json!({"text": text}), None))
    }

    fn end(&mut self) -> String {
        event(&self.candidate(&json!({"text": ""}), Some("STOP")))
    }

    fn call(&mut self, call: &Call) -> String {
        event(&self.candidate(&self.function_call(call), Some("STOP")))
    }

    fn idle(&self) -> &'static str {
        // Its client takes a comment for broken JSON.
        ""
    }

    fn whole(&self, answer: &Answer) -> Value {
        let part = match answer {
            Answer::Words(text) => json!({"text": text}),
            Answer::Call(call) => self.function_call(call),
        };
        self.candidate(&part, Some("STOP"))
    }
}

impl Candidate {
    fn candidate(&self, part: &Value, reason: Option<&str>) -> Value {
        let (input, output) = TOKENS;
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [part]}});
        if let Some(reason) = reason {
            candidate["finishReason"] = json!(reason);
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": input,
                "candidatesTokenCount": output,
                "totalTokenCount": input + output,
            },
            "modelVersion": "fake-model",
            "responseId": self.id,
        })
    }

    fn function_call(&self, call: &Call) -> Value {
        let arguments = match &call.input {
            Input::Arguments(arguments) => arguments.clone(),
            Input::Text(text) => json!({"input": text}),
        };
        json!({"functionCall": {"id": self.id, "name": call.name, "args": arguments}})
    }
}
