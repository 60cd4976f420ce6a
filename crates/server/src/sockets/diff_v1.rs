//! A diff worker's socket, first dialect.
//!
//! Owns that dialect's rules: one `diff-data` when it opens and one whenever it would differ, base
//! and target per connection, an error only where the client is to show it instead of the diff. At
//! most one diff is made at a time, and what was made for an older wish is given up. The connection
//! holds one frame; a client that reads slowly gets the newest diff when it is done with the last.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use axum::extract::ws::Message;
use offshoot_engine::{DiffChanges, DiffView, DiffViewEnd, EngineError, StreamEnd};
use offshoot_protocol::diff::{GitDiff, GitDiffSummary};
use offshoot_protocol::v1::{DiffFrame, DiffRequest};
use offshoot_protocol::{SessionId, WorkerId};

use super::wire::{Io, Reading, Wire, close};
use crate::state::App;

/// Unanswered requests of one client. When there are more, it is not read until some are answered.
const REQUESTS_MAX: usize = 32;

/// The word for the files as they are, where a commit could be named.
const WORKING_DIR: &str = "working-dir";

/// Why a connection ends.
enum End {
    Client,
    Stop,
    /// There is nothing left to compare; the client does not come back.
    Over(&'static str),
}

/// Runs the socket of a diff worker that was found.
pub(super) async fn run(app: &App, mut wire: Wire, session: SessionId, worker: WorkerId) {
    let end = match app.engine.view_diff(session, worker) {
        Ok((view, changes)) => {
            let mut looking = Looking::new(view, changes);
            let work = looking.follow(&mut wire);
            tokio::select! {
                biased;
                () = app.stop.cancelled() => End::Stop,
                () = deleted(app, session, worker) => End::Over("Session deleted"),
                ended = work => match ended {
                    Ok(never) => match never {},
                    Err(end) => end,
                },
            }
        }
        Err(err) => {
            let frame = DiffFrame::DiffError {
                error: err.to_string(),
            };
            let last = vec![Message::Text(encode(&frame).into())];
            return wire.close(last, close::NORMAL, "nothing to compare").await;
        }
    };
    match end {
        End::Client => {}
        End::Stop => {
            wire.close(Vec::new(), close::RESTART, "the server stops")
                .await;
        }
        End::Over(reason) => wire.close(Vec::new(), close::NORMAL, reason).await,
    }
}

/// Waits until the worker is no more.
async fn deleted(app: &App, session: SessionId, worker: WorkerId) {
    loop {
        let mut events = app.engine.subscribe().events;
        loop {
            let is_there = app
                .engine
                .session(session)
                .is_ok_and(|session| session.workers.iter().any(|found| found.id == worker));
            if !is_there {
                return;
            }
            match events.next().await {
                Ok(_) => {}
                Err(StreamEnd::Lagged(_)) => break,
                // The stop of the server is told by itself.
                Err(StreamEnd::Closed) => return pending().await,
            }
        }
    }
}

fn encode(frame: &DiffFrame) -> String {
    serde_json::to_string(frame).expect("wire types have string keys and finite numbers")
}

/// Which diff is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// One that differs from the last.
    IfChanged,
    /// One in answer to a request.
    Answer,
}

/// One client looking at one worker's changes.
struct Looking {
    view: DiffView,
    changes: DiffChanges,
    sides: Sides,
    /// What was compared before the client named another side, which may turn out to be nothing.
    sides_before: Option<Sides>,
    wanted: Option<Wanted>,
    told: Told,
    /// Answers that wait to be sent.
    answers: VecDeque<DiffFrame>,
    lines: VecDeque<LinesRequest>,
}

/// What is compared.
#[derive(Clone)]
struct Sides {
    base: String,
    target: String,
}

/// What the client shows.
enum Told {
    Nothing,
    Diff(Arc<GitDiff>),
    Error(String),
}

#[derive(Clone)]
struct LinesRequest {
    path: String,
    start_line: i64,
    end_line: i64,
    rev: String,
}

/// What is to be made.
enum Work {
    Diff(Sides, Wanted),
    Lines(LinesRequest),
}

/// What was made.
enum Made {
    Diff(Result<Arc<GitDiff>, EngineError>),
    Lines(Result<Vec<String>, EngineError>),
}

impl Looking {
    fn new(view: DiffView, changes: DiffChanges) -> Self {
        Self {
            sides: Sides {
                base: view.base().to_owned(),
                target: WORKING_DIR.to_owned(),
            },
            sides_before: None,
            view,
            changes,
            wanted: Some(Wanted::Answer),
            told: Told::Nothing,
            answers: VecDeque::new(),
            lines: VecDeque::new(),
        }
    }

    async fn follow(&mut self, wire: &mut Wire) -> Result<Infallible, End> {
        loop {
            if wire.is_free()
                && let Some(frame) = self.answers.pop_front()
            {
                wire.send_text(encode(&frame));
            }
            let reading = match self.answers.len() + self.lines.len() < REQUESTS_MAX {
                true => Reading::Yes,
                false => Reading::No,
            };
            // Nothing is made before the last frame has left, so that it is the newest then.
            let work = self.next_work().filter(|_| wire.is_free());
            let is_idle = work.is_none();
            tokio::select! {
                biased;
                io = wire.next(reading) => match io {
                    Io::Sent => {}
                    Io::Text(text) => self.on_request(text.as_bytes()),
                    Io::Binary(bytes) => self.on_request(&bytes),
                    Io::Ended => return Err(End::Client),
                },
                made = make(&self.view, work) => self.on_made(made)?,
                changed = self.changes.changed(), if is_idle => self.on_changed(changed)?,
            }
        }
    }

    /// Chooses what to make next. A request that comes meanwhile gives it up; it is chosen again.
    fn next_work(&mut self) -> Option<Work> {
        if let Some(request) = self.lines.front() {
            return Some(Work::Lines(request.clone()));
        }
        let wanted = self.wanted?;
        self.changes.seen();
        Some(Work::Diff(self.sides.clone(), wanted))
    }

    fn on_changed(&mut self, changed: Result<(), DiffViewEnd>) -> Result<(), End> {
        changed.map_err(|end| match end {
            DiffViewEnd::Gone => End::Over("The directory is gone"),
            DiffViewEnd::Closed => End::Stop,
        })?;
        self.wanted.get_or_insert(Wanted::IfChanged);
        Ok(())
    }

    fn on_request(&mut self, frame: &[u8]) {
        let request = match serde_json::from_slice(frame) {
            Ok(request) => request,
            Err(_) => {
                let error = complaint(frame).to_owned();
                self.told = Told::Nothing;
                return self.answers.push_back(DiffFrame::DiffError { error });
            }
        };
        match request {
            DiffRequest::Refresh => self.wanted = Some(Wanted::Answer),
            DiffRequest::SetBaseCommit { rev } => self.compare(Sides {
                base: rev,
                ..self.sides.clone()
            }),
            DiffRequest::SetTargetCommit { rev } => self.compare(Sides {
                target: rev,
                ..self.sides.clone()
            }),
            DiffRequest::GetFileLines {
                path,
                start_line,
                end_line,
                rev,
            } => self.lines.push_back(LinesRequest {
                path,
                start_line,
                end_line,
                rev,
            }),
        }
    }

    fn compare(&mut self, sides: Sides) {
        let before = std::mem::replace(&mut self.sides, sides);
        self.sides_before.get_or_insert(before);
        self.wanted = Some(Wanted::Answer);
    }

    fn on_made(&mut self, made: Made) -> Result<(), End> {
        match made {
            Made::Lines(lines) => self.on_lines(lines),
            Made::Diff(Ok(diff)) => {
                let wanted = self.wanted.take();
                self.sides_before = None;
                let is_known = matches!(&self.told, Told::Diff(told) if is_same(told, &diff));
                if wanted == Some(Wanted::Answer) || !is_known {
                    let data = Box::new(GitDiff::clone(&diff));
                    self.told = Told::Diff(diff);
                    self.answers.push_back(DiffFrame::DiffData { data });
                }
            }
            Made::Diff(Err(EngineError::PathNotFound(_))) => {
                return Err(End::Over("The directory is gone"));
            }
            Made::Diff(Err(err)) => self.on_failed(&err),
        }
        Ok(())
    }

    fn on_failed(&mut self, err: &EngineError) {
        let wanted = self.wanted.take();
        if let Some(before) = self.sides_before.take() {
            self.sides = before;
        }
        let error = err.to_string();
        let is_known = matches!(&self.told, Told::Error(told) if *told == error);
        if wanted == Some(Wanted::Answer) || !is_known {
            self.told = Told::Error(error.clone());
            self.answers.push_back(DiffFrame::DiffError { error });
        }
    }

    fn on_lines(&mut self, lines: Result<Vec<String>, EngineError>) {
        let Some(request) = self.lines.pop_front() else {
            return;
        };
        let frame = match lines {
            Ok(lines) => DiffFrame::FileLines {
                path: request.path,
                start_line: request.start_line,
                lines,
            },
            Err(err) => {
                // The client shows it in place of the diff.
                self.told = Told::Nothing;
                DiffFrame::DiffError {
                    error: err.to_string(),
                }
            }
        };
        self.answers.push_back(frame);
    }
}

/// Makes what is to be made; never ends without.
async fn make(view: &DiffView, work: Option<Work>) -> Made {
    match work {
        None => pending().await,
        Some(Work::Diff(sides, Wanted::Answer)) => {
            Made::Diff(view.fresh(&sides.base, &sides.target).await)
        }
        Some(Work::Diff(sides, Wanted::IfChanged)) => {
            Made::Diff(view.newest(&sides.base, &sides.target).await)
        }
        Some(Work::Lines(request)) => {
            let line = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX);
            let range = line(request.start_line)..=line(request.end_line);
            Made::Lines(view.lines(&request.path, range, &request.rev).await)
        }
    }
}

/// Whether a client that has one diff need not be told another.
fn is_same(told: &GitDiff, made: &GitDiff) -> bool {
    let made_then = GitDiffSummary {
        updated_at: told.summary.updated_at,
        ..made.summary.clone()
    };
    told.raw_diff == made.raw_diff && told.summary == made_then
}

/// Says what is wrong with a frame that is none of this dialect.
fn complaint(frame: &[u8]) -> &'static str {
    const KNOWN: [&str; 4] = [
        "refresh",
        "set-base-commit",
        "set-target-commit",
        "get-file-lines",
    ];
    let value: Option<serde_json::Value> = serde_json::from_slice(frame).ok();
    match value.as_ref().and_then(|value| value["type"].as_str()) {
        Some(word) if !KNOWN.contains(&word) => "Unknown message type",
        _ => "Invalid message format",
    }
}
