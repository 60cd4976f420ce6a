//! Answers to what agents ask.

use axum::extract::State;
use offshoot_protocol::limits::INPUT_TEXT_BYTES;
use offshoot_protocol::request::{Answer, AnswerBody};
use offshoot_protocol::{ErrorCode, Problem, WorkerId};

use crate::extract::{ApiJson, ApiPath};
use crate::problem::{ApiError, ApiResult};
use crate::state::App;

/// Answers a question of an agent, once: a second answer is refused as `already-answered`, one to a
/// question that has changed as `request-changed`. Answers when the effect is seen, or after 5 s.
#[utoipa::path(
    post, path = "/api/workers/{id}/requests/{request}/answer", operation_id = "requests_answer",
    tag = "requests",
    params(
        ("id" = WorkerId, Path, description = "The worker"),
        ("request" = String, Path, description = "The request's id, as in the worker"),
    ),
    request_body = Answer,
    responses((status = 200, body = AnswerBody), (status = "default", body = Problem)),
)]
pub(crate) async fn answer(
    State(app): State<App>,
    ApiPath((worker, request)): ApiPath<(String, String)>,
    ApiJson(body): ApiJson<Answer>,
) -> ApiResult<ApiJson<AnswerBody>> {
    let not_found = |_| ApiError::new(ErrorCode::WorkerNotFound, "Worker not found");
    let worker: WorkerId = worker.parse().map_err(not_found)?;
    if matches!(&body, Answer::Text(text) if text.len() > INPUT_TEXT_BYTES) {
        let detail = format!("the text is larger than {INPUT_TEXT_BYTES} bytes");
        return Err(ApiError::new(ErrorCode::TooLarge, detail));
    }
    let taken = app.engine.answer_request(worker, &request, body).await?;
    Ok(ApiJson(AnswerBody { taken }))
}
