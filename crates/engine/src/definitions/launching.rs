//! How an agent is started: arguments, environment, and what goes in with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the program tells its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Finds the version in the output: its first group.
    pub pattern: String,
    /// The versions this definition was tried with: `>=1.2`, several with commas.
    pub tested: String,
}

/// One way to start the program: `argv`, then `conversation` when an id is given, then what is
/// injected, then `prompt` when there is one. Placeholders are whole values, never part of a shell
/// line: `{prompt}`, `{conversation}`, `{cwd}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Run {
    /// The program and its arguments.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Arguments that choose the id of the conversation.
    #[serde(default)]
    pub conversation: Vec<String>,
    /// Arguments that give the prompt.
    #[serde(default)]
    pub prompt: Vec<String>,
    /// In place of all of these: a command line with `{{prompt}}` and `{{cwd}}`, as custom agents
    /// have.
    #[serde(default)]
    pub template: String,
}

/// What a process's environment must and must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Environment {
    /// Variables that are set.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Variables that are taken out: those of an agent that the server itself was started from. A
    /// `*` at the end stands for any rest of a name.
    #[serde(default)]
    pub remove: Vec<String>,
}

impl Environment {
    /// Tells whether a variable is taken out.
    pub fn removes(&self, name: &str) -> bool {
        self.remove.iter().any(|rule| match rule.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => rule == name,
        })
    }
}

/// How our hooks get into one process. `{hook}` in a content is our hook command, quoted for the
/// shell and escaped for the string it stands in; `{dir}` is the worker's private directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Injection {
    /// The way.
    #[serde(default)]
    pub kind: InjectionKind,
    /// The option that takes the content: with `flag-json`, `flag-file` and `config-args`.
    #[serde(default)]
    pub flag: String,
    /// The variable that takes it: with `env-file` and `env-inline`.
    #[serde(default)]
    pub variable: String,
    /// What goes in. With `config-args`, each line is one value of `flag`.
    #[serde(default)]
    pub content: String,
    /// More arguments that the content needs to have an effect.
    #[serde(default)]
    pub args: Vec<String>,
    /// More files that the content names.
    #[serde(default)]
    pub files: Vec<PrivateFile>,
    /// A system-wide file whose place the content takes: where that exists, nothing is injected.
    #[serde(default)]
    pub replaces: String,
    /// It declares trust on the person's behalf: it is done only when they have agreed.
    #[serde(default)]
    pub consent: bool,
}

/// A way for our hooks to get into a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionKind {
    /// The content is an argument.
    FlagJson,
    /// The path of a private file with the content is an argument.
    FlagFile,
    /// A variable holds the path of a private file with the content.
    EnvFile,
    /// A variable holds the content.
    EnvInline,
    /// Each line of the content is an argument.
    ConfigArgs,
    /// There is none.
    #[default]
    None,
}

/// A file in the worker's private directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrivateFile {
    /// Its name, without directories.
    pub name: String,
    /// What it holds; `{hook}` and `{dir}` are known here too.
    pub content: String,
}

/// How the id of a conversation is chosen or learned. Hooks that carry it
/// ([`super::Payload::conversation`]) are believed before files and texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Conversation {
    /// We choose it: `start.conversation` takes a new UUID.
    #[serde(default)]
    pub preset: bool,
    /// Files that tell it.
    pub files: Option<FileRule>,
    /// Finds it, in its group `id`, in what is printed at exit.
    #[serde(default)]
    pub exit: String,
    /// Is found in the output when the id is not known (any more).
    #[serde(default)]
    pub unknown: String,
}

/// Files whose names tell conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileRule {
    /// The variable that names the directory below which they lie.
    #[serde(default)]
    pub variable: String,
    /// That directory when the variable is not set; `~` is the person's home.
    pub directory: String,
    /// Where they lie below it; `*` stands for any name, `{cwd}` for the working directory with
    /// every character but letters and digits written as a hyphen.
    pub glob: String,
    /// Finds the id in a path, in its group `id`.
    pub pattern: String,
    /// Finds the working directory, in its group `cwd`, in the file's first line.
    #[serde(default)]
    pub cwd: String,
}

/// How an agent reports tokens and cost. `{endpoint}` is our receiver, `{token}` the session's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Telemetry {
    /// The protocol.
    pub kind: TelemetryKind,
    /// Variables that switch it on.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Arguments that switch it on.
    #[serde(default)]
    pub args: Vec<String>,
}

/// A protocol for tokens and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TelemetryKind {
    /// OpenTelemetry over HTTP.
    Otlp,
}
