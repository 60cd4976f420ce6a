//! A client of the server's HTTP interface.
//!
//! Owns finding the server (`<home>/server.json`, `<home>/cli-token`) and turning every failure
//! into a sentence: a server that is not there, a refusal with its reason. Decides nothing.

use std::path::Path;

use anyhow::{Context as _, Result};
use offshoot_protocol::rest::{RepositoriesBody, SessionsBody};
use offshoot_protocol::view::{Repository, Session};
use offshoot_protocol::{Problem, RepositoryId, SessionId, WorkerId};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Settings;
use crate::failure::Failure;

/// What a running server says about itself in `<home>/server.json`.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub(crate) struct ServerFile {
    /// Its address, without a trailing slash.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
    /// The address for browsers, where it is another one: with TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<String>,
}

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    page: String,
    token: Option<String>,
}

impl Client {
    /// Finds the server: the configured one, else the one of the data directory.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(settings: &Settings) -> Result<Self> {
        let home = settings.home()?;
        let (base, page) = match settings.text("server") {
            Some(url) => (url.trim_end_matches('/').to_owned(), None),
            None => {
                let found = server_file(&home)?;
                (found.url, found.page)
            }
        };
        let own = || std::fs::read_to_string(home.join("cli-token")).ok();
        let token = settings.text("token").map(str::to_owned).or_else(own);
        Ok(Self {
            http: reqwest::Client::builder().build()?,
            page: page.unwrap_or_else(|| base.clone()),
            base,
            token: token.map(|token| token.trim().to_owned()),
        })
    }

    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The server's address for browsers.
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// The credential, when there is one.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// All registered repositories.
    pub(crate) async fn repositories(&self) -> Result<Vec<Repository>> {
        let body: RepositoriesBody = self.get("/api/repositories").await?;
        Ok(body.repositories)
    }

    /// Finds a registered repository by a path in it, its name or its id.
    pub(crate) async fn repository_at(&self, path: &Path) -> Result<Repository> {
        let all = self.repositories().await?;
        let wanted = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let id = path
            .to_str()
            .and_then(|text| text.parse::<RepositoryId>().ok());
        let is_it = |one: &Repository| {
            Some(one.id) == id || wanted.starts_with(&one.path) || path.to_str() == Some(&one.name)
        };
        let mut found: Vec<_> = all.into_iter().filter(is_it).collect();
        // A repository inside of another: the inner one is meant.
        found.sort_by_key(|one| one.path.len());
        let none = || Failure::Name(format!("no registered repository is at {}", path.display()));
        Ok(found.pop().ok_or_else(none)?)
    }

    /// All sessions.
    pub(crate) async fn sessions(&self) -> Result<Vec<Session>> {
        let body: SessionsBody = self.get("/api/sessions").await?;
        Ok(body.sessions)
    }

    /// `GET`, with a JSON answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        json(self.send(self.request(Method::GET, path)).await?).await
    }

    /// `POST` of a JSON body, with a JSON answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        json(
            self.send(self.request(Method::POST, path).json(body))
                .await?,
        )
        .await
    }

    /// `PATCH` with a JSON body and a JSON answer.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        json(
            self.send(self.request(Method::PATCH, path).json(body))
                .await?,
        )
        .await
    }

    /// `POST` or `DELETE` without a body, with an answer nobody reads.
    pub(crate) async fn act(&self, method: Method, path: &str) -> Result<()> {
        self.send(self.request(method, path)).await.map(drop)
    }

    /// A request with the credential.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; anything but success is an error with the server's own sentence.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let answer = request.send().await.map_err(|err| self.unreachable(err))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.text().await.unwrap_or_default();
        if let Ok(problem) = serde_json::from_str::<Problem>(&text) {
            if status == StatusCode::UNAUTHORIZED {
                return Err(self.no_credential(&problem.detail));
            }
            return Err(Failure::Refused(problem).into());
        }
        anyhow::bail!("{} answered {status} without saying why: {text}", self.base)
    }

    fn unreachable(&self, err: reqwest::Error) -> anyhow::Error {
        if err.is_connect() {
            return no_server(&format!("no server answers at {}", self.base)).into();
        }
        anyhow::Error::from(err).context(format!("ask {}", self.base))
    }

    fn no_credential(&self, detail: &str) -> anyhow::Error {
        let how = "set OFFSHOOT_TOKEN to a token made with `offshoot token create`, or run this \
                   as the user who runs the server";
        anyhow::anyhow!("{} wants a credential: {detail}\n{how}", self.base)
    }
}

/// Reads what the running server left in its data directory.
pub(crate) fn server_file(home: &Path) -> Result<ServerFile> {
    let file = home.join("server.json");
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_server(&format!("no server runs in {}", home.display())).into());
        }
        Err(err) => return Err(err).with_context(|| format!("read {}", file.display())),
    };
    let mut found: ServerFile =
        serde_json::from_str(&text).with_context(|| format!("read {}", file.display()))?;
    found.url.truncate(found.url.trim_end_matches('/').len());
    Ok(found)
}

fn no_server(what: &str) -> Failure {
    Failure::NoServer(format!("{what}; start it with `offshoot serve`"))
}

async fn json<T: DeserializeOwned>(answer: Response) -> Result<T> {
    let path = answer.url().path().to_owned();
    let bytes = answer.bytes().await?;
    serde_json::from_slice(&bytes).with_context(|| format!("understand the answer of {path}"))
}

/// The path of a worker, or of something below it.
pub(crate) fn worker_path(session: SessionId, worker: WorkerId, rest: &str) -> String {
    format!("/api/sessions/{session}/workers/{worker}{rest}")
}
