//! How an agent is started: arguments, environment, and what goes in with them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Definition;
use crate::template;

/// How the program tells its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Finds the version in the output: its first group.
    pub pattern: String,
    /// The versions this definition was tried with: `>=1.2`, several with commas.
    pub tested: String,
}

impl Probe {
    /// Finds the version in what the program printed.
    pub fn version(&self, printed: &str) -> Option<String> {
        let pattern = regex::Regex::new(&self.pattern).ok()?;
        let found = pattern.captures(printed)?.get(1)?;
        Some(found.as_str().to_owned())
    }

    /// Tells whether the definition was tried with a version.
    pub fn is_tested(&self, version: &str) -> bool {
        super::Range::parse(&self.tested).is_some_and(|range| range.holds(version))
    }
}

/// One way to start the program: `argv`, then `conversation` when an id is given, then what is
/// injected, then `prompt` when there is one. Placeholders are whole values, never part of a shell
/// line: `{prompt}`, `{conversation}`, `{cwd}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// What the placeholders of a [`Run`] stand for.
#[derive(Debug, Clone, Copy)]
pub struct RunValues<'a> {
    /// The prompt; without one its arguments are left out.
    pub prompt: Option<&'a str>,
    /// The id of the conversation; without one its arguments are left out.
    pub conversation: Option<&'a str>,
    /// The working directory.
    pub cwd: &'a Path,
    /// Arguments that are injected.
    pub injected: &'a [OsString],
}

impl Run {
    /// Expands to an argument vector. No value is ever read by a shell or split; a prompt that
    /// looks like an option is set apart from them.
    pub fn argv(&self, values: RunValues<'_>) -> Vec<OsString> {
        if !self.template.is_empty() {
            let RunValues { prompt, cwd, .. } = values;
            return template::argv(&self.template, template::Values { prompt, cwd });
        }
        let fill = |words: &[String]| -> Vec<OsString> {
            words.iter().map(|word| filled(word, values)).collect()
        };
        let mut argv = fill(&self.argv);
        if values.conversation.is_some() {
            argv.extend(fill(&self.conversation));
        }
        argv.extend(values.injected.iter().cloned());
        if let Some(prompt) = values.prompt {
            let is_positional = self.prompt.first().is_some_and(|word| word == "{prompt}");
            if is_positional && prompt.starts_with('-') {
                argv.push("--".into());
            }
            argv.extend(fill(&self.prompt));
        }
        argv
    }

    /// Writes it as a template of the first dialect: what is started without an id of ours.
    pub fn as_template(&self) -> String {
        if !self.template.is_empty() {
            return self.template.clone();
        }
        let words = self.argv.iter().chain(&self.prompt);
        let words = words.map(|word| match word.as_str() {
            "{prompt}" => "{{prompt}}".to_owned(),
            "{cwd}" => "{{cwd}}".to_owned(),
            word => shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Puts values in, with nothing in the place of those that are absent.
fn filled(word: &str, values: RunValues<'_>) -> OsString {
    let all = [
        ("{prompt}", values.prompt.unwrap_or_default().as_ref()),
        (
            "{conversation}",
            values.conversation.unwrap_or_default().as_ref(),
        ),
        ("{cwd}", values.cwd.as_os_str()),
    ];
    template::filled(word, &all)
}

impl Definition {
    /// Chooses how it is started: a conversation that goes on is resumed by its id where that is
    /// known, else the newest one of the directory is continued.
    pub fn run(&self, continues: bool, conversation: Option<&str>) -> &Run {
        let by_id = self.resume.as_ref().filter(|_| conversation.is_some());
        let again = by_id.or(self.continues.as_ref());
        again.filter(|_| continues).unwrap_or(&self.start)
    }
}

/// What a process's environment must and must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PrivateFile {
    /// Its name, without directories.
    pub name: String,
    /// What it holds; `{hook}` and `{dir}` are known here too.
    pub content: String,
}

/// How the id of a conversation is chosen or learned. Hooks that carry it
/// ([`super::Payload::conversation`]) are believed before files and texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TelemetryKind {
    /// OpenTelemetry over HTTP.
    Otlp,
}

#[cfg(test)]
mod tests {
    use offshoot_protocol::AgentId;

    use super::super::Definitions;
    use super::*;

    fn argv(id: &str, continues: bool, conversation: Option<&str>, prompt: Option<&str>) -> String {
        let all = Definitions::built_in();
        let definition = all.get(&AgentId(id.to_owned())).unwrap();
        let injected = ["--ours".into()];
        let values = RunValues {
            prompt,
            conversation,
            cwd: Path::new("/w t"),
            injected: &injected,
        };
        let argv = definition.run(continues, conversation).argv(values);
        let words: Vec<_> = argv.iter().map(|word| word.to_str().unwrap()).collect();
        words.join("|")
    }

    #[test]
    fn each_agent_starts_resumes_and_continues_in_its_own_way() {
        let cases = [
            ("claude-code", false, None, None, "claude|--ours"),
            (
                "claude-code",
                false,
                Some("7"),
                Some("go"),
                "claude|--session-id|7|--ours|go",
            ),
            (
                "claude-code",
                true,
                Some("7"),
                Some("go"),
                "claude|--resume|7|--ours|go",
            ),
            ("claude-code-builtin", true, None, None, "claude|-c|--ours"),
            (
                "codex",
                false,
                Some("7"),
                Some("go"),
                "codex|--no-daemon|--ours|go",
            ),
            (
                "codex",
                true,
                Some("7"),
                None,
                "codex|resume|--no-daemon|7|--ours",
            ),
            (
                "codex",
                true,
                None,
                Some("go"),
                "codex|resume|--no-daemon|--last|--ours|go",
            ),
            ("gemini", false, None, Some("go"), "gemini|--ours|-i|go"),
            (
                "opencode",
                true,
                Some("ses_1"),
                None,
                "opencode|-s|ses_1|--ours",
            ),
            (
                "qwen",
                true,
                None,
                Some("go"),
                "qwen|--continue|--ours|-i|go",
            ),
        ];
        for (id, continues, conversation, prompt, expected) in cases {
            assert_eq!(argv(id, continues, conversation, prompt), expected, "{id}");
        }
    }

    #[test]
    fn a_prompt_stays_one_unchanged_argument() {
        let prompt = "--help \"it\" {cwd} {conversation}\n'q' é";
        let argv = argv("codex", false, Some("7"), Some(prompt));
        assert_eq!(argv, format!("codex|--no-daemon|--ours|--|{prompt}"));
    }

    #[test]
    fn templates_of_the_first_dialect_leave_the_id_out() {
        let all = Definitions::built_in();
        let template = |id: &str| {
            all.get(&AgentId(id.to_owned()))
                .unwrap()
                .start
                .as_template()
        };
        assert_eq!(template("claude-code"), "claude {{prompt}}");
        assert_eq!(template("gemini"), "gemini -i {{prompt}}");
        assert_eq!(template("opencode"), "opencode --prompt {{prompt}}");
    }

    #[test]
    fn names_of_variables_are_removed_by_word_or_by_beginning() {
        let environment = Environment {
            remove: vec!["CLAUDECODE".to_owned(), "QWEN_*".to_owned()],
            ..Environment::default()
        };
        assert!(environment.removes("CLAUDECODE"));
        assert!(environment.removes("QWEN_CODE"));
        assert!(!environment.removes("CLAUDECODE_X"));
        assert!(!environment.removes("QWEN"));
    }
}
