//! Making a worktree again from an entry. What it writes is in the new worktree and in its private
//! git directory; an entry that leads elsewhere is refused.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::entry::Entry;
use super::gather::{Kind, Part, is_of_the_place};
use super::keep::private_git_dir;
use super::names::{FOLDER_MARK, decode};
use super::{Restored, TrashError, ref_name};
use crate::branch::in_the_way;
use crate::command::{Git, GitError};
use crate::head::Head;
use crate::repository::link_target;
use crate::task::blocking;
use crate::worktree::{check_free, take_back};
use crate::{AddError, Repository, valid_branch_name};

/// Time for writing an entry's files. Reaching it takes back what was written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2000);

/// Longest target of a symbolic link that any system takes.
const LINK_BYTES_MAX: u64 = 1 << 16;

/// A file of an entry.
struct Kept {
    kind: Kind,
    object: String,
    part: Part,
    path: PathBuf,
}

/// Where everything goes.
#[derive(Clone)]
struct Places {
    top: PathBuf,
    git_dir: PathBuf,
}

/// Makes the worktree; takes everything back when a step fails.
pub(super) async fn restore(
    repository: &Repository,
    entry: &Entry,
    target: &Path,
    new_branch: Option<&str>,
) -> Result<Restored, TrashError> {
    let head = free_head(repository, entry, new_branch).await?;
    check_free(repository, target)
        .await
        .map_err(TrashError::Add)?;
    let files = files(repository, entry).await?;
    let made = make(repository, entry, target, &head, files).await;
    if made.is_err() {
        take_back(repository.write_tree(), target).await;
    }
    made?;
    Ok(Restored {
        path: target.to_owned(),
        head,
    })
}

/// Chooses what the new worktree has checked out.
async fn free_head(
    repository: &Repository,
    entry: &Entry,
    new_branch: Option<&str>,
) -> Result<Head, TrashError> {
    let with_name = |name: String| match &entry.trashed.commit {
        Some(_) => Head::Branch(name),
        None => Head::Unborn(name),
    };
    let local = repository.branch_names().await?.local;
    let worktrees = repository.worktrees().await?;
    let is_checked_out = |name: &str| {
        worktrees
            .iter()
            .any(|worktree| worktree.branch.as_deref() == Some(name))
    };
    let is_free = |name: &str| {
        let is_taken = local.iter().any(|branch| in_the_way(branch, name));
        !is_taken && !is_checked_out(name)
    };
    if let Some(name) = new_branch {
        valid_branch_name(name).map_err(|err| TrashError::Add(err.into()))?;
        let name = name.to_owned();
        return match is_free(&name) {
            true => Ok(with_name(name)),
            false => Err(TrashError::Add(AddError::BranchExists { name })),
        };
    }
    let Some(name) = entry.trashed.head.branch() else {
        return Ok(entry.trashed.head.clone());
    };
    let is_waiting = local.iter().any(|branch| branch == name) && !is_checked_out(name);
    let has_not_moved = is_waiting && {
        let commit = repository.resolve(&format!("refs/heads/{name}")).await.ok();
        commit.is_some() && commit == entry.trashed.commit
    };
    if is_free(name) || has_not_moved {
        return Ok(with_name(name.to_owned()));
    }
    Ok(with_name(repository.unused_branch(name).await?))
}

/// Lists the files of an entry.
async fn files(repository: &Repository, entry: &Entry) -> Result<Vec<Kept>, TrashError> {
    let listing = repository
        .read()
        .args(["ls-tree", "-r", "-z", "--full-tree"])
        .arg(ref_name(&entry.trashed.id))
        .args(["worktree", "gitdir"])
        .run()
        .await?;
    parse(&listing).ok_or_else(|| TrashError::UnknownForm(entry.trashed.id.clone()))
}

/// Parses `mode SP type SP object TAB path NUL`. None when it is no entry of ours.
fn parse(listing: &[u8]) -> Option<Vec<Kept>> {
    let mut files = Vec::new();
    for line in listing
        .split(|byte| *byte == 0)
        .filter(|line| !line.is_empty())
    {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let facts = std::str::from_utf8(&line[..tab]).ok()?;
        let (mode, facts) = facts.split_once(' ')?;
        let (_, object) = facts.split_once(' ')?;
        let kind = match mode {
            "100644" => Kind::File,
            "100755" => Kind::Program,
            "120000" => Kind::Link,
            _ => return None,
        };
        let name = &line[tab + 1..];
        let (kind, name) = match name.strip_suffix(FOLDER_MARK) {
            Some(name) => (Kind::Folder, name),
            None => (kind, name),
        };
        let path = decode(name)?;
        let (part, path) = match path.strip_prefix(Part::Worktree.folder()) {
            Ok(path) => (Part::Worktree, path),
            Err(_) => (Part::GitDir, path.strip_prefix(Part::GitDir.folder()).ok()?),
        };
        if path.as_os_str().is_empty() {
            return None;
        }
        files.push(Kept {
            kind,
            object: object.to_owned(),
            part,
            path: path.to_owned(),
        });
    }
    Some(files)
}

async fn make(
    repository: &Repository,
    entry: &Entry,
    target: &Path,
    head: &Head,
    files: Vec<Kept>,
) -> Result<(), TrashError> {
    repository
        .write_tree()
        // Its own commit, for there may be no other.
        .args([
            "worktree",
            "add",
            "--quiet",
            "--detach",
            "--no-checkout",
            "--",
        ])
        .arg(target)
        .arg(ref_name(&entry.trashed.id))
        .run()
        .await?;
    let (common_dir, top) = (repository.common_dir().to_owned(), target.to_owned());
    let git_dir = blocking(move || private_git_dir(&common_dir, &top)).await;
    let git_dir = git_dir.ok_or_else(|| GitError::unreadable("worktree"))?;
    let places = Places {
        top: target.to_owned(),
        git_dir,
    };
    // Before the files, whose logs are the true ones.
    let made_branch = set_head(repository, entry, &places, head).await?;
    let written = match write_files(repository, &places, files).await {
        Ok(links) => places.lead_links_here(repository, entry, links).await,
        Err(err) => Err(err),
    };
    if written.is_err()
        && let Some(name) = made_branch
    {
        let undone = Git::write(repository.git_place())
            .args(["update-ref", "-d", &name])
            .run()
            .await;
        if let Err(err) = undone {
            tracing::warn!(error = %err, branch = name, "delete the branch of a failed restore");
        }
    }
    written
}

/// Checks the head out without touching a file; returns the ref that was made for it.
async fn set_head(
    repository: &Repository,
    entry: &Entry,
    places: &Places,
    head: &Head,
) -> Result<Option<String>, TrashError> {
    let here = || {
        let mut option = std::ffi::OsString::from("--git-dir=");
        option.push(&places.git_dir);
        Git::write(&places.git_dir).option(option)
    };
    let mut made = None;
    match (head, &entry.trashed.commit) {
        (Head::Branch(name), Some(commit)) => {
            let name = format!("refs/heads/{name}");
            if repository.resolve(&name).await.is_err() {
                // The empty old value: only if there is none.
                let git = Git::write(repository.git_place());
                let git = git.args(["update-ref", &name, commit, ""]);
                git.run().await?;
                made = Some(name.clone());
            }
            here().args(["symbolic-ref", "HEAD", &name]).run().await?;
        }
        (Head::Branch(name) | Head::Unborn(name), _) => {
            let name = format!("refs/heads/{name}");
            here().args(["symbolic-ref", "HEAD", &name]).run().await?;
        }
        (Head::Detached(commit), _) => {
            let git = here().args(["update-ref", "--no-deref", "HEAD", commit]);
            git.run().await?;
        }
    }
    Ok(made)
}

/// Writes all files, then all symbolic links, so that none leads a file elsewhere. Returns the paths
/// of `.git` files.
async fn write_files(
    repository: &Repository,
    places: &Places,
    mut files: Vec<Kept>,
) -> Result<Vec<PathBuf>, TrashError> {
    files.retain(|file| match file.part {
        // The link to the private git directory is git's.
        Part::Worktree => file.path != Path::new(".git"),
        Part::GitDir => file.path != Path::new("HEAD") && !is_of_the_place(&file.path),
    });
    files.sort_by_key(|file| file.kind == Kind::Link);
    let pipe = || io::pipe().map_err(|source| write_error(places.top.clone(), source));
    let ((input, requests), (answers, output)) = (pipe()?, pipe()?);
    let writer = Writer {
        places: places.clone(),
        requests,
        answers: BufReader::with_capacity(1 << 16, answers),
    };
    let writing = tokio::task::spawn_blocking(move || writer.write_all(&files));
    let read = repository
        .read()
        .within(WRITE_TIMEOUT)
        .args(["cat-file", "--batch"])
        .pipes(input, Some(output))
        .run()
        .await;
    match (writing.await, read) {
        (Ok(Ok(links)), Ok(_)) => Ok(links),
        // git ends because nobody reads on.
        (Ok(Err(err)), _) => Err(err),
        (_, Err(err)) => Err(err.into()),
        (Err(_), Ok(_)) => Err(TrashError::Git(GitError::unreadable("cat-file"))),
    }
}

/// Asks git for one content after the other, and writes each into its file.
struct Writer {
    places: Places,
    requests: PipeWriter,
    answers: BufReader<PipeReader>,
}

impl Writer {
    fn write_all(mut self, files: &[Kept]) -> Result<Vec<PathBuf>, TrashError> {
        let mut links = Vec::new();
        for file in files {
            let path = self.places.of(file);
            let written = self.write(file, &path);
            written.map_err(|source| write_error(path, source))?;
            let is_link = file.part == Part::Worktree && file.path.ends_with(".git");
            if is_link && matches!(file.kind, Kind::File | Kind::Program) {
                links.push(file.path.clone());
            }
        }
        Ok(links)
    }

    fn write(&mut self, file: &Kept, path: &Path) -> io::Result<()> {
        if file.kind == Kind::Folder {
            return std::fs::create_dir_all(path);
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let size_bytes = self.ask(&file.object)?;
        let mut content = (&mut self.answers).take(size_bytes);
        if file.kind == Kind::Link {
            let mut target = Vec::new();
            (&mut content)
                .take(LINK_BYTES_MAX)
                .read_to_end(&mut target)?;
            symlink(std::ffi::OsStr::from_bytes(&target), path)?;
        } else {
            let mut options = File::options();
            options.write(true);
            match file.part {
                Part::Worktree => options.create_new(true),
                // git has made some of them already.
                Part::GitDir => options.create(true).truncate(true),
            };
            options.mode(if file.kind == Kind::Program {
                0o777
            } else {
                0o666
            });
            options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
            let n = io::copy(&mut content, &mut options.open(path)?)?;
            if n != size_bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut line_end = [0];
        self.answers.read_exact(&mut line_end)
    }

    /// Asks for a content and returns its length; the content comes next.
    fn ask(&mut self, object: &str) -> io::Result<u64> {
        self.requests.write_all(format!("{object}\n").as_bytes())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let size = answer
            .trim_end()
            .strip_prefix(object)
            .and_then(|rest| rest.strip_prefix(" blob "));
        size.and_then(|size| size.parse().ok())
            .ok_or_else(|| io::Error::other(format!("git has no content {object}")))
    }
}

impl Places {
    fn of(&self, file: &Kept) -> PathBuf {
        match file.part {
            Part::Worktree => self.top.join(&file.path),
            Part::GitDir => self.git_dir.join(&file.path),
        }
    }

    /// Makes the repositories inside find their git directories, which are elsewhere now, and those
    /// their working trees.
    async fn lead_links_here(
        &self,
        repository: &Repository,
        entry: &Entry,
        links: Vec<PathBuf>,
    ) -> Result<(), TrashError> {
        for link in links {
            let path = self.top.join(&link);
            let content = tokio::fs::read(&path)
                .await
                .map_err(|source| super::gather::read_error(path.clone(), source))?;
            let old_folder = entry
                .trashed
                .path
                .join(link.parent().unwrap_or(Path::new("")));
            let Some(target) = link_target(&content) else {
                continue;
            };
            let old_git_dir = plain(&old_folder.join(target));
            let Ok(inside) = old_git_dir.strip_prefix(&entry.git_dir) else {
                continue; // It leads to where it led before.
            };
            let git_dir = self.git_dir.join(inside);
            if git_dir == old_git_dir && self.top == entry.trashed.path {
                continue;
            }
            let content = [b"gitdir: ", git_dir.as_os_str().as_bytes(), b"\n"].concat();
            tokio::fs::write(&path, content)
                .await
                .map_err(|source| write_error(path.clone(), source))?;
            let config = git_dir.join("config");
            if tokio::fs::metadata(&config).await.is_ok() {
                Git::write(repository.git_place())
                    .args(["config", "--file"])
                    .arg(config)
                    .arg("core.worktree")
                    .arg(path.parent().unwrap_or(&self.top))
                    .run()
                    .await?;
            }
        }
        Ok(())
    }
}

/// Takes `..` out of a path, by its text.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

fn write_error(path: PathBuf, source: io::Error) -> TrashError {
    TrashError::Io {
        what: "write",
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_lead_elsewhere_are_refused() {
        let line = |mode: &str, path: &str| format!("{mode} blob abc\t{path}\0");
        let fine = line("100644", "worktree/a/%.gitignore") + &line("120000", "gitdir/x");
        let files = parse(fine.as_bytes()).unwrap();
        assert_eq!(files[0].path, Path::new("a/.gitignore"));
        assert!(files[1].part == Part::GitDir && files[1].kind == Kind::Link);
        for line in [
            line("100644", "worktree/%.."),
            line("100644", "worktree/../x"),
            line("160000", "worktree/x"),
            line("100644", "worktree"),
            line("100644", "elsewhere/x"),
            "100644".to_owned(),
        ] {
            assert!(parse(line.as_bytes()).is_none(), "{line:?}");
        }
    }
}
