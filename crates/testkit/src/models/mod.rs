//! A model that does what the prompt tells it, so that real agents converse without network or account.
//!
//! Owns a server on loopback that speaks, streaming and not, Anthropic Messages, OpenAI Responses,
//! OpenAI Chat Completions and Gemini. The script is in the user's prompt; nothing of a conversation
//! is kept here, so an agent that resumes one goes on where it was:
//!
//! ```text
//! @@ say hello ;; shell touch a.txt ;; slow 8 ;; ask Which one?|Red|Blue
//! ```
//!
//! One request of the agent runs one step; each result of a tool moves on by one. The last `@@` of the
//! last prompt that has one counts. A step without a tool ends the turn.
//!
//! | step | the model … |
//! |---|---|
//! | `say TEXT` | answers (`\n` is a line feed) |
//! | `slow SECONDS [TEXT]` | streams a word every quarter of a second, then the text |
//! | `think SECONDS` | is silent, then answers |
//! | `hold NAME [TEXT]` | streams the text, then waits until somebody releases NAME |
//! | `lines N` | answers N lines |
//! | `shell COMMAND` | calls the agent's shell |
//! | `shellesc COMMAND` | the same, asking to leave the sandbox (with Codex an approval comes of it) |
//! | `write PATH\|CONTENT` | writes a file with the agent's tool for it |
//! | `ask QUESTION\|A\|B` | asks the person with the agent's tool for it |
//! | `tool NAME JSON` | calls any tool |
//! | `error CODE [TIMES]` | fails with that status: always, or so many times |
//!
//! Requests that offer no tools (titles, summaries) get a short text and never move a script.
//! Over HTTP: `GET /_fake/log` is what was asked, `POST /_fake/release/NAME` opens a gate.
//!
//! Does not know the agents. A mistake in a script is answered in words, so that it shows on the
//! agent's screen; a body that cannot be read is logged and refused.

mod answer;
mod conversation;
mod script;
mod server;
mod speech;
mod tools;

pub use conversation::Api;
pub use server::{End, Entry, FakeModel};

#[cfg(test)]
mod tests;
