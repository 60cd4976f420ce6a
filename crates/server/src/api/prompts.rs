//! Prompts of an agent: queue, look, change, remove.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use offshoot_protocol::limits::INPUT_TEXT_BYTES;
use offshoot_protocol::prompt::{PromptBody, PromptText, PromptsBody};
use offshoot_protocol::{ErrorCode, Problem, PromptId, WorkerId};

use super::workers::idempotency_key;
use super::{DONE, Done};
use crate::extract::{ApiJson, LoneWorkerPath, PromptPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Lists the prompts of an agent: those that wait or are typed after the newest that are settled.
#[utoipa::path(
    get, path = "/api/workers/{id}/prompts", operation_id = "prompts_list", tag = "prompts",
    params(("id" = WorkerId, Path, description = "The worker")),
    responses((status = 200, body = PromptsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    LoneWorkerPath(worker): LoneWorkerPath,
) -> ApiResult<ApiJson<PromptsBody>> {
    let prompts = app.engine.prompts(worker).await?;
    Ok(ApiJson(PromptsBody { prompts }))
}

/// Queues a prompt. It is typed when the agent is ready, once.
#[utoipa::path(
    post, path = "/api/workers/{id}/prompts", operation_id = "prompts_create", tag = "prompts",
    params(
        ("id" = WorkerId, Path, description = "The worker"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same prompt is queued once per key"),
    ),
    request_body = PromptText,
    responses((status = 201, body = PromptBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    LoneWorkerPath(worker): LoneWorkerPath,
    headers: HeaderMap,
    ApiJson(body): ApiJson<PromptText>,
) -> ApiResult<(StatusCode, ApiJson<PromptBody>)> {
    let key = idempotency_key(&headers)?;
    refuse_large(&body.text)?;
    let queued = app.engine.queue_prompt(worker, &body.text, key).await;
    let (prompt, duplicate) = queued?;
    let body = PromptBody { prompt, duplicate };
    Ok((StatusCode::CREATED, ApiJson(body)))
}

/// Shows one prompt.
#[utoipa::path(
    get, path = "/api/workers/{id}/prompts/{prompt}", operation_id = "prompts_get", tag = "prompts",
    params(
        ("id" = WorkerId, Path, description = "The worker"),
        ("prompt" = PromptId, Path, description = "The prompt"),
    ),
    responses((status = 200, body = PromptBody), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    PromptPath(worker, prompt): PromptPath,
) -> ApiResult<ApiJson<PromptBody>> {
    let prompt = app.engine.prompt(worker, prompt).await?;
    Ok(body_of(prompt))
}

/// Changes the text of a prompt that waits.
#[utoipa::path(
    patch, path = "/api/workers/{id}/prompts/{prompt}", operation_id = "prompts_patch", tag = "prompts",
    params(
        ("id" = WorkerId, Path, description = "The worker"),
        ("prompt" = PromptId, Path, description = "The prompt"),
    ),
    request_body = PromptText,
    responses((status = 200, body = PromptBody), (status = "default", body = Problem)),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    PromptPath(worker, prompt): PromptPath,
    ApiJson(body): ApiJson<PromptText>,
) -> ApiResult<ApiJson<PromptBody>> {
    refuse_large(&body.text)?;
    let prompt = app.engine.change_prompt(worker, prompt, body.text).await?;
    Ok(body_of(prompt))
}

/// Removes a prompt that waits.
#[utoipa::path(
    delete, path = "/api/workers/{id}/prompts/{prompt}", operation_id = "prompts_delete", tag = "prompts",
    params(
        ("id" = WorkerId, Path, description = "The worker"),
        ("prompt" = PromptId, Path, description = "The prompt"),
    ),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    PromptPath(worker, prompt): PromptPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.remove_prompt(worker, prompt).await?;
    Ok(DONE)
}

fn body_of(prompt: offshoot_protocol::prompt::Prompt) -> ApiJson<PromptBody> {
    ApiJson(PromptBody {
        prompt,
        duplicate: false,
    })
}

fn refuse_large(text: &str) -> ApiResult<()> {
    if text.len() > INPUT_TEXT_BYTES {
        let detail = format!("the text is larger than {INPUT_TEXT_BYTES} bytes");
        return Err(ApiError::new(ErrorCode::TooLarge, detail));
    }
    Ok(())
}
