//! Opening repositories from everywhere around them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use offshoot_git::{GitError, Head, OpenError, ResolveError, head, open, version};

use crate::support::{Place, can_be_made, commit, run};

#[tokio::test]
async fn every_path_inside_leads_to_the_main_worktree() {
    let place = Place::new();
    let repo = place.repository("my repo");
    std::fs::create_dir_all(repo.join("sub/dir")).unwrap();
    let linked = place.join("linked");
    run(
        &repo,
        [
            OsStr::new("worktree"),
            OsStr::new("add"),
            linked.as_os_str(),
        ],
    );
    std::fs::create_dir(linked.join("deep")).unwrap();
    let inside = [
        repo.clone(),
        repo.join("sub/dir"),
        repo.join("a.txt"),
        repo.join(".git"),
        repo.join(".git/refs"),
        linked.clone(),
        linked.join("deep"),
        linked.join(".git"),
    ];
    for path in inside {
        let opened = open(&path).await.unwrap();
        assert_eq!(opened.root(), repo, "{}", path.display());
        assert_eq!(opened.common_dir(), repo.join(".git"), "{}", path.display());
        assert!(!opened.is_bare());
    }
}

#[tokio::test]
async fn strange_paths_are_paths() {
    let place = Place::new();
    for name in [
        OsStr::new("with space"),
        OsStr::new("-dash"),
        OsStr::new("new\nline\n"),
        OsStr::from_bytes(b"not\xffutf8"),
        OsStr::new("*[x]:(top)"),
    ] {
        if !can_be_made(name.as_bytes()) {
            continue;
        }
        let repo = place.repository(Path::new(name));
        let opened = open(&repo).await.unwrap();
        assert_eq!(opened.root(), repo);
        let worktrees = opened.worktrees().await.unwrap();
        assert_eq!(worktrees[0].path, repo);
        assert!(!worktrees[0].missing);
    }
}

#[tokio::test]
async fn submodule_is_a_repository_of_its_own() {
    let place = Place::new();
    let library = place.repository("library");
    let repo = place.repository("repo");
    let add = ["submodule", "add", "-q"].map(OsStr::new);
    run(
        &repo,
        add.into_iter()
            .chain([library.as_os_str(), OsStr::new("lib")]),
    );
    let opened = open(&repo.join("lib")).await.unwrap();
    assert_eq!(opened.root(), repo.join("lib"));
    assert_eq!(opened.worktrees().await.unwrap()[0].path, repo.join("lib"));
    let linked = place.join("linked");
    let add = [
        OsStr::new("worktree"),
        OsStr::new("add"),
        linked.as_os_str(),
    ];
    run(&repo.join("lib"), add);
    assert_eq!(open(&linked).await.unwrap().root(), repo.join("lib"));
}

#[tokio::test]
async fn git_directory_elsewhere() {
    let place = Place::new();
    let repo = place.join("repo");
    std::fs::create_dir(&repo).unwrap();
    let separate = format!("--separate-git-dir={}", place.join("elsewhere").display());
    run(&repo, ["init", "-q", "-b", "main", &separate]);
    commit(&repo, "a", "a");
    assert_eq!(open(&repo).await.unwrap().root(), repo);
}

#[tokio::test]
async fn bare_repository_has_only_linked_worktrees() {
    let place = Place::new();
    let repo = place.repository("repo");
    let bare = place.join("bare.git");
    let clone = [OsStr::new("clone"), OsStr::new("-q"), OsStr::new("--bare")];
    run(
        &place.path,
        clone
            .into_iter()
            .chain([repo.as_os_str(), bare.as_os_str()]),
    );
    let opened = open(&bare).await.unwrap();
    assert!(opened.is_bare());
    assert_eq!(opened.root(), bare);
    assert_eq!(opened.worktrees().await.unwrap(), []);
    assert_eq!(
        opened.branches().await.unwrap().default.as_deref(),
        Some("main")
    );
    let linked = place.join("linked");
    run(
        &bare,
        [
            OsStr::new("worktree"),
            OsStr::new("add"),
            linked.as_os_str(),
        ],
    );
    let from_linked = open(&linked).await.unwrap();
    assert_eq!(from_linked, opened);
    let worktrees = opened.worktrees().await.unwrap();
    assert_eq!(worktrees.len(), 1);
    assert!(!worktrees[0].is_main);
}

#[tokio::test]
async fn what_is_no_repository_is_told() {
    let place = Place::new();
    let nothing = open(&place.join("nothing")).await;
    assert!(matches!(nothing, Err(OpenError::NotFound(_))));
    let plain = open(&place.path).await;
    assert!(
        matches!(plain, Err(OpenError::NotARepository(_))),
        "{plain:?}"
    );
    let repo = place.repository("repo");
    std::fs::write(repo.join(".git/HEAD"), "garbage").unwrap();
    assert!(open(&repo).await.is_err());
}

#[tokio::test]
async fn repository_of_another_user_is_told() {
    let place = Place::new();
    let repo = place.repository("repo");
    // Only root can give files away; others skip this.
    if std::os::unix::fs::chown(&repo, Some(12345), None).is_err() {
        return;
    }
    std::os::unix::fs::chown(repo.join(".git"), Some(12345), None).unwrap();
    let opened = open(&repo).await;
    assert!(
        matches!(opened, Err(OpenError::NotOwned { .. })),
        "{opened:?}"
    );
}

#[tokio::test]
async fn heads_and_revisions() {
    let place = Place::new();
    let repo = place.repository("repo");
    let opened = open(&repo).await.unwrap();
    let first = run(&repo, ["rev-parse", "HEAD"]);
    assert_eq!(head(&repo).await.unwrap(), Head::Branch("main".to_owned()));
    for rev in [
        "HEAD",
        "main",
        &first[..8],
        "refs/heads/main",
        "main^{tree}^{}",
    ] {
        let resolved = opened.resolve(rev).await;
        match rev {
            "main^{tree}^{}" => assert!(matches!(resolved, Err(ResolveError::NotFound(_)))),
            _ => assert_eq!(resolved.unwrap(), first, "{rev}"),
        }
    }
    for rev in [
        "",
        "-x",
        "--all",
        "a..b",
        "nope",
        "a\0b",
        "a\nb",
        "--upload-pack=touch x",
        "@{9}",
    ] {
        let resolved = opened.resolve(rev).await;
        assert!(
            matches!(resolved, Err(ResolveError::NotFound(_))),
            "{rev:?} {resolved:?}"
        );
    }
    run(&repo, ["checkout", "-q", "--detach"]);
    assert_eq!(head(&repo).await.unwrap(), Head::Detached(first));

    let fresh = place.join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    run(&fresh, ["init", "-q", "-b", "trunk"]);
    let opened = open(&fresh).await.unwrap();
    assert_eq!(
        head(&fresh).await.unwrap(),
        Head::Unborn("trunk".to_owned())
    );
    let resolved = opened.resolve("HEAD").await;
    assert!(matches!(resolved, Err(ResolveError::NoCommits)));
    assert_eq!(opened.branches().await.unwrap(), Default::default());
}

#[tokio::test]
async fn remote_addresses_come_without_secrets() {
    let place = Place::new();
    let repo = place.repository("repo");
    let opened = open(&repo).await.unwrap();
    assert_eq!(opened.remote_url().await.unwrap(), None);
    run(
        &repo,
        [
            "remote",
            "add",
            "origin",
            "https://me:secret@example.com/a/b.git",
        ],
    );
    let url = opened.remote_url().await.unwrap();
    assert_eq!(url.as_deref(), Some("https://example.com/a/b.git"));
}

#[tokio::test]
async fn version_is_new_enough() {
    assert!(version().await.unwrap() >= offshoot_git::Version::MINIMUM);
}

#[tokio::test]
async fn directory_that_vanished_is_gits_to_tell() {
    let place = Place::new();
    let gone = head(&place.join("gone")).await;
    assert!(matches!(gone, Err(GitError::Failed { .. })), "{gone:?}");
}

/// Runs other tests with the variables that git sets for a hook, which redirect every git.
#[test]
fn inherited_variables_redirect_nothing() {
    let place = Place::new();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "opening::every_path_inside_leads_to_the_main_worktree",
        ])
        .args([
            "opening::heads_and_revisions",
            "remove::status_counts_and_lists",
        ])
        .env("GIT_DIR", place.repository("other").join(".git"))
        .env("GIT_WORK_TREE", place.join("other"))
        .env("GIT_INDEX_FILE", place.join("index"))
        .env("GIT_OBJECT_DIRECTORY", place.join("objects"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.bare")
        .env("GIT_CONFIG_VALUE_0", "true")
        .env("GIT_TRACE", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("3 passed"),
        "{text}"
    );
}
