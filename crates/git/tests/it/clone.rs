//! Cloning by address.

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use offshoot_git::{
    CloneError, CloneProgress, CloneStep, CloneUrl, clone_repository, valid_clone_url,
};

use crate::support::{Place, commit, run};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn repository_is_cloned_with_progress() {
    let place = Place::new();
    let origin = place.repository("origin");
    commit(&origin, "b.txt", "b");
    let seen = Arc::new(Mutex::new(Vec::<CloneProgress>::new()));
    let sink = Arc::clone(&seen);
    let url = CloneUrl::local(&origin);
    let target = place.join("deep/er/clone");
    let on_progress = move |progress| sink.lock().unwrap().push(progress);
    let repo = clone_repository(&url, &target, on_progress, std::future::pending())
        .await
        .unwrap();
    assert_eq!(repo.root(), target);
    assert_eq!(std::fs::read(target.join("b.txt")).unwrap(), b"b");
    assert_eq!(repo.branches().await.unwrap().remote, ["origin/main"]);
    assert_eq!(names(&place.join("deep/er")), ["clone"]);
    let seen = seen.lock().unwrap();
    let is_done = |progress: &CloneProgress| {
        progress.step == CloneStep::Receiving && progress.percent == Some(100)
    };
    assert!(seen.iter().any(is_done), "{seen:?}");
}

#[tokio::test]
async fn repository_without_commits_is_cloned() {
    let place = Place::new();
    let origin = place.join("origin");
    std::fs::create_dir(&origin).unwrap();
    run(&origin, ["init", "-q", "-b", "main"]);
    let target = place.join("clone");
    let url = CloneUrl::local(&origin);
    clone_repository(&url, &target, drop, std::future::pending())
        .await
        .unwrap();
    assert!(target.join(".git").is_dir());
}

#[tokio::test]
async fn failure_leaves_nothing_behind() {
    let place = Place::new();
    let target = place.join("deep/er/clone");
    let url = CloneUrl::local(&place.join("none"));
    let failed = clone_repository(&url, &target, drop, std::future::pending()).await;
    assert!(
        matches!(failed, Err(CloneError::NotFound { .. })),
        "{failed:?}"
    );
    // A port that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = valid_clone_url(&format!("https://{port}/a/b")).unwrap();
    let failed = clone_repository(&url, &target, drop, std::future::pending()).await;
    assert!(matches!(failed, Err(CloneError::Git(_))), "{failed:?}");
    assert_eq!(names(&place.path), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_there_stays_and_what_a_crash_left_goes() {
    let place = Place::new();
    let origin = place.repository("origin");
    let url = CloneUrl::local(&origin);
    let target = place.join("clone");
    std::fs::create_dir(&target).unwrap();
    let taken = clone_repository(&url, &target, drop, std::future::pending()).await;
    assert!(matches!(taken, Err(CloneError::PathExists(_))));
    std::fs::remove_dir(&target).unwrap();
    let left = place.join(".clone.offshoot-clone-1a-2b");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("half"), "x").unwrap();
    // That of a target with a name that begins alike.
    let other = ".clone.offshoot-clone-x.offshoot-clone-1a-2b";
    std::fs::create_dir(place.join(other)).unwrap();
    clone_repository(&url, &target, drop, std::future::pending())
        .await
        .unwrap();
    assert_eq!(names(&place.path), [other, "clone", "origin"]);
}

/// Another side that takes the call and says nothing.
struct Silence(TcpListener);

impl Silence {
    fn url(&self) -> CloneUrl {
        valid_clone_url(&format!("https://{}/a/b", self.0.local_addr().unwrap())).unwrap()
    }
}

#[tokio::test]
async fn cancelled_clone_ends_and_leaves_nothing_behind() {
    let place = Place::new();
    let silence = Silence(TcpListener::bind("127.0.0.1:0").unwrap());
    let url = silence.url();
    let target = place.join("deep/clone");
    let called =
        tokio::task::spawn_blocking(move || silence.0.accept().map(|call| (call, silence)));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let cancel = async {
        let _ = stopped.await;
    };
    let folder = target.clone();
    let cloning = tokio::spawn(async move { clone_repository(&url, &folder, drop, cancel).await });
    let call = called.await.unwrap().unwrap();
    assert!(place.join("deep").exists());
    stop.send(()).unwrap();
    let ended = cloning.await.unwrap();
    assert!(matches!(ended, Err(CloneError::Cancelled)), "{ended:?}");
    assert_eq!(names(&place.path), Vec::<String>::new());
    drop(call);
}

#[tokio::test]
async fn caller_that_goes_away_ends_the_clone() {
    let place = Place::new();
    let silence = Silence(TcpListener::bind("127.0.0.1:0").unwrap());
    let url = silence.url();
    let target = place.join("clone");
    let called = tokio::task::spawn_blocking(move || silence.0.accept().unwrap());
    let folder = target.clone();
    let cloning =
        tokio::spawn(
            async move { clone_repository(&url, &folder, drop, std::future::pending()).await },
        );
    let (call, _) = called.await.unwrap();
    cloning.abort();
    assert!(cloning.await.unwrap_err().is_cancelled());
    // git hangs up, and the next to use the path waits until all is gone.
    tokio::task::spawn_blocking(move || std::io::copy(&mut &call, &mut std::io::sink()))
        .await
        .unwrap()
        .unwrap();
    let origin = place.repository("origin");
    clone_repository(
        &CloneUrl::local(&origin),
        &target,
        drop,
        std::future::pending(),
    )
    .await
    .unwrap();
    assert_eq!(names(&place.path), ["clone", "origin"]);
}
