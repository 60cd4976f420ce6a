//! What an agent's hooks, titles and screen say about it.
//!
//! Patterns are regular expressions without look-around. On a screen they are tried on the text of
//! the region, its lines joined by newlines; `^` and `$` stand for the borders of lines.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use offshoot_protocol::view::WaitKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a piece of evidence says the agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// Comes up; not ready for a prompt.
    Starting,
    /// Works.
    Working,
    /// Waits for a person.
    Waiting,
    /// Has ended its turn.
    Idle,
    /// Has no more to spend for now.
    Limited,
    /// Has failed.
    Errored,
    /// Says that it ends.
    Exited,
    /// Nothing: what was known before goes on. On a screen, what it shows hides the agent, and
    /// rules of lower priority are not asked.
    Nothing,
}

impl Says {
    /// Returns its name in definitions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
            Self::Limited => "limited",
            Self::Errored => "errored",
            Self::Exited => "exited",
            Self::Nothing => "nothing",
        }
    }
}

/// Where the facts stand that every hook carries. Keys are paths with dots into the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Payload {
    /// The event's name, when the command line of the hook does not tell it.
    pub event: Option<String>,
    /// The id of the conversation.
    pub conversation: Option<String>,
    /// The file of the transcript.
    pub transcript: Option<String>,
    /// Is there exactly when the event belongs to a sub-agent, whose events never end the turn of
    /// its parent.
    pub subagent: Option<String>,
}

/// What a hook says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookRule {
    /// The event's name.
    pub event: String,
    /// What the payload must hold besides: by path with dots, one value or one of several.
    #[serde(default)]
    pub when: BTreeMap<String, OneOrMany>,
    /// What it says.
    pub says: Says,
    /// What the agent waits for.
    pub kind: Option<WaitKind>,
    /// For people; `{path}` stands for a value of the payload.
    #[serde(default)]
    pub reason: String,
}

/// A value, or several of which one will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// Exactly this one.
    One(String),
    /// One of these.
    Many(Vec<String>),
}

impl OneOrMany {
    /// Tells whether a value is allowed.
    pub fn allows(&self, value: &str) -> bool {
        match self {
            Self::One(one) => one == value,
            Self::Many(many) => many.iter().any(|one| one == value),
        }
    }
}

/// What a window title says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TitleRule {
    /// Names the rule in explanations; unique among the rules of its definition.
    pub id: String,
    /// Is found in the title, whose padding is taken off.
    pub pattern: String,
    /// What it says.
    pub says: Says,
    /// What the agent waits for.
    pub kind: Option<WaitKind>,
}

/// What the screen says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScreenRule {
    /// Names the rule in explanations; unique among the rules of its definition.
    pub id: String,
    /// What it says.
    pub says: Says,
    /// What the agent waits for.
    pub kind: Option<WaitKind>,
    /// A higher one wins over a lower one.
    #[serde(default)]
    pub priority: i32,
    /// Where it looks.
    #[serde(default)]
    pub region: Region,
    /// Patterns that must all be found.
    #[serde(default)]
    pub all: Vec<String>,
    /// Patterns of which one must be found, if there are any.
    #[serde(default)]
    pub any: Vec<String>,
    /// Patterns of which none may be found.
    #[serde(default)]
    pub none: Vec<String>,
    /// Nothing goes on while this is shown: it beats an older report of work.
    #[serde(default)]
    pub blocker: bool,
    /// Is shown before the first prompt can be given: trust, sign-in, a notice.
    #[serde(default)]
    pub first_run: bool,
    /// For people: what they do about it.
    #[serde(default)]
    pub help: String,
}

/// How an agent says that its account has no more to spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LimitRule {
    /// Names the rule in explanations; unique among the rules of its definition.
    pub id: String,
    /// Is found on the screen; its group `reset`, if it has one, is the time at which the agent goes on.
    pub pattern: String,
    /// Where it looks.
    #[serde(default)]
    pub region: Region,
}

/// A part of the screen. Lines that are empty are never part of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Region {
    /// `screen`: all of it.
    #[default]
    Screen,
    /// `bottom(n)`: the last n lines that are not empty.
    Bottom(u16),
    /// `after-last-rule`: what stands below the last horizontal line.
    AfterLastRule,
    /// `prompt-box`: what stands between the last two horizontal lines, or in the last box.
    PromptBox,
}

/// A region that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown region {0:?}: write screen, bottom(n), after-last-rule or prompt-box")]
pub struct RegionError(String);

impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let bottom = || {
            let inner = text.strip_prefix("bottom(")?.strip_suffix(')')?;
            inner.trim().parse().ok().filter(|n| *n > 0)
        };
        match text {
            "screen" => Ok(Self::Screen),
            "after-last-rule" => Ok(Self::AfterLastRule),
            "prompt-box" => Ok(Self::PromptBox),
            _ => bottom()
                .map(Self::Bottom)
                .ok_or_else(|| RegionError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Region {
    type Error = RegionError;

    fn try_from(text: String) -> Result<Self, RegionError> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Screen => f.write_str("screen"),
            Self::Bottom(lines) => write!(f, "bottom({lines})"),
            Self::AfterLastRule => f.write_str("after-last-rule"),
            Self::PromptBox => f.write_str("prompt-box"),
        }
    }
}
