//! Files of a worktree, opened without following a link anywhere on the way.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

/// What is at a path.
#[derive(Debug)]
pub(super) enum Found {
    /// A file with its size and whether it may be executed.
    File {
        file: File,
        size_bytes: u64,
        is_executable: bool,
    },
    /// A link and where it points to; it is not followed.
    Link(OsString),
}

/// Why nothing was opened.
#[derive(Debug)]
pub(super) enum NotFound {
    /// The path leads out of the worktree or into git's own directory.
    Outside,
    /// There is nothing, the system refused, or it is neither a file nor a link.
    Unreadable,
}

impl From<Errno> for NotFound {
    fn from(err: Errno) -> Self {
        match err {
            // A folder on the way is a link.
            Errno::LOOP => Self::Outside,
            _ => Self::Unreadable,
        }
    }
}

/// Whether a path is relative, plain, and not in git's own directory.
pub(super) fn is_inside(path: &Path) -> bool {
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
        _ => false,
    };
    path.components().next().is_some() && path.components().all(is_plain)
}

/// Opens what is at a path below a directory.
pub(super) fn open(top: &Path, path: &Path) -> Result<Found, NotFound> {
    if !is_inside(path) {
        return Err(NotFound::Outside);
    }
    let name = path.file_name().ok_or(NotFound::Outside)?;
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = openat(CWD, top, folder_flags, Mode::empty())?;
    for part in path.parent().unwrap_or(Path::new("")).components() {
        let flags = folder_flags | OFlags::NOFOLLOW;
        folder = match openat(&folder, part.as_os_str(), flags, Mode::empty()) {
            // Linux says this of a link that is not to be followed to a folder.
            Err(Errno::NOTDIR) if readlinkat(&folder, part.as_os_str(), Vec::new()).is_ok() => {
                return Err(NotFound::Outside);
            }
            opened => opened?,
        };
    }
    // A pipe must not be waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&folder, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => {
            let link = readlinkat(&folder, name, Vec::new())?;
            return Ok(Found::Link(OsString::from_vec(link.into_bytes())));
        }
        opened => opened?,
    };
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Found::File {
            file: file.into(),
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            is_executable: stat.st_mode & 0o100 != 0,
        }),
        _ => Err(NotFound::Unreadable),
    }
}
