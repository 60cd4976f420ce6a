//! Work that is kept, removed and brought back.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use offshoot_git::{
    AddError, Force, Head, NewWorktree, RemoveError, Repository, TrashError, TrashId, open,
};

use crate::support::{Place, commit, git, run};

pub(crate) async fn worktree(repo: &Repository, place: &Place, name: &str) -> PathBuf {
    let path = place.join(name);
    let branch = NewWorktree::NewBranch {
        name: name.to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    path
}

pub(crate) type Snapshot = BTreeMap<PathBuf, (char, Vec<u8>)>;

/// Everything below a folder: bytes of files, targets of links, and whether a file may be run. The
/// links to git directories only by name, for they lead to another place after a move.
pub(crate) fn snapshot(top: &Path) -> Snapshot {
    let mut all = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = if metadata.is_dir() {
                folders.push(path);
                continue;
            } else if metadata.is_symlink() {
                let target = path.read_link().unwrap();
                ('l', target.as_os_str().as_bytes().to_vec())
            } else if path.ends_with(".git") {
                ('g', Vec::new())
            } else if metadata.mode() & 0o100 != 0 {
                ('x', std::fs::read(&path).unwrap())
            } else {
                ('f', std::fs::read(&path).unwrap())
            };
            all.insert(path.strip_prefix(top).unwrap().to_owned(), content);
        }
    }
    all
}

/// Compares two snapshots; says which files differ, and not their bytes.
pub(crate) fn assert_same(after: &Snapshot, before: &Snapshot) {
    let names = before.keys().chain(after.keys());
    let differing: Vec<_> = names
        .filter(|name| before.get(*name) != after.get(*name))
        .collect();
    assert!(differing.is_empty(), "{differing:?}");
}

/// What git says of a worktree: head, index, and what differs.
pub(crate) fn state(top: &Path) -> Vec<String> {
    [
        &["log", "-1", "--format=%H"][..],
        &["ls-files", "--stage", "--debug"][..1],
        &["ls-files", "--stage"][..],
        &["status", "--porcelain=v2", "--untracked-files=all"][..],
    ]
    .into_iter()
    .map(|args| {
        let output = git(top).args(args).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
    .collect()
}

/// Removes a worktree into the trash and brings it back elsewhere; everything must be the same.
pub(crate) async fn round_trip(repo: &Repository, path: &Path, target: &Path) {
    let (before, state_before) = (snapshot(path), state(path));
    let trashed = repo.remove_into_trash(path, Some("a title")).await.unwrap();
    assert!(!path.exists());
    let restored = repo.restore(&trashed.id, target, None).await.unwrap();
    assert_eq!(restored.path, target);
    assert_same(&snapshot(target), &before);
    assert_eq!(state(target), state_before);
}

#[tokio::test]
async fn work_comes_back_byte_by_byte() {
    let place = Place::new();
    let repo = place.opened().await;
    std::fs::write(
        repo.root().join(".gitattributes"),
        "*.txt text eol=crlf ident\n",
    )
    .unwrap();
    std::fs::write(repo.root().join(".gitignore"), "ignored\n").unwrap();
    commit(repo.root(), "both.txt", "one\n");
    let path = worktree(&repo, &place, "x").await;
    commit(&path, "committed", "only on this branch");
    let write = |name: &str, bytes: &[u8]| {
        let file = path.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    };
    write("a.txt", b"modified $Id$\nmixed\r\nends\n");
    write("staged", b"staged");
    run(&path, ["add", "staged"]);
    write("both.txt", b"staged\n");
    run(&path, ["add", "both.txt"]);
    write("both.txt", b"not staged\n");
    write("folder/binary \"\n\u{e9}", &[0, 255, 10, 13, 0]);
    write("folder/empty", b"");
    write("folder/%odd%41", b"x");
    write("git~1", b"x");
    write("sub/.gitignore", b"y\n");
    write("intended", b"later");
    run(&path, ["add", "--intent-to-add", "intended"]);
    write("run.sh", b"#!/bin/sh\n");
    run(&path, ["update-index", "--add", "--chmod=+x", "run.sh"]);
    let program = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path.join("folder/%odd%41"), program).unwrap();
    symlink("/etc/passwd", path.join("outside")).unwrap();
    symlink("nowhere", path.join("folder/dangling")).unwrap();
    std::fs::remove_file(path.join("committed")).unwrap();
    write("ignored", b"goes");
    let before = snapshot(&path);
    let state_before = state(&path);

    let trashed = repo
        .remove_into_trash(&path, Some("Größe\n100%"))
        .await
        .unwrap();
    assert!(!path.exists());
    run(repo.root(), ["branch", "-D", "x"]);
    run(repo.root(), ["reflog", "expire", "--expire=now", "--all"]);
    run(repo.root(), ["gc", "--quiet", "--prune=now"]);
    run(repo.root(), ["fsck", "--strict", "--connectivity-only"]);

    let listed = repo.trash().await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&trashed));
    assert_eq!(listed[0].title.as_deref(), Some("Größe\n100%"));
    assert_eq!(listed[0].path, path);
    assert_eq!(listed[0].head, Head::Branch("x".to_owned()));
    let target = place.join("deep/er/back");
    let restored = repo.restore(&trashed.id, &target, None).await.unwrap();
    assert_eq!(restored.head, Head::Branch("x".to_owned()));
    let mut after = snapshot(&target);
    assert_eq!(after.remove(Path::new("ignored")), None);
    after.insert("ignored".into(), ('f', b"goes".to_vec()));
    assert_same(&after, &before);
    assert_eq!(state(&target), state_before);
}

#[tokio::test]
async fn merge_in_progress_goes_on_after_it_came_back() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    commit(&path, "a.txt", "theirs\n");
    commit(repo.root(), "a.txt", "ours\n");
    let merge = git(&path).args(["merge", "main"]).output().unwrap();
    assert!(!merge.status.success());
    let target = place.join("back");
    round_trip(&repo, &path, &target).await;
    commit(&target, "a.txt", "both\n");
    let parents = run(&target, ["log", "-1", "--format=%P"]);
    assert_eq!(parents.split(' ').count(), 2);
}

#[tokio::test]
async fn rebase_in_progress_and_what_only_the_reflog_knows_come_back() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    commit(&path, "lost.txt", "reset away\n");
    let lost = run(&path, ["rev-parse", "HEAD"]);
    run(&path, ["reset", "-q", "--hard", "HEAD~1"]);
    commit(&path, "a.txt", "theirs\n");
    commit(repo.root(), "a.txt", "ours\n");
    let rebase = git(&path).args(["rebase", "main"]).output().unwrap();
    assert!(!rebase.status.success());
    let trashed = repo.remove_into_trash(&path, None).await.unwrap();
    assert!(matches!(trashed.head, Head::Detached(_)));
    run(repo.root(), ["branch", "-D", "x"]);
    run(repo.root(), ["reflog", "expire", "--expire=now", "--all"]);
    run(repo.root(), ["gc", "--quiet", "--prune=now"]);
    let target = place.join("back");
    repo.restore(&trashed.id, &target, None).await.unwrap();
    assert_eq!(run(&target, ["cat-file", "-t", &lost]), "commit");
    assert!(run(&target, ["reflog"]).contains("reset"));
    run(&target, ["rebase", "--abort"]);
    assert_eq!(run(&target, ["branch", "--show-current"]), "x");
    assert_eq!(
        std::fs::read_to_string(target.join("a.txt")).unwrap(),
        "theirs\n"
    );
}

#[tokio::test]
async fn detached_head_and_branch_without_commits_come_back() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    run(&path, ["checkout", "-q", "--detach"]);
    commit(&path, "d.txt", "on no branch");
    let head = run(&path, ["rev-parse", "HEAD"]);
    let target = place.join("back");
    round_trip(&repo, &path, &target).await;
    assert_eq!(
        offshoot_git::head(&target).await.unwrap(),
        Head::Detached(head)
    );
    // Only the trash holds the commit.
    let refused = repo.remove_worktree(&target, Force::No).await;
    assert!(
        matches!(refused, Err(RemoveError::DetachedCommit(_))),
        "{refused:?}"
    );

    let empty = place.join("empty");
    std::fs::create_dir(&empty).unwrap();
    run(&empty, ["init", "-q", "-b", "main"]);
    let path = place.join("orphan");
    run(
        &empty,
        [
            "worktree",
            "add",
            "-q",
            "--orphan",
            "-b",
            "new",
            path.to_str().unwrap(),
        ],
    );
    std::fs::write(path.join("first"), "first").unwrap();
    run(&path, ["add", "first"]);
    let repo = open(&empty).await.unwrap();
    round_trip(&repo, &path, &place.join("again")).await;
    let head = offshoot_git::head(&place.join("again")).await.unwrap();
    assert_eq!(head, Head::Unborn("new".to_owned()));
}

#[tokio::test]
async fn stashes_are_the_repositorys() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    std::fs::write(path.join("a.txt"), "stashed").unwrap();
    run(&path, ["stash"]);
    let target = place.join("back");
    round_trip(&repo, &path, &target).await;
    run(&target, ["stash", "pop"]);
    let text = std::fs::read_to_string(target.join("a.txt")).unwrap();
    assert_eq!(text, "stashed");
}

#[tokio::test]
async fn worktree_of_a_bare_repository_comes_back() {
    let place = Place::new();
    let origin = place.repository("origin");
    let bare = place.join("bare.git");
    let (from, to) = (origin.to_str().unwrap(), bare.to_str().unwrap());
    run(&place.path, ["clone", "-q", "--bare", from, to]);
    let repo = open(&bare).await.unwrap();
    let path = worktree(&repo, &place, "x").await;
    std::fs::write(path.join("new"), "work").unwrap();
    round_trip(&repo, &path, &place.join("back")).await;
}

/// A submodule with a commit, a stash, and changes that are nowhere else, and a repository inside
/// that nobody tracks.
#[tokio::test]
async fn repositories_inside_come_back_with_all_they_have() {
    let place = Place::new();
    let library = place.repository("library");
    let repo = place.opened().await;
    let library = library.to_str().unwrap();
    run(
        repo.root(),
        ["submodule", "--quiet", "add", library, "a lib"],
    );
    run(repo.root(), ["commit", "-q", "-m", "submodule"]);
    let path = worktree(&repo, &place, "x").await;
    run(&path, ["submodule", "--quiet", "update", "--init"]);
    let inner = path.join("a lib");
    std::fs::write(inner.join("a.txt"), "stashed in the submodule").unwrap();
    run(&inner, ["stash"]);
    commit(&inner, "b.txt", "committed in the submodule");
    let inner_head = run(&inner, ["rev-parse", "HEAD"]);
    std::fs::write(inner.join("a.txt"), "changed").unwrap();
    std::fs::write(inner.join("new"), [0, 1, 2]).unwrap();
    let other = path.join("folder/other");
    std::fs::create_dir_all(&other).unwrap();
    run(&other, ["init", "-q", "-b", "main"]);
    std::fs::write(other.join("unborn"), "x").unwrap();
    let cloned = path.join("cloned");
    run(&path, ["clone", "-q", library, cloned.to_str().unwrap()]);
    std::fs::write(cloned.join("a.txt"), "changed").unwrap();
    let fake = path.join("folder/fake/.git");
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::write(fake.join("x"), "no repository").unwrap();
    std::fs::write(path.join("folder/fake/y"), "beside it").unwrap();

    let target = place.join("elsewhere/back");
    round_trip(&repo, &path, &target).await;
    let inner = target.join("a lib");
    assert_eq!(run(&inner, ["rev-parse", "HEAD"]), inner_head);
    assert_eq!(
        run(&inner, ["rev-parse", "--show-toplevel"]),
        inner.to_str().unwrap()
    );
    run(&inner, ["fsck", "--strict"]);
    run(&inner, ["stash", "show"]);
    assert_eq!(
        run(&inner, ["status", "--porcelain"]),
        "M a.txt\n?? new".trim()
    );
}

#[tokio::test]
async fn branch_that_moved_or_is_taken_is_left_alone() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    commit(&path, "b.txt", "first");
    let old = run(&path, ["rev-parse", "HEAD"]);
    let id = repo.remove_into_trash(&path, None).await.unwrap().id;
    run(repo.root(), ["checkout", "-q", "x"]);
    let restored = repo.restore(&id, &place.join("one"), None).await.unwrap();
    assert_eq!(restored.head, Head::Branch("x-2".to_owned()));
    commit(repo.root(), "c.txt", "moved");
    run(repo.root(), ["checkout", "-q", "main"]);
    let restored = repo.restore(&id, &place.join("two"), None).await.unwrap();
    assert_eq!(restored.head, Head::Branch("x-3".to_owned()));
    assert_eq!(run(&place.join("two"), ["rev-parse", "HEAD"]), old);
    let restored = repo
        .restore(&id, &place.join("three"), Some("new/name"))
        .await;
    assert_eq!(restored.unwrap().head, Head::Branch("new/name".to_owned()));
    let taken = repo.restore(&id, &place.join("four"), Some("new")).await;
    assert!(matches!(
        taken,
        Err(TrashError::Add(AddError::BranchExists { .. }))
    ));
    let invalid = repo.restore(&id, &place.join("four"), Some("--x")).await;
    assert!(matches!(
        invalid,
        Err(TrashError::Add(AddError::InvalidBranch(_)))
    ));
    let there = repo.restore(&id, &place.join("three"), None).await;
    assert!(matches!(
        there,
        Err(TrashError::Add(AddError::PathExists(_)))
    ));
    assert!(!place.join("four").exists());
}

#[tokio::test]
async fn entries_are_listed_dropped_and_expire() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    let first = repo.keep_in_trash(&path, None).await.unwrap();
    assert!(path.exists());
    std::fs::write(path.join("new"), "work").unwrap();
    let second = repo.keep_in_trash(&path, Some("two")).await.unwrap();
    assert_eq!(second.summary, "1 untracked");
    assert_eq!(repo.trash().await.unwrap().len(), 2);
    let before = second.created_at - Duration::from_secs(60);
    assert_eq!(repo.expire_trash(before).await.unwrap(), []);
    repo.drop_trash(&first.id).await.unwrap();
    let again = repo.drop_trash(&first.id).await;
    assert!(matches!(again, Err(TrashError::NotFound(_))));
    let gone = repo.restore(&first.id, &place.join("back"), None).await;
    assert!(matches!(gone, Err(TrashError::NotFound(_))));
    let later = SystemTime::now() + Duration::from_secs(60);
    assert_eq!(repo.expire_trash(later).await.unwrap(), [second]);
    assert_eq!(repo.trash().await.unwrap(), []);
    for text in ["", "x", "--help", "0123456789ABCDEF", "../../heads/main"] {
        assert_eq!(TrashId::parse(text), None);
    }
}

#[tokio::test]
async fn what_may_not_be_removed_is_not_kept() {
    let place = Place::new();
    let repo = place.opened().await;
    let main = repo.remove_into_trash(repo.root(), None).await;
    assert!(matches!(
        main,
        Err(TrashError::Remove(RemoveError::MainWorktree))
    ));
    let none = repo.keep_in_trash(&place.join("none"), None).await;
    assert!(matches!(
        none,
        Err(TrashError::Remove(RemoveError::NotAWorktree(_)))
    ));
    assert_eq!(repo.trash().await.unwrap(), []);
}

#[tokio::test]
async fn locked_worktree_goes_into_the_trash() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    std::fs::write(path.join("new"), "work").unwrap();
    run(repo.root(), ["worktree", "lock", path.to_str().unwrap()]);
    let refused = repo.check_removable(&path).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with("the worktree is locked; "), "{text}");
    let id = repo.remove_into_trash(&path, None).await.unwrap().id;
    assert!(!path.exists());
    assert_eq!(repo.worktrees().await.unwrap().len(), 1);
    repo.restore(&id, &path, None).await.unwrap();
    assert_eq!(std::fs::read(path.join("new")).unwrap(), b"work");
    assert_eq!(repo.worktrees().await.unwrap()[1].locked, None);
}

#[tokio::test]
async fn worktree_with_another_git_goes_into_the_trash_once() {
    let ways: [fn(&Path, &Path); 5] = [
        |git, repo| symlink(repo.join(".git"), git).unwrap(),
        |git, _| symlink("nowhere", git).unwrap(),
        |git, _| std::fs::write(git, "gitdir: /nowhere\n").unwrap(),
        |git, _| {
            let top = git.parent().unwrap();
            run(top, ["init", "-q", "-b", "main"]);
            run(top, ["add", "new"]);
            run(top, ["commit", "-q", "-m", "elsewhere"]);
            let hook = "#!/bin/sh\ntouch ../ran\n";
            for name in ["post-checkout", "post-index-change", "fsmonitor"] {
                let hook_path = git.join("hooks").join(name);
                std::fs::create_dir_all(hook_path.parent().unwrap()).unwrap();
                std::fs::write(&hook_path, hook).unwrap();
                let program = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                std::fs::set_permissions(&hook_path, program).unwrap();
            }
            let monitor = git.join("hooks/fsmonitor");
            run(top, ["config", "core.fsmonitor", monitor.to_str().unwrap()]);
        },
        |_, _| {},
    ];
    for (n, replace) in ways.into_iter().enumerate() {
        let place = Place::new();
        let repo = place.opened().await;
        let path = worktree(&repo, &place, "x").await;
        std::fs::write(path.join("new"), "work").unwrap();
        std::fs::write(path.join(".git.replaced"), "mine").unwrap();
        std::fs::remove_file(path.join(".git")).unwrap();
        replace(&path.join(".git"), repo.root());
        let kept = path.join(".git").symlink_metadata().is_ok();
        let inner = path.join(".git/refs/heads/main");
        let commit = std::fs::read(&inner)
            .ok()
            .filter(|_| !path.join(".git").is_symlink());
        let main_before = snapshot(&repo.root().join(".git/refs/heads"));

        let refused = repo.check_removable(&path).await.unwrap_err();
        assert!(matches!(refused, RemoveError::Replaced), "{n} {refused}");
        let id = repo.remove_into_trash(&path, None).await.unwrap().id;
        assert!(path.symlink_metadata().is_err(), "{n}");
        assert_eq!(repo.worktrees().await.unwrap().len(), 1);
        assert_eq!(repo.trash().await.unwrap().len(), 1, "{n}");
        assert!(!place.join("ran").exists());
        let main_after = snapshot(&repo.root().join(".git/refs/heads"));
        assert_same(&main_after, &main_before);
        run(repo.root(), ["fsck", "--strict", "--connectivity-only"]);

        repo.restore(&id, &path, None).await.unwrap();
        assert_eq!(std::fs::read(path.join("new")).unwrap(), b"work");
        assert_eq!(std::fs::read(path.join(".git.replaced")).unwrap(), b"mine");
        let replaced = path.join(".git.replaced-2");
        assert_eq!(replaced.symlink_metadata().is_ok(), kept, "{n}");
        assert_eq!(
            std::fs::read(replaced.join("refs/heads/main"))
                .ok()
                .filter(|_| !replaced.is_symlink()),
            commit
        );
        assert!(path.join(".git").is_file());
    }
}

#[tokio::test]
async fn failed_removal_leaves_no_entry() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    std::fs::write(path.join("new"), "work").unwrap();
    let hasty = repo.clone().with_tree_timeout(Duration::ZERO);
    let failed = hasty.remove_into_trash(&path, None).await;
    assert!(matches!(failed, Err(TrashError::Remove(_))), "{failed:?}");
    // git may have got as far as removing something before it was ended.
    let is_whole = ["new", "a.txt", ".git"].map(|name| path.join(name).exists());
    let n_entries = usize::from(is_whole != [true; 3]);
    assert_eq!(repo.trash().await.unwrap().len(), n_entries);
    repo.remove_into_trash(&path, None).await.unwrap();
    assert_eq!(repo.trash().await.unwrap().len(), n_entries + 1);
}

#[tokio::test]
async fn link_in_the_place_of_a_worktree_is_named() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    let moved = place.join("moved");
    std::fs::rename(&path, &moved).unwrap();
    for target in [repo.root(), &moved, Path::new("nowhere")] {
        symlink(target, &path).unwrap();
        let refused = repo.remove_into_trash(&path, None).await.unwrap_err();
        assert!(
            refused.to_string().contains("is a symbolic link now"),
            "{refused}"
        );
        let refused = repo.check_removable(&path).await.unwrap_err();
        assert!(matches!(refused, RemoveError::Link(_)), "{refused}");
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(repo.trash().await.unwrap(), []);
    repo.remove_into_trash(&path, None).await.unwrap();
    assert!(moved.join("a.txt").exists());
    assert_eq!(repo.worktrees().await.unwrap().len(), 1);
}

#[tokio::test]
async fn worktree_stays_when_it_cannot_be_kept() {
    let place = Place::new();
    let repo = place.opened().await;
    let path = worktree(&repo, &place, "x").await;
    std::fs::write(path.join("new"), "work").unwrap();
    // Root reads everything, so that an unreadable file would prove nothing there.
    let pack = repo.common_dir().join("objects/pack");
    std::fs::remove_dir_all(&pack).unwrap();
    std::fs::write(&pack, "in the way").unwrap();
    let failed = repo.remove_into_trash(&path, None).await;
    assert!(matches!(failed, Err(TrashError::Git(_))), "{failed:?}");
    assert_eq!(std::fs::read(path.join("new")).unwrap(), b"work");
    std::fs::remove_file(&pack).unwrap();
    assert_eq!(repo.trash().await.unwrap(), []);
}

#[tokio::test]
async fn nothing_outside_is_kept_and_nothing_hangs() {
    let place = Place::new();
    let repo = place.opened().await;
    std::fs::create_dir(repo.root().join("d")).unwrap();
    commit(repo.root(), "d/secret", "tracked");
    let path = worktree(&repo, &place, "x").await;
    let outside = place.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "not ours").unwrap();
    std::fs::remove_dir_all(path.join("d")).unwrap();
    symlink(&outside, path.join("d")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    let inner = path.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let link = format!("gitdir: {}\n", outside.display());
    std::fs::write(inner.join(".git"), &link).unwrap();
    std::fs::write(inner.join("file"), "x").unwrap();
    // Who works in a worktree can lead its link elsewhere too.
    std::fs::write(path.join(".git"), &link).unwrap();
    let id = repo.keep_in_trash(&path, None).await.unwrap().id;
    let target = place.join("back");
    repo.restore(&id, &target, None).await.unwrap();
    assert_eq!(target.join("d").read_link().unwrap(), outside);
    assert_eq!(std::fs::read_to_string(inner.join(".git")).unwrap(), link);
    let name = format!("refs/offshoot/trash/{id}");
    let found = git(repo.root()).args(["grep", "not ours", &name]).output();
    assert!(found.unwrap().stdout.is_empty());
    assert!(!target.join("pipe").exists());
}
