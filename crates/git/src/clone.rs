//! Cloning a repository by its address.

mod progress;
mod url;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::progress::{Lines, without_progress};
use crate::command::{Git, GitError, Output};
use crate::network::{Refusal, UserPrograms, refusal, without_secrets};
use crate::task::undisturbed;
use crate::{Repository, lock, open};

pub use self::progress::{CloneProgress, CloneStep};
pub use self::url::{CloneUrl, InvalidUrl, valid_clone_url};

/// Protocols that are cloned from.
const PROTOCOLS: &str = "https:ssh";

/// Protocols that are cloned from when the caller says so.
const PROTOCOLS_WITH_LOCAL: &str = "file:https:ssh";

/// Time for a whole clone. Reaching it means a line on which a repository of that size is no use.
const CLONE_TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);

/// Time in which git must say something, if only a percentage. Reaching it means a dead network that
/// nothing else noticed.
const STALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Longest part of a folder's name that goes into the hidden one's.
const NAME_BYTES_MAX: usize = 200;

/// Why nothing was cloned. Nothing is left at the path.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    /// Something is at the path.
    #[error("{} exists", .0.display())]
    PathExists(PathBuf),
    /// It was cancelled.
    #[error("the clone was cancelled")]
    Cancelled,
    /// It stood still, or took too long.
    #[error("the clone stood still and was given up")]
    Stalled,
    /// There is no repository at the address, or none that we may see.
    #[error("there is no repository at the address: {stderr}")]
    NotFound {
        /// What git and the other side said.
        stderr: String,
    },
    /// The other side wants to know who asks. Set up a key or a credential helper for git.
    #[error("the other side refused to let us in: {stderr}")]
    SignIn {
        /// What git and ssh said.
        stderr: String,
    },
    /// The system refused to make or move the folder.
    #[error("write {}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git refused or could not run; also when the other side cannot be reached.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Clones a repository into a path where nothing is, and makes the folders above it.
///
/// Loads into a hidden folder beside the path and moves it when it is complete. Hooks do not run,
/// submodules are not loaded, nobody is asked for passwords. Ends early when `cancel` does or when
/// the caller goes away. Nothing is left behind but by success; what a crash left is taken away by
/// the next clone to the same path. The git of a caller that was killed ends when it next reports
/// progress; it shares no folder with a later one. `on_progress` is called when a percentage
/// changes, from another task, and must be quick.
pub async fn clone_repository(
    url: &CloneUrl,
    target: &Path,
    on_progress: impl FnMut(CloneProgress) + Send + 'static,
    cancel: impl Future<Output = ()> + Send + 'static,
) -> Result<Repository, CloneError> {
    let target = std::path::absolute(target).map_err(|source| io_error(target, source))?;
    let cloning = Cloning {
        url: url.clone(),
        target,
    };
    // Dropped with this future, which tells the other task.
    let (_caller, caller_is_gone) = oneshot::channel::<()>();
    let stop = async {
        tokio::select! {
            () = cancel => {}
            _ = caller_is_gone => {}
        }
    };
    undisturbed(async move { cloning.run(on_progress, stop).await }).await
}

/// A clone to be made.
struct Cloning {
    url: CloneUrl,
    target: PathBuf,
}

impl Cloning {
    async fn run(
        self,
        on_progress: impl FnMut(CloneProgress) + Send + 'static,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Repository, CloneError> {
        let _turn = lock::turn(&self.target).await;
        if tokio::fs::symlink_metadata(&self.target).await.is_ok() {
            return Err(CloneError::PathExists(self.target));
        }
        let (Some(parent), Some(name)) = (self.target.parent(), self.target.file_name()) else {
            return Err(CloneError::PathExists(self.target));
        };
        let hidden = parent.join(hidden_name(name));
        let made = make_folders(parent).await?;
        sweep(parent, name).await;
        let cloned = self.clone_into(&hidden, on_progress, stop).await;
        let moved = match cloned {
            Ok(()) => self.move_here(&hidden),
            Err(err) => Err(err),
        };
        if let Err(err) = moved {
            if let Err(left) = clear(&hidden).await {
                tracing::warn!(error = %left, "take away a clone that failed");
            }
            for folder in made {
                // One that somebody uses meanwhile is not empty, and stays.
                let _ = tokio::fs::remove_dir(folder).await;
            }
            return Err(err);
        }
        // A git that outlived its caller may have written again since.
        sweep(parent, name).await;
        open(&self.target)
            .await
            .map_err(|_| CloneError::Git(GitError::unreadable("clone")))
    }

    async fn clone_into(
        &self,
        hidden: &Path,
        on_progress: impl FnMut(CloneProgress) + Send + 'static,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), CloneError> {
        // Outside of any repository: only the user's and the system's configuration counts.
        let place = Path::new("/");
        let protocols = match self.url.is_local() {
            true => PROTOCOLS_WITH_LOCAL,
            false => PROTOCOLS,
        };
        let last_word = Arc::new(Mutex::new(Instant::now()));
        let heard = Arc::clone(&last_word);
        let mut lines = Lines::new(on_progress);
        let git = UserPrograms::of(place)
            .await?
            .apply(Git::write(place), protocols)
            .args(["clone", "--progress", "--origin=origin", "--no-local"])
            .args(["--no-recurse-submodules", "--"])
            .arg(self.url.as_str())
            .arg(hidden)
            .watch(move |bytes| {
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                lines.add(bytes);
            });
        let mut end = CloneError::Cancelled;
        let stop = async {
            tokio::select! {
                biased;
                () = stop => {}
                () = stalled(&last_word) => end = CloneError::Stalled,
                () = tokio::time::sleep(CLONE_TIMEOUT) => end = CloneError::Stalled,
            }
        };
        match git.run_until(stop).await? {
            Some(output) if output.code == Some(0) => Ok(()),
            Some(output) => Err(clone_error(output)),
            None => Err(end),
        }
    }

    /// Moves the complete clone to its place, unless somebody else was faster.
    fn move_here(&self, hidden: &Path) -> Result<(), CloneError> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        let moved = renameat_with(CWD, hidden, CWD, &self.target, RenameFlags::NOREPLACE);
        let moved = match moved {
            // A file system that cannot tell; it was free when we looked.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                std::fs::rename(hidden, &self.target)
            }
            moved => moved.map_err(io::Error::from),
        };
        moved.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => {
                CloneError::PathExists(self.target.clone())
            }
            _ => io_error(&self.target, source),
        })
    }
}

/// Returns when git has said nothing for too long.
async fn stalled(last_word: &Mutex<Instant>) {
    loop {
        let last = *last_word.lock().unwrap_or_else(PoisonError::into_inner);
        let end = last + STALL_TIMEOUT;
        if Instant::now() >= end {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

/// Begins the names of the folders that clones to a target are loaded into.
fn hidden_prefix(name: &OsStr) -> Vec<u8> {
    let name = name.as_bytes();
    let name = &name[..name.len().min(NAME_BYTES_MAX)];
    [b".", name, b".offshoot-clone-"].concat()
}

/// Names a folder to load a clone into, another one each time: the git of a caller that was killed
/// may live on, and takes its folder away when it ends.
fn hidden_name(name: &OsStr) -> OsString {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since_1970.map_or(0, |since| since.as_nanos());
    let mut hidden = hidden_prefix(name);
    hidden.extend(format!("{:x}-{nanos:x}", std::process::id()).bytes());
    OsString::from_vec(hidden)
}

/// Takes away what earlier clones to the same target left; does what it can.
async fn sweep(parent: &Path, name: &OsStr) {
    if name.len() > NAME_BYTES_MAX {
        // Cut off, it is that of other targets too.
        return;
    }
    let prefix = hidden_prefix(name);
    let Ok(mut entries) = tokio::fs::read_dir(parent).await else {
        return;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let name = entry.file_name();
        let Some(rest) = name.as_bytes().strip_prefix(prefix.as_slice()) else {
            continue;
        };
        let is_ours = rest.iter().all(|&b| b.is_ascii_hexdigit() || b == b'-');
        if is_ours && let Err(left) = clear(&entry.path()).await {
            tracing::warn!(error = %left, "take away what an earlier clone left");
        }
    }
}

/// Makes a folder and those above it; returns those that were made, the innermost first.
async fn make_folders(folder: &Path) -> Result<Vec<PathBuf>, CloneError> {
    let mut missing = Vec::new();
    for folder in folder.ancestors() {
        match tokio::fs::symlink_metadata(folder).await {
            Ok(_) => break,
            Err(_) => missing.push(folder.to_owned()),
        }
    }
    match tokio::fs::create_dir_all(folder).await {
        Ok(()) => Ok(missing),
        Err(source) => Err(io_error(folder, source)),
    }
}

/// Takes away a folder that may be there.
async fn clear(folder: &Path) -> Result<(), CloneError> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(io_error(folder, err)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path, source: io::Error) -> CloneError {
    CloneError::Io {
        path: path.to_owned(),
        source,
    }
}

fn clone_error(output: Output) -> CloneError {
    const NOT_FOUND: &[&str] = &[
        "not found",
        "does not exist",
        "does not appear to be a git repository",
    ];
    let stderr = without_secrets(&without_progress(&output.stderr));
    if refusal(&stderr) == Some(Refusal::SignIn) {
        return CloneError::SignIn { stderr };
    }
    if NOT_FOUND.iter().any(|words| stderr.contains(words)) {
        return CloneError::NotFound { stderr };
    }
    CloneError::Git(GitError::Failed {
        command: "clone".to_owned(),
        code: output.code,
        stderr,
    })
}
