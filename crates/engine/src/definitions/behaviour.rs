//! How an agent is typed to and answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Region, WaitKind};

/// How text gets into an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Typing {
    /// Text goes in as a bracketed paste, in one write.
    pub paste: bool,
    /// How long it is left alone between the text and Enter, in milliseconds.
    pub enter_delay_ms: u64,
    /// The key that sends the text.
    pub enter: String,
    /// Clears one line of the composer; empty when nothing does.
    pub clear: String,
    /// What tells that a prompt would be taken.
    pub ready: Ready,
    /// What a prompt does that comes while it works.
    pub busy: Busy,
    /// Finds the composer's text in its group `draft`, to tell whether a person has begun to write.
    pub composer: String,
    /// What the composer is drawn in, where no arrow marks its text.
    pub frame: Option<Frame>,
    /// Texts of the composer that nobody wrote.
    pub placeholders: Vec<String>,
    /// The keys that interrupt a turn, each in a write of its own.
    pub interrupt: Vec<String>,
    /// How often `interrupt` may have to be sent.
    pub interrupts: u8,
    /// What is typed to end it.
    pub exit: String,
}

/// The recipe that no agent of those measured has damaged: paste, a pause, Enter.
impl Default for Typing {
    fn default() -> Self {
        Self {
            paste: true,
            enter_delay_ms: 300,
            enter: "\r".to_owned(),
            clear: String::new(),
            ready: Ready::default(),
            busy: Busy::default(),
            composer: String::new(),
            frame: None,
            placeholders: Vec::new(),
            interrupt: vec!["\u{1b}".to_owned()],
            interrupts: 1,
            exit: String::new(),
        }
    }
}

/// A composer that is a box: rows that begin with a bar, above a row that closes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Frame {
    /// The bar that each row begins with.
    pub side: String,
    /// What the row below it begins with.
    pub end: String,
    /// How many rows at its end hold no text of the person.
    pub footer: usize,
}

/// What tells that a prompt would be taken: the strongest of these that the agent shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ready {
    /// The state it reports by its program status (OSC 7501).
    pub protocol: Option<String>,
    /// The id of a title rule that fits.
    pub title: Option<String>,
    /// The id of a screen rule that fits.
    pub screen: Option<String>,
    /// The event of a hook that tells that it has begun: before, what is typed could go into another
    /// conversation than the one that is resumed.
    pub hook: Option<String>,
}

/// What a prompt does that comes while the agent works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Busy {
    /// It is kept and sent after the turn.
    #[default]
    Queues,
    /// It ends the turn, whose answer stays incomplete.
    Interrupts,
}

/// How a question of the agent is read and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AnswerRule {
    /// Names the rule in explanations; unique among the rules of its definition.
    pub id: String,
    /// Which waits it is for.
    pub kind: WaitKind,
    /// The id of the screen rule that must fit; without one, any of that kind.
    pub screen: Option<String>,
    /// Where everything below is looked for.
    #[serde(default)]
    pub region: Region,
    /// Finds what is asked, in its group `text`.
    #[serde(default)]
    pub text: String,
    /// Finds each option's line, with its groups `key` and `label`; the key answers.
    #[serde(default)]
    pub option: String,
    /// Keys that must follow an option's own, each in a write of its own.
    #[serde(default)]
    pub confirm: Vec<String>,
    /// Options that have no keys on the screen: those whose label is found there are offered.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// Keys that say yes, once.
    #[serde(default)]
    pub approve: Vec<String>,
    /// Keys that say no.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Whether an answer may be written instead of chosen.
    #[serde(default)]
    pub free_text: bool,
    /// Finds the command that is asked about, in its group `command`.
    #[serde(default)]
    pub command: String,
    /// Finds the file that is asked about, in its group `file`.
    #[serde(default)]
    pub file: String,
}

/// An option without a key on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Choice {
    /// Its words on the screen.
    pub label: String,
    /// The keys that choose it, each in a write of its own.
    pub keys: Vec<String>,
}
