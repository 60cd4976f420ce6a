//! Diffs of real states of real repositories.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use offshoot_git::{
    Base, Comparison, Diff, DiffError, DiffLimits, FileDiff, FileStatus, LinesError, Omission,
    StageState, Target, diff, diff_of_files, display_name, file_lines,
};
use proptest::prelude::*;

use crate::support::{Place, commit, git, run};

const LIMITS: DiffLimits = DiffLimits {
    n_files: 1000,
    file_bytes: 1 << 20,
    total_bytes: 4 << 20,
};

fn against(base: &str) -> Comparison {
    Comparison {
        base: Base::parse(base),
        target: Target::WorkingTree,
    }
}

async fn changes(dir: &Path, base: &str) -> Diff {
    diff(dir, &against(base), &LIMITS).await.unwrap()
}

fn write(dir: &Path, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn file<'a>(diff: &'a Diff, name: &str) -> &'a FileDiff {
    let found = diff
        .files
        .iter()
        .find(|file| display_name(&file.path) == name);
    found.unwrap_or_else(|| panic!("{name} is not in {:?}", names(diff)))
}

fn names(diff: &Diff) -> Vec<String> {
    diff.files
        .iter()
        .map(|file| display_name(&file.path))
        .collect()
}

/// Names in the `---` and `+++` lines, without prefix and quotes, as readers of patches see them.
fn names_in_lines(patch: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in patch.lines() {
        for (start, prefix) in [("--- ", "a/"), ("+++ ", "b/")] {
            let Some(name) = line.strip_prefix(start) else {
                continue;
            };
            let name = name.trim_end_matches('\t');
            let quoted = name
                .strip_prefix('"')
                .and_then(|name| name.strip_suffix('"'));
            let name = quoted.unwrap_or(name);
            found.extend(name.strip_prefix(prefix).map(str::to_owned));
        }
    }
    found
}

/// Brings a file into each state there is, from a base that is returned.
fn repository_of_each_state(repo: &Path) -> String {
    let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
    let other: String = (0..40).map(|n| format!("other {n}\n")).collect();
    for name in [
        "committed",
        "staged",
        "unstaged",
        "partial",
        "gone",
        "gone-staged",
        "mode",
        "link",
        "kept",
    ] {
        write(repo, name, format!("{name}\n2\n3\n"));
    }
    write(repo, "old name", &long);
    write(repo, "source", &other);
    write(repo, "binary", b"\0one");
    write(repo, "type", "a file\n");
    write(repo, "forgotten", "forgotten\n");
    run(repo, ["add", "-A"]);
    run(repo, ["commit", "-q", "-m", "base"]);
    let base = run(repo, ["rev-parse", "HEAD"]);
    write(repo, "committed", "changed\n");
    write(repo, "new-committed", "nothing\nlike it\n");
    run(repo, ["add", "-A"]);
    run(repo, ["commit", "-q", "-m", "next"]);
    for name in ["staged", "partial"] {
        write(repo, name, "is staged\n");
    }
    write(repo, "new-staged", "new and staged\n");
    run(repo, ["mv", "old name", "new name"]);
    write(repo, "copy", &other);
    write(repo, "source", format!("{other}more\n"));
    write(repo, "binary", b"\0two");
    run(repo, ["rm", "-q", "--cached", "forgotten"]);
    run(repo, ["rm", "-q", "gone-staged"]);
    run(
        repo,
        ["add", "staged", "partial", "new-staged", "copy", "source"],
    );
    write(repo, "partial", "and more\n");
    write(repo, "unstaged", "is not\n2\n3\n4\n");
    write(repo, "untracked/deep", "1\n2\n3");
    write(repo, "empty", "");
    std::fs::remove_file(repo.join("gone")).unwrap();
    std::fs::remove_file(repo.join("type")).unwrap();
    symlink("kept", repo.join("type")).unwrap();
    symlink("/etc/passwd", repo.join("new-link")).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(repo.join("mode"), executable).unwrap();
    base
}

#[tokio::test]
async fn each_state_of_a_file_is_told() {
    use FileStatus::{Added, Copied, Deleted, Modified, Renamed, Untracked};
    use StageState::{Committed, Partial, Staged, Unstaged};
    let place = Place::new();
    let repo = place.repository("repo");
    let base = repository_of_each_state(&repo);
    let diff = changes(&repo, &base).await;
    assert_eq!((&diff.base, &diff.target), (&base, &None));
    let table = [
        ("binary", Modified, Unstaged, 0, 0),
        ("committed", Modified, Committed, 1, 3),
        ("copy", Copied, Staged, 0, 0),
        ("empty", Untracked, Unstaged, 0, 0),
        ("forgotten", Modified, Partial, 1, 1),
        ("gone", Deleted, Unstaged, 0, 3),
        ("gone-staged", Deleted, Staged, 0, 3),
        ("mode", Modified, Unstaged, 0, 0),
        ("new name", Renamed, Staged, 0, 0),
        ("new-committed", Added, Committed, 2, 0),
        ("new-link", Untracked, Unstaged, 1, 0),
        ("new-staged", Added, Staged, 1, 0),
        ("partial", Modified, Partial, 1, 3),
        ("source", Modified, Staged, 1, 0),
        ("staged", Modified, Staged, 1, 3),
        ("type", Modified, Unstaged, 1, 1),
        ("unstaged", Modified, Unstaged, 2, 1),
        ("untracked/deep", Untracked, Unstaged, 3, 0),
    ];
    let found: Vec<_> = diff
        .files
        .iter()
        .map(|file| {
            let name = file.path.to_str().unwrap();
            (
                name,
                file.status,
                file.stage,
                file.additions,
                file.deletions,
            )
        })
        .collect();
    assert_eq!(found, table);
    assert!(file(&diff, "binary").is_binary);
    assert!(!file(&diff, "partial").is_binary);
    assert_eq!(file(&diff, "new name").old_path, Some("old name".into()));
    assert_eq!(file(&diff, "copy").old_path, Some("source".into()));
    let patch = String::from_utf8(diff.patch()).unwrap();
    assert!(patch.contains("+++ b/untracked/deep\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n\\ No newline"));
    assert!(!patch.contains("root:"), "a link was followed");
    // Committed changes are all there is between commits.
    let between = Comparison {
        base: Base::Rev(base),
        target: Target::Rev("HEAD".to_owned()),
    };
    let diff = offshoot_git::diff(&repo, &between, &LIMITS).await.unwrap();
    assert_eq!(names(&diff), ["committed", "new-committed"]);
    assert_eq!(diff.target, Some(run(&repo, ["rev-parse", "HEAD"])));
}

#[tokio::test]
async fn every_name_is_found_in_the_lines_of_the_patch() {
    let odd: [&[u8]; 9] = [
        b"sp ace",
        b"q\"uo\\te",
        "ünï-日本".as_bytes(),
        b"new\nline",
        b"ta\tb\"",
        b"-dash",
        b":(top)*",
        b"b/ b",
        b"\xff\xfe",
    ];
    let place = Place::new();
    let repo = place.repository("repo");
    let paths = || {
        let utf8 = odd.iter().filter(|name| crate::support::can_be_made(name));
        utf8.map(|name| PathBuf::from(OsStr::from_bytes(name)))
    };
    for path in paths() {
        write(&repo, repo.join(path), "1\n2\n");
    }
    run(&repo, ["add", "-A"]);
    run(&repo, ["commit", "-q", "-m", "odd"]);
    for path in paths() {
        write(&repo, repo.join(&path), "1\n2\n3\n");
        let untracked = Path::new("untracked").join(path);
        write(&repo, untracked, "x\n");
    }
    // The user's configuration does not change what is shown.
    for (key, value) in [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("core.quotePath", "true"),
        ("diff.context", "0"),
        ("diff.renames", "false"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
        ("diff.suppressBlankEmpty", "true"),
        ("status.showUntrackedFiles", "no"),
        ("status.relativePaths", "false"),
    ] {
        run(&repo, ["config", key, value]);
    }
    let diff = changes(&repo.join("untracked"), "HEAD").await;
    assert_eq!(diff.files.len(), 2 * paths().count());
    let patch = String::from_utf8(diff.patch()).unwrap();
    let in_lines = names_in_lines(&patch);
    for file in &diff.files {
        let name = display_name(&file.path);
        assert!(in_lines.contains(&name), "{name} is not in {in_lines:?}");
        assert_eq!(file.additions, 1, "{name}");
        let lines = file_lines(&repo, &Target::WorkingTree, &name, 1, 1).await;
        assert!(["1", "x"].contains(&lines.unwrap()[0].as_str()), "{name}");
    }
    apply_and_compare(&place, &repo, "HEAD").await;
}

#[tokio::test]
async fn repositories_in_odd_states_have_a_diff() {
    let place = Place::new();
    // Without commits.
    let empty = place.join("empty");
    std::fs::create_dir(&empty).unwrap();
    run(&empty, ["init", "-q", "-b", "main"]);
    write(&empty, "staged", "1\n");
    run(&empty, ["add", "staged"]);
    write(&empty, "untracked", "1\n");
    let diff = changes(&empty, "HEAD").await;
    assert_eq!(
        (names(&diff), &*diff.base),
        (vec!["staged".into(), "untracked".into()], "HEAD")
    );
    assert_eq!(file(&diff, "staged").status, FileStatus::Added);
    // Nothing changed.
    let repo = place.repository("repo");
    let diff = changes(&repo, "HEAD").await;
    assert_eq!((diff.files.len(), diff.patch().len()), (0, 0));
    // Detached, in conflict.
    let first = run(&repo, ["rev-parse", "HEAD"]);
    run(&repo, ["checkout", "-q", "-b", "other"]);
    commit(&repo, "a.txt", "theirs\n");
    run(&repo, ["checkout", "-q", "--detach", &first]);
    commit(&repo, "a.txt", "ours\n");
    assert!(
        !git(&repo)
            .args(["merge", "other"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let diff = changes(&repo, "HEAD").await;
    assert_eq!(names(&diff), ["a.txt"]);
    let conflicted = file(&diff, "a.txt");
    assert_eq!(
        (conflicted.status, conflicted.stage),
        (FileStatus::Modified, StageState::Unstaged)
    );
    let patch = String::from_utf8(diff.patch()).unwrap();
    assert!(
        patch.contains("+<<<<<<<") && patch.contains("+theirs"),
        "{patch}"
    );
    apply_and_compare(&place, &repo, "HEAD").await;
    // With a submodule at another commit, and a repository that is none.
    let outer = place.repository("outer");
    let inner = place.repository("inner");
    run(
        &outer,
        ["submodule", "add", "-q", inner.to_str().unwrap(), "sub"],
    );
    run(&outer, ["commit", "-q", "-m", "sub"]);
    commit(&outer.join("sub"), "a.txt", "next\n");
    place.repository("outer/nested");
    let diff = changes(&outer, "HEAD").await;
    let patch = String::from_utf8_lossy(&file(&diff, "sub").patch);
    assert!(patch.contains("+Subproject commit"), "{patch}");
    assert_eq!(file(&diff, "nested/").omitted, Some(Omission::Unreadable));
}

#[tokio::test]
async fn the_base_is_looked_up_each_time() {
    let place = Place::new();
    let repo = place.repository("repo");
    let first = run(&repo, ["rev-parse", "HEAD"]);
    run(&repo, ["checkout", "-q", "-b", "work"]);
    commit(&repo, "work.txt", "1\n");
    run(&repo, ["checkout", "-q", "main"]);
    commit(&repo, "main.txt", "another\n");
    let main = run(&repo, ["rev-parse", "main"]);
    run(&repo, ["checkout", "-q", "work"]);
    let of_merge_base = changes(&repo, "merge-base:main").await;
    assert_eq!(
        (of_merge_base.base, names_of(&repo, "merge-base:main").await),
        (first, vec!["work.txt".to_owned()])
    );
    let of_branch = changes(&repo, "main").await;
    assert_eq!(
        (of_branch.base, names_of(&repo, "main").await.len()),
        (main.clone(), 2)
    );
    run(&repo, ["merge", "-q", "--no-edit", "main"]);
    assert_eq!(changes(&repo, "merge-base:main").await.base, main);
    for bad in [
        "nowhere",
        "",
        "--output=x",
        "-p",
        "a..b",
        "merge-base:nowhere",
        "HEAD\0",
        "^HEAD",
    ] {
        let failed = diff(&repo, &against(bad), &LIMITS).await;
        assert!(
            matches!(failed, Err(DiffError::BaseNotFound(_))),
            "{bad}: {failed:?}"
        );
        let comparison = Comparison {
            base: Base::Rev("HEAD".to_owned()),
            target: Target::Rev(bad.to_owned()),
        };
        let failed = diff(&repo, &comparison, &LIMITS).await;
        assert!(
            matches!(failed, Err(DiffError::TargetNotFound(_))),
            "{bad}: {failed:?}"
        );
    }
    let failed = diff(&place.path, &against("HEAD"), &LIMITS).await;
    assert!(
        matches!(failed, Err(DiffError::NotARepository(_))),
        "{failed:?}"
    );
}

async fn names_of(dir: &Path, base: &str) -> Vec<String> {
    names(&changes(dir, base).await)
}

#[tokio::test]
async fn what_is_too_large_is_left_out_and_said_to_be() {
    let place = Place::new();
    let repo = place.repository("repo");
    let lines = |n: usize, word: &str| {
        (0..n)
            .map(|at| format!("{word} {at}\n"))
            .collect::<String>()
    };
    write(&repo, "hunks", lines(400, "old"));
    commit(&repo, "large", &lines(2000, "old"));
    // A first hunk that fits and a second that does not.
    let mut hunks = lines(400, "old").replacen("old 0\n", "new\n", 1);
    hunks = hunks.replace("old 30", &"long ".repeat(100));
    write(&repo, "hunks", hunks);
    write(&repo, "large", lines(2000, "new"));
    write(&repo, "untracked-large", lines(3000, "new"));
    for name in ["u1", "u2", "u3"] {
        write(&repo, name, lines(450, "x"));
    }
    let limits = DiffLimits {
        n_files: 5,
        file_bytes: 4000,
        total_bytes: 6000,
    };
    let diff = diff(&repo, &against("HEAD"), &limits).await.unwrap();
    assert_eq!(
        (names(&diff), diff.n_unlisted),
        (
            vec![
                "hunks".into(),
                "large".into(),
                "u1".into(),
                "u2".into(),
                "u3".into()
            ],
            1
        )
    );
    let omitted: Vec<_> = diff.files.iter().map(|file| file.omitted).collect();
    let (file_too_large, diff_too_large) =
        (Some(Omission::FileTooLarge), Some(Omission::DiffTooLarge));
    assert_eq!(
        omitted,
        [
            file_too_large,
            file_too_large,
            None,
            diff_too_large,
            diff_too_large
        ]
    );
    assert_eq!(
        (diff.files[1].additions, diff.files[1].deletions),
        (2000, 2000)
    );
    let hunks = String::from_utf8_lossy(&diff.files[0].patch);
    assert_eq!(hunks.matches("@@ -").count(), 2, "{hunks}");
    assert!(hunks.contains("+new\n") && hunks.ends_with('\n'));
    let patch = String::from_utf8(diff.patch()).unwrap();
    assert!(patch.len() < 10_000);
    for file in &diff.files {
        assert!(names_in_lines(&patch).contains(&display_name(&file.path)));
    }
    // One alone has more room.
    let wide = DiffLimits {
        file_bytes: 1 << 20,
        total_bytes: 1 << 20,
        ..limits
    };
    let one = diff_of_files(&repo, &against("HEAD"), &wide, &["large".into()]).await;
    let one = one.unwrap();
    assert_eq!(
        (names(&one), one.files[0].omitted),
        (vec!["large".to_owned()], None)
    );
    // More than is waited for: what is not read is listed all the same.
    let tiny = DiffLimits {
        total_bytes: 1000,
        ..limits
    };
    let diff = offshoot_git::diff(&repo, &against("HEAD"), &tiny)
        .await
        .unwrap();
    assert!(diff.files.iter().all(|file| file.omitted.is_some()));
}

#[tokio::test]
async fn lines_are_clamped_and_nothing_outside_is_read() {
    let place = Place::new();
    let repo = place.repository("repo");
    std::fs::write(place.join("secret"), "secret\n").unwrap();
    write(&repo, "dir/file", "one\ntwo\r\nthree");
    run(&repo, ["add", "-A"]);
    run(&repo, ["commit", "-q", "-m", "lines"]);
    write(&repo, "dir/file", "eins\nzwei\n");
    symlink(place.join("secret"), repo.join("link")).unwrap();
    symlink(&place.path, repo.join("out")).unwrap();
    symlink("dir", repo.join("in")).unwrap();
    let lines = async |target: &str, file: &str, first, last| {
        let target = match target {
            "working-dir" => Target::WorkingTree,
            rev => Target::Rev(rev.to_owned()),
        };
        file_lines(&repo, &target, file, first, last).await
    };
    for (target, first, last, expected) in [
        ("working-dir", 1, 20, &["eins", "zwei"][..]),
        ("working-dir", 2, 2, &["zwei"]),
        ("working-dir", 0, 1, &["eins"]),
        ("working-dir", 3, 20, &[]),
        ("working-dir", 2, 1, &[]),
        ("working-dir", 1, usize::MAX - 1, &["eins", "zwei"]),
        ("HEAD", 2, 3, &["two\r", "three"]),
    ] {
        assert_eq!(
            lines(target, "dir/file", first, last).await.unwrap(),
            expected
        );
    }
    // A link is its own content.
    let link = lines("working-dir", "link", 1, 1).await.unwrap();
    assert_eq!(link, [place.join("secret").to_str().unwrap()]);
    for outside in [
        "",
        "/etc/passwd",
        "../secret",
        "dir/../../secret",
        "out/secret",
        "in/file",
        ".git/config",
        "dir/.GIT/x",
        ".",
        "..",
        "dir/file\0",
    ] {
        let refused = lines("working-dir", outside, 1, 5).await;
        assert!(
            matches!(refused, Err(LinesError::Outside(_))),
            "{outside}: {refused:?}"
        );
    }
    for missing in ["nothing", "dir", "dir/file/x", "HEAD:dir/file"] {
        assert_eq!(
            lines("working-dir", missing, 1, 5).await.unwrap(),
            [""; 0],
            "{missing}"
        );
        assert_eq!(
            lines("HEAD", missing, 1, 5).await.unwrap(),
            [""; 0],
            "{missing}"
        );
    }
    let unknown = lines("nowhere", "dir/file", 1, 5).await;
    assert!(matches!(unknown, Err(LinesError::TargetNotFound(_))));
    let unknown = lines("--textconv", "dir/file", 1, 5).await;
    assert!(matches!(unknown, Err(LinesError::TargetNotFound(_))));
}

#[tokio::test]
async fn files_that_the_configuration_puts_elsewhere_are_not_shown() {
    let place = Place::new();
    let repo = place.repository("repo");
    std::fs::write(place.join("secret"), "secret\n").unwrap();
    run(
        &repo,
        ["config", "core.worktree", place.path.to_str().unwrap()],
    );
    let refused = diff(&repo, &against("HEAD"), &LIMITS).await;
    assert!(
        matches!(refused, Err(DiffError::Elsewhere(_))),
        "{refused:?}"
    );
    // Another repository there does not help.
    run(&place.path, ["init", "-q", "."]);
    let refused = diff(&repo, &against("HEAD"), &LIMITS).await;
    assert!(
        matches!(refused, Err(DiffError::Elsewhere(_))),
        "{refused:?}"
    );
}

/// Applies a diff to its base and compares the result with the directory.
async fn apply_and_compare(place: &Place, repo: &Path, base: &str) {
    let diff = changes(repo, base).await;
    let copy = tempfile::tempdir_in(&place.path).unwrap();
    let copy = copy.path();
    run(copy, ["init", "-q"]);
    run(copy, ["config", "core.autocrlf", "false"]);
    let source = repo.join(".git");
    let source = source.to_str().unwrap();
    run(copy, ["fetch", "-q", source, &diff.base]);
    run(copy, ["reset", "-q", "--hard", "FETCH_HEAD"]);
    let patch = copy.join(".git/patch");
    std::fs::write(&patch, diff.patch()).unwrap();
    if !diff.patch().is_empty() {
        run(
            copy,
            [
                OsStr::new("apply"),
                "--whitespace=nowarn".as_ref(),
                patch.as_os_str(),
            ],
        );
    }
    assert_eq!(
        content(copy),
        content(repo),
        "{}",
        String::from_utf8_lossy(&diff.patch())
    );
}

/// Everything in a directory but git's own, with modes.
fn content(top: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![top.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap();
            if kind.is_dir() {
                if path.file_name() != Some(OsStr::new(".git")) {
                    left.push(path);
                }
                continue;
            }
            let bytes = if kind.is_symlink() {
                std::fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                std::fs::read(&path).unwrap()
            };
            let mode = kind.permissions().mode() & 0o100;
            found.insert(path.strip_prefix(top).unwrap().to_owned(), (mode, bytes));
        }
    }
    found
}

/// One thing that happens to a worktree.
#[derive(Debug, Clone)]
enum Step {
    Write(usize, String),
    Remove(usize),
    Rename(usize, usize),
    Link(usize),
    Mode(usize),
    Stage(usize),
    Forget(usize),
    StageAll,
    Commit,
}

const NAMES: [&str; 7] = ["a", "b", "d/a", "d/e/f", "sp ace", "q\"u", "new\nline"];

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let line = prop_oneof![
        "[ab]{0,3}",
        Just("@@ -1 +1 @@".to_owned()),
        Just("diff --git a/a b/b".to_owned()),
        Just("--- a/x\r".to_owned())
    ];
    let text = (proptest::collection::vec(line, 0..12), any::<bool>()).prop_map(|(lines, ends)| {
        let mut text = lines.join("\n");
        if ends {
            text.push('\n');
        }
        text
    });
    prop_oneof![
        8 => (name(), text).prop_map(|(name, text)| Step::Write(name, text)),
        2 => name().prop_map(Step::Remove),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => name().prop_map(Step::Link),
        1 => name().prop_map(Step::Mode),
        2 => name().prop_map(Step::Stage),
        1 => name().prop_map(Step::Forget),
        1 => Just(Step::StageAll),
        1 => Just(Step::Commit),
    ]
}

fn take(repo: &Path, step: Step) {
    let clear = |name: usize| {
        let path = repo.join(NAMES[name]);
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    // What cannot be done is not.
    let git = |args: &[&str]| drop(git(repo).args(args).output().unwrap());
    match step {
        Step::Write(name, text) => std::fs::write(clear(name), text).unwrap(),
        Step::Remove(name) => drop(clear(name)),
        Step::Rename(from, to) => {
            let from = repo.join(NAMES[from]);
            if from.symlink_metadata().is_ok() && from != repo.join(NAMES[to]) {
                std::fs::rename(from, clear(to)).unwrap();
            }
        }
        Step::Link(name) => symlink("a", clear(name)).unwrap(),
        Step::Mode(name) => {
            let path = repo.join(NAMES[name]);
            if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        Step::Stage(name) => git(&["add", "--", NAMES[name]]),
        Step::Forget(name) => git(&["rm", "-q", "--cached", "--", NAMES[name]]),
        Step::StageAll => git(&["add", "-A"]),
        Step::Commit => git(&["commit", "-q", "-m", "x"]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_patch_applied_to_the_base_gives_the_directory(
        steps in proptest::collection::vec(step(), 1..14),
    ) {
        let place = Place::new();
        let repo = place.repository("repo");
        for name in NAMES {
            write(&repo, name, format!("{name}\nb\nc\nd\n"));
        }
        run(&repo, ["add", "-A"]);
        run(&repo, ["commit", "-q", "-m", "base"]);
        let base = run(&repo, ["rev-parse", "HEAD"]);
        let index = || std::fs::read(repo.join(".git/index")).unwrap();
        for step in steps {
            take(&repo, step);
        }
        let before = index();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(apply_and_compare(&place, &repo, &base));
        prop_assert!(before == index(), "the index was written");
    }
}
