//! W14–W17: agent definitions.

use serde_json::{Value, json};

use crate::client::refused;
use crate::fixture::{Fixture, merge, of_session};

#[test]
fn w14_an_agent_is_returned_as_it_was_made() {
    let f = Fixture::new();
    let mut app = f.client.app();
    let body = json!({"name": " Plain ", "commandTemplate": " echo {{prompt}} "});
    let made = f.client.post("/api/agents", &body, 201)["agent"].clone();
    assert_eq!(made["name"], "Plain");
    assert_eq!(made["commandTemplate"], "echo {{prompt}}");
    assert_eq!(made["isBuiltIn"], false);
    for absent in [
        "continueTemplate",
        "headlessTemplate",
        "description",
        "activityPatterns",
    ] {
        assert!(made.get(absent).is_none(), "{absent} is absent: {made}");
    }
    let path = format!("/api/agents/{}", made["id"].as_str().unwrap());
    assert_eq!(f.client.read(&path)["agent"], made);
    assert_eq!(app.frame(), json!({"type": "agent-created", "agent": made}));
    let listed = f.client.read("/api/agents");
    assert_eq!(listed["agents"][0]["id"], "claude-code-builtin");
    assert_eq!(listed["agents"][1], made);
    let full = f.client.post("/api/agents", &full_body(&f), 201)["agent"].clone();
    let capabilities = json!({
        "supportsContinue": true,
        "supportsHeadlessMode": true,
        "supportsActivityDetection": true,
    });
    assert_eq!(full["capabilities"], capabilities);
    assert_eq!(full["description"], "");
}

fn full_body(f: &Fixture) -> Value {
    let mut body = f.fa_body();
    merge(
        &mut body,
        &json!({"headlessTemplate": "x {{prompt}}", "description": ""}),
    );
    body
}

#[test]
fn w15_each_rule_of_templates_is_enforced() {
    let f = Fixture::new();
    let good = full_body(&f);
    let bad = [
        json!({"name": ""}),
        json!({"name": "  "}),
        json!({"name": null}),
        json!({"commandTemplate": null}),
        json!({"commandTemplate": " "}),
        json!({"commandTemplate": "claude"}),
        json!({"commandTemplate": "claude '{{prompt}}'"}),
        json!({"commandTemplate": "claude \"{{prompt}}\""}),
        json!({"commandTemplate": "claude {{ prompt }}"}),
        json!({"commandTemplate": "claude {{prompt}} {{ cwd}}"}),
        json!({"continueTemplate": ""}),
        json!({"continueTemplate": "claude -c {{prompt}}"}),
        json!({"continueTemplate": "claude -c {{cwd }}"}),
        json!({"headlessTemplate": " "}),
        json!({"headlessTemplate": "claude -p"}),
        json!({"headlessTemplate": "claude -p '{{prompt}}'"}),
        json!({"headlessTemplate": "claude -p {{prompt}} {{ cwd }}"}),
        json!({"description": 7}),
        json!({"activityPatterns": {"askingPatterns": ["x".repeat(501)]}}),
        json!({"activityPatterns": {"askingPatterns": ["("]}}),
        json!({"activityPatterns": {"askingPatterns": ["(a+)+"]}}),
        json!({"activityPatterns": {"askingPatterns": ["(a*)*"]}}),
        json!({"activityPatterns": {"askingPatterns": ["(a|b)+"]}}),
        json!({"activityPatterns": {"askingPatterns": [7]}}),
    ];
    for change in bad {
        let mut body = good.clone();
        merge(&mut body, &change);
        let answer = f.client.send("POST", "/api/agents", &body);
        assert_eq!(answer.status, 400, "{change}: {}", answer.text());
        refused(&answer, 400);
    }
    f.client.post("/api/agents", &good, 201);
}

#[test]
fn w16_null_clears_the_continue_template() {
    let f = Fixture::new();
    let path = format!("/api/agents/{}", f.fa());
    let mut app = f.client.app();
    let changed = f.client.patch(&path, &json!({"continueTemplate": null}))["agent"].clone();
    assert!(changed.get("continueTemplate").is_none(), "{changed}");
    assert_eq!(changed["capabilities"]["supportsContinue"], false);
    assert_eq!(
        app.frame(),
        json!({"type": "agent-updated", "agent": changed})
    );
    assert_eq!(f.client.read(&path)["agent"], changed);
    assert_eq!(f.client.patch(&path, &json!({}))["agent"], changed);
}

#[test]
fn w17_agents_that_cannot_be_changed_or_deleted() {
    let f = Fixture::new();
    let built_in = "/api/agents/claude-code-builtin";
    refused(
        &f.client.send("PATCH", built_in, &json!({"name": "x"})),
        404,
    );
    refused(&f.client.bare("DELETE", built_in), 400);
    let agent = f.fa();
    let path = format!("/api/agents/{agent}");
    let session = f.quick_with(&agent, &json!({"title": "Cart"}));
    let error = refused(&f.client.bare("DELETE", &path), 409);
    assert!(error.contains("Cart"), "{error}");
    f.client.delete(&of_session(&session));
    let mut app = f.client.app();
    f.client.delete(&path);
    assert_eq!(
        app.frame(),
        json!({"type": "agent-deleted", "agentId": agent})
    );
    refused(&f.client.bare("DELETE", &path), 404);
    refused(&f.client.get(&path), 404);
}
