//! How output looks: colours where a person reads, aligned columns, ages in words.

use std::io::IsTerminal as _;

use jiff::Timestamp;
use offshoot_protocol::view::{ActivityState, Exit, Process, ProcessState, Session, Worker};
use unicode_width::UnicodeWidthStr as _;

/// Columns between two cells.
const GAP: usize = 2;

/// Whether and how to colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    coloured: bool,
}

/// The style of standard output.
pub(crate) fn stdout() -> Style {
    Style::of(std::io::stdout().is_terminal())
}

/// The style of standard error.
pub(crate) fn stderr() -> Style {
    Style::of(std::io::stderr().is_terminal())
}

impl Style {
    fn of(is_terminal: bool) -> Self {
        // https://no-color.org: present and not empty, whatever the value.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            coloured: is_terminal && !refused && !dumb,
        }
    }

    fn paint(self, sgr: &str, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            format!("\x1b[{sgr}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Something to read first.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Something to read last.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Something that goes well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something that wants a person.
    pub(crate) fn waiting(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    /// Something that went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn toned(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.good(text),
            Tone::Waiting => self.waiting(text),
            Tone::Bad => self.bad(text),
            Tone::Quiet => self.faint(text),
        }
    }
}

/// How urgent a state is. The order is that of a list: who needs a person comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// A person must answer.
    Waiting,
    /// Something went wrong.
    Bad,
    /// It runs.
    Good,
    /// Nothing happens.
    Quiet,
}

/// The state of a worker in words, with its tone.
pub(crate) fn worker_state(worker: &Worker) -> (String, Tone) {
    let Some(process) = &worker.process else {
        return (String::new(), Tone::Quiet);
    };
    let state = running_state(worker, process);
    if worker.undelivered.is_some() && state.1 != Tone::Waiting {
        return ("prompt not delivered".to_owned(), Tone::Waiting);
    }
    state
}

fn running_state(worker: &Worker, process: &Process) -> (String, Tone) {
    let activity = worker.activity.as_ref();
    match (process.state, activity) {
        (ProcessState::Running, Some(activity)) => {
            let (word, tone) = match activity.state {
                ActivityState::Starting => ("starting", Tone::Good),
                ActivityState::Working => ("working", Tone::Good),
                ActivityState::Waiting => ("waiting", Tone::Waiting),
                ActivityState::Idle => ("idle", Tone::Quiet),
                ActivityState::Stuck => ("stuck", Tone::Waiting),
                ActivityState::Limited => ("limited", Tone::Waiting),
                ActivityState::Errored => ("errored", Tone::Bad),
                ActivityState::Exited => ("exited", Tone::Quiet),
            };
            (word.to_owned(), tone)
        }
        _ => process_state(process),
    }
}

fn process_state(process: &Process) -> (String, Tone) {
    let (word, tone) = match process.state {
        ProcessState::Starting => ("starting", Tone::Good),
        ProcessState::Running => ("running", Tone::Good),
        ProcessState::Exited => return exited(process),
        ProcessState::FailedToStart => ("failed to start", Tone::Bad),
        ProcessState::Lost => ("lost", Tone::Bad),
        ProcessState::Unknown => ("unknown", Tone::Bad),
        ProcessState::Stopped => ("stopped", Tone::Quiet),
    };
    (word.to_owned(), tone)
}

fn exited(process: &Process) -> (String, Tone) {
    let Some(exit) = process.exit else {
        return ("exited".to_owned(), Tone::Quiet);
    };
    let clean = matches!(exit.code, Some(0) | None) && exit.signal.is_none();
    (
        exit_in_words(exit),
        if clean { Tone::Quiet } else { Tone::Bad },
    )
}

/// How a program ended, in words.
pub(crate) fn exit_in_words(exit: Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(0), _) | (None, None) => "exited".to_owned(),
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
    }
}

/// The state of a session: that of the worker who needs a person most.
pub(crate) fn session_state(session: &Session) -> (String, Tone) {
    if session.paused {
        return ("paused".to_owned(), Tone::Quiet);
    }
    if session.location_missing {
        return ("directory is gone".to_owned(), Tone::Bad);
    }
    let workers = session
        .workers
        .iter()
        .filter(|worker| worker.process.is_some());
    let most_urgent = workers.map(worker_state).min_by_key(|(_, tone)| *tone);
    most_urgent.unwrap_or_else(|| ("empty".to_owned(), Tone::Quiet))
}

/// How long ago something was, in one unit: `42s`, `5m`, `3h`, `12d`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    match seconds {
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m", seconds / 60),
        3600..=86_399 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Makes text from elsewhere safe to print: control characters could drive the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// One cell of a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A cell with a state's tone.
    pub(crate) fn toned((text, tone): (String, Tone)) -> Self {
        Self {
            text: printable(&text),
            tone: Some(tone),
        }
    }

    /// A cell to read last.
    pub(crate) fn faint(text: impl AsRef<str>) -> Self {
        Self::toned((text.as_ref().to_owned(), Tone::Quiet))
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: printable(text.as_ref()),
            tone: None,
        }
    }
}

/// Rows of cells, printed in aligned columns.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    /// The widest a column may be; longer text ends with an ellipsis. The last column is not cut.
    widest: usize,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            widest: 40,
        }
    }

    /// Adds a row; it has as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as text, without colours where the style has none.
    pub(crate) fn render(&self, style: Style) -> String {
        let columns = self.head.len();
        let mut widths: Vec<usize> = self.head.iter().map(|head| head.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width().min(self.widest));
            }
        }
        let mut text = String::new();
        for (column, head) in self.head.iter().enumerate() {
            let pad = if column + 1 == columns {
                0
            } else {
                widths[column] + GAP - head.width()
            };
            text += &style.faint(head);
            text += &" ".repeat(pad);
        }
        text.push('\n');
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let is_last = column + 1 == columns;
                let shown = if is_last {
                    cell.text.clone()
                } else {
                    cut(&cell.text, self.widest)
                };
                let pad = if is_last {
                    0
                } else {
                    widths[column] + GAP - shown.width()
                };
                line += &cell
                    .tone
                    .map_or(shown.clone(), |tone| style.toned(tone, &shown));
                line += &" ".repeat(pad);
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

fn cut(text: &str, widest: usize) -> String {
    if text.width() <= widest {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if cut.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) >= widest {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_also_with_wide_characters() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(vec![
            "日本".into(),
            Cell::toned(("waiting".into(), Tone::Waiting)),
        ]);
        table.row(vec!["x".repeat(50).into(), "ok".into()]);
        let plain = table.render(Style { coloured: false });
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[1], format!("日本{}waiting", " ".repeat(38)));
        assert_eq!(lines[2], format!("{}…  ok", "x".repeat(39)));
        let coloured = table.render(Style { coloured: true });
        assert!(coloured.contains("\x1b[1;33mwaiting\x1b[0m"));
    }

    #[test]
    fn text_from_elsewhere_cannot_drive_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}1m"), "a [2Jb 1m");
    }

    #[test]
    fn ages_have_one_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| age(Timestamp::from_second(1_000_000 - seconds).unwrap(), now);
        let ages = [-5, 59, 60, 7200, 200_000].map(ago);
        assert_eq!(ages, ["0s", "59s", "1m", "2h", "2d"]);
    }
}
