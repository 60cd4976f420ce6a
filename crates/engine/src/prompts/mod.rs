//! Prompts: texts that reach an agent exactly once, with a receipt.
//!
//! ```text
//!            ready, nobody types        it shows it       acknowledged       its turn began
//!  queued ────────────────────► typing ─────────► Enter ─────────────► typed ─────────────► accepted
//!    │ changed, removed            │                ▲                    │ the text still stands there
//!    └─ waits, and says why        │                └────────────────────┤ (four times at the most)
//!                                  └─ the process ends ──► failed ◄──────┘ nothing shows that it began
//! ```
//! Owns when a prompt may be typed ([`obstacle`]) and whether it was taken ([`judge`]); the worker's
//! task (`worker::prompting`) does the typing. Each number is in the database before the shim is
//! given it, so that after a death of the server the shim tells how far it came. What may have been
//! typed is never typed again: Enter alone is, and only while the text is seen to stand there.
//!
//! Pure: no clock, no I/O. It knows no agent by name; what is special about one is in [`Typing`].

pub(crate) mod commands;
pub(crate) mod composer;
pub(crate) mod draft;

use std::time::Duration;

use offshoot_protocol::prompt::NOT_RUNNING;
use offshoot_protocol::view::ActivityState;
use regex::Regex;

use crate::definitions::{Definition, Frame};

use self::composer::{Composer, Sight};

/// How an agent wants to be typed to.
#[derive(Debug)]
pub(crate) struct Typing {
    /// Mark pastes where the terminal has that mode on.
    pub(crate) paste: bool,
    /// Pause between the text and Enter: agents take a quick Enter for a part of the paste.
    pub(crate) enter_delay: Duration,
    /// The key that sends the text.
    pub(crate) enter: String,
    /// It shows by its state that a turn begins; mere output proves nothing.
    pub(crate) shows_turns: bool,
    /// It reports its status by the terminal as soon as it takes prompts; what is typed before is lost.
    pub(crate) tells_status: bool,
    /// The event by which it tells that it has begun.
    pub(crate) begins: Option<String>,
    /// Texts in its input line that nobody wrote.
    pub(crate) hints: Vec<Regex>,
    /// What its input line is drawn in, where no arrow marks it.
    pub(crate) frame: Option<Frame>,
    /// The key that empties a line of it; empty when there is none.
    pub(crate) clear: String,
}

impl Typing {
    /// Reads what a definition says of it.
    pub(crate) fn of(definition: &Definition) -> Self {
        let typing = &definition.typing;
        let hints = typing.placeholders.iter();
        Self {
            paste: typing.paste,
            enter_delay: Duration::from_millis(typing.enter_delay_ms),
            enter: typing.enter.clone(),
            shows_turns: typing.ready.protocol.is_some() || typing.ready.title.is_some(),
            tells_status: typing.ready.protocol.is_some(),
            begins: typing.ready.hook.clone(),
            // The linter tells of those that are no patterns.
            hints: hints.filter_map(|hint| Regex::new(hint).ok()).collect(),
            frame: typing.frame.clone(),
            clear: typing.clear.clone(),
        }
    }
}

/// After a key press nobody is in the middle of a line once this has passed and the line is empty.
const TYPING: Duration = Duration::from_millis(1500);

/// A program draws its input line within this; one that shows none by then has none.
const FIRST_LINE: Duration = Duration::from_secs(2);

/// A program that has printed nothing for so long since its start will not.
const SILENT: Duration = Duration::from_secs(3);

/// Output that has rested for so long is a finished picture.
pub(crate) const SETTLED: Duration = Duration::from_millis(250);

/// The same for a program that draws its conversation anew when it begins, and its first prompt: what
/// is typed into that is lost.
const FRESH: Duration = Duration::from_secs(1);

/// A program that never rests is typed to all the same, so long after its start.
const RESTLESS: Duration = Duration::from_secs(5);

/// A program that shows an input line for so long has begun, even if it does not tell.
const UNTOLD: Duration = Duration::from_secs(5);

/// The same for one whose input line is not recognised either.
const UNTOLD_MAX: Duration = Duration::from_secs(30);

/// What is known before a prompt is typed.
#[derive(Debug, Clone)]
pub(crate) struct Outlook<'a> {
    pub(crate) activity: ActivityState,
    pub(crate) sight: &'a Sight,
    /// Since the process was started or taken over.
    pub(crate) alive_for: Duration,
    /// Since the last output; none when there was none.
    pub(crate) quiet_for: Option<Duration>,
    /// Since it has shown an input line, while it has not told that it has begun; none when it has, or
    /// tells no such thing.
    pub(crate) untold_for: Option<Duration>,
    /// It tells by a hook that it begins, and has taken no prompt since.
    pub(crate) is_fresh: bool,
    /// Since somebody pressed a key.
    pub(crate) typed_ago: Option<Duration>,
    /// Somebody typed and did not send it.
    pub(crate) draft: bool,
}

/// Returns why a prompt must not be typed now, in words; none when it may.
pub(crate) fn obstacle(outlook: &Outlook<'_>) -> Option<&'static str> {
    if let Some(why) = activity_obstacle(outlook.activity) {
        return Some(why);
    }
    if outlook.typed_ago.is_some_and(|ago| ago < TYPING) {
        return Some("somebody is typing");
    }
    match outlook.sight.composer() {
        Composer::Holds { .. } => {
            return Some("a text stands in its input line; send it or clear it");
        }
        Composer::Unknown if outlook.draft => {
            return Some("a line is half typed; send it or clear it");
        }
        Composer::Unknown if outlook.alive_for < FIRST_LINE => return Some(STARTS),
        Composer::Unknown | Composer::Empty => {}
    }
    let is_untold = outlook.untold_for.is_some_and(|long| long < UNTOLD);
    if is_untold && outlook.alive_for < UNTOLD_MAX {
        return Some(STARTS);
    }
    match outlook.quiet_for {
        None if outlook.alive_for < SILENT => Some(STARTS),
        Some(quiet) if outlook.is_fresh && quiet < FRESH => {
            (outlook.alive_for < UNTOLD_MAX).then_some(STARTS)
        }
        Some(quiet) if quiet < SETTLED && outlook.alive_for < RESTLESS => Some(STARTS),
        _ => None,
    }
}

const STARTS: &str = "it starts";

/// Returns why an agent in this state is not typed to.
pub(crate) fn activity_obstacle(activity: ActivityState) -> Option<&'static str> {
    match activity {
        // One that failed sits at its input line again.
        ActivityState::Idle | ActivityState::Errored => None,
        ActivityState::Starting => Some(STARTS),
        ActivityState::Working => Some("it works"),
        ActivityState::Waiting => Some("it waits for an answer"),
        ActivityState::Stuck => Some("it seems stuck"),
        ActivityState::Limited => Some("a limit stops it"),
        ActivityState::Exited => Some(NOT_RUNNING),
    }
}

/// What is known after Enter was pressed.
#[derive(Debug, Clone)]
pub(crate) struct Evidence<'a> {
    pub(crate) text: &'a str,
    pub(crate) sight: &'a Sight,
    /// The input line held the text before Enter.
    pub(crate) stood: bool,
    /// What people have typed since the text was; none when they did not.
    pub(crate) keys: Option<Keys>,
    /// The agent's own hook has told the text.
    pub(crate) hooked: bool,
    /// This program has shown an input line before.
    pub(crate) has_line: bool,
    /// Since the text was first not seen to stand there, look after look.
    pub(crate) gone_for: Duration,
    /// It has begun to work, or to wait for an answer, since Enter.
    pub(crate) worked: bool,
    /// It has printed something since Enter.
    pub(crate) printed: bool,
    /// Since the first Enter was acknowledged.
    pub(crate) since: Duration,
    /// Since the last one was.
    pub(crate) since_last: Duration,
    /// How often Enter was pressed.
    pub(crate) enters: u64,
    /// See [`Typing::shows_turns`].
    pub(crate) shows_turns: bool,
}

/// What people have typed since a prompt was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Characters that were not sent, as far as is known.
    pub(crate) n_chars: usize,
    /// The last one is so new that the screen may not show it yet.
    pub(crate) fresh: bool,
}

/// Why a prompt is given up that shares its line with a text of somebody else.
pub(crate) const TYPED_INTO: &str =
    "somebody typed into it; send what stands in its input line, or clear it";

/// What became of a typed prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Its turn has begun; the words say what showed it.
    Began(&'static str),
    /// The text still stands there: Enter is pressed again.
    PressAgain,
    /// It is given up.
    Failed(&'static str),
    /// Nothing is known yet.
    LookAgain,
}

/// Enter is pressed again after so long; a living agent has drawn by then.
const PRESS_AGAIN: Duration = Duration::from_millis(1200);

/// How often Enter is pressed at the most.
const ENTERS_MAX: u64 = 4;

/// An agent that shows nothing for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(10);

/// A text that is gone from its place for so long is not only missing in a picture half drawn.
const GONE: Duration = Duration::from_millis(400);

/// The same for a program whose input line is gone as a whole.
const LINE_GONE: Duration = Duration::from_secs(5);

/// Tells whether a prompt stands where text is typed, alone or with what people typed behind it.
pub(crate) fn stands(sight: &Sight, text: &str, keys: Option<Keys>) -> bool {
    sight.holds(text) || keys.is_some_and(|keys| sight.holds_before(text, keys.n_chars))
}

/// Judges whether a turn has begun.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Finding {
    if evidence.hooked {
        return Finding::Began("its hook told so");
    }
    if stands(evidence.sight, evidence.text, evidence.keys) {
        return standing(evidence);
    }
    if evidence.worked {
        return Finding::Began("it began to work");
    }
    match evidence.sight.composer() {
        Composer::Unknown => {
            let long = if evidence.has_line { LINE_GONE } else { GONE };
            let gone = evidence.gone_for >= long;
            if evidence.printed && gone && !evidence.shows_turns {
                return Finding::Began("it answered with output");
            }
        }
        Composer::Empty | Composer::Holds { .. } => {
            if evidence.sight.shows_elsewhere(evidence.text) {
                return Finding::Began("it shows the text in its conversation");
            }
            if evidence.stood && evidence.gone_for >= GONE {
                return Finding::Began("it emptied its input line");
            }
        }
    }
    if evidence.since_last >= GIVE_UP {
        return Finding::Failed("Enter was pressed, and nothing shows that its turn has begun");
    }
    Finding::LookAgain
}

/// The text still stands in the input line.
fn standing(evidence: &Evidence<'_>) -> Finding {
    if evidence.worked && evidence.since >= GIVE_UP {
        return Finding::Began("it works");
    }
    if evidence.worked || evidence.since_last < PRESS_AGAIN {
        return Finding::LookAgain;
    }
    if let Some(keys) = evidence.keys {
        // Enter would send what somebody has not sent.
        if keys.fresh {
            return Finding::LookAgain;
        }
        if !evidence.sight.holds_only(evidence.text) {
            return Finding::Failed(TYPED_INTO);
        }
    }
    if evidence.enters < ENTERS_MAX {
        return Finding::PressAgain;
    }
    if evidence.since_last < GIVE_UP {
        return Finding::LookAgain;
    }
    Finding::Failed("the text stands in its input line, and Enter does not send it")
}

/// The text as it is typed: keys and escape sequences are no part of a prompt.
pub(crate) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let keeps = |c: &char| matches!(c, '\n' | '\t') || !c.is_control();
    let text: String = text.chars().filter(keeps).collect();
    text.trim_end_matches('\n').to_owned()
}

/// The bytes of a text, marked as a paste or not.
pub(crate) fn paste_bytes(text: &str, bracketed: bool) -> Vec<u8> {
    if bracketed {
        format!("\x1b[200~{text}\x1b[201~").into_bytes()
    } else {
        text.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests;
