//! Real agents, run through the built server against a model on loopback: what the server says of them
//! is compared with what they do, and when.
//!
//! Each agent plays the same acts in one life and a half: a first prompt, a stream, an approval, a
//! question, an interrupt, a failure of the model, `kill -9`, and its conversation resumed. What is
//! true is known from the keys pressed, from the model and from what is drawn on the screen; all
//! that was measured is printed, and what was late fails the test in the end.
//!
//! An agent that cannot be installed because npm is out of reach is skipped with a loud line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actor;
mod acts;
mod facts;
mod footprint;
mod watch;
mod ways;

use offshoot_testkit::agents::{CLAUDE_CODE, CODEX, GEMINI, OPENCODE, QWEN};

#[test]
fn claude_code_is_known_and_resumed() {
    acts::play(CLAUDE_CODE);
}

#[test]
fn codex_is_known_and_resumed() {
    acts::play(CODEX);
}

#[test]
fn gemini_is_known_and_resumed() {
    acts::play(GEMINI);
}

#[test]
fn opencode_is_known_and_resumed() {
    acts::play(OPENCODE);
}

#[test]
fn qwen_is_known_and_resumed() {
    acts::play(QWEN);
}

#[test]
fn claude_code_begins_where_it_is_not_trusted() {
    acts::begin_untrusted(CLAUDE_CODE, Some("@@ say first of all"));
}

#[test]
fn codex_begins_where_it_is_not_trusted() {
    acts::begin_untrusted(CODEX, Some("@@ say first of all"));
}

#[test]
fn codex_begins_without_a_prompt_where_it_is_not_trusted() {
    acts::begin_untrusted(CODEX, None);
}
