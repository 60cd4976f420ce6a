//! The files in which agents keep their conversations: their names, never their content beyond the
//! first line.

use std::ffi::OsString;
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use regex::Regex;

use crate::definitions::FileRule;

/// Files that are looked at. Agents that sort by date have the newest in the last directories, which
/// are looked at first.
const FILES: usize = 5_000;

/// Bytes of a first line in which the working directory is looked for.
const LINE_BYTES: u64 = 64 * 1024;

/// Processes below an agent whose open files are looked at.
const PROCESSES: usize = 200;

/// A conversation on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) file: PathBuf,
    pub(super) changed: SystemTime,
    /// The directory it is of, where the file tells it.
    cwd: CwdRule,
}

/// How the directory of a conversation is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CwdRule {
    /// The path of the file holds it.
    Path,
    /// The first line names it, in the first group of this pattern.
    Line(String),
}

impl Found {
    /// Tells whether the conversation is of a directory.
    pub(super) fn is_in(&self, cwd: &Path) -> bool {
        match &self.cwd {
            CwdRule::Path => true,
            CwdRule::Line(pattern) => named_cwd(&self.file, pattern).is_some_and(|named| {
                let named = Path::new(&named);
                named == cwd || cwd.canonicalize().is_ok_and(|real| real == named)
            }),
        }
    }
}

/// Lists the conversations of an agent, the newest first. Those of other directories may be among
/// them; see [`Found::is_in`].
pub(super) fn list(
    rule: &FileRule,
    environment: &[(OsString, OsString)],
    home: &Path,
    cwd: &Path,
) -> Vec<Found> {
    let Ok(pattern) = Regex::new(&rule.pattern) else {
        return Vec::new();
    };
    let mut found: Vec<Found> = files(rule, environment, home, cwd)
        .into_iter()
        .filter_map(|file| {
            let id = pattern
                .captures(file.to_str()?)?
                .name("id")?
                .as_str()
                .to_owned();
            let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some(Found {
                id,
                changed: metadata.modified().ok()?,
                file,
                cwd: match rule.cwd.is_empty() {
                    true => CwdRule::Path,
                    false => CwdRule::Line(rule.cwd.clone()),
                },
            })
        })
        .filter(|one| super::is_id(&one.id))
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.changed));
    found
}

fn files(
    rule: &FileRule,
    environment: &[(OsString, OsString)],
    home: &Path,
    cwd: &Path,
) -> Vec<PathBuf> {
    let variable = environment.iter().rev().find(|(name, value)| {
        !rule.variable.is_empty() && *name == *rule.variable && !value.is_empty()
    });
    let root = match variable {
        Some((_, value)) => PathBuf::from(value),
        None => match rule.directory.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => PathBuf::from(&rule.directory),
        },
    };
    let real = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
    let mut spellings = vec![hyphenated(cwd), hyphenated(&real)];
    spellings.dedup();
    let mut files = Vec::new();
    for spelling in spellings {
        let parts: Vec<String> = rule
            .glob
            .split('/')
            .map(|part| part.replace("{cwd}", &spelling))
            .collect();
        gather(&root, &parts, &mut files);
    }
    files
}

/// Collects what matches, of each directory the last name first.
fn gather(dir: &Path, parts: &[String], files: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    let paths = match part.contains('*') {
        false => vec![dir.join(part)],
        true => {
            let entries = std::fs::read_dir(dir).into_iter().flatten();
            let mut names: Vec<String> = entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| fits(part, name))
                .collect();
            names.sort_by(|one, other| other.cmp(one));
            names.into_iter().map(|name| dir.join(name)).collect()
        }
    };
    for path in paths {
        if files.len() >= FILES {
            return;
        }
        if rest.is_empty() {
            files.push(path);
        } else {
            gather(&path, rest, files);
        }
    }
}

/// Matches a name with `*` for any text.
fn fits(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

fn hyphenated(path: &Path) -> String {
    let text = path.to_string_lossy();
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    text.chars().map(letter).collect()
}

fn named_cwd(file: &Path, pattern: &str) -> Option<String> {
    let pattern = Regex::new(pattern).ok()?;
    let file = std::fs::File::open(file).ok()?;
    let mut line = Vec::new();
    std::io::BufReader::new(file.take(LINE_BYTES))
        .read_until(b'\n', &mut line)
        .ok()?;
    let line = String::from_utf8_lossy(&line);
    let found = pattern.captures(&line)?.name("cwd")?.as_str();
    // It stands in a JSON text.
    let unescaped = serde_json::from_str(&format!("\"{found}\""));
    Some(unescaped.unwrap_or_else(|_| found.to_owned()))
}

/// Returns the one of these conversations whose file a process or one below it has open. Only Linux
/// tells.
pub(super) fn open_in(pid: u32, found: &[Found]) -> Option<String> {
    let mut pids = vec![pid];
    let mut next = 0;
    while next < pids.len() && pids.len() < PROCESSES {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", pids[next])).ok();
        for task in tasks.into_iter().flatten().filter_map(Result::ok) {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            pids.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    let mut open = pids.iter().flat_map(|pid| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        files.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
    });
    open.find_map(|file| {
        let same = |one: &&Found| {
            one.file == file || one.file.canonicalize().is_ok_and(|real| real == file)
        };
        let name = file.file_name()?;
        let mut named = found
            .iter()
            .filter(|one| one.file.file_name() == Some(name));
        named.find(same).map(|one| one.id.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use offshoot_protocol::AgentId;

    fn rule(agent: &str) -> FileRule {
        let all = Definitions::built_in();
        let definition = all.get(&AgentId(agent.to_owned())).unwrap();
        definition.conversation.files.clone().unwrap()
    }

    const ID: &str = "0c9d1f8e-1111-4222-8333-444455556666";
    const OTHER: &str = "1c9d1f8e-1111-4222-8333-444455556666";

    #[test]
    fn conversations_of_claude_lie_in_a_directory_named_after_the_working_directory() {
        let home = tempfile::tempdir().unwrap();
        let cwd = Path::new("/home/me/my_repo.x");
        let dir = home.path().join(".claude/projects/-home-me-my-repo-x");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{ID}.jsonl")), "").unwrap();
        std::fs::write(dir.join("notes.txt"), "").unwrap();
        let found = list(&rule("claude-code"), &[], home.path(), cwd);
        let ids: Vec<_> = found.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, [ID]);
        assert!(found[0].is_in(cwd));
        let elsewhere = [("CLAUDE_CONFIG_DIR".into(), "/nowhere".into())];
        assert!(list(&rule("claude-code"), &elsewhere, home.path(), cwd).is_empty());
    }

    #[test]
    fn conversations_of_codex_name_their_directory_in_the_first_line() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/11/24");
        std::fs::create_dir_all(&day).unwrap();
        for (id, cwd) in [(ID, "/a \\\"b\\\""), (OTHER, "/other")] {
            let line = format!("{{\"cwd\":\"{cwd}\"}}\n{{\"cwd\":\"/later\"}}\n");
            std::fs::write(
                day.join(format!("rollout-2026-11-24T10-00-00-{id}.jsonl")),
                line,
            )
            .unwrap();
        }
        let environment = [("CODEX_HOME".into(), home.path().as_os_str().to_owned())];
        let cwd = Path::new("/a \"b\"");
        let found = list(&rule("codex"), &environment, Path::new("/none"), cwd);
        assert_eq!(found.len(), 2);
        let here: Vec<_> = found.iter().filter(|one| one.is_in(cwd)).collect();
        assert_eq!(here.len(), 1);
        assert_eq!(here[0].id, ID);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_file_tells_its_process() {
        let home = tempfile::tempdir().unwrap();
        let cwd = Path::new("/w");
        let dir = home.path().join(".claude/projects/-w");
        std::fs::create_dir_all(&dir).unwrap();
        for id in [ID, OTHER] {
            std::fs::write(dir.join(format!("{id}.jsonl")), "").unwrap();
        }
        let found = list(&rule("claude-code"), &[], home.path(), cwd);
        let me = std::process::id();
        assert_eq!(open_in(me, &found), None);
        let _open = std::fs::File::open(dir.join(format!("{OTHER}.jsonl"))).unwrap();
        assert_eq!(open_in(me, &found).as_deref(), Some(OTHER));
    }

    #[test]
    fn globs_have_stars() {
        for (glob, name, expected) in [
            ("*", "x", true),
            ("*.jsonl", "a.jsonl", true),
            ("rollout-*.jsonl", "rollout-1.jsonl", true),
            ("rollout-*.jsonl", "other-1.jsonl", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
        ] {
            assert_eq!(fits(glob, name), expected, "{glob} {name}");
        }
    }
}
