//! The model over HTTP, as an agent asks it.

use anyhow::{Context as _, Result};
use reqwest::Client;
use serde_json::{Value, json};

use super::{Api, End, FakeModel};
use crate::wait_for;

const APIS: [Api; 4] = [Api::Anthropic, Api::Chat, Api::Responses, Api::Gemini];

/// The address and the body of a request with a prompt and a shell.
fn request(api: Api, prompt: &str, streams: bool) -> (&'static str, Value) {
    let schema = json!({"properties": {"command": {"type": "string"}}, "required": ["command"]});
    let message = json!([{"role": "user", "content": prompt}]);
    match api {
        Api::Anthropic => (
            "/v1/messages",
            json!({"stream": streams, "messages": message, "tools": [{"name": "Bash", "input_schema": schema}]}),
        ),
        Api::Chat => (
            "/v1/chat/completions",
            json!({"stream": streams, "messages": message, "tools": [{"function": {"name": "bash", "parameters": schema}}]}),
        ),
        Api::Responses => (
            "/v1/responses",
            json!({"stream": streams, "input": message, "tools": [{"type": "function", "name": "shell", "parameters": schema}]}),
        ),
        Api::Gemini => (
            match streams {
                true => "/v1beta/models/fake-model:streamGenerateContent",
                false => "/v1beta/models/fake-model:generateContent",
            },
            json!({
                "contents": [{"role": "user", "parts": [{"text": prompt}]}],
                "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": schema}]}],
            }),
        ),
    }
}

async fn ask(
    model: &FakeModel,
    api: Api,
    prompt: &str,
    streams: bool,
) -> Result<reqwest::Response> {
    let (path, body) = request(api, prompt, streams);
    let url = format!("{}{path}", model.url());
    Ok(Client::new().post(url).json(&body).send().await?)
}

/// The data of each event of a stream.
fn events(stream: &str) -> Vec<Value> {
    let lines = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// The words in a stream, put together.
fn words(api: Api, stream: &str) -> String {
    let word = |event: &Value| match api {
        Api::Anthropic => event["delta"]["text"].as_str().map(str::to_owned),
        Api::Chat => event["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned),
        Api::Responses if event["type"] == "response.output_text.delta" => {
            event["delta"].as_str().map(str::to_owned)
        }
        Api::Responses => None,
        Api::Gemini => {
            let text = &event["candidates"][0]["content"]["parts"][0]["text"];
            text.as_str().map(str::to_owned)
        }
    };
    events(stream).iter().filter_map(word).collect()
}

#[tokio::test]
async fn every_interface_streams_the_words_of_the_script() -> Result<()> {
    let model = FakeModel::start(0).await?;
    for api in APIS {
        let stream = ask(&model, api, "Please.\n@@ say one\\ntwo é", true).await?;
        assert_eq!(words(api, &stream.text().await?), "one\ntwo é", "{api:?}");
    }
    let prompts: Vec<_> = model.log().into_iter().map(|entry| entry.prompt).collect();
    assert_eq!(prompts, ["Please.\n@@ say one\\ntwo é"; 4]);
    Ok(())
}

#[tokio::test]
async fn every_interface_answers_as_a_whole() -> Result<()> {
    let model = FakeModel::start(0).await?;
    for api in APIS {
        let whole: Value = ask(&model, api, "@@ say hello", false)
            .await?
            .json()
            .await?;
        let text = match api {
            Api::Anthropic => &whole["content"][0]["text"],
            Api::Chat => &whole["choices"][0]["message"]["content"],
            Api::Responses => &whole["output"][0]["content"][0]["text"],
            Api::Gemini => &whole["candidates"][0]["content"]["parts"][0]["text"],
        };
        assert_eq!(text, "hello", "{api:?}: {whole}");
    }
    Ok(())
}

#[tokio::test]
async fn every_interface_calls_the_shell_it_was_offered() -> Result<()> {
    let model = FakeModel::start(0).await?;
    for api in APIS {
        let stream = ask(&model, api, "@@ shell ls", true).await?.text().await?;
        let of_event = |event: &Value| match api {
            Api::Anthropic => event["delta"]["partial_json"].as_str().map(str::to_owned),
            Api::Chat => {
                let function = &event["choices"][0]["delta"]["tool_calls"][0]["function"];
                function["arguments"].as_str().map(str::to_owned)
            }
            Api::Responses if event["type"] == "response.output_item.done" => {
                event["item"]["arguments"].as_str().map(str::to_owned)
            }
            Api::Responses => None,
            Api::Gemini => {
                let call = &event["candidates"][0]["content"]["parts"][0]["functionCall"];
                call.is_object().then(|| call["args"].to_string())
            }
        };
        let arguments = events(&stream).iter().find_map(of_event);
        let arguments = arguments.with_context(|| format!("{api:?}: {stream}"))?;
        let arguments: Value = serde_json::from_str(&arguments)?;
        assert_eq!(arguments, json!({"command": "ls"}), "{api:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_held_answer_goes_on_when_its_gate_is_released() -> Result<()> {
    let model = FakeModel::start(0).await?;
    let mut stream = ask(&model, Api::Chat, "@@ hold door", true).await?;
    let mut text = String::new();
    while !text.contains("holding") {
        let chunk = stream.chunk().await?.context("the stream goes on")?;
        text += &String::from_utf8_lossy(&chunk);
    }
    assert_eq!(model.log()[0].end, None);
    let released = format!("{}/_fake/release/door", model.url());
    assert!(
        Client::new()
            .post(released)
            .send()
            .await?
            .status()
            .is_success()
    );
    text += &stream.text().await?;
    assert_eq!(words(Api::Chat, &text), "holding\n\nreleased.");
    wait_for("the end of the answer", || model.log()[0].end).await?;
    let log: Value = reqwest::get(format!("{}/_fake/log", model.url()))
        .await?
        .json()
        .await?;
    assert_eq!(log[0]["step"], "hold");
    assert_eq!(log[0]["end"], "said");
    Ok(())
}

#[tokio::test]
async fn an_agent_that_hangs_up_is_noticed_at_once() -> Result<()> {
    let model = FakeModel::start(0).await?;
    let stream = ask(&model, Api::Anthropic, "@@ hold never", true).await?;
    drop(stream);
    let end = wait_for("the hangup", || model.log()[0].end).await?;
    assert_eq!(end, End::HungUp);
    Ok(())
}

#[tokio::test]
async fn failures_end_after_as_many_times_as_asked_for() -> Result<()> {
    let model = FakeModel::start(0).await?;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = ask(&model, Api::Responses, "@@ error 529 2", true).await?;
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [529, 529, 200]);
    let answer = ask(&model, Api::Responses, "@@ error 401", true).await?;
    assert_eq!(answer.status(), 401);
    Ok(())
}

#[tokio::test]
async fn side_requests_get_a_text_in_the_form_they_ask_for() -> Result<()> {
    let model = FakeModel::start(0).await?;
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]});
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "@@ shell ls"}]}],
        "generationConfig": {"responseJsonSchema": schema},
    });
    let url = format!("{}/v1beta/models/m:generateContent", model.url());
    let whole: Value = Client::new()
        .post(url)
        .json(&body)
        .send()
        .await?
        .json()
        .await?;
    let text = &whole["candidates"][0]["content"]["parts"][0]["text"];
    assert_eq!(text, "{\"title\":\"fake\"}");
    Ok(())
}
