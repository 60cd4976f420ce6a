//! Hooks by the thousand and in any order: the state ends right, nothing grows, and the terminal of the
//! same worker goes on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use offshoot_protocol::explain::{EvidencePiece, Explanation};
use offshoot_protocol::hook::{HookFile, HookReport, SPOOL_FILES};
use offshoot_protocol::terminal::ClientFrame;
use offshoot_protocol::view::ActivityState;
use offshoot_testkit::rig::process::memory;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Rig, TerminalSocket};
use serde_json::{Value, json};

use crate::box_of::{live, terminal_program, until_shown};
use crate::hooks::{conversation, hook, hook_file, payload, rig_with, start};

/// Connections that report at the same time.
const CONNECTIONS: usize = 4;

/// Turns of the flood; each is five reports.
const TURNS: u64 = 1000;

/// What a flood may leave behind in the server: allocators keep some.
const GROWTH_BYTES: u64 = 24 * 1024 * 1024;

/// An agent that reports.
struct Reporter<'a> {
    rig: &'a Rig,
    started: Started,
    told: HookFile,
    conversation: String,
}

impl<'a> Reporter<'a> {
    fn start(rig: &'a Rig) -> Self {
        let started = start(rig);
        until_shown(rig, &started, "echoing");
        let text = fs::read(hook_file(rig, &started)).unwrap();
        Self {
            rig,
            started,
            told: serde_json::from_slice(&text).unwrap(),
            conversation: conversation(rig, &started).unwrap().id,
        }
    }

    fn report(&self, seq: u64, event: &str, extra: Value) -> HookReport {
        let mut payload = json!({"session_id": self.conversation, "hook_event_name": event});
        let extra = extra.as_object().cloned().unwrap_or_default();
        payload.as_object_mut().unwrap().extend(extra);
        HookReport {
            id: uuid::Uuid::new_v4(),
            agent: "claude-code".to_owned(),
            event: Some(event.to_owned()),
            at: Timestamp::now(),
            seq,
            subagent: false,
            payload,
        }
    }

    /// The reports of some turns, as they happened.
    fn turns(&self, first: u64, count: u64) -> Vec<HookReport> {
        let tool = json!({"tool_name": "Bash", "tool_input": {"command": "make ".repeat(40)}});
        // One moment for all, so that only the number orders them.
        let at = Timestamp::now();
        let all = (first..first + count).flat_map(|turn| {
            let events = [
                (
                    "UserPromptSubmit",
                    json!({"prompt": format!("turn {turn}")}),
                ),
                ("PreToolUse", tool.clone()),
                ("PermissionRequest", tool.clone()),
                ("PostToolUse", tool.clone()),
                ("Stop", json!({})),
            ];
            (turn * 5..).zip(events)
        });
        all.map(|(seq, (event, extra))| HookReport {
            at,
            ..self.report(seq, event, extra)
        })
        .collect()
    }

    fn send(&self, reports: &[HookReport]) {
        let mut stream = self.rig.http.connect().unwrap();
        for report in reports {
            self.send_on(&mut stream, report);
        }
    }

    /// Sends on a connection that stays open, and waits until it is taken.
    fn send_on(&self, stream: &mut TcpStream, report: &HookReport) {
        let body = serde_json::to_vec(report).unwrap();
        let head = format!(
            "POST /api/workers/{}/hooks HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.started.worker,
            self.rig.http.addr,
            self.told.token,
            body.len()
        );
        stream
            .write_all(&[head.as_bytes(), &body].concat())
            .unwrap();
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut piece).unwrap();
            assert_ne!(read, 0, "the connection stays open");
            answer.extend_from_slice(&piece[..read]);
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 204"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }

    /// Sends all over several connections at once, and types meanwhile. Returns how many typed
    /// texts came back before the last report was taken.
    fn flood(&self, reports: &[HookReport], mark: char) -> u32 {
        let open = AtomicUsize::new(CONNECTIONS);
        let mut echoed = 0;
        std::thread::scope(|scope| {
            for part in reports.chunks(reports.len().div_ceil(CONNECTIONS)) {
                let open = &open;
                scope.spawn(move || {
                    self.send(part);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
            let (session, worker) = (self.started.session, self.started.worker);
            let mut client = TerminalSocket::attach(&self.rig.http, session, worker, live());
            let client = client.as_mut().unwrap();
            while open.load(Ordering::Relaxed) > 0 {
                let text = format!("{mark}{echoed}.");
                // A line each, so that none is broken.
                let bytes = Bytes::from(format!("{text}\r\n"));
                let seq = u64::from(echoed) + 1;
                client.send(&ClientFrame::Input { seq, bytes }).unwrap();
                until_shown(self.rig, &self.started, &text);
                echoed += 1;
            }
        });
        echoed
    }

    fn explanation(&self) -> Explanation {
        let path = format!("/api/workers/{}/explain", self.started.worker);
        self.rig.http.get(&path).json()
    }

    /// Waits until the newest evidence of a rule is there.
    fn until_heard(&self, fits: impl Fn(&EvidencePiece) -> bool) -> Explanation {
        until("the report is evidence", || {
            let explanation = self.explanation();
            explanation
                .evidence
                .iter()
                .any(&fits)
                .then_some(explanation)
        })
    }

    fn until_state(&self, state: ActivityState) {
        until(&format!("the agent is {state:?}"), || {
            (self.explanation().activity.state == state).then_some(())
        });
    }
}

/// A fixed disorder.
fn shuffled(mut reports: Vec<HookReport>) -> Vec<HookReport> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..reports.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let other = usize::try_from(state >> 33).unwrap() % (at + 1);
        reports.swap(at, other);
    }
    reports
}

fn rig_of_reporters() -> Rig {
    rig_with(&format!("exec {} echo", terminal_program()))
}

#[test]
fn a_flood_of_hooks_ends_in_the_right_state_and_leaves_nothing() {
    let rig = rig_of_reporters();
    let reporter = Reporter::start(&rig);
    let warm = shuffled(reporter.turns(0, TURNS / 4));
    reporter.flood(&warm, 'w');
    reporter.until_state(ActivityState::Idle);
    let before = memory(rig.server_pid()).private;

    let all = shuffled(reporter.turns(TURNS, TURNS));
    let echoed = reporter.flood(&all, 'k');
    assert!(echoed > 3, "the terminal went on: {echoed}");
    reporter.until_state(ActivityState::Idle);
    let explanation = reporter.explanation();
    assert!(explanation.evidence.len() <= 50);
    assert_eq!(explanation.source, "turn-hook");
    let grown = memory(rig.server_pid()).private.saturating_sub(before);
    assert!(grown < GROWTH_BYTES, "the server grew by {grown} bytes");
}

#[test]
fn hooks_in_wrong_order_do_not_change_what_is_newer() {
    let rig = rig_of_reporters();
    let reporter = Reporter::start(&rig);
    let made = |seq, event, extra| reporter.report(seq, event, extra);
    let begun = made(10, "UserPromptSubmit", json!({"prompt": "first"}));
    let asked = made(
        11,
        "Notification",
        json!({"notification_type": "permission_prompt", "message": "an old question"}),
    );
    let ended = made(12, "Stop", json!({}));
    let next = made(13, "UserPromptSubmit", json!({"prompt": "second"}));

    // The end comes before the beginning.
    reporter.send(&[ended, begun]);
    let said = reporter.until_heard(|piece| piece.rule == "UserPromptSubmit");
    assert_eq!(said.activity.state, ActivityState::Idle);

    // A question of the turn that has ended comes during the next.
    reporter.send(&[next]);
    reporter.until_state(ActivityState::Working);
    reporter.send(&[asked]);
    let said = reporter.until_heard(|piece| piece.text == "an old question");
    assert_eq!(said.activity.state, ActivityState::Working);
    reporter.send(&[made(14, "Stop", json!({}))]);
    reporter.until_state(ActivityState::Idle);
}

#[test]
fn hooks_that_nobody_takes_fill_a_spool_to_its_bound() {
    let mut rig = rig_of_reporters();
    let started = start(&rig);
    until_shown(&rig, &started, "echoing");
    let id = conversation(&rig, &started).unwrap().id;
    let file = hook_file(&rig, &started);
    rig.kill_server();
    for _ in 0..SPOOL_FILES + 20 {
        hook(Some(&file), "PreToolUse", &payload("PreToolUse", &id, ""));
    }
    hook(Some(&file), "Stop", &payload("Stop", &id, ""));
    assert!(crate::hooks::n_spooled(&file) <= SPOOL_FILES);
    rig.start_server().unwrap();
    until("the spool is empty", || {
        (crate::hooks::n_spooled(&file) == 0).then_some(())
    });
    // The newest, which is not one of those that had to go.
    until("the end of the turn counts", || {
        let path = format!("/api/workers/{}/explain", started.worker);
        let explanation: Explanation = rig.http.get(&path).json();
        (explanation.rule == "Stop").then_some(())
    });
}
