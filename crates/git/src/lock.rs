//! One change of worktrees at a time per repository: git's own locks fail instead of waiting, and
//! checks made before a change must still hold when it is made.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

type Locks = HashMap<PathBuf, Weak<AsyncMutex<()>>>;

/// By common git directory, so that every way to a repository leads to the same lock. Holds only
/// locks that somebody uses; the rest goes when the next one is asked for.
static LOCKS: LazyLock<Mutex<Locks>> = LazyLock::new(Mutex::default);

/// Waits for the repository's turn; first come, first served.
pub(crate) async fn turn(common_dir: &Path) -> OwnedMutexGuard<()> {
    let lock = {
        let mut locks = LOCKS.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        match locks.get(common_dir).and_then(Weak::upgrade) {
            Some(lock) => lock,
            None => {
                let lock = Arc::new(AsyncMutex::new(()));
                locks.insert(common_dir.to_owned(), Arc::downgrade(&lock));
                lock
            }
        }
    };
    lock.lock_owned().await
}
