//! Writing an entry: everything goes in one stream into `git fast-import`, which makes one pack and
//! the ref, or nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, PipeWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;

use super::entry::{Entry, is_object_id, seconds};
use super::gather::{Gathered, Item, Kind, MODE_COMMIT, Source, Staged, Stamp, read_error};
use super::names::{FOLDER_MARK, encode, quote};
use super::{TrashError, ref_name};
use crate::Repository;
use crate::command::{Git, GitError};
use crate::repository::line_path;
use crate::task::blocking;

/// Time for reading and packing a worktree: 100 GB at 50 MB/s. Reaching it keeps nothing and removes
/// nothing.
const KEEP_TIMEOUT: Duration = Duration::from_secs(2000);

/// Longest file of a private git directory that is searched for the names of commits. Logs of many
/// years are shorter.
const SEARCHED_BYTES_MAX: u64 = 32 << 20;

/// Why the stream ended early.
enum FeedError {
    /// A file is not as it was seen.
    Changed,
    /// A file could not be read.
    File(PathBuf, io::Error),
    /// git closed its end; it says why.
    Pipe,
}

/// Writes an entry and looks whether all of it is there.
pub(super) async fn write(
    repository: &Repository,
    source: &Source,
    entry: &Entry,
    gathered: &Gathered,
) -> Result<(), TrashError> {
    let parents = commits_in(source, gathered, entry.trashed.commit.as_deref()).await?;
    let staged = present(repository, &gathered.staged).await?;
    let stream = Stream {
        items: gathered.items.clone(),
        staged,
        commit: commit_command(entry, &parents),
    };
    let (reader, writer) = io::pipe().map_err(|err| read_error(PathBuf::from("pipe"), err))?;
    let feed = tokio::task::spawn_blocking(move || stream.feed(writer));
    let written = Git::write(repository.git_place())
        .within(KEEP_TIMEOUT)
        // Otherwise small entries become many files.
        .config("fastimport.unpackLimit".as_ref(), "1")
        .config("pack.compression".as_ref(), "1")
        // Names that are a danger elsewhere only.
        .config("core.protectNTFS".as_ref(), "false")
        .config("core.protectHFS".as_ref(), "false")
        .args([
            "fast-import",
            "--quiet",
            "--done",
            "--date-format=raw",
            "--depth=0",
        ])
        .pipes(reader, None)
        .run()
        .await;
    match (feed.await, written) {
        (Ok(Err(FeedError::Changed)), _) => Err(TrashError::Changing),
        (Ok(Err(FeedError::File(path, source))), _) => Err(read_error(path, source)),
        (_, Err(err)) => Err(err.into()),
        (Ok(Ok(())), Ok(_)) => verify(repository, entry, gathered.items.len()).await,
        (Ok(Err(FeedError::Pipe)) | Err(_), Ok(_)) => {
            Err(GitError::unreadable("fast-import").into())
        }
    }
}

/// Looks whether the ref is there with every file, and every object that it needs.
async fn verify(repository: &Repository, entry: &Entry, n_items: usize) -> Result<(), TrashError> {
    let name = ref_name(&entry.trashed.id);
    let commit = repository.read().args(["rev-parse", "--verify", "--quiet"]);
    let commit = commit.arg(format!("{name}^{{commit}}")).line().await?;
    let mut git = repository
        .read()
        .args([
            "rev-list",
            "--objects",
            "--quiet",
            "--missing=allow-promisor",
        ])
        .arg(&commit);
    if let Some(head) = &entry.trashed.commit {
        git = git.arg(format!("^{head}"));
    }
    git.arg("--").run().await?;
    let listing = repository
        .read()
        .args(["ls-tree", "-r", "-z", "--name-only", "--full-tree"])
        .arg(&commit)
        .args(["worktree", "gitdir"])
        .run()
        .await?;
    let n_kept = listing.iter().filter(|byte| **byte == 0).count();
    if n_kept == n_items {
        Ok(())
    } else {
        Err(GitError::unreadable("fast-import").into())
    }
}

/// The staged files whose content is there. In a partial clone some are only at the remote, which
/// has them because they were committed.
async fn present(repository: &Repository, staged: &[Staged]) -> Result<Vec<Staged>, GitError> {
    let files = staged.iter().filter(|staged| staged.mode != MODE_COMMIT);
    let objects: HashSet<_> = files.clone().map(|staged| staged.object.as_str()).collect();
    let found = types(repository.read(), objects).await?;
    let is_here = |staged: &&Staged| found.contains(&(staged.object.clone(), "blob".to_owned()));
    Ok(files.filter(is_here).cloned().collect())
}

/// Returns which of the objects exist where a command looks, and their types.
async fn types(
    git: Git,
    objects: impl IntoIterator<Item = &str>,
) -> Result<HashSet<(String, String)>, GitError> {
    let mut input = String::new();
    for object in objects {
        input.push_str(object);
        input.push('\n');
    }
    let answers = git
        .args(["cat-file", "--batch-check=%(objectname) %(objecttype)"])
        .run_on(input.into_bytes())
        .await?;
    let answers = String::from_utf8_lossy(&answers);
    let found = answers.lines().filter_map(|line| line.split_once(' '));
    Ok(found
        .map(|(object, kind)| (object.to_owned(), kind.to_owned()))
        .collect())
}

/// Finds the commits that only this worktree names: its head, what its reflog remembers, what an
/// operation in progress needs. The head comes first.
async fn commits_in(
    source: &Source,
    gathered: &Gathered,
    head: Option<&str>,
) -> Result<Vec<String>, TrashError> {
    let mut parents: Vec<_> = head.map(str::to_owned).into_iter().collect();
    let items = gathered.items.clone();
    let names = blocking(move || object_names(&items)).await;
    let found = types(source.read(), names.iter().map(String::as_str)).await?;
    let commits = found.iter().filter(|(_, kind)| kind == "commit");
    let mut input: String = commits.map(|(name, _)| format!("{name}\n")).collect();
    if input.is_empty() {
        return Ok(parents);
    }
    if let Some(head) = head {
        input.push_str(&format!("^{head}\n"));
    }
    let listing = source
        .read()
        .args(["rev-list", "--parents", "--stdin"])
        .run_on(input.into_bytes())
        .await?;
    parents.extend(tips(&String::from_utf8_lossy(&listing)));
    Ok(parents)
}

/// Of `commit parent …` lines, returns the commits that are nobody's parents.
fn tips(listing: &str) -> Vec<String> {
    let parents: HashSet<_> = listing
        .lines()
        .flat_map(|line| line.split(' ').skip(1))
        .collect();
    let commits = listing.lines().filter_map(|line| line.split(' ').next());
    commits
        .filter(|commit| !parents.contains(commit))
        .map(str::to_owned)
        .collect()
}

/// Finds everything that looks like an object's name in the text files of the private git directory.
fn object_names(items: &[Item]) -> HashSet<String> {
    let is_searched = |item: &&Item| {
        let first = item.path.components().next();
        let first = first.map(|part| part.as_os_str().as_bytes());
        item.part == super::gather::Part::GitDir
            && matches!(item.kind, Kind::File | Kind::Program)
            && item.stamp.size_bytes() <= SEARCHED_BYTES_MAX
            && first.is_some_and(|name| {
                name != b"modules" && name != b"index" && !name.starts_with(b"sharedindex")
            })
    };
    let mut names = HashSet::new();
    for item in items.iter().filter(is_searched) {
        let Ok(content) = std::fs::read(&item.source) else {
            continue;
        };
        for word in content.split(|byte| !byte.is_ascii_alphanumeric()) {
            if let Ok(word) = std::str::from_utf8(word)
                && is_object_id(word)
                && word.bytes().any(|byte| byte != b'0')
            {
                names.insert(word.to_owned());
            }
        }
    }
    names
}

fn commit_command(entry: &Entry, parents: &[String]) -> Vec<u8> {
    let message = entry.message();
    let mut command = format!(
        "commit {}\ncommitter Offshoot <offshoot@localhost> {} +0000\ndata {}\n{message}\n",
        ref_name(&entry.trashed.id),
        seconds(entry.trashed.created_at),
        message.len(),
    );
    for (n, parent) in parents.iter().enumerate() {
        let word = if n == 0 { "from" } else { "merge" };
        command.push_str(&format!("{word} {parent}\n"));
    }
    command.push_str("deleteall\n");
    command.into_bytes()
}

/// What goes to git.
struct Stream {
    items: Vec<Item>,
    staged: Vec<Staged>,
    commit: Vec<u8>,
}

impl Stream {
    /// Writes it all. Only its last word makes git keep anything.
    fn feed(&self, pipe: PipeWriter) -> Result<(), FeedError> {
        let mut out = BufWriter::with_capacity(1 << 16, pipe);
        for (n, item) in self.items.iter().enumerate() {
            write!(out, "blob\nmark :{}\n", n + 1)?;
            match item.kind {
                Kind::Link => feed_link(&mut out, item)?,
                Kind::Folder => out.write_all(b"data 0\n\n")?,
                Kind::File | Kind::Program => feed_file(&mut out, item)?,
            }
        }
        out.write_all(&self.commit)?;
        for (n, item) in self.items.iter().enumerate() {
            let mode = match item.kind {
                Kind::File | Kind::Folder => "100644",
                Kind::Program => "100755",
                Kind::Link => "120000",
            };
            let mark: &[u8] = match item.kind {
                Kind::Folder => FOLDER_MARK,
                _ => b"",
            };
            let folder = item.part.folder().as_bytes();
            let path = [folder, b"/", &encode(&item.path), mark].concat();
            write!(out, "M {mode} :{} ", n + 1)?;
            out.write_all(&quote(&path))?;
            out.write_all(b"\n")?;
        }
        for staged in &self.staged {
            let folder = format!("index/{}/", staged.stage);
            let path = [folder.as_bytes(), &encode(&staged.path)].concat();
            write!(out, "M {} {} ", staged.mode, staged.object)?;
            out.write_all(&quote(&path))?;
            out.write_all(b"\n")?;
        }
        out.write_all(b"done\n")?;
        out.flush()?;
        Ok(())
    }
}

/// Only the pipe's errors come without a path.
impl From<io::Error> for FeedError {
    fn from(_: io::Error) -> Self {
        Self::Pipe
    }
}

fn feed_link(out: &mut impl Write, item: &Item) -> Result<(), FeedError> {
    let target = std::fs::read_link(&item.source);
    let target = target.map_err(|err| FeedError::File(item.source.clone(), err))?;
    let target = target.as_os_str().as_bytes();
    writeln!(out, "data {}", target.len())?;
    out.write_all(target)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn feed_file(out: &mut impl Write, item: &Item) -> Result<(), FeedError> {
    let failed = |err| FeedError::File(item.source.clone(), err);
    // What became a pipe meanwhile must not stop us, and what became a link not lead us away.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = File::options()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(&item.source)
        .map_err(failed)?;
    let is_as_seen = |file: &File| match file.metadata() {
        Ok(metadata) => metadata.is_file() && Stamp::of(&metadata) == item.stamp,
        Err(_) => false,
    };
    if !is_as_seen(&file) {
        return Err(FeedError::Changed);
    }
    let mut rest = item.stamp.size_bytes();
    writeln!(out, "data {rest}")?;
    let mut buffer = vec![0; 1 << 16];
    while rest > 0 {
        let wanted = buffer
            .len()
            .min(usize::try_from(rest).unwrap_or(usize::MAX));
        let n = file.read(&mut buffer[..wanted]).map_err(failed)?;
        if n == 0 {
            return Err(FeedError::Changed);
        }
        out.write_all(&buffer[..n])?;
        rest -= n as u64;
    }
    out.write_all(b"\n")?;
    if is_as_seen(&file) {
        Ok(())
    } else {
        Err(FeedError::Changed)
    }
}

/// Finds the private git directory of a linked worktree by its record, without asking the worktree.
pub(super) fn private_git_dir(
    common_dir: &std::path::Path,
    top: &std::path::Path,
) -> Option<PathBuf> {
    let link = top.join(".git");
    let canonical = top.canonicalize().ok();
    let entries = std::fs::read_dir(common_dir.join("worktrees")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|git_dir| {
        let Ok(content) = std::fs::read(git_dir.join("gitdir")) else {
            return false;
        };
        let Some(recorded) = line_path(&content) else {
            return false;
        };
        let recorded = git_dir.join(recorded);
        let folder = recorded
            .parent()
            .and_then(|folder| folder.canonicalize().ok());
        recorded == link || (canonical.is_some() && folder == canonical)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tips_are_nobodys_parents() {
        assert_eq!(tips("c b\nb a\nd a\n"), ["c", "d"]);
        assert_eq!(tips(""), Vec::<String>::new());
    }
}
