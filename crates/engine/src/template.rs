//! Command templates: text with `{{prompt}}` and `{{cwd}}` becomes an argument vector.
//!
//! Values never become part of a shell line. A template of plain words is split into arguments and
//! each value is (part of) one argument. A template that needs a shell is run by `/bin/sh -c` with
//! the values as positional parameters, so that a value is data there too. Pure; cannot fail: what
//! is not a placeholder stays as it is.

use std::ffi::OsString;
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

/// Expands a template to an argument vector.
pub(crate) fn argv(template: &str, values: Values<'_>) -> Vec<OsString> {
    let outside = template.replace(PROMPT, "").replace(CWD, "");
    if let Some(words) = plain_words(template, &outside) {
        let words = words
            .iter()
            .filter(|word| values.prompt.is_some() || *word != PROMPT);
        return words.map(|word| fill(word, values)).collect();
    }
    let mut line = template.to_owned();
    for (placeholder, parameter) in [(PROMPT, "\"$1\""), (CWD, "\"$2\"")] {
        for quote in ["\"", "'", ""] {
            line = line.replace(&format!("{quote}{placeholder}{quote}"), parameter);
        }
    }
    let prompt = values.prompt.unwrap_or_default();
    let fixed = ["/bin/sh", "-c", &line, "sh", prompt].map(OsString::from);
    fixed.into_iter().chain([values.cwd.into()]).collect()
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
    let mut filled = OsString::new();
    let mut rest = word;
    while let Some(open) = rest.find("{{") {
        filled.push(&rest[..open]);
        rest = &rest[open..];
        if let Some(after) = rest.strip_prefix(PROMPT) {
            filled.push(values.prompt.unwrap_or_default());
            rest = after;
        } else if let Some(after) = rest.strip_prefix(CWD) {
            filled.push(values.cwd);
            rest = after;
        } else {
            filled.push("{{");
            rest = &rest[2..];
        }
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
    fn quotes_group_words() {
        assert_eq!(
            expand("run 'a b' \"c d\" e\\ f", None),
            ["run", "a b", "c d", "e f"]
        );
    }

    #[test]
    fn unknown_placeholders_are_left_to_the_shell() {
        assert_eq!(expand("run {{other}}", None)[..2], ["/bin/sh", "-c"]);
    }
}
