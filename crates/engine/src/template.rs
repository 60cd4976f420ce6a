//! Command templates: text with `{{prompt}}` and `{{cwd}}` becomes an argument vector.
//!
//! Values never become part of a shell line. A template of plain words is split into arguments and
//! each value is (part of) one argument. A template that needs a shell is run by `/bin/sh -c` with
//! the values as positional parameters, so that a value is data there too. Pure; cannot fail: what
//! is not a placeholder stays as it is.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What a template's placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// The prompt; `None` leaves out an argument that is only the prompt.
    pub(crate) prompt: Option<&'a str>,
    /// The working directory.
    pub(crate) cwd: &'a Path,
}

const PROMPT: &str = "{{prompt}}";
const CWD: &str = "{{cwd}}";

/// Characters that only a shell understands. Quotes and backslashes are ours to read.
const SHELL_CHARACTERS: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '*', '?', '[', ']', '#', '~', '!', '\n', '\r',
];

/// Shells whose `-c` takes a script and, after it, its positional parameters.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ksh", "zsh"];

/// Expands a template to an argument vector.
pub(crate) fn argv(template: &str, values: Values<'_>) -> Vec<OsString> {
    if let Some(words) = script_of_a_shell(template) {
        return with_parameters(words, values);
    }
    let outside = template.replace(PROMPT, "").replace(CWD, "");
    if let Some(words) = plain_words(template, &outside) {
        let words = words
            .iter()
            .filter(|word| values.prompt.is_some() || *word != PROMPT);
        return words.map(|word| fill(word, values)).collect();
    }
    let line = ["/bin/sh", "-c", template].map(str::to_owned).to_vec();
    with_parameters(line, values)
}

/// Recognises `bash -c 'a script with {{prompt}}'`: the values must not become part of the script.
fn script_of_a_shell(template: &str) -> Option<Vec<String>> {
    let mut quotes = Quotes::default();
    let needs_shell = |c: char| quotes.step(c).is_none() && SHELL_CHARACTERS.contains(&c);
    if template.chars().any(needs_shell) {
        return None;
    }
    let words = shlex::split(template)?;
    let (script, before) = words.split_last()?;
    let (flag, before) = before.split_last()?;
    let is_flag = flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c');
    let program = before.iter().rfind(|word| !word.starts_with('-'))?;
    let is_shell = SHELLS.contains(&program.rsplit('/').next()?);
    // A script that is the prompt alone is meant to be run.
    let holds_value = script != PROMPT && (script.contains(PROMPT) || script.contains(CWD));
    (is_flag && is_shell && holds_value).then_some(words)
}

/// Turns `… -c script` into one whose script reads the values from its parameters.
fn with_parameters(mut words: Vec<String>, values: Values<'_>) -> Vec<OsString> {
    let script = words.pop().unwrap_or_default();
    let mut argv: Vec<OsString> = words.iter().map(|word| fill(word, values)).collect();
    argv.push(parameterised(&script).into());
    argv.push("sh".into());
    argv.push(values.prompt.unwrap_or_default().into());
    argv.push(values.cwd.into());
    argv
}

/// Replaces placeholders by parameters, quoted for the place they stand in.
fn parameterised(script: &str) -> String {
    let mut quotes = Quotes::default();
    let mut line = String::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let placeholder = [(PROMPT, "1"), (CWD, "2")]
            .into_iter()
            .find(|(text, _)| rest.starts_with(text));
        if let Some((text, number)) = placeholder {
            line += &quotes.variable(number);
            rest = &rest[text.len()..];
            continue;
        }
        quotes.step(c);
        line.push(c);
        rest = &rest[c.len_utf8()..];
    }
    line
}

/// Follows the quotes of a shell line, also inside `"$(…)"`.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    /// The open quotes and, as `(`, the open parentheses, innermost last.
    open: Vec<char>,
    before: Option<char>,
}

impl Quotes {
    /// The quote the next character stands in.
    fn now(&self) -> Option<char> {
        self.open.last().copied().filter(|open| *open != '(')
    }

    /// Writes a shell variable so that its value is (part of) one word where it stands.
    pub(crate) fn variable(&self, name: &str) -> String {
        match self.now() {
            None => format!("\"${{{name}}}\""),
            Some('"') => format!("${{{name}}}"),
            Some(_) => format!("'\"${{{name}}}\"'"),
        }
    }

    /// Takes one character; returns the quote it stands in.
    pub(crate) fn step(&mut self, c: char) -> Option<char> {
        let quote = self.now();
        let before = self.before.replace(c);
        match (quote, c) {
            (Some('\''), '\'') => drop(self.open.pop()),
            (Some('\''), _) => {}
            _ if before == Some('\\') => self.before = None,
            (Some('"'), '"') => drop(self.open.pop()),
            (None, '\'' | '"' | '(') => self.open.push(c),
            (None, ')') => drop(self.open.pop()),
            (Some('"'), '(') if before == Some('$') => self.open.push(c),
            _ => {}
        }
        quote
    }
}

/// Splits a template that needs no shell: no shell characters, no assignment before the command.
fn plain_words(template: &str, outside: &str) -> Option<Vec<String>> {
    if outside.contains(SHELL_CHARACTERS) || outside.contains(['{', '}']) {
        return None;
    }
    let words = shlex::split(template)?;
    let is_command = |word: &&String| !word.is_empty() && !word.contains('=');
    words.first().filter(is_command)?;
    Some(words)
}

fn fill(word: &str, values: Values<'_>) -> OsString {
    let prompt = OsStr::new(values.prompt.unwrap_or_default());
    filled(word, &[(PROMPT, prompt), (CWD, values.cwd.as_os_str())])
}

/// Puts values in the place of names such as `{cwd}`. What a value holds is never looked at.
pub(crate) fn filled(text: &str, values: &[(&str, &OsStr)]) -> OsString {
    let mut filled = OsString::new();
    let mut rest = text;
    let next = |rest: &str| {
        let found = values
            .iter()
            .filter_map(|(name, value)| Some((rest.find(name)?, *name, *value)));
        found.min_by_key(|(at, ..)| *at)
    };
    while let Some((at, name, value)) = next(rest) {
        filled.push(&rest[..at]);
        filled.push(value);
        rest = &rest[at + name.len()..];
    }
    filled.push(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, prompt: Option<&str>) -> Vec<String> {
        let values = Values {
            prompt,
            cwd: Path::new("/w t"),
        };
        argv(template, values)
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_prompt_is_one_unchanged_argument() {
        let prompt = "fix \"it\"; rm -rf $HOME `x`\n{{cwd}} 'q' é";
        assert_eq!(
            expand("claude {{prompt}}", Some(prompt)),
            ["claude", prompt]
        );
        assert_eq!(
            expand("a --p={{prompt}} {{cwd}}", Some(prompt)),
            ["a", &format!("--p={prompt}"), "/w t"]
        );
    }

    #[test]
    fn without_a_prompt_its_argument_is_left_out() {
        assert_eq!(expand("claude {{prompt}}", None), ["claude"]);
        assert_eq!(expand("claude {{prompt}}", Some("")), ["claude", ""]);
    }

    #[test]
    fn a_template_that_needs_a_shell_gets_values_as_parameters() {
        for template in [
            "FOO=1 run {{prompt}}",
            "run {{prompt}} | tee log",
            "run \"$HOME\" {{prompt}}",
        ] {
            let words = expand(template, Some("; rm -rf /"));
            assert_eq!(words[..2], ["/bin/sh", "-c"], "{template}");
            assert!(!words[2].contains("rm -rf"), "{template}");
            assert_eq!(words[3..], ["sh", "; rm -rf /", "/w t"], "{template}");
        }
    }

    #[test]
    fn a_value_is_quoted_for_the_place_it_stands_in() {
        for template in [
            r#"p() { printf %s "$2"; }; p a {{prompt}}"#,
            r#"p() { printf %s "$2"; }; p a "{{prompt}}""#,
            r#"p() { printf %s "$2"; }; p a '{{prompt}}'"#,
            r#"p() { printf %s "$2"; }; p a "$(printf %s {{prompt}})""#,
            r#"printf %s "{{prompt}}" | cat"#,
            r#"true \"; printf %s {{prompt}}"#,
            "sh -c 'printf %s {{prompt}}'",
            "sh -c 'printf %s {{prompt}} | cat'",
            "env A=b sh -c \"printf %s {{prompt}}\"",
            "sh -e -c 'printf %s \"{{prompt}}\"'",
        ] {
            let prompt = "it's *  `x` $HOME \"; echo {{cwd}}";
            let argv = expand(template, Some(prompt));
            let output = std::process::Command::new(&argv[0])
                .args(&argv[1..])
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert_eq!(printed, prompt, "{template}: {argv:?}");
        }
    }

    #[test]
    fn quotes_group_words() {
        assert_eq!(
            expand("run 'a b' \"c d\" e\\ f", None),
            ["run", "a b", "c d", "e f"]
        );
    }

    #[test]
    fn braces_around_a_placeholder_stay() {
        let words = expand("env X={{{prompt}}} sh -c 'echo {{cwd}}'", Some("it"));
        assert_eq!(words[..2], ["env", "X={it}"]);
    }

    #[test]
    fn unknown_placeholders_are_left_to_the_shell() {
        assert_eq!(expand("run {{other}}", None)[..2], ["/bin/sh", "-c"]);
    }
}
