//! Removing worktrees without losing work.

use std::ffi::OsStr;
use std::path::PathBuf;

use offshoot_git::{ChangeKind, Force, NewWorktree, RemoveError, Repository, open, status};

use crate::support::{Place, commit, git, run};

async fn with_worktree(place: &Place) -> (Repository, PathBuf) {
    let repo = place.opened().await;
    let path = place.join("wt");
    let branch = NewWorktree::NewBranch {
        name: "x".to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    (repo, path)
}

#[tokio::test]
async fn clean_worktree_goes_and_its_branch_stays() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    commit(&path, "b.txt", "work");
    std::fs::write(repo.common_dir().join("info/exclude"), "ignored\n").unwrap();
    std::fs::write(path.join("ignored"), "x").unwrap();
    repo.remove_worktree(&path, Force::No).await.unwrap();
    assert!(!path.exists());
    assert_eq!(repo.worktrees().await.unwrap().len(), 1);
    assert_eq!(repo.branches().await.unwrap().local, ["main", "x"]);
    let again = repo.remove_worktree(&path, Force::No).await;
    assert!(matches!(again, Err(RemoveError::NotAWorktree(_))));
}

#[tokio::test]
async fn work_is_kept_unless_forced() {
    for dirty in ["a.txt", "new.txt", "staged.txt"] {
        let place = Place::new();
        let (repo, path) = with_worktree(&place).await;
        std::fs::write(path.join(dirty), "work").unwrap();
        if dirty == "staged.txt" {
            run(&path, ["add", "."]);
        }
        match repo.remove_worktree(&path, Force::No).await {
            Err(RemoveError::Dirty(status)) => {
                assert_eq!(status.changes.len(), 1);
                assert_eq!(status.changes[0].path, PathBuf::from(dirty));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read_to_string(path.join(dirty)).unwrap(), "work");
        repo.remove_worktree(&path, Force::Yes).await.unwrap();
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn commit_on_no_branch_is_kept_unless_forced() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    run(&path, ["checkout", "-q", "--detach"]);
    commit(&path, "b.txt", "work");
    let refused = repo.remove_worktree(&path, Force::No).await;
    assert!(
        matches!(refused, Err(RemoveError::DetachedCommit(_))),
        "{refused:?}"
    );
    run(&path, ["tag", "saved"]);
    repo.remove_worktree(&path, Force::No).await.unwrap();
}

#[tokio::test]
async fn directory_that_is_gone_is_shown_and_forgotten() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    std::fs::remove_dir_all(&path).unwrap();
    let worktrees = repo.worktrees().await.unwrap();
    assert!(worktrees[1].missing && !worktrees[0].missing);
    assert_eq!(worktrees[1].branch.as_deref(), Some("x"));
    repo.remove_worktree(&path, Force::No).await.unwrap();
    assert_eq!(repo.worktrees().await.unwrap().len(), 1);
}

#[tokio::test]
async fn directory_that_became_something_else_is_not_touched() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("precious"), "x").unwrap();
    for force in [Force::No, Force::Yes] {
        assert!(repo.remove_worktree(&path, force).await.is_err());
        assert!(path.join("precious").exists());
    }
    std::fs::remove_dir_all(&path).unwrap();
    std::os::unix::fs::symlink(repo.root(), &path).unwrap();
    for force in [Force::No, Force::Yes] {
        assert!(repo.remove_worktree(&path, force).await.is_err());
        assert!(repo.root().join("a.txt").exists());
    }
}

#[tokio::test]
async fn locked_main_and_foreign_are_refused() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    let lock = ["worktree", "lock", "--reason", "on a stick"].map(OsStr::new);
    run(repo.root(), lock.into_iter().chain([path.as_os_str()]));
    for force in [Force::No, Force::Yes] {
        let refused = repo.remove_worktree(&path, force).await;
        assert!(matches!(refused, Err(RemoveError::Locked(why)) if why == "on a stick"));
        let refused = repo.remove_worktree(repo.root(), force).await;
        assert!(matches!(refused, Err(RemoveError::MainWorktree)));
        let refused = repo.remove_worktree(&place.path, force).await;
        assert!(matches!(refused, Err(RemoveError::NotAWorktree(_))));
    }
    // Its disk may only be away: neither is it pruned.
    std::fs::remove_dir_all(&path).unwrap();
    repo.prune_worktrees().await.unwrap();
    let worktrees = repo.worktrees().await.unwrap();
    assert!(worktrees[1].missing && worktrees[1].locked.is_some());
}

#[tokio::test]
async fn other_ways_to_the_directory() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    let link = place.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    repo.remove_worktree(&link, Force::No).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn submodules_need_force() {
    let place = Place::new();
    let library = place.repository("library");
    let repo = place.repository("repo");
    let add = ["submodule", "add", "-q"].map(OsStr::new);
    run(
        &repo,
        add.into_iter()
            .chain([library.as_os_str(), OsStr::new("lib")]),
    );
    run(&repo, ["commit", "-q", "-m", "lib"]);
    let repo = open(&repo).await.unwrap();
    let path = place.join("wt");
    let branch = NewWorktree::NewBranch {
        name: "x".to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    run(&path, ["submodule", "-q", "update", "--init"]);
    let refused = repo.remove_worktree(&path, Force::No).await;
    assert!(
        matches!(refused, Err(RemoveError::Submodules)),
        "{refused:?}"
    );
    repo.remove_worktree(&path, Force::Yes).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn status_counts_and_lists() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    assert!(status(&path).await.unwrap().is_clean());
    assert_eq!(status(&path).await.unwrap().to_string(), "clean");
    commit(&path, "both.txt", "1\n");
    std::fs::write(path.join("both.txt"), "2\n").unwrap();
    run(&path, ["add", "."]);
    std::fs::write(path.join("both.txt"), "3\n").unwrap();
    std::fs::write(path.join("a new\nfile"), "x").unwrap();
    std::fs::remove_file(path.join("a.txt")).unwrap();
    let found = status(&path).await.unwrap();
    assert_eq!(found.to_string(), "1 staged, 2 unstaged, 1 untracked");
    let kinds: Vec<_> = found
        .changes
        .iter()
        .map(|change| (change.path.to_str().unwrap(), change.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("a.txt", ChangeKind::Unstaged),
            ("both.txt", ChangeKind::Unstaged),
            ("a new\nfile", ChangeKind::Untracked)
        ]
    );
    assert_eq!((found.upstream, found.ahead), (None, None));
    run(&path, ["branch", "-q", "--set-upstream-to=main"]);
    commit(repo.root(), "c.txt", "c");
    let found = status(&path).await.unwrap();
    assert_eq!(found.upstream.as_deref(), Some("main"));
    assert_eq!((found.ahead, found.behind), (Some(1), Some(1)));
}

#[tokio::test]
async fn status_in_a_conflict() {
    let place = Place::new();
    let (repo, path) = with_worktree(&place).await;
    commit(&path, "a.txt", "mine\n");
    commit(repo.root(), "a.txt", "theirs\n");
    let merge = git(&path).args(["merge", "-q", "main"]).output().unwrap();
    assert!(!merge.status.success());
    let found = status(&path).await.unwrap();
    assert_eq!(found.n_conflicted, 1);
    assert_eq!(found.changes[0].path, PathBuf::from("a.txt"));
    let refused = repo.remove_worktree(&path, Force::No).await;
    assert!(matches!(refused, Err(RemoveError::Dirty(_))));
}
