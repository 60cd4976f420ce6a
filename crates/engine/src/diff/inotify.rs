//! The system's news about directories. Knows nothing of git.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// Bytes of news read at once.
const READ_BYTES: usize = 16 * 1024;

/// Watched directories, each with a key that says what it is.
pub(super) struct Inotify<K> {
    fd: AsyncFd<Arc<OwnedFd>>,
    by_watch: Arc<Mutex<HashMap<i32, (K, PathBuf)>>>,
}

/// A way to add directories, also from a thread that may block.
pub(super) struct Adder<K> {
    fd: Arc<OwnedFd>,
    by_watch: Arc<Mutex<HashMap<i32, (K, PathBuf)>>>,
}

/// One piece of news.
pub(super) struct News<'a, K> {
    pub(super) key: &'a K,
    /// The directory.
    pub(super) dir: &'a Path,
    /// What in it; none when the directory itself is meant.
    pub(super) name: Option<&'a OsStr>,
    pub(super) flags: ReadFlags,
}

impl<K: Clone> Inotify<K> {
    /// Asks for a queue of news. Fails when the user has too many.
    pub(super) fn new() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "unsound for types that close their descriptor early; an Arc of an owned one does not"
        )]
        let fd = AsyncFd::new(Arc::new(fd))?;
        Ok(Self {
            fd,
            by_watch: Arc::default(),
        })
    }

    pub(super) fn adder(&self) -> Adder<K> {
        Adder {
            fd: Arc::clone(self.fd.get_ref()),
            by_watch: Arc::clone(&self.by_watch),
        }
    }

    /// Waits for news and takes all there is. Cancel-safe. Returns false when some were lost.
    pub(super) async fn next(&self, take: impl FnMut(News<'_, K>)) -> io::Result<bool> {
        let mut ready = self.fd.readable().await?;
        let is_whole = self.drain(take);
        // Nothing was left; what came since makes it ready again.
        ready.clear_ready();
        is_whole
    }

    /// Takes all news there is. Returns false when some were lost.
    pub(super) fn drain(&self, mut take: impl FnMut(News<'_, K>)) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); READ_BYTES];
        let mut reader = Reader::new(self.fd.get_ref(), &mut buffer);
        let mut is_whole = true;
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(err) => return Err(err.into()),
            };
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                is_whole = false;
                continue;
            }
            let mut by_watch = self.by_watch.lock();
            let Some((key, dir)) = by_watch.get(&event.wd()).cloned() else {
                continue;
            };
            if event.events().contains(ReadFlags::IGNORED) {
                by_watch.remove(&event.wd());
            }
            drop(by_watch);
            let name = event
                .file_name()
                .map(|name| OsStr::from_bytes(name.to_bytes()));
            take(News {
                key: &key,
                dir: &dir,
                name,
                flags: event.events(),
            });
        }
        Ok(is_whole)
    }

    /// Forgets directories that are not wanted any more.
    pub(super) fn retain(&self, mut is_wanted: impl FnMut(&K, &Path) -> bool) {
        self.by_watch.lock().retain(|watch, (key, dir)| {
            let keep = is_wanted(key, dir);
            if !keep {
                // It may have gone by itself.
                let _ = inotify::remove_watch(self.fd.get_ref(), *watch);
            }
            keep
        });
    }

    /// Returns the number of watched directories.
    pub(super) fn len(&self) -> usize {
        self.by_watch.lock().len()
    }
}

impl<K: Clone> Adder<K> {
    /// Watches a directory; nothing below it. One that is watched already gets the new key and name.
    /// Fails when the system watches as many as it may.
    pub(super) fn add(&self, dir: &Path, key: K) -> io::Result<()> {
        let flags = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW
            | WatchFlags::EXCL_UNLINK;
        match inotify::add_watch(&self.fd, dir, flags) {
            Ok(watch) => {
                self.by_watch.lock().insert(watch, (key, dir.to_owned()));
                Ok(())
            }
            // Gone, or no directory any more: there is nothing to watch.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => Ok(()),
            Err(err) => Err(err.into()),
        }
    }
}
