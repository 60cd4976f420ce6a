//! What nobody asks for but everybody expects: old records go, missing directories are noticed.
//!
//! Owns no state. Whatever fails here is logged and tried again later; nothing depends on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use offshoot_protocol::SessionId;

use crate::Engine;

/// Typed input is remembered so long, so that a repeated request is recognised.
const OUTBOX_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often sessions' directories are looked at. A few hundred cost well under a millisecond.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Starts the upkeep; it ends with the engine.
pub(crate) fn start(engine: &Engine) {
    let inner = &engine.inner;
    let work = run(engine.clone());
    inner
        .tasks
        .spawn(inner.cancel.clone().run_until_cancelled_owned(work));
}

async fn run(engine: Engine) {
    forget_old(&engine).await;
    remove_old_programs(&engine.inner.home.programs(), &engine.inner.shim_program);
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        look_at_locations(&engine).await;
    }
}

async fn forget_old(engine: &Engine) {
    let (store, now) = (&engine.inner.store, Timestamp::now());
    if let Err(err) = store.prune_input(now - OUTBOX_LIFE).await {
        tracing::warn!(%err, "forget old input");
    }
    if let Err(err) = store.prune_sign_ins(now).await {
        tracing::warn!(%err, "forget old sign-ins");
    }
}

/// Removes executables of earlier versions. Shims that run them keep them open.
fn remove_old_programs(dir: &Path, current: &Path) {
    let entries = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for path in entries
        .map(|entry| entry.path())
        .filter(|path| path != current)
    {
        if let Err(err) = std::fs::remove_file(&path) {
            tracing::warn!(%err, path = %path.display(), "remove the executable of an earlier version");
        }
    }
}

/// Notices directories that went missing behind our back, or came back.
async fn look_at_locations(engine: &Engine) {
    let known: Vec<(SessionId, PathBuf, bool)> = {
        let state = engine.state();
        let place = |entry: &crate::state::SessionEntry| {
            (
                entry.row.id,
                PathBuf::from(&entry.row.location_path),
                entry.location_missing,
            )
        };
        state.sessions.iter().map(place).collect()
    };
    let looked = tokio::task::spawn_blocking(move || {
        let differs = |(_, path, missing): &(SessionId, PathBuf, bool)| path.is_dir() == *missing;
        known.into_iter().filter(differs).collect::<Vec<_>>()
    });
    for (id, _, was_missing) in looked.await.unwrap_or_default() {
        let mut state = engine.state();
        if let Ok(entry) = state.session_mut(id) {
            entry.location_missing = !was_missing;
        }
        state.publish_update(id);
    }
}
