//! What outlives the engine, and how it is found again.

use libtest_mimic::Trial;
use offshoot_engine::{Engine, EngineError, StartError};
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::view::ProcessState;

use crate::fixture::{Spot, output, start, trial, type_text, wait, wait_output};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_process_outlives_the_engine",
            a_process_outlives_the_engine,
        ),
        trial(
            "an_exit_while_the_engine_is_away_is_kept",
            an_exit_while_the_engine_is_away_is_kept,
        ),
        trial(
            "a_lost_database_loses_no_process",
            a_lost_database_loses_no_process,
        ),
        trial(
            "a_killed_shim_is_lost_and_can_be_started_again",
            a_killed_shim_is_lost_and_can_be_started_again,
        ),
        trial(
            "a_process_whose_files_were_deleted_is_not_started_twice",
            a_process_whose_files_were_deleted_is_not_started_twice,
        ),
        trial("a_second_engine_is_refused", a_second_engine_is_refused),
        trial(
            "a_home_too_long_for_sockets_is_refused",
            a_home_too_long_for_sockets_is_refused,
        ),
    ]
}

async fn a_process_outlives_the_engine() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "sh -c 'echo first; cat'").await;
    wait_output(&worker, "first").await;
    type_text(&worker, 1, "typed\n").await;
    let before = worker.head();
    let pid = before.process.pid;
    engine.shutdown().await;
    drop((engine, worker));

    let engine = spot.engine().await;
    let worker = engine.worker(session.id, session.workers[0].id).unwrap();
    assert!(
        worker.head().end >= before.end,
        "where the output ends is known at once, without reading it again"
    );
    wait(&worker, "the connection", |head| {
        head.process.pid == pid && head.process.state == ProcessState::Running
    })
    .await;
    type_text(&worker, 1, "typed\n").await;
    type_text(&worker, 2, "more\n").await;
    wait(&worker, "both echoes", |_| {
        output(&worker).matches("more").count() == 2
    })
    .await;
    assert_eq!(
        output(&worker).matches("typed").count(),
        2,
        "typed once: its echo and cat's copy"
    );
    let screen = worker.text(50).await.unwrap();
    assert_eq!(screen.lines, ["first", "typed", "typed", "more", "more"]);
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
}

async fn an_exit_while_the_engine_is_away_is_kept() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let command = format!(
        "sh -c 'while [ ! -e {} ]; do sleep 0.02; done; echo bye; exit 3'",
        spot.work().join("go").display()
    );
    let (session, _) = start(&engine, &spot.work(), &command).await;
    let dir = spot
        .home()
        .join("workers")
        .join(session.workers[0].id.to_string());
    engine.shutdown().await;
    drop(engine);
    std::fs::write(spot.work().join("go"), "").unwrap();
    while !matches!(offshoot_shim::probe(&dir), offshoot_shim::Life::Exited(..)) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    let engine = spot.engine().await;
    let worker = engine.worker(session.id, session.workers[0].id).unwrap();
    let head = worker.head();
    assert_eq!(head.process.state, ProcessState::Exited);
    assert_eq!(head.process.exit.unwrap().code, Some(3));
    assert_eq!(output(&worker), "bye\r\n");
    assert_eq!(worker.text(5).await.unwrap().lines, ["bye"]);
}

async fn a_lost_database_loses_no_process() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "cat").await;
    let pid = worker.head().process.pid;
    engine.shutdown().await;
    drop((engine, worker));
    std::fs::write(
        spot.home().join("offshoot.db"),
        "this is no database, but long enough to be one",
    )
    .unwrap();

    let engine = spot.engine().await;
    let rebuilt = engine.session(session.id).unwrap();
    assert_eq!(rebuilt.location_path, session.location_path);
    assert_eq!(rebuilt.workers[0].name, session.workers[0].name);
    let worker = engine.worker(session.id, session.workers[0].id).unwrap();
    wait(&worker, "the connection", |head| head.process.pid == pid).await;
    type_text(&worker, 9, "alive\n").await;
    wait_output(&worker, "alive").await;
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
}

async fn a_killed_shim_is_lost_and_can_be_started_again() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "sh -c 'echo here; cat'").await;
    wait_output(&worker, "here").await;
    let dir = spot.home().join("workers").join(worker.id().to_string());
    let offshoot_shim::Life::Running(meta) = offshoot_shim::probe(&dir) else {
        panic!("it runs")
    };
    let pid = rustix::process::Pid::from_raw(meta.shim.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let head = wait(&worker, "the loss", |head| !head.is_alive()).await;
    assert_eq!(head.process.state, ProcessState::Lost);
    assert!(output(&worker).contains("here"), "what it printed is kept");
    engine
        .restart_worker(session.id, worker.id(), false)
        .await
        .unwrap();
    wait(&worker, "a new life", |head| {
        head.process.state == ProcessState::Running && head.epoch == 2
    })
    .await;
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
}

async fn a_second_engine_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let spot = Spot::new();
    let _engine = spot.engine().await;
    let lock = std::fs::metadata(spot.home().join("lock")).unwrap();
    assert_eq!(lock.permissions().mode() & 0o777, 0o600);
    let refused = offshoot_engine::Engine::start(spot.config())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StartError::Locked { pid, .. } if *pid == std::process::id().to_string()),
        "{refused}"
    );
}

async fn a_home_too_long_for_sockets_is_refused() {
    let spot = Spot::new();
    let mut config = spot.config();
    config.home = spot.home().join("d".repeat(120));
    let refused = Engine::start(config.clone()).await.err();
    assert!(
        matches!(&refused, Some(StartError::HomeTooLong { .. })),
        "{refused:?}"
    );
    assert!(!config.home.exists(), "nothing is made");
    let short = tempfile::tempdir().unwrap();
    config.run_dir = Some(short.path().to_owned());
    let engine = Engine::start(config).await.unwrap();
    let (_, worker) = start(&engine, &spot.work(), "echo short").await;
    wait_output(&worker, "short").await;
}

async fn a_process_whose_files_were_deleted_is_not_started_twice() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "sh -c 'echo here; cat'").await;
    wait_output(&worker, "here").await;
    let id = worker.id();
    engine.shutdown().await;
    drop((engine, worker));
    let dir = spot.home().join("workers").join(id.to_string());
    let offshoot_shim::Life::Running(meta) = offshoot_shim::probe(&dir) else {
        panic!("it runs")
    };
    std::fs::remove_dir_all(&dir).unwrap();

    let engine = spot.engine().await;
    let worker = engine.worker(session.id, id).unwrap();
    let head = worker.head();
    assert_eq!(head.process.state, ProcessState::Unknown);
    let reason = head.process.reason.unwrap();
    assert!(
        reason.contains(&format!("kill {}", meta.shim.pid)),
        "{reason}"
    );
    let refused = engine.restart_worker(session.id, id, false).await;
    assert!(
        matches!(refused, Err(EngineError::WorkerUnknown(_))),
        "{refused:?}"
    );

    let pid = rustix::process::Pid::from_raw(meta.shim.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    wait(&worker, "its end", |head| !head.is_alive()).await;
    engine.restart_worker(session.id, id, false).await.unwrap();
    engine
        .delete_session(session.id, WorktreeFate::Keep)
        .await
        .unwrap();
}
