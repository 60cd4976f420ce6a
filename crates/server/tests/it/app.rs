//! `/ws/app` in both dialects.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Arc;

use futures_util::SinkExt;
use libtest_mimic::Trial;
use offshoot_protocol::JobId;
use offshoot_protocol::app::{AppEvent, AppFrame, AppResume};
use offshoot_protocol::job::{Job, JobBody, JobStatus};
use offshoot_testkit::app::App;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Rig, Socket, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "v1_opens_with_three_syncs_and_answers_every_request",
            three_syncs,
        ),
        trial("v1_tells_each_session_once", v1_tells_each_session_once),
        trial("v1_two_clients_hear_the_same", v1_two_clients_hear_the_same),
        trial(
            "v1_sees_a_session_that_is_created_meanwhile_once",
            created_meanwhile,
        ),
        trial(
            "a_stopping_server_sends_clients_to_come_back",
            a_stopping_server,
        ),
        trial(
            "v2_numbers_have_no_holes_and_resume",
            v2_numbers_have_no_holes_and_resume,
        ),
        trial("v2_tells_of_jobs_that_are_not_completed", v2_tells_of_jobs),
        trial(
            "an_unknown_subprotocol_is_refused",
            an_unknown_subprotocol_is_refused,
        ),
    ]
}

async fn v1(rig: &Rig) -> Socket {
    rig.socket("/ws/app", None).await
}

/// Takes the three syncs, which come before anything else.
async fn syncs(socket: &mut Socket) -> [Value; 3] {
    let frames = [
        socket.frame().await,
        socket.frame().await,
        socket.frame().await,
    ];
    let kinds: HashSet<_> = frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect();
    let expected = HashSet::from(["sessions-sync", "agents-sync", "repositories-sync"]);
    assert_eq!(kinds, expected);
    frames
}

async fn three_syncs(rig: Arc<Rig>) {
    let mut socket = v1(&rig).await;
    let frames = syncs(&mut socket).await;
    let agents = frames
        .iter()
        .find(|frame| frame["type"] == "agents-sync")
        .unwrap();
    let first = &agents["agents"][0];
    assert_eq!(
        (&first["id"], &first["isBuiltIn"]),
        (&json!("claude-code-builtin"), &json!(true))
    );
    for capability in [
        "supportsContinue",
        "supportsHeadlessMode",
        "supportsActivityDetection",
    ] {
        assert_eq!(first["capabilities"][capability], true);
    }
    for garbage in ["{", "null", r#"{"type":"unknown"}"#, r#"{"type":7}"#] {
        socket.0.send(Message::text(garbage)).await.unwrap();
    }
    socket.0.send(Message::binary(vec![0xff, 0])).await.unwrap();
    socket.send(json!({"type": "request-sync"})).await;
    socket.send(json!({"type": "request-sync"})).await;
    syncs(&mut socket).await;
    syncs(&mut socket).await;
}

async fn v1_tells_each_session_once(rig: Arc<Rig>) {
    let mut socket = v1(&rig).await;
    syncs(&mut socket).await;
    let (session, worker) = rig.agent_session().await;
    let path = format!("/api/sessions/{}", session.id);
    rig.http.delete(&path).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let frame = socket.frame().await;
        let kind = frame["type"].as_str().unwrap().to_owned();
        if kind == "session-created" {
            assert_eq!(frame["session"]["activationState"], "running");
            assert!(frame["session"]["workers"].is_array());
        }
        if kind == "worker-activity" {
            assert_eq!(
                (&frame["sessionId"], &frame["workerId"]),
                (&json!(session.id), &json!(worker))
            );
        }
        let is_last = kind == "session-deleted";
        seen.push((
            kind,
            frame["activityState"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ));
        if is_last {
            break;
        }
    }
    let count = |kind: &str, state: &str| {
        seen.iter()
            .filter(|seen| **seen == (kind.to_owned(), state.to_owned()))
            .count()
    };
    assert_eq!(count("session-created", ""), 1, "{seen:?}");
    assert_eq!(count("worker-activity", "idle"), 1, "{seen:?}");
    let at = |kind: &str| seen.iter().position(|(seen, _)| seen == kind).unwrap();
    assert!(at("worker-activity") < at("session-created"), "{seen:?}");
}

async fn v1_two_clients_hear_the_same(rig: Arc<Rig>) {
    let (mut one, mut two) = (v1(&rig).await, v1(&rig).await);
    syncs(&mut one).await;
    syncs(&mut two).await;
    let agent = rig.agent().await;
    for socket in [&mut one, &mut two] {
        let frame = socket.frame().await;
        assert_eq!(
            (&frame["type"], &frame["agent"]["id"]),
            (&json!("agent-created"), &json!(agent))
        );
    }
}

async fn created_meanwhile(rig: Arc<Rig>) {
    for round in 0..15 {
        let creating = {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.run("cat").await })
        };
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        let mut socket = v1(&rig).await;
        let frames = syncs(&mut socket).await;
        let (id, _) = creating.await.unwrap();
        let synced = frames
            .iter()
            .find(|frame| frame["type"] == "sessions-sync")
            .unwrap();
        let sessions = synced["sessions"].as_array().unwrap();
        let mut times = sessions
            .iter()
            .filter(|session| session["id"] == json!(id))
            .count();
        rig.http
            .delete(&format!("/api/sessions/{id}"))
            .await
            .unwrap();
        loop {
            let frame = socket.frame().await;
            match frame["type"].as_str().unwrap() {
                "session-created" if frame["session"]["id"] == json!(id) => times += 1,
                "session-deleted" if frame["sessionId"] == json!(id) => break,
                _ => {}
            }
        }
        assert_eq!(times, 1, "round {round}");
    }
}

async fn a_stopping_server(rig: Arc<Rig>) {
    let ids = rig.run("cat").await;
    let worker = format!("/ws/session/{}/worker/{}", ids.0, ids.1);
    let mut sockets = vec![
        v1(&rig).await,
        rig.socket("/ws/app", Some("offshoot.app.v2")).await,
        rig.socket(&worker, None).await,
        rig.socket(&worker, Some("offshoot.terminal.v2")).await,
    ];
    let begun = std::time::Instant::now();
    let (_, codes) = tokio::join!(rig.stop(), async {
        let mut codes = Vec::new();
        for socket in &mut sockets {
            codes.push(socket.close_code().await);
        }
        codes
    });
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    assert_eq!(codes, [Some(1012); 4]);
}

async fn connect(rig: &Rig, resume: AppResume) -> (App, AppFrame) {
    let mut app = App::connect(&rig.access, &resume).await.unwrap();
    let first = app.next().await.unwrap().unwrap();
    (app, first)
}

async fn v2_numbers_have_no_holes_and_resume(rig: Arc<Rig>) {
    let (mut app, first) = connect(&rig, AppResume::default()).await;
    let AppFrame::Snapshot {
        instance,
        seq,
        agents,
        ..
    } = first
    else {
        panic!("a snapshot comes first: {first:?}");
    };
    assert_eq!(agents[0].id, offshoot_protocol::AgentId::claude_code());
    let (session, _) = rig.agent_session().await;
    let mut last = seq;
    loop {
        let Some(AppFrame::Event { seq, event }) = app.next().await.unwrap() else {
            panic!("only events follow");
        };
        assert_eq!(seq, last + 1);
        last = seq;
        if matches!(event, AppEvent::SessionCreated { session: created } if created.id == session.id)
        {
            break;
        }
    }
    drop(app);
    rig.http
        .delete(&format!("/api/sessions/{}", session.id))
        .await
        .unwrap();

    let resume = AppResume {
        instance: Some(instance),
        seq: Some(last),
    };
    let (mut app, mut frame) = connect(&rig, resume).await;
    loop {
        let AppFrame::Event { seq, event } = frame else {
            panic!("a known number is continued: {frame:?}");
        };
        assert_eq!(seq, last + 1);
        last = seq;
        if matches!(event, AppEvent::SessionDeleted { session_id } if session_id == session.id) {
            break;
        }
        frame = app.next().await.unwrap().unwrap();
    }
    for resume in [
        AppResume {
            instance: Some("another".to_owned()),
            seq: Some(last),
        },
        AppResume {
            instance: Some(rig.engine.instance().to_owned()),
            seq: Some(last + 1000),
        },
    ] {
        let (_, first) = connect(&rig, resume).await;
        assert!(matches!(first, AppFrame::Snapshot { .. }));
    }
}

/// Takes events until one is of this job and has the status.
async fn job_with_status(app: &mut App, id: JobId, status: JobStatus) -> Job {
    loop {
        let frame = app.next().await.unwrap().unwrap();
        let AppFrame::Event { event, .. } = frame else {
            panic!("only events follow");
        };
        match event {
            AppEvent::JobUpdated { job } if job.id == id && job.status == status => return job,
            _ => {}
        }
    }
}

async fn v2_tells_of_jobs(rig: Arc<Rig>) {
    let (mut app, first) = connect(&rig, AppResume::default()).await;
    assert!(matches!(first, AppFrame::Snapshot { jobs, .. } if jobs.is_empty()));
    // Nobody speaks TLS there: the attempt fails, and the job waits for the next.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/a/b", nobody.local_addr().unwrap());
    drop(nobody);
    let body = json!({"url": url, "path": rig.dir().join("cloned")});
    let request = rig.http.request(Method::POST, "/api/repositories/clone");
    let (status, body) = rig.http.answer(request.json(&body)).await.unwrap();
    assert_eq!(status.as_u16(), 202, "{body}");
    let id = serde_json::from_value::<JobBody>(body).unwrap().job.id;
    let running = job_with_status(&mut app, id, JobStatus::Processing).await;
    assert_eq!((running.kind.as_str(), running.attempts), ("clone", 1));
    let waiting = job_with_status(&mut app, id, JobStatus::Pending).await;
    assert!(waiting.last_error.is_some(), "{waiting:?}");

    let (_, snapshot) = connect(&rig, AppResume::default()).await;
    let AppFrame::Snapshot { jobs, .. } = snapshot else {
        panic!("a snapshot comes first: {snapshot:?}");
    };
    assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);

    let path = format!("/api/jobs/{id}");
    let request = rig.http.request(Method::POST, &format!("{path}/cancel"));
    rig.http.answer(request).await.unwrap();
    job_with_status(&mut app, id, JobStatus::Stalled).await;
    rig.http.delete(&path).await.unwrap();
    let gone = AppEvent::JobDeleted { job_id: id };
    loop {
        let frame = app.next().await.unwrap().unwrap();
        if matches!(frame, AppFrame::Event { event, .. } if event == gone) {
            break;
        }
    }
    let (_, snapshot) = connect(&rig, AppResume::default()).await;
    assert!(matches!(snapshot, AppFrame::Snapshot { jobs, .. } if jobs.is_empty()));
}

async fn an_unknown_subprotocol_is_refused(rig: Arc<Rig>) {
    let bearer = format!("Bearer {}", rig.access.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("sec-websocket-protocol", "other.v9"),
    ];
    assert_eq!(rig.try_socket("/ws/app", &headers).await.err(), Some(400));
}
