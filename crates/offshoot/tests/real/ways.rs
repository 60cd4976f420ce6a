//! The ways to reach an agent: prompts by the queue, answers by its requests, and what the server
//! tells of it.

use offshoot_protocol::explain::{EvidencePiece, Explanation};
use offshoot_protocol::prompt::{Prompt, PromptBody, PromptState, PromptText};
use offshoot_protocol::request::{Answer, AnswerBody, Request, RequestOption};
use offshoot_protocol::usage::Usage;
use offshoot_protocol::view::Conversation;
use offshoot_testkit::models::Entry;
use offshoot_testkit::rig::wait::until;

use crate::actor::Actor;

/// Words of options that refuse.
const NO: [&str; 4] = ["No", "Reject", "Cancel", "Deny"];

impl Actor {
    fn worker_path(&self) -> String {
        format!("/api/workers/{}", self.worker.worker)
    }

    /// Gives a prompt to the queue.
    pub(crate) fn queue(&self, text: &str) -> Prompt {
        let body = PromptText {
            text: text.to_owned(),
        };
        let path = format!("{}/prompts", self.worker_path());
        let answer = self.rig.http.send("POST", &path, &body);
        answer.json::<PromptBody>().prompt
    }

    /// What the server says of a prompt now.
    pub(crate) fn look_at(&self, prompt: &Prompt) -> Prompt {
        let path = format!("{}/prompts/{}", self.worker_path(), prompt.id);
        self.rig.http.get(&path).json::<PromptBody>().prompt
    }

    /// Waits until a prompt is settled; returns what it came to.
    pub(crate) fn receipt(&self, prompt: &Prompt) -> Prompt {
        until(&format!("a receipt for {:?}", prompt.text), || {
            let now = self.look_at(prompt);
            now.state.is_settled().then_some(now)
        })
    }

    /// Gives a prompt to the queue and waits until its receipt says that the agent took it.
    ///
    /// # Panics
    /// The receipt says something else.
    pub(crate) fn prompt(&self, text: &str) {
        let queued = self.queue(text);
        self.assert_accepted(&queued);
    }

    /// The receipt of a prompt says that the agent took it.
    ///
    /// # Panics
    /// It says something else.
    pub(crate) fn assert_accepted(&self, queued: &Prompt) {
        let receipt = self.receipt(queued);
        let screen = self.watch.screen();
        assert_eq!(
            receipt.state,
            PromptState::Accepted,
            "{receipt:?}\n{screen}"
        );
    }

    /// How often the model has been told a text, by the last request of its conversation.
    pub(crate) fn n_told(&self, text: &str) -> usize {
        let log = self.model.log();
        let told = |entry: &Entry| {
            let said = entry.said.iter();
            said.map(|said| said.matches(text).count()).sum()
        };
        let last = log.iter().rfind(|entry| !entry.tools.is_empty());
        last.map_or(0, told)
    }

    /// Waits until the agent asks something whose options are read.
    pub(crate) fn request(&self) -> Request {
        until("the request is read", || {
            let found = self.request_now()?;
            (!found.options.is_empty()).then_some(found)
        })
    }

    /// What the agent asks now.
    pub(crate) fn request_now(&self) -> Option<Request> {
        let session = self.rig.session(self.worker.session);
        let mut workers = session.workers.into_iter();
        let worker = workers.find(|worker| worker.id == self.worker.worker)?;
        worker.request
    }

    /// Answers a request by an option.
    pub(crate) fn answer(&self, request: &Request, option: &RequestOption) -> Answered {
        let body = Answer::Option(option.id.clone());
        let path = format!("{}/requests/{}/answer", self.worker_path(), request.id);
        let answer = self.rig.http.send("POST", &path, &body);
        if answer.status == 200 {
            Answered::Typed {
                taken: answer.json::<AnswerBody>().taken,
            }
        } else {
            Answered::Refused {
                status: answer.status,
                code: answer.code(),
            }
        }
    }

    /// The evidence that the server has of the agent.
    pub(crate) fn evidence(&self) -> Vec<EvidencePiece> {
        let path = format!("{}/explain", self.worker_path());
        self.rig.http.get(&path).json::<Explanation>().evidence
    }

    /// The conversation that the server knows.
    pub(crate) fn conversation(&self) -> Option<Conversation> {
        let session = self.rig.session(self.worker.session);
        let mut workers = session.workers.into_iter();
        let worker = workers.find(|worker| worker.id == self.worker.worker)?;
        worker.conversation
    }

    /// The evidence in a few words.
    pub(crate) fn why(&self) -> String {
        let path = format!("{}/explain", self.worker_path());
        let Ok(answer) = self.rig.http.ask("GET", &path, &[], b"") else {
            return String::new();
        };
        let Ok(told) = serde_json::from_slice::<Explanation>(&answer.body) else {
            return answer.text();
        };
        let mut text = format!("{:?} by {}", told.activity.state, told.rule);
        for piece in told.evidence {
            let EvidencePiece {
                at,
                source,
                says,
                rule,
                text: found,
                counted,
                ..
            } = piece;
            let counted = if counted { "" } else { " (not counted)" };
            text += &format!("\n  {at} {source} {rule}: {says}{counted} {found}");
        }
        text
    }

    /// The prompts in a few words.
    pub(crate) fn prompts(&self) -> String {
        let path = format!("{}/prompts", self.worker_path());
        let answer = self.rig.http.ask("GET", &path, &[], b"");
        answer.map(|answer| answer.text()).unwrap_or_default()
    }

    /// What the session has used of its model.
    pub(crate) fn usage(&self) -> Usage {
        let session = self.rig.session(self.worker.session);
        session.usage.unwrap_or_default()
    }
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Its keys were typed.
    Typed { taken: bool },
    /// Nothing was typed.
    Refused { status: u16, code: String },
}

/// The option with these words.
///
/// # Panics
/// There is none.
pub(crate) fn option<'a>(request: &'a Request, label: &str) -> &'a RequestOption {
    let mut options = request.options.iter();
    let found = options.find(|option| option.label.contains(label));
    found.unwrap_or_else(|| panic!("no option {label:?} in {request:?}"))
}

/// The option that gives trust.
///
/// # Panics
/// There is none.
pub(crate) fn consent(request: &Request) -> &RequestOption {
    let mut options = request.options.iter();
    let gives = |option: &&RequestOption| {
        let label = option.label.to_lowercase();
        label.contains("trust") && !label.contains("no") && !label.contains("don")
    };
    let found = options.find(gives);
    found.unwrap_or_else(|| panic!("nothing gives trust in {request:?}"))
}

/// The first option that refuses.
///
/// # Panics
/// There is none.
pub(crate) fn denial(request: &Request) -> &RequestOption {
    let mut options = request.options.iter();
    let refuses = |option: &&RequestOption| NO.iter().any(|no| option.label.starts_with(no));
    let found = options.find(refuses);
    found.unwrap_or_else(|| panic!("nothing refuses in {request:?}"))
}
