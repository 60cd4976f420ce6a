//! What is stopped or deleted is gone: processes, descriptors, memory, files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use offshoot_protocol::rest::{Place, Run, SessionBody, StartSession};
use offshoot_protocol::view::{ProcessState, Session};
use offshoot_testkit::rig::process::{self, memory, open_files, shim_of};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Rig, TerminalSocket};

use crate::box_of::{complete_from, rig, terminal_program, until_shown};

/// A session is made and deleted so often.
const CYCLES: usize = 1000;

/// Cycles before the first measurement, in which caches fill and buffers find their size: the 1,024
/// events that are kept for clients that come back are a few per cycle.
const WARM_UP: usize = 350;

/// Memory that 1,000 cycles may leave.
const GROWTH_MAX: u64 = 3 * 1024 * 1024;

/// Rounds of 1,000 cycles. A leak grows in each of them; the arenas that the allocator makes when
/// more threads than before happen to allocate at once, and the fragments it keeps in them, do not.
const ROUNDS: usize = 3;

/// A tree that does not want to end: it ignores requests, leaves its session and its parent.
const STUBBORN_TREE: &str = r#"
trap '' HUP TERM INT
setsid sleep 100001 &
(setsid sh -c 'trap "" HUP TERM; sleep 100002 & sleep 100003' &)
(nohup sleep 100004 >/dev/null 2>&1 &)
echo tree-stands
while :; do sleep 100005; done
"#;

/// Starts the stubborn tree and returns all its processes.
fn stubborn_tree(rig: &Rig) -> (Started, u32, Vec<u32>) {
    let script = rig.user_dir().join("tree.sh");
    fs::write(&script, STUBBORN_TREE).unwrap();
    let started = rig.start_command(&format!("sh {}", script.display()));
    until_shown(rig, &started, "tree-stands");
    let shim = shim_of(&rig.worker_dir(started.worker)).expect("the shim lives");
    // The script, its sleep, three sleeps of their own and the shell between them.
    let all = until("the tree stands", || {
        let all = process::descendants(shim);
        (all.len() >= 7).then_some(all)
    });
    (started, shim, all)
}

fn assert_gone(pids: &[u32]) {
    let alive: Vec<_> = pids.iter().filter(|pid| process::is_alive(**pid)).collect();
    assert!(alive.is_empty(), "still there: {alive:?}");
}

#[test]
fn stopping_ends_the_whole_tree_and_keeps_the_output() {
    let rig = rig();
    let (worker, shim, tree) = stubborn_tree(&rig);
    let answer = rig.http.send(
        "POST",
        &format!("{}/stop", worker.path()),
        &serde_json::json!({}),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_gone(&tree);
    until("the shim has left", || {
        (!process::is_alive(shim)).then_some(())
    });
    assert_eq!(rig.process(&worker).state, ProcessState::Stopped);
    let (_, log) = rig.log(&worker);
    assert!(String::from_utf8_lossy(&log).contains("tree-stands"));
}

#[test]
fn deleting_ends_the_whole_tree_and_removes_its_files() {
    let rig = rig();
    let (worker, shim, tree) = stubborn_tree(&rig);
    let dir = rig.worker_dir(worker.worker);
    let answer = rig
        .http
        .delete(&format!("/api/sessions/{}", worker.session));
    assert!(answer.status < 300, "{}", answer.text());
    assert_gone(&tree);
    until("the shim has left", || {
        (!process::is_alive(shim)).then_some(())
    });
    assert!(!dir.exists(), "{} is left", dir.display());
    assert!(rig.sessions().is_empty());
}

fn cycle(rig: &Rig) {
    let worker = rig.start_command("cat");
    let answer = rig
        .http
        .delete(&format!("/api/sessions/{}", worker.session));
    assert!(answer.status < 300, "{}", answer.text());
}

#[test]
fn a_thousand_sessions_leave_descriptors_and_memory_flat() {
    let rig = rig();
    (0..WARM_UP).for_each(|_| cycle(&rig));
    let server = rig.server_pid();
    let files = settled_files(server);
    let mut held = vec![memory(server).private];
    while held.len() <= ROUNDS && !is_flat(&held) {
        (0..CYCLES).for_each(|_| cycle(&rig));
        held.push(memory(server).private);
        assert_eq!(settled_files(server), files, "descriptors");
    }
    assert!(is_flat(&held), "bytes held after each {CYCLES}: {held:?}");
    for dir in ["workers", "worktrees", "r"] {
        let left = fs::read_dir(rig.home().join(dir)).map_or(0, Iterator::count);
        assert_eq!(left, 0, "files in {dir}");
    }
}

/// Whether the last round left nothing. One after which much was given back could hide a leak in
/// that, so all rounds since any earlier measurement must be flat together then.
fn is_flat(held: &[u64]) -> bool {
    let [earlier @ .., before, now] = held else {
        return false;
    };
    let gave_back = before.saturating_sub(*now) > GROWTH_MAX / 4;
    let mut so_far = earlier.iter().rev().zip(2..);
    let all_flat = |(then, n_rounds): (&u64, u64)| *now <= then + n_rounds * GROWTH_MAX;
    *now <= before + GROWTH_MAX && (!gave_back || so_far.all(all_flat))
}

#[test]
fn a_leak_is_told_from_memory_that_is_kept_once() {
    const MB: u64 = 1024 * 1024;
    let flat = |held: &[u64]| is_flat(&held.iter().map(|held| held * MB).collect::<Vec<_>>());
    assert!(flat(&[20, 22]), "fragments");
    assert!(!flat(&[20]), "no round");
    assert!(!flat(&[20, 45]), "a peak, or a leak");
    assert!(flat(&[20, 45, 45]), "a peak");
    assert!(!flat(&[20, 24, 28, 32]), "a leak");
    assert!(!flat(&[20, 49, 28]), "a leak under a peak");
    assert!(flat(&[20, 45, 21]), "a peak that was given back");
}

/// Descriptors once the connection of the last request is closed on both sides.
fn settled_files(pid: u32) -> usize {
    let mut seen = (open_files(pid), 0);
    until("the number of descriptors is steady", || {
        let now = open_files(pid);
        seen = if now == seen.0 {
            (now, seen.1 + 1)
        } else {
            (now, 0)
        };
        (seen.1 >= 50).then_some(now)
    })
}

/// A repository with one commit.
pub(crate) fn repository(rig: &Rig, name: &str) -> PathBuf {
    let dir = rig.user_dir().join(name);
    fs::create_dir(&dir).unwrap();
    git(&dir, &["init", "--quiet", "--initial-branch=main"]);
    fs::write(dir.join("README"), "words\n").unwrap();
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "--quiet", "-m", "first"]);
    dir
}

/// What git prints, run in a directory.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let who = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
    let mut command = Command::new("git");
    command.current_dir(dir).args(who).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A request for a session on a new branch of a repository.
pub(crate) fn on_branch(repository: &Path, branch: &str, command: &str) -> StartSession {
    StartSession {
        path: repository.to_string_lossy().into_owned(),
        place: Place::NewBranch {
            branch: Some(branch.to_owned()),
            base: None,
        },
        run: Run::Command {
            command: command.to_owned(),
        },
        prompt: None,
        title: None,
    }
}

fn start_on_branch(rig: &Rig, repository: &Path, branch: &str) -> Session {
    let request = on_branch(repository, branch, "cat");
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    answer.json::<SessionBody>().session
}

/// The linked worktrees that git knows.
pub(crate) fn linked_worktrees(repository: &Path) -> usize {
    let listed = git(repository, &["worktree", "list", "--porcelain"]);
    listed
        .lines()
        .filter(|line| line.starts_with("worktree "))
        .count()
        - 1
}

#[test]
fn sessions_with_worktrees_come_and_go() {
    let rig = rig();
    let repository = repository(&rig, "repo");
    for number in 0..10 {
        let session = start_on_branch(&rig, &repository, &format!("work-{number}"));
        let worktree = PathBuf::from(&session.location_path);
        assert!(worktree.join("README").exists());
        fs::write(worktree.join("new"), "not committed").unwrap();
        let path = format!("/api/sessions/{}", session.id);
        let answer = rig.http.delete(&format!("{path}?worktree=remove"));
        assert_eq!(answer.code(), "worktree-dirty", "{}", answer.text());
        let worker = Started::of(&rig.session(session.id));
        assert!(
            process::is_alive(worker.pid),
            "a refused deletion does nothing"
        );
        let answer = rig.http.delete(&format!("{path}?worktree=discard"));
        assert!(answer.status < 300, "{}", answer.text());
        assert!(!worktree.exists());
        assert_gone(&[worker.pid]);
    }
    assert_eq!(linked_worktrees(&repository), 0);
}

#[test]
fn a_worktree_deleted_behind_our_back_is_told_and_can_be_cleaned_up() {
    let mut rig = rig();
    let repository = repository(&rig, "repo");
    let session = start_on_branch(&rig, &repository, "work");
    let worker = Started::of(&session);
    fs::remove_dir_all(&session.location_path).unwrap();
    rig.kill_server();
    rig.start_server().unwrap();
    let shown = rig.session(session.id);
    assert!(shown.location_missing, "it is said to be missing");
    assert_eq!(
        Started::of(&shown).pid,
        worker.pid,
        "its process is not touched"
    );
    let answer = rig.http.send(
        "POST",
        &format!("{}/restart", worker.path()),
        &serde_json::json!({}),
    );
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    assert!(!answer.code().is_empty(), "{}", answer.text());
    let path = format!("/api/sessions/{}?worktree=remove", session.id);
    let answer = rig.http.delete(&path);
    assert!(answer.status < 300, "{}", answer.text());
    assert_eq!(linked_worktrees(&repository), 0);
    assert_gone(&[worker.pid]);
}

#[test]
fn a_request_to_end_ends_the_server_at_once_and_no_process_of_a_worker() {
    let mut rig = rig();
    let program = terminal_program();
    let rate = "--bytes 1000000000 --rate 2000000";
    let busy = rig.start_command(&format!("{program} print --seed 1 {rate}"));
    let idle = rig.start_command("cat");
    let shims = [busy, idle].map(|worker| shim_of(&rig.worker_dir(worker.worker)).unwrap());
    let hello = complete_from(busy.epoch, 0);
    let mut client = TerminalSocket::attach(&rig.http, busy.session, busy.worker, hello).unwrap();
    client.receive().unwrap();
    let begin = Instant::now();
    let status = rig.terminate_server();
    let took = begin.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    for pid in shims.into_iter().chain([busy.pid, idle.pid]) {
        assert!(process::is_alive(pid), "{pid} was touched");
    }
    rig.start_server().unwrap();
    for worker in [busy, idle] {
        assert_eq!(Started::of(&rig.session(worker.session)), worker);
    }
}
