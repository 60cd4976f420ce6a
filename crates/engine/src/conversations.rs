//! The conversation that each agent has: which one it is, and how it is taken up again.
//!
//! ```text
//!  chosen at the start ─┐
//!  told by a hook ──────┼─► held by one worker ─► resume by id
//!  found in a file ─────┤
//!  printed at the end ──┘
//! ```
//! An id is held by at most one worker, so that two agents in one directory never mix. A conversation
//! that cannot be resumed stays held, and says why. Owns the choice; `files` knows how agents keep
//! their conversations on disk, and the definitions say how each of them does it.

mod files;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use offshoot_protocol::view::{Conversation, ConversationSource, ProcessState};
use offshoot_protocol::{SessionId, WorkerId};
use offshoot_store::{ConversationRow, StoreError};
use regex::RegexBuilder;

use crate::definitions::Definition;
use crate::hooks::{Hook, text_at};
use crate::state::{SessionEntry, WorkerEntry};
use crate::{Engine, EngineError};

/// An agent that does not know the conversation it is to resume says so within so long.
const REFUSAL: Duration = Duration::from_secs(30);

/// Lines at the end of the output where an agent says what becomes of the conversation.
const LAST_LINES: usize = 40;

/// Events that are told without a turn.
const WITHOUT_TURN: &[&str] = &["SessionStart", "SessionEnd", "session.created"];

/// The event by which agents with conversations of their own tell that another one begins.
const BEGINS: &str = "SessionStart";

/// The event by which they tell that theirs ends, also when it was none: one that cannot be resumed.
const ENDS: &str = "SessionEnd";

/// A conversation held by a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) source: ConversationSource,
    /// Whether a turn was seen in it.
    pub(crate) used: bool,
    pub(crate) problem: Option<String>,
    /// Whether a hook of the process that runs now has told it.
    pub(crate) confirmed: bool,
    /// When a process was started to resume it.
    pub(crate) resumed_at: Option<Instant>,
}

impl Held {
    fn new(id: String, source: ConversationSource) -> Self {
        Self {
            id,
            source,
            used: false,
            problem: None,
            confirmed: false,
            resumed_at: None,
        }
    }

    pub(crate) fn view(&self) -> Conversation {
        Conversation {
            id: self.id.clone(),
            source: self.source,
            problem: self.problem.clone(),
        }
    }

    fn row(&self, worker_id: WorkerId) -> ConversationRow {
        ConversationRow {
            worker_id,
            id: self.id.clone(),
            source: self.source,
            used: self.used,
            problem: self.problem.clone(),
        }
    }
}

/// How a process is started, as far as its conversation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// A new conversation, under an id where the agent takes one.
    New(Option<String>),
    /// The one that is held, which nobody has said anything in: under the same id again.
    Again(String),
    /// The one with this id.
    Resume(String, ConversationSource),
    /// The newest of the directory, whichever that is.
    Newest,
}

/// What planning looks at.
#[derive(Debug)]
struct Facts<'a> {
    definition: &'a Definition,
    held: Option<&'a Held>,
    /// Whether there is a file of the one that is held, where that can be told.
    on_disk: Option<bool>,
    /// Whether another worker has the same agent in the same directory.
    has_rival: bool,
    /// The newest conversation of the directory that no worker holds.
    free: Option<String>,
}

/// Chooses how a conversation goes on.
fn plan_continued(facts: Facts<'_>) -> Plan {
    let definition = facts.definition;
    let resumes = definition.resume.is_some();
    match facts.held {
        Some(held) if resumes => {
            let is_unused = !held.used && facts.on_disk == Some(false);
            if is_unused && definition.conversation.preset {
                Plan::Again(held.id.clone())
            } else {
                Plan::Resume(held.id.clone(), held.source)
            }
        }
        _ if !facts.has_rival => Plan::Newest,
        // The newest of the directory may be the other one's.
        _ => match facts.free.filter(|_| resumes) {
            Some(id) => Plan::Resume(id, ConversationSource::File),
            None => new(definition),
        },
    }
}

fn new(definition: &Definition) -> Plan {
    let preset = definition.conversation.preset;
    Plan::New(preset.then(|| uuid::Uuid::new_v4().to_string()))
}

/// What a hook's conversation is to a worker.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// The one it holds.
    Known,
    /// The one it has from now on.
    Taken,
    /// That of another program: a nested agent, a side thread.
    Foreign,
}

/// Judges the id that a hook tells.
fn judge(held: Option<&Held>, id: &str, definition: &Definition, hook: &Hook) -> Heard {
    let Some(held) = held else {
        return Heard::Taken;
    };
    if held.id == id {
        return Heard::Known;
    }
    if hook.event == ENDS {
        return Heard::Foreign;
    }
    let tells_beginnings = definition.hooks.iter().any(|rule| rule.event == BEGINS);
    let source = text_at(&hook.payload, "source");
    let begins = hook.event == BEGINS && source != Some("startup");
    if begins || !held.confirmed || !tells_beginnings {
        Heard::Taken
    } else {
        Heard::Foreign
    }
}

/// Reads what is known of conversations from before this start.
pub(crate) async fn load(engine: &Engine) -> Result<(), StoreError> {
    let rows = engine.inner.store.conversations().await?;
    let held = rows.into_iter().map(|row| {
        let held = Held {
            used: row.used,
            problem: row.problem,
            // Its process told it before this start, and may go on.
            confirmed: row.source == ConversationSource::Hook || row.used,
            ..Held::new(row.id, row.source)
        };
        (row.worker_id, held)
    });
    engine.state().conversations = held.collect();
    Ok(())
}

impl Engine {
    /// Takes note of the conversation that a hook tells. Returns whether it is the worker's own.
    pub(crate) async fn hear(
        &self,
        worker: WorkerId,
        definition: &Definition,
        hook: &Hook,
    ) -> Result<bool, EngineError> {
        let path = definition.payload.conversation.as_deref();
        let id = path.and_then(|path| text_at(&hook.payload, path));
        let Some(id) = id.filter(|id| !hook.subagent && is_id(id)) else {
            return Ok(!hook.subagent);
        };
        let is_turn = !WITHOUT_TURN.contains(&hook.event.as_str());
        let heard = judge(self.held(worker).as_ref(), id, definition, hook);
        if heard == Heard::Foreign {
            return Ok(false);
        }
        self.change(worker, |held| {
            let mut now = match held {
                Some(held) if held.id == id => held,
                _ => Held::new(id.to_owned(), ConversationSource::Hook),
            };
            now.used |= is_turn;
            if hook.event != ENDS {
                now.confirmed = true;
                now.problem = None;
                now.resumed_at = None;
            }
            Some(now)
        })
        .await
    }

    pub(crate) fn held(&self, worker: WorkerId) -> Option<Held> {
        self.state().conversations.get(&worker).cloned()
    }

    /// Changes what a worker holds, and records it when that differs. An id that another worker holds
    /// is not taken; returns whether the change was made.
    async fn change(
        &self,
        worker: WorkerId,
        change: impl FnOnce(Option<Held>) -> Option<Held>,
    ) -> Result<bool, EngineError> {
        let _in_order = self.inner.conversing.lock().await;
        let before = self.held(worker);
        let after = change(before.clone());
        {
            let mut state = self.state();
            let mut others = state.conversations.iter().filter(|(id, _)| **id != worker);
            let id = after.as_ref().map(|held| &held.id);
            if others.any(|(_, other)| Some(&other.id) == id) {
                return Ok(false);
            }
            match after.clone() {
                Some(after) => drop(state.conversations.insert(worker, after)),
                None => drop(state.conversations.remove(&worker)),
            }
        }
        let row = |held: &Option<Held>| held.as_ref().map(|held| held.row(worker));
        if row(&before) == row(&after) {
            return Ok(true);
        }
        let store = &self.inner.store;
        let saved = match row(&after) {
            Some(row) => store.save_conversation(row).await,
            None => store.delete_conversation(worker).await,
        };
        saved.map_err(|err| self.store_error("record the conversation", err))?;
        let mut state = self.state();
        let session = state
            .sessions
            .iter()
            .find(|session| session.worker(worker).is_ok());
        if let Some(id) = session.map(|session| session.row.id) {
            state.publish_update(id);
        }
        Ok(true)
    }

    /// Chooses the conversation that a process is started with, and holds it.
    ///
    /// # Errors
    /// It cannot be recorded.
    pub(crate) async fn plan_conversation(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        continues: bool,
    ) -> Result<Plan, EngineError> {
        let definition = self.definition_of(worker);
        let is_described = definition.start.template.is_empty() && !definition.program.is_empty();
        if worker.command.is_some() || !is_described {
            return Ok(if continues {
                Plan::Newest
            } else {
                Plan::New(None)
            });
        }
        let plan = if continues {
            self.plan_with_files(session, worker, &definition).await
        } else {
            new(&definition)
        };
        let taken = self
            .change(worker.id, |held| {
                let mut now = match (&plan, held) {
                    (Plan::New(None) | Plan::Newest, _) => return None,
                    (Plan::Resume(id, _) | Plan::Again(id), Some(held)) if held.id == *id => held,
                    (Plan::Resume(id, source), _) => Held::new(id.clone(), *source),
                    (Plan::New(Some(id)) | Plan::Again(id), _) => {
                        Held::new(id.clone(), ConversationSource::Chosen)
                    }
                };
                now.confirmed = false;
                now.resumed_at = matches!(plan, Plan::Resume(..)).then(Instant::now);
                Some(now)
            })
            .await?;
        // Another worker took the free conversation in this moment.
        Ok(if taken { plan } else { Plan::New(None) })
    }

    async fn plan_with_files(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        definition: &Definition,
    ) -> Plan {
        let held = self.held(worker.id);
        let has_rival = self.has_rival(session, worker, definition);
        let needs_files = held.is_some() || has_rival;
        let found = match needs_files {
            true => self.conversation_files(session, worker, definition).await,
            false => None,
        };
        let (held_ids, cwd) = {
            let state = self.state();
            let ids = state.conversations.values().map(|held| held.id.clone());
            (
                ids.collect::<Vec<_>>(),
                Path::new(&session.row.location_path),
            )
        };
        let on_disk = held.as_ref().and_then(|held| {
            let found = found.as_ref()?;
            Some(found.iter().any(|one| one.id == held.id))
        });
        let free = found.and_then(|found| {
            let is_free = |one: &&files::Found| !held_ids.contains(&one.id) && one.is_in(cwd);
            found.iter().find(is_free).map(|one| one.id.clone())
        });
        plan_continued(Facts {
            definition,
            held: held.as_ref(),
            on_disk,
            has_rival,
            free,
        })
    }

    /// Tells whether another worker runs the same agent in the same directory.
    fn has_rival(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        definition: &Definition,
    ) -> bool {
        let rivals: Vec<WorkerEntry> = {
            let state = self.state();
            let same_place = |other: &&SessionEntry| {
                Path::new(&other.row.location_path) == Path::new(&session.row.location_path)
            };
            let workers = state.sessions.iter().filter(same_place);
            let workers = workers.flat_map(|other| other.workers.iter().cloned());
            workers.filter(|other| other.id != worker.id).collect()
        };
        rivals
            .iter()
            .any(|other| other.agent_id.is_some() && self.definition_of(other).id == definition.id)
    }

    /// Lists the conversations of an agent's directory, the newest first; none where the agent keeps
    /// no files that are known.
    async fn conversation_files(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
        definition: &Definition,
    ) -> Option<Vec<files::Found>> {
        let rule = definition.conversation.files.clone()?;
        let environment = self.environment(session, worker);
        let home = self.inner.config.user_home.clone();
        let cwd = std::path::PathBuf::from(&session.row.location_path);
        let looked =
            tokio::task::spawn_blocking(move || files::list(&rule, &environment, &home, &cwd));
        looked.await.ok()
    }

    /// Learns a conversation that no hook tells: from a file that the agent's process made. Costs a
    /// look at a directory, and nothing when the conversation is known.
    pub(crate) fn learn_from_files(&self, session_id: SessionId, worker_id: WorkerId) {
        if self.held(worker_id).is_some() {
            return;
        }
        let engine = self.clone();
        self.spawn(async move {
            let found = {
                let state = engine.state();
                let session = state.session(session_id).ok().cloned();
                session.and_then(|session| {
                    let worker = session.worker(worker_id).ok()?.clone();
                    Some((session, worker))
                })
            };
            let Some((session, worker)) = found else {
                return;
            };
            if let Err(err) = engine.learn_from_files_now(&session, &worker).await {
                tracing::warn!(worker = %worker.id, %err, "learn the conversation");
            }
        });
    }

    async fn learn_from_files_now(
        &self,
        session: &SessionEntry,
        worker: &WorkerEntry,
    ) -> Result<(), EngineError> {
        let definition = self.definition_of(worker);
        let Some(handle) = &worker.handle else {
            return Ok(());
        };
        let Some(since) = handle.hooks().since() else {
            return Ok(());
        };
        let Some(found) = self.conversation_files(session, worker, &definition).await else {
            return Ok(());
        };
        let cwd = Path::new(&session.row.location_path);
        let since = SystemTime::from(since);
        let ids: Vec<String> = {
            let state = self.state();
            let held: Vec<&String> = state.conversations.values().map(|held| &held.id).collect();
            let of_this = |one: &&files::Found| {
                one.changed >= since && one.is_in(cwd) && !held.contains(&&one.id)
            };
            found
                .iter()
                .filter(of_this)
                .map(|one| one.id.clone())
                .collect()
        };
        let has_rival = self.has_rival(session, worker, &definition);
        // With a rival, only what the process itself has open is certain.
        let pid = handle.head().process.pid;
        let open = pid.and_then(|pid| files::open_in(pid, &found));
        let id = open.or_else(|| ids.first().filter(|_| !has_rival).cloned());
        let Some(id) = id else {
            return Ok(());
        };
        let learned = |held: Option<Held>| {
            held.or_else(|| {
                let mut now = Held::new(id, ConversationSource::File);
                now.used = true;
                Some(now)
            })
        };
        self.change(worker.id, learned).await.map(drop)
    }

    /// Reads what an agent that has ended says of its conversation.
    pub(crate) fn on_agent_end(&self, session_id: SessionId, worker_id: WorkerId) {
        let has_ended = {
            let state = self.state();
            let session = state.session(session_id).ok();
            let worker = session.and_then(|session| session.worker(worker_id).ok());
            let handle = worker.and_then(|worker| worker.handle.as_ref());
            handle.is_some_and(|handle| handle.head().process.state == ProcessState::Exited)
        };
        if !has_ended {
            return;
        }
        let engine = self.clone();
        self.spawn(async move {
            if let Err(err) = engine.read_last_words(session_id, worker_id).await {
                tracing::warn!(worker = %worker_id, %err, "read what the agent said last");
            }
        });
    }

    async fn read_last_words(
        &self,
        session_id: SessionId,
        worker_id: WorkerId,
    ) -> Result<(), EngineError> {
        let entry = self.state().session(session_id)?.worker(worker_id)?.clone();
        let definition = self.definition_of(&entry);
        let rules = &definition.conversation;
        let Some(handle) = entry
            .handle
            .filter(|_| !rules.exit.is_empty() || !rules.unknown.is_empty())
        else {
            return Ok(());
        };
        let process = handle.head().process;
        if process.state != ProcessState::Exited {
            return Ok(());
        }
        let text = handle.text(LAST_LINES).await?.lines.join("\n");
        let failed = process.exit.is_some_and(|exit| exit.code != Some(0));
        let held = self.held(worker_id);
        let resumed = held.as_ref().and_then(|held| held.resumed_at);
        let refused = failed && resumed.is_some_and(|at| at.elapsed() < REFUSAL);
        if refused && let Some(line) = line_with(&text, &rules.unknown) {
            let problem = format!("{} cannot resume it: {line}", definition.name);
            return self
                .change(worker_id, |held| {
                    held.map(|held| Held {
                        problem: Some(problem),
                        resumed_at: None,
                        ..held
                    })
                })
                .await
                .map(drop);
        }
        let Some(id) = printed_id(&text, &rules.exit) else {
            return Ok(());
        };
        let learned = |held: Option<Held>| match held {
            Some(held) if held.id == id => Some(Held { used: true, ..held }),
            // A hook knows better than a text that may be an older one.
            Some(held) if held.source == ConversationSource::Hook => Some(held),
            _ => {
                let mut now = Held::new(id, ConversationSource::Screen);
                now.used = true;
                Some(now)
            }
        };
        self.change(worker_id, learned).await.map(drop)
    }
}

/// Tells whether a text can be the id of a conversation: one argument of a command line, no option
/// and no path.
fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    begins && text.len() <= 200 && text.bytes().all(is_plain)
}

fn line_with<'a>(text: &'a str, pattern: &str) -> Option<&'a str> {
    if pattern.is_empty() {
        return None;
    }
    let pattern = RegexBuilder::new(pattern).build().ok()?;
    let found = text.lines().rev().find(|line| pattern.is_match(line));
    found.map(str::trim)
}

/// Finds the last id in what was printed.
fn printed_id(text: &str, pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return None;
    }
    let pattern = RegexBuilder::new(pattern).build().ok()?;
    let last = pattern.captures_iter(text).last()?;
    let id = last.name("id")?.as_str();
    is_id(id).then(|| id.to_owned())
}

#[cfg(test)]
mod tests;
