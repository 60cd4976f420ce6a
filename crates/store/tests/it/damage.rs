//! Files that are no database of ours.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use offshoot_store::{Store, StoreError};
use rusqlite::Connection;

use crate::support::{repository, session, worker};

/// A closed database with rows in it, and the path to it.
async fn filled(dir: &Path) -> PathBuf {
    let path = dir.join("offshoot.db");
    let store = Store::open(&path).unwrap().store;
    for n in 0..300 {
        let home = session();
        let tabs = vec![worker(home.id), worker(home.id)];
        store.insert_session_with(home, tabs).await.unwrap();
        let row = repository(&format!("/src/{n}"));
        store.insert_repository(row).await.unwrap();
    }
    store.close().await.unwrap();
    path
}

/// Opens a damaged file: it is set aside with its bytes, and the new one works.
async fn check_set_aside(path: &Path) {
    let damaged = fs::read(path).unwrap();
    let opened = Store::open(path).unwrap();
    let set_aside = opened.set_aside.expect("it is set aside");
    assert!(opened.created);
    let name = set_aside.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("offshoot.db.corrupt-"), "{name}");
    assert_eq!(fs::read(&set_aside).unwrap(), damaged);
    assert_eq!(mode(&set_aside), 0o600);
    assert_eq!(opened.store.sessions().await.unwrap(), []);
    opened.store.insert_session(session()).await.unwrap();
    opened.store.close().await.unwrap();
    let again = Store::open(path).unwrap();
    assert_eq!((again.set_aside, again.created), (None, false));
    assert_eq!(again.store.sessions().await.unwrap().len(), 1);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn text_file_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    fs::write(&path, "this is no database\n".repeat(1000)).unwrap();
    check_set_aside(&path).await;
}

#[tokio::test]
async fn truncated_file_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    check_set_aside(&path).await;
}

#[tokio::test]
async fn flipped_pages_are_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 16 * 1024] {
        *byte ^= 0xff;
    }
    fs::write(&path, bytes).unwrap();
    check_set_aside(&path).await;
}

#[tokio::test]
async fn flipped_header_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[..16].fill(0);
    fs::write(&path, bytes).unwrap();
    check_set_aside(&path).await;
}

#[tokio::test]
async fn companions_of_a_damaged_file_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    let wal = dir.path().join("offshoot.db-wal");
    fs::write(&path, "no database\n".repeat(1000)).unwrap();
    fs::write(&wal, "no log").unwrap();
    let set_aside = Store::open(&path).unwrap().set_aside.unwrap();
    let mut name = set_aside.into_os_string();
    name.push("-wal");
    assert_eq!(fs::read(PathBuf::from(name)).unwrap(), b"no log");
}

#[tokio::test]
async fn two_damaged_files_in_one_second_are_both_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    let mut kept = Vec::new();
    for text in ["first wreck", "second wreck", "third wreck"] {
        fs::write(&path, text).unwrap();
        let opened = Store::open(&path).unwrap();
        opened.store.close().await.unwrap();
        kept.push((opened.set_aside.unwrap(), text));
    }
    for (path, text) in kept {
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
}

#[tokio::test]
async fn empty_file_and_empty_database_are_filled() {
    for make in [
        |path: &Path| fs::write(path, "").unwrap(),
        |path: &Path| {
            Connection::open(path)
                .unwrap()
                .execute_batch("VACUUM")
                .unwrap()
        },
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("offshoot.db");
        make(&path);
        let opened = Store::open(&path).unwrap();
        assert_eq!(opened.set_aside, None);
        opened.store.insert_session(session()).await.unwrap();
    }
}

#[tokio::test]
async fn newer_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path()).await;
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    connection.close().unwrap();
    let before = fs::read(&path).unwrap();
    match Store::open(&path) {
        Err(StoreError::Newer { found, known, .. }) => assert!(found == 999 && known < 999),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn database_of_another_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE sessions (x); PRAGMA user_version = 1")
        .unwrap();
    connection.close().unwrap();
    let before = fs::read(&path).unwrap();
    let refused = Store::open(&path);
    assert!(
        matches!(refused, Err(StoreError::Foreign(_))),
        "{refused:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn directory_that_is_missing_or_in_the_way_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Store::open(&dir.path().join("no/offshoot.db"));
    assert!(matches!(nowhere, Err(StoreError::Io { .. })), "{nowhere:?}");
    let path = dir.path().join("offshoot.db");
    fs::create_dir(&path).unwrap();
    assert!(Store::open(&path).is_err());
    assert!(path.is_dir());
}

#[tokio::test]
async fn nobody_else_may_read_any_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offshoot.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).unwrap().store;
    store.insert_session(session()).await.unwrap();
    let copy = dir.path().join("copy.db");
    store.back_up(copy.clone()).await.unwrap();
    let mut n_files = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{entry:?}");
        n_files += 1;
    }
    assert_eq!(n_files, 4, "database, log, index of the log, copy");
}
