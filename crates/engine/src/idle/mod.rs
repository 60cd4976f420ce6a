//! Ends workers that have nothing to do, where a rule says so; off by default.
//!
//! One task looks at all workers about once a second while any rule is in force, and sleeps until
//! one is otherwise. A worker is left alone while its agent works or asks, while anybody follows
//! it, and while a shell has a program to look after; output, input and the setting of its session's
//! rule begin its time anew. Times
//! are those of a clock that stands still while the machine sleeps, and begin with the server or
//! with the first rule: after a start nothing is known of the time before, and nothing is ended
//! for it. What is ended shows why, and starts again when somebody opens it.

mod decide;
mod rules;

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use offshoot_protocol::idle::{IdleAction, IdleWarning};
use offshoot_protocol::view::{SessionKind, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use tokio::time::Instant;

use self::decide::{Moment, Rule, Step, decide, may_rest};
pub(crate) use self::rules::{Idle, check, load};
use crate::worker::{Mark, Signs, WorkerHandle};
use crate::{Engine, EngineError, Event};

/// How often workers are looked at while a rule is in force.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How every reason of a rule ends. Kept with the worker's row, it also says after a restart of the
/// server that no person stopped it.
const REASON: &str = "without anything to do; opening it starts it again";

/// Two moments this close are one.
const SAME_MS: i64 = 500;

/// Tells whether a reason is one of a rule.
pub(crate) fn is_reason(reason: &str) -> bool {
    reason.ends_with(REASON)
}

/// Starts watching; ends with the engine.
pub(crate) fn start(engine: &Engine) {
    engine.spawn(run(engine.clone()));
}

async fn run(engine: Engine) {
    let changed = engine.state().idle.changed.clone();
    let mut watch = Watch {
        born: Instant::now(),
        seen: HashMap::new(),
        due: HashMap::new(),
    };
    loop {
        if let Some(sessions) = look_at(&engine) {
            watch.turn(&engine, sessions).await;
            tokio::time::sleep(LOOK_EVERY).await;
        } else {
            watch.forget_all(&engine);
            changed.notified().await;
        }
    }
}

/// A session with what was seen of its workers with a process.
struct Looked {
    id: SessionId,
    rule: Option<Rule>,
    /// The session can be paused as a whole.
    pausable: bool,
    workers: Vec<(WorkerId, WorkerKind, WorkerHandle)>,
}

/// Lists the sessions that run, or nothing when no rule is in force.
fn look_at(engine: &Engine) -> Option<Vec<Looked>> {
    let state = engine.state();
    let looked = state
        .sessions
        .iter()
        .filter(|entry| !entry.row.paused)
        .map(|entry| {
            let repository = entry.row.repository_id;
            let repository = repository.and_then(|id| state.repository(id).ok()?.row.idle);
            let workers = entry.workers.iter().filter_map(|worker| {
                let handle = worker.handle.clone()?;
                Some((worker.id, worker.kind, handle))
            });
            Looked {
                id: entry.row.id,
                rule: Rule::of(state.idle.in_force(entry.row.idle, repository)),
                pausable: entry.row.kind == SessionKind::Worktree,
                workers: workers.collect(),
            }
        });
    let looked: Vec<_> = looked.collect();
    looked
        .iter()
        .any(|session| session.rule.is_some())
        .then_some(looked)
}

/// What was seen of a worker.
struct Seen {
    mark: Mark,
    /// When it was used last.
    used_at: Moment,
}

/// What is ended together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Session(SessionId),
    Worker(WorkerId),
}

/// Follows all workers over time.
struct Watch {
    born: Instant,
    seen: HashMap<WorkerId, Seen>,
    /// When what was warned ends.
    due: HashMap<Unit, Moment>,
}

impl Watch {
    fn forget_all(&mut self, engine: &Engine) {
        self.seen.clear();
        self.due.clear();
        let warned: Vec<_> = engine.state().idle.warnings.keys().copied().collect();
        for id in warned {
            warn(engine, id, None);
        }
    }

    /// Looks at everything once and does what is due.
    async fn turn(&mut self, engine: &Engine, sessions: Vec<Looked>) {
        let known = |id: &WorkerId| {
            let mut all = sessions.iter().flat_map(|session| &session.workers);
            all.any(|(known, ..)| known == id)
        };
        self.seen.retain(|id, _| known(id));
        self.due.retain(|unit, _| match unit {
            Unit::Session(id) => sessions.iter().any(|session| session.id == *id),
            Unit::Worker(id) => known(id),
        });
        for session in sessions {
            self.session(engine, &session).await;
        }
    }

    async fn session(&mut self, engine: &Engine, session: &Looked) {
        let now = self.born.elapsed();
        if engine.state().idle.kept_awake.remove(&session.id) {
            self.due.remove(&Unit::Session(session.id));
            for (id, ..) in &session.workers {
                self.seen.remove(id);
                self.due.remove(&Unit::Worker(*id));
            }
        }
        let workers = session.workers.iter();
        let quiet: Vec<_> = workers
            .map(|(id, kind, handle)| (*id, self.quiet_since(*id, *kind, handle.signs(), now)))
            .collect();
        let Some(rule) = session.rule else {
            self.due.remove(&Unit::Session(session.id));
            for (id, _) in quiet {
                self.due.remove(&Unit::Worker(id));
            }
            return warn(engine, session.id, None);
        };
        let mut warning: Option<Moment> = None;
        for (unit, since) in units(session, rule, &quiet) {
            let step = decide(rule, since, self.due.get(&unit).copied(), now);
            match step {
                Step::Leave => drop(self.due.remove(&unit)),
                Step::Warn(due) => drop(self.due.insert(unit, due)),
                Step::Wait => {}
                Step::End => {
                    self.due.remove(&unit);
                    end(engine, session, unit, rule).await;
                }
            }
            if let Some(due) = self.due.get(&unit) {
                warning = Some(warning.map_or(*due, |other| other.min(*due)));
            }
        }
        let action = if session.pausable {
            rule.action
        } else {
            IdleAction::Stop
        };
        let told = warning.and_then(|due| {
            let at = Timestamp::now().checked_add(due.saturating_sub(now)).ok()?;
            Some(IdleWarning { action, at })
        });
        warn(engine, session.id, told);
    }

    /// Returns since when a worker has had nothing to do; none while it has, or does not run.
    fn quiet_since(
        &mut self,
        id: WorkerId,
        kind: WorkerKind,
        signs: Signs,
        now: Moment,
    ) -> Option<Moment> {
        let seen = self.seen.entry(id).or_insert(Seen {
            mark: signs.mark,
            used_at: now,
        });
        let occupied = kind == WorkerKind::Terminal && signs.pid.is_some_and(has_children);
        if signs.mark != seen.mark || !may_rest(signs, occupied) {
            *seen = Seen {
                mark: signs.mark,
                used_at: now,
            };
        }
        may_rest(signs, occupied).then_some(seen.used_at)
    }
}

/// Lists what is ended together, each with since when all of it has had nothing to do.
fn units(
    session: &Looked,
    rule: Rule,
    quiet: &[(WorkerId, Option<Moment>)],
) -> Vec<(Unit, Option<Moment>)> {
    if rule.action == IdleAction::Stop || !session.pausable {
        return quiet
            .iter()
            .map(|(id, since)| (Unit::Worker(*id), *since))
            .collect();
    }
    let handles = session.workers.iter().map(|(_, _, handle)| handle);
    let alive: Vec<_> = handles
        .zip(quiet)
        .filter(|(handle, _)| handle.head().is_alive())
        .map(|(_, (_, since))| *since)
        .collect();
    // All of them, or it is not quiet; one that cannot be judged counts as used.
    let since = alive.into_iter().reduce(|a, b| Some(a?.max(b?))).flatten();
    vec![(Unit::Session(session.id), since)]
}

/// Tells whether a shell has started anything that still runs, in the foreground or behind it.
/// Where the system does not tell, output alone decides.
fn has_children(pid: u32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.is_ok_and(|text| !text.trim().is_empty())
}

/// Shows a warning or takes it back, and announces that it changed.
fn warn(engine: &Engine, id: SessionId, warning: Option<IdleWarning>) {
    let mut state = engine.state();
    let changed = match (state.idle.warnings.get(&id), warning) {
        (None, None) => false,
        (Some(old), Some(new)) => {
            // The same moment is worked out again from two clocks.
            let moved_ms = old.at.as_millisecond() - new.at.as_millisecond();
            old.action != new.action || moved_ms.abs() > SAME_MS
        }
        _ => true,
    };
    if !changed {
        return;
    }
    match warning {
        Some(warning) => drop(state.idle.warnings.insert(id, warning)),
        None => drop(state.idle.warnings.remove(&id)),
    }
    state.publish_update(id);
}

async fn end(engine: &Engine, session: &Looked, unit: Unit, rule: Rule) {
    let time = words(rule.after);
    let ended = match unit {
        Unit::Session(id) => {
            engine
                .pause_idle(id, format!("paused after {time} {REASON}"))
                .await
        }
        Unit::Worker(id) => {
            let reason = format!("stopped after {time} {REASON}");
            engine.stop_idle(session.id, id, reason).await
        }
    };
    if let Err(err) = ended {
        tracing::warn!(session = %session.id, %err, "end what has nothing to do");
    }
}

/// A length of time for people.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

impl Engine {
    /// Pauses a session unless somebody came meanwhile.
    async fn pause_idle(&self, id: SessionId, reason: String) -> Result<(), EngineError> {
        let lifecycle = self.state().session(id)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let session = self.state().session(id)?.clone();
        let handles = session.handles();
        if session.row.paused || handles.iter().any(is_used) {
            return Ok(());
        }
        tracing::info!(session = %id, reason, "pausing");
        self.change_row(id, |row| {
            row.paused = true;
            row.paused_because = Some(reason.clone());
        })
        .await?;
        for handle in handles.iter().filter(|handle| handle.head().is_alive()) {
            handle.rest(reason.clone()).await?;
        }
        let mut state = self.state();
        let view = state.session_view(id)?;
        state.events.publish(Event::SessionPaused(view));
        Ok(())
    }

    /// Stops a worker unless somebody came meanwhile.
    async fn stop_idle(
        &self,
        session: SessionId,
        worker: WorkerId,
        reason: String,
    ) -> Result<(), EngineError> {
        let lifecycle = self.state().session(session)?.lifecycle.clone();
        let _lifecycle = lifecycle.lock().await;
        let handle = self.worker(session, worker)?;
        if is_used(&handle) {
            return Ok(());
        }
        tracing::info!(%session, %worker, reason, "stopping");
        handle.rest(reason).await
    }

    /// Somebody opens a worker: what a rule ended starts again. What a person ended stays so.
    ///
    /// # Errors
    /// There is no such session or worker, or it cannot be started.
    pub async fn wake(&self, session: SessionId, worker: WorkerId) -> Result<(), EngineError> {
        let (paused, rests) = {
            let state = self.state();
            let entry = state.session(session)?;
            let handle = entry.worker(worker)?.handle.as_ref();
            let rests = handle.is_some_and(|handle| handle.head().rests());
            let rests = rests && !entry.row.paused;
            (entry.row.paused_because.is_some(), rests)
        };
        if paused {
            self.resume_session(session).await?;
        } else if rests {
            self.activate_worker(session, worker).await?;
        }
        Ok(())
    }
}

/// Tells whether a worker must be left alone whatever a rule says.
fn is_used(handle: &WorkerHandle) -> bool {
    let signs = handle.signs();
    signs.running && !may_rest(signs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_one_unit() {
        let said = [1, 90, 120, 1800, 3600, 7200, 200_000].map(|s| words(Duration::from_secs(s)));
        let wanted = [
            "1 second",
            "90 seconds",
            "2 minutes",
            "30 minutes",
            "60 minutes",
            "2 hours",
            "2 days",
        ];
        assert_eq!(said, wanted);
    }
}
