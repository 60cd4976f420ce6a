//! Shows what the agent asks, and types one answer to each question; how it is read is in `requests`.
//!
//! The screen is read again in the turn in which the answer is typed: what a person answers is what
//! stands there. The keys go through the outbox under the request's own name, so that neither a
//! second device nor a restart of the server types them twice.

use std::collections::VecDeque;
use std::time::Duration;

use offshoot_protocol::request::Answer;
use offshoot_protocol::view::ActivityState;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::delivery::{Content, Letter};
use super::task::{Change, WorkerTask, answer};
use crate::EngineError;
use crate::prompts::{clean, paste_bytes};
use crate::requests::{Asked, Seen};

/// A question is read when its picture has rested for so long.
const SETTLE: Duration = Duration::from_millis(120);

/// A picture in between is no other question: an answer waits so long for the one it is for.
const PATIENCE: Duration = Duration::from_millis(700);

/// After so long an answer that shows no effect is told as such.
const EFFECT: Duration = Duration::from_secs(5);

/// A menu that only moved its mark to the chosen option wants Enter too, after so long.
const CONFIRM: Duration = Duration::from_millis(600);

/// Answered requests that are remembered, to tell a second device so.
const REMEMBERED: usize = 16;

/// Who is told what came of an answer.
pub(super) type Asker = oneshot::Sender<Result<bool, EngineError>>;

/// The questions of one worker.
#[derive(Debug, Default)]
pub(super) struct Asking {
    shown: Option<Asked>,
    look_at: Option<Instant>,
    pending: Option<Pending>,
    answered: Option<Answered>,
    /// Ids of what was answered, newest last.
    past: VecDeque<String>,
    n_answers: u64,
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
    confirmed: bool,
    done: Option<Asker>,
}

impl Asking {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    fn look_soon(&mut self) {
        self.look_at.get_or_insert_with(|| Instant::now() + SETTLE);
    }
}

impl WorkerTask {
    /// The agent's activity changed, or its output did.
    pub(super) fn on_asking_changed(&mut self) {
        let waits = self.shown_state() == ActivityState::Waiting;
        if waits || self.asking.shown.is_some() || self.asking.answered.is_some() {
            self.asking.look_soon();
        }
    }

    /// Looks what is asked now, and whether an answer had its effect.
    pub(super) async fn go_on_asking(&mut self) {
        self.asking.look_at = None;
        let asked = self.read_request().await;
        self.verify_answer(asked.as_ref()).await;
        let changed = self.asking.shown.as_ref().map(|asked| &asked.view)
            != asked.as_ref().map(|asked| &asked.view);
        self.asking.shown = asked;
        if changed {
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
    }

    async fn read_request(&mut self) -> Option<Asked> {
        let activity = self.activities.as_ref()?.shown().clone();
        if activity.state != ActivityState::Waiting || self.link.is_none() {
            return None;
        }
        self.catch_up().await;
        let rows = self.screen_mut().await.screen().rows();
        let seen = Seen {
            rows: &rows,
            activity: &activity,
            tool_input: self.tool_input.as_ref(),
        };
        Some(self.setup.reader.read(seen))
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
        if self.asking.past.contains(&pending.request) {
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
        if self.asking.past.len() >= REMEMBERED {
            self.asking.past.pop_front();
        }
        self.asking.past.push_back(pending.request.clone());
        self.type_answer(&pending.request, parts).await;
        let option = match pending.answer {
            Answer::Option(id) => Some(id),
            Answer::Text(_) => None,
        };
        let earlier = self.asking.answered.replace(Answered {
            request: pending.request,
            option,
            at: Instant::now(),
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

    /// Tells whether the last answer had its effect.
    async fn verify_answer(&mut self, asked: Option<&Asked>) {
        let Some(answered) = &mut self.asking.answered else {
            return;
        };
        let stands = asked.filter(|asked| asked.view.id == answered.request);
        let age = answered.at.elapsed();
        let Some(asked) = stands else {
            // A picture in between could hide it for a moment.
            let gone = asked.is_none() || age >= SETTLE * 2;
            if gone && let Some(answered) = self.asking.answered.take() {
                tell(answered.done, true);
            }
            return;
        };
        if age >= EFFECT {
            let answered = self.asking.answered.take();
            // It may be tried again.
            self.asking.past.pop_back();
            tell(answered.and_then(|answered| answered.done), false);
            return;
        }
        let marked = answered
            .option
            .as_deref()
            .is_some_and(|option| asked.is_marked(option));
        if marked && !answered.confirmed && age >= CONFIRM {
            answered.confirmed = true;
            let request = answered.request.clone();
            self.type_answer(&request, vec![b"\r".to_vec()]).await;
        }
    }

    /// The process is gone, and its question with it.
    pub(super) fn end_asking(&mut self) {
        let Asking {
            pending,
            answered,
            shown,
            ..
        } = std::mem::take(&mut self.asking);
        self.tool_input = None;
        if let Some(pending) = pending {
            answer(pending.done, Err(EngineError::NotRunning));
        }
        tell(answered.and_then(|answered| answered.done), true);
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
