//! What survived: rows of the database × directories of workers, at every start.
//!
//! ```text
//!  row │ directory │ what is done
//!  ────┼───────────┼──────────────────────────────────────────────────────────
//!  yes │ lives     │ taken over
//!  yes │ exited    │ shown with its exit status
//!  yes │ lost      │ shown as lost (reboot, killed shim)
//!  yes │ unknown   │ shown as unknown, asked again, never restarted
//!  yes │ absent    │ shown as stopped, or lost if it was running, or unknown if its socket answers
//!  no  │ any       │ the row (and its session's) is rebuilt from the directory's note
//! ```
//! Directories are looked at side by side and without connecting, so that hundreds of them cost
//! milliseconds. Nothing is deleted here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::view::WorkerKind;
use offshoot_protocol::{SessionId, WorkerId};
use offshoot_shim::Life;
use offshoot_store::{RepositoryRow, SessionRow, StoreError, WorkerPhase, WorkerRow};

use crate::commands::workers::entry_of;
use crate::launch::Note;
use crate::state::{RepositoryEntry, SessionEntry};
use crate::{Engine, StartError};

/// Living shims answer within a few milliseconds, hundreds of them side by side within this.
const SETTLE: Duration = Duration::from_millis(250);

/// Fills the engine with what the database and the workers' directories hold.
pub(crate) async fn reconcile(engine: &Engine) -> Result<(), StartError> {
    let store = &engine.inner.store;
    let mut sessions = store.sessions().await.map_err(StartError::Store)?;
    let mut workers = store.workers().await.map_err(StartError::Store)?;
    let mut repositories = store.repositories().await.map_err(StartError::Store)?;
    let custom = store.agents().await.map_err(StartError::Store)?;
    let mut lives = probe_all(engine).await;
    let rebuilt = rebuild(&lives, &mut sessions, &mut workers, &mut repositories);
    save_rebuilt(engine, rebuilt)
        .await
        .map_err(StartError::Store)?;
    {
        let mut state = engine.state();
        state.custom_agents = custom.into_iter().map(crate::commands::agent_of).collect();
        state.repositories = repositories
            .into_iter()
            .map(|row| RepositoryEntry {
                row,
                remote_url: None,
            })
            .collect();
    }
    let mut by_session: HashMap<SessionId, Vec<WorkerRow>> = HashMap::new();
    workers
        .into_iter()
        .for_each(|row| by_session.entry(row.session_id).or_default().push(row));
    sessions.sort_by_key(|row| row.created_at);
    for row in sessions {
        let rows = by_session.remove(&row.id).unwrap_or_default();
        let entry = take_over(engine, row, rows, &mut lives);
        engine.state().sessions.push(entry);
    }
    crate::idle::load(engine).await.map_err(StartError::Store)?;
    crate::usage::load(engine)
        .await
        .map_err(StartError::Store)?;
    crate::conversations::load(engine)
        .await
        .map_err(StartError::Store)?;
    settle(engine).await;
    engine.spawn(read_remotes(engine.clone()));
    Ok(())
}

/// Waits until the shims have told where their output ends, so that a client that connects at once
/// goes on from where it was. One that does not answer is not waited for.
async fn settle(engine: &Engine) {
    let handles: Vec<_> = {
        let state = engine.state();
        state
            .sessions
            .iter()
            .flat_map(SessionEntry::handles)
            .collect()
    };
    let all = async {
        for handle in &handles {
            handle.settled().await;
        }
    };
    if tokio::time::timeout(SETTLE, all).await.is_err() {
        tracing::warn!("some terminals do not answer yet");
    }
}

/// Judges every worker's directory.
async fn probe_all(engine: &Engine) -> HashMap<WorkerId, Life> {
    let dir = engine.inner.home.workers();
    let probed = tokio::task::spawn_blocking(move || {
        let entries = std::fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let named = entries.filter_map(|entry| {
            let id: WorkerId = entry.file_name().to_str()?.parse().ok()?;
            Some((id, offshoot_shim::probe(&entry.path())))
        });
        named.collect::<HashMap<_, _>>()
    });
    probed.await.unwrap_or_default()
}

/// Rows that the database lacks, by kind.
#[derive(Default)]
struct Rebuilt {
    sessions: Vec<SessionRow>,
    workers: Vec<WorkerRow>,
    repositories: Vec<RepositoryRow>,
}

/// Adds rows for directories that no row knows.
fn rebuild(
    lives: &HashMap<WorkerId, Life>,
    sessions: &mut Vec<SessionRow>,
    workers: &mut Vec<WorkerRow>,
    repositories: &mut Vec<RepositoryRow>,
) -> Rebuilt {
    let mut rebuilt = Rebuilt::default();
    for (id, life) in lives {
        if workers.iter().any(|row| row.id == *id) {
            continue;
        }
        let Some(meta) = meta_of(life) else { continue };
        let Ok(note) = serde_json::from_value::<Note>(meta.note.clone()) else {
            tracing::warn!(worker = %id, "a worker's directory has no readable note; it is left alone");
            continue;
        };
        if let Some(row) = repository_of(&note)
            && !repositories
                .iter()
                .any(|known| known.id == row.id || known.path == row.path)
        {
            repositories.push(row.clone());
            rebuilt.repositories.push(row);
        }
        if !sessions.iter().any(|row| row.id == note.session_id) {
            let row = session_of(&note);
            sessions.push(row.clone());
            rebuilt.sessions.push(row);
        }
        let row = worker_of(&note, meta);
        tracing::info!(session = %note.session_id, worker = %id, "rebuilt from its directory");
        workers.push(row.clone());
        rebuilt.workers.push(row);
    }
    rebuilt
}

fn meta_of(life: &Life) -> Option<&offshoot_shim::Meta> {
    match life {
        Life::Running(meta) | Life::Exited(meta, _) | Life::Lost(meta) => Some(meta),
        Life::Unknown { meta, .. } => meta.as_ref(),
        Life::Absent => None,
    }
}

fn repository_of(note: &Note) -> Option<RepositoryRow> {
    let (id, path) = (note.repository_id?, note.repository_path.clone()?);
    let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
    let created_at = note.session_created_at;
    Some(RepositoryRow {
        id,
        path,
        name,
        created_at,
        setup_command: None,
        env_vars: None,
        idle: None,
    })
}

fn session_of(note: &Note) -> SessionRow {
    SessionRow {
        id: note.session_id,
        kind: note.session_kind,
        location_path: note.location_path.clone(),
        repository_id: note.repository_id,
        worktree_branch: note.worktree_branch.clone(),
        title: note.title.clone(),
        initial_prompt: None,
        created_at: note.session_created_at,
        paused: false,
        paused_because: None,
        idle: None,
        owned_worktree: note.owned_worktree,
    }
}

fn worker_of(note: &Note, meta: &offshoot_shim::Meta) -> WorkerRow {
    WorkerRow {
        id: note.worker_id,
        session_id: note.session_id,
        kind: note.worker_kind,
        name: note.worker_name.clone(),
        created_at: note.worker_created_at,
        position: 0,
        agent_id: note.agent_id.clone(),
        command: note.command.clone(),
        base_commit: None,
        epoch: meta.epoch,
        phase: WorkerPhase::Running,
        reason: None,
        exit_code: None,
        exit_signal: None,
        socket: meta.socket.to_str().map(str::to_owned),
        cols: 120,
        rows: 30,
    }
}

async fn save_rebuilt(engine: &Engine, rebuilt: Rebuilt) -> Result<(), StoreError> {
    let store = &engine.inner.store;
    for row in rebuilt.repositories {
        store.insert_repository(row).await?;
    }
    for row in rebuilt.sessions {
        store.insert_session(row).await?;
    }
    for row in rebuilt.workers {
        store.save_worker(row).await?;
    }
    Ok(())
}

fn take_over(
    engine: &Engine,
    row: SessionRow,
    mut rows: Vec<WorkerRow>,
    lives: &mut HashMap<WorkerId, Life>,
) -> SessionEntry {
    rows.sort_by_key(|row| (row.position, row.created_at));
    let mut session = SessionEntry {
        location_missing: !std::path::Path::new(&row.location_path).is_dir(),
        row,
        workers: Vec::new(),
        lifecycle: Arc::default(),
    };
    for row in rows {
        let life = lives
            .remove(&row.id)
            .unwrap_or_else(|| crate::worker::life_without_files(row.socket.as_deref()));
        let mut entry = entry_of(&row);
        if row.kind != WorkerKind::GitDiff {
            entry.handle = Some(engine.spawn_task(row, life));
        }
        session.workers.push(entry);
    }
    session
}

/// Asks git for the remotes when the server is already answering: hundreds of repositories take a
/// while, and only links need them.
async fn read_remotes(engine: Engine) {
    for repository in engine.repositories() {
        let Ok(opened) = engine.open_repository(repository.path.as_ref()).await else {
            continue;
        };
        let Ok(Some(url)) = opened.remote_url().await else {
            continue;
        };
        let mut state = engine.state();
        let entry = state
            .repositories
            .iter_mut()
            .find(|entry| entry.row.id == repository.id);
        if let Some(entry) = entry {
            entry.remote_url = Some(url);
            let view = entry.view();
            state.events.publish(crate::Event::RepositoryUpdated(view));
        }
    }
}
