//! Any work comes back: random edits, kept, removed by force and restored.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use offshoot_git::open;
use proptest::prelude::*;

use crate::support::{Place, git, run};
use crate::trash::{round_trip, worktree};

/// One step of work. Files and folders are chosen by number among few, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Write(u8, Vec<u8>),
    Remove(u8),
    Rename(u8, u8),
    Link(u8, u8),
    Executable(u8),
    Stage(u8),
    StageAll,
    Commit,
    Stash,
    Unstash,
    Branch,
    Detach,
    Merge,
    Reset,
    /// Any of these, in the submodule.
    Inside(Box<Step>),
}

const NAMES: &[&str] = &[
    "a.txt",
    "b.bin",
    "d/e.txt",
    "d/f/g",
    "d",
    "with space",
    "new\nline",
    "\"quote\"\\",
    "-x",
    ".gitattributes",
    "ü%41",
    "ignored.tmp",
];

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..u8::try_from(NAMES.len()).unwrap();
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-c\r\n$Id:]{0,12}".prop_map(String::into_bytes),
        Just(b"* text eol=crlf ident\n".to_vec()),
    ];
    let plain = prop_oneof![
        6 => (name(), bytes).prop_map(|(name, bytes)| Step::Write(name, bytes)),
        2 => name().prop_map(Step::Remove),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (name(), name()).prop_map(|(name, to)| Step::Link(name, to)),
        1 => name().prop_map(Step::Executable),
        2 => name().prop_map(Step::Stage),
        1 => Just(Step::StageAll),
        2 => Just(Step::Commit),
        1 => Just(Step::Stash),
        1 => Just(Step::Unstash),
        1 => Just(Step::Branch),
        1 => Just(Step::Detach),
        1 => Just(Step::Merge),
        1 => Just(Step::Reset),
    ];
    plain.prop_recursive(1, 2, 1, |step| {
        step.prop_map(|step| Step::Inside(Box::new(step)))
    })
}

/// Does one step; what is not possible just then is left.
fn work(top: &Path, step: &Step) {
    let path = |n: u8| top.join(NAMES[usize::from(n)]);
    // Refusals of git are part of the work: a conflict, nothing to commit.
    let run = |args: &[&str]| drop(git(top).args(args).output().unwrap());
    match step {
        Step::Write(n, bytes) => {
            let _ = std::fs::create_dir_all(path(*n).parent().unwrap());
            let _ = std::fs::write(path(*n), bytes);
        }
        Step::Remove(n) => {
            let _ = std::fs::remove_file(path(*n));
        }
        Step::Rename(from, to) => {
            let _ = std::fs::rename(path(*from), path(*to));
        }
        Step::Link(n, to) => {
            let _ = symlink(NAMES[usize::from(*to)], path(*n));
        }
        Step::Executable(n) => {
            if path(*n).symlink_metadata().is_ok_and(|file| file.is_file()) {
                let mode = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(path(*n), mode).unwrap();
            }
        }
        Step::Stage(n) => run(&["add", "--", NAMES[usize::from(*n)]]),
        Step::StageAll => run(&["add", "-A"]),
        Step::Commit => run(&["commit", "-q", "-m", "work"]),
        Step::Stash => run(&["stash", "-q", "--include-untracked"]),
        Step::Unstash => run(&["stash", "pop", "-q"]),
        Step::Branch => run(&["checkout", "-q", "-b", "other"]),
        Step::Detach => run(&["checkout", "-q", "--detach"]),
        Step::Merge => run(&["merge", "-q", "--no-edit", "theirs"]),
        Step::Reset => run(&["reset", "-q", "HEAD~1"]),
        Step::Inside(step) => work(&top.join("lib"), step),
    }
}

fn one_worktree_with(place: &Place, steps: &[Step]) {
    let library = place.repository("library");
    let path = place.repository("repo");
    std::fs::write(path.join(".gitignore"), "*.tmp\n").unwrap();
    let library = library.to_str().unwrap();
    run(&path, ["submodule", "--quiet", "add", library, "lib"]);
    run(&path, ["add", "-A"]);
    run(&path, ["commit", "-q", "-m", "base"]);
    run(&path, ["checkout", "-q", "-b", "theirs"]);
    crate::support::commit(&path, "a.txt", "theirs\n");
    run(&path, ["checkout", "-q", "main"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let repo = open(&path).await.unwrap();
        let path = worktree(&repo, place, "x").await;
        run(&path, ["submodule", "--quiet", "update", "--init"]);
        for step in steps {
            work(&path, step);
        }
        // These go with the directory, by intent.
        let ignored = git(&path).args(["clean", "-fdqX"]).output();
        assert!(ignored.unwrap().status.success());
        run(repo.root(), ["config", "gc.reflogExpire", "now"]);
        round_trip(&repo, &path, &place.join("back")).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_work_comes_back(steps in prop::collection::vec(step(), 1..14)) {
        one_worktree_with(&Place::new(), &steps);
    }
}
