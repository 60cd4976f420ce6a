//! Adding worktrees.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use offshoot_git::{AddError, GitError, Head, NewWorktree, Repository, head, open};

use crate::support::{Place, can_be_made, commit, run};

fn new(name: &str) -> NewWorktree {
    new_at(name, "main")
}

fn new_at(name: &str, base: &str) -> NewWorktree {
    NewWorktree::NewBranch {
        name: name.to_owned(),
        base: base.to_owned(),
    }
}

fn existing(name: &str) -> NewWorktree {
    NewWorktree::Existing(name.to_owned())
}

async fn paths(repo: &Repository) -> Vec<PathBuf> {
    let worktrees = repo.worktrees().await.unwrap();
    worktrees
        .into_iter()
        .map(|worktree| worktree.path)
        .collect()
}

#[tokio::test]
async fn new_branch_in_a_new_worktree() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = place.join("deep/er/wt 1");
    repo.add_worktree(&path, &new("feature/x")).await.unwrap();
    assert_eq!(
        head(&path).await.unwrap(),
        Head::Branch("feature/x".to_owned())
    );
    assert_eq!(
        std::fs::read_to_string(path.join("a.txt")).unwrap(),
        "hello\n"
    );
    let worktrees = repo.worktrees().await.unwrap();
    assert_eq!(worktrees.len(), 2);
    assert!(worktrees[0].is_main && !worktrees[1].is_main);
    assert_eq!(worktrees[1].path, path);
    assert_eq!(worktrees[1].branch.as_deref(), Some("feature/x"));
    assert_eq!(worktrees[1].head, worktrees[0].head);
    assert_eq!(open(&path).await.unwrap(), repo);
}

#[tokio::test]
async fn strange_directories() {
    let place = Place::new();
    let repo = place.opened().await;
    let names: [&[u8]; 5] = [b"-x", b"new\nline\n", b"no\xffutf8", b"--force", b"*"];
    for (n, name) in names
        .into_iter()
        .filter(|name| can_be_made(name))
        .enumerate()
    {
        let path = place.join(OsStr::from_bytes(name));
        let branch = format!("b{n}");
        repo.add_worktree(&path, &new(&branch)).await.unwrap();
        assert!(path.join("a.txt").exists());
        assert!(paths(&repo).await.contains(&path));
    }
}

#[tokio::test]
async fn base_is_any_commit_and_never_followed() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    let first = run(root, ["rev-parse", "HEAD"]);
    commit(root, "b.txt", "b");
    run(root, ["update-ref", "refs/remotes/origin/main", "HEAD"]);
    run(root, ["tag", "-a", "-m", "t", "v1", &first]);
    for (n, base) in [first.as_str(), "v1", "main~1"].into_iter().enumerate() {
        let path = place.join(format!("wt{n}"));
        let name = format!("b{n}");
        repo.add_worktree(&path, &new_at(&name, base))
            .await
            .unwrap();
        assert_eq!(run(&path, ["rev-parse", "HEAD"]), first);
    }
    let path = place.join("remote");
    let start = new_at("mine", "origin/main");
    repo.add_worktree(&path, &start).await.unwrap();
    let upstream = run(
        &path,
        ["for-each-ref", "--format=%(upstream)", "refs/heads/mine"],
    );
    assert_eq!(upstream, "");
    for base in ["nope", "-x", "", "--upload-pack=touch x"] {
        let refused = repo
            .add_worktree(&place.join("no"), &new_at("no", base))
            .await;
        assert!(
            matches!(refused, Err(AddError::BaseNotFound(_))),
            "{base} {refused:?}"
        );
    }
    assert!(!place.join("no").exists());
}

#[tokio::test]
async fn hostile_branch_names_change_nothing() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = place.join("wt");
    for name in [
        "-x",
        "a..b",
        "--upload-pack=touch x",
        "a\nb",
        "@{",
        "a.lock",
        "",
        "HEAD",
        "a\0",
    ] {
        for branch in [new(name), existing(name)] {
            let refused = repo.add_worktree(&path, &branch).await;
            assert!(
                matches!(refused, Err(AddError::InvalidBranch(_))),
                "{name:?}"
            );
        }
    }
    assert!(!path.exists());
    assert_eq!(repo.branches().await.unwrap().local, ["main"]);
}

#[tokio::test]
async fn existing_branch_and_where_it_is_checked_out() {
    let place = Place::new();
    let repo = place.opened().await;
    run(repo.root(), ["branch", "ready"]);
    let (one, two) = (place.join("one"), place.join("two"));
    repo.add_worktree(&one, &existing("ready")).await.unwrap();
    assert_eq!(head(&one).await.unwrap(), Head::Branch("ready".to_owned()));
    for (branch, holder) in [("ready", &one), ("main", &repo.root().to_owned())] {
        match repo.add_worktree(&two, &existing(branch)).await {
            Err(AddError::BranchCheckedOut { path, missing, .. }) => {
                assert_eq!((&path, missing), (holder, false));
            }
            other => panic!("{other:?}"),
        }
    }
    let refused = repo.add_worktree(&two, &new("ready")).await;
    assert!(matches!(refused, Err(AddError::BranchExists { name }) if name == "ready"));
    let refused = repo.add_worktree(&two, &new("ready/deeper")).await;
    assert!(matches!(refused, Err(AddError::BranchExists { name }) if name == "ready"));
    let refused = repo.add_worktree(&two, &existing("gone")).await;
    assert!(matches!(refused, Err(AddError::BranchNotFound { .. })));
    assert!(!two.exists());

    std::fs::remove_dir_all(&one).unwrap();
    let refused = repo.add_worktree(&two, &existing("ready")).await;
    assert!(matches!(
        refused,
        Err(AddError::BranchCheckedOut { missing: true, .. })
    ));
    repo.prune_worktrees().await.unwrap();
    repo.add_worktree(&two, &existing("ready")).await.unwrap();
}

#[tokio::test]
async fn branch_of_one_remote_is_followed() {
    let place = Place::new();
    let upstream = place.repository("upstream");
    run(&upstream, ["branch", "theirs"]);
    let clone = place.join("clone");
    let words = [OsStr::new("clone"), OsStr::new("-q")];
    run(
        &place.path,
        words
            .into_iter()
            .chain([upstream.as_os_str(), clone.as_os_str()]),
    );
    let repo = open(&clone).await.unwrap();
    let path = place.join("wt");
    repo.add_worktree(&path, &existing("theirs")).await.unwrap();
    let upstream = run(&path, ["rev-parse", "--abbrev-ref", "@{upstream}"]);
    assert_eq!(upstream, "origin/theirs");

    run(&clone, ["update-ref", "refs/remotes/a/both", "HEAD"]);
    run(&clone, ["update-ref", "refs/remotes/b/both", "HEAD"]);
    let refused = repo
        .add_worktree(&place.join("no"), &existing("both"))
        .await;
    assert!(
        matches!(refused, Err(AddError::BranchNotFound { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn path_that_is_taken() {
    let place = Place::new();
    let repo = place.opened().await;
    let file = place.join("file");
    std::fs::write(&file, "x").unwrap();
    let full = place.join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("x"), "x").unwrap();
    let dangling = place.join("dangling");
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    for path in [&file, &full, &dangling, &repo.root().to_owned()] {
        let refused = repo.add_worktree(path, &new("x")).await;
        assert!(
            matches!(refused, Err(AddError::PathExists(_))),
            "{refused:?}"
        );
    }
    assert_eq!(repo.branches().await.unwrap().local, ["main"]);
    let empty = place.join("empty");
    std::fs::create_dir(&empty).unwrap();
    repo.add_worktree(&empty, &new("x")).await.unwrap();
    std::fs::remove_dir_all(&empty).unwrap();
    let refused = repo.add_worktree(&empty, &new("y")).await;
    assert!(
        matches!(refused, Err(AddError::PathExists(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn repository_without_commits_is_told() {
    let place = Place::new();
    let fresh = place.join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    run(&fresh, ["init", "-q", "-b", "main"]);
    let repo = open(&fresh).await.unwrap();
    let branches = [new("x"), new("main"), existing("main"), new_at("x", "HEAD")];
    for branch in branches {
        let refused = repo.add_worktree(&place.join("wt"), &branch).await;
        assert!(
            matches!(refused, Err(AddError::NoCommits)),
            "{branch:?} {refused:?}"
        );
    }
}

#[tokio::test]
async fn failed_checkout_leaves_neither_branch_nor_directory() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    std::fs::write(root.join(".gitattributes"), "*.bin filter=broken\n").unwrap();
    commit(root, "x.bin", "x");
    run(root, ["config", "filter.broken.smudge", "false"]);
    run(root, ["config", "filter.broken.required", "true"]);
    let path = place.join("wt");
    let refused = repo.add_worktree(&path, &new("x")).await;
    assert!(matches!(refused, Err(AddError::Git(_))), "{refused:?}");
    assert!(!path.exists());
    assert_eq!(repo.branches().await.unwrap().local, ["main"]);
    assert_eq!(paths(&repo).await, [root]);
}

#[tokio::test]
async fn checkout_that_hangs_leaves_neither_branch_nor_directory() {
    let place = Place::new();
    let repo = place.opened().await;
    let root = repo.root();
    std::fs::write(root.join(".gitattributes"), "*.bin filter=slow\n").unwrap();
    commit(root, "x.bin", "x");
    // Deaf to the request to end, too.
    run(
        root,
        ["config", "filter.slow.smudge", "trap '' TERM; sleep 1000"],
    );
    let path = place.join("wt");
    let slow = repo.clone().with_tree_timeout(Duration::from_secs(1));
    let refused = slow.add_worktree(&path, &new("x")).await;
    assert!(
        matches!(refused, Err(AddError::Git(GitError::Timeout { .. }))),
        "{refused:?}"
    );
    assert!(!path.exists());
    assert_eq!(repo.branches().await.unwrap().local, ["main"]);
    assert_eq!(paths(&repo).await, [root]);
    run(root, ["config", "filter.slow.smudge", "cat"]);
    repo.add_worktree(&path, &new("x")).await.unwrap();
}

#[tokio::test]
async fn many_at_once_all_succeed() {
    let place = Place::new();
    let repo = place.opened().await;
    let mut set = tokio::task::JoinSet::new();
    let root = repo.root().to_owned();
    for n in 0..12 {
        let (root, path) = (root.clone(), place.join(format!("wt{n}")));
        set.spawn(async move {
            let repo = open(&root).await.unwrap();
            let name = format!("b{n}");
            repo.add_worktree(&path, &new(&name)).await.unwrap();
        });
    }
    set.join_all().await;
    assert_eq!(paths(&repo).await.len(), 13);
}

#[tokio::test]
async fn caller_that_goes_away_does_not_stop_it_halfway() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = place.join("wt");
    {
        let new = new("x");
        let add = repo.add_worktree(&path, &new);
        tokio::pin!(add);
        // Polled once: the work has begun.
        let once = std::future::poll_fn(|cx| std::task::Poll::Ready(add.as_mut().poll(cx)));
        assert!(once.await.is_pending());
        tokio::task::yield_now().await;
    }
    // The next change waits for the one that goes on.
    repo.prune_worktrees().await.unwrap();
    assert!(path.join("a.txt").exists());
    assert_eq!(head(&path).await.unwrap(), Head::Branch("x".to_owned()));
}
