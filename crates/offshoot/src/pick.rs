//! Finds the session or worker a person means by a name.
//!
//! A name is, in this order: an id or the beginning of one (four characters or more), a title,
//! branch or shown name of a session, a worker's name within a session (`branch/Terminal 2`), a
//! worker's name alone. Pure: lists in, choice out.

use offshoot_protocol::view::{Session, Worker, WorkerKind};

use crate::failure::Failure;
use crate::style::{printable, session_state, worker_state};

/// Shortest beginning of an id that is taken for one.
const PREFIX_CHARS: usize = 4;

/// What a name means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The session.
    pub(crate) session: &'a Session,
    /// The worker, when the name means one.
    pub(crate) worker: Option<&'a Worker>,
}

impl<'a> Target<'a> {
    /// The worker meant: the named one, else the session's agent, else its only terminal.
    ///
    /// # Errors
    /// The session has no worker with a terminal, or several and no agent.
    pub(crate) fn worker(self) -> Result<&'a Worker, Failure> {
        if let Some(worker) = self.worker {
            return match worker.kind {
                WorkerKind::GitDiff => Err(Failure::Name(format!(
                    "worker `{}` is a view of changes and has no terminal",
                    printable(&worker.name)
                ))),
                _ => Ok(worker),
            };
        }
        let of = |kind| {
            let workers = self.session.workers.iter();
            workers.filter(move |worker| worker.kind == kind)
        };
        if let Some(agent) = of(WorkerKind::Agent).next() {
            return Ok(agent);
        }
        let terminals: Vec<_> = of(WorkerKind::Terminal).collect();
        match terminals.as_slice() {
            [only] => Ok(only),
            [] => Err(Failure::Name(format!(
                "session `{}` has no worker with a terminal",
                session_name(self.session)
            ))),
            _ => {
                let targets = terminals.iter().map(|worker| Target {
                    session: self.session,
                    worker: Some(worker),
                });
                let head = format!("session `{}` has several", session_name(self.session));
                Err(ambiguous(&head, targets))
            }
        }
    }
}

/// Finds what `name` means.
///
/// # Errors
/// Nothing or several things are called so; the sentence lists them.
pub(crate) fn find<'a>(sessions: &'a [Session], name: &str) -> Result<Target<'a>, Failure> {
    let name = name.trim();
    for matches in [by_id, by_name, by_path, by_worker_name] {
        let found = matches(sessions, name);
        match found.as_slice() {
            [] => {}
            [only] => return Ok(*only),
            _ => {
                let head = format!("`{name}` means several");
                return Err(ambiguous(&head, found.into_iter()));
            }
        }
    }
    Err(Failure::Name(format!(
        "nothing is called `{name}`: give the first {PREFIX_CHARS} or more characters of an id, a title \
         or a branch; `offshoot ls` lists them"
    )))
}

fn by_id<'a>(sessions: &'a [Session], name: &str) -> Vec<Target<'a>> {
    let prefix = name.to_ascii_lowercase();
    let is_hex = prefix.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if prefix.len() < PREFIX_CHARS || !is_hex {
        return Vec::new();
    }
    let matches = |id: String| id.starts_with(&prefix);
    let mut found = Vec::new();
    for session in sessions {
        if matches(session.id.to_string()) {
            found.push(Target {
                session,
                worker: None,
            });
        }
        let workers = session.workers.iter();
        found.extend(
            workers
                .filter(|worker| matches(worker.id.to_string()))
                .map(|worker| Target {
                    session,
                    worker: Some(worker),
                }),
        );
    }
    found
}

fn by_name<'a>(sessions: &'a [Session], name: &str) -> Vec<Target<'a>> {
    let is_named = |session: &&Session| {
        session.title.as_deref() == Some(name)
            || session.worktree_id.as_deref() == Some(name)
            || session_name(session) == name
    };
    let named = sessions.iter().filter(is_named);
    named
        .map(|session| Target {
            session,
            worker: None,
        })
        .collect()
}

/// `session/worker`: the part after the last slash is a worker's name. Branches hold slashes too,
/// so the whole name was tried as one before.
fn by_path<'a>(sessions: &'a [Session], name: &str) -> Vec<Target<'a>> {
    let Some((session, worker)) = name.rsplit_once('/') else {
        return Vec::new();
    };
    let mut of = by_id(sessions, session);
    if of.is_empty() {
        of = by_name(sessions, session);
    }
    let sessions = of.into_iter().map(|target| target.session);
    workers_called(worker, sessions)
}

fn by_worker_name<'a>(sessions: &'a [Session], name: &str) -> Vec<Target<'a>> {
    workers_called(name, sessions.iter())
}

fn workers_called<'a>(name: &str, sessions: impl Iterator<Item = &'a Session>) -> Vec<Target<'a>> {
    let of = |session: &'a Session| {
        session.workers.iter().map(move |worker| Target {
            session,
            worker: Some(worker),
        })
    };
    let workers = sessions.flat_map(of);
    workers
        .filter(|target| target.worker.is_some_and(|found| found.name == name))
        .collect()
}

/// The name people know a session by.
pub(crate) fn session_name(session: &Session) -> String {
    let title = session.title.as_deref().filter(|title| !title.is_empty());
    let name = title.or(session.worktree_id.as_deref());
    let directory = || session.location_path.rsplit('/').next().unwrap_or_default();
    printable(name.unwrap_or_else(directory))
}

/// Whether a name is the beginning of an id, long enough to be meant as one.
pub(crate) fn begins(id: impl std::fmt::Display, name: &str) -> bool {
    name.len() >= PREFIX_CHARS && id.to_string().starts_with(name)
}

/// Takes the only one that a name means; the sentences say that it means none, or several.
pub(crate) fn only<T>(
    found: Vec<T>,
    none: impl FnOnce() -> String,
    several: impl FnOnce() -> String,
) -> Result<T, Failure> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Failure::Name(none())),
        (Some(_), Some(_)) => Err(Failure::Name(several())),
    }
}

/// The beginning of an id that is shown to people.
pub(crate) fn short(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(8).collect()
}

fn ambiguous<'a>(head: &str, targets: impl Iterator<Item = Target<'a>>) -> Failure {
    let mut text = format!("{head}; say which by its id:");
    for target in targets {
        let session = session_name(target.session);
        let line = match target.worker {
            Some(worker) => {
                let (id, name) = (short(worker.id), printable(&worker.name));
                format!("{id}  {session} / {name} ({})", worker_state(worker).0)
            }
            None => {
                let (id, state) = (short(target.session.id), session_state(target.session).0);
                format!("{id}  {session} ({state})")
            }
        };
        text += "\n  ";
        text += &line;
    }
    Failure::Name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions() -> Vec<Session> {
        let worker = |id: &str, kind: &str, name: &str| {
            format!(
                r#"{{"id":"{id}-0000-4000-8000-000000000000","name":"{name}","type":"{kind}",
                "createdAt":"2026-01-02T03:04:05.000Z"}}"#
            )
        };
        let session = |id: &str, title: &str, branch: &str, workers: &[String]| {
            format!(
                r#"{{"id":"{id}-0000-4000-8000-000000000000","type":"worktree","locationPath":"/w/x",
                "status":"active","activationState":"running","paused":false,
                "createdAt":"2026-01-02T03:04:05.000Z","workers":[{}],"title":"{title}",
                "worktreeId":"{branch}"}}"#,
                workers.join(",")
            )
        };
        let text = [
            session(
                "aaaa1111",
                "fix it",
                "feature/a",
                &[
                    worker("bbbb2222", "agent", "Claude"),
                    worker("bbbb3333", "terminal", "Terminal 1"),
                ],
            ),
            session(
                "aaaa4444",
                "fix it",
                "try",
                &[
                    worker("cccc5555", "terminal", "Terminal 1"),
                    worker("cccc6666", "terminal", "Terminal 2"),
                ],
            ),
            session(
                "dddd7777",
                "",
                "main",
                &[worker("eeee8888", "git-diff", "Diff")],
            ),
        ];
        serde_json::from_str(&format!("[{}]", text.join(","))).unwrap()
    }

    #[track_caller]
    fn check(name: &str, wanted: &str) {
        let sessions = sessions();
        let got = match find(&sessions, name) {
            Ok(Target {
                session,
                worker: None,
            }) => short(session.id),
            Ok(Target {
                worker: Some(worker),
                ..
            }) => short(worker.id),
            Err(err) => format!("error: {err}"),
        };
        assert!(got.starts_with(wanted), "{name}: {got}");
    }

    #[test]
    fn names_mean_what_people_expect() {
        check("aaaa1111-0000-4000-8000-000000000000", "aaaa1111");
        check("aaaa1", "aaaa1111");
        check("AAAA4", "aaaa4444");
        check("bbbb3", "bbbb3333");
        check("try", "aaaa4444");
        check("feature/a", "aaaa1111");
        check("feature/a/Terminal 1", "bbbb3333");
        check("aaaa4/Terminal 2", "cccc6666");
        check("Claude", "bbbb2222");
        check("Terminal 1", "error: `Terminal 1` means several");
        check("aaa", "error: nothing is called `aaa`");
        check("try/Terminal 9", "error: nothing");
    }

    #[test]
    fn ambiguous_names_list_the_candidates() {
        let sessions = sessions();
        let err = find(&sessions, "aaaa").unwrap_err().to_string();
        assert!(
            err.contains("aaaa1111") && err.contains("aaaa4444"),
            "{err}"
        );
        let err = find(&sessions, "fix it").unwrap_err().to_string();
        assert!(err.contains("means several"), "{err}");
    }

    #[test]
    fn a_session_means_its_agent_else_its_only_terminal() {
        let sessions = sessions();
        let worker = |name| find(&sessions, name).and_then(Target::worker);
        assert_eq!(short(worker("feature/a").unwrap().id), "bbbb2222");
        let err = worker("try").unwrap_err().to_string();
        assert!(
            err.contains("cccc5555") && err.contains("cccc6666"),
            "{err}"
        );
        assert!(worker("main").is_err());
        assert!(worker("eeee8").is_err());
    }
}
