//! W23 and W24: GitHub and Slack.

use offshoot_testkit::repository::TestRepository;
use serde_json::json;

use crate::client::{refused, succeeded};
use crate::fixture::Fixture;
use crate::repositories::path_of;

#[test]
fn w23_the_page_on_github() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    let path = format!("{}/github", path_of(&f.register(&repository.path())));
    refused(&f.client.get(&path), 400);
    for url in [
        "git@github.com:acme/shop.git",
        "https://github.com/acme/shop",
    ] {
        repository
            .git(&["remote", "set-url", "origin", url])
            .unwrap();
        let answer = f.client.get(&path);
        assert_eq!(answer.status, 302, "{}", answer.text());
        assert_eq!(
            answer.header("location"),
            Some("https://github.com/acme/shop")
        );
    }
    repository.git(&["remote", "remove", "origin"]).unwrap();
    refused(&f.client.get(&path), 400);
}

#[test]
fn w24_slack() {
    let f = Fixture::new();
    let repository = TestRepository::new().unwrap();
    let record = f.register(&repository.path());
    let path = format!("{}/integrations/slack", path_of(&record));
    refused(&f.client.get(&path), 404);
    refused(
        &f.client.send(
            "PUT",
            &path,
            &json!({"webhookUrl": "https://example.com/x"}),
        ),
        400,
    );
    refused(
        &f.client.send("PUT", &path, &json!({"webhookUrl": ""})),
        400,
    );
    let put = |url: &str, enabled: bool| {
        let body = json!({"webhookUrl": url, "enabled": enabled});
        let answer = f.client.send("PUT", &path, &body);
        succeeded(&answer, 200)
    };
    let first = put("https://hooks.slack.com/services/a", true);
    assert_eq!(first["repositoryId"], record["id"]);
    assert_eq!(first["webhookUrl"], "https://hooks.slack.com/services/a");
    assert_eq!(first["enabled"], true);
    let second = put("https://hooks.slack.com/services/b", false);
    assert_eq!(second["id"], first["id"]);
    assert_eq!(second["createdAt"], first["createdAt"]);
    assert_eq!(f.client.read(&path), second);
    f.client.delete(&path);
    refused(&f.client.get(&path), 404);
}
