//! The trash: work of removed worktrees, kept under `refs/offshoot/trash/<id>`.
//!
//! An entry is a commit. Its parents are the commit that was checked out and all others that only
//! the worktree named (by its reflog or an operation in progress). Its tree holds, as raw bytes that
//! no filter has seen:
//!
//! ```text
//! worktree/…   every file and symbolic link that is not ignored, also inside of submodules and other
//!              repositories, with these repositories' own `.git`
//! gitdir/…     the worktree's private git directory: index, logs, a merge or rebase in progress, the
//!              repositories of its submodules with all their commits and stashes
//! index/<n>/…  what is staged, so that git keeps it
//! ```
//!
//! A part of a path that begins with `.git` or `%` has a `%` before it; an empty folder of a git
//! directory is a file `%` in it. What took the place of the worktree's own `.git` is kept beside it
//! as `.git.replaced`. Stashes are the repository's
//! and stay there. Not kept: ignored files, other empty folders, modes but for the executable bit, times,
//! and git directories that are outside of the worktree, which removing it does not touch.
//!
//! Nothing that the repository's configuration names runs, neither for keeping nor for restoring.
//! Keeping fails as a whole: there is an entry with everything, or none and the worktree stays.

mod entry;
mod gather;
mod keep;
mod names;
mod restore;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use self::entry::Entry;
use self::gather::{Gathered, Source};
use crate::command::{Git, GitError};
use crate::head::head_by;
use crate::task::{blocking, undisturbed};
use crate::worktree::{RemoveError, find, remove_kept};
use crate::{AddError, Head, Repository, Worktree, lock, status};

/// How long removed work is kept.
pub const TRASH_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The name of an entry in a repository's trash: 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrashId(String);

/// An entry in the trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trashed {
    /// Its name.
    pub id: TrashId,
    /// What the worktree had checked out.
    pub head: Head,
    /// The commit that was checked out; none before the first commit.
    pub commit: Option<String>,
    /// Where the worktree was.
    pub path: PathBuf,
    /// What somebody called it: the title of a session.
    pub title: Option<String>,
    /// What was not committed, in words: `1 staged, 2 untracked`.
    pub summary: String,
    /// Files of the working tree that are kept.
    pub n_files: u32,
    /// When it was kept.
    pub created_at: SystemTime,
}

/// A worktree that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where it is.
    pub path: PathBuf,
    /// What it has checked out: the old branch, a new one when that was taken, or a commit.
    pub head: Head,
}

/// Why something was not put into the trash or taken out. Nothing is lost and nothing half done.
#[derive(Debug, thiserror::Error)]
pub enum TrashError {
    /// There is no such entry.
    #[error("there is nothing {0:?} in the trash")]
    NotFound(String),
    /// The entry was not made here, or by a later version.
    #[error("the entry {0} of the trash has an unknown form")]
    UnknownForm(TrashId),
    /// The worktree changes all the time. Stop what works in it.
    #[error("the worktree changes while it is being kept: stop what works in it")]
    Changing,
    /// The worktree was not removed, or may not be. If it was kept, the entry is in the trash.
    #[error(transparent)]
    Remove(RemoveError),
    /// The worktree was not made again.
    #[error(transparent)]
    Add(AddError),
    /// A file could not be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git refused, did not end in time or could not run.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl TrashId {
    /// Reads a name; none when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 16 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrashId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Repository {
    /// Keeps a linked worktree's work in the trash; the worktree stays as it is. Of a worktree whose
    /// directory is gone, what git still knows of it.
    ///
    /// Costs the reading of all its files. Begun, it is finished even when the caller goes away.
    pub async fn keep_in_trash(
        &self,
        worktree: &Path,
        title: Option<&str>,
    ) -> Result<Trashed, TrashError> {
        let keep = self.keeping(worktree, title);
        undisturbed(async move {
            let _turn = lock::turn(keep.repository.common_dir()).await;
            let (_, source) = keep.find().await?;
            let (trashed, _) = keep.steady(&source).await?;
            Ok(trashed)
        })
        .await
    }

    /// Keeps a linked worktree's work in the trash, looks whether all of it is there and nothing has
    /// changed meanwhile, and only then removes the worktree with everything in it, also a locked one
    /// and one whose `.git` was replaced. Its branch stays. When it cannot be removed and is still
    /// there as it was, nothing is left in the trash.
    ///
    /// Begun, it is finished even when the caller goes away.
    pub async fn remove_into_trash(
        &self,
        worktree: &Path,
        title: Option<&str>,
    ) -> Result<Trashed, TrashError> {
        let keep = self.keeping(worktree, title);
        undisturbed(async move {
            let _turn = lock::turn(keep.repository.common_dir()).await;
            let (worktree, source) = keep.find().await?;
            let (trashed, gathered) = keep.steady(&source).await?;
            if source.gather().await? != gathered {
                keep.repository.drop_now(&trashed.id).await?;
                return Err(TrashError::Changing);
            }
            let is_linked = worktree.missing || source.is_linked().await;
            let removed = remove_kept(&keep.repository, &worktree, is_linked).await;
            if removed.is_err() && source.gather().await.is_ok_and(|now| now == gathered) {
                keep.repository.drop_now(&trashed.id).await?;
            }
            removed.map_err(TrashError::Remove)?;
            Ok(trashed)
        })
        .await
    }

    /// Lists the trash, the newest first. What has another form than ours is left out.
    pub async fn trash(&self) -> Result<Vec<Trashed>, TrashError> {
        let mut all: Vec<_> = self
            .entries(REFS)
            .await?
            .into_iter()
            .filter_map(|(_, entry)| entry.map(|entry| entry.trashed))
            .collect();
        all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(all)
    }

    /// Makes a worktree again at a path where nothing is; the entry stays in the trash.
    ///
    /// It gets the branch that is asked for, as a new one; without, its old branch if that is free
    /// and has not moved, else a new one with a number. Every byte, the index and an operation in
    /// progress come back; links of submodules lead to the new place. Begun, it is finished even when
    /// the caller goes away.
    pub async fn restore(
        &self,
        id: &TrashId,
        target: &Path,
        new_branch: Option<&str>,
    ) -> Result<Restored, TrashError> {
        let repository = self.clone();
        let target = self.root().join(target);
        let new_branch = new_branch.map(str::to_owned);
        let id = id.clone();
        undisturbed(async move {
            let _turn = lock::turn(repository.common_dir()).await;
            let entry = repository.entry(&id).await?;
            restore::restore(&repository, &entry, &target, new_branch.as_deref()).await
        })
        .await
    }

    /// Drops an entry for good.
    pub async fn drop_trash(&self, id: &TrashId) -> Result<(), TrashError> {
        let _turn = lock::turn(self.common_dir()).await;
        match self.ref_exists(&ref_name(id)).await? {
            true => self.drop_now(id).await,
            false => Err(TrashError::NotFound(id.to_string())),
        }
    }

    /// Drops the entries that were kept before a time, [`TRASH_KEPT`] ago; returns them.
    pub async fn expire_trash(&self, before: SystemTime) -> Result<Vec<Trashed>, TrashError> {
        let _turn = lock::turn(self.common_dir()).await;
        let mut expired = self.trash().await?;
        expired.retain(|trashed| trashed.created_at < before);
        for trashed in &expired {
            self.drop_now(&trashed.id).await?;
        }
        Ok(expired)
    }

    fn keeping(&self, worktree: &Path, title: Option<&str>) -> Keep {
        Keep {
            repository: self.clone(),
            worktree: self.root().join(worktree),
            title: title.map(str::to_owned),
        }
    }

    async fn entry(&self, id: &TrashId) -> Result<Entry, TrashError> {
        match self.entries(&ref_name(id)).await?.pop() {
            Some((_, Some(entry))) => Ok(entry),
            Some((_, None)) => Err(TrashError::UnknownForm(id.clone())),
            None => Err(TrashError::NotFound(id.to_string())),
        }
    }

    /// Reads the entries below a folder of refs; of those in another form, only the name.
    async fn entries(&self, below: &str) -> Result<Vec<(TrashId, Option<Entry>)>, TrashError> {
        let listing = self
            .read()
            .args([
                "for-each-ref",
                "--format=%(refname)%00%(contents)%00",
                below,
            ])
            .run()
            .await?;
        let mut entries = Vec::new();
        let mut fields = listing.split(|byte| *byte == 0);
        while let (Some(name), Some(message)) = (fields.next(), fields.next()) {
            let name = String::from_utf8_lossy(name);
            let Some(id) = name
                .trim_start()
                .strip_prefix(REFS)
                .and_then(TrashId::parse)
            else {
                continue;
            };
            let entry = Entry::parse(id.clone(), &String::from_utf8_lossy(message));
            entries.push((id, entry));
        }
        Ok(entries)
    }

    async fn drop_now(&self, id: &TrashId) -> Result<(), TrashError> {
        Git::write(self.git_place())
            .args(["update-ref", "-d", &ref_name(id)])
            .run()
            .await?;
        Ok(())
    }
}

/// The folder of the entries.
const REFS: &str = "refs/offshoot/trash/";

/// Times that keeping is tried on a worktree that changes.
const TRIES: u32 = 3;

fn ref_name(id: &TrashId) -> String {
    format!("{REFS}{id}")
}

/// A worktree to be kept.
struct Keep {
    repository: Repository,
    worktree: PathBuf,
    title: Option<String>,
}

impl Keep {
    async fn find(&self) -> Result<(Worktree, Source), TrashError> {
        let worktree = find(&self.repository, &self.worktree)
            .await
            .map_err(TrashError::Remove)?;
        let allowed = worktree.may_be_removed().await;
        allowed.map_err(TrashError::Remove)?;
        let common_dir = self.repository.common_dir().to_owned();
        let top = worktree.path.clone();
        let git_dir = blocking(move || keep::private_git_dir(&common_dir, &top)).await;
        let git_dir = git_dir
            .ok_or_else(|| TrashError::Remove(RemoveError::NotAWorktree(self.worktree.clone())))?;
        let top = worktree.path.clone();
        Ok((worktree, Source { top, git_dir }))
    }

    /// Keeps everything; once more when something changed under the reading.
    async fn steady(&self, source: &Source) -> Result<(Trashed, Gathered), TrashError> {
        for _ in 1..TRIES {
            match self.once(source).await {
                Err(TrashError::Changing) => {}
                answer => return answer,
            }
        }
        self.once(source).await
    }

    /// Says what is not committed; not of another repository that took the place.
    async fn summary(&self, source: &Source) -> String {
        if tokio::fs::metadata(&source.top).await.is_err() {
            String::new()
        } else if source.is_linked().await {
            let status = status(&source.top).await;
            status.map_or_else(|_| String::new(), |status| status.to_string())
        } else {
            "its .git was replaced".to_owned()
        }
    }

    async fn once(&self, source: &Source) -> Result<(Trashed, Gathered), TrashError> {
        let gathered = source.gather().await?;
        let (head, commit) = head_by(|| source.read()).await?;
        let summary = self.summary(source).await;
        let is_file = |item: &&gather::Item| {
            item.part == gather::Part::Worktree && item.kind != gather::Kind::Folder
        };
        let n_files = gathered.items.iter().filter(is_file).count();
        let entry = Entry {
            trashed: Trashed {
                id: new_id(),
                head,
                commit,
                path: source.top.clone(),
                title: self.title.clone(),
                summary,
                n_files: u32::try_from(n_files).unwrap_or(u32::MAX),
                created_at: whole_seconds(SystemTime::now()),
            },
            git_dir: source.git_dir.clone(),
        };
        let kept = keep::write(&self.repository, source, &entry, &gathered).await;
        if kept.is_err() && self.repository.drop_now(&entry.trashed.id).await.is_err() {
            tracing::debug!("there is no entry to take back");
        }
        kept?;
        Ok((entry.trashed, gathered))
    }
}

/// Tells whether what is called `.git` in a linked worktree is what it was made with.
pub(crate) async fn has_its_link(repository: &Repository, top: &Path) -> bool {
    let common_dir = repository.common_dir().to_owned();
    let top = top.to_owned();
    blocking(move || {
        let git_dir = keep::private_git_dir(&common_dir, &top);
        git_dir.is_some_and(|git_dir| gather::leads_to(&top.join(".git"), &git_dir))
    })
    .await
}

/// Makes a name that nobody has.
fn new_id() -> TrashId {
    let random = getrandom::u64().expect("the system has a source of randomness");
    TrashId(format!("{random:016x}"))
}

/// What comes back from a commit.
fn whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(entry::seconds(time))
}
