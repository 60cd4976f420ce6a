//! Hostile inputs: nothing of them runs, nothing outside is read or written, each is answered.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::rig::Answer;
use serde_json::{Value, json};

use crate::fixture::{Fixture, Shop, of_session};

/// Branch names and revisions that options, shells or paths are hidden in.
const NAMES: &[&str] = &[
    "--upload-pack=touch canary",
    "-x",
    "--",
    "-",
    "a..b",
    "a\nb",
    "a b",
    "@{-1}",
    "HEAD~1^{/x}",
    "$(touch canary)",
    "`touch canary`",
    ";touch canary",
    "|touch canary",
    "refs/../../x",
    "a/../b",
    "a.lock",
    ".a",
    "a\\b",
    "a:b",
    "é\u{202e}",
    "\u{0}",
    "--exec=touch canary",
    "ext::touch canary",
];

fn answered(answer: &Answer, what: &str) {
    assert!(
        answer.status < 500,
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    if answer.status >= 400 {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = body["error"].as_str().unwrap_or_default();
        assert!(!error.is_empty(), "{what}: {}", answer.text());
    }
}

/// A program that leaves a trace, wherever it is run.
fn trap(f: &Fixture) -> (PathBuf, PathBuf) {
    let canary = f.rig.user_dir().join("canary");
    let program = f.rig.user_dir().join("trap.sh");
    let text = format!("#!/bin/sh\ntouch {}\nexit 0\n", canary.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, canary)
}

/// Files of that name below a directory.
fn canaries(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let path = entry.path();
            let here = usize::from(path.file_name().is_some_and(|name| name == "canary"));
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            here + if is_dir { canaries(&path) } else { 0 }
        })
        .sum()
}

#[test]
fn paths_lead_nowhere_else() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let id = session["id"].as_str().unwrap();
    fs::write(f.rig.user_dir().join("secret"), "SECRET-7171").unwrap();
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let first = passwd.lines().next().unwrap();
    for up in [
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "%2e%2e/",
        "..;/",
        "....//",
        "..%252f",
        "..%c0%af",
    ] {
        let up = up.repeat(8);
        for path in [
            format!("/{up}etc/passwd"),
            format!("/assets/{up}etc/passwd"),
            format!("/api/{up}etc/passwd"),
            format!("/api/sessions/{up}etc/passwd"),
            format!("/api/sessions/{id}/workers/{up}etc%2fpasswd/log"),
            format!("/api/paths?prefix={up}etc%2fpasswd"),
            format!("/api/agents/{up}etc%2fpasswd"),
        ] {
            let answer = f.client.get(&path);
            assert!(answer.status < 500, "{path}: {}", answer.status);
            if path.starts_with("/api/") {
                answered(&answer, &path);
            }
            assert!(!answer.text().contains(first), "{path}");
        }
    }
    for path in [
        "/%00",
        "/assets/%00",
        "/api/sessions/%00",
        "/api/sessions/%0d%0aX:%20y",
        "/%ff%fe",
        "/api/agents/%00%00",
        "/api/repositories/%ff",
        "/api/paths?prefix=%00",
        "/%",
        "/api/%zz",
        "/api/sessions/validate%2f..%2f..",
        "//etc/passwd",
        "/\\etc\\passwd",
        "/assets/./../x",
    ] {
        let answer = f.client.get(path);
        assert!(answer.status < 500, "{path}: {}", answer.status);
        assert!(!answer.text().contains(first), "{path}");
    }
}

#[test]
fn locations_are_what_they_say() {
    let f = Fixture::new();
    let (_, canary) = trap(&f);
    let dir = f.rig.user_dir();
    symlink("/etc", dir.join("to-etc")).unwrap();
    symlink(dir.join("loop"), dir.join("loop")).unwrap();
    symlink("/proc/self/root/etc", dir.join("around")).unwrap();
    fs::write(dir.join("file"), "").unwrap();
    let at = |name: &str| dir.join(name).to_string_lossy().into_owned();
    for path in [
        at("to-etc"),
        at("to-etc/ssl"),
        at("loop"),
        at("around"),
        at("file"),
        at("x\0y"),
        "/proc/self/root/etc".to_owned(),
        "/dev/fd/0".to_owned(),
        "/etc/../etc".to_owned(),
        "//etc".to_owned(),
        "/./etc".to_owned(),
        at("../../../../../../etc"),
        "\n".to_owned(),
        "-x".to_owned(),
        "$(touch canary)".to_owned(),
        "/a".repeat(70_000),
    ] {
        for kind in [
            json!({"type": "quick", "locationPath": path}),
            json!({"path": path, "place": {"kind": "directory"}, "run": {"kind": "shell"}}),
            json!({"path": path}),
        ] {
            let target = match (kind.get("type"), kind.get("place")) {
                (Some(_), _) => "/api/sessions",
                (_, Some(_)) => "/api/sessions/start",
                _ => "/api/repositories",
            };
            let answer = f.client.send("POST", target, &kind);
            let shown: String = path.chars().take(80).collect();
            answered(&answer, &format!("{target} {shown:?}"));
            assert!(
                (400..500).contains(&answer.status),
                "{target} {shown:?}: {}",
                answer.status
            );
        }
    }
    assert!(!canary.exists());
    assert_eq!(canaries(&dir), 0);
}

#[test]
fn names_of_branches_are_no_options_and_no_commands() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let record = shop.record["id"].as_str().unwrap();
    let repository = shop.repository.path();
    let path = of_session(&shop.session);
    let before = shop.repository.git(&["for-each-ref"]).unwrap();
    for name in NAMES {
        let answer = f.client.send("PATCH", &path, &json!({"branch": name}));
        answered(&answer, name);
        assert!(
            (400..500).contains(&answer.status),
            "{name:?}: {}",
            answer.status
        );
        let start = |place: Value| {
            let body = json!({"path": repository, "place": place, "run": {"kind": "shell"}});
            let answer = f.client.send("POST", "/api/sessions/start", &body);
            answered(&answer, name);
            assert!(
                (400..500).contains(&answer.status),
                "{name:?}: {} {}",
                answer.status,
                answer.text()
            );
        };
        start(json!({"kind": "new-branch", "branch": name}));
        start(json!({"kind": "new-branch", "branch": "fine", "base": name}));
        start(json!({"kind": "existing-branch", "branch": name}));
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("{path}/commits?base={encoded}"),
            format!("/api/repositories/{record}/branches/{encoded}/remote-status"),
            format!("/api/repositories/{record}/branches?x={encoded}"),
        ] {
            answered(&f.client.get(&path), &path);
        }
        for reference in [name, &"#x", &"a/b#--c", &"https://github.com/-x/y/issues/1"] {
            let body = json!({"reference": reference});
            let path = format!("/api/repositories/{record}/github-issue");
            let answer = f.client.send("POST", &path, &body);
            answered(&answer, reference);
        }
    }
    assert_eq!(shop.repository.git(&["for-each-ref"]).unwrap(), before);
    assert_eq!(canaries(&f.rig.user_dir()) + canaries(&repository), 0);
}

/// A repository whose own configuration runs programs wherever git lets it.
#[test]
fn a_repository_runs_nothing_by_being_looked_at() {
    let f = Fixture::new();
    let (program, canary) = trap(&f);
    let run = program.to_string_lossy().into_owned();
    let repository = TestRepository::new().unwrap();
    repository
        .commit(
            ".gitattributes",
            "* diff=evil filter=evil merge=evil\n",
            "attributes",
        )
        .unwrap();
    let hooks = repository.path().join("hooks");
    fs::create_dir(&hooks).unwrap();
    for hook in [
        "post-checkout",
        "pre-commit",
        "post-index-change",
        "reference-transaction",
        "fsmonitor-watchman",
        "pre-auto-gc",
        "post-rewrite",
    ] {
        fs::copy(&program, hooks.join(hook)).unwrap();
        fs::copy(&program, repository.path().join(".git/hooks").join(hook)).unwrap();
    }
    for (key, value) in [
        ("core.fsmonitor", run.as_str()),
        ("core.hooksPath", hooks.to_str().unwrap()),
        ("core.pager", &run),
        ("core.editor", &run),
        ("core.askPass", &run),
        ("core.sshCommand", &run),
        ("core.gitProxy", &run),
        ("diff.external", &run),
        ("diff.evil.command", &run),
        ("diff.evil.textconv", &run),
        ("filter.evil.clean", &run),
        ("filter.evil.smudge", &run),
        ("filter.evil.process", &run),
        ("gpg.program", &run),
        ("credential.helper", &run),
        ("uploadpack.packObjectsHook", &run),
        ("remote.origin.uploadpack", &run),
        ("alias.status", "!false"),
        ("sequence.editor", &run),
        ("core.alternateRefsCommand", &run),
    ] {
        repository.git(&["config", key, value]).unwrap();
    }
    // Whatever setting the trap has run, it has run by now.
    let _ = fs::remove_file(&canary);
    fs::write(repository.path().join("README.md"), "changed\n").unwrap();
    let record = f.register(&repository.path());
    let at = format!("/api/repositories/{}", record["id"].as_str().unwrap());
    for path in ["", "/branches", "/worktrees", "/github"] {
        answered(&f.client.get(&format!("{at}{path}")), path);
    }
    let agent = f.fa();
    let session = f.worktree_session(&agent, &record, "main", &repository.path());
    let at = of_session(&session);
    for path in ["", "/branches", "/commits?base=HEAD~1", "/workers"] {
        answered(&f.client.get(&format!("{at}{path}")), path);
    }
    answered(&f.client.get("/api/sessions/validate"), "validate");
    let diff = format!(
        "{at}/workers/{}/diff",
        session["workers"][1]["id"].as_str().unwrap()
    );
    answered(&f.client.get(&diff), "diff");
    let mut socket = f.client.worker(&session, &session["workers"][1]);
    let frame = socket.frame();
    assert!(
        frame["type"].as_str().unwrap().starts_with("diff-"),
        "{frame}"
    );
    assert!(!canary.exists(), "looking ran a program");
}
