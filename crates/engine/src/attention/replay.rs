//! Recordings judged with today's rules, in their own time.
//!
//! Owns reading asciicasts (v2 and v3) and the clock between their events. What a recording holds
//! is told to [`Attention`] exactly as a worker's task tells it what happens: timers between the
//! events included, without waiting for any.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::view::ActivityState;
use offshoot_vt::{Options, Screen, Size};
use serde_json::Value;

use super::{Attention, Evidence, Moment, Process, Rules, Verdict};

/// Time goes on for so long after the last event, so that what it led to is told.
const TAIL: Duration = Duration::from_secs(5);

/// No recording is longer; the numbers are a stranger's.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A recorded terminal larger than this is cut: the numbers are a stranger's.
const CELLS_MAX: u16 = 1000;

/// Why a recording cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is no asciicast.
    #[error("this is no asciicast of version 2 or 3: {0}")]
    Header(String),
    /// A line of it is broken.
    #[error("line {0} is no event of an asciicast")]
    Line(usize),
}

/// A change of state.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When, in the recording's time.
    pub at: Moment,
    /// What we think from then on.
    pub verdict: Verdict,
}

/// An event: when in seconds, what, and its data.
#[derive(serde::Deserialize)]
struct Line<'a>(
    f64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
);

/// A recording with its place in time.
pub struct Replay<'a> {
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    relative: bool,
    clock: Moment,
    screen: Screen,
    attention: Attention,
    /// The program has set a title and asked for pastes in brackets, as agents do.
    greeted: bool,
    ended: bool,
    told: Option<ActivityState>,
    changes: Vec<Change>,
}

impl<'a> Replay<'a> {
    /// Reads the head of a recording.
    ///
    /// # Errors
    /// It is no asciicast of a known version.
    pub fn new(text: &'a str, rules: Arc<Rules>) -> Result<Self, ReplayError> {
        let mut lines = text.lines().enumerate();
        let first = lines.next().map(|(_, line)| line).unwrap_or_default();
        let head: Value =
            serde_json::from_str(first).map_err(|err| ReplayError::Header(err.to_string()))?;
        let (relative, size) = match head["version"].as_u64() {
            Some(2) => (false, [&head["width"], &head["height"]]),
            Some(3) => (true, [&head["term"]["cols"], &head["term"]["rows"]]),
            _ => return Err(ReplayError::Header("it says no version".to_owned())),
        };
        let number = |value: &Value, other: u16| {
            let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
            number.unwrap_or(other).clamp(1, CELLS_MAX)
        };
        let size = Size {
            cols: number(size[0], 80),
            rows: number(size[1], 24),
        };
        let options = Options {
            scrollback_lines: 100,
            ..Options::default()
        };
        Ok(Self {
            lines,
            relative,
            clock: Moment::ZERO,
            screen: Screen::new(size, options),
            attention: Attention::new(rules, Moment::ZERO),
            greeted: false,
            ended: false,
            told: None,
            changes: Vec::new(),
        })
    }

    /// Plays all of it and returns the changes of state, oldest first. The state at the beginning
    /// is the first.
    ///
    /// # Errors
    /// A line is no event.
    pub fn run(&mut self) -> Result<Vec<Change>, ReplayError> {
        self.tell(Moment::ZERO);
        while let Some((number, line)) = self.lines.next() {
            let line = line.trim();
            // Version 3 has comments, and a recorder that was killed leaves half a line.
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match serde_json::from_str::<Line<'_>>(line) {
                Ok(event) => self.play(number, event)?,
                Err(err) if err.is_eof() && self.lines.clone().next().is_none() => break,
                Err(_) => return Err(ReplayError::Line(number + 1)),
            }
        }
        if self.is_gone() {
            self.end(self.clock);
        }
        self.pass(self.clock + TAIL);
        Ok(std::mem::take(&mut self.changes))
    }

    /// Returns the last pieces of evidence.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.attention.evidence()
    }

    fn play(&mut self, number: usize, event: Line<'_>) -> Result<(), ReplayError> {
        let Line(seconds, kind, data) = event;
        if seconds.is_nan() || seconds < 0.0 {
            return Err(ReplayError::Line(number + 1));
        }
        let time = Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()));
        let at = if self.relative {
            self.clock.saturating_add(time)
        } else {
            time.max(self.clock)
        }
        .min(LONGEST);
        self.pass(at);
        self.clock = at;
        match kind.as_ref() {
            "o" => self.output(at, data.as_bytes()),
            "i" => self.attention.on_input(at, data.as_bytes()),
            "r" => self.resize(at, &data),
            "x" => self.end(at),
            _ => {}
        }
        self.tell(at);
        Ok(())
    }

    fn output(&mut self, at: Moment, bytes: &[u8]) {
        self.screen.feed(bytes);
        self.screen.take_replies();
        for event in self.screen.take_events() {
            self.attention.on_event(at, &event);
            self.tell(at);
        }
        let modes = self.screen.modes();
        self.greeted |= modes.bracketed_paste && !self.screen.title().is_empty();
        self.attention.on_output(at, bytes.len());
    }

    fn end(&mut self, at: Moment) {
        self.ended = true;
        let process = Process {
            alive: false,
            cpu: None,
        };
        self.attention.on_process(at, process);
        self.tell(at);
    }

    /// Tells whether an agent has ended when its recording has: version 2 does not say it. Before
    /// they go, agents take back their title and what they asked of the terminal.
    fn is_gone(&self) -> bool {
        let has_left = self.screen.title().is_empty() && !self.screen.modes().bracketed_paste;
        !self.ended && self.greeted && has_left && self.attention.is_of_described()
    }

    fn resize(&mut self, at: Moment, size: &str) {
        let Some((cols, rows)) = size.split_once('x') else {
            return;
        };
        if let (Ok(cols), Ok(rows)) = (cols.parse::<u16>(), rows.parse::<u16>()) {
            self.screen.resize(Size {
                cols: cols.clamp(1, CELLS_MAX),
                rows: rows.clamp(1, CELLS_MAX),
            });
            self.attention.on_resize(at);
        }
    }

    /// Lets timers fire up to a moment.
    fn pass(&mut self, to: Moment) {
        loop {
            let look = self.attention.screen_due();
            let timer = self.attention.deadline();
            let next = [look, timer].into_iter().flatten().min();
            let Some(at) = next.map(|at| at.max(self.clock)).filter(|at| *at < to) else {
                return;
            };
            self.clock = at;
            if look.is_some_and(|look| look <= at) {
                let rows = self.screen.rows();
                let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
                self.attention.on_screen(at, &rows, self.screen.cursor());
            } else {
                self.attention.on_tick(at);
            }
            self.tell(at);
        }
    }

    fn tell(&mut self, at: Moment) {
        let verdict = self.attention.verdict();
        if self.told.replace(verdict.state) != Some(verdict.state) {
            self.changes.push(Change {
                at,
                verdict: verdict.clone(),
            });
        }
    }
}
