//! Who is told what outside: Slack per repository, and webhooks.

use axum::extract::State;
use http::StatusCode;
use offshoot_protocol::notification::{
    CreateWebhook, CreatedWebhook, NotificationStatus, PatchWebhook, PutSlack, SlackIntegration,
    WebhookBody, WebhooksBody,
};
use offshoot_protocol::{Problem, RepositoryId};

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiPath, RepositoryPath};
use crate::problem::ApiResult;
use crate::state::App;

/// Tells whether notifications can link to sessions.
#[utoipa::path(
    get, path = "/api/settings/notifications/status", operation_id = "notifications_status",
    tag = "notifications",
    responses((status = 200, body = NotificationStatus), (status = "default", body = Problem)),
)]
pub(crate) async fn status(State(app): State<App>) -> ApiJson<NotificationStatus> {
    ApiJson(app.engine.notification_status())
}

/// Returns Slack of a repository.
#[utoipa::path(
    get, path = "/api/repositories/{id}/integrations/slack", operation_id = "slack_get",
    tag = "notifications",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = SlackIntegration), (status = "default", body = Problem)),
)]
pub(crate) async fn slack(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<SlackIntegration>> {
    Ok(ApiJson(app.engine.slack(id).await?))
}

/// Sets Slack of a repository.
#[utoipa::path(
    put, path = "/api/repositories/{id}/integrations/slack", operation_id = "slack_put",
    tag = "notifications",
    params(("id" = RepositoryId, Path, description = "The repository")),
    request_body = PutSlack,
    responses((status = 200, body = SlackIntegration), (status = "default", body = Problem)),
)]
pub(crate) async fn put_slack(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
    ApiJson(body): ApiJson<PutSlack>,
) -> ApiResult<ApiJson<SlackIntegration>> {
    Ok(ApiJson(app.engine.put_slack(id, body).await?))
}

/// Removes Slack of a repository.
#[utoipa::path(
    delete, path = "/api/repositories/{id}/integrations/slack", operation_id = "slack_delete",
    tag = "notifications",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete_slack(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_slack(id).await?;
    Ok(DONE)
}

/// Sends a test to Slack.
#[utoipa::path(
    post, path = "/api/repositories/{id}/integrations/slack/test", operation_id = "slack_test",
    tag = "notifications",
    params(("id" = RepositoryId, Path, description = "The repository")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn test_slack(
    State(app): State<App>,
    RepositoryPath(id): RepositoryPath,
) -> ApiResult<ApiJson<Done>> {
    app.engine.test_slack(id).await?;
    Ok(DONE)
}

/// Lists webhooks, oldest first.
#[utoipa::path(
    get, path = "/api/webhooks", operation_id = "webhooks_list", tag = "notifications",
    responses((status = 200, body = WebhooksBody), (status = "default", body = Problem)),
)]
pub(crate) async fn webhooks(State(app): State<App>) -> ApiResult<ApiJson<WebhooksBody>> {
    let webhooks = app.engine.webhooks().await?;
    Ok(ApiJson(WebhooksBody { webhooks }))
}

/// Adds a webhook; its secret is shown this once.
#[utoipa::path(
    post, path = "/api/webhooks", operation_id = "webhooks_create", tag = "notifications",
    request_body = CreateWebhook,
    responses((status = 201, body = CreatedWebhook), (status = "default", body = Problem)),
)]
pub(crate) async fn create_webhook(
    State(app): State<App>,
    ApiJson(body): ApiJson<CreateWebhook>,
) -> ApiResult<(StatusCode, ApiJson<CreatedWebhook>)> {
    let (webhook, secret) = app.engine.create_webhook(body).await?;
    Ok((
        StatusCode::CREATED,
        ApiJson(CreatedWebhook { webhook, secret }),
    ))
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/api/webhooks/{id}", operation_id = "webhooks_patch", tag = "notifications",
    params(("id" = String, Path, description = "The webhook")),
    request_body = PatchWebhook,
    responses((status = 200, body = WebhookBody), (status = "default", body = Problem)),
)]
pub(crate) async fn patch_webhook(
    State(app): State<App>,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<PatchWebhook>,
) -> ApiResult<ApiJson<WebhookBody>> {
    let webhook = app.engine.patch_webhook(&id, body).await?;
    Ok(ApiJson(WebhookBody { webhook }))
}

/// Deletes a webhook.
#[utoipa::path(
    delete, path = "/api/webhooks/{id}", operation_id = "webhooks_delete", tag = "notifications",
    params(("id" = String, Path, description = "The webhook")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete_webhook(
    State(app): State<App>,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_webhook(&id).await?;
    Ok(DONE)
}

/// Sends a signed test to a webhook.
#[utoipa::path(
    post, path = "/api/webhooks/{id}/test", operation_id = "webhooks_test", tag = "notifications",
    params(("id" = String, Path, description = "The webhook")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn test_webhook(
    State(app): State<App>,
    ApiPath(id): ApiPath<String>,
) -> ApiResult<ApiJson<Done>> {
    app.engine.test_webhook(&id).await?;
    Ok(DONE)
}
