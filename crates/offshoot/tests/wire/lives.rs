//! W51, W57, W59–W61, W64, W65: ends of processes, of servers and of the machine.

use std::fs;
use std::time::Duration;

use offshoot_testkit::rig::wait::until;
use serde_json::{Value, json};

use crate::client::{Socket, text};
use crate::fixture::{Fixture, Shop, agent_of, of_session};

/// Whether the shims outlive the server.
#[derive(Clone, Copy, PartialEq)]
enum Shims {
    Live,
    EndWithIt,
}

impl Fixture {
    /// The server comes again, after a crash of its own or of the whole machine.
    fn restart(&mut self, shims: Shims) {
        match shims {
            Shims::Live => self.rig.kill_server(),
            Shims::EndWithIt => self.rig.reboot(),
        }
        self.rig.start_server().unwrap();
    }
}

fn running(f: &Fixture, agent: &str) -> (Value, Socket) {
    let session = f.quick(agent);
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.all_with("AGENT mode=start prompt=[]\r\n");
    (session, worker)
}

/// Checks that history and live output of a socket count on one scale, and returns its end.
fn one_scale(worker: &mut Socket, word: &str) -> u64 {
    let (_, mut at) = worker.history(0);
    worker.input(&format!("{word}\r"));
    let mut seen = String::new();
    while !seen.contains(&format!("got:{word}\r\n")) {
        let frame = worker.frame_of("output");
        let data = text(&frame["data"]);
        at += data.len() as u64;
        assert_eq!(frame["offset"], at, "output continues the scale of history");
        seen += &data;
    }
    let (rest, end) = worker.history(at - 5);
    assert_eq!(
        (rest.len(), end),
        (5, at),
        "history knows offsets of output"
    );
    at
}

#[test]
fn w51_there_is_one_scale() {
    let mut f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let open = |f: &Fixture| f.client.worker(&shop.session, agent_of(&shop.session));
    let mut worker = open(&f);
    worker.all_with("]\r\n");
    let first = one_scale(&mut worker, "one");
    f.restart(Shims::Live);
    let mut worker = open(&f);
    assert_eq!(
        worker.history(first),
        (String::new(), first),
        "an old offset stays valid"
    );
    let second = one_scale(&mut worker, "two");
    assert!(second > first);
    f.restart(Shims::EndWithIt);
    let mut worker = open(&f);
    let third = one_scale(&mut worker, "three");
    assert!(third > second);
    let path = of_session(&shop.session);
    f.client.post(&format!("{path}/pause"), &json!({}), 200);
    f.client.post(&format!("{path}/resume"), &json!({}), 200);
    let mut worker = open(&f);
    let fourth = one_scale(&mut worker, "four");
    assert!(fourth > third, "a resumed worker continues its output");
}

fn resize_at_once(shims: Shims) {
    let mut f = Fixture::new();
    let agent = f.fa();
    let (session, _) = running(&f, &agent);
    f.restart(shims);
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.send(&json!({"type": "resize", "cols": 101, "rows": 37}));
    worker.send(&json!({"type": "request-history", "fromOffset": 0}));
    let mode = if shims == Shims::Live {
        "mode=start"
    } else {
        "mode=cont"
    };
    worker.all_with(mode);
    worker.input("run stty size; echo END-$((6*7))\r");
    let (seen, _) = worker.output_with("END-42");
    assert!(seen.contains("37 101\r\n"), "{seen}");
}

#[test]
fn w57_a_size_said_at_once_counts_after_a_reboot() {
    resize_at_once(Shims::EndWithIt);
}

#[test]
fn w57_a_size_said_at_once_counts_with_living_shims() {
    resize_at_once(Shims::Live);
}

#[test]
fn w59_the_exit_is_told() {
    let f = Fixture::new();
    let (session, mut worker) = running(&f, &f.fa());
    let mut app = f.client.app();
    worker.input("quit\r");
    let exit = worker.frame_of("exit");
    assert_eq!(exit, json!({"type": "exit", "exitCode": 7, "signal": null}));
    let ended = |frame: &Value| {
        frame["type"] == "session-updated"
            && frame["session"]["id"] == session["id"]
            && agent_of(&frame["session"])["activated"] == false
    };
    app.until(ended);
    let (data, _) = worker.history(0);
    assert!(data.contains("AGENT"), "the socket is open");
}

#[test]
fn w60_opening_revives() {
    let f = Fixture::new();
    let (session, mut worker) = running(&f, &f.fa());
    worker.input("quit\r");
    worker.frame_of("exit");
    let mut app = f.client.app();
    let mut second = f.client.worker(&session, agent_of(&session));
    let restarted = second.frame();
    assert_eq!(restarted["type"], "server-restarted");
    assert!(restarted["serverPid"].is_u64());
    assert_eq!(second.frame(), json!({"type": "activity", "state": "idle"}));
    second.output_with("AGENT mode=cont prompt=[]\r\n");
    let frame = app.frame_of("worker-activated");
    assert_eq!(frame["sessionId"], session["id"]);
    assert_eq!(frame["workerId"], agent_of(&session)["id"]);
    worker.output_with("AGENT mode=cont prompt=[]\r\n");
}

#[test]
fn w61_without_its_directory_nothing_is_revived() {
    let f = Fixture::new();
    let dir = f.rig.user_dir().join("gone");
    fs::create_dir(&dir).unwrap();
    let session = f.quick_with(&f.fa(), &json!({"locationPath": dir}));
    let mut worker = f.client.worker(&session, agent_of(&session));
    worker.input("quit\r");
    worker.frame_of("exit");
    fs::remove_dir_all(&dir).unwrap();
    let (frames, code) = f.client.worker(&session, agent_of(&session)).rest();
    assert_eq!(code, 1000);
    assert_eq!(frames.len(), 2, "{frames:?}");
    assert_eq!(frames[0]["code"], "PATH_NOT_FOUND");
    assert_eq!(
        frames[1],
        json!({"type": "exit", "exitCode": 1, "signal": null})
    );
}

#[test]
fn w64_after_a_reboot_sessions_are_hibernated_and_revive() {
    let mut f = Fixture::new();
    let agent = f.fa();
    let (session, mut worker) = running(&f, &agent);
    worker.input("before the end\r");
    worker.output_with("got:before the end\r\n");
    f.restart(Shims::EndWithIt);
    let mut app = f.client.socket("/ws/app");
    let [sync, ..] = app.syncs();
    let kept = &sync["sessions"][0];
    assert_eq!(kept["id"], session["id"]);
    assert_eq!(kept["activationState"], "hibernated");
    assert_eq!(agent_of(kept)["id"], agent_of(&session)["id"]);
    assert_eq!(agent_of(kept)["activated"], false);
    let mut worker = f.client.worker(kept, agent_of(kept));
    worker.frame_of("server-restarted");
    let (all, _) = worker.all_with("AGENT mode=cont prompt=[]\r\n");
    assert!(all.contains("got:before the end\r\n"), "{all}");
    app.frame_of("worker-activated");
}

#[test]
fn w64_with_living_shims_sessions_simply_run_on() {
    let mut f = Fixture::new();
    let agent = f.fa();
    let (session, mut worker) = running(&f, &agent);
    worker.input("before the end\r");
    worker.output_with("got:before the end\r\n");
    f.restart(Shims::Live);
    let [sync, ..] = f.client.socket("/ws/app").syncs();
    let kept = &sync["sessions"][0];
    assert_eq!(kept["id"], session["id"]);
    assert_eq!(kept["activationState"], "running");
    assert_eq!(agent_of(kept)["activated"], true);
    let mut worker = f.client.worker(kept, agent_of(kept));
    let (all, _) = worker.all_with("got:before the end\r\n");
    assert!(!all.contains("mode=cont"), "{all}");
    worker.input("after it\r");
    worker.output_with("got:after it\r\n");
}

#[test]
fn w65_paused_stays_paused() {
    for shims in [Shims::Live, Shims::EndWithIt] {
        let mut f = Fixture::new();
        let shop = Shop::new(&f, &f.fa());
        let path = of_session(&shop.session);
        f.client.post(&format!("{path}/pause"), &json!({}), 200);
        f.restart(shims);
        assert_ne!(f.client.read(&path)["session"]["status"], "active");
        let (frames, code) = f
            .client
            .worker(&shop.session, agent_of(&shop.session))
            .rest();
        assert_eq!(code, 1000);
        assert_eq!(frames[0]["code"], "WORKER_NOT_FOUND", "{frames:?}");
        let [sync, ..] = f.client.socket("/ws/app").syncs();
        let session = &sync["sessions"][0];
        assert_eq!(session["id"], shop.session["id"]);
        assert_eq!(session["activationState"], "hibernated");
        assert_eq!(agent_of(session)["activated"], false);
        let resumed = f.client.post(&format!("{path}/resume"), &json!({}), 200);
        assert_eq!(resumed["session"]["activationState"], "running");
    }
}

/// A client that comes back after the restart of a worker with an offset of the life before.
#[test]
fn an_offset_of_an_earlier_life_leads_to_the_new_screen() {
    let f = Fixture::new();
    let (session, mut worker) = running(&f, &f.fa());
    worker.input("run seq 1 200; echo END-$((6*7))\r");
    let (_, old) = worker.output_with("END-42");
    let agent = agent_of(&session);
    let path = format!(
        "{}/workers/{}/restart",
        of_session(&session),
        text(&agent["id"])
    );
    f.client
        .post(&path, &json!({"continueConversation": true}), 200);
    let mut late = f.client.worker(&session, agent);
    until("the new life has printed", || {
        late.history(0).0.contains("mode=cont").then_some(())
    });
    let (data, offset) = late.history(old);
    assert_eq!(data, "");
    assert!(offset < old);
    late.frame_of("output-truncated");
    let frames = late.frames_for(Duration::from_millis(1));
    assert!(
        frames.iter().all(|frame| frame["type"] != "history"),
        "{frames:?}"
    );
}
