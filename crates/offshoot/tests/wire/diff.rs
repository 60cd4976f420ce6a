//! W74: the socket of a diff worker.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Socket;
use crate::fixture::{Fixture, Shop};

/// The next diff, which must not be an error.
#[track_caller]
fn data(diff: &mut Socket) -> Value {
    let frame = diff.frame();
    assert_eq!(frame["type"], "diff-data", "{frame}");
    frame["data"].clone()
}

/// The next diff that fits; earlier ones are of changes before.
#[track_caller]
fn data_with(diff: &mut Socket, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = data(diff);
        if fits(&found) {
            return found;
        }
    }
}

fn file<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    let files = data["summary"]["files"].as_array().unwrap();
    files.iter().find(|file| file["path"] == path)
}

/// Every path of the list is found in the raw diff.
#[track_caller]
fn check(data: &Value) {
    let raw = data["rawDiff"].as_str().unwrap();
    let files = data["summary"]["files"].as_array().unwrap();
    let paths: Vec<&str> = files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(paths.is_sorted(), "{paths:?}");
    for file in files {
        let path = file["path"].as_str().unwrap();
        let is_empty = file["additions"] == 0 && file["deletions"] == 0;
        if file["isBinary"] == true || file["status"] == "renamed" || is_empty {
            continue;
        }
        // git ends a name that holds a blank with a tab.
        let names = [format!("+++ b/{path}"), format!("--- a/{path}")];
        let is_named = |line: &str| names.iter().any(|name| line.trim_end_matches('\t') == name);
        assert!(raw.lines().any(is_named), "{path} in {raw}");
    }
}

#[test]
fn w74_diffs() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let git = |args: &[&str]| offshoot_testkit::repository::git(&shop.worktree, args).unwrap();
    let write = |name: &str, text: &str| fs::write(shop.worktree.join(name), text).unwrap();
    let base = git(&["rev-parse", "HEAD"]);
    assert_eq!(shop.session["workers"][1]["baseCommit"], base.as_str());
    let mut diff = f.client.worker(&shop.session, &shop.session["workers"][1]);
    let first = data(&mut diff);
    assert_eq!(first["summary"]["files"], json!([]));
    assert_eq!(first["summary"]["baseCommit"], base.as_str());
    assert_eq!(first["summary"]["targetRef"], "working-dir");
    // An edit is pushed.
    let begin = Instant::now();
    write("README.md", "# Shop\nline two\n");
    let edited = data_with(&mut diff, |data| file(data, "README.md").is_some());
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    check(&edited);
    let readme = file(&edited, "README.md").unwrap();
    assert_eq!(
        (&readme["status"], &readme["stageState"]),
        (&json!("modified"), &json!("unstaged"))
    );
    assert_eq!(
        (&readme["additions"], &readme["deletions"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(edited["summary"]["totalAdditions"], 1);
    // Every kind of change at once.
    write("committed.txt", "c\n");
    git(&["add", "committed.txt"]);
    git(&[
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.invalid",
        "commit",
        "-qm",
        "second",
    ]);
    write("staged.txt", "s\n");
    git(&["add", "staged.txt"]);
    write("both.txt", "1\n");
    git(&["add", "both.txt"]);
    write("both.txt", "1\n2\n");
    write("new file é.txt", "n\n");
    write("empty.txt", "");
    write("binary", "\0\u{1}\u{2}");
    diff.send(&json!({"type": "refresh"}));
    let all = data_with(&mut diff, |data| file(data, "binary").is_some());
    check(&all);
    for (path, status, stage) in [
        ("README.md", "modified", "unstaged"),
        ("committed.txt", "added", "committed"),
        ("staged.txt", "added", "staged"),
        ("both.txt", "added", "partial"),
        ("new file é.txt", "untracked", "unstaged"),
        ("empty.txt", "untracked", "unstaged"),
        ("binary", "untracked", "unstaged"),
    ] {
        let found = file(&all, path).unwrap_or_else(|| panic!("{path} in {all}"));
        assert_eq!(
            (&found["status"], &found["stageState"]),
            (&json!(status), &json!(stage)),
            "{path}"
        );
    }
    assert_eq!(file(&all, "empty.txt").unwrap()["additions"], 0);
    assert_eq!(file(&all, "binary").unwrap()["isBinary"], true);
    references(&mut diff, &git(&["rev-parse", "HEAD"]), &base);
    lines(&mut diff);
}

/// Base and target are resolved; what cannot be is told.
fn references(diff: &mut Socket, head: &str, base: &str) {
    diff.send(&json!({"type": "set-base-commit", "ref": "HEAD"}));
    let on_head = data_with(diff, |data| data["summary"]["baseCommit"] == head);
    assert!(file(&on_head, "committed.txt").is_none());
    check(&on_head);
    diff.send(&json!({"type": "set-base-commit", "ref": base}));
    data_with(diff, |data| data["summary"]["baseCommit"] == base);
    diff.send(&json!({"type": "set-target-commit", "ref": "HEAD"}));
    let committed = data_with(diff, |data| data["summary"]["targetRef"] == head);
    assert!(
        file(&committed, "committed.txt").is_some() && file(&committed, "staged.txt").is_none()
    );
    check(&committed);
    for (kind, bad) in [
        ("set-base-commit", "no-such"),
        ("set-target-commit", "no-such"),
        ("set-base-commit", "--output=/tmp/x"),
        ("set-target-commit", "-x"),
    ] {
        diff.send(&json!({"type": kind, "ref": bad}));
        let error = diff.frame_of("diff-error");
        assert!(error["error"].as_str().unwrap().contains(bad), "{error}");
    }
    diff.send(&json!({"type": "set-target-commit", "ref": "working-dir"}));
    data_with(diff, |data| data["summary"]["targetRef"] == "working-dir");
    for unknown in [json!({"type": "no-such"}), json!(7)] {
        diff.send(&unknown);
        diff.frame_of("diff-error");
    }
}

/// Lines around a change are clamped to the file, and to the directory.
fn lines(diff: &mut Socket) {
    let mut ask = |path: &str, start: i64, end: i64, reference: &str| {
        diff.send(&json!({
            "type": "get-file-lines", "path": path, "startLine": start, "endLine": end, "ref": reference,
        }));
        diff.until(|frame| frame["type"] != "diff-data")
            .pop()
            .unwrap()
    };
    let two = ask("README.md", 1, 2, "working-dir");
    assert_eq!(two["type"], "file-lines");
    assert_eq!(two["lines"], json!(["# Shop", "line two"]));
    let old = ask("README.md", 1, 1, "HEAD");
    assert_eq!(old["lines"], json!(["# Shop"]));
    let past = ask("README.md", 2, 50, "working-dir");
    assert_eq!(
        (&past["startLine"], &past["path"]),
        (&json!(2), &json!("README.md"))
    );
    let got = past["lines"].as_array().unwrap();
    assert_eq!(got[0], "line two");
    assert!(got[1..].iter().all(|line| line == ""), "{past}");
    let beyond = ask("README.md", 70, 80, "working-dir");
    assert_eq!(beyond["startLine"], 70);
    for outside in [
        "../../etc/passwd",
        "/etc/passwd",
        ".git/../../x",
        "no-such.txt",
    ] {
        let answer = ask(outside, 1, 5, "working-dir");
        let lines = answer["lines"].as_array().map_or(0, Vec::len);
        assert!(
            answer["type"] == "diff-error" || lines == 0,
            "{outside}: {answer}"
        );
    }
}
