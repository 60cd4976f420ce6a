//! The environment of workers: what they start from, what is added, what must not be overridden.

use std::ffi::OsString;

use crate::definitions::Environment;

/// Names that a repository's settings may not change: they decide what program runs.
const PROTECTED: &[&str] = &[
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "TERM",
    "COLORTERM",
];

/// What every terminal tells its programs about itself.
const TERMINAL: &[(&str, &str)] = &[
    ("TERM", "xterm-256color"),
    ("COLORTERM", "truecolor"),
    ("FORCE_COLOR", "1"),
];

/// Returns what a worker's environment starts from: that of the server without what an agent told
/// its children there, and with what the worker's own agent wants.
pub(crate) fn base(
    server: &[(OsString, OsString)],
    wanted: &Environment,
) -> Vec<(OsString, OsString)> {
    let removed = |name: &OsString| {
        let name = name.to_str();
        name.is_some_and(|name| wanted.removes(name) || wanted.set.contains_key(name))
    };
    let kept = server.iter().filter(|(name, _)| !removed(name)).cloned();
    let set = wanted.set.iter();
    kept.chain(set.map(|(name, value)| (name.into(), value.into())))
        .collect()
}

/// Builds a worker's environment: `base`, the repository's dotenv text, the terminal, and `own`
/// variables of ours, later ones winning.
pub(crate) fn build(
    base: &[(OsString, OsString)],
    dotenv: Option<&str>,
    own: &[(&str, String)],
) -> Vec<(OsString, OsString)> {
    let mut all = base.to_vec();
    let mut set = |name: &str, value: &str| {
        all.retain(|(known, _)| known != name);
        all.push((name.into(), value.into()));
    };
    for (name, value) in parse_dotenv(dotenv.unwrap_or_default()) {
        if !PROTECTED.contains(&name.as_str()) {
            set(&name, &value);
        }
    }
    TERMINAL.iter().for_each(|(name, value)| set(name, value));
    own.iter().for_each(|(name, value)| set(name, value));
    all
}

/// Sets variables in place of what they were.
pub(crate) fn set(all: &mut Vec<(OsString, OsString)>, variables: &[(OsString, OsString)]) {
    all.retain(|(known, _)| variables.iter().all(|(name, _)| name != known));
    all.extend_from_slice(variables);
}

/// Parses `KEY=value` lines. Values in matching quotes are literal, others end at `#`.
/// Blank lines, comments and lines without a usable name are skipped.
pub(crate) fn parse_dotenv(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || name.contains('\0') || value.contains('\0') {
        return None;
    }
    Some((name.to_owned(), unquote(value.trim()).to_owned()))
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value.split('#').next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_follows_the_documented_rules() {
        let text = "FOO=bar # c\n\n# no\nQ=\"a # b\"\nS='x\"y'\nBAD\n SP = v \nE=\n";
        let expected = [
            ("FOO", "bar"),
            ("Q", "a # b"),
            ("S", "x\"y"),
            ("SP", "v"),
            ("E", ""),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse_dotenv(text), expected);
    }

    #[test]
    fn an_agent_around_the_server_is_not_seen_by_its_workers() {
        let server = [("CLAUDECODE", "1"), ("PATH", "/bin"), ("SET", "old")];
        let server = server.map(|(name, value)| (name.into(), value.into()));
        let wanted = Environment {
            set: [("SET".to_owned(), "new".to_owned())].into(),
            remove: vec!["CLAUDECODE".to_owned()],
        };
        let expected = [("PATH", "/bin"), ("SET", "new")];
        let expected = expected.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(base(&server, &wanted), expected);
    }

    #[test]
    fn a_repository_cannot_change_what_runs() {
        let base = [
            ("PATH".into(), "/bin".into()),
            ("TERM".into(), "dumb".into()),
        ];
        let all = build(
            &base,
            Some("PATH=/evil\nLD_PRELOAD=x\nFOO=1"),
            &[("OWN", "2".to_owned())],
        );
        let get = |name: &str| {
            let found = all.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        assert_eq!(get("PATH").as_deref(), Some("/bin"));
        assert_eq!(get("LD_PRELOAD"), None);
        assert_eq!(get("FOO").as_deref(), Some("1"));
        assert_eq!(get("OWN").as_deref(), Some("2"));
        assert_eq!(get("TERM").as_deref(), Some("xterm-256color"));
        assert_eq!(all.iter().filter(|(name, _)| name == "TERM").count(), 1);
    }
}
