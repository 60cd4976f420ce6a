//! What nobody asks for but everybody expects: old records go, missing directories are noticed.
//!
//! Owns no state. Whatever fails here is logged and tried again later; nothing depends on it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use offshoot_protocol::SessionId;

use crate::Engine;

/// Typed input is remembered so long, so that a repeated request is recognised.
const OUTBOX_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Files given to agents are kept so long.
const UPLOAD_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often what is too old is looked for.
const CLEAN_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How often sessions' directories are looked at. A few hundred cost well under a millisecond.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Starts the upkeep; it ends with the engine.
pub(crate) fn start(engine: &Engine) {
    engine.spawn(run(engine.clone()));
}

async fn run(engine: Engine) {
    remove_old_programs(&engine.inner.home.programs(), &engine.inner.shim_program);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cleanings = tokio::time::interval(CLEAN_EVERY);
    cleanings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = cleanings.tick() => {
                forget_old(&engine).await;
                let uploads = engine.inner.home.uploads();
                let clean = move || remove_old_uploads(&uploads, SystemTime::now());
                let _ = tokio::task::spawn_blocking(clean).await;
            }
            _ = looks.tick() => look_at_locations(&engine).await,
        }
    }
}

async fn forget_old(engine: &Engine) {
    let (store, now) = (&engine.inner.store, Timestamp::now());
    if let Err(err) = store.prune_input(now - OUTBOX_LIFE).await {
        tracing::warn!(%err, "forget old input");
    }
    engine.forget_old_usage(now).await;
    if let Err(err) = store.prune_prompts(now - OUTBOX_LIFE).await {
        tracing::warn!(%err, "forget old prompts");
    }
    engine.forget_old_jobs().await;
    engine.expire_trash().await;
    engine.prune_worktrees().await;
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

/// Removes files that were given to agents too long ago to be asked for again.
fn remove_old_uploads(dir: &Path, now: SystemTime) {
    let entries = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for entry in entries {
        let is_old = entry.metadata().is_ok_and(|found| {
            let age = found.modified().map(|made| now.duration_since(made));
            found.is_file() && matches!(age, Ok(Ok(age)) if age > UPLOAD_LIFE)
        });
        if is_old && let Err(err) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%err, path = %entry.path().display(), "remove an old upload");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_go_when_they_are_old() {
        let dir = tempfile::tempdir().expect("a directory");
        let now = SystemTime::now();
        for (name, age) in [("new.png", 0), ("week.png", 6), ("old.png", 8)] {
            let file = std::fs::File::create(dir.path().join(name)).expect("a file");
            let made = now - Duration::from_secs(age * 24 * 3600);
            file.set_modified(made).expect("its time");
        }
        std::fs::create_dir(dir.path().join("kept")).expect("a directory");
        remove_old_uploads(dir.path(), now);
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .expect("there")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["kept", "new.png", "week.png"]);
    }
}
