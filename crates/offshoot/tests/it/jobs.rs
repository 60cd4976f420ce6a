//! Background work that outlives the server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use offshoot_protocol::job::{CloneRepository, Job, JobBody, JobStats, JobStatus, JobsBody};
use offshoot_testkit::rig::Rig;
use offshoot_testkit::rig::wait::until;
use serde_json::{Value, json};

use crate::box_of::{offshoot, rig};
use crate::{refuse, succeed};

fn job(rig: &Rig, id: &str) -> Job {
    rig.http.get(&format!("/api/jobs/{id}")).json()
}

fn until_status(rig: &Rig, id: &str, status: JobStatus) -> Job {
    until(&format!("the job is {status:?}"), || {
        Some(job(rig, id)).filter(|job| job.status == status)
    })
}

fn log(rig: &Rig, id: &str) -> String {
    rig.http.get(&format!("/api/jobs/{id}/log")).text()
}

/// Makes git reach every host through a program that waits for the file `go` and then serves the
/// repository `origin`.
fn serve_by_ssh(rig: &Rig) {
    let user = rig.user_dir();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(&user);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null");
        git.env("GIT_AUTHOR_NAME", "a")
            .env("GIT_AUTHOR_EMAIL", "a@b");
        git.env("GIT_COMMITTER_NAME", "a")
            .env("GIT_COMMITTER_EMAIL", "a@b");
        succeed(&mut git);
    };
    git(&["init", "-q", "origin"]);
    git(&[
        "-C",
        "origin",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "first",
    ]);
    let ssh = user.join("ssh.sh");
    let text = format!(
        "#!/bin/sh\necho >> '{0}/called'\nwhile ! test -e '{0}/go'; do sleep 0.05; done\n\
         test ! -e '{0}/refuse' || {{ echo 'no such door' >&2; exit 255; }}\n\
         exec git-upload-pack '{0}/origin'\n",
        user.display()
    );
    fs::write(&ssh, text).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("[core]\n\tsshCommand = {}\n", ssh.display());
    fs::write(user.join(".gitconfig"), config).unwrap();
}

fn start_clone(rig: &Rig) -> String {
    let body = CloneRepository {
        url: "ssh://somewhere/shop.git".to_owned(),
        path: None,
    };
    let answer = rig.http.send("POST", "/api/repositories/clone", &body);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let job = answer.json::<JobBody>().job;
    assert_eq!(job.kind, "clone");
    job.id.to_string()
}

fn calls(rig: &Rig) -> usize {
    fs::read(rig.user_dir().join("called")).map_or(0, |all| all.len())
}

fn until_called(rig: &Rig, n_calls: usize) {
    until("git connects", || (calls(rig) >= n_calls).then_some(()));
}

#[test]
fn a_job_in_the_middle_of_which_the_server_is_killed_runs_again() {
    let mut rig = rig();
    serve_by_ssh(&rig);
    let id = start_clone(&rig);
    until_called(&rig, 1);
    assert_eq!(job(&rig, &id).status, JobStatus::Processing);
    rig.kill_server();
    rig.start_server().unwrap();
    until_called(&rig, 2);
    fs::write(rig.user_dir().join("go"), "").unwrap();
    let done = until_status(&rig, &id, JobStatus::Completed);
    assert_eq!(done.attempts, 2, "{done:?}");
    let result = done.result.unwrap();
    let path = rig.user_dir().join("shop");
    assert_eq!(result["path"], json!(path));
    let repositories: Value = rig.http.get("/api/repositories").json();
    let repository = &repositories["repositories"][0];
    assert_eq!(repository["id"], result["repositoryId"]);
    assert_eq!(repository["path"], json!(path));
    assert!(path.join(".git").is_dir());
    let log = log(&rig, &id);
    assert!(
        log.contains("attempt 1 begins") && log.contains("attempt 2 begins"),
        "{log}"
    );
    // The git of the dead server notices at its own pace.
    until("nothing is left of either clone", || {
        let mut entries = fs::read_dir(rig.user_dir()).unwrap();
        let is_left = entries.any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().contains("clone")
        });
        (!is_left).then_some(())
    });
}

#[test]
fn a_running_job_holds_up_no_shutdown_and_goes_on_after_it() {
    let mut rig = rig();
    serve_by_ssh(&rig);
    let id = start_clone(&rig);
    until_called(&rig, 1);
    let asked = Instant::now();
    assert!(rig.terminate_server().success());
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
    rig.start_server().unwrap();
    fs::write(rig.user_dir().join("go"), "").unwrap();
    let done = until_status(&rig, &id, JobStatus::Completed);
    assert_eq!(done.attempts, 1, "the end of the server was not its fault");
}

#[test]
fn people_see_why_a_job_failed_and_cancel_retry_and_remove_it() {
    let rig = rig();
    serve_by_ssh(&rig);
    let id = start_clone(&rig);
    until_called(&rig, 1);
    let path = format!("/api/jobs/{id}");
    let again = json!({"url": "ssh://other/shop", "path": "~/shop"});
    let answer = rig.http.send("POST", "/api/repositories/clone", &again);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "wrong-state")
    );
    let answer = rig.http.delete(&path);
    assert_eq!(answer.status, 400);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        body["error"],
        "Only pending or stalled jobs can be canceled"
    );
    let shown = succeed(&mut offshoot(&rig, &["jobs", "ls"]));
    assert!(
        shown.contains("clone") && shown.contains("processing"),
        "{shown}"
    );
    succeed(&mut offshoot(&rig, &["jobs", "cancel", &id[..8]]));
    let canceled = until_status(&rig, &id, JobStatus::Stalled);
    assert_eq!(canceled.last_error.as_deref(), Some("Canceled"));

    fs::write(rig.user_dir().join("refuse"), "").unwrap();
    fs::write(rig.user_dir().join("go"), "").unwrap();
    succeed(&mut offshoot(&rig, &["jobs", "retry", &id]));
    let is_failed = || {
        let job = job(&rig, &id);
        job.last_error.filter(|text| text.contains("no such door"))
    };
    until("the failure is told in the words of ssh", is_failed);
    let shown = succeed(&mut offshoot(&rig, &["jobs", "show", &id]));
    assert!(shown.contains("no such door"), "{shown}");
    let shown = succeed(&mut offshoot(&rig, &["jobs", "log", &id]));
    assert!(shown.contains("no such door"), "{shown}");
    let is_waiting = || {
        let answer = rig.http.delete(&path);
        (answer.status == 200).then_some(())
    };
    until("the job waits or is stalled, and is removed", is_waiting);
    assert_eq!(rig.http.get(&path).status, 404);
    refuse(&mut offshoot(&rig, &["jobs", "show", &id]), 4, "no job");
}

#[test]
fn addresses_that_run_something_are_refused() {
    let rig = rig();
    for url in [
        "ext::sh -c x",
        "--upload-pack=x",
        "file:///etc",
        "/etc",
        "-x",
        "",
        "http://a/b",
    ] {
        let body = json!({ "url": url });
        let answer = rig.http.send("POST", "/api/repositories/clone", &body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid-request"),
            "{url}"
        );
    }
    for path in ["relative", "/etc/shop", "~"] {
        let body = json!({ "url": "https://example.org/shop", "path": path });
        let answer = rig.http.send("POST", "/api/repositories/clone", &body);
        assert_eq!(answer.status, 400, "{path}");
    }
    assert_eq!(rig.http.get("/api/jobs").json::<JobsBody>().total, 0);
}

#[test]
fn a_deletion_leaves_nothing_on_the_disk() {
    let rig = rig();
    let started = rig.start_command("true");
    let dir = rig.worker_dir(started.worker);
    assert!(dir.exists());
    let session = format!("/api/sessions/{}", started.session);
    assert_eq!(rig.http.delete(&session).status, 200);
    assert!(!dir.exists(), "gone when the answer comes");
    let jobs: JobsBody = rig
        .http
        .get("/api/jobs?type=cleanup:session-outputs")
        .json();
    let [cleanup] = jobs.jobs.as_slice() else {
        panic!("{jobs:?}")
    };
    assert_eq!(cleanup.payload, json!({"sessionId": started.session}));
    until_status(&rig, &cleanup.id.to_string(), JobStatus::Completed);
    assert!(is_empty(&rig.home().join("deleted")));
}

#[test]
fn what_a_dead_server_left_of_a_deletion_is_removed_at_the_next_start() {
    let mut rig = rig();
    let started = rig.start_command("true");
    rig.kill_server();
    let aside = rig.home().join("deleted").join(started.session.to_string());
    fs::create_dir_all(aside.join(started.worker.to_string())).unwrap();
    fs::write(aside.join(started.worker.to_string()).join("0001.seg"), "x").unwrap();
    rig.start_server().unwrap();
    until("it is removed", || {
        is_empty(&rig.home().join("deleted")).then_some(())
    });
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn lists_are_asked_for_as_in_the_first_dialect() {
    let rig = rig();
    for (query, text) in [
        (
            "status=done",
            "status must be one of: pending, processing, completed, stalled",
        ),
        ("limit=0", "limit must be a number between 1 and 1000"),
        ("limit=1001", "limit must be a number between 1 and 1000"),
        ("limit=x", "limit must be a number between 1 and 1000"),
        ("offset=-1", "offset must be a non-negative number"),
        ("offset=x", "offset must be a non-negative number"),
    ] {
        let answer = rig.http.get(&format!("/api/jobs?{query}"));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &body["error"]),
            (400, &json!(text)),
            "{query}"
        );
    }
    for n in 0..3 {
        let started = rig.start_command(&format!("echo {n}"));
        rig.http
            .delete(&format!("/api/sessions/{}", started.session));
    }
    let all = "/api/jobs?status=completed";
    until("all are done", || {
        (rig.http.get(all).json::<JobsBody>().total == 3).then_some(())
    });
    let page: JobsBody = rig.http.get("/api/jobs?limit=1&offset=1").json();
    let all: JobsBody = rig.http.get(all).json();
    assert_eq!((page.jobs.as_slice(), page.total), (&all.jobs[1..2], 3));
    assert!(
        all.jobs
            .is_sorted_by(|one, next| one.created_at >= next.created_at)
    );
    let stats: JobStats = rig.http.get("/api/jobs/stats").json();
    assert_eq!((stats.completed, stats.pending), (3, 0));
    for path in [
        "/api/jobs/x",
        "/api/jobs/00000000-0000-4000-8000-000000000000",
    ] {
        let answer = rig.http.get(path);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &body["error"]),
            (404, &json!("Job not found")),
            "{path}"
        );
    }
}
