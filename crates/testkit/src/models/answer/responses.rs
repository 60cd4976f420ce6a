//! OpenAI Responses.

use serde_json::{Value, json};

use super::{Answer, TOKENS, Voice, named_event};
use crate::models::tools::{Call, Input};

#[derive(Debug)]
pub(super) struct Response {
    id: String,
    model: String,
    /// Events are numbered.
    sequence: u64,
    said: String,
}

impl Response {
    pub(super) fn new(id: String, model: String) -> Self {
        Self {
            id,
            model,
            sequence: 0,
            said: String::new(),
        }
    }
}

impl Voice for Response {
    fn begin(&mut self) -> String {
        let mut item = self.message("");
        item["status"] = json!("in_progress");
        item["content"] = json!([]);
        let part = part("");
        let place = self.place_of_text();
        self.created()
            + &self.event(
                "response.output_item.added",
                &json!({"output_index": 0, "item": item}),
            )
            + &self.event("response.content_part.added", &with(place, "part", part))
    }

    fn word(&mut self, text: &str) -> String {
        self.said += text;
        let delta = with(self.place_of_text(), "delta", json!(text));
        self.event("response.output_text.delta", &delta)
    }

    fn end(&mut self) -> String {
        let said = std::mem::take(&mut self.said);
        let place = self.place_of_text();
        self.event(
            "response.output_text.done",
            &with(place.clone(), "text", json!(said)),
        ) + &self.event(
            "response.content_part.done",
            &with(place, "part", part(&said)),
        ) + &self.completed(&self.message(&said))
    }

    fn call(&mut self, call: &Call) -> String {
        let item = self.called(call);
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let mut events = self.created();
        if let Input::Arguments(arguments) = &call.input {
            begun["arguments"] = json!("");
            events += &self.added(&begun);
            let place = json!({"output_index": 0, "item_id": item["id"]});
            let arguments = json!(arguments.to_string());
            let delta = with(place.clone(), "delta", arguments.clone());
            events += &self.event("response.function_call_arguments.delta", &delta);
            let done = with(place, "arguments", arguments);
            events += &self.event("response.function_call_arguments.done", &done);
        } else {
            begun["input"] = json!("");
            events += &self.added(&begun);
        }
        events + &self.completed(&item)
    }

    fn idle(&self) -> &'static str {
        ": still there\n\n"
    }

    fn whole(&self, answer: &Answer) -> Value {
        self.finished(&match answer {
            Answer::Words(text) => self.message(text),
            Answer::Call(call) => self.called(call),
        })
    }
}

impl Response {
    fn event(&mut self, kind: &str, fields: &Value) -> String {
        let mut event = with(fields.clone(), "type", json!(kind));
        event["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        named_event(&event)
    }

    fn created(&mut self) -> String {
        let head = self.head();
        self.event("response.created", &json!({"response": head}))
    }

    fn added(&mut self, item: &Value) -> String {
        self.event(
            "response.output_item.added",
            &json!({"output_index": 0, "item": item}),
        )
    }

    fn completed(&mut self, item: &Value) -> String {
        let finished = self.finished(item);
        self.event(
            "response.output_item.done",
            &json!({"output_index": 0, "item": item}),
        ) + &self.event("response.completed", &json!({"response": finished}))
    }

    fn head(&self) -> Value {
        json!({
            "id": format!("resp_{}", self.id),
            "object": "response",
            "created_at": 1,
            "model": self.model,
            "output": [],
            "status": "in_progress",
        })
    }

    fn finished(&self, item: &Value) -> Value {
        let (input, output) = TOKENS;
        let mut head = self.head();
        head["status"] = json!("completed");
        head["output"] = json!([item]);
        head["usage"] = json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output,
        });
        head
    }

    fn message(&self, text: &str) -> Value {
        json!({
            "type": "message",
            "id": format!("msg_{}", self.id),
            "role": "assistant",
            "status": "completed",
            "content": [part(text)],
        })
    }

    fn called(&self, call: &Call) -> Value {
        let call_id = format!("call_{}", self.id);
        let (kind, prefix, field, input) = match &call.input {
            Input::Arguments(arguments) => {
                ("function_call", "fc", "arguments", arguments.to_string())
            }
            Input::Text(text) => ("custom_tool_call", "ctc", "input", text.clone()),
        };
        json!({
            "type": kind,
            "id": format!("{prefix}_{}", self.id),
            "call_id": call_id,
            "name": call.name,
            "status": "completed",
            field: input,
        })
    }

    fn place_of_text(&self) -> Value {
        let id = format!("msg_{}", self.id);
        json!({"output_index": 0, "content_index": 0, "item_id": id})
    }
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn with(mut fields: Value, name: &str, value: Value) -> Value {
    fields[name] = value;
    fields
}
