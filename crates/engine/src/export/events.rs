//! JSON of what happened to a session and its workers: starts, sizes, ends, titles, pauses in output.
//!
//! Output itself is not in it, only how much came when: stretches that are apart by at least
//! [`PAUSE_MS`]. A start is told where the log tells it: its first record, and output after an end.

use std::collections::VecDeque;

use jiff::Timestamp;
use offshoot_protocol::view::Session;
use offshoot_vt::{Event, ProgramState};
use serde_json::{Value, json};

use super::recording::{Fact, Recording, What, show};
use super::{Source, Writer, iso};

/// Output that follows later than this is another stretch.
const PAUSE_MS: u64 = 2_000;

/// Writes the events.
pub(super) struct Events {
    session: Session,
    exported_at: Timestamp,
    begun: bool,
    first_event: bool,
    /// No program runs as far as is known.
    ended: bool,
    stretch: Option<Stretch>,
}

/// Output without a longer pause.
struct Stretch {
    from_ms: u64,
    to_ms: u64,
    bytes: u64,
    /// What the program said of itself meanwhile.
    said: VecDeque<Value>,
}

impl Events {
    pub(super) fn new(session: Session, exported_at: Timestamp) -> Self {
        Self {
            session,
            exported_at,
            begun: false,
            first_event: true,
            ended: true,
            stretch: None,
        }
    }

    fn event(&mut self, event: &Value, out: &mut Vec<u8>) {
        let separator = if self.first_event { "\n" } else { ",\n" };
        self.first_event = false;
        out.extend(format!("{separator}{event}").bytes());
    }

    fn end_stretch(&mut self, out: &mut Vec<u8>) {
        let Some(stretch) = self.stretch.take() else {
            return;
        };
        let event = json!({
            "type": "output", "time": iso(stretch.from_ms), "until": iso(stretch.to_ms),
            "bytes": stretch.bytes,
        });
        self.event(&event, out);
        for said in stretch.said {
            self.event(&said, out);
        }
    }

    fn output(
        &mut self,
        recording: &mut Recording,
        time_ms: u64,
        bytes: Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        if self
            .stretch
            .as_ref()
            .is_some_and(|last| time_ms > last.to_ms + PAUSE_MS)
        {
            self.end_stretch(out);
        }
        if std::mem::take(&mut self.ended) {
            let event = json!({"type": "started", "time": iso(time_ms)});
            self.event(&event, out);
        }
        let n_bytes = bytes.len() as u64;
        show(&mut recording.screen, &What::Output(bytes));
        recording.screen.take_replies();
        let said = recording.screen.take_events();
        let stretch = self.stretch.get_or_insert_with(|| Stretch {
            from_ms: time_ms,
            to_ms: time_ms,
            bytes: 0,
            said: VecDeque::new(),
        });
        stretch.to_ms = time_ms;
        stretch.bytes += n_bytes;
        stretch
            .said
            .extend(said.iter().filter_map(|event| told(time_ms, event)));
        if stretch.said.len() > SAID {
            self.end_stretch(out);
        }
    }
}

/// A stretch in which a program says more of itself than this is told in several pieces.
const SAID: usize = 1024;

fn told(time_ms: u64, event: &Event) -> Option<Value> {
    let time = iso(time_ms);
    match event {
        Event::Title(title) => Some(json!({"type": "title", "time": time, "title": title})),
        Event::ProgramStatus { state, message, .. } => {
            let state = match state {
                ProgramState::Working => "working",
                ProgramState::Blocked => "waiting",
                ProgramState::Idle | ProgramState::Done => "idle",
                ProgramState::Error => "errored",
                ProgramState::Clear => return None,
            };
            Some(json!({"type": "activity", "time": time, "state": state, "reason": message}))
        }
        Event::Notification { title, body } => {
            Some(json!({"type": "notification", "time": time, "title": title, "body": body}))
        }
        _ => None,
    }
}

impl Writer for Events {
    fn begin(&mut self, source: &Source, recording: &mut Recording, out: &mut Vec<u8>) {
        let head = if std::mem::replace(&mut self.begun, true) {
            ",\n".to_owned()
        } else {
            let session = serde_json::to_value(&self.session).unwrap_or_default();
            let at = &self.exported_at;
            format!(
                "{{\"version\":1,\"exportedAt\":\"{at:.3}\",\n\"session\":{session},\n\"workers\":[\n"
            )
        };
        let worker = serde_json::to_value(&source.worker).unwrap_or_default();
        out.extend(format!("{head}{{\"worker\":{worker},\"events\":[").bytes());
        (self.first_event, self.ended) = (true, true);
        let size = recording.screen.size();
        let event = json!({
            "type": "resized", "time": iso(recording.begins_ms()), "cols": size.cols, "rows": size.rows,
        });
        self.event(&event, out);
    }

    fn fact(&mut self, recording: &mut Recording, fact: Fact, out: &mut Vec<u8>) {
        let time = iso(fact.time_ms);
        let event = match fact.what {
            What::Output(bytes) => return self.output(recording, fact.time_ms, bytes, out),
            What::Resize(size) => {
                show(&mut recording.screen, &fact.what);
                json!({"type": "resized", "time": time, "cols": size.cols, "rows": size.rows})
            }
            What::Exit { code, signal } => {
                self.ended = true;
                json!({"type": "exited", "time": time, "code": code, "signal": signal})
            }
            What::Gap(bytes) => {
                show(&mut recording.screen, &fact.what);
                json!({"type": "gap", "time": time, "bytes": bytes})
            }
            What::Trimmed(bytes) => json!({"type": "trimmed", "time": time, "bytes": bytes}),
            What::Replaced => json!({"type": "replaced", "time": time}),
        };
        self.end_stretch(out);
        self.event(&event, out);
    }

    fn end(&mut self, _: &mut Recording, out: &mut Vec<u8>) {
        self.end_stretch(out);
        out.extend_from_slice(b"\n]}");
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            let session = serde_json::to_value(&self.session).unwrap_or_default();
            let at = &self.exported_at;
            out.extend(
                format!("{{\"version\":1,\"exportedAt\":\"{at:.3}\",\n\"session\":{session},\n\"workers\":[")
                    .bytes(),
            );
        }
        out.extend_from_slice(b"\n]}\n");
    }
}
