//! The runner with work that does what a test says.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use offshoot_protocol::JobId;
use offshoot_protocol::job::{Job, JobStatus};
use serde::{Deserialize, Serialize};

use super::work::Rules;
use super::{JobContext, JobError, Options, Work};
use crate::{Engine, EngineConfig, EngineError, Event};

/// Work that looks into a directory for what to do, and leaves traces there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    dir: PathBuf,
    name: String,
    patience_ms: u64,
}

impl Probe {
    pub(super) fn rules(&self) -> Rules {
        Rules {
            priority: 0,
            max_attempts: 5,
            patience: Duration::from_millis(self.patience_ms),
        }
    }

    /// Appends its name to `begun`, then waits for `go`, `fail`, `die`, or for being told to stop.
    pub(super) async fn run(&self, context: &JobContext) -> Result<(), JobError> {
        use std::io::Write;
        let mut begun = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.dir.join("begun"))
            .unwrap();
        writeln!(begun, "{}", self.name).unwrap();
        context.progress("looking", Some(50));
        loop {
            let has = |what: &str| self.dir.join(what).exists();
            assert!(!has("die"), "a defect");
            if has("go") {
                context.set_result(serde_json::json!({"name": self.name}));
                return Ok(());
            }
            if has("fail") {
                return Err(JobError::passing("the probe was told to fail"));
            }
            let nap = tokio::time::sleep(Duration::from_millis(5));
            if has("deaf") {
                nap.await;
            } else if context.cancelled().run_until_cancelled(nap).await.is_none() {
                return Err(JobError::passing("stopped"));
            }
        }
    }
}

struct Spot {
    dir: tempfile::TempDir,
}

impl Spot {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    async fn engine(&self) -> Engine {
        let config = EngineConfig {
            home: self.dir.path().join("home"),
            run_dir: None,
            program: "/bin/sh".into(),
            user_home: self.dir.path().to_owned(),
            shell: "/bin/sh".into(),
            environment: Vec::new(),
            time_zone: jiff::tz::TimeZone::UTC,
            agents_dir: None,
            asks_usage: true,
            trusted_hooks: Vec::new(),
            setup_limit: std::time::Duration::from_secs(600),
            version: "0".to_owned(),
            notifications: crate::NotificationConfig::default(),
        };
        Engine::start(config).await.unwrap()
    }

    fn probe(&self, name: &str) -> Work {
        Work::Probe(Probe {
            dir: self.dir.path().to_owned(),
            name: name.to_owned(),
            patience_ms: 600_000,
        })
    }

    fn tell(&self, what: &str) {
        std::fs::write(self.dir.path().join(what), "").unwrap();
    }

    fn untell(&self, what: &str) {
        std::fs::remove_file(self.dir.path().join(what)).unwrap();
    }

    fn begun(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("begun")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// Waits until a job is as wanted, told by events alone.
async fn until(engine: &Engine, id: JobId, wanted: impl Fn(&Job) -> bool) -> Job {
    let mut events = engine.subscribe().events;
    let found = async {
        let now = engine.job(id).await.unwrap();
        if wanted(&now) {
            return now;
        }
        loop {
            match events.next().await.unwrap().event {
                Event::JobUpdated(job) if job.id == id && wanted(&job) => return job,
                _ => {}
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), found).await;
    found.expect("the job comes to be as wanted")
}

async fn until_status(engine: &Engine, id: JobId, status: JobStatus) -> Job {
    until(engine, id, |job| job.status == status).await
}

fn put_forward(engine: &Engine, seconds: i64) {
    let jobs = &engine.inner.jobs;
    let by = SignedDuration::from_secs(seconds).as_millis();
    let by = i64::try_from(by).unwrap();
    jobs.clock.ahead_ms.fetch_add(by, Ordering::Relaxed);
    jobs.wake.notify_one();
}

async fn log_of(engine: &Engine, id: JobId) -> String {
    String::from_utf8(engine.job_log(id).await.unwrap()).unwrap()
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, EngineError>, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
}

#[tokio::test]
async fn a_job_is_run_and_tells_its_progress_and_result() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let job = engine
        .enqueue(spot.probe("a"), Options::default())
        .await
        .unwrap();
    assert_eq!(job.status, JobStatus::Pending);
    let running = until(&engine, job.id, |job| job.progress.is_some()).await;
    assert_eq!(running.progress.unwrap().percent, Some(50));
    assert_eq!(engine.subscribe().jobs.len(), 1);
    spot.tell("go");
    let done = until_status(&engine, job.id, JobStatus::Completed).await;
    assert_eq!(done.result, Some(serde_json::json!({"name": "a"})));
    assert!(done.completed_at >= done.started_at && done.started_at.is_some());
    assert_eq!((done.attempts, done.progress), (1, None));
    assert!(engine.subscribe().jobs.is_empty());
    let log = log_of(&engine, job.id).await;
    assert!(
        log.contains("attempt 1 begins") && log.ends_with("done\n"),
        "{log}"
    );
    assert_refused(
        engine.remove_job(job.id).await,
        "Only pending or stalled jobs can be canceled",
    );
    assert_refused(
        engine.retry_job(job.id).await,
        "Only stalled jobs can be retried",
    );
    assert!(engine.cancel_job(job.id).await.is_err());
    assert_refused(engine.retry_job(JobId::random()).await, "Job not found");
    assert_refused(engine.remove_job(JobId::random()).await, "Job not found");
    engine.shutdown().await;
}

#[tokio::test]
async fn four_run_at_once_by_priority_then_by_age() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let mut first = Vec::new();
    for name in ["a", "b", "c", "d"] {
        first.push(
            engine
                .enqueue(spot.probe(name), Options::default())
                .await
                .unwrap(),
        );
    }
    for job in &first {
        until(&engine, job.id, |job| job.progress.is_some()).await;
    }
    let mut last = None;
    for (name, priority) in [
        ("low", -1),
        ("old", 0),
        ("new", 0),
        ("high", 1),
        ("higher", 2),
    ] {
        let options = Options {
            priority: Some(priority),
            ..Options::default()
        };
        let job = engine.enqueue(spot.probe(name), options).await.unwrap();
        assert_eq!(job.status, JobStatus::Pending);
        last.get_or_insert(job.id);
    }
    assert_eq!(spot.begun().len(), 4);
    assert_eq!(engine.job_stats().await.unwrap().processing, 4);
    spot.tell("go");
    until_status(&engine, last.unwrap(), JobStatus::Completed).await;
    let mut begun = spot.begun().split_off(4);
    // The first four begin together, in any order; the low one waits for a place.
    assert_eq!(begun.pop().as_deref(), Some("low"));
    begun.sort_unstable();
    assert_eq!(begun, ["high", "higher", "new", "old"]);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_failing_job_is_tried_five_times_and_then_waits_for_a_person() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    spot.tell("fail");
    let job = engine
        .enqueue(spot.probe("a"), Options::default())
        .await
        .unwrap();
    for attempt in 1..5 {
        let failed = |job: &Job| job.status == JobStatus::Pending && job.attempts == attempt;
        let waiting = until(&engine, job.id, failed).await;
        assert_eq!(
            waiting.last_error.as_deref(),
            Some("the probe was told to fail")
        );
        let wait = waiting
            .next_retry_at
            .duration_since(waiting.started_at.unwrap());
        let expected = SignedDuration::from_secs(1 << (attempt - 1));
        assert!(wait >= expected && wait < expected * 2, "{attempt}: {wait}");
        put_forward(&engine, 300);
    }
    let stalled = until_status(&engine, job.id, JobStatus::Stalled).await;
    assert_eq!(stalled.attempts, 5);
    assert!(
        log_of(&engine, job.id)
            .await
            .ends_with("failed: the probe was told to fail\n")
    );
    spot.untell("fail");
    spot.tell("go");
    engine.retry_job(job.id).await.unwrap();
    let done = until_status(&engine, job.id, JobStatus::Completed).await;
    assert_eq!((done.attempts, done.last_error), (1, None));
    engine.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    spot.tell("die");
    let once = Options {
        max_attempts: Some(1),
        ..Options::default()
    };
    let job = engine.enqueue(spot.probe("a"), once).await.unwrap();
    let stalled = until_status(&engine, job.id, JobStatus::Stalled).await;
    assert!(stalled.last_error.unwrap().contains("defect"));
    engine.shutdown().await;
}

#[tokio::test]
async fn silence_is_a_failed_attempt() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let work = Work::Probe(Probe {
        dir: spot.dir.path().to_owned(),
        name: "a".to_owned(),
        patience_ms: 100,
    });
    spot.tell("deaf");
    let job = engine.enqueue(work, Options::default()).await.unwrap();
    let waiting = until(&engine, job.id, |job| job.last_error.is_some()).await;
    assert_eq!(waiting.status, JobStatus::Pending);
    let error = waiting.last_error.unwrap();
    assert!(
        error.contains("no progress") && error.ends_with("looking"),
        "{error}"
    );
    engine.shutdown().await;
}

#[tokio::test]
async fn waiting_and_running_jobs_are_canceled_and_removed() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let job = engine
        .enqueue(spot.probe("a"), Options::default())
        .await
        .unwrap();
    until(&engine, job.id, |job| job.progress.is_some()).await;
    assert_refused(
        engine.remove_job(job.id).await,
        "Only pending or stalled jobs can be canceled",
    );
    engine.cancel_job(job.id).await.unwrap();
    let canceled = until_status(&engine, job.id, JobStatus::Stalled).await;
    assert_eq!(canceled.last_error.as_deref(), Some("Canceled"));
    engine.remove_job(job.id).await.unwrap();
    assert_refused(engine.job(job.id).await, "Job not found");
    assert!(!engine.job_log_path(job.id).exists());

    spot.tell("fail");
    let job = engine
        .enqueue(spot.probe("b"), Options::default())
        .await
        .unwrap();
    until(&engine, job.id, |job| job.last_error.is_some()).await;
    engine.cancel_job(job.id).await.unwrap();
    assert_eq!(engine.job(job.id).await.unwrap().status, JobStatus::Stalled);
    engine.shutdown().await;
}

#[tokio::test]
async fn a_second_job_on_the_same_thing_is_refused_while_the_first_is_open() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let add = || {
        let conflicts = |work: &Work| matches!(work, Work::Probe(probe) if probe.name == "a");
        engine.enqueue_alone(spot.probe("a"), Options::default(), conflicts)
    };
    let (one, two) = tokio::join!(add(), add());
    let (one, two) = (one.unwrap(), two.unwrap());
    let (added, other) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(other.unwrap_err().id, added.as_ref().unwrap().id);
    spot.tell("go");
    until_status(&engine, added.unwrap().id, JobStatus::Completed).await;
    assert!(add().await.unwrap().is_ok());
    engine.shutdown().await;
}

#[tokio::test]
async fn the_end_of_the_server_costs_no_attempt_and_no_time() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    spot.tell("deaf");
    let job = engine
        .enqueue(spot.probe("a"), Options::default())
        .await
        .unwrap();
    until(&engine, job.id, |job| job.progress.is_some()).await;
    let began = std::time::Instant::now();
    engine.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(engine);
    let engine = loop_until_unlocked(&spot).await;
    let again = until(&engine, job.id, |job| job.progress.is_some()).await;
    assert_eq!(again.attempts, 1);
    spot.tell("go");
    until_status(&engine, job.id, JobStatus::Completed).await;
    engine.shutdown().await;
}

/// Tasks that hold the last handles of an engine end a moment after its shutdown.
async fn loop_until_unlocked(spot: &Spot) -> Engine {
    let lock = spot.dir.path().join("home/lock");
    let unlocked = tokio::task::spawn_blocking(move || wait_for_lock(&lock));
    unlocked.await.unwrap();
    spot.engine().await
}

fn wait_for_lock(path: &Path) {
    let file = std::fs::File::open(path).unwrap();
    file.lock().unwrap();
}

#[tokio::test]
async fn jobs_that_were_cut_off_run_again_and_unknown_ones_say_so() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let store = engine.inner.store.clone();
    spot.tell("go");
    let mut ids = Vec::new();
    let (kind, payload) = spot.probe("cut").to_parts();
    let strange = ("of-the-future".to_owned(), serde_json::json!({}));
    let broken = (
        "cleanup:worker-output".to_owned(),
        serde_json::json!({"sessionId": 7}),
    );
    for (kind, payload, attempts) in [
        (kind.clone(), payload.clone(), 1),
        (kind, payload, 5 + 3),
        (strange.0, strange.1, 0),
        (broken.0, broken.1, 0),
    ] {
        let row = offshoot_store::JobRow {
            id: JobId::random().to_string(),
            kind,
            payload,
            status: JobStatus::Processing,
            priority: 0,
            attempts,
            max_attempts: 5,
            next_retry_at: engine.inner.jobs.clock.now(),
            last_error: None,
            created_at: engine.inner.jobs.clock.now(),
            started_at: None,
            completed_at: None,
            result: None,
        };
        ids.push(row.id.parse::<JobId>().unwrap());
        store.insert_job(row).await.unwrap();
    }
    super::start(&engine).await.unwrap();
    let done = until_status(&engine, ids[0], JobStatus::Completed).await;
    assert_eq!(done.attempts, 2);
    for (id, words) in [
        (ids[1], "several times"),
        (ids[2], "of-the-future"),
        (ids[3], "cannot run"),
    ] {
        let stalled = until_status(&engine, id, JobStatus::Stalled).await;
        let error = stalled.last_error.unwrap();
        assert!(error.contains(words), "{error}");
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn completed_jobs_are_forgotten_with_their_logs() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    spot.tell("go");
    let old = engine
        .enqueue(spot.probe("old"), Options::default())
        .await
        .unwrap();
    until_status(&engine, old.id, JobStatus::Completed).await;
    put_forward(&engine, 6 * 24 * 3600);
    let new = engine
        .enqueue(spot.probe("new"), Options::default())
        .await
        .unwrap();
    until_status(&engine, new.id, JobStatus::Completed).await;
    engine.forget_old_jobs().await;
    assert!(engine.job(old.id).await.is_ok());
    put_forward(&engine, 2 * 24 * 3600);
    engine.forget_old_jobs().await;
    assert_refused(engine.job(old.id).await, "Job not found");
    assert!(!engine.job_log_path(old.id).exists());
    assert!(engine.job_log_path(new.id).exists());
    let left = engine
        .inner
        .store
        .prune_jobs(jiff::Timestamp::UNIX_EPOCH, 0)
        .await
        .unwrap();
    assert!(left.is_empty());
    engine.shutdown().await;
}
