//! `offshoot send`: a prompt for an agent, with a receipt; input for a shell.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use offshoot_protocol::prompt::{NOT_RUNNING, PromptBody, PromptState, PromptText};
use offshoot_protocol::rest::{InputReceipt, SendInput};
use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{SessionId, WorkerId};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use crate::args::Send;
use crate::client::{Client, worker_path};
use crate::failure::Failure;
use crate::pick;

/// How often a server that is away is asked again: it may be restarting.
const TRIES: u32 = 20;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Types text into a worker. The key makes a repeated try harmless, so a server that goes away
/// in between is asked again.
pub(crate) async fn run(client: &Client, args: Send) -> Result<()> {
    let text = if args.files.is_empty() || !args.text.is_empty() {
        text(&args)?
    } else {
        String::new()
    };
    let sessions = client.sessions().await?;
    let target = pick::find(&sessions, &args.name)?;
    if !args.files.is_empty() {
        return message(client, target.session.id, target.worker()?.id, text, &args).await;
    }
    let worker = target.worker()?;
    let submit = !args.no_enter;
    let key = args.key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    if worker.kind == WorkerKind::Agent && submit {
        return prompt(client, worker.id, text, &key, args.no_wait).await;
    }
    let path = worker_path(target.session.id, worker.id, "/input");
    let body = SendInput { text, submit };
    let request = || client.request(Method::POST, &path).json(&body);
    let receipt: InputReceipt = ask(client, || request().header("Idempotency-Key", &key)).await?;
    if receipt.duplicate {
        eprintln!("this text was typed before; it was not typed again");
    }
    Ok(())
}

/// Queues a prompt and waits until the agent has taken it.
async fn prompt(
    client: &Client,
    worker: WorkerId,
    text: String,
    key: &str,
    no_wait: bool,
) -> Result<()> {
    let path = format!("/api/workers/{worker}/prompts");
    let body = PromptText { text };
    let request = || client.request(Method::POST, &path).json(&body);
    let queued: PromptBody = ask(client, || request().header("Idempotency-Key", key)).await?;
    if queued.duplicate {
        eprintln!("this prompt was queued before; it is typed once");
    }
    if no_wait {
        println!("{}", queued.prompt.id);
        return Ok(());
    }
    let path = format!("{path}/{}", queued.prompt.id);
    let mut told = None;
    loop {
        let PromptBody { prompt, .. } = ask(client, || client.request(Method::GET, &path)).await?;
        let reason = prompt.reason.unwrap_or_default();
        match prompt.state {
            PromptState::Accepted => return Ok(()),
            PromptState::Failed => bail!("the prompt was not delivered: {reason}"),
            PromptState::Queued if reason == NOT_RUNNING => {
                bail!("the prompt waits: the agent does not run; restart it, or resume its session")
            }
            PromptState::Queued if !reason.is_empty() && told.as_ref() != Some(&reason) => {
                eprintln!("queued: {reason}");
                told = Some(reason);
            }
            PromptState::Queued | PromptState::Typing | PromptState::Typed => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks until a server answers: it may be restarting.
async fn ask<T: DeserializeOwned>(
    client: &Client,
    request: impl Fn() -> RequestBuilder,
) -> Result<T> {
    for tries_left in (0..TRIES).rev() {
        match client.send(request()).await {
            Ok(answer) => return Ok(answer.json().await?),
            Err(err) if tries_left > 0 && is_away(&err) => tokio::time::sleep(PAUSE).await,
            Err(err) => return Err(err),
        }
    }
    unreachable!("the last try returns")
}

/// Sends text and files as one message. The worker that this runs in, if any, is its sender.
async fn message(
    client: &Client,
    session: SessionId,
    to: WorkerId,
    text: String,
    args: &Send,
) -> Result<()> {
    let mut form = Form::new()
        .text("toWorkerId", to.to_string())
        .text("content", text);
    if let Ok(from) = std::env::var("OFFSHOOT_WORKER_ID") {
        form = form.text("fromWorkerId", from);
    }
    for path in &args.files {
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        let part = Part::bytes(bytes).file_name(name.to_string_lossy().into_owned());
        form = form.part("files", part);
    }
    let path = format!("/api/sessions/{session}/messages");
    let mut request = client.request(Method::POST, &path).multipart(form);
    if let Some(key) = &args.key {
        request = request.header("Idempotency-Key", key);
    }
    client.send(request).await.map(drop)
}

fn is_away(err: &anyhow::Error) -> bool {
    let no_server = matches!(err.downcast_ref(), Some(Failure::NoServer(_)));
    let broken = err.downcast_ref::<reqwest::Error>();
    no_server || broken.is_some_and(|err| err.is_request() || err.is_body())
}

fn text(args: &Send) -> Result<String> {
    if !args.text.is_empty() {
        return Ok(args.text.join(" "));
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("read the text from standard input")?;
    if !args.no_enter {
        // Enter is pressed anyway; a final line feed of a file is not a second one.
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
    }
    if text.is_empty() {
        bail!("there is nothing to send: give a text, or pipe one in");
    }
    Ok(text)
}
