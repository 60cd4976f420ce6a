//! What goes in comes out.

use offshoot_protocol::prompt::PromptState;
use offshoot_protocol::usage::Usage;
use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{AgentId, PromptId, RepositoryId, SessionId, WorkerId};
use offshoot_store::{
    AgentRow, JobRow, JobStatus, NewOutboxRow, NewPrompt, OutboxRow, OutboxState, PromptRow,
    Queued, Rebuilt, SecretHash, SessionRow, SignInRow, StoreError, TokenRow, UsageRecord,
    WorkerPhase, WorkerRow, WorktreeRow,
};

use crate::support::{at, open, repository, session, worker};

#[tokio::test]
async fn session_round_trip() {
    let place = open();
    let store = &place.store;
    let full = session();
    let bare = SessionRow {
        id: SessionId::random(),
        kind: SessionKind::Quick,
        repository_id: None,
        worktree_branch: None,
        title: None,
        initial_prompt: None,
        created_at: at(1),
        paused: true,
        paused_because: Some("nothing to do".to_owned()),
        idle: None,
        owned_worktree: false,
        ..full.clone()
    };
    store.insert_session(full.clone()).await.unwrap();
    store.insert_session(bare.clone()).await.unwrap();
    assert_eq!(
        store.sessions().await.unwrap(),
        [bare.clone(), full.clone()]
    );
    assert_eq!(store.session(full.id).await.unwrap(), Some(full.clone()));
    assert!(matches!(
        store.insert_session(full.clone()).await,
        Err(StoreError::Exists(_))
    ));

    let renamed = SessionRow {
        title: Some("new".to_owned()),
        ..full.clone()
    };
    assert!(store.update_session(renamed.clone()).await.unwrap());
    assert_eq!(store.session(full.id).await.unwrap(), Some(renamed));
    assert_eq!(store.session(bare.id).await.unwrap(), Some(bare.clone()));

    assert!(store.delete_session(full.id).await.unwrap());
    assert!(!store.delete_session(full.id).await.unwrap());
    assert!(!store.update_session(full).await.unwrap());
    assert_eq!(store.sessions().await.unwrap(), [bare]);
}

#[tokio::test]
async fn worker_round_trip_in_every_phase() {
    let place = open();
    let store = &place.store;
    let home = session();
    store.insert_session(home.clone()).await.unwrap();
    let phases = [
        WorkerPhase::Intended,
        WorkerPhase::Running,
        WorkerPhase::Ended,
        WorkerPhase::Stopped,
        WorkerPhase::Failed,
        WorkerPhase::Lost,
        WorkerPhase::Unknown,
    ];
    for (position, phase) in (0..).zip(phases) {
        let row = WorkerRow {
            kind: WorkerKind::Agent,
            position,
            phase,
            agent_id: Some(AgentId::claude_code()),
            command: Some("run {{prompt}}".to_owned()),
            base_commit: Some("HEAD".to_owned()),
            epoch: u32::MAX,
            reason: Some("because".to_owned()),
            exit_code: Some(-1),
            exit_signal: Some(9),
            socket: Some("/run/x.sock".to_owned()),
            cols: u16::MAX,
            ..worker(home.id)
        };
        store.save_worker(row.clone()).await.unwrap();
        assert_eq!(store.worker(row.id).await.unwrap(), Some(row));
    }
    let rows = store.workers_of(home.id).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.phase).collect::<Vec<_>>(), phases);
    assert_eq!(store.workers().await.unwrap(), rows);

    let ended = WorkerRow {
        phase: WorkerPhase::Ended,
        kind: WorkerKind::GitDiff,
        agent_id: None,
        exit_signal: None,
        ..rows[0].clone()
    };
    store.save_worker(ended.clone()).await.unwrap();
    assert_eq!(store.worker(ended.id).await.unwrap(), Some(ended.clone()));
    assert!(store.delete_worker(ended.id).await.unwrap());
    assert!(!store.delete_worker(ended.id).await.unwrap());
    assert_eq!(store.workers().await.unwrap(), rows[1..]);
}

#[tokio::test]
async fn worker_of_a_deleted_session_is_refused_and_deleted_with_it() {
    let place = open();
    let store = &place.store;
    assert!(matches!(
        store.save_worker(worker(SessionId::random())).await,
        Err(StoreError::NoOwner(_))
    ));
    let home = session();
    let tabs = vec![worker(home.id), worker(home.id)];
    store.insert_session_with(home.clone(), tabs).await.unwrap();
    assert_eq!(store.workers().await.unwrap().len(), 2);
    store.delete_session(home.id).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), []);
}

#[tokio::test]
async fn session_with_a_bad_worker_leaves_nothing() {
    let place = open();
    let home = session();
    let stray = worker(SessionId::random());
    let refused = place.store.insert_session_with(home, vec![stray]).await;
    assert!(matches!(refused, Err(StoreError::NoOwner(_))));
    assert_eq!(place.store.sessions().await.unwrap(), []);
}

#[tokio::test]
async fn rebuild_adds_what_is_absent_and_touches_nothing_else() {
    let place = open();
    let store = &place.store;
    let (kept, lost) = (session(), session());
    let kept_tab = worker(kept.id);
    store
        .insert_session_with(kept.clone(), vec![kept_tab.clone()])
        .await
        .unwrap();
    let stale = SessionRow {
        title: Some("stale".to_owned()),
        ..kept.clone()
    };
    let stale_tab = WorkerRow {
        name: "stale".to_owned(),
        ..kept_tab.clone()
    };
    let lost_tab = worker(lost.id);
    let rebuilt = store
        .rebuild(vec![stale, lost.clone()], vec![stale_tab, lost_tab.clone()])
        .await
        .unwrap();
    assert_eq!(
        rebuilt,
        Rebuilt {
            n_sessions: 1,
            n_workers: 1
        }
    );
    assert_eq!(store.session(kept.id).await.unwrap(), Some(kept));
    assert_eq!(store.worker(kept_tab.id).await.unwrap(), Some(kept_tab));
    assert_eq!(store.session(lost.id).await.unwrap(), Some(lost));
    assert_eq!(store.worker(lost_tab.id).await.unwrap(), Some(lost_tab));
}

#[tokio::test]
async fn repository_round_trip_and_unique_path() {
    let place = open();
    let store = &place.store;
    let first = repository("/src/a");
    store.insert_repository(first.clone()).await.unwrap();
    assert!(matches!(
        store.insert_repository(repository("/src/a")).await,
        Err(StoreError::Exists(_))
    ));
    let mut changed = first.clone();
    changed.setup_command = Some("make".to_owned());
    changed.env_vars = Some("A=1\nB='2'".to_owned());
    assert!(store.update_repository(changed.clone()).await.unwrap());
    assert_eq!(
        store.repository_at("/src/a".to_owned()).await.unwrap(),
        Some(changed.clone())
    );
    assert_eq!(store.repository(first.id).await.unwrap(), Some(changed));
    assert!(store.delete_repository(first.id).await.unwrap());
    assert_eq!(store.repositories().await.unwrap(), []);
}

#[tokio::test]
async fn agent_round_trip() {
    let place = open();
    let store = &place.store;
    let agent = AgentRow {
        id: AgentId::random(),
        name: "mine".to_owned(),
        command_template: "mine {{prompt}}".to_owned(),
        continue_template: Some("mine -c".to_owned()),
        headless_template: None,
        description: Some(String::new()),
        asking_patterns: Some(vec!["\\[y\\]".to_owned(), "❯ \"x\"".to_owned()]),
        created_at: at(7),
    };
    store.insert_agent(agent.clone()).await.unwrap();
    assert_eq!(store.agents().await.unwrap(), std::slice::from_ref(&agent));
    let cleared = AgentRow {
        asking_patterns: None,
        ..agent.clone()
    };
    assert!(store.update_agent(cleared.clone()).await.unwrap());
    assert_eq!(store.agent(agent.id.clone()).await.unwrap(), Some(cleared));
    assert!(store.delete_agent(agent.id.clone()).await.unwrap());
    assert!(!store.delete_agent(agent.id).await.unwrap());
}

#[tokio::test]
async fn worktree_numbers_are_the_smallest_unused() {
    let place = open();
    let store = &place.store;
    let (a, b) = (repository("/src/a"), repository("/src/b"));
    store.insert_repository(a.clone()).await.unwrap();
    store.insert_repository(b.clone()).await.unwrap();
    let take = |id: RepositoryId, name: &'static str| {
        store.allocate_worktree(id, at(9), move |idx| format!("/wt/{name}/{idx:03}"))
    };
    for expected in 1..=4 {
        let row = take(a.id, "a").await.unwrap();
        assert_eq!(
            (row.idx, row.path),
            (expected, format!("/wt/a/{expected:03}"))
        );
    }
    assert_eq!(take(b.id, "b").await.unwrap().idx, 1);
    for freed in [3, 1] {
        let path = format!("/wt/a/{freed:03}");
        assert!(store.delete_worktree(path.clone()).await.unwrap());
        assert!(!store.delete_worktree(path).await.unwrap());
    }
    assert_eq!(take(a.id, "a").await.unwrap().idx, 1);
    assert_eq!(take(a.id, "a").await.unwrap().idx, 3);
    assert_eq!(take(a.id, "a").await.unwrap().idx, 5);
    assert!(matches!(
        store
            .allocate_worktree(b.id, at(9), |_| "/wt/a/001".to_owned())
            .await,
        Err(StoreError::Exists(_))
    ));
    assert!(matches!(
        take(RepositoryId::random(), "c").await,
        Err(StoreError::NoOwner(_))
    ));
    let found = store.worktree_at("/wt/a/005".to_owned()).await.unwrap();
    assert_eq!(
        found.map(|row| (row.repository_id, row.idx)),
        Some((a.id, 5))
    );
    // One is gone, one comes back with its number, and one finds its number taken.
    let row = |path: &str, idx| WorktreeRow {
        path: path.to_owned(),
        repository_id: a.id,
        idx,
        created_at: at(10),
    };
    let gone = vec!["/wt/a/002".to_owned()];
    let found = vec![row("/wt/a/back", 2), row("/wt/a/late", 4)];
    let settled = store.settle_worktrees(gone, found.clone()).await.unwrap();
    assert_eq!(settled, found[..1]);
    let numbers = store.worktrees_of(a.id).await.unwrap();
    let mut numbers: Vec<_> = numbers.into_iter().map(|row| row.idx).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    store.delete_repository(a.id).await.unwrap();
    assert_eq!(store.worktrees_of(a.id).await.unwrap(), []);
    assert_eq!(store.worktrees_of(b.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn worktree_numbers_taken_at_once_differ() {
    let place = open();
    let repository = repository("/src/a");
    place
        .store
        .insert_repository(repository.clone())
        .await
        .unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let store = place.store.clone();
            tokio::spawn(async move {
                store
                    .allocate_worktree(repository.id, at(9), |idx| format!("/wt/{idx}"))
                    .await
                    .unwrap()
                    .idx
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn job_round_trip() {
    let place = open();
    let store = &place.store;
    let job = JobRow {
        id: "j1".to_owned(),
        kind: "cleanup:worker-output".to_owned(),
        payload: serde_json::json!({"sessionId": "s", "n": [1, null]}),
        status: JobStatus::Pending,
        priority: -3,
        attempts: 0,
        max_attempts: 5,
        next_retry_at: at(10),
        last_error: None,
        created_at: at(8),
        started_at: None,
        completed_at: None,
        result: None,
    };
    store.insert_job(job.clone()).await.unwrap();
    assert_eq!(store.jobs().await.unwrap(), std::slice::from_ref(&job));
    for status in [
        JobStatus::Processing,
        JobStatus::Completed,
        JobStatus::Stalled,
    ] {
        let next = JobRow {
            status,
            attempts: 5,
            last_error: Some("no".to_owned()),
            started_at: Some(at(11)),
            completed_at: Some(at(12)),
            ..job.clone()
        };
        assert!(store.update_job(next.clone()).await.unwrap());
        assert_eq!(store.job("j1".to_owned()).await.unwrap(), Some(next));
    }
    assert!(store.delete_job("j1".to_owned()).await.unwrap());
    assert_eq!(store.job("j1".to_owned()).await.unwrap(), None);
}

fn input(worker_id: WorkerId, key: Option<&str>, seq: u64) -> NewOutboxRow {
    NewOutboxRow {
        worker_id,
        idempotency_key: key.map(str::to_owned),
        writer: u64::MAX - 1,
        seq,
        bytes: vec![0, 0xff, b'\r'],
        created_at: at(i64::try_from(seq).unwrap()),
    }
}

fn new(queued: Queued) -> OutboxRow {
    match queued {
        Queued::New(mut rows) => rows.remove(0),
        Queued::Existing(row) => panic!("{row:?} was there"),
    }
}

#[tokio::test]
async fn outbox_queues_an_idempotency_key_once() {
    let place = open();
    let store = &place.store;
    let home = session();
    let (one, two) = (worker(home.id), worker(home.id));
    store
        .insert_session_with(home, vec![one.clone(), two.clone()])
        .await
        .unwrap();

    let first = new(store
        .queue_input(vec![input(one.id, Some("k"), 1)])
        .await
        .unwrap());
    assert_eq!(first.writer, u64::MAX - 1);
    assert_eq!(first.bytes, [0, 0xff, b'\r']);
    assert_eq!(first.state, OutboxState::Queued);
    let again = store
        .queue_input(vec![input(one.id, Some("k"), 2)])
        .await
        .unwrap();
    assert_eq!(again, Queued::Existing(first.clone()));
    let other = new(store
        .queue_input(vec![input(two.id, Some("k"), 1)])
        .await
        .unwrap());
    let keyless = new(store
        .queue_input(vec![input(one.id, None, 3)])
        .await
        .unwrap());
    let keyless_too = new(store
        .queue_input(vec![input(one.id, None, 4)])
        .await
        .unwrap());
    assert!(matches!(
        store.queue_input(vec![input(one.id, Some("l"), 4)]).await,
        Err(StoreError::Exists(_))
    ));

    assert!(store.mark_input_typed(first.id).await.unwrap());
    assert!(store.mark_input_typed(keyless.id).await.unwrap());
    assert_eq!(
        store.unfinished_input().await.unwrap(),
        [other.clone(), keyless_too.clone()]
    );
    let again = store
        .queue_input(vec![input(one.id, Some("k"), 5)])
        .await
        .unwrap();
    assert!(matches!(again, Queued::Existing(row) if row.state == OutboxState::Typed));

    assert_eq!(store.prune_input(at(3)).await.unwrap(), 1);
    assert!(!store.mark_input_typed(first.id).await.unwrap());
    let renewed = new(store
        .queue_input(vec![input(one.id, Some("k"), 6)])
        .await
        .unwrap());
    assert!(renewed.id > keyless_too.id);
    assert!(store.delete_input(renewed.id).await.unwrap());
    store.delete_worker(one.id).await.unwrap();
    assert_eq!(store.unfinished_input().await.unwrap(), [other]);
}

#[tokio::test]
async fn prompts_keep_their_order_and_are_queued_once_per_key() {
    let place = open();
    let store = &place.store;
    let home = session();
    let (one, two) = (worker(home.id), worker(home.id));
    let workers = vec![one.clone(), two.clone()];
    store.insert_session_with(home, workers).await.unwrap();
    let new = |owner: &WorkerRow, key: Option<&str>, text: &str| NewPrompt {
        id: PromptId::random(),
        worker_id: owner.id,
        idempotency_key: key.map(str::to_owned),
        text: text.to_owned(),
        writer: u64::MAX - 7,
        created_at: at(2),
    };
    let (first, is_new) = store
        .queue_prompt(new(&one, Some("k"), "a é"))
        .await
        .unwrap();
    assert!(is_new);
    assert_eq!((first.state, first.seq), (PromptState::Queued, 0));
    assert_eq!((first.text.as_str(), first.writer), ("a é", u64::MAX - 7));
    let again = store.queue_prompt(new(&one, Some("k"), "b")).await.unwrap();
    assert_eq!(again, (first.clone(), false));
    let (second, _) = store.queue_prompt(new(&one, None, "c")).await.unwrap();
    let (other, is_new) = store.queue_prompt(new(&two, Some("k"), "d")).await.unwrap();
    assert!(is_new && second.number > first.number);
    let stranger = worker(SessionId::random());
    assert!(matches!(
        store.queue_prompt(new(&stranger, None, "e")).await,
        Err(StoreError::NoOwner(_))
    ));

    let typed = PromptRow {
        state: PromptState::Typing,
        seq: 2,
        changed_at: at(3),
        ..first.clone()
    };
    assert!(store.save_prompt(typed.clone()).await.unwrap());
    let open = store.open_prompts(one.id).await.unwrap();
    assert_eq!(open, [typed.clone(), second.clone()]);
    assert!(
        !store.delete_prompt(first.id).await.unwrap(),
        "it is being typed"
    );
    let done = PromptRow {
        state: PromptState::Accepted,
        reason: Some("it began to work".to_owned()),
        ..typed
    };
    assert!(store.save_prompt(done.clone()).await.unwrap());
    let open = store.open_prompts(one.id).await.unwrap();
    assert_eq!(open, std::slice::from_ref(&second));
    let settled = store.last_settled_prompt(one.id).await.unwrap();
    assert_eq!(settled, Some(done.clone()));
    assert_eq!(store.last_settled_prompt(two.id).await.unwrap(), None);
    let newest = store.prompts(one.id, 10).await.unwrap();
    assert_eq!(newest, [done.clone(), second.clone()]);
    let newest = store.prompts(one.id, 1).await.unwrap();
    assert_eq!(newest, std::slice::from_ref(&second));
    assert_eq!(store.prompt(one.id, first.id).await.unwrap(), Some(done));
    assert_eq!(store.prompt(two.id, first.id).await.unwrap(), None);

    assert_eq!(
        store.prune_prompts(at(9)).await.unwrap(),
        1,
        "open ones stay"
    );
    assert!(store.delete_prompt(second.id).await.unwrap());
    store.delete_worker(two.id).await.unwrap();
    assert_eq!(store.prompt(two.id, other.id).await.unwrap(), None);
}

#[tokio::test]
async fn saving_a_worker_again_keeps_its_outbox() {
    let place = open();
    let store = &place.store;
    let home = session();
    let tab = worker(home.id);
    store
        .insert_session_with(home, vec![tab.clone()])
        .await
        .unwrap();
    let queued = new(store
        .queue_input(vec![input(tab.id, Some("k"), 1)])
        .await
        .unwrap());
    store.save_worker(tab).await.unwrap();
    assert_eq!(store.unfinished_input().await.unwrap(), [queued]);
}

#[tokio::test]
async fn token_round_trip() {
    let place = open();
    let store = &place.store;
    let token = TokenRow {
        id: "t1".to_owned(),
        name: "laptop".to_owned(),
        hash: SecretHash([7; 32]),
        created_at: at(1),
        last_used_at: None,
    };
    store.insert_token(token.clone()).await.unwrap();
    let twin = TokenRow {
        id: "t2".to_owned(),
        ..token.clone()
    };
    assert!(matches!(
        store.insert_token(twin).await,
        Err(StoreError::Exists(_))
    ));
    assert_eq!(store.token(SecretHash([8; 32])).await.unwrap(), None);
    assert!(store.touch_token("t1".to_owned(), at(60)).await.unwrap());
    let used = TokenRow {
        last_used_at: Some(at(60)),
        ..token.clone()
    };
    assert_eq!(store.token(token.hash).await.unwrap(), Some(used.clone()));
    assert_eq!(store.tokens().await.unwrap(), [used]);
    assert!(store.delete_token("t1".to_owned()).await.unwrap());
    assert!(!store.touch_token("t1".to_owned(), at(61)).await.unwrap());
    assert_eq!(store.token(token.hash).await.unwrap(), None);
}

#[tokio::test]
async fn sign_in_ends_at_its_time() {
    let place = open();
    let store = &place.store;
    let hash = SecretHash([1; 32]);
    let row = SignInRow {
        hash,
        created_at: at(0),
        last_seen_at: at(0),
        expires_at: at(100),
    };
    store.insert_sign_in(row.clone()).await.unwrap();
    assert_eq!(store.sign_in(hash, at(99)).await.unwrap(), Some(row));
    assert_eq!(store.sign_in(hash, at(100)).await.unwrap(), None);
    assert!(store.touch_sign_in(hash, at(90), at(200)).await.unwrap());
    let seen = store.sign_in(hash, at(150)).await.unwrap().unwrap();
    assert_eq!((seen.last_seen_at, seen.expires_at), (at(90), at(200)));
    assert_eq!(store.prune_sign_ins(at(199)).await.unwrap(), 0);
    assert_eq!(store.sign_ins().await.unwrap().len(), 1);
    assert_eq!(store.prune_sign_ins(at(200)).await.unwrap(), 1);
    assert!(!store.delete_sign_in(hash).await.unwrap());
}

#[tokio::test]
async fn settings_and_epochs() {
    let place = open();
    let store = &place.store;
    let key = || "k".to_owned();
    assert_eq!(store.setting(key()).await.unwrap(), None);
    store.set_setting(key(), "1".to_owned()).await.unwrap();
    store.set_setting(key(), "2".to_owned()).await.unwrap();
    assert_eq!(store.setting(key()).await.unwrap().as_deref(), Some("2"));
    assert!(store.delete_setting(key()).await.unwrap());
    assert!(!store.delete_setting(key()).await.unwrap());

    let first = store.next_server_epoch().await.unwrap();
    let second = store.next_server_epoch().await.unwrap();
    assert!(second > first);
    let far = second + 1_000_000_000;
    assert_eq!(store.raise_server_epoch(far).await.unwrap(), far + 1);
    assert_eq!(store.raise_server_epoch(5).await.unwrap(), far + 2);
    assert_eq!(store.next_server_epoch().await.unwrap(), far + 3);
}

#[tokio::test]
async fn usage_is_summed_and_a_report_counts_once() {
    let place = open();
    let store = &place.store;
    let session = SessionId::random();
    let record = |digest: u64, day: &str, cost_micros: Option<u64>| UsageRecord {
        digest,
        day: day.parse().unwrap(),
        model: "large".to_owned(),
        usage: Usage {
            requests: 1,
            input_tokens: 10,
            cost_micros,
            ..Usage::default()
        },
    };
    let records = vec![
        record(u64::MAX, "2026-11-24", Some(5)),
        record(2, "2026-11-24", None),
        record(3, "2026-11-23", None),
    ];
    let added = store
        .add_usage(session, records.clone(), at(1))
        .await
        .unwrap();
    assert_eq!((added.requests, added.cost_micros), (3, Some(5)));
    let again = store.add_usage(session, records, at(2)).await.unwrap();
    assert_eq!(again, Usage::default());

    let rows = store
        .usage_since("2026-11-24".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].usage.input_tokens, rows[0].usage.cost_micros),
        (20, Some(5))
    );
    let sums = store.usage_of_sessions().await.unwrap();
    assert_eq!(sums, [(session, added)]);

    store
        .prune_usage("2026-11-24".parse().unwrap(), at(2))
        .await
        .unwrap();
    assert_eq!(store.usage_of_sessions().await.unwrap()[0].1.requests, 2);
    let old = vec![record(2, "2026-11-24", None)];
    let added = store.add_usage(session, old, at(3)).await.unwrap();
    assert_eq!(added.requests, 1, "a report that was forgotten is new");
}
