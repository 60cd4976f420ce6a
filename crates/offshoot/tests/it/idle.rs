//! Idle rules from the command line, over a restart of the server, and through the sockets.

use anyhow::Result;
use offshoot_protocol::view::{ProcessState, Session};
use offshoot_testkit::http::first_worker;
use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::server::TestServer;
use offshoot_testkit::terminal::{Terminal, live};
use offshoot_testkit::wait_for;

use crate::{refuse, succeed};

fn new(server: &TestServer, repository: &TestRepository, branch: &str) -> Session {
    let path = repository.path();
    let path = path.to_str().expect("UTF-8");
    let args = [
        "new",
        path,
        "--json",
        "--branch",
        branch,
        "--command",
        "fake-agent",
    ];
    serde_json::from_str(&succeed(&mut server.offshoot(&args))).expect("a session")
}

fn session(server: &TestServer, id: &Session) -> Session {
    let listed = succeed(&mut server.offshoot(&["ls", "--json"]));
    let sessions: Vec<Session> = serde_json::from_str(&listed).expect("sessions");
    let found = sessions.into_iter().find(|session| session.id == id.id);
    found.expect("it is there")
}

#[tokio::test]
async fn an_idle_session_is_paused_and_opening_it_resumes_it() -> Result<()> {
    let mut server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let shown = succeed(&mut server.offshoot(&["idle"]));
    assert_eq!(shown, "server: off\n", "off by default");
    let used = new(&server, &repository, "used");
    let idle = new(&server, &repository, "idle");
    let by_hand = new(&server, &repository, "by-hand");
    succeed(&mut server.offshoot(&["pause", "by-hand"]));
    let hello = live(1, 80, 24);
    let worker = first_worker(&used).id;
    let _attached = Terminal::connect(server.access(), used.id, worker, hello).await?;

    refuse(
        &mut server.offshoot(&["idle", "soon"]),
        2,
        "`off`, or `inherit`",
    );
    let path = repository.path();
    let path = path.to_str().expect("UTF-8");
    let said = succeed(&mut server.offshoot(&["idle", "2s", "--repository", path]));
    assert!(
        said.ends_with(": paused after 2s without anything to do\n"),
        "{said}"
    );
    let said = succeed(&mut server.offshoot(&["idle", "--session", "idle"]));
    assert_eq!(said, "idle: inherit\n");

    wait_for("the pause", || session(&server, &idle).paused.then_some(())).await?;
    let paused = session(&server, &idle);
    let reason = paused.paused_because.clone().expect("a reason");
    assert!(reason.starts_with("paused after 2 seconds"), "{reason}");
    // The workers end while the session is paused already.
    wait_for("the reason in the list", || {
        let listed = succeed(&mut server.offshoot(&["ls"]));
        listed.contains(&reason).then_some(())
    })
    .await?;
    assert!(!session(&server, &used).paused, "somebody is attached");

    // Over a restart it stays paused, and known as the rule's doing.
    succeed(&mut server.offshoot(&["idle", "off", "--repository", path]));
    server.kill()?;
    server.restart().await?;
    assert_eq!(session(&server, &idle).paused_because, Some(reason));
    let worker = first_worker(&idle).id;
    let mut opened = Terminal::connect(server.access(), idle.id, worker, live(2, 80, 24)).await?;
    opened.wait_for("AGENT").await?;
    let resumed = session(&server, &idle);
    assert!(!resumed.paused && resumed.paused_because.is_none());
    let process = first_worker(&resumed).process.as_ref().expect("a process");
    assert_eq!(process.state, ProcessState::Running);

    let worker = first_worker(&by_hand).id;
    let _looked = Terminal::connect(server.access(), by_hand.id, worker, live(3, 80, 24)).await?;
    let by_hand = session(&server, &by_hand);
    assert!(
        by_hand.paused && by_hand.paused_because.is_none(),
        "a person paused it"
    );
    Ok(())
}

#[tokio::test]
async fn output_is_exported_from_the_command_line() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let made = new(&server, &repository, "out");
    let worker = first_worker(&made).id;
    let hello = live(1, 80, 24);
    let mut client = Terminal::connect(server.access(), made.id, worker, hello).await?;
    client.wait_for("AGENT").await?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("out.html");
    let file = file.to_str().expect("UTF-8");
    succeed(&mut server.offshoot(&["export", "out", "-o", file]));
    let page = std::fs::read_to_string(file)?;
    assert!(page.starts_with("<!doctype html>") && page.contains("AGENT"));
    succeed(&mut server.offshoot(&["pause", "out"]));
    let cast = succeed(&mut server.offshoot(&["export", "out"]));
    assert!(
        cast.starts_with("{") && cast.contains("\"o\""),
        "a paused session too"
    );
    let text = succeed(&mut server.offshoot(&["export", "out", "--format", "text"]));
    assert!(text.contains("AGENT") && !text.contains('\x1b'));
    let told = succeed(&mut server.offshoot(&["export", "out", "--format", "json"]));
    let told: serde_json::Value = serde_json::from_str(&told)?;
    assert_eq!(told["session"]["id"], made.id.to_string());
    refuse(
        &mut server.offshoot(&["export", "out", "--from", "soon", "-o", file]),
        5,
        "how long ago",
    );
    assert_eq!(
        std::fs::read_to_string(file)?,
        page,
        "a refusal keeps the file"
    );
    Ok(())
}
