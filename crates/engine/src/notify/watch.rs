//! Follows all agents and hands on what their rules say is worth telling.

use std::collections::HashMap;

use jiff::Timestamp;
use offshoot_protocol::notification::WebhookEvent;
use offshoot_protocol::view::{Session, Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use tokio::time::Instant;

use super::rules::Rules;
use crate::event::{Event, EventStream, StreamEnd};
use crate::{Engine, Subscription};

/// Starts following; it ends with the engine.
pub(crate) fn start(engine: &Engine) {
    engine.spawn(run(engine.clone(), engine.subscribe()));
}

async fn run(engine: Engine, first: Subscription) {
    let mut agents = Agents::new(Timestamp::now());
    for session in &first.sessions {
        agents.know(session);
    }
    let mut events: EventStream = first.events;
    loop {
        let deadline = agents.deadline();
        tokio::select! {
            event = events.next() => match event {
                Ok(numbered) => agents.on_event(&numbered.event),
                Err(StreamEnd::Closed) => return,
                Err(StreamEnd::Lagged(_)) => {
                    let again = engine.subscribe();
                    again.sessions.iter().for_each(|session| agents.on_session(session));
                    events = again.events;
                }
            },
            () = sleep_until(deadline) => {
                for (session, worker, event) in agents.due() {
                    engine.notify(session, worker, event).await;
                }
            }
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// All agents with their rules.
#[derive(Debug)]
struct Agents {
    /// What failed before was told then, or is not told later.
    began: Timestamp,
    all: HashMap<WorkerId, (SessionId, Rules)>,
}

impl Agents {
    fn new(began: Timestamp) -> Self {
        let all = HashMap::new();
        Self { began, all }
    }

    fn know(&mut self, session: &Session) {
        for worker in agents_of(session) {
            let activity = worker.activity.as_ref().map(|activity| activity.state);
            let rules = Rules::known(activity, worker.process.as_ref());
            self.all.insert(worker.id, (session.id, rules));
        }
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::SessionCreated(session)
            | Event::SessionUpdated(session)
            | Event::SessionPaused(session)
            | Event::SessionResumed(session)
            | Event::ActivityChanged { session, .. }
            | Event::WorkerActivated { session, .. } => self.on_session(session),
            Event::SessionDeleted(id) => self.all.retain(|_, (session, _)| session != id),
            _ => {}
        }
    }

    fn on_session(&mut self, session: &Session) {
        let now = Instant::now();
        let is_here = |id: &WorkerId| session.workers.iter().any(|worker| worker.id == *id);
        self.all
            .retain(|id, (of, _)| *of != session.id || is_here(id));
        for worker in agents_of(session) {
            let entry = self.all.entry(worker.id);
            let (_, rules) = entry.or_insert_with(|| (session.id, Rules::default()));
            if let Some(process) = &worker.process {
                rules.on_process(process, now);
            }
            if let Some(activity) = &worker.activity {
                rules.on_activity(activity.state, now);
            }
            let failed = worker.undelivered.as_ref();
            let failed = failed.filter(|failed| failed.at >= self.began);
            rules.on_undelivered(failed.map(|failed| failed.prompt_id), now);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.all
            .values()
            .filter_map(|(_, rules)| rules.deadline())
            .min()
    }

    fn due(&mut self) -> Vec<(SessionId, WorkerId, WebhookEvent)> {
        let now = Instant::now();
        let told = |(worker, (session, rules)): (&WorkerId, &mut (SessionId, Rules))| {
            rules.due(now).map(|event| (*session, *worker, event))
        };
        self.all.iter_mut().filter_map(told).collect()
    }
}

fn agents_of(session: &Session) -> impl Iterator<Item = &Worker> {
    let workers = session.workers.iter();
    workers.filter(|worker| worker.kind == WorkerKind::Agent)
}
