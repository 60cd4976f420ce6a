//! Repositories that want programs run.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use offshoot_git::{
    Base, Comparison, DiffLimits, Force, NewWorktree, Target, are_ignored, diff, file_lines, head,
    ignored_directories, open, status, watch_points,
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
