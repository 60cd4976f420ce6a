//! The OpenAPI document: made of the handlers themselves, served and written to a file.

use axum::Json;
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::{Problem, app};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, RefOr, SecurityRequirement};
use utoipa::{Modify, OpenApi as _};

use crate::problem::PROBLEM_TYPE;
use crate::routes;

/// Returns the whole document, OpenAPI 3.1.
pub fn openapi() -> OpenApi {
    let mut document = routes::documented().into_openapi();
    let items = document.paths.paths.values_mut();
    for operation in items.flat_map(operations) {
        for response in operation.responses.responses.values_mut() {
            name_problem(response);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let reads = [&mut item.get, &mut item.delete];
    let writes = [&mut item.post, &mut item.put, &mut item.patch];
    reads.into_iter().chain(writes).flatten()
}

/// Says under which type a problem is served; the macro knows only plain JSON.
fn name_problem(response: &mut RefOr<utoipa::openapi::Response>) {
    let RefOr::T(response) = response else {
        return;
    };
    let is_problem = response.content.get("application/json").is_some_and(|content| {
        matches!(content, RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) if schema.ref_location.ends_with("/Problem"))
    });
    if is_problem && let Some(content) = response.content.swap_remove("application/json") {
        response.content.insert(PROBLEM_TYPE.to_owned(), content);
    }
}

/// Serves the document.
pub(crate) async fn document() -> Json<OpenApi> {
    Json(openapi())
}

/// The document without its paths.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Offshoot",
        description = "Runs coding agents and shells in git worktrees. The sockets are described in \
                       docs/app-socket.md and docs/terminal-socket.md; frames of `/ws/app` are the \
                       component AppFrame.",
    ),
    paths(crate::api::worktrees::delete),
    components(schemas(app::AppFrame, app::AppEvent, WorktreeFate, Problem)),
    modifiers(&Credentials),
    tags(
        (name = "server", description = "The server itself"),
        (name = "auth", description = "Who may ask"),
        (name = "sessions", description = "Places to work"),
        (name = "workers", description = "Agents and shells of a session"),
        (name = "prompts", description = "Texts for agents, typed once and with a receipt"),
        (name = "requests", description = "Answers to what agents ask"),
        (name = "messages", description = "Text and files for workers"),
        (name = "diff", description = "What changed in a session's directory"),
        (name = "notifications", description = "Who is told what outside"),
        (name = "repositories", description = "Registered git repositories"),
        (name = "worktrees", description = "Worktrees of a repository, and its trash"),
        (name = "jobs", description = "Background work"),
        (name = "agents", description = "How agents are started"),
    )
)]
struct Frame;

/// The two credentials; each path accepts either, unless it says that it needs none.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "offshoot",
            "Set by POST /api/auth/sign-in; named __Host-offshoot under TLS.",
        )));
        let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("cookie", cookie);
        components.add_security_scheme("token", token);
        let require = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
        openapi.security = Some(vec![require("cookie"), require("token")]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_3_1_and_names_every_schema_it_uses() {
        let text = openapi().to_json().expect("JSON");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(
            document["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        let schemas = document["components"]["schemas"]
            .as_object()
            .expect("schemas");
        let mut rest = text.as_str();
        let mut n_refs = 0;
        while let Some((_, after)) = rest.split_once("#/components/schemas/") {
            let name = after.split('"').next().expect("a name");
            assert!(
                schemas.contains_key(name),
                "{name} is used but not described"
            );
            rest = after;
            n_refs += 1;
        }
        assert!(n_refs > 40, "{n_refs}");
        for name in ["AppFrame", "AppEvent", "Problem", "Session", "StartSession"] {
            assert!(schemas.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_operation_has_an_own_id_a_tag_and_a_failure() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let mut ids = std::collections::HashSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let id = operation["operationId"].as_str().expect("an id");
                assert!(ids.insert(id.to_owned()), "{id} twice");
                assert!(operation["tags"][0].is_string(), "{method} {path}");
                let fails = operation["responses"].get("default").is_some();
                assert!(fails || path == "/health", "{method} {path}");
                let content = &operation["responses"]["default"]["content"];
                assert!(
                    !fails || content[PROBLEM_TYPE].is_object(),
                    "{method} {path}"
                );
            }
        }
    }
}
