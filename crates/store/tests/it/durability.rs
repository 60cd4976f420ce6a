//! What is kept when things end badly.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offshoot_store::{SessionRow, Store, StoreError};

use crate::support::{open, session, worker};

#[tokio::test]
async fn closed_store_kept_everything_and_answers_no_more() {
    let place = open();
    let other = place.store.clone();
    let waiting: Vec<_> = (0..500)
        .map(|_| {
            let store = place.store.clone();
            tokio::spawn(async move { store.insert_session(session()).await })
        })
        .collect();
    let mut n_kept = 0;
    for call in waiting {
        n_kept += usize::from(call.await.unwrap().is_ok());
    }
    assert_eq!(n_kept, 500);
    let path = place.store.path().to_owned();
    place.store.close().await.unwrap();
    assert!(matches!(other.sessions().await, Err(StoreError::Closed)));
    assert!(matches!(other.close().await, Err(StoreError::Closed)));
    let wal = path.with_file_name("offshoot.db-wal");
    assert!(!wal.exists(), "the log is folded in");
    let again = Store::open(&path).unwrap();
    assert!(!again.created);
    assert_eq!(again.store.sessions().await.unwrap().len(), 500);
}

#[tokio::test]
async fn calls_that_wait_are_run_before_closing() {
    let place = open();
    let path = place.store.path().to_owned();
    let n_called = Arc::new(AtomicUsize::new(0));
    let inserts: Vec<_> = (0..100)
        .map(|_| {
            let (store, n_called) = (place.store.clone(), Arc::clone(&n_called));
            tokio::spawn(async move {
                n_called.fetch_add(1, Ordering::Relaxed);
                store.insert_session(session()).await
            })
        })
        .collect();
    // Then all of them are in the queue: a call puts itself there before it waits.
    while n_called.load(Ordering::Relaxed) < inserts.len() {
        tokio::task::yield_now().await;
    }
    place.store.close().await.unwrap();
    for insert in inserts {
        insert.await.unwrap().unwrap();
    }
    let again = Store::open(&path).unwrap().store;
    assert_eq!(again.sessions().await.unwrap().len(), 100);
}

#[tokio::test]
async fn failing_call_takes_no_other_with_it() {
    let place = open();
    let taken = session();
    place.store.insert_session(taken.clone()).await.unwrap();
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let store = place.store.clone();
            let row = if n % 2 == 0 { session() } else { taken.clone() };
            tokio::spawn(async move { store.insert_session(row).await })
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        match call.await.unwrap() {
            Ok(()) => assert_eq!(n % 2, 0),
            Err(StoreError::Exists(_)) => assert_eq!(n % 2, 1),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(place.store.sessions().await.unwrap().len(), 101);
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_other() {
    let place = open();
    let other = Store::open(place.store.path()).unwrap().store;
    let writes: Vec<_> = (0..50)
        .map(|n| {
            let store = if n % 2 == 0 { &place.store } else { &other }.clone();
            tokio::spawn(async move { store.insert_session(session()).await })
        })
        .collect();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    assert_eq!(place.store.sessions().await.unwrap().len(), 50);
    assert_eq!(
        place.store.sessions().await.unwrap(),
        other.sessions().await.unwrap()
    );
}

#[tokio::test]
async fn backup_is_complete_and_replaces_nothing() {
    let place = open();
    let home = session();
    let tab = worker(home.id);
    place
        .store
        .insert_session_with(home.clone(), vec![tab.clone()])
        .await
        .unwrap();
    let copy = place.dir.path().join("copy.db");
    place.store.back_up(copy.clone()).await.unwrap();
    let again = place.store.back_up(copy.clone()).await;
    assert!(matches!(again, Err(StoreError::Io { .. })));
    let restored = Store::open(&copy).unwrap();
    assert!(!restored.created);
    assert_eq!(restored.store.sessions().await.unwrap(), [home]);
    assert_eq!(restored.store.workers().await.unwrap(), [tab]);
}

/// Not a test by itself: the process that is killed. Prints each title once it is answered.
#[tokio::test]
#[ignore = "run by answered_rows_survive_a_killed_writer"]
async fn writer_to_be_killed() {
    let Ok(path) = std::env::var("STORE_TO_WRITE") else {
        return;
    };
    let store = Store::open(Path::new(&path)).unwrap().store;
    for n in 0.. {
        let row = SessionRow {
            title: Some(n.to_string()),
            ..session()
        };
        store.insert_session(row).await.unwrap();
        println!("row {n}");
    }
}

#[tokio::test]
async fn answered_rows_survive_a_killed_writer() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    let mut n_before = 0;
    for round in 1..=3_usize {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "durability::writer_to_be_killed"])
            .args(["--ignored", "--nocapture"])
            .env("STORE_TO_WRITE", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let is_row = |line: &String| line.starts_with("row ");
        let mut n_answered = lines
            .by_ref()
            .map_while(Result::ok)
            .filter(is_row)
            .take(40 * round)
            .count();
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What it had printed before it died was answered too; its last line may be cut.
        n_answered += lines.map_while(Result::ok).filter(is_row).count();

        let opened = Store::open(&path).unwrap();
        assert_eq!((opened.set_aside, opened.created), (None, false));
        let n_rows = opened.store.sessions().await.unwrap().len();
        let n_new = n_rows - n_before;
        assert!(
            n_answered <= n_new + 1,
            "{n_answered} answered, {n_new} kept"
        );
        assert!(n_answered >= 40 * round && n_new >= 40 * round);
        n_before = n_rows;
        opened.store.close().await.unwrap();
    }
}

/// A file system of a few pages; taken away with this.
struct SmallDisk(
    PathBuf,
    #[expect(dead_code, reason = "held for its end")] tempfile::TempDir,
);

impl SmallDisk {
    /// None when the test may not mount.
    fn mount(kilobytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        status
            .is_ok_and(|status| status.success())
            .then_some(Self(path, dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn full_disk_is_told_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(600) else {
        println!("skipped: may not mount");
        return;
    };
    let path = disk.0.join("offshoot.db");
    let store = Store::open(&path).unwrap().store;
    let mut kept = Vec::new();
    let big = |n: usize| SessionRow {
        title: Some(n.to_string()),
        initial_prompt: Some("x".repeat(20_000)),
        ..session()
    };
    let mut refused = None;
    for n in 0..1000 {
        let row = big(n);
        match store.insert_session(row.clone()).await {
            Ok(()) => kept.push(row.id),
            Err(err) => {
                refused = Some(err);
                break;
            }
        }
    }
    assert!(
        matches!(refused, Some(StoreError::DiskFull(_))),
        "{refused:?}"
    );
    assert!(kept.len() > 3);
    // Looking still works, also beside a write that fails.
    let (write, read) = tokio::join!(store.insert_session(big(0)), store.sessions());
    assert!(matches!(write, Err(StoreError::DiskFull(_))), "{write:?}");
    let ids = |rows: Vec<SessionRow>| {
        let mut ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
        ids.sort();
        ids
    };
    kept.sort();
    assert_eq!(ids(read.unwrap()), kept);
    // With room again it goes on, and nothing was lost.
    let resize = Command::new("mount")
        .args(["-o", "remount,size=8m"])
        .arg(&disk.0)
        .status();
    assert!(resize.unwrap().success());
    let row = big(1);
    store.insert_session(row.clone()).await.unwrap();
    kept.push(row.id);
    kept.sort();
    store.close().await.unwrap();
    let opened = Store::open(&path).unwrap();
    assert_eq!(opened.set_aside, None);
    assert_eq!(ids(opened.store.sessions().await.unwrap()), kept);
}

#[tokio::test]
async fn full_disk_at_the_start_is_told_and_nothing_is_set_aside() {
    let Some(disk) = SmallDisk::mount(16) else {
        println!("skipped: may not mount");
        return;
    };
    let opened = Store::open(&disk.0.join("offshoot.db"));
    assert!(matches!(opened, Err(StoreError::DiskFull(_))), "{opened:?}");
    for entry in std::fs::read_dir(&disk.0).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().contains("corrupt"), "{name:?}");
    }
}
