//! What an agent was seen to do: pieces of evidence, and the last of them for whoever asks why.

use std::collections::VecDeque;
use std::time::Duration;

use crate::definitions::{Says, WaitKind};

/// Moments since the worker's process began to be watched.
pub type Moment = Duration;

/// So many pieces are kept.
pub const KEPT: usize = 50;

/// A longer text is cut here, in characters.
const TEXT_CHARS: usize = 200;

/// Where a piece of evidence comes from, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The end of the process.
    Process,
    /// The agent's own report (OSC 7501).
    Protocol,
    /// A hook that says that a person is waited for.
    PermissionHook,
    /// A dialog on the screen.
    Blocker,
    /// A hook about the turn.
    TurnHook,
    /// The window title.
    Title,
    /// The progress of a task (OSC 9;4).
    Progress,
    /// Anything else on the screen.
    Screen,
    /// How often output comes.
    OutputRate,
    /// Keys that were typed.
    Input,
    /// Nothing for too long.
    Silence,
}

impl Source {
    /// Returns its name in explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Protocol => "protocol",
            Self::PermissionHook => "permission-hook",
            Self::Blocker => "blocker",
            Self::TurnHook => "turn-hook",
            Self::Title => "title",
            Self::Progress => "progress",
            Self::Screen => "screen",
            Self::OutputRate => "output-rate",
            Self::Input => "input",
            Self::Silence => "silence",
        }
    }
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When it came.
    pub at: Moment,
    /// Where from.
    pub source: Source,
    /// What it says.
    pub says: Says,
    /// What the agent waits for, where it says so.
    pub kind: Option<WaitKind>,
    /// The rule that reads it so.
    pub rule: String,
    /// The part of the screen it was found in.
    pub region: Option<String>,
    /// What was found, cut when long.
    pub text: String,
    /// Whether the verdict follows it.
    pub counted: bool,
}

/// What one source says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// Since when it says so.
    pub(super) at: Moment,
    pub(super) source: Source,
    pub(super) says: Says,
    pub(super) kind: Option<WaitKind>,
    pub(super) rule: String,
    pub(super) region: Option<String>,
    pub(super) text: String,
}

impl Claim {
    pub(super) fn new(at: Moment, source: Source, says: Says, rule: &str) -> Self {
        Self {
            at,
            source,
            says,
            kind: None,
            rule: rule.to_owned(),
            region: None,
            text: String::new(),
        }
    }

    pub(super) fn kind(mut self, kind: Option<WaitKind>) -> Self {
        self.kind = kind;
        self
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.text = bounded(text);
        self
    }

    /// Tells whether both say the same, apart from when.
    pub(super) fn same(&self, other: &Self) -> bool {
        (self.says, self.kind, &self.rule, &self.text)
            == (other.says, other.kind, &other.rule, &other.text)
    }
}

/// Cuts a text to what is kept of one.
pub(super) fn bounded(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The newest pieces of evidence.
#[derive(Debug, Default)]
pub(super) struct Log {
    all: VecDeque<Evidence>,
}

impl Log {
    pub(super) fn note(&mut self, claim: &Claim) {
        if self.all.len() == KEPT {
            self.all.pop_front();
        }
        self.all.push_back(Evidence {
            at: claim.at,
            source: claim.source,
            says: claim.says,
            kind: claim.kind,
            rule: claim.rule.clone(),
            region: claim.region.clone(),
            text: claim.text.clone(),
            counted: false,
        });
    }

    /// Marks the newest piece of a rule as the one the verdict follows.
    pub(super) fn count(&mut self, source: Source, rule: &str) {
        let newest = self.all.iter_mut().rev();
        if let Some(piece) = newest
            .into_iter()
            .find(|piece| piece.source == source && piece.rule == rule)
        {
            piece.counted = true;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Evidence> {
        self.all.iter()
    }
}
