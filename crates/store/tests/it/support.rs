//! Rows and stores for tests.

use jiff::Timestamp;
use offshoot_protocol::idle::IdlePolicy;
use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{RepositoryId, SessionId, WorkerId};
use offshoot_store::{RepositoryRow, SessionRow, Store, WorkerPhase, WorkerRow};
use tempfile::TempDir;

/// A store in a directory of its own, which is removed with it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
}

pub(crate) fn open() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::open(&dir.path().join("offshoot.db")).unwrap();
    assert!(opened.created);
    assert_eq!(opened.set_aside, None);
    Place {
        store: opened.store,
        dir,
    }
}

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

pub(crate) fn session() -> SessionRow {
    SessionRow {
        id: SessionId::random(),
        kind: SessionKind::Worktree,
        location_path: "/home/anna/it's \"here\"\n; DROP TABLE sessions".to_owned(),
        repository_id: Some(RepositoryId::random()),
        worktree_branch: Some("feature/ünï".to_owned()),
        title: Some(String::new()),
        initial_prompt: Some("say 'hi'\0 --".to_owned()),
        created_at: at(1_790_000_000_123),
        paused: false,
        paused_because: None,
        idle: Some(IdlePolicy::Pause { after_seconds: 60 }),
        owned_worktree: true,
    }
}

pub(crate) fn worker(session_id: SessionId) -> WorkerRow {
    WorkerRow {
        id: WorkerId::random(),
        session_id,
        kind: WorkerKind::Terminal,
        name: "shell".to_owned(),
        created_at: at(1_790_000_000_456),
        position: 0,
        agent_id: None,
        command: None,
        base_commit: None,
        epoch: 0,
        phase: WorkerPhase::Intended,
        reason: None,
        exit_code: None,
        exit_signal: None,
        socket: None,
        cols: 120,
        rows: 30,
    }
}

pub(crate) fn repository(path: &str) -> RepositoryRow {
    RepositoryRow {
        id: RepositoryId::random(),
        path: path.to_owned(),
        name: "repo".to_owned(),
        created_at: at(5),
        setup_command: None,
        env_vars: None,
        idle: None,
    }
}
