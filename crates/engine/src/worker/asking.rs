//! Shows what the agent asks, and types one answer to each question; how it is read is in `requests`.
//!
//! The screen is read again in the turn in which the answer is typed: what a person answers is what
//! stands there. The keys go through the outbox under the request's own name, so that neither a
//! second device nor a restart of the server types them twice.

use std::collections::VecDeque;
use std::time::Duration;

use offshoot_protocol::request::Answer;
use offshoot_protocol::view::ActivityState;
use offshoot_store::RequestRow;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::delivery::{Content, Letter};
use super::task::{Change, WorkerTask, answer};
use crate::EngineError;
use crate::prompts::{clean, paste_bytes};
use crate::requests::{Asked, Recalled, Seen};

/// A question is read when its picture has rested for so long.
const SETTLE: Duration = Duration::from_millis(120);

/// Nobody has read a question sooner than so long after it was drawn, and agents ignore keys that
/// come with its picture.
const READING: Duration = Duration::from_millis(800);

/// An agent that was taken over is known again within this: its last output is read anew.
const READ_ANEW: Duration = Duration::from_secs(10);

/// A picture in between is no other question: an answer waits so long for the one it is for.
const PATIENCE: Duration = Duration::from_millis(700);

/// After so long an answer that shows no effect is told as such.
const EFFECT: Duration = Duration::from_secs(5);

/// A menu that moved its mark to the chosen option wants Enter too, after so long.
const CONFIRM: Duration = Duration::from_millis(600);

/// Answered requests that are remembered, to tell a second device so.
const REMEMBERED: usize = 16;

/// Who is told what came of an answer.
pub(super) type Asker = oneshot::Sender<Result<bool, EngineError>>;

/// The questions of one worker.
#[derive(Debug, Default)]
pub(super) struct Asking {
    shown: Option<Asked>,
    /// The request that was read last, and since when.
    seen: Option<(String, Instant)>,
    /// What the last server showed.
    recalled: Option<(Recalled, Instant)>,
    look_at: Option<Instant>,
    pending: Option<Pending>,
    answered: Option<Answered>,
    /// Ids of what was answered, newest last.
    past: VecDeque<String>,
    n_answers: u64,
    /// Answers that had an effect.
    n_taken: u64,
}

/// An answer that waits for its question to be seen.
#[derive(Debug)]
struct Pending {
    request: String,
    answer: Answer,
    until: Instant,
    done: Asker,
}

/// An answer that was typed.
#[derive(Debug)]
struct Answered {
    request: String,
    option: Option<String>,
    at: Instant,
    /// The mark of the menu stood on the option before.
    was_marked: bool,
    confirmed: bool,
    done: Option<Asker>,
}

impl Asking {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Whether a person can have read what is asked.
    fn is_read(&self) -> bool {
        let seen = self.seen.as_ref();
        seen.is_some_and(|(_, since)| since.elapsed() >= READING)
    }

    /// The agent does not wait. Returns whether this shows what the last server showed to be over.
    fn forget(&mut self) -> bool {
        self.seen = None;
        let is_over = |recalled: &mut (Recalled, Instant)| recalled.1.elapsed() >= READ_ANEW;
        self.recalled.take_if(is_over).is_some() && self.shown.is_none()
    }

    fn look_soon(&mut self) {
        let soon = Instant::now() + SETTLE;
        self.look_at = Some(self.look_at.map_or(soon, |at| at.min(soon)));
    }
}

impl WorkerTask {
    /// The agent's activity changed, or its output did.
    pub(super) fn on_asking_changed(&mut self) {
        let waits = self.shown_state() == ActivityState::Waiting;
        let asking = &self.asking;
        if waits || asking.shown.is_some() || asking.answered.is_some() || asking.recalled.is_some()
        {
            self.asking.look_soon();
        }
    }

    /// Looks what is asked now, and whether an answer had its effect.
    pub(super) async fn go_on_asking(&mut self) {
        self.asking.look_at = None;
        let mut asked = self.read_request().await;
        if self.verify_answer(asked.as_ref()).await {
            asked = self.read_request().await;
        }
        let changed = self.asking.shown.as_ref().map(|asked| &asked.view)
            != asked.as_ref().map(|asked| &asked.view);
        self.asking.shown = asked;
        if changed {
            self.write_down_request().await;
            let request = self.asking.shown.as_ref().map(|asked| asked.view.clone());
            self.shared.head.send_modify(|head| head.request = request);
            self.notify(Change::Process);
        }
        if let Some(pending) = self.asking.pending.take() {
            self.answer_now(pending).await;
        }
        if self.asking.answered.is_some() || self.asking.pending.is_some() {
            self.asking.look_soon();
        }
        if let Some((_, at)) = self.asking.recalled
            && at.elapsed() < READ_ANEW
        {
            // So that it is forgotten, even if nothing happens.
            self.asking.look_at.get_or_insert(at + READ_ANEW);
        }
    }

    async fn read_request(&mut self) -> Option<Asked> {
        let activity = self.activities.as_ref()?.shown().clone();
        if activity.state != ActivityState::Waiting || self.link.is_none() {
            if self.asking.forget() {
                self.write_down_request().await;
            }
            return None;
        }
        self.catch_up().await;
        let rows = self.screen_mut().await.screen().rows();
        let seen = Seen {
            rows: &rows,
            activity: &activity,
            tool_input: self.tool_input.as_ref(),
            n_answered: self.asking.n_taken,
        };
        let mut asked = self.setup.reader.read(seen);
        if let Some((recalled, at)) = &mut self.asking.recalled {
            asked = recalled.name(asked, activity.since, at.elapsed() >= READ_ANEW);
        }
        let id = &asked.view.id;
        if self.asking.seen.as_ref().is_none_or(|(seen, _)| seen != id) {
            self.asking.seen = Some((id.clone(), Instant::now()));
        }
        Some(asked)
    }

    /// Lets the next server know by which name people were shown the question.
    async fn write_down_request(&self) {
        let worker_id = self.setup.row.id;
        let store = &self.setup.store;
        let written = match &self.asking.shown {
            Some(asked) => match serde_json::to_string(&asked.view) {
                Ok(request) => {
                    let picture = asked.picture.clone();
                    let row = RequestRow {
                        worker_id,
                        picture,
                        request,
                    };
                    store.save_request(row).await
                }
                Err(err) => return tracing::error!(%err, "write a request down"),
            },
            None => store.delete_request(worker_id).await,
        };
        if let Err(err) = written {
            tracing::warn!(%err, "write a request down");
        }
    }

    /// Reads what the last server showed.
    pub(super) async fn load_request(&mut self) {
        if self.activities.is_none() {
            return;
        }
        match self.setup.store.request(self.setup.row.id).await {
            Ok(row) => {
                let recalled = row.and_then(Recalled::of);
                self.asking.recalled = recalled.map(|recalled| (recalled, Instant::now()));
            }
            Err(err) => tracing::error!(%err, "read the request"),
        }
    }

    pub(super) async fn on_answer(&mut self, request: String, answer: Answer, done: Asker) {
        let until = Instant::now() + PATIENCE;
        self.answer_now(Pending {
            request,
            answer,
            until,
            done,
        })
        .await;
        if self.asking.answered.is_some() || self.asking.pending.is_some() {
            self.asking.look_soon();
        }
    }

    async fn answer_now(&mut self, pending: Pending) {
        let is_same = |other: &Pending| other.request == pending.request;
        let is_late = self.asking.pending.as_ref().is_some_and(is_same);
        if is_late || self.asking.past.contains(&pending.request) {
            return answer(pending.done, Err(EngineError::AlreadyAnswered));
        }
        let asked = self.read_request().await;
        let asked = match asked {
            Some(asked) if asked.view.id == pending.request => asked,
            Some(_) if Instant::now() < pending.until && self.asking.pending.is_none() => {
                self.asking.pending = Some(pending);
                return;
            }
            _ => return answer(pending.done, Err(EngineError::RequestChanged)),
        };
        let parts = match self.answer_parts(&asked, &pending.answer).await {
            Ok(parts) => parts,
            Err(err) => return answer(pending.done, Err(err)),
        };
        if !self.asking.is_read() {
            self.asking.pending = Some(Pending {
                until: Instant::now() + PATIENCE,
                ..pending
            });
            return;
        }
        if self.asking.past.len() >= REMEMBERED {
            self.asking.past.pop_front();
        }
        self.asking.past.push_back(pending.request.clone());
        self.type_answer(&pending.request, parts).await;
        let option = match pending.answer {
            Answer::Option(id) => Some(id),
            Answer::Text(_) => None,
        };
        let was_marked = option
            .as_deref()
            .is_some_and(|option| asked.is_marked(option));
        let earlier = self.asking.answered.replace(Answered {
            request: pending.request,
            option,
            at: Instant::now(),
            was_marked,
            confirmed: false,
            done: Some(pending.done),
        });
        if let Some(done) = earlier.and_then(|earlier| earlier.done) {
            // Its question is gone, or this one could not stand there.
            answer(done, Ok(true));
        }
    }

    async fn answer_parts(
        &mut self,
        asked: &Asked,
        answer: &Answer,
    ) -> Result<Vec<Vec<u8>>, EngineError> {
        let text = match answer {
            Answer::Option(id) => {
                return asked.keys(id).ok_or_else(|| EngineError::Invalid {
                    field: "option",
                    message: "the question has no such option".to_owned(),
                });
            }
            Answer::Text(text) => clean(text),
        };
        if !asked.view.takes_text {
            return Err(EngineError::Invalid {
                field: "text",
                message: "the question takes one of its options".to_owned(),
            });
        }
        let bracketed = self.screen_mut().await.screen().modes().bracketed_paste;
        Ok(vec![paste_bytes(&text, bracketed), b"\r".to_vec()])
    }

    async fn type_answer(&mut self, request: &str, parts: Vec<Vec<u8>>) {
        self.asking.n_answers += 1;
        let key = format!("answer:{request}:{}", self.asking.n_answers);
        // Whether it had an effect is seen on the screen.
        let (done, _) = oneshot::channel();
        let content = Content::Parts(parts);
        self.on_letter(Letter {
            content,
            key: Some(key),
            done,
        })
        .await;
    }

    /// Sees to the last answer. Returns whether it had its effect just now.
    ///
    /// Keys without an effect are not typed again: the next question in the agent's queue may look
    /// like this one.
    async fn verify_answer(&mut self, asked: Option<&Asked>) -> bool {
        let Some(answered) = &mut self.asking.answered else {
            return false;
        };
        let stands = asked.filter(|asked| asked.view.id == answered.request);
        let age = answered.at.elapsed();
        let Some(asked) = stands else {
            // A picture in between could hide it for a moment.
            let gone = asked.is_none() || age >= SETTLE * 2;
            if gone && let Some(answered) = self.asking.answered.take() {
                self.asking.n_taken += 1;
                // What looks the same from now on is another question than the last server's.
                self.asking.recalled = None;
                tell(answered.done, true);
            }
            return gone;
        };
        if age >= EFFECT {
            let answered = self.asking.answered.take();
            // It may be tried again.
            self.asking.past.pop_back();
            tell(answered.and_then(|answered| answered.done), false);
            return false;
        }
        let Some(option) = &answered.option else {
            return false;
        };
        // A mark that moved shows that the key was taken.
        let moved = asked.is_marked(option) && !answered.was_marked;
        if moved && !answered.confirmed && age >= CONFIRM {
            answered.confirmed = true;
            let request = answered.request.clone();
            self.type_answer(&request, vec![b"\r".to_vec()]).await;
        }
        false
    }

    /// The process is gone, and its question with it.
    pub(super) async fn end_asking(&mut self) {
        let Asking {
            pending,
            answered,
            shown,
            recalled,
            ..
        } = std::mem::take(&mut self.asking);
        self.tool_input = None;
        if let Some(pending) = pending {
            answer(pending.done, Err(EngineError::NotRunning));
        }
        tell(answered.and_then(|answered| answered.done), true);
        if shown.is_some() || recalled.is_some() {
            self.write_down_request().await;
        }
        if shown.is_some() {
            self.shared.head.send_modify(|head| head.request = None);
            self.notify(Change::Process);
        }
    }
}

fn tell(done: Option<Asker>, taken: bool) {
    if let Some(done) = done {
        answer(done, Ok(taken));
    }
}
