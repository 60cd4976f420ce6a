//! Recorded output in forms for other programs: asciicast, text, a page, events.
//!
//! ```text
//!  log files ──► Recording (facts in a range of time) ──► Writer (one form) ──► pieces of the answer
//! ```
//! An [`Export`] is pulled: it reads the next piece when asked for it, so a client that stalls costs
//! nothing and one that leaves ends it. Pieces are made by blocking reads, to be asked for off the
//! async threads. Memory holds one piece, one record and one screen, however long the log. Works on
//! the files alone: workers that run, ended or wait in a paused session are the same here.

mod asciicast;
mod events;
mod html;
mod lines;
mod looks;
mod range;
mod recording;
mod text;

use std::collections::VecDeque;
use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;
use offshoot_protocol::rest::{ExportFormat, ExportQuery};
use offshoot_protocol::view::{Session, Worker, WorkerKind};
use offshoot_protocol::{SessionId, TerminalSize};

use self::range::Range;
use self::recording::{Fact, Recording};
use crate::{Engine, EngineError};

/// A piece of an export has about this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Lines that a screen keeps until they are written. Output is fed in slices too small to make more.
const SCREEN_LINES: usize = 20_000;

/// Longest name of an exported file without its ending, in characters.
const FILE_NAME_CHARS: usize = 60;

/// An export broke off: the log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("export: {0}")]
pub struct ExportError(#[from] offshoot_shim::log::ReadError);

/// One form of exports. Everything is appended to the piece under construction.
trait Writer: Send {
    /// A worker's recording begins.
    fn begin(&mut self, source: &Source, recording: &mut Recording, out: &mut Vec<u8>);
    /// Something happened.
    fn fact(&mut self, recording: &mut Recording, fact: Fact, out: &mut Vec<u8>);
    /// The recording ended.
    fn end(&mut self, recording: &mut Recording, out: &mut Vec<u8>);
    /// All recordings ended.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// A worker to export.
struct Source {
    worker: Worker,
    dir: PathBuf,
    size: TerminalSize,
    /// The session's name with that of the worker.
    title: String,
}

/// An export under way: its pieces, in order. Reading blocks.
pub struct Export {
    file_name: String,
    media_type: &'static str,
    range: Range,
    sources: VecDeque<Source>,
    recording: Option<Recording>,
    writer: Box<dyn Writer>,
    finished: bool,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export")
            .field("file_name", &self.file_name)
            .finish_non_exhaustive()
    }
}

impl Export {
    /// Returns a name for the file: ASCII letters, digits, dots, dashes and underscores.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// Does one step; its outcome is appended to `out`.
    fn step(&mut self, out: &mut Vec<u8>) -> Result<(), ExportError> {
        match &mut self.recording {
            Some(recording) => match recording.next()? {
                Some(fact) => self.writer.fact(recording, fact, out),
                None => {
                    self.writer.end(recording, out);
                    self.recording = None;
                }
            },
            None => match self.sources.pop_front() {
                Some(source) => {
                    let mut recording = Recording::open(&source.dir, source.size, self.range)?;
                    self.writer.begin(&source, &mut recording, out);
                    self.recording = Some(recording);
                }
                None => {
                    self.writer.finish(out);
                    self.finished = true;
                }
            },
        }
        Ok(())
    }
}

impl Iterator for Export {
    type Item = Result<Bytes, ExportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut piece = Vec::new();
        while !self.finished && piece.len() < PIECE_BYTES {
            if let Err(err) = self.step(&mut piece) {
                self.finished = true;
                return Some(Err(err));
            }
        }
        (!piece.is_empty()).then(|| Ok(piece.into()))
    }
}

impl Engine {
    /// Prepares the export of a session's recorded output.
    ///
    /// # Errors
    /// There is no such session or worker, the worker has no output by its kind, or a time is none.
    pub fn export(&self, id: SessionId, query: &ExportQuery) -> Result<Export, EngineError> {
        let now = Timestamp::now();
        let range = Range::parse(query.from.as_deref(), query.to.as_deref(), now)?;
        let session = self.session(id)?;
        let workers = chosen(&session, query)?;
        let label = self.state().session(id)?.label();
        let path = std::path::Path::new(&label);
        let last = path.file_name().filter(|_| path.is_absolute());
        let mut name = last.map_or(label.clone(), |name| name.to_string_lossy().into_owned());
        if let (ExportFormat::Asciicast | ExportFormat::Text | ExportFormat::Html, [worker]) =
            (query.format, workers.as_slice())
        {
            name = format!("{name} {}", worker.name);
        }
        let (ending, media_type) = match query.format {
            ExportFormat::Asciicast => ("cast", "application/x-asciicast"),
            ExportFormat::Text => ("txt", "text/plain; charset=utf-8"),
            ExportFormat::Html => ("html", "text/html; charset=utf-8"),
            ExportFormat::Json => ("json", "application/json"),
        };
        let writer: Box<dyn Writer> = match query.format {
            ExportFormat::Asciicast => Box::new(asciicast::Asciicast::default()),
            ExportFormat::Text => Box::new(lines::LineWriter::new(text::Text)),
            ExportFormat::Html => Box::new(lines::LineWriter::new(html::Html)),
            ExportFormat::Json => Box::new(events::Events::new(session.clone(), now)),
        };
        let source = |worker: Worker| Source {
            dir: self.inner.home.worker(worker.id),
            size: worker
                .process
                .as_ref()
                .map_or(TerminalSize { cols: 80, rows: 24 }, |process| process.size),
            title: format!("{label} / {}", worker.name),
            worker,
        };
        Ok(Export {
            file_name: format!("{}.{ending}", safe_name(&name)),
            media_type,
            range,
            sources: workers.into_iter().map(source).collect(),
            recording: None,
            writer,
            finished: false,
        })
    }
}

/// Returns the workers to export.
fn chosen(session: &Session, query: &ExportQuery) -> Result<Vec<Worker>, EngineError> {
    let of = |kind| move |worker: &&Worker| worker.kind == kind;
    let workers = || session.workers.iter();
    if let Some(id) = query.worker {
        let found = workers().find(|worker| worker.id == id);
        let worker = found.ok_or(EngineError::WorkerNotFound(id))?;
        if worker.kind == WorkerKind::GitDiff {
            let message = "A view of changes has no output to export".to_owned();
            return Err(EngineError::WrongState(message));
        }
        return Ok(vec![worker.clone()]);
    }
    if query.format == ExportFormat::Json {
        let recorded = workers().filter(|worker| worker.kind != WorkerKind::GitDiff);
        return Ok(recorded.cloned().collect());
    }
    let first = workers()
        .find(of(WorkerKind::Agent))
        .or_else(|| workers().find(of(WorkerKind::Terminal)));
    let message = "The session has no worker with output to export".to_owned();
    let first = first.ok_or(EngineError::WrongState(message))?;
    Ok(vec![first.clone()])
}

/// Makes a file name that no system and no header minds.
fn safe_name(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars() {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        match kept {
            true => safe.push(c),
            false if !safe.is_empty() && !safe.ends_with('-') => safe.push('-'),
            false => {}
        }
    }
    let mut safe = safe.trim_matches(['-', '.']).to_owned();
    safe.truncate(FILE_NAME_CHARS);
    match safe.trim_end_matches(['-', '.']) {
        "" => "session".to_owned(),
        name => name.to_owned(),
    }
}

/// Writes milliseconds since 1970 as people and programs read times.
fn iso(ms: u64) -> String {
    let time = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", time.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// How a program ended, in words.
fn exit_words(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("the program exited with {code}"),
        (None, Some(signal)) => format!("the program was ended by signal {signal}"),
        (None, None) => "the program ended".to_owned(),
    }
}

/// What a fact that is no output is called in forms for people; `None` where nothing is said.
fn remark(what: &recording::What) -> Option<String> {
    use recording::What;
    match what {
        What::Exit { code, signal } => Some(exit_words(*code, *signal)),
        What::Gap(bytes) => Some(format!("{bytes} bytes of output are missing here")),
        What::Trimmed(bytes) => Some(format!("the oldest {bytes} bytes are no longer kept")),
        What::Replaced => Some("the worker was started anew meanwhile".to_owned()),
        What::Output(_) | What::Resize(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_hold_nothing_that_means_something_elsewhere() {
        for (name, safe) in [
            ("feature/x Claude Code", "feature-x-Claude-Code"),
            ("../../etc/passwd", "etc-passwd"),
            ("a\"; filename=\"b\r\nX: y", "a-filename-b-X-y"),
            ("日本", "session"),
            ("", "session"),
            ("...", "session"),
        ] {
            assert_eq!(safe_name(name), safe);
        }
        assert_eq!(safe_name(&"é-".repeat(100)), "session");
        assert_eq!(safe_name(&"x".repeat(100)).len(), FILE_NAME_CHARS);
    }
}
