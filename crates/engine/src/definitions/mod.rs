//! Definitions of agents as data: how each is started, resumed and typed to, and how its state is
//! read.
//!
//! Owns the TOML form, the definitions that ship with the product, those that people put beside
//! them, and the linter. Knows nothing of terminals, processes or clocks: other rooms read what
//! stands here and act. A definition that ships is proven by tests; one that a person wrote and
//! that does not hold is left out, with its findings kept for the person, never with a panic.

mod behaviour;
mod collection;
mod custom;
#[cfg(test)]
mod golden;
mod launching;
mod lint;
mod rules;
mod schema;
mod signals;
mod version;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use behaviour::{AnswerRule, Busy, Choice, Frame, Ready, Typing};
pub use collection::{Definitions, Problem, check_path};
pub use launching::{
    Conversation, Environment, FileRule, Injection, InjectionKind, PrivateFile, Probe, Run,
    RunValues, Telemetry, TelemetryKind,
};
pub use lint::{Finding, check, parse};
pub use offshoot_protocol::view::WaitKind;
pub use schema::schema;
pub use signals::{
    HookRule, LimitRule, OneOrMany, Payload, Region, RegionError, Says, ScreenRule, TitleRule,
};
pub use version::Range;

/// The id of the definition that stands for any command; it starts nothing itself.
const GENERIC_ID: &str = "generic";

/// One agent: everything that differs from program to program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Definition {
    /// The name of the file without its ending; lower case letters, digits and hyphens.
    pub id: String,
    /// The name shown to people.
    pub name: String,
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
    /// The program that is looked for on the PATH; empty when the definition is for any command.
    #[serde(default)]
    pub program: String,
    /// What a person does to get the program: a command or an address.
    #[serde(default)]
    pub install: String,
    /// How the program tells its version.
    pub probe: Option<Probe>,
    /// Starts a new conversation.
    #[serde(default)]
    pub start: Run,
    /// Takes up a conversation by its id.
    pub resume: Option<Run>,
    /// Takes up the newest conversation of the directory.
    #[serde(rename = "continue")]
    pub continues: Option<Run>,
    /// Begins a new conversation with the content of an old one.
    pub fork: Option<Run>,
    /// Answers one prompt on standard output, without a terminal.
    pub headless: Option<Run>,
    /// What its environment must and must not hold.
    #[serde(default)]
    pub environment: Environment,
    /// How our hooks reach it, for one process, without touching the person's files.
    #[serde(default)]
    pub injection: Injection,
    /// How the id of its conversation is chosen or learned.
    #[serde(default)]
    pub conversation: Conversation,
    /// Where the facts stand that all its hooks carry.
    #[serde(default)]
    pub payload: Payload,
    /// What its hooks say; the first rule that fits counts.
    #[serde(default)]
    pub hooks: Vec<HookRule>,
    /// What its window titles say; the first rule that fits counts.
    #[serde(default)]
    pub titles: Vec<TitleRule>,
    /// What its screen says; of the rules that fit, the one of the highest priority counts, of
    /// equals the one whose text stands lowest.
    #[serde(default)]
    pub screen: Vec<ScreenRule>,
    /// Patterns of questions as custom agents have them: in the manner of JavaScript, whatever the
    /// case, and tried on the last lines. Only for commands that nobody has described.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking: Vec<String>,
    /// After so many minutes without output or computing, what says that it works is not believed:
    /// it is stuck. 0 for never.
    #[serde(default = "stuck_minutes")]
    pub stuck_minutes: u16,
    /// How it says that its account has no more to spend for now.
    #[serde(default)]
    pub limits: Vec<LimitRule>,
    /// How text is typed into it.
    #[serde(default)]
    pub typing: Typing,
    /// How its questions are read and answered; the first rule of a kind that fits counts.
    #[serde(default)]
    pub answers: Vec<AnswerRule>,
    /// How it reports tokens and cost.
    pub telemetry: Option<Telemetry>,
}

/// What holds where a definition says nothing.
fn stuck_minutes() -> u16 {
    5
}
