//! Brings the bodies of four interfaces into one form.

use serde_json::Value;

/// An interface that agents speak to models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Gemini.
    Gemini,
}

/// One request to a model.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) api: Api,
    pub(super) model: String,
    pub(super) streams: bool,
    pub(super) talk: Vec<Said>,
    pub(super) tools: Vec<Tool>,
    /// The schema the answer must have.
    pub(super) format: Option<Value>,
}

/// Something said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) who: Who,
    pub(super) text: String,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The person, or the agent in their name.
    User,
    /// The model.
    Agent,
    /// A tool: its result.
    Tool,
    /// The agent's instructions.
    System,
}

/// A tool the agent offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
    /// Takes plain text in place of JSON (of Responses).
    pub(super) is_custom: bool,
}

impl Request {
    /// Reads a body. `streams` is what the address says, where the body does not.
    pub(super) fn read(api: Api, body: &Value, streams: bool) -> Self {
        let (talk, tools) = match api {
            Api::Anthropic => (messages(body), anthropic_tools(body)),
            Api::Chat => (messages(body), chat_tools(body)),
            Api::Responses => (responses_talk(body), responses_tools(body)),
            Api::Gemini => (gemini_talk(body), gemini_tools(body)),
        };
        Self {
            api,
            model: text_at(body, "model").unwrap_or_else(|| "fake-model".to_owned()),
            streams: streams || body["stream"] == true,
            talk,
            tools,
            format: format(body),
        }
    }

    /// Everything somebody said.
    pub(super) fn said_by(&self, who: Who) -> Vec<String> {
        let said = self.talk.iter().filter(|said| said.who == who);
        said.map(|said| said.text.clone()).collect()
    }

    /// The last thing said by somebody.
    pub(super) fn last(&self, who: Who) -> Option<&str> {
        let last = self.talk.iter().rfind(|said| said.who == who);
        last.map(|said| said.text.as_str())
    }
}

fn who(role: &Value) -> Who {
    match role.as_str() {
        Some("assistant" | "model") => Who::Agent,
        Some("tool") => Who::Tool,
        Some("system" | "developer") => Who::System,
        _ => Who::User,
    }
}

/// Anthropic and Chat: a message has a role and parts; of Anthropic, results of tools are parts.
fn messages(body: &Value) -> Vec<Said> {
    let mut talk = Vec::new();
    for message in items(&body["messages"]) {
        let role = who(&message["role"]);
        let Value::Array(parts) = &message["content"] else {
            talk.push(said(role, text(&message["content"])));
            continue;
        };
        let of_anthropic = parts.iter().any(|part| part["type"] == "tool_result");
        if role != Who::Tool && (of_anthropic || parts.len() > 1) {
            talk.extend(parts.iter().map(|part| match part["type"].as_str() {
                Some("tool_result") => said(Who::Tool, text(&part["content"])),
                _ => said(role, text(part)),
            }));
        } else {
            talk.push(said(role, text(&message["content"])));
        }
    }
    talk
}

fn responses_talk(body: &Value) -> Vec<Said> {
    if let Value::String(input) = &body["input"] {
        return vec![said(Who::User, input.clone())];
    }
    let read = |item: &Value| match item["type"].as_str() {
        None | Some("message") => Some(said(who(&item["role"]), text(&item["content"]))),
        Some(kind) if kind.ends_with("_output") => Some(said(Who::Tool, text(&item["output"]))),
        Some(_) => None,
    };
    items(&body["input"]).iter().filter_map(read).collect()
}

fn gemini_talk(body: &Value) -> Vec<Said> {
    let mut talk = Vec::new();
    for message in items(&body["contents"]) {
        let role = who(&message["role"]);
        for part in items(&message["parts"]) {
            if let Some(result) = part.get("functionResponse") {
                talk.push(said(Who::Tool, result["response"].to_string()));
            } else if let Some(text) = text_at(part, "text") {
                talk.push(said(role, text));
            }
        }
    }
    talk
}

fn anthropic_tools(body: &Value) -> Vec<Tool> {
    let tools = items(&body["tools"]).iter();
    tools
        .filter_map(|tool| function(tool, "input_schema"))
        .collect()
}

fn chat_tools(body: &Value) -> Vec<Tool> {
    let tools = items(&body["tools"]).iter();
    tools
        .filter_map(|tool| function(&tool["function"], "parameters"))
        .collect()
}

/// Tools of Responses may lie in namespaces.
fn responses_tools(body: &Value) -> Vec<Tool> {
    let mut found = Vec::new();
    for tool in items(&body["tools"]) {
        if tool["type"] == "namespace" {
            found.extend(
                items(&tool["tools"])
                    .iter()
                    .filter_map(|tool| function(tool, "parameters")),
            );
        } else {
            found.extend(function(tool, "parameters"));
        }
    }
    found
}

fn gemini_tools(body: &Value) -> Vec<Tool> {
    let declared = items(&body["tools"]).iter();
    let functions = declared.flat_map(|tool| items(&tool["functionDeclarations"]));
    let read = |tool| function(tool, "parametersJsonSchema").filter(|tool| tool.schema.is_object());
    functions
        .filter_map(|tool| read(tool).or_else(|| function(tool, "parameters")))
        .collect()
}

fn function(tool: &Value, schema: &str) -> Option<Tool> {
    Some(Tool {
        name: text_at(tool, "name")?,
        schema: tool[schema].clone(),
        is_custom: tool["type"] == "custom",
    })
}

fn format(body: &Value) -> Option<Value> {
    let places = [
        &body["generationConfig"]["responseJsonSchema"],
        &body["generationConfig"]["responseSchema"],
        &body["output_config"]["format"]["schema"],
        &body["text"]["format"]["schema"],
        &body["response_format"]["json_schema"]["schema"],
    ];
    places
        .into_iter()
        .find(|schema| schema.is_object())
        .cloned()
}

fn said(who: Who, text: String) -> Said {
    Said { who, text }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text_at(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

/// The text in whatever a part is wrapped in.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().map(text).collect();
            parts.join("\n")
        }
        Value::Object(part) => {
            let names = ["text", "content", "output", "input_text"];
            let inner = names.iter().find_map(|name| part.get(*name));
            inner.map(text).unwrap_or_default()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn talk(api: Api, body: &Value) -> Vec<(Who, String)> {
        let request = Request::read(api, body, false);
        request
            .talk
            .into_iter()
            .map(|said| (said.who, said.text))
            .collect()
    }

    fn expected() -> Vec<(Who, String)> {
        vec![
            (Who::User, "go".to_owned()),
            (Who::Tool, "done".to_owned()),
            (Who::User, "on".to_owned()),
        ]
    }

    #[test]
    fn anthropic_parts_become_what_was_said() {
        let body = json!({"messages": [
            {"role": "user", "content": "go"},
            {"role": "user", "content": [
                {"type": "tool_result", "content": [{"type": "text", "text": "done"}]},
                {"type": "text", "text": "on"},
            ]},
        ]});
        assert_eq!(talk(Api::Anthropic, &body), expected());
    }

    #[test]
    fn chat_messages_become_what_was_said() {
        let body = json!({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "go"}]},
            {"role": "tool", "content": "done"},
            {"role": "user", "content": "on"},
        ]});
        assert_eq!(talk(Api::Chat, &body), expected());
    }

    #[test]
    fn responses_items_become_what_was_said() {
        let body = json!({"input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
            {"type": "function_call", "name": "shell"},
            {"type": "function_call_output", "output": "done"},
            {"role": "user", "content": "on"},
        ]});
        assert_eq!(talk(Api::Responses, &body), expected());
    }

    #[test]
    fn tools_are_found_wherever_an_interface_has_them() {
        let schema = json!({"type": "object"});
        let bodies = [
            (
                Api::Anthropic,
                json!({"tools": [{"name": "t", "input_schema": schema}]}),
            ),
            (
                Api::Chat,
                json!({"tools": [{"function": {"name": "t", "parameters": schema}}]}),
            ),
            (
                Api::Responses,
                json!({"tools": [{"type": "namespace", "tools": [{"name": "t", "parameters": schema}]}]}),
            ),
            (
                Api::Gemini,
                json!({"tools": [{"functionDeclarations": [{"name": "t", "parametersJsonSchema": schema}]}]}),
            ),
        ];
        for (api, body) in bodies {
            let tools = Request::read(api, &body, false).tools;
            let names: Vec<_> = tools
                .iter()
                .map(|tool| (tool.name.as_str(), &tool.schema))
                .collect();
            assert_eq!(names, [("t", &schema)], "{api:?}");
        }
    }
}
