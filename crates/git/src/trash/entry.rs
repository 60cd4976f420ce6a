//! What an entry says of itself, in the message of its commit.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::names::{from_line, to_line};
use super::{TrashId, Trashed};
use crate::head::Head;

/// The form of entries that is written and read here.
const FORM: &str = "1";

/// An entry with what only restoring needs to know.
pub(super) struct Entry {
    pub(super) trashed: Trashed,
    /// The private git directory that the worktree had.
    pub(super) git_dir: PathBuf,
}

impl Entry {
    /// Writes the message.
    pub(super) fn message(&self) -> String {
        let trashed = &self.trashed;
        let (kind, branch) = match &trashed.head {
            Head::Branch(name) => ("branch", name.as_str()),
            Head::Unborn(name) => ("unborn", name.as_str()),
            Head::Detached(_) => ("detached", ""),
        };
        let path = to_line(trashed.path.as_os_str().as_bytes());
        let mut lines = vec![
            format!("removed worktree {path}"),
            String::new(),
            format!("Offshoot-Trash: {FORM}"),
            format!("Head: {kind}"),
            format!("Branch: {}", to_line(branch.as_bytes())),
            format!("Path: {path}"),
            format!("Git-Dir: {}", to_line(self.git_dir.as_os_str().as_bytes())),
            format!("Summary: {}", to_line(trashed.summary.as_bytes())),
            format!("Files: {}", trashed.n_files),
            format!("Time: {}", seconds(trashed.created_at)),
        ];
        if let Some(commit) = &trashed.commit {
            lines.push(format!("Commit: {commit}"));
        }
        if let Some(title) = &trashed.title {
            lines.push(format!("Title: {}", to_line(title.as_bytes())));
        }
        lines.join("\n") + "\n"
    }

    /// Reads the message. None when it is of another form.
    pub(super) fn parse(id: TrashId, message: &str) -> Option<Self> {
        let field = |name: &str| {
            message
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let text = |name: &str| String::from_utf8(from_line(field(name)?)?).ok();
        let path = |name: &str| Some(PathBuf::from(OsString::from_vec(from_line(field(name)?)?)));
        if field("Offshoot-Trash")? != FORM {
            return None;
        }
        let commit = field("Commit")
            .filter(|id| is_object_id(id))
            .map(str::to_owned);
        let head = match (field("Head")?, &commit) {
            ("branch", Some(_)) => Head::Branch(text("Branch")?),
            ("unborn", None) => Head::Unborn(text("Branch")?),
            ("detached", Some(commit)) => Head::Detached(commit.clone()),
            _ => return None,
        };
        if let Some(branch) = head.branch() {
            crate::valid_branch_name(branch).ok()?;
        }
        Some(Self {
            trashed: Trashed {
                id,
                head,
                commit,
                path: path("Path")?,
                title: text("Title"),
                summary: text("Summary")?,
                n_files: field("Files")?.parse().ok()?,
                created_at: UNIX_EPOCH + Duration::from_secs(field("Time")?.parse().ok()?),
            },
            git_dir: path("Git-Dir")?,
        })
    }
}

/// Whether a text is the full id of an object.
pub(super) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns whole seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |duration| duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_comes_back_from_its_message() {
        let id = TrashId::parse("0123456789abcdef").unwrap();
        let commit = "a".repeat(40);
        let heads = [
            (Head::Branch("é/x".to_owned()), Some(commit.clone())),
            (Head::Unborn("x".to_owned()), None),
            (Head::Detached(commit.clone()), Some(commit)),
        ];
        for (head, commit) in heads {
            let entry = Entry {
                trashed: Trashed {
                    id: id.clone(),
                    head,
                    commit,
                    path: PathBuf::from(OsString::from_vec(b"/a\nHead: unborn/\xff".to_vec())),
                    title: Some("a\nTitle: b 100% é".to_owned()),
                    summary: "1 staged".to_owned(),
                    n_files: 7,
                    created_at: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
                },
                git_dir: PathBuf::from("/r/.git/worktrees/a"),
            };
            let read = Entry::parse(id.clone(), &entry.message()).unwrap();
            assert_eq!(read.trashed, entry.trashed);
            assert_eq!(read.git_dir, entry.git_dir);
        }
    }

    #[test]
    fn other_messages_are_no_entries() {
        let id = TrashId::parse("0123456789abcdef").unwrap();
        for message in [
            "",
            "Offshoot-Trash: 2\n",
            "Offshoot-Trash: 1\nHead: branch\n",
        ] {
            assert!(Entry::parse(id.clone(), message).is_none());
        }
    }
}
