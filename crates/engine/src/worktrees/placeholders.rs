//! Placeholders of worktree templates and setup commands: `{{WORKTREE_NUM + 3000}}` and its kin.
//!
//! Pure; cannot fail: what is not exactly a placeholder, or has no value, stays as it is.

use std::borrow::Cow;

use crate::template::Quotes;

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// The number of the worktree in its repository.
    pub(crate) index: u32,
    /// Its branch.
    pub(crate) branch: &'a str,
    /// What the repository is called.
    pub(crate) repo: &'a str,
    /// Its directory.
    pub(crate) path: &'a str,
}

/// What a placeholder became.
struct Found<'a> {
    /// Length of the placeholder in the text.
    n_bytes: usize,
    value: Cow<'a, str>,
    /// The variable of a setup command that holds the same value.
    variable: Option<&'static str>,
}

/// Replaces the placeholders of a file.
pub(crate) fn expand(text: &str, facts: Facts<'_>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        expanded.push_str(&rest[..open]);
        rest = &rest[open..];
        match find(rest, facts) {
            Some(found) => {
                expanded.push_str(&found.value);
                rest = &rest[found.n_bytes..];
            }
            None => {
                // One brace only: `{{{BRANCH}}` holds a placeholder from its second one on.
                expanded.push('{');
                rest = &rest[1..];
            }
        }
    }
    expanded.push_str(rest);
    expanded
}

/// Replaces the placeholders of a shell command. A value that a shell would read as more than one
/// plain word is given as a variable instead, quoted for the place it stands in: it stays data.
pub(crate) fn expand_command(command: &str, facts: Facts<'_>) -> String {
    let mut quotes = Quotes::default();
    let mut line = String::with_capacity(command.len());
    let mut rest = command;
    while let Some(c) = rest.chars().next() {
        let Some(found) = find(rest, facts) else {
            quotes.step(c);
            line.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        match found.variable {
            Some(name) if !is_plain(&found.value) => line += &quotes.variable(name),
            _ => line += &found.value,
        }
        rest = &rest[found.n_bytes..];
    }
    line
}

/// Whether a shell reads a text as itself wherever it stands.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/@:+,-".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// Reads a placeholder at the beginning of a text.
fn find<'a>(text: &str, facts: Facts<'a>) -> Option<Found<'a>> {
    let inner = text.strip_prefix("{{")?;
    let inner = &inner[..inner.find("}}")?];
    let (value, variable) = match inner {
        "BRANCH" => (facts.branch.into(), Some("BRANCH")),
        "REPO" => (facts.repo.into(), Some("REPO")),
        "WORKTREE_PATH" => (facts.path.into(), Some("WORKTREE_PATH")),
        number => {
            let sum = number.strip_prefix("WORKTREE_NUM")?;
            (calculate(facts.index, sum)?.to_string().into(), None)
        }
    };
    Some(Found {
        n_bytes: inner.len() + 4,
        value,
        variable,
    })
}

/// Calculates what follows the number: nothing, or an operator and an unsigned number. None when it
/// is something else, or has no value.
fn calculate(index: u32, sum: &str) -> Option<i128> {
    let index = i128::from(index);
    if sum.is_empty() {
        return Some(index);
    }
    let sum = sum.trim_start();
    let operator = sum.chars().next()?;
    let operand = sum[operator.len_utf8()..].trim_start();
    if operand.is_empty() || !operand.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let operand: i128 = operand.parse().ok()?;
    match operator {
        '+' => index.checked_add(operand),
        '-' => index.checked_sub(operand),
        '*' => index.checked_mul(operand),
        // Neither is negative, so that this rounds down.
        '/' => index.checked_div(operand),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        index: 7,
        branch: "fix/cart",
        repo: "shop",
        path: "/w/wt-007-abcd",
    };

    #[test]
    fn placeholders_become_values_and_nothing_else_does() {
        let table = [
            ("{{WORKTREE_NUM}}", "7"),
            ("{{WORKTREE_NUM + 3000}}", "3007"),
            ("{{WORKTREE_NUM+3000}}", "3007"),
            ("{{WORKTREE_NUM  *\t10}}", "70"),
            ("{{WORKTREE_NUM - 10}}", "-3"),
            ("{{WORKTREE_NUM / 2}}", "3"),
            ("{{WORKTREE_NUM / 007}}", "1"),
            (
                "{{BRANCH}} {{REPO}} {{WORKTREE_PATH}}",
                "fix/cart shop /w/wt-007-abcd",
            ),
            ("a{{BRANCH}}{{BRANCH}}b", "afix/cartfix/cartb"),
            ("{{{BRANCH}}}", "{fix/cart}"),
            ("{{X{{BRANCH}}", "{{Xfix/cart"),
            // What stays.
            ("{{ WORKTREE_NUM }}", "{{ WORKTREE_NUM }}"),
            ("{{WORKTREE_NUM }}", "{{WORKTREE_NUM }}"),
            ("{{WORKTREE_NUM + 3 }}", "{{WORKTREE_NUM + 3 }}"),
            ("{{WORKTREE_NUM + -3}}", "{{WORKTREE_NUM + -3}}"),
            ("{{WORKTREE_NUM + +3}}", "{{WORKTREE_NUM + +3}}"),
            ("{{WORKTREE_NUM + 1 + 1}}", "{{WORKTREE_NUM + 1 + 1}}"),
            ("{{WORKTREE_NUM + 1.5}}", "{{WORKTREE_NUM + 1.5}}"),
            ("{{WORKTREE_NUM + 0x1}}", "{{WORKTREE_NUM + 0x1}}"),
            ("{{WORKTREE_NUM ^ 2}}", "{{WORKTREE_NUM ^ 2}}"),
            ("{{WORKTREE_NUM / 0}}", "{{WORKTREE_NUM / 0}}"),
            ("{{WORKTREE_NUM +}}", "{{WORKTREE_NUM +}}"),
            ("{{WORKTREE_NUM3}}", "{{WORKTREE_NUM3}}"),
            (
                "{{branch}} {{X}} {{}} {{BRANCH",
                "{{branch}} {{X}} {{}} {{BRANCH",
            ),
            ("{{WORKTREE_NUM é 3}}", "{{WORKTREE_NUM é 3}}"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, FACTS), expected, "{text}");
        }
        let huge = format!("{{{{WORKTREE_NUM * {}}}}}", "9".repeat(60));
        assert_eq!(expand(&huge, FACTS), huge);
    }

    #[test]
    fn values_are_not_looked_through_again() {
        let facts = Facts {
            branch: "{{REPO}}",
            ..FACTS
        };
        assert_eq!(expand("{{BRANCH}}", facts), "{{REPO}}");
    }

    #[test]
    fn plain_values_stand_in_a_command_as_they_are() {
        let command = "echo {{WORKTREE_NUM + 3000}} '{{BRANCH}}' $BRANCH {{X}}";
        let expected = "echo 3007 'fix/cart' $BRANCH {{X}}";
        assert_eq!(expand_command(command, FACTS), expected);
    }

    #[test]
    fn no_value_becomes_a_command() {
        let facts = Facts {
            repo: "it's `x` $(touch hit) \"q\"; *",
            path: "/w w/'x'",
            ..FACTS
        };
        for command in [
            "printf '%s|%s' {{REPO}} {{WORKTREE_PATH}}",
            "printf '%s|%s' \"{{REPO}}\" \"{{WORKTREE_PATH}}\"",
            "printf '%s|%s' '{{REPO}}' '{{WORKTREE_PATH}}'",
            "printf '%s|%s' \"$(printf %s {{REPO}})\" {{WORKTREE_PATH}}",
        ] {
            let output = std::process::Command::new("/bin/sh")
                .args(["-c", &expand_command(command, facts)])
                .envs([("REPO", facts.repo), ("WORKTREE_PATH", facts.path)])
                .current_dir("/")
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let expected = format!("{}|{}", facts.repo, facts.path);
            assert_eq!(printed, expected, "{command}");
        }
    }
}
