//! `offshoot attach`, on a real terminal.

use anyhow::Result;
use offshoot_protocol::view::Session;
use offshoot_testkit::pty::PtyProgram;
use offshoot_testkit::server::TestServer;

/// Starts a session that runs a command in the user's home.
async fn run(server: &TestServer, command: &str) -> Result<Session> {
    let home = server.user_home();
    let home = home.to_str().expect("UTF-8");
    server.http().run_in(home, command, None).await
}

fn attach(server: &TestServer, session: &Session, cols: u16, rows: u16) -> Result<PtyProgram> {
    let command = server.offshoot(&["attach", &session.id.to_string()]);
    PtyProgram::start(&command, cols, rows)
}

#[tokio::test]
async fn it_shows_the_screen_types_and_detaches() -> Result<()> {
    let server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut terminal = attach(&server, &session, 90, 20)?;
    let before = terminal.settings();
    terminal.wait_for("AGENT mode=fresh").await?;
    terminal.type_bytes(b"hello\r")?;
    terminal.wait_for("got:hello").await?;
    terminal.type_bytes(b"size\r")?;
    terminal.wait_for("size:90x20").await?;
    terminal.type_bytes(b"\x1cd")?;
    assert!(terminal.wait_for_exit().await?.success());
    terminal.wait_for("detached").await?;
    let after = terminal.settings()?;
    assert_eq!(
        before?.local_modes, after.local_modes,
        "the terminal is as it was"
    );

    let mut again = attach(&server, &session, 90, 20)?;
    again.wait_for("got:hello").await?;
    again.type_bytes(b"still there\r")?;
    again.wait_for("got:still there").await?;
    Ok(())
}

#[tokio::test]
async fn the_program_follows_the_size() -> Result<()> {
    let server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut terminal = attach(&server, &session, 90, 20)?;
    terminal.wait_for("AGENT").await?;
    terminal.resize(61, 17)?;
    // The signal and the typed line take different ways; ask until the size has arrived.
    let begin = std::time::Instant::now();
    loop {
        terminal.forget();
        terminal.type_bytes(b"size\r")?;
        terminal.wait_for("size:").await?;
        terminal.wait_for("x").await?;
        if terminal.output().contains("size:61x17") {
            return Ok(());
        }
        assert!(
            begin.elapsed() < offshoot_testkit::PATIENCE,
            "{}",
            terminal.output()
        );
    }
}

#[tokio::test]
async fn it_ends_with_the_programs_status() -> Result<()> {
    let server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut terminal = attach(&server, &session, 80, 24)?;
    terminal.wait_for("AGENT").await?;
    terminal.type_bytes(b"quit 7\r")?;
    assert_eq!(terminal.wait_for_exit().await?.code(), Some(7));
    terminal.wait_for("exited with 7").await?;
    Ok(())
}

#[tokio::test]
async fn typing_survives_a_killed_server() -> Result<()> {
    let mut server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut terminal = attach(&server, &session, 80, 24)?;
    terminal.wait_for("AGENT").await?;
    terminal.type_bytes(b"before\r")?;
    terminal.wait_for("got:before").await?;
    server.kill()?;
    for line in ["while", "nobody", "listens"] {
        terminal.type_bytes(format!("{line}\r").as_bytes())?;
    }
    server.restart().await?;
    terminal.wait_for("got:listens").await?;
    terminal.type_bytes(b"after\r")?;
    terminal.wait_for("got:after").await?;
    let worker = offshoot_testkit::http::first_worker(&session).id;
    let log = server.http().log(session.id, worker).await?;
    let log = String::from_utf8_lossy(&log);
    let got: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("got:"))
        .collect();
    let wanted = [
        "got:before",
        "got:while",
        "got:nobody",
        "got:listens",
        "got:after",
    ];
    assert_eq!(got, wanted, "each line once, in order");
    Ok(())
}

#[tokio::test]
async fn full_screen_programs_are_painted_on_attach_and_the_terminal_is_given_back() -> Result<()> {
    let server = TestServer::start().await?;
    std::fs::write(server.user_home().join("text"), "some text\nand more\n")?;
    let session = run(&server, "less text").await?;
    let mut first = attach(&server, &session, 80, 24)?;
    first.wait_for("some text").await?;
    first.type_bytes(b"\x1cd")?;
    first.wait_for_exit().await?;

    let mut again = attach(&server, &session, 80, 24)?;
    again.wait_for("some text").await?;
    again.wait_for("\x1b[?1049h").await?;
    again.forget();
    again.type_bytes(b"q")?;
    assert!(again.wait_for_exit().await?.success());
    again.wait_for("\x1b[?1049l").await?;
    again.wait_for("\x1b[?25h").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_typed_just_before_detaching_arrives() -> Result<()> {
    let server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut terminal = attach(&server, &session, 80, 24)?;
    terminal.wait_for("AGENT").await?;
    terminal.type_bytes(b"last words\r\x1cd")?;
    assert!(terminal.wait_for_exit().await?.success());
    let again = attach(&server, &session, 80, 24)?;
    again.wait_for("got:last words").await
}

#[tokio::test]
async fn who_types_decides_the_size() -> Result<()> {
    let mut server = TestServer::start().await?;
    let session = run(&server, "fake-agent").await?;
    let mut wide = attach(&server, &session, 90, 20)?;
    wide.wait_for("AGENT").await?;
    let mut narrow = attach(&server, &session, 60, 15)?;
    narrow.wait_for("AGENT").await?;
    for (terminal, size) in [(&mut wide, "size:90x20"), (&mut narrow, "size:60x15")] {
        // The first key takes the size, before the line it belongs to is read.
        terminal.type_bytes(b"size\r")?;
        terminal.wait_for(size).await?;
        terminal.forget();
    }
    // Until this one has heard of it, it would rightly take the size for its own.
    wide.wait_for("size:60x15").await?;

    // It stays with who typed last, whoever comes back last after a restart of the server.
    server.kill()?;
    server.restart().await?;
    let id = session.id.to_string();
    crate::succeed(&mut server.offshoot(&["send", &id, "both are back"]));
    wide.wait_for("got:both are back").await?;
    narrow.wait_for("got:both are back").await?;
    wide.forget();
    // Both see output before the size is claimed again.
    offshoot_testkit::wait_for("the size of the narrow one", || {
        crate::succeed(&mut server.offshoot(&["send", &id, "size"]));
        wide.output().contains("size:60x15").then_some(())
    })
    .await
}

#[tokio::test]
async fn after_detaching_the_shell_goes_on_below_what_is_shown() -> Result<()> {
    let server = TestServer::start().await?;
    let session = run(&server, "printf 'one\\r\\ntwo\\r\\nthree'; cat").await?;
    let mut terminal = attach(&server, &session, 80, 24)?;
    terminal.wait_for("three").await?;
    terminal.type_bytes(b"\x1cd")?;
    terminal.wait_for_exit().await?;
    terminal.wait_for("detached").await?;
    let size = offshoot_vt::Size { cols: 80, rows: 24 };
    let mut screen = offshoot_vt::Screen::new(size, offshoot_vt::Options::default());
    screen.feed(terminal.output().as_bytes());
    let lines = screen.tail(5);
    let begin = lines.iter().position(|line| line == "one");
    let shown = &lines[begin.expect("the first line")..];
    assert_eq!(shown[..3], ["one", "two", "three"]);
    assert!(shown[3].starts_with("[detached"), "{shown:?}");
    Ok(())
}

#[test]
fn without_a_terminal_it_says_what_to_use() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = TestServer::start().await?;
        let session = run(&server, "fake-agent").await?;
        let mut command = server.offshoot(&["attach", &session.id.to_string()]);
        crate::refuse(&mut command, 1, "attach needs a terminal");
        Ok(())
    })
}
