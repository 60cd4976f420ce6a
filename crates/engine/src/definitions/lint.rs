//! The linter: what is wrong with a definition, on which line, and what to do about it.
//!
//! Reads text and nothing else. A text without findings is a definition that other rooms can use
//! without looking twice: its patterns compile, its names are unique, its placeholders are known.

use std::collections::HashSet;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Definition, Run};

/// Something that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.line, self.what, self.help)
    }
}

/// A step into the text: a key, or a place in an array.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'a> {
    Key(&'a str),
    At(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(at: usize) -> Self {
        Self::At(at)
    }
}

/// Findings while they are made.
#[derive(Debug)]
pub(super) struct Report<'a> {
    text: &'a str,
    root: &'a Spanned<DeTable<'a>>,
    pub(super) findings: Vec<Finding>,
}

impl Report<'_> {
    /// Notes a finding at the deepest step that there is.
    pub(super) fn add(&mut self, path: &[Step<'_>], what: impl Into<String>, help: &str) {
        let line = line_at(self.text, self.place(path));
        self.findings.push(Finding {
            line,
            what: what.into(),
            help: help.to_owned(),
        });
    }

    fn place(&self, path: &[Step<'_>]) -> usize {
        let mut steps = path.iter();
        let Some(Step::Key(first)) = steps.next() else {
            return 0;
        };
        let Some((key, mut value)) = self.root.get_ref().get_key_value(*first) else {
            return 0;
        };
        let mut place = key.span().start;
        for step in steps {
            let next = match step {
                Step::Key(key) => table(value).and_then(|inner| inner.get_key_value(*key)),
                Step::At(at) => {
                    let Some(inner) = value.get_ref().as_array().and_then(|all| all.get(*at))
                    else {
                        break;
                    };
                    value = inner;
                    place = inner.span().start;
                    continue;
                }
            };
            let Some((key, inner)) = next else { break };
            place = key.span().start;
            value = inner;
        }
        place
    }
}

fn table<'a, 'b>(value: &'b Spanned<DeValue<'a>>) -> Option<&'b DeTable<'a>> {
    value.get_ref().as_table()
}

fn line_at(text: &str, place: usize) -> usize {
    let before = text.get(..place).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// Reads a definition; what is wrong with it otherwise, first things first.
///
/// # Errors
/// Everything that the linter finds.
pub fn parse(text: &str) -> Result<Definition, Vec<Finding>> {
    let definition: Definition =
        toml::from_str(text).map_err(|err| vec![unreadable(text, &err)])?;
    let root = DeTable::parse(text).map_err(|err| vec![unreadable(text, &err)])?;
    let mut report = Report {
        text,
        root: &root,
        findings: Vec::new(),
    };
    names(&definition, &mut report);
    runs(&definition, &mut report);
    super::rules::check(&definition, &mut report);
    injection(&definition, &mut report);
    environment(&definition, &mut report);
    let mut findings = report.findings;
    if findings.is_empty() {
        return Ok(definition);
    }
    findings.sort_by_key(|finding| finding.line);
    Err(findings)
}

/// Says everything that is wrong with a definition.
pub fn check(text: &str) -> Vec<Finding> {
    parse(text).err().unwrap_or_default()
}

fn unreadable(text: &str, err: &toml::de::Error) -> Finding {
    let what = err.message().lines().next().unwrap_or_default().to_owned();
    let help = if what.starts_with("unknown field") || what.starts_with("unknown variant") {
        "correct the word"
    } else if what.starts_with("missing field") {
        "add it"
    } else {
        "correct the TOML; strings with backslashes are best in '…' or '''…'''"
    };
    Finding {
        line: line_at(text, err.span().map_or(0, |span| span.start)),
        what,
        help: help.to_owned(),
    }
}

fn names(definition: &Definition, report: &mut Report<'_>) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if definition.id.is_empty() || !definition.id.chars().all(plain) {
        let what = format!("the id {:?} is no plain name", definition.id);
        report.add(&["id".into()], what, "use a-z, 0-9 and hyphens");
    }
    if definition.name.trim().is_empty() {
        report.add(
            &["name".into()],
            "the name is empty",
            "write what people call it",
        );
    }
    if definition.program.contains(char::is_whitespace) {
        let help = "write one program; arguments belong to start.argv";
        report.add(&["program".into()], "the program holds blanks", help);
    }
}

fn runs(definition: &Definition, report: &mut Report<'_>) {
    let is_generic = definition.id == super::GENERIC_ID;
    let all = [
        ("start", (!is_generic).then_some(&definition.start)),
        ("resume", definition.resume.as_ref()),
        ("continue", definition.continues.as_ref()),
        ("fork", definition.fork.as_ref()),
        ("headless", definition.headless.as_ref()),
    ];
    for (name, run) in all {
        if let Some(run) = run {
            one_run(name, run, report);
        }
    }
    let needs_id = [("resume", &definition.resume), ("fork", &definition.fork)];
    for (name, run) in needs_id {
        if run.as_ref().is_some_and(|run| run.conversation.is_empty()) {
            let help =
                "write conversation = [\"--resume\", \"{conversation}\"], or remove the table";
            report.add(&[name.into()], "no argument takes the conversation", help);
        }
    }
    let presets = !definition.start.conversation.is_empty();
    if presets != definition.conversation.preset {
        let what = "conversation.preset and start.conversation do not agree";
        let help = "a preset id needs arguments that take it, and the other way round";
        report.add(&["conversation".into(), "preset".into()], what, help);
    }
}

fn one_run(name: &str, run: &Run, report: &mut Report<'_>) {
    let parts = [
        ("argv", &run.argv, &["{cwd}"][..]),
        (
            "conversation",
            &run.conversation,
            &["{conversation}", "{cwd}"],
        ),
        ("prompt", &run.prompt, &["{prompt}", "{cwd}"]),
    ];
    match (run.argv.is_empty(), run.template.is_empty()) {
        (true, true) => report.add(
            &[name.into()],
            "nothing is started",
            "write argv = [\"program\", \"argument\"]",
        ),
        (_, false) if parts.iter().any(|(_, words, _)| !words.is_empty()) => report.add(
            &[name.into(), "template".into()],
            "there is a template and a list of arguments",
            "keep one of them",
        ),
        _ => {}
    }
    if !run.template.is_empty() && name == "start" && !run.template.contains("{{prompt}}") {
        let help = "write {{prompt}} where the prompt goes, without quotes";
        report.add(
            &[name.into(), "template".into()],
            "the template takes no prompt",
            help,
        );
    }
    for (part, words, known) in parts {
        for (at, word) in words.iter().enumerate() {
            let path = [name.into(), part.into(), at.into()];
            for unknown in placeholders(word).filter(|found| !known.contains(found)) {
                let what = format!("{unknown} stands for nothing here");
                report.add(&path, what, &format!("known are {}", known.join(", ")));
            }
        }
        let takes = known[0];
        if part != "argv" && !words.is_empty() && !words.iter().any(|word| word.contains(takes)) {
            let what = format!("the arguments hold no {takes}");
            report.add(&[name.into(), part.into()], what, "add it, or remove them");
        }
    }
}

/// Finds `{word}` in a text.
pub(super) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(move |(at, _)| {
        let end = text[at..].find('}')? + at;
        let word = &text[at + 1..end];
        let named = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        named.then(|| &text[at..=end])
    })
}

fn injection(definition: &Definition, report: &mut Report<'_>) {
    use super::InjectionKind::{ConfigArgs, EnvFile, EnvInline, FlagFile, FlagJson, None};
    let injection = &definition.injection;
    let at = |key: &'static str| ["injection".into(), key.into()];
    if injection.kind == None {
        if !injection.content.is_empty() {
            report.add(&at("content"), "the content goes nowhere", "choose a kind");
        }
        return;
    }
    let by_flag = matches!(injection.kind, FlagJson | FlagFile | ConfigArgs);
    if by_flag && injection.flag.is_empty() {
        report.add(
            &at("kind"),
            "no option takes the content",
            "write flag = \"--option\"",
        );
    }
    if !by_flag && injection.variable.is_empty() {
        report.add(
            &at("kind"),
            "no variable takes it",
            "write variable = \"NAME\"",
        );
    }
    let files = injection.files.iter().map(|file| &file.content);
    let hooked = files
        .chain([&injection.content])
        .any(|text| text.contains("{hook}"));
    if !hooked {
        report.add(
            &at("content"),
            "nothing calls our hook",
            "write {hook} where its command goes",
        );
    }
    let is_json = matches!(injection.kind, FlagJson | EnvFile | EnvInline);
    let looks_json = injection.content.trim_start().starts_with(['{', '[']);
    if let (true, true, Err(err)) = (
        is_json,
        looks_json,
        serde_json::from_str::<serde_json::Value>(&injection.content),
    ) {
        report.add(
            &at("content"),
            format!("the content is no JSON: {err}"),
            "correct it",
        );
    }
    for (index, file) in injection.files.iter().enumerate() {
        if file.name.is_empty() || file.name.starts_with('.') || file.name.contains('/') {
            let path = [
                "injection".into(),
                "files".into(),
                index.into(),
                "name".into(),
            ];
            let what = format!("{:?} is no plain file name", file.name);
            report.add(&path, what, "use a name without directories");
        }
    }
}

fn environment(definition: &Definition, report: &mut Report<'_>) {
    let is_name = |name: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        !name.is_empty() && name.chars().all(inside)
    };
    for name in definition.environment.set.keys() {
        if !is_name(name) {
            let path = ["environment".into(), "set".into(), name.as_str().into()];
            report.add(
                &path,
                format!("{name:?} is no name of a variable"),
                "correct it",
            );
        }
    }
    for (index, name) in definition.environment.remove.iter().enumerate() {
        if !is_name(name.strip_suffix('*').unwrap_or(name)) {
            let path = ["environment".into(), "remove".into(), index.into()];
            let help = "write a name, with * for any rest";
            report.add(&path, format!("{name:?} is no name of a variable"), help);
        }
    }
    if let Some(probe) = &definition.probe {
        if probe.argv.is_empty() {
            report.add(
                &["probe".into()],
                "nothing is asked",
                "write argv = [\"program\", \"--version\"]",
            );
        }
        if super::version::Range::parse(&probe.tested).is_none() {
            let what = format!("{:?} is no range of versions", probe.tested);
            report.add(
                &["probe".into(), "tested".into()],
                what,
                "write \">=1.2, <3\"",
            );
        }
    }
}

/// Says which names are there twice.
pub(super) fn twice<'a>(
    report: &mut Report<'_>,
    names: impl Iterator<Item = (&'static str, usize, &'a str)>,
) {
    let mut seen = HashSet::new();
    for (table, index, id) in names {
        let path = [table.into(), index.into(), "id".into()];
        if id.trim().is_empty() {
            report.add(&path, "the id is empty", "name the rule");
        } else if !seen.insert(id) {
            report.add(
                &path,
                format!("{id:?} is there twice"),
                "give each rule its own id",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "mine"
name = "Mine"
[probe]
argv = ["mine", "--version"]
pattern = '(\d+)'
tested = ">=1"
[start]
argv = ["mine"]
prompt = ["{prompt}"]
[resume]
argv = ["mine"]
conversation = ["-r", "{conversation}"]
[injection]
kind = "flag-json"
flag = "--settings"
content = '{"run": "{hook} Stop"}'
[[titles]]
id = "title"
pattern = '^x'
says = "working"
[[screen]]
id = "ask"
says = "waiting"
kind = "question"
any = ['\?$']
[typing]
ready = { title = "title", screen = "ask" }
composer = '^> (?<draft>.*)$'
[[answers]]
id = "ask"
kind = "question"
option = '(?<key>\d)\. (?<label>.+)'
[[hooks]]
event = "Stop"
when = { why = ["a", "b"] }
says = "idle"
"#;

    #[test]
    fn a_good_definition_has_no_findings() {
        assert_eq!(check(GOOD), []);
    }

    /// What is changed into what, and what is found then. Each change breaks one rule.
    const CHANGES: &[(&str, &str, &str)] = &[
        ("id = \"mine\"", "id = \"My Agent\"", "is no plain name"),
        ("name = \"Mine\"", "name = \" \"", "the name is empty"),
        (
            "argv = [\"mine\"]\nprompt",
            "argv = [\"{where}\"]\nprompt",
            "stands for nothing",
        ),
        (
            "prompt = [\"{prompt}\"]",
            "prompt = [\"-i\"]",
            "hold no {prompt}",
        ),
        (
            "tested = \">=1\"",
            "tested = \"new\"",
            "no range of versions",
        ),
        ("pattern = '(\\d+)'", "pattern = '\\d+'", "has no group"),
        ("flag = \"--settings\"\n", "", "no option takes the content"),
        (
            "content = '{\"run\": \"{hook} Stop\"}'",
            "content = '{\"{hook}'",
            "is no JSON",
        ),
        (
            "content = '{\"run\": \"{hook} Stop\"}'",
            "content = '{}'",
            "nothing calls our hook",
        ),
        ("pattern = '^x'", "pattern = '(x'", "is no pattern"),
        ("pattern = '^x'", "pattern = '(?=x)'", "is no pattern"),
        (
            "[typing]",
            "[[screen]]\nid = \"ask\"\nsays = \"idle\"\nany = ['x']\n[typing]",
            "is there twice",
        ),
        (
            "kind = \"question\"\nany",
            "any",
            "not said what is waited for",
        ),
        (
            "any = ['\\?$']",
            "region = \"bottom(3)\"",
            "fits every screen",
        ),
        ("any = ['\\?$']", "any = ['']", "the pattern is empty"),
        (
            "any = ['\\?$']",
            "any = ['x']\nregion = \"top\"",
            "unknown region",
        ),
        (
            "screen = \"ask\" }",
            "screen = \"none\" }",
            "no rule is called",
        ),
        ("(?<draft>.*)", ".*", "no group `draft`"),
        ("(?<label>.+)", ".+", "no group `label`"),
        (
            "option = '(?<key>\\d)\\. (?<label>.+)'",
            "",
            "knows no answer",
        ),
        ("says = \"idle\"", "says = \"lazy\"", "unknown variant"),
        ("event = \"Stop\"", "evnet = \"Stop\"", "unknown field"),
        (
            "conversation = [\"-r\", \"{conversation}\"]",
            "",
            "takes the conversation",
        ),
    ];

    #[test]
    fn each_rule_is_found_on_its_line() {
        for (old, new, what) in CHANGES {
            assert!(GOOD.contains(old), "{old}");
            let text = GOOD.replacen(old, new, 1);
            let findings = check(&text);
            let [finding] = findings.as_slice() else {
                panic!("{old} -> {new}: {findings:?}");
            };
            assert!(finding.what.contains(what), "{new}: {finding}");
            assert!(!finding.help.is_empty(), "{finding}");
            let expected = line_at(GOOD, GOOD.find(old).unwrap());
            let near = expected.abs_diff(finding.line);
            assert!(
                near <= 3,
                "{new}: line {} instead of {expected}",
                finding.line
            );
        }
    }
}
