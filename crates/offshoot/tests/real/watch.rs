//! Looks at a worker all the time, and remembers when what was seen first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use offshoot_protocol::rest::TextBody;
use offshoot_testkit::recording::stage::Shown;
use offshoot_testkit::rig::Http;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use serde_json::Value;

/// Between two looks. Part of every measured time.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Seconds since 1970, the model's clock.
pub(crate) fn now() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.expect("the clock is set").as_secs_f64()
}

/// Something that was seen, and since when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen<T> {
    pub(crate) at: f64,
    pub(crate) what: T,
}

/// A state as the server tells it, with its kind and its reason.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct State {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) reason: String,
}

/// The server's view and the screen of one worker, over time.
pub(crate) struct Watch {
    seen: Arc<Mutex<All>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct All {
    states: Vec<Seen<State>>,
    screens: Vec<Seen<Shown>>,
}

impl Watch {
    /// Begins.
    pub(crate) fn start(http: &Http, worker: Started) -> Self {
        let seen: Arc<Mutex<All>> = Arc::default();
        let ends = Arc::new(AtomicBool::new(false));
        let (all, end, http) = (Arc::clone(&seen), Arc::clone(&ends), http.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                look(&http, worker, &all);
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self {
            seen,
            ends,
            thread: Some(thread),
        }
    }

    /// The states since a moment, that which was in force then included.
    pub(crate) fn states_since(&self, at: f64) -> Vec<Seen<State>> {
        let seen = locked(&self.seen);
        let first = seen
            .states
            .iter()
            .rposition(|seen| seen.at <= at)
            .unwrap_or(0);
        seen.states[first..].to_vec()
    }

    /// Waits until the state is one of those, after a moment; returns since when.
    pub(crate) fn wait_for_state(
        &self,
        names: &[&str],
        after: f64,
        patience: Duration,
    ) -> Option<f64> {
        let begin = now();
        while now() - begin < patience.as_secs_f64() {
            let states = self.states_since(after);
            if let Some(found) = states
                .iter()
                .find(|seen| names.contains(&seen.what.name.as_str()))
            {
                return Some(found.at.max(after));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        None
    }

    /// Waits until the screen shows something, after a moment; returns since when.
    ///
    /// # Panics
    /// It never does.
    pub(crate) fn wait_for_screen(
        &self,
        what: &str,
        after: f64,
        look: impl Fn(&Shown) -> bool,
    ) -> f64 {
        let find = || {
            let seen = locked(&self.seen);
            let first = seen
                .screens
                .iter()
                .rposition(|seen| seen.at <= after)
                .unwrap_or(0);
            let found = seen.screens[first..].iter().find(|seen| look(&seen.what));
            found.map(|found| found.at.max(after))
        };
        until(what, find)
    }

    /// The screen now.
    pub(crate) fn screen(&self) -> String {
        let seen = locked(&self.seen);
        seen.screens
            .last()
            .map(|seen| seen.what.text())
            .unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if std::thread::panicking() {
            let states = locked(&self.seen).states.clone();
            let screen = self.screen();
            #[expect(clippy::print_stderr, reason = "the reader of a failed test needs it")]
            {
                eprintln!("--- states: {states:#?}\n--- the screen:\n{screen}");
            }
        }
    }
}

fn locked(seen: &Mutex<All>) -> MutexGuard<'_, All> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(http: &Http, worker: Started, all: &Mutex<All>) {
    let Ok(answer) = http.ask(
        "GET",
        &format!("/api/sessions/{}", worker.session),
        &[],
        b"",
    ) else {
        return;
    };
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return;
    };
    let at = now();
    let workers = body["session"]["workers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let id = worker.worker.to_string();
    let Some(shown) = workers.iter().find(|worker| worker["id"] == id.as_str()) else {
        return;
    };
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let activity = &shown["activity"];
    let state = State {
        name: word(&activity["state"]),
        kind: word(&activity["kind"]),
        reason: word(&activity["reason"]),
    };
    let title = word(&shown["terminalTitle"]);
    let path = format!("{}/text?lines=40", worker.path());
    let text = http.ask("GET", &path, &[], b"").ok();
    let text = text.and_then(|text| serde_json::from_slice::<TextBody>(&text.body).ok());
    let mut all = locked(all);
    if all.states.last().is_none_or(|last| last.what != state) {
        all.states.push(Seen { at, what: state });
    }
    if let Some(text) = text {
        let what = Shown {
            rows: text.lines,
            title,
        };
        let same =
            |last: &Seen<Shown>| last.what.rows == what.rows && last.what.title == what.title;
        if !all.screens.last().is_some_and(same) {
            all.screens.push(Seen { at: now(), what });
        }
    }
}
