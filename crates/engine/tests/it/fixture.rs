//! An engine on a temporary home, and the facts tests wait for.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use libtest_mimic::Trial;
use offshoot_engine::{Engine, EngineConfig, Head, Read, WorkerHandle};
use offshoot_protocol::rest::{Place, Run, StartSession};
use offshoot_protocol::terminal::ClientId;
use offshoot_protocol::view::{Session, WorkerKind};

/// A fact that does not come true in this time fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a test of an async function.
pub fn trial<F, T>(name: &str, test: T) -> Trial
where
    F: Future<Output = ()>,
    T: FnOnce() -> F + Send + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
        Ok(())
    })
}

/// A temporary home with a directory to work in.
pub struct Spot {
    dir: tempfile::TempDir,
}

impl Spot {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        Self { dir }
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub async fn engine(&self) -> Engine {
        Engine::start(self.config()).await.unwrap()
    }

    pub fn config(&self) -> EngineConfig {
        EngineConfig {
            home: self.home(),
            run_dir: None,
            program: std::env::current_exe().unwrap(),
            user_home: self.dir.path().to_owned(),
            shell: "/bin/sh".into(),
            environment: vec![
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("HOME".into(), self.dir.path().into()),
            ],
            time_zone: jiff::tz::TimeZone::UTC,
            agents_dir: None,
            asks_usage: true,
            trusted_hooks: Vec::new(),
            setup_limit: std::time::Duration::from_secs(600),
            version: "0".to_owned(),
            notifications: offshoot_engine::NotificationConfig::default(),
        }
    }
}

impl Drop for Spot {
    /// Ends what a test left running; a shim leaves when its child is gone.
    fn drop(&mut self) {
        let entries = std::fs::read_dir(self.home().join("workers"));
        for entry in entries.into_iter().flatten().flatten() {
            if let offshoot_shim::Life::Running(meta) = offshoot_shim::probe(&entry.path()) {
                let child = rustix::process::Pid::from_raw(meta.child.pid).unwrap();
                let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
                while matches!(
                    offshoot_shim::probe(&entry.path()),
                    offshoot_shim::Life::Running(_)
                ) {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }
}

/// Starts a command in a directory and returns its session and worker.
pub async fn start(engine: &Engine, dir: &Path, command: &str) -> (Session, WorkerHandle) {
    let session = engine.start_session(request(dir, command)).await.unwrap();
    let worker = first_worker(engine, &session);
    (session, worker)
}

pub fn request(dir: &Path, command: &str) -> StartSession {
    StartSession {
        path: dir.to_str().unwrap().to_owned(),
        place: Place::Directory,
        run: Run::Command {
            command: command.to_owned(),
        },
        prompt: None,
        title: None,
    }
}

pub fn first_worker(engine: &Engine, session: &Session) -> WorkerHandle {
    let worker = session
        .workers
        .iter()
        .find(|worker| worker.kind != WorkerKind::GitDiff)
        .unwrap();
    engine.worker(session.id, worker.id).unwrap()
}

/// Waits until the head of a worker meets a condition.
pub async fn wait(worker: &WorkerHandle, what: &str, mut met: impl FnMut(&Head) -> bool) -> Head {
    let mut watch = worker.watch();
    let found = tokio::time::timeout(PATIENCE, watch.wait_for(|head| met(head))).await;
    match found {
        Ok(head) => head.unwrap().clone(),
        Err(_) => panic!(
            "{what} did not come: {:?}, output {:?}",
            worker.head(),
            output(worker)
        ),
    }
}

/// Waits until the output holds a text.
pub async fn wait_output(worker: &WorkerHandle, text: &str) {
    wait(worker, text, |_| output(worker).contains(text)).await;
}

/// Reads all output that a worker has taken in.
pub fn output(worker: &WorkerHandle) -> String {
    // The log may already hold more than the worker has taken in.
    let Head { epoch, end, .. } = worker.head();
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        if offset >= end {
            all.truncate(usize::try_from(end).unwrap());
            return String::from_utf8_lossy(&all).into_owned();
        }
        match worker.read(epoch, offset, 1000) {
            Read::Bytes { offset: at, bytes } => {
                assert_eq!(at, offset, "output continues where it ended");
                offset += bytes.len() as u64;
                all.extend_from_slice(&bytes);
            }
            Read::Gap { to, .. } => offset = to,
            Read::AtEnd | Read::OtherEpoch => return String::from_utf8_lossy(&all).into_owned(),
        }
    }
}

/// Types a text.
pub async fn type_text(worker: &WorkerHandle, seq: u64, text: &str) {
    let fate = worker
        .input(ClientId(77), seq, Bytes::copy_from_slice(text.as_bytes()))
        .await;
    fate.await.unwrap();
}
