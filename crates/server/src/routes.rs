//! All paths on one page.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get};
use http::StatusCode;
use offshoot_protocol::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    agents, auth, diff, export, hooks, hosting, jobs, messages, notifications, prompts,
    repositories, requests, sessions, settings, system, tokens, usage, workers, worktrees,
};
use crate::problem::ApiError;
use crate::state::App;
use crate::{assets, guard, openapi, sockets, trace};

/// The documented paths, which the OpenAPI document is made of.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::frame())
        // the server itself
        .routes(routes!(system::health))
        .routes(routes!(system::greet))
        .routes(routes!(system::config))
        .routes(routes!(system::complete_path))
        .routes(routes!(system::checks))
        .routes(routes!(settings::get, settings::patch))
        .routes(routes!(system::open))
        .routes(routes!(system::open_in_vscode))
        // who may ask
        .routes(routes!(auth::sign_in))
        .routes(routes!(auth::sign_out))
        .routes(routes!(auth::me))
        .routes(routes!(auth::issue_code))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        // sessions
        .routes(routes!(sessions::list, sessions::create))
        .routes(routes!(sessions::start))
        .routes(routes!(sessions::validate))
        .routes(routes!(sessions::get, sessions::patch, sessions::delete))
        .routes(routes!(sessions::delete_invalid))
        .routes(routes!(sessions::pause))
        .routes(routes!(sessions::resume))
        .routes(routes!(export::export))
        .routes(routes!(hosting::branches))
        .routes(routes!(hosting::commits))
        .routes(routes!(hosting::pr_link))
        // workers
        .routes(routes!(workers::list, workers::create))
        .routes(routes!(workers::delete))
        .routes(routes!(workers::restart))
        .routes(routes!(workers::stop))
        .routes(routes!(workers::input))
        .routes(routes!(workers::log))
        .routes(routes!(workers::text))
        .routes(routes!(workers::explain))
        // what agents used
        .routes(routes!(usage::get))
        .routes(routes!(usage::report))
        .routes(routes!(hooks::report))
        // prompts
        .routes(routes!(prompts::list, prompts::create))
        .routes(routes!(prompts::get, prompts::patch, prompts::delete))
        .routes(routes!(requests::answer))
        // messages
        .routes(routes!(messages::create))
        // what changed
        .routes(routes!(diff::get))
        .routes(routes!(diff::file))
        .routes(routes!(diff::lines))
        // repositories
        .routes(routes!(repositories::list, repositories::create))
        .routes(routes!(
            repositories::get,
            repositories::patch,
            repositories::delete
        ))
        .routes(routes!(repositories::branches))
        // worktrees
        .routes(routes!(worktrees::list, worktrees::create))
        .routes(routes!(worktrees::trash))
        .routes(routes!(worktrees::restore))
        .routes(routes!(worktrees::drop_entry))
        .routes(routes!(hosting::github))
        .routes(routes!(hosting::fetch))
        .routes(routes!(hosting::refresh_default_branch))
        .routes(routes!(hosting::remote_status))
        .routes(routes!(hosting::github_issue))
        // notifications
        .routes(routes!(notifications::status))
        .routes(routes!(
            notifications::slack,
            notifications::put_slack,
            notifications::delete_slack
        ))
        .routes(routes!(notifications::test_slack))
        .routes(routes!(
            notifications::webhooks,
            notifications::create_webhook
        ))
        .routes(routes!(
            notifications::patch_webhook,
            notifications::delete_webhook
        ))
        .routes(routes!(notifications::test_webhook))
        .routes(routes!(jobs::clone_repository))
        // jobs
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::stats))
        .routes(routes!(jobs::get, jobs::delete))
        .routes(routes!(jobs::log))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::cancel))
        // agents
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::get, agents::patch, agents::delete))
}

/// Everything the server answers, guarded.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = documented().split_for_parts();
    router
        .route("/api/openapi.json", get(openapi::document))
        // Described in `openapi`: the path may hold slashes, escaped or not.
        .route(
            "/api/repositories/{id}/worktrees/{*path}",
            delete(worktrees::delete),
        )
        .route(
            "/api/repositories/{id}/worktrees/",
            delete(worktrees::delete_nothing),
        )
        .route("/ws/app", any(sockets::app))
        .route(
            "/ws/session/{session}/worker/{worker}",
            any(sockets::worker),
        )
        .fallback_service(unmatched(app.clone()))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            guard::layer::guard,
        ))
        .layer(middleware::from_fn(trace::trace))
        .with_state(app)
}

/// Paths of the first dialect that the table above cannot hold beside the documented ones, and what
/// is left.
fn unmatched(app: App) -> Router {
    Router::new()
        .route(
            "/api/repositories/{id}/branches/{*rest}",
            get(hosting::remote_status_of_path),
        )
        .fallback(fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

/// Answers what no route matches: the UI, whose own paths are unknown here, or a problem.
async fn fallback(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path();
    let is_ours = ["/api", "/ws"].iter().any(|root| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if is_ours {
        let detail = format!("there is nothing at {path}");
        return ApiError::new(ErrorCode::RouteNotFound, detail).into_response();
    }
    if !guard::is_read(request.method()) {
        return method_not_allowed().await.into_response();
    }
    match &app.ui_dir {
        Some(dir) => assets::respond_from_dir(dir, path, request.headers()).await,
        None => assets::respond(path, request.headers()),
    }
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(
        ErrorCode::MethodNotAllowed,
        "this path does not answer that method",
    )
}

fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    ApiError::new(ErrorCode::Internal, "the server failed; its log says more")
        .with_status(StatusCode::INTERNAL_SERVER_ERROR)
        .into_response()
}
