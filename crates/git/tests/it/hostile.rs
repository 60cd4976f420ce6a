//! Repositories that want programs run.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use offshoot_git::{
    AddError, Base, Comparison, DiffLimits, FetchError, Force, NewWorktree, RenameError, Target,
    TrashError, TrashId, are_ignored, commits, diff, file_lines, head, ignored_directories, open,
    status, valid_clone_url, watch_points,
};

use crate::support::{Place, commit, git, run};

/// A repository whose configuration names a program in every place that is known for it. The program
/// leaves a mark.
struct Trap {
    place: Place,
    repo: PathBuf,
}

impl Trap {
    fn set() -> Self {
        let place = Place::new();
        let repo = place.repository("repo");
        std::fs::write(
            repo.join(".gitattributes"),
            "*.txt filter=evil diff=evil merge=evil\n",
        )
        .unwrap();
        commit(&repo, "b.txt", "b\n");
        let program = place.join("program");
        let mark = place.join("marks");
        std::fs::create_dir(&mark).unwrap();
        let script = format!("#!/bin/sh\n: > {}/$$\ncat\n", mark.display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program_text = program.to_str().unwrap();
        let keys = [
            "core.fsmonitor",
            "core.pager",
            "core.editor",
            "core.sshCommand",
            "core.askPass",
            "core.gitProxy",
            "core.alternateRefsCommand",
            "pager.status",
            "pager.worktree",
            "pager.branch",
            "diff.external",
            "diff.evil.command",
            "diff.evil.textconv",
            "merge.evil.driver",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "credential.helper",
            "uploadpack.packObjectsHook",
            "gpg.program",
            "alias.status",
            "alias.worktree",
        ];
        for key in keys {
            run(&repo, ["config", key, program_text]);
        }
        run(&repo, ["config", "filter.evil.required", "true"]);
        run(&repo, ["config", "log.showSignature", "true"]);
        let hooks = place.join("hooks");
        std::fs::create_dir(&hooks).unwrap();
        for hook in [
            "post-checkout",
            "post-index-change",
            "reference-transaction",
            "fsmonitor-watchman",
            "pre-commit",
        ] {
            std::fs::copy(&program, hooks.join(hook)).unwrap();
            std::fs::copy(&program, repo.join(".git/hooks").join(hook)).unwrap();
        }
        run(&repo, ["config", "core.hooksPath", hooks.to_str().unwrap()]);
        // Same length, other time: git must read the file to know, which is when filters run.
        std::fs::write(repo.join("a.txt"), "HELLO\n").unwrap();
        let trap = Self { place, repo };
        trap.clear();
        trap
    }

    fn clear(&self) {
        for entry in std::fs::read_dir(self.place.join("marks")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    fn n_marks(&self) -> usize {
        std::fs::read_dir(self.place.join("marks")).unwrap().count()
    }
}

/// A plain `git status` falls in, or the other tests would prove nothing.
#[test]
fn trap_works() {
    let trap = Trap::set();
    let _ = git(&trap.repo).arg("status").output().unwrap();
    assert!(trap.n_marks() > 0);
}

async fn look_at_everything(dir: &Path) {
    let repo = open(dir).await.unwrap();
    let found = status(dir).await.unwrap();
    assert!(
        found
            .changes
            .iter()
            .any(|change| change.path == Path::new("a.txt"))
    );
    head(dir).await.unwrap();
    look_at_changes(dir).await;
    repo.branches().await.unwrap();
    repo.worktrees().await.unwrap();
    repo.remote_url().await.unwrap();
    repo.resolve("HEAD").await.unwrap();
    repo.unused_branch("main").await.unwrap();
}

async fn look_at_changes(dir: &Path) {
    let rev = |rev: &str| Target::Rev(rev.to_owned());
    for target in [Target::WorkingTree, rev("HEAD")] {
        let base = Base::Rev("HEAD~1".to_owned());
        let comparison = Comparison { base, target };
        let diff = diff(dir, &comparison, &DiffLimits::default()).await;
        assert!(!diff.unwrap().files.is_empty());
    }
    for target in [Target::WorkingTree, rev("HEAD")] {
        let lines = file_lines(dir, &target, "a.txt", 1, 1).await.unwrap();
        assert_eq!(lines[0].to_lowercase(), "hello");
    }
    watch_points(dir).await.unwrap();
    ignored_directories(dir, &[]).await.unwrap();
    let names = HashSet::from(["a.txt".into()]);
    assert!(!are_ignored(dir, &names).await.unwrap());
}

#[tokio::test]
async fn looking_runs_nothing() {
    let trap = Trap::set();
    look_at_everything(&trap.repo).await;
    assert_eq!(trap.n_marks(), 0);
}

#[tokio::test]
async fn looking_runs_nothing_from_worktree_and_included_configuration() {
    let trap = Trap::set();
    let program = trap.place.join("program");
    let program = program.to_str().unwrap();
    run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
    let include = trap.place.join("include");
    std::fs::write(
        &include,
        format!("[filter \"evil\"]\n\tclean = {program}\n"),
    )
    .unwrap();
    run(
        &trap.repo,
        ["config", "include.path", include.to_str().unwrap()],
    );
    run(&trap.repo, ["config", "extensions.worktreeConfig", "true"]);
    run(
        &trap.repo,
        ["config", "--worktree", "filter.evil.process", program],
    );
    run(
        &trap.repo,
        ["config", "--worktree", "core.fsmonitor", program],
    );
    trap.clear();
    look_at_everything(&trap.repo).await;
    assert_eq!(trap.n_marks(), 0);
}

/// Names that would end early in a command line, or in a pattern.
#[tokio::test]
async fn looking_runs_no_filter_with_a_strange_name() {
    for name in ["a=b", "a.b", "A", "ü", "clean", "[x]*"] {
        let trap = Trap::set();
        run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
        let program = trap.place.join("program");
        let attributes = format!("*.txt filter={name}\n");
        std::fs::write(trap.repo.join(".gitattributes"), attributes).unwrap();
        for last in ["clean", "process"] {
            let key = format!("filter.{name}.{last}");
            run(&trap.repo, ["config", &key, program.to_str().unwrap()]);
            trap.clear();
            let _ = git(&trap.repo).arg("status").output().unwrap();
            assert!(trap.n_marks() > 0, "the trap for {name:?} works");
            trap.clear();
            look_at_everything(&trap.repo).await;
            assert_eq!(trap.n_marks(), 0, "{name:?}");
        }
    }
}

#[tokio::test]
async fn partial_clone_is_not_filled_by_looking() {
    let trap = Trap::set();
    let repo = &trap.repo;
    let program = trap.place.join("program");
    run(repo, ["config", "extensions.partialClone", "origin"]);
    run(
        repo,
        ["config", "remote.origin.url", "ssh://example.invalid/x"],
    );
    run(repo, ["config", "remote.origin.promisor", "true"]);
    run(
        repo,
        [
            "config",
            "remote.origin.uploadpack",
            program.to_str().unwrap(),
        ],
    );
    let missing = "1".repeat(40);
    trap.clear();
    let opened = open(repo).await.unwrap();
    assert!(opened.resolve(&missing).await.is_err());
    look_at_everything(repo).await;
    assert_eq!(trap.n_marks(), 0);
}

#[tokio::test]
async fn worktrees_are_added_and_removed_without_hooks() {
    let trap = Trap::set();
    run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
    run(
        &trap.repo,
        [
            "config",
            "core.fsmonitor",
            trap.place.join("program").to_str().unwrap(),
        ],
    );
    trap.clear();
    let repo = open(&trap.repo).await.unwrap();
    let path = trap.place.join("wt");
    let branch = NewWorktree::NewBranch {
        name: "x".to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    repo.rename_branch(&path, None, "y").await.unwrap();
    repo.remove_worktree(&path, Force::No).await.unwrap();
    repo.prune_worktrees().await.unwrap();
    assert_eq!(trap.n_marks(), 0);
}

#[tokio::test]
async fn removing_looks_without_filters() {
    let trap = Trap::set();
    let repo = open(&trap.repo).await.unwrap();
    let path = trap.place.join("wt");
    run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
    let branch = NewWorktree::NewBranch {
        name: "x".to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    let program = trap.place.join("program");
    run(
        &trap.repo,
        ["config", "filter.evil.clean", program.to_str().unwrap()],
    );
    // The same text again: only reading it tells that nothing changed.
    let text = std::fs::read(path.join("b.txt")).unwrap();
    std::fs::write(path.join("b.txt"), text).unwrap();
    trap.clear();
    repo.remove_worktree(&path, Force::No).await.unwrap();
    assert_eq!(trap.n_marks(), 0);
}

impl Trap {
    /// Adds what waits for a fetch: a remote in a folder of this machine, and programs for all that
    /// a fetch could start.
    fn wait_for_fetch(&self) -> PathBuf {
        let origin = self.place.repository("origin");
        commit(&origin, "new.txt", "new");
        // One that ends, for the two sides of a fetch wait for each other's words.
        let program = self.place.join("talker");
        let mark = self.place.join("marks");
        std::fs::write(&program, format!("#!/bin/sh\n: > {}/$$\n", mark.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.to_str().unwrap();
        let repo = &self.repo;
        run(repo, ["remote", "add", "origin", origin.to_str().unwrap()]);
        let keys = [
            "remote.origin.uploadpack",
            "core.sshCommand",
            "credential.helper",
            "credential.https://127.0.0.1.helper",
            "core.alternateRefsCommand",
        ];
        for key in keys {
            run(repo, ["config", key, program]);
        }
        run(repo, ["config", "fetch.recurseSubmodules", "true"]);
        run(repo, ["config", "gc.auto", "1"]);
        let alternate = self.place.repository("alternate").join(".git/objects");
        let info = repo.join(".git/objects/info/alternates");
        std::fs::write(info, format!("{}\n", alternate.display())).unwrap();
        self.clear();
        origin
    }
}

#[tokio::test]
async fn fetching_runs_nothing_of_the_repository() {
    let trap = Trap::set();
    trap.wait_for_fetch();
    let _ = git(&trap.repo).args(["fetch", "origin"]).output().unwrap();
    assert!(trap.n_marks() > 0, "the trap works");
    trap.clear();
    let repo = open(&trap.repo).await.unwrap();
    repo.fetch(Some("main")).await.unwrap();
    repo.fetch(None).await.unwrap();
    assert_eq!(repo.refresh_default_branch().await.unwrap(), "main");
    repo.ahead_behind("main", "origin/main").await.unwrap();
    assert!(!commits(&trap.repo, "origin/main").await.unwrap().is_empty());
    assert_eq!(trap.n_marks(), 0);
}

#[tokio::test]
async fn addresses_that_are_programs_are_refused() {
    let trap = Trap::set();
    trap.wait_for_fetch();
    let program = trap.place.join("program");
    let program = program.to_str().unwrap();
    let repo = open(&trap.repo).await.unwrap();
    let config = |key: &str, value: &str| drop(run(&trap.repo, ["config", key, value]));
    config("protocol.allow", "always");
    config("protocol.ext.allow", "always");
    let ext = format!("ext::{program}");
    for url in [ext.as_str(), "fd::17/x", "evil::x", "ftp://127.0.0.1:9/x"] {
        config("remote.origin.url", url);
        let refused = repo.fetch(None).await;
        assert!(
            matches!(refused, Err(FetchError::NotAllowed { .. })),
            "{url} {refused:?}"
        );
        let refused = repo.refresh_default_branch().await;
        assert!(
            matches!(refused, Err(FetchError::NotAllowed { .. })),
            "{url} {refused:?}"
        );
    }
    // Others, and by other ways: an alias of an address, a remote helper, ssh, a proxy, an option.
    config(&format!("url.{ext} .insteadOf"), "alias:");
    let urls = [
        "alias:x",
        "--upload-pack=touch x",
        "-x",
        "ssh://-oProxyCommand=x/y",
        "git://127.0.0.1:9/x",
        "https://127.0.0.1:9/x",
    ];
    for url in urls {
        config("remote.origin.url", url);
        assert!(repo.fetch(None).await.is_err(), "{url}");
    }
    config("remote.origin.vcs", "ext");
    assert!(repo.fetch(None).await.is_err());
    assert_eq!(trap.n_marks(), 0);
    assert!(!trap.repo.join("x").exists());
}

/// Own ssh commands of a repository are not used; the user's are, but a test has no user.
#[tokio::test]
async fn ssh_command_of_the_repository_is_not_used() {
    let trap = Trap::set();
    trap.wait_for_fetch();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("ssh://nobody@127.0.0.1:{port}/x");
    run(&trap.repo, ["config", "remote.origin.url", &url]);
    let _ = git(&trap.repo).args(["fetch", "origin"]).output().unwrap();
    assert!(trap.n_marks() > 0, "the trap works");
    trap.clear();
    let repo = open(&trap.repo).await.unwrap();
    assert!(repo.fetch(None).await.is_err());
    assert_eq!(trap.n_marks(), 0);
}

/// Names from outside that look like options or expressions.
const STRANGE_NAMES: &[&str] = &[
    "--upload-pack=touch x",
    "-x",
    "a..b",
    "a\nb",
    "a\0b",
    "",
    ":(top)",
    "@{-1}",
    "../x",
    "x.lock",
];

#[tokio::test]
async fn strange_names_are_refused_everywhere() {
    let trap = Trap::set();
    run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
    trap.wait_for_fetch();
    let repo = open(&trap.repo).await.unwrap();
    let id = {
        let path = trap.place.join("wt");
        let branch = NewWorktree::NewBranch {
            name: "x".to_owned(),
            base: "main".to_owned(),
        };
        repo.add_worktree(&path, &branch).await.unwrap();
        repo.remove_into_trash(&path, None).await.unwrap().id
    };
    let before = run(&trap.repo, ["for-each-ref"]);
    for name in STRANGE_NAMES {
        let fetched = repo.fetch(Some(name)).await;
        assert!(
            matches!(fetched, Err(FetchError::InvalidBranch(_))),
            "{name:?}"
        );
        let target = trap.place.join("wt");
        let restored = repo.restore(&id, &target, Some(name)).await;
        assert!(
            matches!(restored, Err(TrashError::Add(AddError::InvalidBranch(_)))),
            "{name:?}"
        );
        for new in [
            NewWorktree::Existing((*name).to_owned()),
            NewWorktree::NewBranch {
                name: (*name).to_owned(),
                base: "main".to_owned(),
            },
        ] {
            let added = repo.add_worktree(&target, &new).await;
            assert!(matches!(added, Err(AddError::InvalidBranch(_))), "{name:?}");
        }
        let renamed = repo.rename_branch(&trap.repo, None, name).await;
        assert!(
            matches!(renamed, Err(RenameError::InvalidBranch(_))),
            "{name:?}"
        );
        assert!(repo.resolve(name).await.is_err(), "{name:?}");
        assert!(repo.ahead_behind(name, "main").await.is_err(), "{name:?}");
        assert!(commits(&trap.repo, name).await.is_err(), "{name:?}");
        assert!(valid_clone_url(name).is_err(), "{name:?}");
        assert_eq!(TrashId::parse(name), None);
        assert!(!target.exists());
    }
    assert_eq!(run(&trap.repo, ["for-each-ref"]), before);
    assert_eq!(trap.n_marks(), 0);
    assert!(!trap.repo.join("x").exists());
}

#[tokio::test]
async fn keeping_and_restoring_run_nothing() {
    let trap = Trap::set();
    run(&trap.repo, ["config", "--remove-section", "filter.evil"]);
    let repo = open(&trap.repo).await.unwrap();
    let path = trap.place.join("wt");
    let branch = NewWorktree::NewBranch {
        name: "x".to_owned(),
        base: "main".to_owned(),
    };
    repo.add_worktree(&path, &branch).await.unwrap();
    let library = trap.place.repository("library");
    let inner = path.join("inner");
    let (from, to) = (library.to_str().unwrap(), inner.to_str().unwrap());
    run(&path, ["clone", "-q", from, to]);
    let program = trap.place.join("program");
    let program = program.to_str().unwrap();
    for repo in [&trap.repo, &inner] {
        for key in [
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "core.fsmonitor",
        ] {
            run(repo, ["config", key, program]);
        }
        run(repo, ["config", "filter.evil.required", "true"]);
        run(repo, ["config", "core.worktree", "/etc"]);
    }
    run(&trap.repo, ["config", "--unset", "core.worktree"]);
    run(&trap.repo, ["config", "commit.gpgSign", "true"]);
    std::fs::write(inner.join(".gitattributes"), "* filter=evil\n").unwrap();
    std::fs::write(inner.join("a.txt"), "HELLO\n").unwrap();
    std::fs::write(path.join("b.txt"), "B\n").unwrap();
    std::fs::write(path.join("new.txt"), "new\n").unwrap();
    trap.clear();
    let before = crate::trash::snapshot(&path);
    let trashed = repo.remove_into_trash(&path, None).await.unwrap();
    repo.trash().await.unwrap();
    let target = trap.place.join("back");
    repo.restore(&trashed.id, &target, None).await.unwrap();
    crate::trash::assert_same(&crate::trash::snapshot(&target), &before);
    repo.drop_trash(&trashed.id).await.unwrap();
    assert_eq!(trap.n_marks(), 0);
}

/// The message of an entry, up to its commit.
const ENTRY: &str = "x\n\nOffshoot-Trash: 1\nHead: branch\nBranch: --x\nPath: /x\nGit-Dir: /x\n\
    Summary: \nFiles: 1\nTime: 1\nCommit: ";

/// A ref that a repository brings along, made to write elsewhere.
#[tokio::test]
async fn entries_made_by_others_do_not_lead_elsewhere() {
    let place = Place::new();
    let path = place.repository("repo");
    let repo = open(&path).await.unwrap();
    let head = run(&path, ["rev-parse", "HEAD"]);
    let tree = run(&path, ["rev-parse", "HEAD^{tree}"]);
    let id = TrashId::parse("0123456789abcdef").unwrap();
    let name = format!("refs/offshoot/trash/{id}");
    let other = run(
        &path,
        ["commit-tree", "-m", &format!("{ENTRY}{head}"), &tree],
    );
    run(&path, ["update-ref", &name, &other]);
    assert_eq!(repo.trash().await.unwrap(), []);
    let refused = repo.restore(&id, &place.join("back"), None).await;
    assert!(
        matches!(refused, Err(TrashError::UnknownForm(_))),
        "{refused:?}"
    );
}

/// A link to a folder, and a file behind it.
#[tokio::test]
async fn links_of_entries_made_by_others_are_not_followed() {
    let place = Place::new();
    let path = place.repository("repo");
    let repo = open(&path).await.unwrap();
    let head = run(&path, ["rev-parse", "HEAD"]);
    let id = TrashId::parse("0123456789abcdef").unwrap();
    let name = format!("refs/offshoot/trash/{id}");
    let message = format!("{ENTRY}{head}").replace("Branch: --x", "Branch: y");
    let blob = run(&path, ["rev-parse", "HEAD:a.txt"]);
    let mut link = git(&path);
    let link = link.args(["hash-object", "-w", "--stdin"]);
    let outside = place.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(place.join("target"), outside.as_os_str().as_encoded_bytes()).unwrap();
    let link = link
        .stdin(std::fs::File::open(place.join("target")).unwrap())
        .output()
        .unwrap();
    let link = String::from_utf8(link.stdout).unwrap().trim().to_owned();
    let mktree = |lines: String| {
        std::fs::write(place.join("lines"), lines).unwrap();
        let output = git(&path)
            .arg("mktree")
            .stdin(std::fs::File::open(place.join("lines")).unwrap())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let inner = mktree(format!("100644 blob {blob}\tf\n"));
    let worktree = mktree(format!("120000 blob {link}\td\n040000 tree {inner}\td\n"));
    let top = mktree(format!("040000 tree {worktree}\tworktree\n"));
    let made = run(&path, ["commit-tree", "-m", &message, &top]);
    run(&path, ["update-ref", &name, &made]);
    assert_eq!(repo.trash().await.unwrap().len(), 1);
    let refused = repo.restore(&id, &place.join("back"), None).await;
    assert!(matches!(refused, Err(TrashError::Io { .. })), "{refused:?}");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!place.join("back").exists());
    assert_eq!(repo.branches().await.unwrap().local, ["main"]);
    assert_eq!(repo.worktrees().await.unwrap().len(), 1);
}
