//! W18–W22: repositories.

use offshoot_testkit::repository::TestRepository;
use serde_json::{Value, json};

use crate::client::refused;
use crate::fixture::{Fixture, Shop, of_session};

/// The path of a repository.
pub(crate) fn path_of(record: &Value) -> String {
    format!("/api/repositories/{}", record["id"].as_str().unwrap())
}

#[test]
fn w18_a_repository_is_registered_once() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    let path = repository.path().to_string_lossy().into_owned();
    let mut app = f.client.app();
    let body = json!({"path": format!("{path}/")});
    let made = f.client.post("/api/repositories", &body, 201)["repository"].clone();
    assert_eq!(made["name"], "shop");
    assert_eq!(made["path"], path.as_str());
    let frame = app.frame();
    assert_eq!(frame["type"], "repository-created");
    assert_eq!(frame["repository"]["id"], made["id"]);
    refused(&f.client.send("POST", "/api/repositories", &body), 400);
    let plain = json!({"path": f.rig.user_dir()});
    refused(&f.client.send("POST", "/api/repositories", &plain), 400);
    let blank = json!({"path": " "});
    refused(&f.client.send("POST", "/api/repositories", &blank), 400);
}

#[test]
fn w19_the_list_names_the_remote() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    let made = f.register(&repository.path());
    let listed = f.client.read("/api/repositories");
    let origin = repository.origin().to_string_lossy().into_owned();
    assert_eq!(listed["repositories"][0]["remoteUrl"], origin.as_str());
    assert_eq!(
        f.client.read(&path_of(&made))["repository"]["id"],
        made["id"]
    );
}

#[test]
fn w20_settings_are_trimmed_and_cleared() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    let path = path_of(&f.register(&repository.path()));
    let set = json!({"setupCommand": " npm ci ", "envVars": "\nA=1\n"});
    let mut app = f.client.app();
    let changed = f.client.patch(&path, &set)["repository"].clone();
    assert_eq!(changed["setupCommand"], "npm ci");
    assert_eq!(changed["envVars"], "A=1");
    let frame = app.frame();
    assert_eq!(frame["type"], "repository-updated");
    assert_eq!(frame["repository"]["setupCommand"], "npm ci");
    for cleared in [Value::Null, json!("")] {
        f.client.patch(&path, &set);
        let clear = json!({"setupCommand": cleared, "envVars": cleared});
        for seen in [f.client.patch(&path, &clear), f.client.read(&path)] {
            assert!(seen["repository"]["setupCommand"].is_null(), "{seen}");
            assert!(seen["repository"]["envVars"].is_null(), "{seen}");
        }
    }
    f.client.patch(&path, &set);
    let kept = f.client.patch(&path, &json!({}));
    assert_eq!(kept["repository"]["setupCommand"], "npm ci");
}

#[test]
fn w21_a_repository_in_use_stays() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let path = path_of(&shop.record);
    refused(&f.client.bare("DELETE", &path), 409);
    f.client
        .bare("POST", &format!("{}/pause", of_session(&shop.session)));
    refused(&f.client.bare("DELETE", &path), 409);
    f.client.delete(&of_session(&shop.session));
    let mut app = f.client.app();
    f.client.delete(&path);
    let frame = app.frame_of("repository-deleted");
    assert_eq!(frame["repositoryId"], shop.record["id"]);
    refused(&f.client.get(&path), 404);
}

#[test]
fn w22_branches() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    repository.git(&["branch", "feat/x"]).unwrap();
    repository
        .git(&["remote", "set-head", "origin", "-a"])
        .unwrap();
    let path = format!("{}/branches", path_of(&f.register(&repository.path())));
    let branches = f.client.read(&path);
    assert_eq!(branches["local"], json!(["feat/x", "main"]));
    assert!(
        branches["remote"]
            .as_array()
            .unwrap()
            .contains(&json!("origin/main"))
    );
    assert_eq!(branches["defaultBranch"], "main");
    // Without a remote and without a commit there is nothing to tell.
    let lonely = f.rig.user_dir().join("lonely");
    std::fs::create_dir(&lonely).unwrap();
    offshoot_testkit::repository::git(&lonely, &["init", "-q", "-b", "odd"]).unwrap();
    let branches = f
        .client
        .read(&format!("{}/branches", path_of(&f.register(&lonely))));
    assert_eq!(branches["local"], json!([]));
    assert_eq!(branches["remote"], json!([]));
    let default = &branches["defaultBranch"];
    assert!(default.is_null() || default.is_string(), "{branches}");
}
