//! Filters: programs that turn a file's content into what is stored. Looking at a changed file runs
//! them, and a repository's own configuration can name any program.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::command::{Git, GitError};
use crate::config::{Setting, listing, settings};

/// Commands that git-lfs and git-crypt write into a repository's configuration. They are known to
/// be harmless, and without them unchanged files would look changed.
const KNOWN_COMMANDS: &[&[u8]] = &[
    b"git-lfs clean -- %f",
    b"git-lfs smudge -- %f",
    b"git-lfs smudge --skip -- %f",
    b"git-lfs filter-process",
    b"git-lfs filter-process --skip",
    b"\"git-crypt\" clean",
    b"\"git-crypt\" smudge",
];

/// Filters that a repository brings itself, to be switched off while one looks.
pub(crate) struct OwnFilters(Vec<OsString>);

impl OwnFilters {
    /// Finds the filters of the repository's configuration. Those of the user's and the system's
    /// configuration stay on: they are theirs.
    pub(crate) async fn of(dir: &Path) -> Result<Self, GitError> {
        let listing = listing(dir, r"^filter\..*\.(clean|smudge|process)$").await?;
        Ok(Self(parse(&listing)))
    }

    /// Switches the filters off for a command.
    pub(crate) fn switch_off(&self, git: Git) -> Git {
        self.0.iter().fold(git, |git, name| {
            let key = |last: &str| {
                let mut key = OsString::from("filter.");
                key.push(name);
                key.push(last);
                key
            };
            git.config(&key(".clean"), "")
                .config(&key(".smudge"), "")
                .config(&key(".process"), "")
                .config(&key(".required"), "false")
        })
    }
}

/// Finds the names of filters to switch off.
fn parse(listing: &[u8]) -> Vec<OsString> {
    let is_foreign = |setting: &Setting<'_>| {
        let is_own = !matches!(setting.scope, b"global" | b"system" | b"command");
        is_own && !KNOWN_COMMANDS.contains(&setting.value)
    };
    let mut names: Vec<_> = settings(listing)
        .filter(is_foreign)
        .filter_map(|setting| filter_name(setting.key).map(OsStr::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Cuts `evil` out of `filter.evil.clean`.
fn filter_name(key: &[u8]) -> Option<&OsStr> {
    let rest = key.strip_prefix(b"filter.")?;
    let end = rest.iter().rposition(|byte| *byte == b'.')?;
    Some(OsStr::from_bytes(&rest[..end]))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_unknown_filters_of_the_repository_are_found() {
        let listing = b"global\0filter.lfs.clean\ngit-lfs clean -- %f\0\
            local\0filter.a.b.clean\ntouch x\ny\0\
            worktree\0filter.a.b.process\nz\0\
            local\0filter.lfs.process\ngit-lfs filter-process\0\
            local\0filter.lfs2.process\ngit-lfs filter-process; touch x\0\
            global\0filter.mine.clean\ntouch x\0";
        assert_eq!(parse(listing), ["a.b", "lfs2"]);
        assert_eq!(parse(b""), Vec::<OsString>::new());
        let odd = OsString::from_vec(b"\xff".to_vec());
        assert_eq!(parse(b"local\0filter.\xff.clean\nx\0"), [odd]);
    }
}
