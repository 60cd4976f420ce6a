//! Branches: listing, the default, renaming.

use std::ffi::OsStr;

use offshoot_git::{Head, RenameError, head, open};

use crate::support::{Place, commit, run};

#[tokio::test]
async fn local_and_remote_branches_with_the_remotes_default() {
    let place = Place::new();
    let upstream = place.repository("upstream");
    run(&upstream, ["branch", "-m", "main", "trunk"]);
    run(&upstream, ["branch", "feature/x"]);
    let clone = place.join("clone");
    let words = [OsStr::new("clone"), OsStr::new("-q")];
    run(
        &place.path,
        words
            .into_iter()
            .chain([upstream.as_os_str(), clone.as_os_str()]),
    );
    run(&clone, ["branch", "zebra"]);
    run(&clone, ["branch", "main"]);
    let repo = open(&clone).await.unwrap();
    let branches = repo.branches().await.unwrap();
    assert_eq!(branches.local, ["main", "trunk", "zebra"]);
    assert_eq!(branches.remote, ["origin/feature/x", "origin/trunk"]);
    assert_eq!(branches.default.as_deref(), Some("trunk"));

    run(&clone, ["checkout", "-q", "zebra"]);
    run(&clone, ["branch", "-q", "-D", "trunk"]);
    let default = repo.branches().await.unwrap().default;
    assert_eq!(default.as_deref(), Some("origin/trunk"));
    assert!(repo.resolve("origin/trunk").await.is_ok());
}

#[tokio::test]
async fn default_without_a_remote() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    let default = async || repo.branches().await.unwrap().default;
    run(root, ["checkout", "-q", "-b", "other"]);
    assert_eq!(default().await.as_deref(), Some("main"));
    run(root, ["branch", "-m", "main", "master"]);
    assert_eq!(default().await.as_deref(), Some("master"));
    run(root, ["branch", "dev"]);
    run(root, ["config", "init.defaultBranch", "dev"]);
    assert_eq!(default().await.as_deref(), Some("dev"));
    run(root, ["branch", "-D", "-q", "dev", "master"]);
    assert_eq!(default().await.as_deref(), Some("other"));
    run(root, ["checkout", "-q", "--detach"]);
    assert_eq!(default().await, None);
}

#[tokio::test]
async fn unused_names_avoid_branches_folders_and_remotes() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    assert_eq!(repo.unused_branch("fix").await.unwrap(), "fix");
    run(root, ["branch", "fix"]);
    run(root, ["branch", "fix-2/part"]);
    run(root, ["update-ref", "refs/remotes/origin/fix-3", "HEAD"]);
    assert_eq!(repo.unused_branch("fix").await.unwrap(), "fix-4");
}

#[tokio::test]
async fn renaming_a_branch() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    run(root, ["branch", "taken"]);
    run(root, ["branch", "folder/x"]);
    repo.rename_branch(root, None, "trunk").await.unwrap();
    assert_eq!(head(root).await.unwrap(), Head::Branch("trunk".to_owned()));
    repo.rename_branch(root, None, "trunk").await.unwrap();
    repo.rename_branch(root, Some("taken"), "taken/deeper")
        .await
        .unwrap();
    for name in ["folder", "folder/x", "folder/x/y", "taken"] {
        let refused = repo.rename_branch(root, None, name).await;
        assert!(
            matches!(refused, Err(RenameError::BranchExists(_))),
            "{name}"
        );
    }
    for name in ["-x", "--force", "a..b", "@{-1}"] {
        let refused = repo.rename_branch(root, None, name).await;
        assert!(
            matches!(refused, Err(RenameError::InvalidBranch(_))),
            "{name}"
        );
    }
    for old in ["gone", "-D"] {
        let refused = repo.rename_branch(root, Some(old), "new").await;
        assert!(
            matches!(refused, Err(RenameError::BranchNotFound(_))),
            "{old}"
        );
    }
    run(root, ["checkout", "-q", "--detach"]);
    let refused = repo.rename_branch(root, None, "new").await;
    assert!(matches!(refused, Err(RenameError::Detached)));
    assert_eq!(
        repo.branches().await.unwrap().local,
        ["folder/x", "taken/deeper", "trunk"]
    );
}

#[tokio::test]
async fn renaming_a_branch_without_commits() {
    let place = Place::new();
    let fresh = place.join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    run(&fresh, ["init", "-q", "-b", "old"]);
    let repo = open(&fresh).await.unwrap();
    repo.rename_branch(&fresh, None, "new").await.unwrap();
    assert_eq!(head(&fresh).await.unwrap(), Head::Unborn("new".to_owned()));
    commit(&fresh, "a", "a");
    assert_eq!(repo.branches().await.unwrap().local, ["new"]);
}
