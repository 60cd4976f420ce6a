//! W39: sessions that have lost what they need.

use std::fs;

use serde_json::{Value, json};

use crate::client::refused;
use crate::fixture::{Fixture, Shop, of_session};

#[test]
fn w39_invalid_sessions_are_found_and_removed() {
    let f = Fixture::new();
    let agent = f.fa();
    let shop = Shop::new(&f, &agent);
    f.quick(&agent);
    let validate = || f.client.read("/api/sessions/validate");
    let result = |all: &Value| {
        let results = all["results"].as_array().unwrap().iter();
        let mut results = results.filter(|result| result["sessionId"] == shop.session["id"]);
        results.next().unwrap().clone()
    };
    let all = validate();
    assert_eq!(all["hasIssues"], false, "{all}");
    assert_eq!(all["results"].as_array().unwrap().len(), 2);
    let path = of_session(&shop.session);
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    fs::remove_dir_all(&shop.worktree).unwrap();
    let all = validate();
    assert_eq!(all["hasIssues"], true, "{all}");
    let invalid = result(&all);
    assert_eq!(invalid["valid"], false);
    assert_eq!(invalid["issues"][0]["type"], "directory_not_found");
    assert!(invalid["issues"][0]["message"].is_string());
    assert_eq!(invalid["session"]["type"], "worktree");
    assert_eq!(invalid["session"]["worktreeId"], "work");
    let mut app = f.client.app();
    f.client.delete(&format!("{path}/invalid"));
    let frame = app.frame_of("session-deleted");
    assert_eq!(frame["sessionId"], shop.session["id"]);
    assert_eq!(validate()["hasIssues"], false);
    refused(&f.client.bare("DELETE", &format!("{path}/invalid")), 404);
}

/// The other things validation looks for.
#[test]
fn directories_without_their_repository_or_branch_are_invalid() {
    let f = Fixture::new();
    let agent = f.fa();
    let shop = Shop::new(&f, &agent);
    let issue = || {
        let all = f.client.read("/api/sessions/validate");
        all["results"][0]["issues"][0]["type"].clone()
    };
    assert_eq!(issue(), Value::Null);
    let git = |args: &[&str]| offshoot_testkit::repository::git(&shop.worktree, args).unwrap();
    git(&["checkout", "-q", "--detach"]);
    git(&["branch", "-D", "work"]);
    assert_eq!(issue(), "branch_not_found");
    fs::remove_file(shop.worktree.join(".git")).unwrap();
    assert_eq!(issue(), "not_git_repository");
}
