//! Fetching from `origin`, counting and listing commits.

use std::path::PathBuf;

use offshoot_git::{FetchError, Head, Repository, ResolveError, commits, head, open};

use crate::support::{Place, commit, git, run};

/// A repository and a clone of it.
async fn cloned(place: &Place) -> (PathBuf, Repository) {
    let origin = place.repository("origin");
    let path = place.join("clone");
    let (from, to) = (origin.to_str().unwrap(), path.to_str().unwrap());
    run(&place.path, ["clone", "-q", from, to]);
    (origin, open(&path).await.unwrap())
}

#[tokio::test]
async fn branches_of_the_remote_are_fetched() {
    let place = Place::new();
    let (origin, repo) = cloned(&place).await;
    commit(&origin, "b.txt", "b");
    run(&origin, ["branch", "feat/x"]);
    assert!(!repo.remote_branch_exists("feat/x").await.unwrap());
    repo.fetch(Some("feat/x")).await.unwrap();
    assert!(repo.remote_branch_exists("feat/x").await.unwrap());
    let counts = repo.ahead_behind("main", "origin/main").await.unwrap();
    assert_eq!(counts, (0, 0));
    repo.fetch(None).await.unwrap();
    let counts = repo.ahead_behind("main", "origin/main").await.unwrap();
    assert_eq!(counts, (0, 1));
    commit(repo.root(), "c.txt", "c");
    commit(repo.root(), "d.txt", "d");
    let counts = repo.ahead_behind("main", "origin/main").await.unwrap();
    assert_eq!(counts, (2, 1));
    assert!(!repo.common_dir().join("FETCH_HEAD").exists());
    let missing = repo.ahead_behind("main", "origin/none").await;
    assert!(matches!(missing, Err(ResolveError::NotFound(_))));
}

/// A clone of one branch is configured for that branch only.
#[tokio::test]
async fn branch_is_fetched_into_a_clone_of_another() {
    let place = Place::new();
    let origin = place.repository("origin");
    run(&origin, ["branch", "other"]);
    let path = place.join("clone");
    let (from, to) = (origin.to_str().unwrap(), path.to_str().unwrap());
    run(
        &place.path,
        ["clone", "-q", "--single-branch", "-b", "main", from, to],
    );
    let repo = open(&path).await.unwrap();
    repo.fetch(Some("other")).await.unwrap();
    assert!(repo.remote_branch_exists("other").await.unwrap());
}

#[tokio::test]
async fn default_branch_is_asked_for() {
    let place = Place::new();
    let (origin, repo) = cloned(&place).await;
    assert_eq!(repo.refresh_default_branch().await.unwrap(), "main");
    run(&origin, ["checkout", "-q", "-b", "trunk/new"]);
    assert_eq!(repo.refresh_default_branch().await.unwrap(), "trunk/new");
    let branches = repo.branches().await.unwrap();
    assert_eq!(branches.default.as_deref(), Some("origin/trunk/new"));
    assert_eq!(branches.remote, ["origin/main", "origin/trunk/new"]);
    run(&origin, ["checkout", "-q", "--detach"]);
    let detached = repo.refresh_default_branch().await;
    assert!(
        matches!(detached, Err(FetchError::NoDefaultBranch)),
        "{detached:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_fetched_is_told_apart() {
    let place = Place::new();
    let (_, repo) = cloned(&place).await;
    let none = repo.fetch(Some("none")).await;
    assert!(
        matches!(none, Err(FetchError::BranchNotFound(_))),
        "{none:?}"
    );
    for name in [
        "--upload-pack=touch x",
        "-x",
        "a..b",
        "a\nb",
        "",
        "+main",
        "a:b",
        "*",
    ] {
        let invalid = repo.fetch(Some(name)).await;
        match name {
            // A fine name, with the plus in it.
            "+main" => assert!(matches!(invalid, Err(FetchError::BranchNotFound(_)))),
            _ => assert!(
                matches!(invalid, Err(FetchError::InvalidBranch(_))),
                "{name}"
            ),
        }
        assert!(!repo.remote_branch_exists(name).await.unwrap());
    }
    run(repo.root(), ["remote", "set-url", "origin", "/none"]);
    assert!(matches!(repo.fetch(None).await, Err(FetchError::Git(_))));
    run(repo.root(), ["remote", "remove", "origin"]);
    // A folder of that name is no remote.
    std::fs::create_dir(repo.root().join("origin")).unwrap();
    run(&repo.root().join("origin"), ["init", "-q"]);
    assert!(matches!(repo.fetch(None).await, Err(FetchError::NoRemote)));
    let refreshed = repo.refresh_default_branch().await;
    assert!(matches!(refreshed, Err(FetchError::NoRemote)));
}

#[tokio::test]
async fn commits_are_listed_as_they_are() {
    let place = Place::new();
    let repo = place.opened().await;
    run(repo.root(), ["checkout", "-q", "-b", "x"]);
    let subjects = [
        "a | pipe \"quote\" \u{1f} Größe",
        "%H %x00 $(touch x)",
        "two\nlines\n\nbody",
    ];
    for subject in subjects {
        let output = git(repo.root())
            .env("GIT_AUTHOR_NAME", "A | B")
            .env("GIT_AUTHOR_DATE", "2026-02-01T12:00:00+0100")
            .args(["commit", "-q", "--allow-empty", "-m", subject])
            .output();
        assert!(output.unwrap().status.success());
    }
    let found = commits(repo.root(), "main").await.unwrap();
    let words: Vec<_> = found.iter().map(|commit| commit.subject.as_str()).collect();
    assert_eq!(words, ["two lines", subjects[1], subjects[0]]);
    assert_eq!(found[0].author, "A | B");
    assert_eq!(found[0].date, "2026-02-01 12:00:00 +0100");
    assert_eq!(found[0].hash, run(repo.root(), ["rev-parse", "x"]));
    assert!(found[0].hash.starts_with(&found[0].short_hash));
    assert_eq!(commits(repo.root(), "x").await.unwrap(), []);
    for base in [
        "none", "--all", "-x", "a..b", "main\nx", "", "main..x", "^main",
    ] {
        let missing = commits(repo.root(), base).await;
        assert!(
            matches!(missing, Err(ResolveError::NotFound(_))),
            "{base:?} {missing:?}"
        );
    }
}

#[tokio::test]
async fn there_are_no_commits_before_the_first() {
    let place = Place::new();
    let path = place.join("empty");
    std::fs::create_dir(&path).unwrap();
    run(&path, ["init", "-q", "-b", "main"]);
    assert_eq!(commits(&path, "main").await.unwrap(), []);
    assert_eq!(head(&path).await.unwrap(), Head::Unborn("main".to_owned()));
}
