//! The server's life: what it says, what it refuses, how it ends and what survives.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use offshoot_protocol::view::ProcessState;
use offshoot_testkit::http::{Http, first_worker};
use offshoot_testkit::server::TestServer;
use offshoot_testkit::terminal::{Terminal, complete};
use reqwest::Method;

use crate::{refuse, say};

#[tokio::test]
async fn it_prints_a_code_that_signs_in_once() -> Result<()> {
    let server = TestServer::start().await?;
    let printed = server.log();
    let (_, code) = printed.split_once("/#code=").expect("an address");
    let code = code.split_whitespace().next().expect("a code");
    let anyone = Http::new(&server.access().url, None);
    let sign_in = || {
        let body = serde_json::json!({ "code": code });
        anyone
            .request(Method::POST, "/api/auth/sign-in")
            .json(&body)
    };
    let (first, _) = anyone.answer(sign_in()).await?;
    let (second, _) = anyone.answer(sign_in()).await?;
    assert!(first.is_success(), "{first}");
    assert_eq!(second, 401);
    Ok(())
}

#[tokio::test]
async fn its_files_are_for_the_user_alone() -> Result<()> {
    let server = TestServer::start().await?;
    let mode = |file: &str| -> Result<u32> {
        Ok(server.home().join(file).metadata()?.permissions().mode() & 0o777)
    };
    assert_eq!(mode("")?, 0o700);
    assert_eq!(mode("cli-token")?, 0o600);
    assert_eq!(mode("server.json")?, 0o600);
    Ok(())
}

#[tokio::test]
async fn told_to_end_it_ends_in_time_and_touches_no_worker() -> Result<()> {
    let mut server = TestServer::start().await?;
    let home = server.user_home();
    let home = home.to_str().expect("UTF-8");
    let session = server.http().run_in(home, "fake-agent", None).await?;
    let worker = first_worker(&session).id;
    let mut terminal = Terminal::connect(server.access(), session.id, worker, complete(1)).await?;
    terminal.wait_for("AGENT mode=fresh").await?;
    let before = server
        .http()
        .wait_for_state(session.id, worker, ProcessState::Running)
        .await?;

    let begin = Instant::now();
    let status = server.terminate().await?;
    assert!(status.success(), "{status}");
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(!server.home().join("server.json").exists());

    server.restart().await?;
    let after = server
        .http()
        .wait_for_state(session.id, worker, ProcessState::Running)
        .await?;
    let pid = |worker: offshoot_protocol::view::Worker| worker.process?.pid;
    let (before, after) = (pid(before), pid(after));
    assert_eq!(before, after);
    assert!(before.is_some());
    Ok(())
}

#[tokio::test]
async fn killed_and_started_again_it_shows_the_same_process_and_every_byte() -> Result<()> {
    let mut server = TestServer::start().await?;
    let home = server.user_home();
    let home = home.to_str().expect("UTF-8");
    let session = server.http().run_in(home, "fake-agent", None).await?;
    let worker = first_worker(&session).id;
    let mut terminal = Terminal::connect(server.access(), session.id, worker, complete(1)).await?;
    terminal.type_text("pid\r").await?;
    terminal.wait_for("pid:").await?;
    terminal.type_text("one\r").await?;
    terminal.wait_for("got:one").await?;
    let seen = terminal.output.clone();
    let position = terminal.position;
    server.kill()?;
    server.restart().await?;

    let hello = offshoot_protocol::terminal::Hello {
        resume: position,
        ..complete(1)
    };
    let mut again = Terminal::connect(server.access(), session.id, worker, hello).await?;
    again.last_seq = terminal.last_seq;
    again.type_text("two\r").await?;
    again.wait_for("got:two").await?;
    let log = server.http().log(session.id, worker).await?;
    let received = [seen, again.output].concat();
    assert_eq!(
        String::from_utf8_lossy(&log),
        String::from_utf8_lossy(&received)
    );
    Ok(())
}

#[tokio::test]
async fn what_would_be_unsafe_or_taken_is_refused_with_the_way_out() -> Result<()> {
    let server = TestServer::start().await?;
    let listen = server.access().url.trim_start_matches("http://").to_owned();
    let serve = |home: &str, args: &[&str]| {
        let mut all = vec!["serve", "--no-open"];
        all.extend(args);
        let mut command = server.offshoot(&all);
        command.env("OFFSHOOT_HOME", server.user_home().join(home));
        command
    };
    let mut second = server.offshoot(&["serve", "--no-open", "--listen", "127.0.0.1:0"]);
    refuse(&mut second, 1, "another server");
    refuse(&mut serve("a", &["--listen", &listen]), 1, "in use");
    refuse(&mut serve("b", &["--listen", "0.0.0.0:0"]), 1, "--tls-cert");
    refuse(
        &mut serve("c", &["--ui-dir", "/no/such/place"]),
        2,
        "index.html",
    );
    refuse(&mut serve("d", &["--tls-cert", "/x"]), 2, "--tls-key");
    let mut bad = serve("e", &[]);
    refuse(
        bad.env("OFFSHOOT_LOG_FILTER", "info,offshoot=nonsuch"),
        2,
        "log_filter",
    );
    Ok(())
}

#[tokio::test]
async fn its_log_can_be_json() -> Result<()> {
    let program = offshoot_testkit::programs::offshoot();
    let server = TestServer::start_with(&program, &["--log", "json"]).await?;
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.starts_with('{'))
        .expect("a JSON line");
    let line: serde_json::Value = serde_json::from_str(line)?;
    assert_eq!(line["level"], "INFO");
    assert!(line["message"].is_string(), "{line}");
    Ok(())
}

#[test]
fn the_description_of_the_interface_is_printed() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_offshoot"));
    let said = say(command.arg("openapi"));
    let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert!(
        document["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.1")
    );
    assert!(document["paths"]["/api/sessions"].is_object());
}
