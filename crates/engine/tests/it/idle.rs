//! Workers that have nothing to do, under rules of two seconds.

use libtest_mimic::Trial;
use offshoot_engine::{Engine, Event, WorkerHandle};
use offshoot_protocol::idle::{IdleAction, IdlePolicy, PatchSettings};
use offshoot_protocol::rest::PatchSession;
use offshoot_protocol::terminal::ClientId;
use offshoot_protocol::view::ProcessState;
use offshoot_protocol::{SessionId, TerminalSize};

use crate::fixture::{Spot, start, trial, type_text, wait};

const SHORT: IdlePolicy = IdlePolicy::Stop { after_seconds: 2 };

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "an_idle_worker_is_warned_stopped_and_opened_again",
            warned_and_stopped,
        ),
        trial("workers_that_are_used_are_left_alone", used_ones_stay),
        trial(
            "setting_a_rule_again_begins_the_time_anew",
            setting_a_rule_again_begins_the_time_anew,
        ),
        trial("rules_outlive_the_server", rules_outlive_the_server),
    ]
}

async fn set(engine: &Engine, id: SessionId, policy: Option<IdlePolicy>) {
    let idle = Some(policy);
    let change = PatchSession {
        idle,
        ..PatchSession::default()
    };
    let view = engine.patch_session(id, change).await.unwrap();
    assert_eq!(view.idle, policy);
}

async fn is_stopped(worker: &WorkerHandle) -> String {
    let head = wait(worker, "its end", |head| {
        head.process.state == ProcessState::Stopped
    })
    .await;
    head.process.reason.unwrap_or_default()
}

async fn warned_and_stopped() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "/bin/sh").await;
    let mut events = engine.subscribe().events;
    set(&engine, session.id, Some(SHORT)).await;
    let mut warned = false;
    let ended = loop {
        let Event::SessionUpdated(view) = events.next().await.unwrap().event else {
            continue;
        };
        if let Some(warning) = view.idle_warning {
            assert_eq!(warning.action, IdleAction::Stop);
            assert!(worker.head().is_alive() || warned);
            warned = true;
        }
        let process = view.workers[0].process.clone().unwrap();
        if process.state == ProcessState::Stopped {
            break process;
        }
    };
    assert!(warned, "a warning comes before the end");
    let reason = ended.reason.unwrap();
    assert!(
        reason.starts_with("stopped after 2 seconds without"),
        "{reason}"
    );

    // The reason outlives the server, and so does that opening it starts it.
    engine.shutdown().await;
    drop(engine);
    let engine = spot.engine().await;
    let worker = engine.worker(session.id, worker.id()).unwrap();
    assert_eq!(worker.head().process.reason, Some(reason));
    engine.wake(session.id, worker.id()).await.unwrap();
    wait(&worker, "a start", |head| {
        head.process.state == ProcessState::Running
    })
    .await;

    set(&engine, session.id, None).await;
    engine.stop_worker(session.id, worker.id()).await.unwrap();
    engine.wake(session.id, worker.id()).await.unwrap();
    let process = worker.head().process;
    assert_eq!(
        (process.state, process.reason),
        (ProcessState::Stopped, None),
        "a person stopped it"
    );
    engine.shutdown().await;
}

async fn used_ones_stay() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (_, attached) = start(&engine, &spot.work(), "/bin/sh").await;
    let _client = attached
        .attach(ClientId(3), TerminalSize::new(80, 24))
        .await;
    let (asking_in, asking) = start(&engine, &spot.work(), "/bin/sh").await;
    type_text(
        &asking,
        1,
        "printf '\\033]7501;state=blocked\\007'; exec sleep 1000\n",
    )
    .await;
    let (printing_in, printing) = start(&engine, &spot.work(), "/bin/sh").await;
    type_text(&printing, 1, "while true; do echo x; sleep 0.3; done\n").await;
    let (exempt_in, exempt) = start(&engine, &spot.work(), "/bin/sh").await;
    set(&engine, exempt_in.id, Some(IdlePolicy::Off)).await;
    let (shell_in, _) = start(&engine, &spot.work(), "/bin/sh").await;
    let busy = engine.create_terminal(shell_in.id, None).await.unwrap();
    let busy = engine.worker(shell_in.id, busy.id).unwrap();
    type_text(&busy, 1, "sleep 1000 &\n").await;
    let free = engine.create_terminal(shell_in.id, None).await.unwrap();
    let free = engine.worker(shell_in.id, free.id).unwrap();

    let asks = |id: SessionId| {
        let activity = engine.session(id).unwrap().workers[0].activity.clone();
        activity.unwrap().state == offshoot_protocol::view::ActivityState::Waiting
    };
    wait(&asking, "the question", |_| asks(asking_in.id)).await;
    let idle = Some(Some(SHORT));
    engine.patch_settings(PatchSettings { idle }).await.unwrap();
    is_stopped(&free).await;
    for (worker, what) in [
        (&attached, "attached"),
        (&asking, "asking"),
        (&printing, "printing"),
        (&exempt, "exempt"),
        (&busy, "a shell with a job"),
    ] {
        assert!(worker.head().is_alive(), "{what}");
    }
    assert!(
        engine
            .session(printing_in.id)
            .unwrap()
            .idle_warning
            .is_none()
    );
    engine.shutdown().await;
}

async fn setting_a_rule_again_begins_the_time_anew() {
    const RULE: IdlePolicy = IdlePolicy::Stop { after_seconds: 4 };
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, worker) = start(&engine, &spot.work(), "/bin/sh").await;
    let mut events = engine.subscribe().events;
    set(&engine, session.id, Some(RULE)).await;
    let mut first = None;
    loop {
        let Event::SessionUpdated(view) = events.next().await.unwrap().event else {
            continue;
        };
        match (view.idle_warning, first) {
            (Some(warning), None) => {
                first = Some(warning.at);
                set(&engine, session.id, Some(RULE)).await;
            }
            (Some(warning), Some(before)) if warning.at > before => break,
            _ => assert!(worker.head().is_alive(), "its time did not begin anew"),
        }
    }
    is_stopped(&worker).await;
    engine.shutdown().await;
}

async fn rules_outlive_the_server() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let (session, _) = start(&engine, &spot.work(), "/bin/sh").await;
    let long = IdlePolicy::Pause {
        after_seconds: 3600,
    };
    set(&engine, session.id, Some(long)).await;
    let idle = Some(Some(SHORT));
    engine.patch_settings(PatchSettings { idle }).await.unwrap();
    engine.shutdown().await;
    drop(engine);
    let engine = spot.engine().await;
    assert_eq!(engine.session(session.id).unwrap().idle, Some(long));
    assert_eq!(engine.settings().idle, SHORT);
    let idle = Some(None);
    engine.patch_settings(PatchSettings { idle }).await.unwrap();
    assert_eq!(engine.settings().idle, IdlePolicy::Off, "as configured");
    let wrong = Some(Some(IdlePolicy::Stop { after_seconds: 0 }));
    let change = PatchSession {
        idle: wrong,
        ..PatchSession::default()
    };
    assert!(engine.patch_session(session.id, change).await.is_err());
    engine.shutdown().await;
}
