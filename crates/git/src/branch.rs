//! Branches: their names, which there are, renaming them.

use std::fmt;
use std::path::Path;

use crate::command::{Git, GitError};
use crate::head::head;
use crate::{Repository, lock};

/// Longest component of a name: its file and git's lock beside it must fit 255 bytes.
const COMPONENT_BYTES_MAX: usize = 250;

/// Longest name, so that its path fits the system's limit in any repository.
const NAME_BYTES_MAX: usize = 1000;

/// Characters that are not seen but change how the rest is read.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Longest name that is made from a text; a branch is read in lists.
const MADE_CHARS_MAX: usize = 40;

/// A text that cannot be the name of a branch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be the name of a branch: {reason}")]
pub struct InvalidBranch {
    /// The text.
    pub name: String,
    /// The rule it breaks.
    pub reason: BranchReason,
}

/// The rule that a branch name breaks; git's own, but for the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchReason {
    /// It is empty.
    Empty,
    /// It is too long for a file name.
    TooLong,
    /// It begins with a dash, and would read as an option.
    LeadingDash,
    /// It is `HEAD` or `@` or begins with `refs/`, which mean something else.
    Reserved,
    /// It holds a space, a control character, one that turns the writing around, or one of
    /// `~ ^ : ? * [ \`.
    Character(char),
    /// It holds `..` or `@{`, which mean something else.
    Sequence(&'static str),
    /// A part between slashes is empty, begins with a dot or ends with `.lock`; or it ends with a dot.
    Component,
}

impl fmt::Display for BranchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::TooLong => write!(f, "it is too long"),
            Self::LeadingDash => write!(f, "it begins with a dash"),
            Self::Reserved => write!(f, "git gives it another meaning"),
            Self::Character(c) => write!(f, "it holds {c:?}"),
            Self::Sequence(text) => write!(f, "it holds {text:?}"),
            Self::Component => write!(
                f,
                "between slashes must be something that does not begin or end with a dot or end with .lock"
            ),
        }
    }
}

/// Checks a branch name by the rules of `git check-ref-format --branch`, without running git.
pub fn valid_branch_name(name: &str) -> Result<(), InvalidBranch> {
    match broken_rule(name) {
        None => Ok(()),
        Some(reason) => Err(InvalidBranch {
            name: name.to_owned(),
            reason,
        }),
    }
}

fn broken_rule(name: &str) -> Option<BranchReason> {
    if name.is_empty() {
        return Some(BranchReason::Empty);
    }
    if name.starts_with('-') {
        return Some(BranchReason::LeadingDash);
    }
    // A full name of a reference: git takes it, and everybody reads it as another branch.
    if matches!(name, "HEAD" | "@") || name.starts_with("refs/") {
        return Some(BranchReason::Reserved);
    }
    let forbidden = |c: &char| c.is_control() || is_unseen(*c) || " ~^:?*[\\".contains(*c);
    if let Some(c) = name.chars().find(forbidden) {
        return Some(BranchReason::Character(c));
    }
    if let Some(sequence) = ["..", "@{"].into_iter().find(|text| name.contains(text)) {
        return Some(BranchReason::Sequence(sequence));
    }
    if name.len() > NAME_BYTES_MAX || name.split('/').any(|part| part.len() > COMPONENT_BYTES_MAX) {
        return Some(BranchReason::TooLong);
    }
    let bad = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    (name.ends_with('.') || name.split('/').any(bad)).then_some(BranchReason::Component)
}

/// Makes a branch name from a text for people: lower case, words joined by dashes, at most 40
/// characters. None when the text holds no letter and no digit.
pub fn branch_name_from(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut n_chars = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        let word = word.to_lowercase();
        let n = word.chars().count();
        let dash = usize::from(n_chars > 0);
        if n == 0 {
            continue;
        }
        if n_chars + dash + n > MADE_CHARS_MAX {
            if n_chars == 0 {
                name.extend(word.chars().take(MADE_CHARS_MAX));
            }
            break;
        }
        if dash == 1 {
            name.push('-');
        }
        name.push_str(&word);
        n_chars += dash + n;
    }
    // Letters of some scripts change into several when lowered; the checker has the last word.
    broken_rule(&name).is_none().then_some(name)
}

/// The branches of a repository. Names that are not UTF-8 are left out: no client could say them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branches {
    /// Local branches, in alphabetical order.
    pub local: Vec<String>,
    /// Remote-tracking branches with their remote's name, without the remotes' `HEAD`.
    pub remote: Vec<String>,
    /// The default branch, under a name that resolves here: `main`, or `origin/main` when there is
    /// no such local branch. None in a repository without commits.
    pub default: Option<String>,
}

/// Why a branch was not renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// The new name cannot be one.
    #[error(transparent)]
    InvalidBranch(#[from] InvalidBranch),
    /// There is no such branch.
    #[error("there is no branch {0:?}")]
    BranchNotFound(String),
    /// No branch is checked out that could be meant.
    #[error("no branch is checked out")]
    Detached,
    /// The new name is taken, or a part of it is.
    #[error("branch {0:?} exists")]
    BranchExists(String),
    /// git refused or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// Lists the branches.
    pub async fn branches(&self) -> Result<Branches, GitError> {
        let mut branches = self.branch_names().await?;
        branches.default = self.default_branch(&branches).await?;
        Ok(branches)
    }

    /// Lists the branches, without looking for the default one: that takes up to four more commands.
    pub(crate) async fn branch_names(&self) -> Result<Branches, GitError> {
        let listing = self
            .read()
            .args(["for-each-ref", "--format=%(refname)%00%(symref)"])
            .args(["refs/heads", "refs/remotes"])
            .run()
            .await?;
        let mut branches = Branches::default();
        for line in listing.split(|byte| *byte == b'\n') {
            let Some(name) = line.strip_suffix(b"\0") else {
                continue; // A symbolic ref, or the end.
            };
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            if let Some(local) = name.strip_prefix("refs/heads/") {
                branches.local.push(local.to_owned());
            } else if let Some(remote) = name.strip_prefix("refs/remotes/") {
                branches.remote.push(remote.to_owned());
            }
        }
        Ok(branches)
    }

    /// What the remote calls its default, else what is usual, else what is checked out.
    async fn default_branch(&self, branches: &Branches) -> Result<Option<String>, GitError> {
        let has = |list: &[String], name: &str| list.iter().any(|branch| branch == name);
        if let Some(remote) = self.remote_default().await? {
            let short = remote.split_once('/').map_or("", |(_, short)| short);
            if has(&branches.local, short) {
                return Ok(Some(short.to_owned()));
            }
            if has(&branches.remote, &remote) {
                return Ok(Some(remote));
            }
        }
        let configured = self
            .read()
            .args(["config", "--get", "init.defaultBranch"])
            .maybe_line()
            .await?
            .map(|name| name.to_string_lossy().into_owned());
        let usual = configured
            .into_iter()
            .chain(["main".to_owned(), "master".to_owned()])
            .find(|name| has(&branches.local, name));
        if usual.is_some() {
            return Ok(usual);
        }
        let checked_out = head(self.git_place()).await?.branch().map(str::to_owned);
        Ok(checked_out.filter(|name| has(&branches.local, name)))
    }

    /// What `origin/HEAD` points to, as `origin/main`.
    async fn remote_default(&self) -> Result<Option<String>, GitError> {
        let target = self
            .read()
            .args(["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"])
            .maybe_line()
            .await?;
        Ok(target.and_then(|name| {
            let name = name.to_str()?;
            name.strip_prefix("refs/remotes/").map(str::to_owned)
        }))
    }

    /// Returns `wanted`, or `wanted-2`, `wanted-3`, … : the first that no branch here or at a remote
    /// has, and that no branch's folder is in the way of.
    pub async fn unused_branch(&self, wanted: &str) -> Result<String, GitError> {
        let branches = self.branch_names().await?;
        let is_free = |name: &str| {
            !branches.local.iter().any(|branch| in_the_way(branch, name))
                && !branches.remote.iter().any(|branch| {
                    branch
                        .split_once('/')
                        .is_some_and(|(_, short)| short == name)
                })
        };
        let numbered = (2_u64..).map(|n| format!("{wanted}-{n}"));
        let free = std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(|name| is_free(name));
        Ok(free.expect("there are fewer branches than numbers"))
    }

    /// Deletes a branch, also one whose commits are nowhere else.
    ///
    /// git refuses when it is checked out in any worktree.
    pub async fn delete_branch(&self, name: &str) -> Result<(), GitError> {
        let _turn = lock::turn(self.common_dir()).await;
        Git::write(self.git_place())
            .args(["branch", "-D", "--quiet", "--", name])
            .run()
            .await
            .map(drop)
    }

    /// Renames a branch; without an old name the one that is checked out in `dir`. Worktrees that
    /// have it checked out follow.
    pub async fn rename_branch(
        &self,
        dir: &Path,
        old: Option<&str>,
        new: &str,
    ) -> Result<(), RenameError> {
        valid_branch_name(new)?;
        let _turn = lock::turn(self.common_dir()).await;
        let head = head(dir).await?;
        let old = match (old, head.branch()) {
            (Some(old), _) => old,
            (None, Some(checked_out)) => checked_out,
            (None, None) => return Err(RenameError::Detached),
        };
        if old == new {
            return Ok(());
        }
        let local = self.branch_names().await?.local;
        // A branch without commits is no ref yet.
        let is_unborn = matches!(&head, crate::Head::Unborn(name) if name == old);
        if !is_unborn && !local.iter().any(|branch| branch == old) {
            return Err(RenameError::BranchNotFound(old.to_owned()));
        }
        let others = local.iter().filter(|branch| *branch != old);
        if let Some(taken) = others.into_iter().find(|branch| in_the_way(branch, new)) {
            return Err(RenameError::BranchExists(taken.clone()));
        }
        Git::write(dir)
            .args(["branch", "-m", "--", old, new])
            .run()
            .await?;
        Ok(())
    }
}

/// Whether one branch's existence forbids the other's: the same, or one the folder of the other.
pub(crate) fn in_the_way(branch: &str, name: &str) -> bool {
    let is_folder = |folder: &str, of: &str| {
        of.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    branch == name || is_folder(branch, name) || is_folder(name, branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_names() {
        let table = [
            ("Fix the login page!", Some("fix-the-login-page")),
            ("  --upload-pack=touch x ", Some("upload-pack-touch-x")),
            ("a..b@{1}.lock", Some("a-b-1-lock")),
            ("Größe ÄNDERN", Some("größe-ändern")),
            ("ログイン", Some("ログイン")),
            ("HEAD", Some("head")),
            ("…!?", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(branch_name_from(text).as_deref(), expected, "{text}");
        }
        let long = branch_name_from(&"word ".repeat(40)).unwrap();
        assert!(
            long.len() <= MADE_CHARS_MAX && long.ends_with("word"),
            "{long}"
        );
        assert_eq!(
            branch_name_from(&"x".repeat(99)).unwrap().len(),
            MADE_CHARS_MAX
        );
    }

    #[test]
    fn folders_are_in_the_way() {
        let table = [
            ("a", "a", true),
            ("a", "a/b", true),
            ("a/b", "a", true),
            ("a", "ab", false),
            ("a-b", "a", false),
        ];
        for (branch, name, expected) in table {
            assert_eq!(in_the_way(branch, name), expected, "{branch} {name}");
        }
    }
}
