//! What a program says about itself, and what it is answered.
//!
//! Strings here come from an untrusted program: they are valid UTF-8, free of control and
//! direction-changing characters, and cut to a stated length.

use std::collections::VecDeque;

/// The most events kept until `Screen::take_events`; a program that says more loses the
/// oldest ones.
const MAX_EVENTS: usize = 256;

/// The most replies kept until `Screen::take_replies`; a program that asks more without
/// anyone delivering answers gets none for the rest.
const MAX_REPLIES: usize = 256;

/// A fact a program stated through an escape sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The window title changed (OSC 0, 2); empty when taken back.
    Title(String),
    /// The working directory as a path (OSC 7, OSC 9;9), percent-decoded.
    Cwd(String),
    /// A notification for the person (OSC 9, 99, 777).
    Notification {
        /// Empty when the sequence has none.
        title: String,
        /// The text.
        body: String,
    },
    /// Progress of a long task (OSC 9;4).
    Progress {
        /// What kind of progress.
        state: ProgressState,
        /// 0 to 100; 0 when the sequence has none.
        percent: u8,
    },
    /// A shell marked where it is (OSC 133).
    PromptMark(PromptMark),
    /// An agent reported what it does (OSC 7501).
    ProgramStatus {
        /// What it does.
        state: ProgramState,
        /// What it waits for: `permission`, `question`, `auth` or empty.
        kind: String,
        /// The program's name, or empty.
        app: String,
        /// A sentence for the person, decoded, or empty.
        message: String,
        /// Which of several activities reports, or empty.
        id: String,
    },
    /// BEL outside of any sequence.
    Bell,
}

/// The state of a progress bar (OSC 9;4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressState {
    /// No progress is shown any more.
    None,
    /// A known share is done.
    Normal,
    /// The task failed.
    Error,
    /// Something goes on, no share known.
    Indeterminate,
    /// The task pauses.
    Paused,
}

/// Where a shell is between prompts (OSC 133).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptMark {
    /// `A`: a prompt begins.
    PromptStart,
    /// `B`: the prompt ends, the command line begins.
    CommandStart,
    /// `C`: the command runs, its output begins.
    OutputStart,
    /// `D`: the command ended.
    CommandEnd {
        /// Its exit status, when told.
        exit: Option<i32>,
    },
}

/// The state an agent reports (OSC 7501).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramState {
    /// Ready for input.
    Idle,
    /// Busy.
    Working,
    /// Finished what it was asked.
    Done,
    /// Waits for a person.
    Blocked,
    /// Failed.
    Error,
    /// Takes its earlier reports back.
    Clear,
}

/// An answer to a question of the program, to be written to its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Bytes fed in total up to the end of the question.
    pub at: u64,
    /// The answer.
    pub bytes: Vec<u8>,
}

/// Events and replies until they are taken.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    events: VecDeque<Event>,
    replies: Vec<Reply>,
}

impl Outbox {
    /// Keeps an event; of a full box the oldest is lost. A bell after a bell says nothing new.
    pub(crate) fn event(&mut self, event: Event) {
        if event == Event::Bell && self.events.back() == Some(&Event::Bell) {
            return;
        }
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Keeps a reply, unless the box is full.
    pub(crate) fn reply(&mut self, at: u64, bytes: impl Into<Vec<u8>>) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push(Reply {
                at,
                bytes: bytes.into(),
            });
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events).into()
    }

    pub(crate) fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }
}
