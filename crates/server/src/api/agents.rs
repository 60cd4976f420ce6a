//! Agent definitions.

use axum::extract::State;
use http::StatusCode;
use offshoot_protocol::rest::{CreateAgent, PatchAgent};
use offshoot_protocol::view::Agent;
use offshoot_protocol::{AgentId, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DONE, Done};
use crate::extract::{ApiJson, ApiPath};
use crate::problem::ApiResult;
use crate::state::App;

/// Answers that wrap one agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentBody {
    agent: Agent,
}

/// Answer of `GET /api/agents`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentsBody {
    agents: Vec<Agent>,
}

/// Lists all agents, the default one first.
#[utoipa::path(
    get, path = "/api/agents", operation_id = "agents_list", tag = "agents",
    responses((status = 200, body = AgentsBody), (status = "default", body = Problem)),
)]
pub(crate) async fn list(State(app): State<App>) -> ApiJson<AgentsBody> {
    app.engine.look_for_versions();
    let agents = app.engine.agents();
    ApiJson(AgentsBody { agents })
}

/// Defines an agent.
#[utoipa::path(
    post, path = "/api/agents", operation_id = "agents_create", tag = "agents",
    request_body = CreateAgent,
    responses((status = 201, body = AgentBody), (status = "default", body = Problem)),
)]
pub(crate) async fn create(
    State(app): State<App>,
    ApiJson(body): ApiJson<CreateAgent>,
) -> ApiResult<(StatusCode, ApiJson<AgentBody>)> {
    let agent = app.engine.create_agent(body).await?;
    Ok((StatusCode::CREATED, ApiJson(AgentBody { agent })))
}

/// Returns one agent.
#[utoipa::path(
    get, path = "/api/agents/{id}", operation_id = "agents_get", tag = "agents",
    params(("id" = AgentId, Path, description = "The agent")),
    responses((status = 200, body = AgentBody), (status = "default", body = Problem)),
)]
pub(crate) async fn get(
    State(app): State<App>,
    ApiPath(id): ApiPath<AgentId>,
) -> ApiResult<ApiJson<AgentBody>> {
    let agent = app.engine.agent(&id)?;
    Ok(ApiJson(AgentBody { agent }))
}

/// Changes a custom agent.
#[utoipa::path(
    patch, path = "/api/agents/{id}", operation_id = "agents_patch", tag = "agents",
    params(("id" = AgentId, Path, description = "The agent")),
    request_body = PatchAgent,
    responses((status = 200, body = AgentBody), (status = "default", body = Problem)),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    ApiPath(id): ApiPath<AgentId>,
    ApiJson(body): ApiJson<PatchAgent>,
) -> ApiResult<ApiJson<AgentBody>> {
    let agent = app.engine.patch_agent(&id, body).await?;
    Ok(ApiJson(AgentBody { agent }))
}

/// Deletes a custom agent that no session uses.
#[utoipa::path(
    delete, path = "/api/agents/{id}", operation_id = "agents_delete", tag = "agents",
    params(("id" = AgentId, Path, description = "The agent")),
    responses((status = 200, body = Done), (status = "default", body = Problem)),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    ApiPath(id): ApiPath<AgentId>,
) -> ApiResult<ApiJson<Done>> {
    app.engine.delete_agent(&id).await?;
    Ok(DONE)
}
