//! Files that every new worktree of a repository gets: a tree of templates copied into it.
//!
//! Owns where the tree lies and how it is copied. The tree may come with a repository that nobody
//! trusts, and so may the worktree it is copied into: neither is ever left. Links are copied as links
//! and not followed, neither where one reads nor where one writes; what is no file, directory or link
//! is left out, and so is everything named `.git`. Fails with the file that could not be copied.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::placeholders::{Facts, expand};

/// The directory in a repository that holds its templates.
const IN_REPOSITORY: &str = ".agent-console";

/// Largest file whose placeholders are replaced; larger ones are copied as they are.
const EXPANDED_BYTES_MAX: u64 = 16 << 20;

/// Directories below each other that are copied. Deeper ones are no templates, but a mistake.
const DEPTH_MAX: usize = 64;

/// Files, directories and links that are copied. More are no templates, but a mistake.
const ENTRIES_MAX: u64 = 100_000;

/// Why templates were not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A file could not be read or written.
    #[error("Could not copy the template {}: {source}", path.display())]
    Io {
        /// The file, from the top of the tree.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The place in the worktree leads elsewhere.
    #[error(
        "Could not copy the template {}: in the worktree, a part of this path is a link or a file",
        .0.display()
    )]
    InTheWay(PathBuf),
    /// The tree is too deep or too large to be meant.
    #[error(
        "The templates are more than {ENTRIES_MAX} files, or deeper than {DEPTH_MAX} directories"
    )]
    TooLarge,
    /// Somebody no longer wants it.
    #[error("cancelled")]
    Cancelled,
}

/// Finds the templates of a repository: its own, else those in our directory for it. Nothing when
/// neither is a directory; a link to one is none.
pub(crate) fn source(repository: &Path, ours: &Path) -> Option<PathBuf> {
    let is_directory =
        |path: &PathBuf| std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let candidates = [repository.join(IN_REPOSITORY), ours.to_owned()];
    candidates.into_iter().find(is_directory)
}

/// Copies a tree of templates into a worktree, over what is there. Returns how many files and links
/// were copied, and says what was left out.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    facts: Facts<'_>,
    cancel: &CancellationToken,
) -> Result<Copied, TemplateError> {
    let open = |path: &Path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map_err(|err| io(Path::new(""), err))
    };
    let mut copy = Copy {
        facts,
        cancel,
        copied: Copied::default(),
        n_entries: 0,
    };
    copy.directory(&open(from)?, &open(to)?, Path::new(""), 0)?;
    Ok(copy.copied)
}

/// What was copied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Files and links.
    pub(crate) n_files: u64,
    /// What was left out, from the top of the tree.
    pub(crate) left_out: Vec<PathBuf>,
}

struct Copy<'a> {
    facts: Facts<'a>,
    cancel: &'a CancellationToken,
    copied: Copied,
    n_entries: u64,
}

impl Copy<'_> {
    fn directory(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        at: &Path,
        depth: usize,
    ) -> Result<(), TemplateError> {
        if depth > DEPTH_MAX {
            return Err(TemplateError::TooLarge);
        }
        for name in names(from).map_err(|err| io(at, err))? {
            if self.cancel.is_cancelled() {
                return Err(TemplateError::Cancelled);
            }
            self.n_entries += 1;
            if self.n_entries > ENTRIES_MAX {
                return Err(TemplateError::TooLarge);
            }
            self.entry(from, to, &name, &at.join(&name), depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &OsStr,
        at: &Path,
        depth: usize,
    ) -> Result<(), TemplateError> {
        // A `.git` of their own making would let git run what it names.
        if name.eq_ignore_ascii_case(".git") {
            self.copied.left_out.push(at.to_owned());
            return Ok(());
        }
        if name == ".DS_Store" {
            return Ok(());
        }
        let found = statat(from, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|err| io(at, err))?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => {
                let (from, to) = (open_below(from, name, at)?, self.make(to, name, at)?);
                self.directory(&from, &to, at, depth + 1)
            }
            FileType::RegularFile => self.file(from, to, name, at),
            FileType::Symlink => self.link(from, to, name, at),
            _ => {
                self.copied.left_out.push(at.to_owned());
                Ok(())
            }
        }
    }

    /// Makes a directory in the worktree, unless it is there.
    fn make(&self, to: &OwnedFd, name: &OsStr, at: &Path) -> Result<OwnedFd, TemplateError> {
        match rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => open_below(to, name, at).map_err(|_| in_the_way(at)),
            Err(err) => Err(io(at, err)),
        }
    }

    fn file(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &OsStr,
        at: &Path,
    ) -> Result<(), TemplateError> {
        let failed = |source| TemplateError::Io {
            path: at.to_owned(),
            source,
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(from, name, flags, Mode::empty()).map_err(|err| io(at, err))?;
        let mut source = std::fs::File::from(opened);
        let found = source.metadata().map_err(failed)?;
        if !found.is_file() {
            // It became something else since we looked.
            self.copied.left_out.push(at.to_owned());
            return Ok(());
        }
        let mode = std::os::unix::fs::MetadataExt::mode(&found) & 0o777;
        let mut target = self.create(to, name, at, mode)?;
        if found.len() > EXPANDED_BYTES_MAX {
            std::io::copy(&mut source, &mut target).map_err(failed)?;
        } else {
            let mut bytes = Vec::new();
            source.read_to_end(&mut bytes).map_err(failed)?;
            target.write_all(&self.expanded(bytes)).map_err(failed)?;
        }
        self.copied.n_files += 1;
        Ok(())
    }

    /// Replaces the placeholders of a text; what is no text stays byte for byte.
    fn expanded(&self, bytes: Vec<u8>) -> Vec<u8> {
        if bytes.contains(&0) {
            return bytes;
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("{{") => expand(text, self.facts).into_bytes(),
            _ => bytes,
        }
    }

    /// Makes a file in place of what has its name: never through a link, never into a file that has
    /// another name too.
    fn create(
        &self,
        to: &OwnedFd,
        name: &OsStr,
        at: &Path,
        mode: u32,
    ) -> Result<std::fs::File, TemplateError> {
        self.clear(to, name, at)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode | 0o600);
        let made = openat(to, name, flags, mode).map_err(|err| io(at, err))?;
        Ok(std::fs::File::from(made))
    }

    fn link(
        &mut self,
        from: &OwnedFd,
        to: &OwnedFd,
        name: &OsStr,
        at: &Path,
    ) -> Result<(), TemplateError> {
        let target = rustix::fs::readlinkat(from, name, Vec::new()).map_err(|err| io(at, err))?;
        self.clear(to, name, at)?;
        rustix::fs::symlinkat(&target, to, name).map_err(|err| io(at, err))?;
        self.copied.n_files += 1;
        Ok(())
    }

    /// Removes a file or link of a name from the worktree.
    fn clear(&self, to: &OwnedFd, name: &OsStr, at: &Path) -> Result<(), TemplateError> {
        match rustix::fs::unlinkat(to, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            // Linux says the one of a directory, others the other.
            Err(Errno::ISDIR | Errno::PERM) => Err(in_the_way(at)),
            Err(err) => Err(io(at, err)),
        }
    }
}

fn open_below(dir: &OwnedFd, name: &OsStr, at: &Path) -> Result<OwnedFd, TemplateError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty()).map_err(|err| io(at, err))
}

/// Reads the names in a directory, in order, so that two copies do the same.
fn names(dir: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    use std::os::unix::ffi::OsStrExt;
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn in_the_way(at: &Path) -> TemplateError {
    TemplateError::InTheWay(at.to_owned())
}

fn io(at: &Path, err: Errno) -> TemplateError {
    TemplateError::Io {
        path: at.to_owned(),
        source: err.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const FACTS: Facts<'_> = Facts {
        index: 3,
        branch: "b",
        repo: "r",
        path: "/w",
    };

    struct Trees {
        dir: tempfile::TempDir,
    }

    impl Trees {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            for name in ["from", "to", "outside"] {
                fs::create_dir(dir.path().join(name)).unwrap();
            }
            Self { dir }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.dir.path().join(path)
        }

        fn copy(&self) -> Result<Copied, TemplateError> {
            copy(
                &self.at("from"),
                &self.at("to"),
                FACTS,
                &CancellationToken::new(),
            )
        }
    }

    #[test]
    fn a_tree_is_copied_with_its_placeholders_replaced() {
        let trees = Trees::new();
        fs::create_dir_all(trees.at("from/a/b")).unwrap();
        fs::write(trees.at("from/a/b/.env"), "PORT={{WORKTREE_NUM + 3000}}\n").unwrap();
        fs::write(trees.at("from/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(trees.at("from/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(trees.at("from/.DS_Store"), "x").unwrap();
        fs::create_dir(trees.at("to/a")).unwrap();
        fs::write(trees.at("to/run.sh"), "old").unwrap();
        assert_eq!(trees.copy().unwrap().n_files, 2);
        assert_eq!(
            fs::read_to_string(trees.at("to/a/b/.env")).unwrap(),
            "PORT=3003\n"
        );
        assert_eq!(
            fs::read_to_string(trees.at("to/run.sh")).unwrap(),
            "#!/bin/sh\n"
        );
        let mode = fs::metadata(trees.at("to/run.sh"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o700, 0o700);
        assert!(!trees.at("to/.DS_Store").exists());
        // Again, as after a crash.
        assert_eq!(trees.copy().unwrap().n_files, 2);
    }

    #[test]
    fn what_is_no_text_is_copied_byte_for_byte() {
        let trees = Trees::new();
        let table: [&[u8]; 3] = [b"\0{{BRANCH}}", b"\xff{{BRANCH}}", b""];
        for (number, bytes) in table.iter().enumerate() {
            fs::write(trees.at(&format!("from/{number}")), bytes).unwrap();
        }
        trees.copy().unwrap();
        for (number, bytes) in table.iter().enumerate() {
            assert_eq!(&fs::read(trees.at(&format!("to/{number}"))).unwrap(), bytes);
        }
    }

    #[test]
    fn links_are_copied_and_never_followed() {
        let trees = Trees::new();
        fs::write(trees.at("outside/secret"), "secret").unwrap();
        symlink(trees.at("outside/secret"), trees.at("from/file")).unwrap();
        symlink(trees.at("outside"), trees.at("from/dir")).unwrap();
        symlink("../../../etc", trees.at("from/up")).unwrap();
        assert_eq!(trees.copy().unwrap().n_files, 3);
        for name in ["file", "dir", "up"] {
            let copied = trees.at("to").join(name);
            assert!(
                fs::symlink_metadata(&copied).unwrap().is_symlink(),
                "{name}"
            );
            assert_eq!(
                fs::read_link(&copied).unwrap(),
                fs::read_link(trees.at("from").join(name)).unwrap()
            );
        }
    }

    #[test]
    fn nothing_is_written_through_links_of_the_worktree() {
        let trees = Trees::new();
        fs::write(trees.at("outside/file"), "theirs").unwrap();
        fs::write(trees.at("from/file"), "ours").unwrap();
        symlink(trees.at("outside/file"), trees.at("to/file")).unwrap();
        trees.copy().unwrap();
        assert_eq!(
            fs::read_to_string(trees.at("outside/file")).unwrap(),
            "theirs"
        );
        assert_eq!(fs::read_to_string(trees.at("to/file")).unwrap(), "ours");

        fs::create_dir(trees.at("from/dir")).unwrap();
        fs::write(trees.at("from/dir/new"), "ours").unwrap();
        symlink(trees.at("outside"), trees.at("to/dir")).unwrap();
        let refused = trees.copy().unwrap_err();
        assert!(matches!(refused, TemplateError::InTheWay(_)), "{refused}");
        assert!(!trees.at("outside/new").exists());
    }

    #[test]
    fn a_hard_link_of_the_worktree_is_replaced_not_written_to() {
        let trees = Trees::new();
        fs::write(trees.at("outside/file"), "theirs").unwrap();
        fs::hard_link(trees.at("outside/file"), trees.at("to/file")).unwrap();
        fs::write(trees.at("from/file"), "ours").unwrap();
        trees.copy().unwrap();
        assert_eq!(
            fs::read_to_string(trees.at("outside/file")).unwrap(),
            "theirs"
        );
    }

    #[test]
    fn what_could_harm_is_left_out() {
        let trees = Trees::new();
        fs::create_dir(trees.at("from/.git")).unwrap();
        fs::write(trees.at("from/.git/config"), "[core]").unwrap();
        fs::create_dir(trees.at("from/sub")).unwrap();
        fs::write(trees.at("from/sub/.GIT"), "gitdir: /evil").unwrap();
        let pipe = trees.at("from/pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        let copied = trees.copy().unwrap();
        let left_out: Vec<_> = copied
            .left_out
            .iter()
            .map(|path| path.to_str().unwrap())
            .collect();
        assert_eq!(left_out, [".git", "pipe", "sub/.GIT"]);
        assert_eq!(fs::read_dir(trees.at("to")).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_in_place_of_a_file_stays() {
        let trees = Trees::new();
        fs::create_dir(trees.at("to/file")).unwrap();
        fs::write(trees.at("from/file"), "ours").unwrap();
        assert!(matches!(trees.copy(), Err(TemplateError::InTheWay(_))));
    }

    #[test]
    fn the_repositorys_own_templates_come_first_and_a_link_is_none() {
        let trees = Trees::new();
        let ours = trees.at("outside");
        assert_eq!(source(&trees.at("to"), &ours), Some(ours.clone()));
        symlink(trees.at("from"), trees.at("to/.agent-console")).unwrap();
        assert_eq!(source(&trees.at("to"), &ours), Some(ours.clone()));
        fs::remove_file(trees.at("to/.agent-console")).unwrap();
        fs::create_dir(trees.at("to/.agent-console")).unwrap();
        let own = trees.at("to/.agent-console");
        assert_eq!(source(&trees.at("to"), &ours), Some(own));
        assert_eq!(source(&trees.at("from"), &trees.at("none")), None);
    }
}
