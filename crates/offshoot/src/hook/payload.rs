//! What the agent hands over: read within limits, and cut to what a report may hold.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::time::Instant;

use offshoot_protocol::hook::HOOK_BYTES;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

/// A larger payload is not kept, but read to its end, so that its writer does not fail.
const INPUT_BYTES: usize = 4 * 1024 * 1024;

/// Longest text of a payload, at first.
const TEXT_BYTES: usize = 16 * 1024;

/// Longest list of a payload, at first.
const LIST_ITEMS: usize = 256;

/// Room in a report for what is not payload.
const FRAME_BYTES: usize = 4 * 1024;

/// Reads standard input until its end or the deadline.
pub(super) fn from_stdin(deadline: Instant) -> Option<Value> {
    let mut stdin = std::io::stdin().lock();
    if rustix::termios::isatty(stdin.as_fd()) {
        return None;
    }
    let mut text = Vec::new();
    let mut piece = [0_u8; 16 * 1024];
    while is_readable(stdin.as_fd(), deadline) {
        match stdin.read(&mut piece) {
            Ok(0) => break,
            Ok(n_bytes) if text.len() + n_bytes <= INPUT_BYTES => {
                text.extend_from_slice(&piece[..n_bytes]);
            }
            Ok(_) => {}
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    parse(&text)
}

fn is_readable(input: std::os::fd::BorrowedFd<'_>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let Ok(left) = Timespec::try_from(left) else {
        return false;
    };
    let mut polled = [PollFd::new(&input, PollFlags::IN)];
    matches!(poll(&mut polled, Some(&left)), Ok(n_ready) if n_ready > 0)
}

/// Reads a payload: a JSON object.
pub(super) fn parse(text: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(text).ok()?;
    value.is_object().then_some(value)
}

/// Shortens texts and lists until the payload fits into a report.
pub(super) fn cut(mut payload: Value) -> Value {
    let (mut text, mut items) = (TEXT_BYTES, LIST_ITEMS);
    loop {
        shorten(&mut payload, text, items);
        let fits = serde_json::to_vec(&payload)
            .is_ok_and(|written| written.len() <= HOOK_BYTES - FRAME_BYTES);
        if fits {
            return payload;
        }
        if text == 0 {
            return Value::Null;
        }
        (text, items) = (text / 4, items / 4);
    }
}

fn shorten(value: &mut Value, text_bytes: usize, items: usize) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(text_bytes)),
        Value::Array(list) => {
            list.truncate(items);
            list.iter_mut()
                .for_each(|item| shorten(item, text_bytes, items));
        }
        Value::Object(object) => {
            for item in object.values_mut() {
                shorten(item, text_bytes, items);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_cut_until_it_fits() {
        let small = serde_json::json!({"a": "é".repeat(100), "b": [1, 2]});
        assert_eq!(cut(small.clone()), small);
        let long = serde_json::json!({"session_id": "7", "text": "é".repeat(1_000_000)});
        let kept = cut(long);
        assert_eq!(kept["session_id"], "7");
        assert!(kept["text"].as_str().unwrap().len() <= TEXT_BYTES);
        let many: Value = (0..100_000)
            .map(|at| serde_json::json!({"at": at}))
            .collect();
        let kept = cut(serde_json::json!({"session_id": "7", "list": many}));
        assert_eq!(kept["session_id"], "7");
        let object: serde_json::Map<String, Value> = (0..50_000)
            .map(|at| (format!("key number {at}"), Value::Null))
            .collect();
        assert_eq!(cut(Value::Object(object)), Value::Null);
    }

    #[test]
    fn only_objects_are_payloads() {
        assert_eq!(parse(b"Stop"), None);
        assert_eq!(parse(b"7"), None);
        assert!(parse(b" {} ").is_some());
    }
}
