//! Calls of tools, in the words of the agent that offers them.

use serde_json::{Map, Value, json};

use super::conversation::Tool;
use super::script::{Place, Step};

/// A call the model makes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: Input,
}

/// What a call hands over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// Named arguments.
    Arguments(Value),
    /// Plain text.
    Text(String),
}

/// What agents call their shell, the likeliest first.
const SHELLS: [&str; 7] = [
    "bash",
    "run_shell_command",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "execute",
];

/// What they call the tool that writes a file.
const WRITERS: [&str; 4] = ["write", "write_file", "create_file", "apply_patch"];

/// What they call the tool that asks the person.
const QUESTIONS: [&str; 5] = [
    "askuserquestion",
    "ask_user_question",
    "ask_user",
    "question",
    "request_user_input",
];

/// The call a step makes; `None` for steps that make none, or when no such tool is offered.
pub(super) fn call(step: &Step, tools: &[Tool]) -> Option<Call> {
    match step {
        Step::Shell { command, place } => shell(command, *place, tools),
        Step::Write { path, content } => write(path, content, tools),
        Step::Ask { question, options } => ask(question, options, tools),
        Step::Tool { name, arguments } => {
            let offered = pick(tools, &[&name.to_ascii_lowercase()]);
            Some(Call {
                name: offered.map_or(name, |tool| &tool.name).clone(),
                input: Input::Arguments(serde_json::from_str(arguments).ok()?),
            })
        }
        _ => None,
    }
}

fn shell(command: &str, place: Place, tools: &[Tool]) -> Option<Call> {
    let tool = pick(tools, &SHELLS)?;
    let takes_words = tool.schema["properties"]["command"]["type"] == "array";
    let command = match takes_words {
        true => json!(["bash", "-lc", command]),
        false => json!(command),
    };
    let mut given = json!({"command": command, "cmd": command, "description": "Run a command"});
    if place == Place::Outside {
        given["sandbox_permissions"] = json!("require_escalated");
        given["justification"] = json!("Do you want to run this command?");
    }
    Some(arguments(tool, given))
}

fn write(path: &str, content: &str, tools: &[Tool]) -> Option<Call> {
    let Some(tool) = pick(tools, &WRITERS) else {
        // Codex offers no tool for it to a model it does not know, and takes a patch from the shell.
        let patch = format!("apply_patch <<'PATCH'\n{}\nPATCH", patch(path, content));
        return shell(&patch, Place::Usual, tools);
    };
    if tool.name == "apply_patch" {
        let patch = patch(path, content);
        return Some(match tool.is_custom {
            true => Call {
                name: tool.name.clone(),
                input: Input::Text(patch),
            },
            false => arguments(tool, json!({"input": patch, "patchText": patch})),
        });
    }
    let given = json!({"file_path": path, "filePath": path, "path": path, "content": content});
    Some(arguments(tool, given))
}

fn patch(path: &str, content: &str) -> String {
    let lines: Vec<String> = content.lines().map(|line| format!("+{line}")).collect();
    let lines = lines.join("\n");
    format!("*** Begin Patch\n*** Add File: {path}\n{lines}\n*** End Patch")
}

fn ask(question: &str, options: &[String], tools: &[Tool]) -> Option<Call> {
    let tool = pick(tools, &QUESTIONS)?;
    let option = |label: &String| json!({"label": label, "description": format!("Choose {label}")});
    let options: Vec<Value> = options.iter().map(option).collect();
    let asked = json!({
        "question": question,
        "header": "Choice",
        "options": options,
        "multiSelect": false,
        "multiple": false,
        "type": "choice",
        "id": "choice",
    });
    let schema = &tool.schema["properties"]["questions"]["items"];
    Some(arguments(
        tool,
        json!({"questions": [complete(schema, asked)]}),
    ))
}

fn pick<'t>(tools: &'t [Tool], names: &[&str]) -> Option<&'t Tool> {
    let named = |name: &&str| {
        tools
            .iter()
            .find(|tool| tool.name.eq_ignore_ascii_case(name))
    };
    names.iter().find_map(named)
}

fn arguments(tool: &Tool, given: Value) -> Call {
    Call {
        name: tool.name.clone(),
        input: Input::Arguments(complete(&tool.schema, given)),
    }
}

/// Leaves out what a schema does not know and adds a neutral value for what it requires.
fn complete(schema: &Value, given: Value) -> Value {
    let properties = schema["properties"].as_object();
    let mut all: Map<String, Value> = match given {
        Value::Object(given) => given,
        _ => Map::new(),
    };
    if let Some(properties) = properties {
        all.retain(|name, _| properties.contains_key(name));
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !all.contains_key(name) {
            all.insert(name.to_owned(), blank(&schema["properties"][name]));
        }
    }
    Value::Object(all)
}

/// A neutral value of a schema.
pub(super) fn blank(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind.unwrap_or("string").to_ascii_lowercase().as_str() {
        "object" => complete(schema, json!({})),
        "array" => json!([]),
        "boolean" => json!(false),
        "integer" | "number" => json!(1),
        _ => json!("fake"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: Value) -> Tool {
        Tool {
            name: name.to_owned(),
            schema,
            is_custom: false,
        }
    }

    fn arguments_of(step: &Step, tools: &[Tool]) -> (String, Value) {
        match call(step, tools) {
            Some(Call {
                name,
                input: Input::Arguments(arguments),
            }) => (name, arguments),
            other => panic!("{other:?}"),
        }
    }

    fn run(command: &str) -> Step {
        Step::Shell {
            command: command.to_owned(),
            place: Place::Outside,
        }
    }

    #[test]
    fn a_call_has_what_the_schema_requires_and_nothing_it_does_not_know() {
        let schema = json!({
            "properties": {"command": {"type": "string"}, "is_background": {"type": "boolean"}},
            "required": ["command", "is_background"],
        });
        let made = arguments_of(&run("ls"), &[tool("run_shell_command", schema)]);
        let expected = json!({"command": "ls", "is_background": false});
        assert_eq!(made, ("run_shell_command".to_owned(), expected));
    }

    #[test]
    fn a_shell_that_takes_words_gets_words() {
        let schema = json!({"properties": {"command": {"type": "array"}}});
        let made = arguments_of(&run("ls"), &[tool("shell", schema)]);
        assert_eq!(made.1["command"], json!(["bash", "-lc", "ls"]));
    }

    #[test]
    fn a_file_is_written_as_a_patch_where_the_agent_wants_one() {
        let step = Step::Write {
            path: "a.txt".to_owned(),
            content: "one\ntwo\n".to_owned(),
        };
        let patch = "*** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch";
        let mut custom = tool("apply_patch", json!({}));
        custom.is_custom = true;
        assert_eq!(
            call(&step, &[custom]).map(|call| call.input),
            Some(Input::Text(patch.to_owned()))
        );
        let schema = json!({"properties": {"cmd": {"type": "string"}}});
        let through_shell = arguments_of(&step, &[tool("exec_command", schema)]).1;
        assert_eq!(
            through_shell["cmd"],
            format!("apply_patch <<'PATCH'\n{patch}\nPATCH")
        );
    }

    #[test]
    fn no_tool_no_call() {
        assert_eq!(call(&run("ls"), &[tool("read", json!({}))]), None);
        assert_eq!(call(&Step::Say("hi".to_owned()), &[]), None);
    }
}
