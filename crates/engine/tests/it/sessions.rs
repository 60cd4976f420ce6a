//! Sessions and workers: what people do with them.

use libtest_mimic::Trial;
use offshoot_engine::{EngineError, Event, EventStream};
use offshoot_protocol::TerminalSize;
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::terminal::ClientId;
use offshoot_protocol::view::ProcessState;

use crate::fixture::{
    Spot, first_worker, output, request, start, trial, type_text, wait, wait_output,
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_command_runs_and_its_exit_is_kept",
            a_command_runs_and_its_exit_is_kept,
        ),
        trial(
            "a_program_that_ends_at_once_is_never_unknown",
            a_program_that_ends_at_once_is_never_unknown,
        ),
        trial(
            "what_is_typed_reaches_the_program_once",
            what_is_typed_reaches_the_program_once,
        ),
        trial(
            "a_command_that_does_not_exist_leaves_nothing",
            a_command_that_does_not_exist_leaves_nothing,
        ),
        trial("restart_begins_a_new_output", restart_begins_a_new_output),
        trial(
            "stop_ends_and_revive_continues_the_output",
            stop_ends_and_revive_continues_the_output,
        ),
        trial(
            "deleting_a_session_removes_its_files",
            deleting_a_session_removes_its_files,
        ),
        trial("the_size_follows_its_owner", the_size_follows_its_owner),
        trial(
            "titles_are_one_line_of_visible_text",
            titles_are_one_line_of_visible_text,
        ),
        trial(
            "a_stop_amid_output_keeps_all_of_it",
            a_stop_amid_output_keeps_all_of_it,
        ),
        trial("a_revived_terminal_is_usable", a_revived_terminal_is_usable),
        trial(
            "a_shell_can_be_added_and_deleted",
            a_shell_can_be_added_and_deleted,
        ),
        trial(
            "a_flood_of_titles_is_no_flood_of_events",
            a_flood_of_titles_is_no_flood_of_events,
        ),
        trial(
            "a_command_is_carried_out_when_its_giver_leaves",
            a_command_is_carried_out_when_its_giver_leaves,
        ),
        trial(
            "a_shell_added_during_the_deletion_goes_with_it",
            a_shell_added_during_the_deletion_goes_with_it,
        ),
    ]
}

async fn a_command_runs_and_its_exit_is_kept() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (_, worker) = start(&engine, &spot.work(), "sh -c 'pwd; echo é; exit 7'").await;
    let head = wait(&worker, "the exit", |head| !head.is_alive()).await;
    assert_eq!(head.process.state, ProcessState::Exited);
    assert_eq!(head.process.exit.unwrap().code, Some(7));
    assert_eq!(
        output(&worker),
        format!("{}\r\né\r\n", spot.work().display())
    );
    assert_eq!(
        head.end,
        output(&worker).len() as u64,
        "the end is final when the exit shows"
    );
}

async fn a_program_that_ends_at_once_is_never_unknown() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "echo short").await;
    // Whether the engine is quicker than the program is luck; both ways are met in some rounds.
    for epoch in 1..=10 {
        assert_ne!(worker.head().process.state, ProcessState::Unknown);
        let head = wait(&worker, "the end", |head| {
            head.process.state != ProcessState::Running
        })
        .await;
        assert_eq!(head.process.state, ProcessState::Exited);
        assert_eq!(head.process.exit.unwrap().code, Some(0));
        assert_eq!(head.epoch, epoch);
        assert_eq!(output(&worker), "short\r\n");
        engine
            .restart_worker(session.id, worker.id(), false)
            .await
            .unwrap();
    }
}

async fn what_is_typed_reaches_the_program_once() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (_, worker) = start(
        &engine,
        &spot.work(),
        "sh -c 'read a; echo [$a]; read b; echo [$b]'",
    )
    .await;
    type_text(&worker, 1, "one\n").await;
    wait_output(&worker, "[one]").await;
    type_text(&worker, 1, "again\n").await;
    type_text(&worker, 2, "two\n").await;
    wait_output(&worker, "[two]").await;
    assert!(!output(&worker).contains("again"));
}

async fn a_command_that_does_not_exist_leaves_nothing() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let failed = engine
        .start_session(request(&spot.work(), "no-such-program-here {{prompt}}"))
        .await;
    let text = failed.unwrap_err();
    assert!(matches!(text, EngineError::StartFailed(_)), "{text:?}");
    assert!(text.to_string().contains("no-such-program-here"), "{text}");
    assert!(engine.sessions().is_empty());
    assert_eq!(
        std::fs::read_dir(spot.home().join("workers"))
            .unwrap()
            .count(),
        0
    );
}

async fn restart_begins_a_new_output() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "sh -c 'echo run $$; cat'").await;
    wait_output(&worker, "run").await;
    let before = worker.head();
    engine
        .restart_worker(session.id, worker.id(), false)
        .await
        .unwrap();
    let head = wait(&worker, "a new life", |head| {
        head.epoch > before.epoch && head.end > 0
    })
    .await;
    assert_eq!(head.process.state, ProcessState::Running);
    assert_ne!(head.process.pid, before.process.pid);
    wait_output(&worker, "run").await;
    assert_eq!(output(&worker).matches("run").count(), 1);
}

async fn stop_ends_and_revive_continues_the_output() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "sh -c 'echo life; exec cat'").await;
    wait_output(&worker, "life").await;
    let stopped = engine.stop_worker(session.id, worker.id()).await.unwrap();
    assert_eq!(stopped.process.unwrap().state, ProcessState::Stopped);
    engine
        .activate_worker(session.id, worker.id())
        .await
        .unwrap();
    wait(&worker, "a second life", |_| {
        output(&worker).matches("life").count() == 2
    })
    .await;
    assert_eq!(worker.head().epoch, 1, "the output goes on");
    let screen = worker.text(10).await.unwrap();
    assert_eq!(screen.lines, ["life", "life"], "below what was shown");
}

async fn deleting_a_session_removes_its_files() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "cat").await;
    let pid = worker.head().process.pid.unwrap();
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
    assert!(
        !std::path::Path::new(&format!("/proc/{pid}")).exists(),
        "the process is gone"
    );
    assert_eq!(
        std::fs::read_dir(spot.home().join("workers"))
            .unwrap()
            .count(),
        0
    );
    assert!(spot.work().is_dir(), "the directory stays");
    assert!(worker.head().deleted);
}

async fn a_shell_can_be_added_and_deleted() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, _) = start(&engine, &spot.work(), "cat").await;
    let shell = engine.create_terminal(session.id, None).await.unwrap();
    assert_eq!(shell.name, "Terminal 1");
    let handle = engine.worker(session.id, shell.id).unwrap();
    type_text(&handle, 1, "echo $OFFSHOOT_WORKER_ID $TERM\n").await;
    wait_output(&handle, &format!("{} xterm-256color", shell.id)).await;
    engine.delete_worker(session.id, shell.id).await.unwrap();
    let session = engine.session(session.id).unwrap();
    assert!(session.workers.iter().all(|worker| worker.id != shell.id));
    first_worker(&engine, &session);
}

async fn the_size_follows_its_owner() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (_, worker) = start(&engine, &spot.work(), "cat").await;
    let size = |cols, rows| TerminalSize { cols, rows };
    let _desk = worker.attach(ClientId(1), Some(size(100, 40))).await;
    wait(&worker, "the first client's size", |head| {
        head.size == size(100, 40)
    })
    .await;
    let phone = worker.attach(ClientId(2), Some(size(40, 20))).await;
    worker.claim(ClientId(2)).await;
    wait(&worker, "the size of who claimed it", |head| {
        head.size == size(40, 20)
    })
    .await;
    drop(phone);
    let head = wait(&worker, "the size to go back", |head| {
        head.size == size(100, 40)
    })
    .await;
    assert_eq!(head.size_owner, Some(ClientId(1)));
    assert_eq!(head.end, 0, "no output was needed");
}

async fn a_revived_terminal_is_usable() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let rude = "sh -c 'printf before; printf \"\\033[?1049h\\033[?1003;2004hinside\"; exec cat'";
    let (session, worker) = start(&engine, &spot.work(), rude).await;
    wait_output(&worker, "inside").await;
    engine.stop_worker(session.id, worker.id()).await.unwrap();
    assert_eq!(worker.text(9).await.unwrap().lines, ["      inside"]);
    engine
        .activate_worker(session.id, worker.id())
        .await
        .unwrap();
    wait(&worker, "a second life", |_| {
        output(&worker).matches("inside").count() == 2
    })
    .await;
    engine.stop_worker(session.id, worker.id()).await.unwrap();
    let ended = output(&worker);
    let between = &ended[ended.find("inside").unwrap()..ended.rfind("before").unwrap()];
    assert!(between.contains("\x1b[?1049l"), "{between:?}");
    assert!(between.ends_with("\r\n"), "{between:?}");
}

/// Begins a command and stops waiting for it at once, as a closed browser does.
async fn give_and_leave<T>(command: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = command => panic!("nothing is done at the first poll"),
        () = std::future::ready(()) => {}
    }
}

async fn wait_event(events: &mut EventStream, wanted: impl Fn(&Event) -> bool) {
    let found = async { while !wanted(&events.next().await.unwrap().event) {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), found)
        .await
        .expect("the event comes");
}

fn directories_of_workers(spot: &Spot) -> usize {
    let entries = std::fs::read_dir(spot.home().join("workers")).unwrap();
    entries.count()
}

async fn a_command_is_carried_out_when_its_giver_leaves() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let mut events = engine.subscribe().events;
    give_and_leave(engine.start_session(request(&spot.work(), "sleep 1000"))).await;
    wait_event(&mut events, |event| {
        matches!(event, Event::SessionCreated(_))
    })
    .await;
    let id = engine.sessions()[0].id;
    give_and_leave(engine.delete_session(id, WorktreeFate::Keep)).await;
    wait_event(&mut events, |event| {
        matches!(event, Event::SessionDeleted(_))
    })
    .await;
    assert_eq!(directories_of_workers(&spot), 0);
    engine.shutdown().await;
}

async fn a_shell_added_during_the_deletion_goes_with_it() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    for _ in 0..5 {
        let (session, _) = start(&engine, &spot.work(), "sleep 1000").await;
        let (_, deleted) = tokio::join!(
            engine.create_terminal(session.id, None),
            engine.delete_session(session.id, WorktreeFate::Keep)
        );
        deleted.unwrap();
        assert_eq!(directories_of_workers(&spot), 0, "nothing is left behind");
    }
    engine.shutdown().await;
}

async fn a_flood_of_titles_is_no_flood_of_events() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let flood = r#"sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf "\033]0;t%d\007" $i; done; cat'"#;
    let (session, worker) = start(&engine, &spot.work(), flood).await;
    let before = engine.subscribe().seq;
    let since = std::time::Instant::now();
    wait(&worker, "the last title", |head| {
        head.title.as_deref() == Some("t3000")
    })
    .await;
    let events = engine.subscribe().seq - before;
    let ticks = u64::try_from(since.elapsed().as_millis()).unwrap() / 250;
    assert!(events < 20 + 4 * ticks, "{events} events in {ticks} ticks");
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
}

async fn titles_are_one_line_of_visible_text() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let mut request = request(&spot.work(), "cat");
    request.title = Some("a\u{1b}[2J\u{202e}b\nc".to_owned());
    let session = engine.start_session(request).await.unwrap();
    assert_eq!(session.title.as_deref(), Some("a [2J b c"));
}

async fn a_stop_amid_output_keeps_all_of_it() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let questions = "i=0; while [ $i -lt 4000 ]; do printf \"\\033[c\\033[6n\"; i=$((i+1)); done";
    let command = format!("sh -c '{questions}; echo over; exec cat'");
    let (session, worker) = start(&engine, &spot.work(), &command).await;
    wait(&worker, "questions", |head| head.end > 10_000).await;
    engine.stop_worker(session.id, worker.id()).await.unwrap();
    let head = worker.head();
    assert_eq!(head.process.state, ProcessState::Stopped);
    assert_eq!(output(&worker).len() as u64, head.end, "the end is final");
    let text = worker.text(5).await.unwrap();
    assert_eq!(
        text.offset, head.end,
        "who asks for the screen gets all of it"
    );
}
