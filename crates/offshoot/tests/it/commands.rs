//! Client commands.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::Result;
use offshoot_protocol::view::{ProcessState, Session};
use offshoot_testkit::http::first_worker;
use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::server::TestServer;
use offshoot_testkit::wait_for;

use crate::{refuse, say, succeed};

/// Starts a session by `offshoot new` and returns it.
fn new(server: &TestServer, repository: &TestRepository, args: &[&str]) -> Session {
    let path = repository.path();
    let mut all = vec!["new", path.to_str().expect("UTF-8"), "--json"];
    all.extend(args);
    let text = succeed(&mut server.offshoot(&all));
    serde_json::from_str(&text).expect("a session")
}

/// Waits until a worker's screen holds a text.
async fn wait_for_text(server: &TestServer, name: &str, text: &str) -> Result<()> {
    wait_for(&format!("{text:?} on {name}"), || {
        let said = say(&mut server.offshoot(&["logs", name, "--tail", "50"]));
        said.stdout.contains(text).then_some(())
    })
    .await
}

#[tokio::test]
async fn an_agent_is_started_told_something_read_and_deleted() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let prompt = "line one\n'quoted' \"twice\" $HOME `id` ; rm -rf /";
    let template = "fake-agent --paste {{prompt}}";
    let args = ["--branch", "try", "--command", template, "--prompt", prompt];
    let session = new(&server, &repository, &args);
    assert_eq!(session.worktree_id.as_deref(), Some("try"));

    wait_for_text(&server, "try", "AGENT mode=fresh prompt=[line one").await?;
    wait_for_text(&server, "try", "$HOME `id` ; rm -rf /]").await?;
    succeed(&mut server.offshoot(&["send", "try", "hello", "there"]));
    wait_for_text(&server, "try", "got:hello there").await?;

    let listed = succeed(&mut server.offshoot(&["ls"]));
    assert!(
        listed.contains("try") && !listed.contains('\x1b'),
        "{listed}"
    );
    let listed = succeed(&mut server.offshoot(&["ls", "--json"]));
    let sessions: Vec<Session> = serde_json::from_str(&listed)?;
    assert_eq!(sessions.len(), 1);

    std::fs::write(format!("{}/precious", session.location_path), "work")?;
    let remove = ["rm", "try", "--worktree", "remove", "--yes"];
    refuse(&mut server.offshoot(&remove), 5, "--worktree discard");
    assert!(std::path::Path::new(&session.location_path).exists());
    refuse(&mut server.offshoot(&["rm", "try"]), 1, "--yes");
    succeed(&mut server.offshoot(&["rm", "try", "--worktree", "discard", "--yes"]));
    assert!(!std::path::Path::new(&session.location_path).exists());
    let listed = succeed(&mut server.offshoot(&["ls"]));
    assert!(listed.contains("no sessions yet"), "{listed}");
    Ok(())
}

#[tokio::test]
async fn the_same_key_types_a_text_once() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    new(
        &server,
        &repository,
        &["--branch", "once", "--command", "fake-agent"],
    );
    for _ in 0..3 {
        succeed(&mut server.offshoot(&["send", "--key", "k1", "once", "only once"]));
    }
    succeed(&mut server.offshoot(&["send", "once", "the end"]));
    wait_for_text(&server, "once", "got:the end").await?;
    let log = succeed(&mut server.offshoot(&["logs", "once"]));
    assert_eq!(log.matches("got:only once").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn prompts_and_texts_are_read_from_standard_input() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let path = repository.path();
    let pipe = |args: &[&str], text: &str| -> Result<()> {
        let mut command = server.offshoot(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(text.as_bytes())?;
        drop(stdin);
        assert!(child.wait()?.success());
        Ok(())
    };
    let path = path.to_str().expect("UTF-8");
    pipe(
        &[
            "new",
            path,
            "-b",
            "in",
            "--command",
            "fake-agent {{prompt}}",
        ],
        "piped prompt\n",
    )?;
    wait_for_text(&server, "in", "prompt=[piped prompt]").await?;
    pipe(&["send", "in"], "piped text\n")?;
    wait_for_text(&server, "in", "got:piped text").await?;
    Ok(())
}

#[tokio::test]
async fn workers_stop_restart_and_sessions_pause_and_resume() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let session = new(&server, &repository, &["--branch", "life", "--shell"]);
    let worker = first_worker(&session).id;
    let http = server.http();

    let stopped = succeed(&mut server.offshoot(&["stop", "life"]));
    assert!(stopped.contains("stopped"), "{stopped}");
    let restarted = succeed(&mut server.offshoot(&["restart", "life"]));
    assert!(
        restarted.contains("running") || restarted.contains("starting"),
        "{restarted}"
    );
    http.wait_for_state(session.id, worker, ProcessState::Running)
        .await?;

    succeed(&mut server.offshoot(&["pause", "life"]));
    let paused = http.session(session.id).await?;
    assert!(paused.paused);
    succeed(&mut server.offshoot(&["resume", "life"]));
    http.wait_for_state(session.id, worker, ProcessState::Running)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_log_is_whole_and_following_it_ends_with_the_programs_status() -> Result<()> {
    use offshoot_testkit::spew::Content;
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let command = "spewer --bytes 3000000 --seed 5 --exit 7 --wait";
    new(
        &server,
        &repository,
        &["--branch", "spew", "--command", command],
    );
    wait_for_text(&server, "spew", "ready").await?;
    let followed = {
        let mut command = server.offshoot(&["logs", "spew", "--follow"]);
        let child = command.stdout(Stdio::piped()).spawn()?;
        succeed(&mut server.offshoot(&["send", "spew", "go"]));
        child.wait_with_output()?
    };
    assert_eq!(followed.status.code(), Some(7));
    let whole = server.offshoot(&["logs", "spew"]).output()?.stdout;
    for printed in [&followed.stdout, &whole] {
        let begin = printed.len().saturating_sub(3_000_000);
        assert!(printed[begin..] == Content::plain(5).bytes(0..3_000_000));
    }
    Ok(())
}

#[tokio::test]
async fn tokens_are_made_used_listed_and_revoked() -> Result<()> {
    let server = TestServer::start().await?;
    let secret = succeed(&mut server.offshoot(&["token", "create", "ci"]));
    let with = |args: &[&str]| {
        let mut command = server.offshoot(args);
        command
            .env("OFFSHOOT_SERVER", &server.access().url)
            .env("OFFSHOOT_TOKEN", secret.trim());
        command
    };
    succeed(&mut with(&["ls"]));
    let listed = succeed(&mut with(&["token", "list", "--json"]));
    assert!(
        listed.contains("\"ci\"") && !listed.contains(secret.trim()),
        "{listed}"
    );
    succeed(&mut server.offshoot(&["token", "revoke", "ci"]));
    refuse(&mut with(&["ls"]), 1, "wants a credential");
    refuse(
        &mut server.offshoot(&["token", "revoke", "ci"]),
        4,
        "no token",
    );

    let address = succeed(&mut server.offshoot(&["signin"]));
    assert!(
        address.starts_with(&format!("{}/#code=", server.access().url)),
        "{address}"
    );
    Ok(())
}

#[tokio::test]
async fn refusals_say_what_is_wrong() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let path = repository.path();
    let path = path.to_str().expect("UTF-8");
    let on = |args: &[&str]| server.offshoot(args);
    for branch in ["a..b", "-x", "with space"] {
        let flag = format!("--branch={branch}");
        refuse(&mut on(&["new", path, "--shell", &flag]), 5, "branch");
    }
    refuse(
        &mut on(&["new", path, "--shell", "--branch", "main"]),
        5,
        "main",
    );
    refuse(&mut on(&["new", "/", "--shell"]), 5, "repository");
    refuse(
        &mut on(&["new", "/no/such/place", "--shell"]),
        1,
        "/no/such/place",
    );
    refuse(
        &mut on(&["new", path, "--agent", "nonsuch"]),
        4,
        "known are",
    );
    refuse(
        &mut on(&["new", path, "--command", "no-such-program"]),
        5,
        "no-such-program",
    );
    for command in ["attach", "logs", "stop", "pause", "restart", "rm", "send"] {
        let mut args = vec![command, "nonsuch"];
        args.extend((command == "send").then_some("text"));
        refuse(&mut on(&args), 4, "nothing is called `nonsuch`");
    }
    refuse(&mut on(&["ls", "--nonsuch"]), 2, "--nonsuch");
    let listed = succeed(&mut on(&["ls"]));
    assert!(
        listed.contains("no sessions yet"),
        "refused requests leave nothing: {listed}"
    );
    Ok(())
}

#[test]
fn without_a_server_commands_say_how_to_start_one() {
    let home = tempfile::tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_offshoot"));
        command
            .args(args)
            .env("HOME", home.path())
            .env("OFFSHOOT_HOME", home.path().join("d"));
        for name in ["XDG_CONFIG_HOME", "OFFSHOOT_SERVER", "OFFSHOOT_CONFIG"] {
            command.env_remove(name);
        }
        command
    };
    refuse(&mut run(&["ls"]), 3, "start it with `offshoot serve`");
    refuse(
        &mut run(&["attach", "x"]),
        3,
        "start it with `offshoot serve`",
    );
    let said = say(&mut run(&["doctor"]));
    assert!(said.stdout.contains("git version"), "{}", said.stdout);
    assert!(said.stdout.contains("no server runs"), "{}", said.stdout);

    let config = succeed(run(&["config"]).env("OFFSHOOT_LISTEN", "127.0.0.1:9"));
    let line = config.lines().find(|line| line.starts_with("listen"));
    let line = line.expect("a line for listen");
    assert!(
        line.contains("127.0.0.1:9") && line.contains("$OFFSHOOT_LISTEN"),
        "{line}"
    );

    let file = home.path().join(".config/offshoot/config.toml");
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("made");
    std::fs::write(&file, "listne = 'x'\n").expect("written");
    refuse(&mut run(&["ls"]), 2, "unknown key `listne`");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let program = env!("CARGO_BIN_EXE_offshoot");
    for shell in ["bash", "zsh", "fish"] {
        let mut command = std::process::Command::new(program);
        let text = succeed(command.args(["completions", shell]));
        assert!(text.contains("attach"), "{shell}");
    }
    let text = succeed(std::process::Command::new(program).arg("man"));
    assert!(text.contains(".TH offshoot") && text.contains("ATTACH"));
}

#[test]
fn a_setting_that_is_no_text_is_refused_and_not_replaced_by_a_default() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut command = std::process::Command::new(offshoot_testkit::programs::offshoot());
    let home = std::ffi::OsStr::from_bytes(b"/tmp/h\xff");
    command.arg("config").env("OFFSHOOT_HOME", home);
    refuse(&mut command, 2, "$OFFSHOOT_HOME is not UTF-8");
}

#[cfg(target_os = "linux")]
#[test]
fn a_completion_script_nobody_reads_is_no_crash() -> Result<()> {
    let mut command = std::process::Command::new(offshoot_testkit::programs::offshoot());
    let full = std::fs::File::options().write(true).open("/dev/full")?;
    let output = command
        .args(["completions", "bash"])
        .stdout(full)
        .output()?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    Ok(())
}

#[test]
fn definitions_of_agents_are_shown_checked_and_reported() {
    let program = env!("CARGO_BIN_EXE_offshoot");
    let home = tempfile::tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(program);
        command.args(args).env("HOME", home.path());
        command.env("OFFSHOOT_HOME", home.path().join("d"));
        for name in ["XDG_CONFIG_HOME", "OFFSHOOT_SERVER", "OFFSHOOT_CONFIG"] {
            command.env_remove(name);
        }
        command
    };
    assert!(succeed(&mut run(&["agents", "check"])).contains("no definitions in"));
    let text = succeed(&mut run(&["agents", "show", "codex"]));
    let dir = home.path().join(".config/offshoot/agents");
    std::fs::create_dir_all(&dir).expect("made");
    std::fs::write(dir.join("codex.toml"), &text).expect("written");
    assert!(succeed(&mut run(&["agents", "check"])).contains("codex.toml: ok"));
    let broken = text.replacen("kind = \"otlp\"", "knid = \"otlp\"", 1);
    let line = 1 + text[..text.find("kind = \"otlp\"").expect("there")]
        .matches('\n')
        .count();
    std::fs::write(dir.join("codex.toml"), broken).expect("written");
    let said = say(&mut run(&["agents", "check"]));
    let place = format!("codex.toml:{line}: unknown field `knid`");
    assert!(said.stdout.contains(&place), "{}", said.stdout);
    let said = say(&mut run(&["doctor"]));
    assert!(said.stdout.contains(&place), "{}", said.stdout);
    refuse(
        &mut run(&["agents", "show", "x"]),
        4,
        "known are claude-code, codex",
    );
}
