//! Follows what can change a worktree's diff: its files, but for ignored directories, and git's HEAD,
//! index and refs.
//!
//! News is collected for a moment, so that a burst is told once; while it is collected it waits in
//! the system's queue. New directories are watched before the news is told, so nothing in them is
//! missed. When news was lost, or what is ignored changed, everything is looked at again.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offshoot_git::WatchPoints;
use rustix::fs::inotify::ReadFlags;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Pulse;
use super::inotify::{Adder, Inotify, News};
use super::watcher::Pace;

/// A burst is over when nothing happens for so long.
const QUIET: Duration = Duration::from_millis(50);

/// A burst that does not end is told after so long.
const BURST_MAX: Duration = Duration::from_millis(500);

/// Changes after a rest are told at once until they have used up so much of it.
const CREDIT: Duration = Duration::from_secs(2);

/// Changed names that are remembered to ask whether they are ignored; with more, they are not.
const NAMES_MAX: usize = 64;

/// Why a directory is not watched any more.
pub(super) enum Unwatched {
    /// It is gone.
    Gone,
    /// The system does not watch it.
    Refused(String),
}

/// What a watched directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The top of the files.
    Top,
    /// A directory of files.
    Files,
    /// A directory of git's with HEAD, index and packed refs.
    Git,
    /// Refs, or logs of refs.
    Refs,
    /// Where `exclude` is.
    Info,
}

/// What news came to.
#[derive(Default)]
struct Changes {
    /// Files and directories, by their whole path.
    names: HashSet<PathBuf>,
    /// Directories that came.
    new_directories: HashSet<PathBuf>,
    /// Something that is certain to matter.
    certain: bool,
    /// What is watched must be looked up again.
    rescan: bool,
    gone: bool,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.certain && !self.rescan && !self.gone
    }

    fn take(&mut self, news: &News<'_, Kind>) {
        let is_directory = news.flags.contains(ReadFlags::ISDIR);
        let came = ReadFlags::CREATE | ReadFlags::MOVED_TO;
        let Some(name) = news.name else {
            let ended = ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT;
            self.gone |= *news.key == Kind::Top && news.flags.intersects(ended);
            return;
        };
        let path = || news.dir.join(name);
        match news.key {
            Kind::Top | Kind::Files => {
                if name == ".git" {
                    // Not its content: something made or removed a repository.
                    self.rescan |= news.flags.intersects(came | ReadFlags::DELETE);
                    return;
                }
                self.rescan |= name == ".gitignore"
                    || (is_directory && news.flags.contains(ReadFlags::MOVED_FROM));
                if is_directory && news.flags.intersects(came) {
                    self.new_directories.insert(path());
                }
                if self.names.len() < NAMES_MAX {
                    self.names.insert(path());
                } else {
                    self.certain = true;
                }
            }
            Kind::Git => {
                const NAMES: [&str; 7] = [
                    "HEAD",
                    "index",
                    "packed-refs",
                    "config",
                    "config.worktree",
                    "MERGE_HEAD",
                    "tables.list",
                ];
                self.certain |= NAMES.iter().any(|known| name == *known);
            }
            Kind::Refs => {
                let is_lock = Path::new(name).extension() == Some(OsStr::new("lock"));
                self.certain |= !is_lock;
                self.rescan |= is_directory && news.flags.intersects(came);
            }
            Kind::Info => self.rescan |= name == "exclude",
        }
    }
}

/// Follows a worktree until it is gone or cannot be watched: at the most so many directories are.
/// Each change is published.
pub(super) async fn follow(
    dir: &Path,
    most: usize,
    publish: &watch::Sender<Pulse>,
    pace: &Pace,
) -> Unwatched {
    match Follower::new(dir, most).await {
        Ok(follower) => match follower.run(dir, publish, pace).await {
            Ok(never) => match never {},
            Err(why) => why,
        },
        Err(why) => why,
    }
}

struct Follower {
    points: WatchPoints,
    inotify: Inotify<Kind>,
    /// Directories that are watched at the most.
    most: usize,
}

impl Follower {
    async fn new(dir: &Path, most: usize) -> Result<Self, Unwatched> {
        let points = offshoot_git::watch_points(dir).await.map_err(refused)?;
        let follower = Self {
            points,
            inotify: Inotify::new().map_err(refused)?,
            most,
        };
        follower.scan().await?;
        Ok(follower)
    }

    async fn run(
        self,
        dir: &Path,
        publish: &watch::Sender<Pulse>,
        pace: &Pace,
    ) -> Result<std::convert::Infallible, Unwatched> {
        // What changed before everything was watched.
        publish.send_modify(|pulse| pulse.n_changes += 1);
        // When the next change is due at the earliest: it falls behind by the credit at the most.
        let mut due = Instant::now();
        loop {
            let mut changes = Changes::default();
            let is_whole = self.inotify.next(|news| changes.take(&news)).await;
            changes.rescan |= !is_whole.map_err(refused)?;
            if changes.is_empty() {
                continue;
            }
            self.collect(&mut changes, due).await?;
            if changes.gone || !dir.is_dir() {
                return Err(Unwatched::Gone);
            }
            if changes.rescan {
                self.scan().await?;
            } else if !changes.new_directories.is_empty() {
                self.add_new(&changes.new_directories).await?;
            }
            if changes.certain || changes.rescan || !self.are_ignored(&changes.names).await {
                publish.send_modify(|pulse| pulse.n_changes += 1);
                due = next_due(due, Instant::now(), pace.gap());
            }
        }
    }

    /// Collects until it is quiet, or it took long enough; never until before a time.
    async fn collect(&self, changes: &mut Changes, not_before: Instant) -> Result<(), Unwatched> {
        let end = (Instant::now() + BURST_MAX).max(not_before);
        loop {
            let mut more = Changes::default();
            let now = Instant::now();
            tokio::time::sleep_until((now + QUIET).max(not_before).min(end)).await;
            let is_whole = self.inotify.drain(|news| {
                more.take(&news);
                changes.take(&news);
            });
            changes.rescan |= !is_whole.map_err(refused)?;
            if more.is_empty() || changes.gone || Instant::now() >= end {
                return Ok(());
            }
        }
    }

    async fn are_ignored(&self, names: &HashSet<PathBuf>) -> bool {
        let relative = |path: &PathBuf| path.strip_prefix(&self.points.top).ok().map(Into::into);
        let names: Option<HashSet<PathBuf>> = names.iter().map(relative).collect();
        match names {
            Some(names) if !names.is_empty() => {
                let asked = offshoot_git::are_ignored(&self.points.top, &names).await;
                asked.unwrap_or(false)
            }
            // Nothing that git could ignore.
            Some(_) | None => false,
        }
    }

    /// Watches everything that is to be watched, and nothing else.
    async fn scan(&self) -> Result<(), Unwatched> {
        let top = self.points.top.clone();
        let ignored = offshoot_git::ignored_directories(&top, &[]).await;
        let ignored = ignored.map_err(refused)?;
        let (adder, most) = (self.inotify.adder(), self.most);
        let points = self.points.clone();
        let walked = tokio::task::spawn_blocking(move || {
            let mut walk = Walk::new(&points.top, &ignored, adder, most);
            walk.files(&points.top)?;
            walk.git(&points)?;
            Ok(walk.wanted)
        });
        let wanted = walked.await.map_err(refused)?.map_err(too_many)?;
        self.inotify
            .retain(|kind, path| wanted.get(path) == Some(kind));
        Ok(())
    }

    /// Watches directories that came.
    async fn add_new(&self, new: &HashSet<PathBuf>) -> Result<(), Unwatched> {
        let top = self.points.top.clone();
        let relative = |path: &PathBuf| path.strip_prefix(&top).ok().map(PathBuf::from);
        let paths: Vec<PathBuf> = new.iter().filter_map(relative).collect();
        let ignored = offshoot_git::ignored_directories(&top, &paths).await;
        let ignored = ignored.map_err(refused)?;
        let (adder, most) = (self.inotify.adder(), self.most);
        if self.inotify.len() > self.most {
            return Err(too_many(io::ErrorKind::StorageFull.into()));
        }
        let walked = tokio::task::spawn_blocking(move || {
            let mut walk = Walk::new(&top, &ignored, adder, most);
            for path in paths {
                if !path.ancestors().any(|above| ignored.contains(above)) {
                    walk.files(&top.join(path))?;
                }
            }
            Ok(())
        });
        walked.await.map_err(refused)?.map_err(too_many)
    }
}

/// One walk through directories; blocks.
struct Walk<'a> {
    top: &'a Path,
    ignored: &'a HashSet<PathBuf>,
    adder: Adder<Kind>,
    /// Directories that are watched at the most.
    most: usize,
    wanted: HashMap<PathBuf, Kind>,
}

impl<'a> Walk<'a> {
    fn new(top: &'a Path, ignored: &'a HashSet<PathBuf>, adder: Adder<Kind>, most: usize) -> Self {
        Self {
            most,
            top,
            ignored,
            adder,
            wanted: HashMap::new(),
        }
    }

    /// Watches a directory of files and those below it that are not ignored.
    fn files(&mut self, from: &Path) -> io::Result<()> {
        let mut left = vec![from.to_owned()];
        while let Some(dir) = left.pop() {
            let is_top = dir == self.top;
            let entry = dir.join(".git");
            if !is_top && entry.symlink_metadata().is_ok() {
                // A repository in the repository: only which commit it is at matters.
                self.add(&git_dir_of(&dir, &entry), Kind::Git)?;
                continue;
            }
            // Watched before it is read, so that what comes meanwhile is seen one way or the other.
            self.add(&dir, if is_top { Kind::Top } else { Kind::Files })?;
            left.extend(self.below(&dir));
        }
        Ok(())
    }

    /// Lists the directories in one that are to be watched.
    fn below(&self, dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let is_wanted = |entry: &std::fs::DirEntry| {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_dir && entry.file_name() != ".git"
        };
        let paths = entries.filter(is_wanted).map(|entry| entry.path());
        let is_ignored = |path: &PathBuf| {
            let relative = path.strip_prefix(self.top).unwrap_or(path);
            self.ignored.contains(relative)
        };
        paths.filter(|path| !is_ignored(path)).collect()
    }

    /// Watches git's own directories.
    fn git(&mut self, points: &WatchPoints) -> io::Result<()> {
        self.add(&points.git_dir, Kind::Git)?;
        self.add(&points.common_dir, Kind::Git)?;
        self.add(&points.common_dir.join("reftable"), Kind::Git)?;
        self.add(&points.common_dir.join("info"), Kind::Info)?;
        // The log of HEAD tells of every commit, also of one that leaves the index as it is.
        self.add(&points.git_dir.join("logs"), Kind::Git)?;
        let refs = points.common_dir.join("refs");
        let mut left = vec![refs.join("heads"), refs.join("remotes")];
        while let Some(dir) = left.pop() {
            self.add(&dir, Kind::Refs)?;
            let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            left.extend(folders.map(|entry| entry.path()));
        }
        Ok(())
    }

    fn add(&mut self, dir: &Path, kind: Kind) -> io::Result<()> {
        if self.wanted.len() >= self.most {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.adder.add(dir, kind)?;
        self.wanted.insert(dir.to_owned(), kind);
        Ok(())
    }
}

/// Changes that go on are told a gap apart on average; a few after a rest need not wait for it.
fn next_due(due: Instant, now: Instant, gap: Duration) -> Instant {
    let earliest = now.checked_sub(CREDIT).unwrap_or(due);
    due.max(earliest) + gap
}

/// Returns where a repository in the repository has its HEAD.
fn git_dir_of(dir: &Path, entry: &Path) -> PathBuf {
    let text = std::fs::read_to_string(entry).unwrap_or_default();
    match text.trim_end().strip_prefix("gitdir: ") {
        Some(path) => dir.join(path),
        None => entry.to_owned(),
    }
}

fn refused(err: impl std::fmt::Display) -> Unwatched {
    Unwatched::Refused(err.to_string())
}

fn too_many(err: io::Error) -> Unwatched {
    match err.kind() {
        io::ErrorKind::StorageFull => {
            let text =
                "the system does not watch so many directories; see fs.inotify.max_user_watches";
            Unwatched::Refused(text.to_owned())
        }
        _ => refused(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_changes_after_a_rest_are_told_at_once_and_endless_ones_apart() {
        let begin = Instant::now();
        let (gap, quiet) = (Duration::from_millis(500), Duration::from_millis(50));
        let (mut due, mut now) = (begin, begin + Duration::from_secs(60));
        let mut waits = Vec::new();
        for _ in 0..20 {
            let told = (now + quiet).max(due);
            waits.push(told - now);
            due = next_due(due, told, gap);
            now = told;
        }
        assert_eq!(waits[..4], [quiet; 4]);
        assert_eq!(waits[10..], [gap; 10]);
    }
}
