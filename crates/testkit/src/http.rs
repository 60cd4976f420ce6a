//! A client of the server's HTTP interface, for tests.

use anyhow::{Context as _, Result, bail};
use offshoot_protocol::rest::{Place, Run, SessionBody, StartSession};
use offshoot_protocol::view::{ProcessState, Session, Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::PATIENCE;

/// A client with or without a credential.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Http {
    /// A client of the server at an address.
    pub fn new(base: &str, token: Option<&str>) -> Self {
        Self {
            client: reqwest::Client::new(),
            base: base.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    /// A request, with the credential.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and returns the status and the body, `Null` when it is no JSON.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn answer(&self, request: RequestBuilder) -> Result<(StatusCode, Value)> {
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        Ok((
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        ))
    }

    /// `GET` with a JSON answer.
    ///
    /// # Errors
    /// The server does not answer, refuses, or answers something else.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.expect(self.request(Method::GET, path)).await
    }

    /// `POST` of a JSON body with a JSON answer.
    ///
    /// # Errors
    /// The server does not answer, refuses, or answers something else.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.expect(self.request(Method::POST, path).json(body))
            .await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let (status, body) = self.answer(self.request(Method::DELETE, path)).await?;
        if !status.is_success() {
            bail!("DELETE {path}: {status} {body}");
        }
        Ok(())
    }

    async fn expect<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let (status, body) = self.answer(request).await?;
        if !status.is_success() {
            bail!("{status} {body}");
        }
        serde_json::from_value(body).context("understand the answer")
    }

    /// Starts a session that runs a command template in a directory itself.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn run_in(&self, path: &str, command: &str, prompt: Option<&str>) -> Result<Session> {
        let run = Run::Command {
            command: command.to_owned(),
        };
        self.start(path, Place::Directory, run, prompt).await
    }

    /// Starts a session.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn start(
        &self,
        path: &str,
        place: Place,
        run: Run,
        prompt: Option<&str>,
    ) -> Result<Session> {
        let body = StartSession {
            path: path.to_owned(),
            place,
            run,
            prompt: prompt.map(str::to_owned),
            title: None,
        };
        let body: SessionBody = self.post("/api/sessions/start", &body).await?;
        Ok(body.session)
    }

    /// A session as it is now.
    ///
    /// # Errors
    /// The server does not answer or does not know it.
    pub async fn session(&self, id: SessionId) -> Result<Session> {
        let body: SessionBody = self.get(&format!("/api/sessions/{id}")).await?;
        Ok(body.session)
    }

    /// Waits until the process of a worker is in a state, and returns the worker.
    ///
    /// # Errors
    /// It never is.
    pub async fn wait_for_state(
        &self,
        session: SessionId,
        worker: WorkerId,
        state: ProcessState,
    ) -> Result<Worker> {
        let begin = tokio::time::Instant::now();
        loop {
            let found = self.session(session).await?;
            let found = found.workers.into_iter().find(|found| found.id == worker);
            let found = found.context("the worker is gone")?;
            if found
                .process
                .as_ref()
                .is_some_and(|process| process.state == state)
            {
                return Ok(found);
            }
            if begin.elapsed() > PATIENCE {
                bail!("waited in vain for {state:?}; it is {:?}", found.process);
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// The whole kept output of a worker.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn log(&self, session: SessionId, worker: WorkerId) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let from = all.len();
            let path =
                format!("/api/sessions/{session}/workers/{worker}/log?from={from}&len=4194304");
            let answer = self
                .request(Method::GET, &path)
                .send()
                .await?
                .error_for_status()?;
            let end = answer
                .headers()
                .get("offshoot-end-offset")
                .and_then(|end| end.to_str().ok()?.parse::<u64>().ok())
                .context("the answer names no end")?;
            let bytes = answer.bytes().await?;
            all.extend_from_slice(&bytes);
            if bytes.is_empty() || all.len() as u64 >= end {
                return Ok(all);
            }
        }
    }
}

/// The first worker of a session that has a terminal.
///
/// # Panics
/// There is none.
pub fn first_worker(session: &Session) -> &Worker {
    let mut workers = session.workers.iter();
    workers
        .find(|worker| worker.kind != WorkerKind::GitDiff)
        .expect("the session has a worker with a terminal")
}
