//! What an earlier version wrote is read.

use offshoot_protocol::idle::IdlePolicy;
use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{AgentId, RepositoryId, SessionId, WorkerId};
use offshoot_store::{
    AgentRow, JobRow, JobStatus, OutboxRow, OutboxState, RepositoryRow, SecretHash, SessionRow,
    SignInRow, SlackRow, Store, TokenRow, WorkerPhase, WorkerRow, WorktreeRow,
};
use rusqlite::Connection;
use uuid::Uuid;

use crate::support::at;

const T: i64 = 1_790_000_000_000;

fn uuid(last: u128) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 | last)
}

#[tokio::test]
async fn rows_of_version_1_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(include_str!("../../src/schema/001.sql"))
        .unwrap();
    connection
        .execute_batch("PRAGMA application_id = 1330008904; PRAGMA user_version = 1")
        .unwrap();
    connection
        .execute_batch(include_str!("golden/v1.sql"))
        .unwrap();
    connection.close().unwrap();

    let opened = Store::open(&path).unwrap();
    assert_eq!((opened.set_aside, opened.created), (None, false));
    let store = opened.store;
    assert_eq!(store.sessions().await.unwrap(), sessions());
    assert_eq!(store.workers().await.unwrap(), workers());
    check_small_tables(&store).await;
    check_what_version_2_brought(&store).await;
    assert_eq!(store.next_server_epoch().await.unwrap(), 4_000_000_000_001);
}

fn sessions() -> [SessionRow; 2] {
    let first = SessionRow {
        id: SessionId(uuid(1)),
        kind: SessionKind::Worktree,
        location_path: "/wt/1".to_owned(),
        repository_id: Some(RepositoryId(uuid(10))),
        worktree_branch: Some("feature/x".to_owned()),
        title: Some("Title".to_owned()),
        initial_prompt: Some("do it".to_owned()),
        created_at: at(T + 123),
        paused: false,
        paused_because: None,
        idle: None,
        owned_worktree: true,
    };
    let second = SessionRow {
        id: SessionId(uuid(2)),
        kind: SessionKind::Quick,
        location_path: "/tmp".to_owned(),
        repository_id: None,
        worktree_branch: None,
        title: None,
        initial_prompt: None,
        created_at: at(T + 124),
        paused: true,
        paused_because: None,
        idle: None,
        owned_worktree: false,
    };
    [first, second]
}

fn workers() -> [WorkerRow; 3] {
    let agent = WorkerRow {
        id: WorkerId(uuid(0x11)),
        session_id: SessionId(uuid(1)),
        kind: WorkerKind::Agent,
        name: "Claude Code".to_owned(),
        created_at: at(T + 125),
        position: 0,
        agent_id: Some(AgentId::claude_code()),
        command: None,
        base_commit: None,
        epoch: 3,
        phase: WorkerPhase::Running,
        reason: None,
        exit_code: None,
        exit_signal: None,
        socket: Some("/run/a.s".to_owned()),
        cols: 120,
        rows: 40,
    };
    let terminal = WorkerRow {
        id: WorkerId(uuid(0x12)),
        kind: WorkerKind::Terminal,
        name: "Shell".to_owned(),
        created_at: at(T + 126),
        position: 1,
        agent_id: None,
        command: Some("htop".to_owned()),
        epoch: 0,
        phase: WorkerPhase::Ended,
        reason: Some("why".to_owned()),
        exit_code: Some(1),
        exit_signal: Some(9),
        socket: None,
        cols: 80,
        rows: 24,
        ..agent.clone()
    };
    let diff = WorkerRow {
        id: WorkerId(uuid(0x13)),
        kind: WorkerKind::GitDiff,
        name: "Changes".to_owned(),
        created_at: at(T + 127),
        position: 2,
        command: None,
        base_commit: Some("HEAD".to_owned()),
        phase: WorkerPhase::Unknown,
        reason: None,
        exit_code: None,
        exit_signal: None,
        ..terminal.clone()
    };
    [agent, terminal, diff]
}

async fn check_small_tables(store: &Store) {
    let repository = RepositoryRow {
        id: RepositoryId(uuid(10)),
        path: "/src/a".to_owned(),
        name: "a".to_owned(),
        created_at: at(T + 128),
        setup_command: Some("make".to_owned()),
        env_vars: Some("A=1".to_owned()),
        idle: None,
    };
    let worktree = WorktreeRow {
        path: "/wt/1".to_owned(),
        repository_id: repository.id,
        idx: 1,
        created_at: at(T + 130),
    };
    let of = store.worktrees_of(repository.id).await.unwrap();
    assert_eq!(of, [worktree]);
    assert_eq!(store.repositories().await.unwrap(), [repository]);
    let agent = AgentRow {
        id: AgentId(uuid(11).to_string()),
        name: "mine".to_owned(),
        command_template: "mine {{prompt}}".to_owned(),
        continue_template: None,
        headless_template: None,
        description: Some(String::new()),
        asking_patterns: Some(vec!["\\[y\\]".to_owned()]),
        created_at: at(T + 129),
    };
    assert_eq!(store.agents().await.unwrap(), [agent]);
    let job = JobRow {
        id: "j".to_owned(),
        kind: "cleanup:worker-output".to_owned(),
        payload: serde_json::json!({"sessionId": "s"}),
        status: JobStatus::Stalled,
        priority: -1,
        attempts: 5,
        max_attempts: 5,
        next_retry_at: at(T + 131),
        last_error: Some("no".to_owned()),
        created_at: at(T + 132),
        started_at: Some(at(T + 133)),
        completed_at: None,
        result: None,
    };
    assert_eq!(store.jobs().await.unwrap(), [job]);
    let input = OutboxRow {
        id: 7,
        worker_id: WorkerId(uuid(0x11)),
        idempotency_key: Some("key".to_owned()),
        writer: u64::MAX - 1,
        seq: 9,
        bytes: vec![0, 0xff, b'\r'],
        created_at: at(T + 134),
        state: OutboxState::Queued,
    };
    assert_eq!(store.unfinished_input().await.unwrap(), [input]);
    let token = TokenRow {
        id: "t".to_owned(),
        name: "laptop".to_owned(),
        hash: SecretHash([7; 32]),
        created_at: at(T + 135),
        last_used_at: None,
    };
    assert_eq!(store.tokens().await.unwrap(), [token]);
    let sign_in = SignInRow {
        hash: SecretHash([8; 32]),
        created_at: at(T + 136),
        last_seen_at: at(T + 137),
        expires_at: at(T + 138),
    };
    assert_eq!(store.sign_ins().await.unwrap(), [sign_in]);
    let setting = store.setting("k".to_owned()).await.unwrap();
    assert_eq!(setting.as_deref(), Some("v"));
}

/// Old rows have the defaults of new columns, and new tables refer to old rows.
async fn check_what_version_2_brought(store: &Store) {
    let id = SessionId(uuid(1));
    let old = store.session(id).await.unwrap().unwrap();
    assert_eq!((&old.idle, &old.paused_because), (&None, &None));
    let rule = Some(IdlePolicy::Off);
    let ruled = SessionRow {
        idle: rule,
        paused_because: Some("nothing to do".to_owned()),
        ..old
    };
    assert!(store.update_session(ruled.clone()).await.unwrap());
    assert_eq!(store.session(id).await.unwrap(), Some(ruled));
    let repository = RepositoryId(uuid(10));
    let old = store.repository(repository).await.unwrap().unwrap();
    assert_eq!(old.idle, None);
    let ruled = RepositoryRow { idle: rule, ..old };
    assert!(store.update_repository(ruled.clone()).await.unwrap());
    assert_eq!(store.repository(repository).await.unwrap(), Some(ruled));
    assert_eq!(store.worktree_plan("j".to_owned()).await.unwrap(), None);
    assert_eq!(store.webhooks().await.unwrap(), []);
    assert_eq!(store.slack(repository).await.unwrap(), None);
    let slack = SlackRow {
        id: "s".to_owned(),
        repository_id: repository,
        webhook_url: "https://hooks.slack.com/x".to_owned(),
        enabled: true,
        created_at: at(T),
        updated_at: at(T),
    };
    assert_eq!(store.put_slack(slack.clone()).await.unwrap(), slack);
    assert!(store.delete_repository(repository).await.unwrap());
    assert_eq!(store.slack(repository).await.unwrap(), None, "it goes too");
}

/// A step that ran twice would fail: its columns are there.
#[tokio::test]
async fn migrating_happens_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    drop(Store::open(&path).unwrap());
    let version = |path: &std::path::Path| -> u32 {
        let connection = Connection::open(path).unwrap();
        connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    };
    let first = version(&path);
    assert!(first >= 2);
    let again = Store::open(&path).unwrap();
    assert!(!again.created);
    drop(again);
    assert_eq!(version(&path), first);
}
