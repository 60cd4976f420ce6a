//! Diffs and worktrees of a large repository.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use offshoot_protocol::view::{Session, WorkerKind};
use offshoot_testkit::repository::git;
use offshoot_testkit::server::TestServer;
use offshoot_testkit::terminal::{Stream, open};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::Bench;
use crate::report::{Goal, Row};
use crate::statistics::median;

const DIFF_GOAL_MS: f64 = 500.0;
const UPDATE_GOAL_MS: f64 = 500.0;
const WORKTREES_GOAL_MS: f64 = 100.0;

const N_FILES: usize = 50_000;
const FILES_PER_FOLDER: usize = 25;
const N_WORKTREES: usize = 200;

/// Measures a diff, a live update after one edit, and the list of worktrees.
pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build()?.block_on(measure_all(bench))
}

async fn measure_all(bench: &Bench) -> Result<Vec<Row>> {
    let server = TestServer::start_with(&bench.binary, &[]).await?;
    let repository = make_repository()?;
    let dir = repository.path();
    let path = dir.to_str().context("a plain path")?;
    let session = server.http().run_in(path, "cat", None).await?;
    let rows = vec![
        diff(bench, &server, &session, dir).await?,
        update(bench, &server, &session, dir).await?,
        worktrees(bench, &server, dir).await?,
    ];
    server.http().delete(&session_path(&session)).await?;
    Ok(rows)
}

/// A repository of many small files in folders, with a folder of ignored ones.
fn make_repository() -> Result<tempfile::TempDir> {
    let directory = tempfile::Builder::new()
        .prefix("offshoot-large")
        .tempdir()?;
    let dir = directory.path();
    git(dir, &["init", "-q", "-b", "main"])?;
    git(dir, &["config", "user.name", "Bench"])?;
    git(dir, &["config", "user.email", "bench@example.invalid"])?;
    std::fs::write(dir.join(".gitignore"), "node_modules/\n")?;
    for number in 0..N_FILES {
        let path = file(dir, number);
        if number % FILES_PER_FOLDER == 0 {
            std::fs::create_dir_all(path.parent().context("a folder")?)?;
        }
        std::fs::write(path, format!("file {number}\n{}", "a line\n".repeat(20)))?;
    }
    for number in 0..1000 {
        let ignored = dir.join(format!("node_modules/package-{number}/lib"));
        std::fs::create_dir_all(&ignored)?;
        std::fs::write(ignored.join("index.js"), "1\n")?;
    }
    git(dir, &["add", "-A"])?;
    git(dir, &["commit", "-q", "-m", "many files"])?;
    Ok(directory)
}

fn file(dir: &Path, number: usize) -> PathBuf {
    let folder = number / FILES_PER_FOLDER;
    dir.join(format!(
        "part-{}/folder-{folder}/file-{number}.txt",
        folder % 40
    ))
}

fn session_path(session: &Session) -> String {
    format!("/api/sessions/{}", session.id)
}

fn diff_worker(session: &Session) -> Result<String> {
    let mut workers = session.workers.iter();
    let worker = workers.find(|worker| worker.kind == WorkerKind::GitDiff);
    Ok(worker.context("a diff worker")?.id.to_string())
}

async fn diff(bench: &Bench, server: &TestServer, session: &Session, dir: &Path) -> Result<Row> {
    std::fs::write(file(dir, 7), "changed\n")?;
    let path = format!(
        "{}/workers/{}/diff",
        session_path(session),
        diff_worker(session)?
    );
    let mut times = Vec::new();
    for _ in 0..bench.rounds(15) {
        let begin = Instant::now();
        let found: Value = server.http().get(&path).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        if found["summary"]["files"].as_array().map(Vec::len) != Some(1) {
            bail!("one file changed: {}", found["summary"]);
        }
    }
    Ok(row(
        "GET diff of 50,000 files",
        &times,
        DIFF_GOAL_MS,
        "one file changed",
    ))
}

async fn update(bench: &Bench, server: &TestServer, session: &Session, dir: &Path) -> Result<Row> {
    let path = format!(
        "/ws/session/{}/worker/{}",
        session.id,
        diff_worker(session)?
    );
    let mut socket = open(server.access(), &path, None).await?;
    next_diff(&mut socket).await?;
    let mut times = Vec::new();
    for round in 0..bench.rounds(15) {
        let changed = format!("round {round}\n");
        let begin = Instant::now();
        std::fs::write(file(dir, 1234 + round), &changed)?;
        loop {
            let told = next_diff(&mut socket).await?;
            let patch = told["data"]["rawDiff"].as_str().unwrap_or_default();
            if patch.contains(&format!("+{changed}")) {
                break;
            }
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let what = "live update after one edit of 50,000 files";
    Ok(row(
        what,
        &times,
        UPDATE_GOAL_MS,
        "from the write to the diff",
    ))
}

async fn next_diff(socket: &mut Stream) -> Result<Value> {
    loop {
        match socket.next().await.context("the socket is open")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(close) => bail!("closed: {close:?}"),
            _ => {}
        }
    }
}

async fn worktrees(bench: &Bench, server: &TestServer, dir: &Path) -> Result<Row> {
    let place = tempfile::tempdir()?;
    for number in 0..N_WORKTREES {
        let path = place.path().join(format!("wt-{number}"));
        let (path, branch) = (path.to_string_lossy(), format!("work-{number}"));
        let add = [
            "worktree",
            "add",
            "-q",
            "--no-checkout",
            "-b",
            &branch,
            &path,
        ];
        git(dir, &add)?;
    }
    let repositories: Value = server.http().get("/api/repositories").await?;
    let mut id = repositories["repositories"][0]["id"]
        .as_str()
        .map(str::to_owned);
    if id.is_none() {
        let made: Value = server
            .http()
            .post("/api/repositories", &json!({"path": dir}))
            .await?;
        id = made["repository"]["id"].as_str().map(str::to_owned);
    }
    let path = format!(
        "/api/repositories/{}/worktrees",
        id.context("a repository")?
    );
    let mut times = Vec::new();
    for _ in 0..bench.rounds(15) {
        let begin = Instant::now();
        let found: Value = server.http().get(&path).await?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        let n = found["worktrees"].as_array().map_or(0, Vec::len);
        if n <= N_WORKTREES {
            bail!("{n} worktrees are listed");
        }
    }
    Ok(row(
        "list of 200 worktrees",
        &times,
        WORKTREES_GOAL_MS,
        "over HTTP",
    ))
}

fn row(what: &str, times: &[f64], goal: f64, detail: &str) -> Row {
    let slowest = times.iter().copied().fold(0.0, f64::max);
    Row {
        what: what.to_owned(),
        unit: " ms",
        measured: median(times),
        goal: Goal::AtMost(goal),
        detail: format!("{detail}; slowest {slowest:.0} ms"),
    }
}
