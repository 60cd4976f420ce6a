//! Messages to workers: forms with files, taken in as they come.
//!
//! A form is read field by field with a piece of it in memory; its files go to disk while they are
//! counted. A form that is refused is read to its end all the same, within bounds: a client that is
//! still sending would not see the answer.

use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use http::{HeaderMap, StatusCode};
use offshoot_engine::{NewMessage, Uploads};
use offshoot_protocol::limits::MESSAGE_UTF16_UNITS;
use offshoot_protocol::message::{MessageBody, MessageForm};
use offshoot_protocol::{ErrorCode, Problem, SessionId, WorkerId};

use super::workers::idempotency_key;
use crate::extract::{ApiJson, SessionPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Bytes of a whole form: the files, the text, and what separates them.
const FORM_BYTES: usize = 12 * 1024 * 1024;

/// Bytes of the text as it comes, blanks around it included; three bytes at the most are one unit.
const CONTENT_BYTES: usize = 4 * MESSAGE_UTF16_UNITS;

/// Bytes of an id.
const ID_BYTES: usize = 100;

/// A form from which nothing comes for so long is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// A refused form is read for so long.
const DRAIN: Duration = Duration::from_secs(10);

/// Delivers a message with files to a worker.
#[utoipa::path(
    post, path = "/api/sessions/{id}/messages", operation_id = "messages_create", tag = "messages",
    params(
        ("id" = SessionId, Path, description = "The session of the worker it goes to"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same message is delivered once per key"),
    ),
    request_body(content = MessageForm, content_type = "multipart/form-data"),
    responses((status = 201, body = MessageBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    SessionPath(session): SessionPath,
    headers: HeaderMap,
    mut request: Request,
) -> ApiResult<(StatusCode, ApiJson<MessageBody>)> {
    let key = idempotency_key(&headers)?.map(str::to_owned);
    DefaultBodyLimit::max(FORM_BYTES).apply(&mut request);
    let mut form = Multipart::from_request(request, &()).await.map_err(|err| {
        let detail = format!("a multipart/form-data body is needed: {}", err.body_text());
        ApiError::new(ErrorCode::InvalidRequest, detail)
    })?;
    let mut draft = Draft::new(app.engine.begin_uploads());
    if let Err(refused) = draft.read(&app, session, &mut form).await {
        // Nothing of it is kept while the rest goes by.
        drop(draft);
        let _ = tokio::time::timeout(DRAIN, drain(&mut form)).await;
        return Err(refused);
    }
    let (message, uploads) = draft.finish(key)?;
    let message = app.engine.send_message(session, message, uploads).await?;
    Ok((StatusCode::CREATED, ApiJson(MessageBody { message })))
}

/// What has come of a form so far.
struct Draft {
    to: Option<String>,
    from: Option<String>,
    content: String,
    uploads: Uploads,
}

impl Draft {
    fn new(uploads: Uploads) -> Self {
        Self {
            to: None,
            from: None,
            content: String::new(),
            uploads,
        }
    }

    async fn read(&mut self, app: &App, session: SessionId, form: &mut Multipart) -> ApiResult<()> {
        app.engine.session(session)?;
        while let Some(mut field) = in_time(form.next_field()).await? {
            match field.name().unwrap_or_default() {
                "toWorkerId" => {
                    let to = text(&mut field, "toWorkerId", ID_BYTES).await?;
                    // Refused before the files come, when it comes before them as it mostly does.
                    app.engine.check_message_target(session, worker_id(&to)?)?;
                    self.to = Some(to);
                }
                "fromWorkerId" => {
                    self.from = Some(text(&mut field, "fromWorkerId", ID_BYTES).await?);
                }
                "content" => self.content = text(&mut field, "content", CONTENT_BYTES).await?,
                "files" => self.file(&mut field).await?,
                _ => while in_time(field.chunk()).await?.is_some() {},
            }
        }
        Ok(())
    }

    async fn file(&mut self, field: &mut Field<'_>) -> ApiResult<()> {
        let name = field.file_name().unwrap_or_default().to_owned();
        let mut chunk = in_time(field.chunk()).await?;
        if name.is_empty() && chunk.is_none() {
            // What browsers send for a file field that was left empty.
            return Ok(());
        }
        self.uploads.begin(&name).await?;
        while let Some(bytes) = chunk {
            self.uploads.write(&bytes).await?;
            chunk = in_time(field.chunk()).await?;
        }
        Ok(self.uploads.end().await?)
    }

    fn finish(self, key: Option<String>) -> ApiResult<(NewMessage, Uploads)> {
        let to = self.to.unwrap_or_default();
        if to.trim().is_empty() {
            return Err(ApiError::invalid("toWorkerId", "is required"));
        }
        let from = self.from.filter(|from| !matches!(from.trim(), "" | "user"));
        let from = from.map(|from| {
            let parsed = from.trim().parse();
            parsed.map_err(|_| ApiError::invalid("fromWorkerId", "is no worker's id"))
        });
        let message = NewMessage {
            to: worker_id(&to)?,
            from: from.transpose()?,
            content: self.content,
            key,
        };
        Ok((message, self.uploads))
    }
}

fn worker_id(text: &str) -> ApiResult<WorkerId> {
    if text.trim().is_empty() {
        return Err(ApiError::invalid("toWorkerId", "is required"));
    }
    let id = text.trim().parse();
    id.map_err(|_| offshoot_engine::EngineError::NotDelivered.into())
}

/// Reads a field that is a short text.
async fn text(field: &mut Field<'_>, name: &str, max: usize) -> ApiResult<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk()).await? {
        if bytes.len() + chunk.len() > max {
            return Err(ApiError::invalid(name, "is too long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::invalid(name, "is not UTF-8"))
}

/// Waits for the next piece of the form.
async fn in_time<T>(piece: impl Future<Output = Result<T, MultipartError>>) -> ApiResult<T> {
    match tokio::time::timeout(SILENCE, piece).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(err)) if err.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Uploads::too_large().into())
        }
        Ok(Err(err)) => {
            let detail = format!("read the form: {}", err.body_text());
            Err(ApiError::new(ErrorCode::InvalidRequest, detail))
        }
        Err(_) => {
            let detail = "the form did not arrive in time";
            Err(ApiError::new(ErrorCode::InvalidRequest, detail))
        }
    }
}

/// Takes in the rest of a form and forgets it, up to its limit.
async fn drain(form: &mut Multipart) {
    while let Ok(Some(mut field)) = form.next_field().await {
        while let Ok(Some(_)) = field.chunk().await {}
    }
}
