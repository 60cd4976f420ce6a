//! The listener: which request is which, and the log.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result as Anyhow;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::answer::voice;
use super::conversation::{Api, Request, Who};
use super::script::{self, Step};
use super::speech::{Gates, Plan, speak, whole};
use super::tools;

/// Events an agent may be behind; more wait until it reads.
const AHEAD: usize = 16;

/// What the model was asked, and what became of it.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The number of the request.
    pub request: usize,
    /// When it came, in seconds since 1970.
    pub at: f64,
    /// How the agent asked.
    pub api: Api,
    /// Whom it asked.
    pub model: String,
    /// The first word of the step that answered.
    pub step: String,
    /// Names of the tools it offered; side requests offer none.
    pub tools: Vec<String>,
    /// The last prompt, as it arrived.
    pub prompt: String,
    /// The last result of a tool.
    pub result: Option<String>,
    /// Everything the person said in this conversation, as far as the agent sent it along.
    pub said: Vec<String>,
    /// How it ended; `None` while it is answered.
    pub end: Option<End>,
    /// When it ended, in seconds since 1970.
    pub ended_at: Option<f64>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// All of it was said.
    Said,
    /// The agent hung up before.
    HungUp,
}

/// A running model, ended when dropped.
#[derive(Debug)]
pub struct FakeModel {
    shared: Arc<Shared>,
    address: SocketAddr,
    listener: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    log: Mutex<Vec<Entry>>,
    gates: Gates,
    /// How often each script failed on purpose.
    failures: Mutex<HashMap<String, u32>>,
}

impl FakeModel {
    /// Listens on loopback; port 0 is any free one.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn start(port: u16) -> Anyhow<Self> {
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let router = router(Arc::clone(&shared));
        let listener = tokio::spawn(async move {
            // It fails only when the listener does, and then every request tells.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            shared,
            address,
            listener,
        })
    }

    /// Where it listens, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Everything it was asked, the oldest first.
    pub fn log(&self) -> Vec<Entry> {
        locked(&self.shared.log).clone()
    }

    /// Lets everybody pass a gate, now and later.
    pub fn release(&self, gate: &str) {
        self.shared.gates.open(gate);
    }

    /// Waits until the listener ends, which it does only by failing.
    pub async fn serve(mut self) {
        let _ = (&mut self.listener).await;
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Shared {
    /// Logs a request and returns its number.
    fn begin(&self, request: &Request, step: &Step) -> usize {
        let mut log = locked(&self.log);
        let number = log.len();
        log.push(Entry {
            request: number,
            at: now(),
            api: request.api,
            model: request.model.clone(),
            step: step.verb().to_owned(),
            tools: request.tools.iter().map(|tool| tool.name.clone()).collect(),
            prompt: request.last(Who::User).unwrap_or_default().to_owned(),
            result: request.last(Who::Tool).map(str::to_owned),
            said: request.said_by(Who::User),
            end: None,
            ended_at: None,
        });
        number
    }

    fn end(&self, number: usize, end: End) {
        if let Some(entry) = locked(&self.log).get_mut(number) {
            entry.end = Some(end);
            entry.ended_at = Some(now());
        }
    }

    /// Whether a step that fails the first times fails once more.
    fn fails(&self, script: &str, times: Option<u32>) -> bool {
        let Some(times) = times else {
            return true;
        };
        let mut failures = locked(&self.failures);
        let failed = failures.entry(script.to_owned()).or_default();
        *failed += 1;
        *failed <= times
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.unwrap_or_default().as_secs_f64()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_fake/log", get(log))
        .route("/_fake/release/{gate}", post(release))
        .fallback(ask)
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn log(State(shared): State<Arc<Shared>>) -> Json<Vec<Entry>> {
    Json(locked(&shared.log).clone())
}

async fn release(State(shared): State<Arc<Shared>>, Path(gate): Path<String>) -> Json<Value> {
    shared.gates.open(&gate);
    Json(json!({"released": gate}))
}

/// Everything else is of an interface, told by the end of its address.
async fn ask(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path();
    if method != Method::POST {
        return about(path);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "The body is no JSON");
    };
    if path.ends_with("/count_tokens") || path.ends_with(":countTokens") {
        return Json(json!({"input_tokens": 10, "totalTokens": 10})).into_response();
    }
    let (api, streams) = if path.ends_with("/messages") {
        (Api::Anthropic, false)
    } else if path.ends_with("/chat/completions") {
        (Api::Chat, false)
    } else if path.ends_with("/responses") {
        (Api::Responses, false)
    } else if path.ends_with(":generateContent") {
        (Api::Gemini, false)
    } else if path.ends_with(":streamGenerateContent") {
        (Api::Gemini, true)
    } else {
        return refusal(StatusCode::NOT_FOUND, "Nothing is here");
    };
    answer(shared, Request::read(api, &body, streams)).await
}

/// Answers questions about the server itself: which models there are.
fn about(path: &str) -> Response {
    if !path.trim_end_matches('/').ends_with("/models") {
        return refusal(StatusCode::NOT_FOUND, "Nothing is here");
    }
    let model = json!({
        "id": "fake-model",
        "object": "model",
        "type": "model",
        "display_name": "fake-model",
        "created": 1,
        "owned_by": "fake",
        "name": "models/fake-model",
    });
    Json(json!({"object": "list", "data": [model], "models": [], "has_more": false}))
        .into_response()
}

async fn answer(shared: Arc<Shared>, request: Request) -> Response {
    let (step, script) = match request.tools.is_empty() {
        true => (aside(&request), ""),
        false => script::next(&request.talk),
    };
    let number = shared.begin(&request, &step);
    if let Step::Error { status, times } = step
        && shared.fails(script, times)
    {
        shared.end(number, End::Said);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return refusal(status, "Fake failure on purpose");
    }
    let plan = Plan::of(&step, &request.tools);
    let voice = voice(&request);
    if !request.streams {
        let whole = whole(&shared.gates, plan).await;
        shared.end(number, End::Said);
        return Json(voice.whole(&whole)).into_response();
    }
    let (events, stream) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let said = speak(&shared.gates, plan, voice, &events).await;
        shared.end(number, if said.is_ok() { End::Said } else { End::HungUp });
    });
    let stream = unfold(stream, |mut stream| async {
        let event: String = stream.recv().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(stream)).into_response()
}

/// What a request without tools gets: a text in the form it asks for.
fn aside(request: &Request) -> Step {
    Step::Say(match &request.format {
        Some(schema) => tools::blank(schema).to_string(),
        None => "Fake title".to_owned(),
    })
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let error =
        json!({"type": kind, "code": status.as_u16(), "status": "INTERNAL", "message": message});
    (status, Json(json!({"type": "error", "error": error}))).into_response()
}
