//! How an answer is said in each interface: whole, or as a stream of server-sent events.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use serde_json::Value;

use super::conversation::{Api, Request};
use super::tools::Call;

/// A complete answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// Words.
    Words(String),
    /// A call of a tool.
    Call(Call),
}

/// One answer in the words of an interface. A stream is either `begin`, `word`s and `end`, or a
/// `call`; each returns the events to send.
pub(super) trait Voice: Send {
    /// Begins an answer of words.
    fn begin(&mut self) -> String;
    /// Says a word.
    fn word(&mut self, text: &str) -> String;
    /// Ends an answer of words.
    fn end(&mut self) -> String;
    /// Makes a call, and ends.
    fn call(&mut self, call: &Call) -> String;
    /// Shows that the model is still there, where the interface knows how.
    fn idle(&self) -> &'static str;
    /// The answer without a stream.
    fn whole(&self, answer: &Answer) -> Value;
}

/// The voice that answers a request.
pub(super) fn voice(request: &Request) -> Box<dyn Voice> {
    let (id, model) = (new_id(), request.model.clone());
    match request.api {
        Api::Anthropic => Box::new(anthropic::Messages { id, model }),
        Api::Chat => Box::new(chat::Completion { id, model }),
        Api::Responses => Box::new(responses::Response::new(id, model)),
        Api::Gemini => Box::new(gemini::Candidate { id }),
    }
}

/// Characters of an id: as many as the longest of the interfaces has.
fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Tokens every request is said to cost: (in, out).
const TOKENS: (u32, u32) = (10, 5);

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn named_event(data: &Value) -> String {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}
