//! The task that watches one directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use offshoot_protocol::diff::DiffUpdates;
use tokio::sync::watch;

use super::Pulse;

/// How often a directory is looked at that cannot be watched.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// A directory that cannot be watched is looked at for at most this part of the time.
const POLL_SHARE: u32 = 20;

/// Directories of one worktree that are watched. In a larger one the user's share of the system's
/// watches would go to it alone.
const DIRECTORIES_MAX: usize = 50_000;

/// Changes that never end are told so far apart at the most, however long a diff takes.
const GAP_MAX: Duration = Duration::from_secs(5);

/// What a diff of the directory costs, so that changes that never end do not take a processor.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Notes how long a diff took.
    pub(super) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }

    fn cost(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    /// The time from one change to the next that is told.
    #[cfg(target_os = "linux")]
    pub(super) fn gap(&self) -> Duration {
        (2 * self.cost()).min(GAP_MAX)
    }
}

/// Watches until the directory is gone; ended from outside otherwise.
pub(super) async fn run(dir: PathBuf, publish: watch::Sender<Pulse>, pace: Arc<Pace>) {
    watch_up_to(DIRECTORIES_MAX, &dir, &publish, &pace).await;
}

#[cfg_attr(not(target_os = "linux"), expect(unused_variables))]
async fn watch_up_to(most: usize, dir: &Path, publish: &watch::Sender<Pulse>, pace: &Pace) {
    #[cfg(target_os = "linux")]
    match super::tree::follow(dir, most, publish, pace).await {
        super::tree::Unwatched::Gone => return tell_gone(publish),
        super::tree::Unwatched::Refused(why) => {
            tracing::warn!(dir = %dir.display(), %why, "changes of this directory cannot be watched; it is looked at now and then");
        }
    }
    poll(dir, publish, pace).await;
}

async fn poll(dir: &Path, publish: &watch::Sender<Pulse>, pace: &Pace) {
    publish.send_modify(|pulse| pulse.updates = DiffUpdates::Polling);
    loop {
        if !dir.is_dir() {
            return tell_gone(publish);
        }
        publish.send_modify(|pulse| pulse.n_changes += 1);
        tokio::time::sleep(POLL_EVERY.max(POLL_SHARE * pace.cost())).await;
    }
}

fn tell_gone(publish: &watch::Sender<Pulse>) {
    publish.send_modify(|pulse| pulse.is_gone = true);
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::process::Command;

    use offshoot_git::{Base, Comparison, DiffLimits, Target};

    use super::*;

    /// What a test waits for at the most, on a machine with much else to do.
    const LATE: Duration = Duration::from_secs(30);

    fn git(dir: &Path, args: &[&str]) {
        let who = ["-c", "user.name=t", "-c", "user.email=t@localhost"];
        let mut command = Command::new("git");
        command.current_dir(dir).args(who).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }

    fn repository(folders: usize) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        git(dir, &["init", "--quiet"]);
        for number in 0..folders {
            let folder = dir.join(format!("folder-{number}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("file"), "words\n").unwrap();
        }
        git(dir, &["add", "."]);
        git(dir, &["commit", "--quiet", "-m", "first"]);
        directory
    }

    fn pulses() -> (watch::Sender<Pulse>, watch::Receiver<Pulse>) {
        watch::channel(Pulse {
            n_changes: 0,
            updates: DiffUpdates::Live,
            is_gone: false,
        })
    }

    /// Makes diffs as they are called for until one has a text in it.
    async fn until_told(dir: &Path, pulse: &mut watch::Receiver<Pulse>, text: &str) {
        let comparison = Comparison {
            base: Base::Rev("HEAD".to_owned()),
            target: Target::WorkingTree,
        };
        let limits = DiffLimits::default();
        let told = async {
            loop {
                pulse.changed().await.unwrap();
                let diff = offshoot_git::diff(dir, &comparison, &limits).await;
                let patch = String::from_utf8(diff.unwrap().patch()).unwrap();
                if patch.contains(text) {
                    break;
                }
            }
        };
        tokio::time::timeout(LATE, told).await.expect(text);
    }

    async fn edits_are_told_by_looking(most: usize) {
        let directory = repository(20);
        let (dir, (publish, mut pulse)) = (directory.path(), pulses());
        let pace = Pace::default();
        let told = async {
            let polling = pulse.wait_for(|pulse| pulse.updates == DiffUpdates::Polling);
            let polling = tokio::time::timeout(LATE, polling).await;
            polling.expect("looked at now and then").unwrap();
            for number in [0, 19] {
                let text = format!("changed {number}\n");
                fs::write(dir.join(format!("folder-{number}/file")), &text).unwrap();
                until_told(dir, &mut pulse, &text).await;
            }
        };
        tokio::select! {
            () = told => {}
            () = watch_up_to(most, dir, &publish, &pace) => panic!("the directory is there"),
        }
    }

    #[tokio::test]
    async fn with_more_directories_than_may_be_watched_edits_are_still_told() {
        edits_are_told_by_looking(10).await;
    }

    #[tokio::test]
    #[ignore = "run by the test below, where the system watches few directories"]
    async fn edits_are_told_where_the_system_watches_few_directories() {
        edits_are_told_by_looking(DIRECTORIES_MAX).await;
    }

    /// The system's limit itself, lowered for a namespace of users. Where none may be made, the
    /// test above is all there is.
    #[test]
    fn when_the_system_watches_no_more_directories_edits_are_still_told() {
        let lowered = |then: &str| {
            let script =
                format!("echo 8 2>&- > /proc/sys/user/max_inotify_watches || exit 77; {then}");
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "sh", "-c", &script]);
            command.arg(std::env::current_exe().unwrap());
            command.output()
        };
        if !lowered("true").is_ok_and(|output| output.status.success()) {
            return;
        }
        let name = "diff::watcher::tests::edits_are_told_where_the_system_watches_few_directories";
        let ran = lowered(&format!("exec \"$0\" --ignored --exact {name}")).unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    }

    #[tokio::test]
    async fn a_directory_too_many_that_comes_later_is_told_of_too() {
        let directory = repository(5);
        let (dir, (publish, mut pulse)) = (directory.path(), pulses());
        let pace = Pace::default();
        let told = async {
            pulse.wait_for(|pulse| pulse.n_changes > 0).await.unwrap();
            assert_eq!(pulse.borrow().updates, DiffUpdates::Live);
            for number in 0..60 {
                fs::create_dir(dir.join(format!("new-{number}"))).unwrap();
            }
            let polling = pulse.wait_for(|pulse| pulse.updates == DiffUpdates::Polling);
            let polling = tokio::time::timeout(LATE, polling).await;
            polling.expect("looked at now and then").unwrap();
            fs::write(dir.join("new-59/file"), "late\n").unwrap();
            until_told(dir, &mut pulse, "late\n").await;
        };
        tokio::select! {
            () = told => {}
            () = watch_up_to(40, dir, &publish, &pace) => panic!("the directory is there"),
        }
    }

    #[tokio::test]
    async fn the_end_of_a_directory_that_is_looked_at_is_told() {
        let directory = repository(5);
        let (dir, (publish, mut pulse)) = (directory.path().to_owned(), pulses());
        let pace = Pace::default();
        let ended = watch_up_to(2, &dir, &publish, &pace);
        let told = async {
            let polling = pulse.wait_for(|pulse| pulse.updates == DiffUpdates::Polling);
            polling.await.unwrap();
            directory.close().unwrap();
            pulse.wait_for(|pulse| pulse.is_gone).await.unwrap();
        };
        let both = async { tokio::join!(ended, told) };
        tokio::time::timeout(LATE, both).await.expect("told");
    }
}
