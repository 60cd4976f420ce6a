//! What there is to keep of a worktree: its files that are not ignored, its private git directory,
//! and the repositories inside it (submodules and others) with their own git directories.
//!
//! Looks only, follows no symbolic link, and reads nothing outside of the two directories.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::TrashError;
use crate::command::{Git, GitError};
use crate::repository::link_target;
use crate::task::blocking;

/// Files of a worktree's private git directory that belong to its place, not to its work.
const OF_THE_PLACE: &[&str] = &["gitdir", "commondir", "locked"];

/// What leads from a worktree to its git directory.
const GIT: &str = ".git";

/// The name under which is kept what took the place of that.
const REPLACED: &str = ".git.replaced";

/// A file or a symbolic link to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Where it is.
    pub(super) source: PathBuf,
    /// Which of the two directories it is in.
    pub(super) part: Part,
    /// Where it is in there.
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) kind: Kind,
    /// Its state when it was seen.
    pub(super) stamp: Stamp,
}

/// The part of an entry that a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The working tree.
    Worktree,
    /// The worktree's private git directory.
    GitDir,
}

impl Part {
    /// The folder of the part in an entry's tree.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Worktree => "worktree",
            Self::GitDir => "gitdir",
        }
    }
}

/// What a kept thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A file that may be run.
    Program,
    /// A symbolic link.
    Link,
    /// An empty folder of a git directory: without some of them it is none.
    Folder,
}

/// A file's state: any change of content or mode changes it, for nobody can set a change time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    size_bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// Reads the state from what the system says.
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size_bytes: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The file's size.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

/// An entry of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) mode: String,
    pub(super) object: String,
    pub(super) stage: String,
    pub(super) path: PathBuf,
}

/// Mode of a commit in a tree: a submodule.
pub(super) const MODE_COMMIT: &str = "160000";

/// A worktree to be kept: its directory, and its private git directory below the common one.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) top: PathBuf,
    pub(super) git_dir: PathBuf,
}

/// Everything that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gathered {
    pub(super) items: Vec<Item>,
    pub(super) staged: Vec<Staged>,
}

/// A repository in the worktree: the worktree itself, or one inside.
struct Inner {
    /// Its place, from the top of the worktree.
    path: PathBuf,
    /// Its git directory; none when that is not ours to read, or is none.
    git_dir: Option<PathBuf>,
}

/// What git lists in a repository.
struct Listing {
    staged: Vec<Staged>,
    /// Repositories without the slash that git adds.
    untracked: Vec<PathBuf>,
}

impl Source {
    /// Begins a command about the worktree that only looks. Does not depend on the link to the git
    /// directory, which anybody who works in the worktree can change.
    pub(super) fn read(&self) -> Git {
        repository(&self.git_dir, &self.top)
    }

    /// Tells whether the worktree's `.git` is what it was made with. Whoever works in it can put
    /// anything there.
    pub(super) async fn is_linked(&self) -> bool {
        let source = self.clone();
        blocking(move || leads_to(&source.top.join(GIT), &source.git_dir)).await
    }

    /// Finds everything.
    pub(super) async fn gather(&self) -> Result<Gathered, TrashError> {
        let source = self.clone();
        let mut items = blocking(move || {
            let mut items = private_files(&source.git_dir)?;
            source.look_at_replaced(&mut items)?;
            Ok::<_, TrashError>(items)
        })
        .await?;
        let outer = list(&self.git_dir, &self.top).await?;
        let staged = outer.staged.clone();
        let mut listing = Some(outer);
        let mut inner = Inner {
            path: PathBuf::new(),
            git_dir: Some(self.git_dir.clone()),
        };
        let mut waiting: Vec<Inner> = Vec::new();
        loop {
            let source = self.clone();
            let (found, inside) = blocking(move || source.look(&inner, listing)).await?;
            items.extend(found);
            waiting.extend(inside);
            let Some(next) = waiting.pop() else { break };
            listing = match &next.git_dir {
                // One that git cannot read is kept whole.
                Some(git_dir) => list(git_dir, &self.top.join(&next.path)).await.ok(),
                None => None,
            };
            inner = next;
        }
        items.sort_by(|a, b| a.source.cmp(&b.source));
        items.dedup_by(|a, b| a.source == b.source);
        Ok(Gathered { items, staged })
    }

    /// Finds the files of one repository, and the repositories inside it. Without a listing, all
    /// files.
    fn look(
        &self,
        inner: &Inner,
        listing: Option<Listing>,
    ) -> Result<(Vec<Item>, Vec<Inner>), TrashError> {
        let mut items = Vec::new();
        let mut inside = Vec::new();
        let Some(listing) = listing else {
            walk(&self.top, &inner.path, Part::Worktree, &mut items)?;
            return Ok((items, inside));
        };
        let mut folders = Folders::default();
        for path in listing.paths() {
            let path = inner.path.join(path);
            if !folders.are_real(&self.top, &path) {
                continue;
            }
            // Of a tracked path that became a folder, the files are listed themselves, unless it is a
            // repository.
            if look_at(&self.top, &path, Part::Worktree, &mut items)?
                && listing.is_repository(&inner.path, &path)
            {
                let git_dir = self.inner_git_dir(&path);
                inside.push(Inner { path, git_dir });
            }
        }
        // git tells nothing of what is called `.git`, whether it is a repository or only looks so.
        for folder in folders.real().chain([inner.path.as_path()]) {
            if !folder.as_os_str().is_empty() {
                self.look_at_git_dir(&folder.join(".git"), &mut items)?;
            }
        }
        Ok((items, inside))
    }

    /// Finds what took the place of the worktree's own `.git`, to be kept under a name that git reads
    /// nothing from.
    fn look_at_replaced(&self, items: &mut Vec<Item>) -> Result<(), TrashError> {
        if leads_to(&self.top.join(GIT), &self.git_dir) {
            return Ok(());
        }
        let is_free = |name: &String| self.top.join(name).symlink_metadata().is_err();
        let names = (2..).map(|n| format!("{REPLACED}-{n}"));
        let name = std::iter::once(REPLACED.to_owned()).chain(names);
        let name = name.into_iter().find(is_free).unwrap_or_default();
        let mut found = Vec::new();
        self.look_at_git_dir(Path::new(GIT), &mut found)?;
        for mut item in found {
            let inside = item.path.strip_prefix(GIT).unwrap_or(Path::new(""));
            // Joining nothing would leave a slash.
            item.path = match inside.as_os_str().is_empty() {
                true => PathBuf::from(&name),
                false => Path::new(&name).join(inside),
            };
            items.push(item);
        }
        Ok(())
    }

    fn look_at_git_dir(&self, path: &Path, items: &mut Vec<Item>) -> Result<(), TrashError> {
        match look_at(&self.top, path, Part::Worktree, items)? {
            true => walk(&self.top, path, Part::Worktree, items),
            false => Ok(()),
        }
    }

    /// Finds the git directory of a repository inside the worktree, if that goes with the worktree.
    fn inner_git_dir(&self, path: &Path) -> Option<PathBuf> {
        let top = self.top.join(path);
        let link = top.join(".git");
        let metadata = std::fs::symlink_metadata(&link).ok()?;
        if metadata.is_dir() {
            return Some(link);
        }
        if !metadata.is_file() || metadata.len() > 1 << 16 {
            return None;
        }
        let target = link_target(&std::fs::read(&link).ok()?)?;
        let git_dir = top.join(target).canonicalize().ok()?;
        let ours = self.git_dir.canonicalize().ok()?;
        (git_dir != ours && git_dir.starts_with(ours)).then_some(git_dir)
    }
}

impl Listing {
    /// All paths, each once.
    fn paths(&self) -> BTreeSet<PathBuf> {
        let staged = self.staged.iter().map(|staged| staged.path.clone());
        staged.chain(self.untracked.iter().cloned()).collect()
    }

    /// Whether a folder that was listed is a repository of its own.
    fn is_repository(&self, prefix: &Path, path: &Path) -> bool {
        let Ok(path) = path.strip_prefix(prefix) else {
            return false;
        };
        let is_submodule = |staged: &Staged| staged.mode == MODE_COMMIT && staged.path == path;
        self.untracked.iter().any(|listed| listed == path) || self.staged.iter().any(is_submodule)
    }
}

/// Folders that were seen to be folders, and no links to folders elsewhere.
#[derive(Default)]
struct Folders(HashMap<PathBuf, bool>);

impl Folders {
    /// Whether all folders above a path are real.
    fn are_real(&mut self, top: &Path, path: &Path) -> bool {
        let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        else {
            return true;
        };
        if let Some(answer) = self.0.get(parent) {
            return *answer;
        }
        let answer = self.are_real(top, parent)
            && std::fs::symlink_metadata(top.join(parent)).is_ok_and(|folder| folder.is_dir());
        self.0.insert(parent.to_owned(), answer);
        answer
    }

    /// The folders that are real.
    fn real(&self) -> impl Iterator<Item = &Path> {
        let real = self.0.iter().filter(|(_, is_real)| **is_real);
        real.map(|(folder, _)| folder.as_path())
    }
}

fn repository(git_dir: &Path, top: &Path) -> Git {
    let option = |name: &str, path: &Path| {
        let mut option = std::ffi::OsString::from(name);
        option.push(path);
        option
    };
    // Not from the working tree, which may be gone; nor from the git directory, which can be inside
    // of it, and then git would list what is there only.
    Git::read(Path::new("/"))
        .option(option("--git-dir=", git_dir))
        .option(option("--work-tree=", top))
}

/// Asks git what is tracked and what is untracked and not ignored.
async fn list(git_dir: &Path, top: &Path) -> Result<Listing, TrashError> {
    let staged = repository(git_dir, top)
        .args(["ls-files", "--stage", "-z"])
        .run()
        .await?;
    let staged = parse_staged(&staged).ok_or_else(|| GitError::unreadable("ls-files"))?;
    let untracked = if tokio::fs::metadata(top).await.is_ok() {
        repository(git_dir, top)
            .args(["ls-files", "--others", "--exclude-standard", "-z"])
            .run()
            .await?
    } else {
        Vec::new()
    };
    let untracked = untracked
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsStr::from_bytes(path)))
        .filter(|path| is_inside(path))
        .map(|path| plain(&path))
        .collect();
    Ok(Listing { staged, untracked })
}

/// Parses `mode SP object SP stage TAB path NUL`.
fn parse_staged(listing: &[u8]) -> Option<Vec<Staged>> {
    let mut all = Vec::new();
    for entry in listing.split(|byte| *byte == 0) {
        if entry.is_empty() {
            continue;
        }
        let tab = entry.iter().position(|byte| *byte == b'\t')?;
        let facts = std::str::from_utf8(&entry[..tab]).ok()?;
        let mut facts = facts.split(' ').map(str::to_owned);
        let staged = Staged {
            mode: facts.next()?,
            object: facts.next()?,
            stage: facts.next()?,
            path: PathBuf::from(OsStr::from_bytes(&entry[tab + 1..])),
        };
        if is_inside(&staged.path) {
            all.push(staged);
        }
    }
    Some(all)
}

/// Whether a path that git listed stays below; an index written by hand may say anything.
fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Takes the slash off that marks a folder.
fn plain(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Tells whether a `.git` is a file that leads to a git directory.
pub(super) fn leads_to(link: &Path, git_dir: &Path) -> bool {
    let is_short = |metadata: std::fs::Metadata| metadata.is_file() && metadata.len() <= 1 << 16;
    let (Some(top), Ok(true)) = (link.parent(), link.symlink_metadata().map(is_short)) else {
        return false;
    };
    let content = std::fs::read(link).unwrap_or_default();
    let target = link_target(&content).and_then(|target| top.join(target).canonicalize().ok());
    target.is_some() && target == git_dir.canonicalize().ok()
}

/// Finds the files of the private git directory.
fn private_files(git_dir: &Path) -> Result<Vec<Item>, TrashError> {
    let mut items = Vec::new();
    walk(git_dir, Path::new(""), Part::GitDir, &mut items)?;
    let is_work = |item: &Item| {
        let is_top = item.path.components().count() == 1;
        let is_lock = item.path.extension().is_some_and(|last| last == "lock");
        !is_top || !(is_lock || is_of_the_place(&item.path))
    };
    items.retain(is_work);
    Ok(items)
}

/// Whether a file of a private git directory belongs to its place.
pub(super) fn is_of_the_place(path: &Path) -> bool {
    OF_THE_PLACE.iter().any(|name| path == Path::new(name))
}

/// Finds all files, links and empty folders below a folder.
fn walk(top: &Path, from: &Path, part: Part, items: &mut Vec<Item>) -> Result<(), TrashError> {
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let full = top.join(&folder);
        let entries = match std::fs::read_dir(&full) {
            Err(err) if is_absent(&err) => continue,
            answer => answer.map_err(|source| read_error(full.clone(), source))?,
        };
        let mut is_empty = true;
        for entry in entries {
            is_empty = false;
            let entry = entry.map_err(|source| read_error(full.clone(), source))?;
            let path = folder.join(entry.file_name());
            if look_at(top, &path, part, items)? {
                folders.push(path);
            }
        }
        if is_empty && let Ok(metadata) = std::fs::symlink_metadata(&full) {
            items.push(Item {
                source: full,
                part,
                path: folder,
                kind: Kind::Folder,
                stamp: Stamp::of(&metadata),
            });
        }
    }
    Ok(())
}

/// Adds what is at a path, which may be nothing; tells if it is a folder.
fn look_at(top: &Path, path: &Path, part: Part, items: &mut Vec<Item>) -> Result<bool, TrashError> {
    match std::fs::symlink_metadata(top.join(path)) {
        Ok(metadata) if metadata.is_dir() => return Ok(true),
        Ok(metadata) => items.extend(item(top, path, part, &metadata)),
        Err(err) if is_absent(&err) => {}
        Err(source) => return Err(read_error(top.join(path), source)),
    }
    Ok(false)
}

/// Describes a file or a link. None for sockets, pipes and devices, which hold nothing.
fn item(top: &Path, path: &Path, part: Part, metadata: &std::fs::Metadata) -> Option<Item> {
    let kind = if metadata.is_symlink() {
        Kind::Link
    } else if !metadata.is_file() {
        return None;
    } else if metadata.mode() & 0o100 != 0 {
        Kind::Program
    } else {
        Kind::File
    };
    Some(Item {
        source: top.join(path),
        part,
        path: path.to_owned(),
        kind,
        stamp: Stamp::of(metadata),
    })
}

fn is_absent(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// An error about a file that could not be read.
pub(super) fn read_error(path: PathBuf, source: io::Error) -> TrashError {
    TrashError::Io {
        what: "read",
        path,
        source,
    }
}
