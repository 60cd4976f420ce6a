//! The first promise: a server that is killed loses no byte, no exit status and no process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

use offshoot_protocol::terminal::{ClientFrame, ServerFrame};
use offshoot_protocol::view::{Exit, ProcessState};
use offshoot_testkit::rig::output::digest;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::{DEADLINE, until};
use offshoot_testkit::rig::{Http, Rig, TerminalSocket, process};
use sha2::{Digest, Sha256};

use crate::box_of::{complete_from, rig, terminal_program};

/// A server that can be away; every start has a number.
struct Availability {
    starts: Mutex<u32>,
    changed: Condvar,
}

impl Availability {
    fn new() -> Self {
        Self {
            starts: Mutex::new(1),
            changed: Condvar::new(),
        }
    }

    fn announce(&self) {
        *self.starts.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Waits for a start after the one numbered `seen`.
    fn wait_beyond(&self, seen: u32) -> u32 {
        let starts = self.starts.lock().unwrap();
        let waiting = |starts: &mut u32| *starts <= seen;
        let (starts, timeout) = self
            .changed
            .wait_timeout_while(starts, DEADLINE, waiting)
            .unwrap();
        assert!(
            !timeout.timed_out(),
            "a connection broke although the server was not killed"
        );
        *starts
    }
}

/// What one client holds of one worker's output.
struct Followed {
    sha: Sha256,
    offset: u64,
    exit: Option<Exit>,
}

impl Followed {
    fn new() -> Self {
        Self {
            sha: Sha256::new(),
            offset: 0,
            exit: None,
        }
    }

    /// Follows a worker to its exit, over as many deaths of the server as there are.
    fn follow(&mut self, http: &Http, up: &Availability, worker: &Started, total: &AtomicU64) {
        let mut seen = 0;
        while self.exit.is_none() {
            seen = up.wait_beyond(seen);
            let hello = complete_from(worker.epoch, self.offset);
            let attached = TerminalSocket::attach(http, worker.session, worker.worker, hello);
            if let Ok(mut socket) = attached {
                self.receive(&mut socket, total);
            }
        }
    }

    fn receive(&mut self, socket: &mut TerminalSocket, total: &AtomicU64) {
        let mut acknowledged = self.offset;
        while let Ok(frame) = socket.receive() {
            match frame {
                ServerFrame::Output { offset, bytes } => {
                    assert_eq!(offset, self.offset, "output comes without hole or overlap");
                    self.sha.update(&bytes);
                    self.offset += bytes.len() as u64;
                    total.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                }
                ServerFrame::Exit { offset, exit } => {
                    assert_eq!(offset, self.offset, "every byte comes before the exit");
                    self.exit = Some(exit);
                    return;
                }
                ServerFrame::State(_) | ServerFrame::Size { .. } => {}
                other => {
                    let kind = other.encode()[0];
                    panic!(
                        "frame {kind:#x} at {}: a complete client gets output only",
                        self.offset
                    );
                }
            }
            if self.offset - acknowledged >= 64 * 1024 {
                acknowledged = self.offset;
                let ack = ClientFrame::Ack {
                    offset: self.offset,
                };
                if socket.send(&ack).is_err() {
                    return;
                }
            }
        }
    }
}

/// What is printed, how fast, and how often the server is killed meanwhile.
struct Load {
    workers: u64,
    bytes_each: u64,
    bytes_per_second_each: u64,
    kills: u64,
}

fn exit_code(seed: u64) -> i32 {
    i32::try_from(seed % 100).unwrap() + 3
}

fn print_command(rig: &Rig, load: &Load, seed: u64) -> String {
    let program = terminal_program();
    let (bytes, rate, code) = (load.bytes_each, load.bytes_per_second_each, exit_code(seed));
    let allowed = allowance(rig);
    format!(
        "{program} print --seed {seed} --bytes {bytes} --rate {rate} --exit {code} --allowed {}",
        allowed.display()
    )
}

/// The file that says how far each worker may print.
fn allowance(rig: &Rig) -> PathBuf {
    rig.user_dir().join("allowed")
}

/// Lets every worker print up to a number of twentieths of its output. On a slow machine the
/// workers would otherwise have finished before their clients have received half of it.
fn allow(rig: &Rig, load: &Load, twentieths: u64) {
    let bytes = load.bytes_each * twentieths.min(20) / 20;
    let new = allowance(rig).with_extension("new");
    std::fs::write(&new, bytes.to_string()).unwrap();
    std::fs::rename(new, allowance(rig)).unwrap();
}

/// Twentieths that workers may be ahead of what has arrived.
const AHEAD: u64 = 3;

/// Kills the server each time a further twentieth of the output has arrived at the clients.
fn kill_at_progress(
    rig: &mut Rig,
    up: &Availability,
    load: &Load,
    workers: &[Started],
    total: &AtomicU64,
) {
    let all = load.workers * load.bytes_each;
    allow(rig, load, AHEAD);
    for kill in 1..=load.kills {
        until(&format!("{} % has arrived", kill * 5), || {
            (total.load(Ordering::Relaxed) >= all * kill / 20).then_some(())
        });
        rig.kill_server();
        for worker in workers {
            assert!(
                process::is_alive(worker.pid),
                "output still flows at every kill"
            );
        }
        allow(rig, load, kill + AHEAD);
        rig.start_server().unwrap();
        let sessions = rig.sessions();
        for worker in workers {
            let session = sessions.iter().find(|session| session.id == worker.session);
            assert_eq!(
                Started::of(session.unwrap()),
                *worker,
                "the same process after kill {kill}"
            );
        }
        up.announce();
    }
    allow(rig, load, 20);
}

#[test]
fn ten_kills_lose_nothing_of_fifty_workers_that_print() {
    let load = Load {
        workers: 50,
        bytes_each: 5 * 1024 * 1024,
        bytes_per_second_each: 400_000,
        kills: 10,
    };
    let mut rig = rig();
    let started =
        (0..load.workers).map(|seed| rig.start_command(&print_command(&rig, &load, seed)));
    let workers: Vec<Started> = started.collect();
    let (up, total, http) = (Availability::new(), AtomicU64::new(0), rig.http.clone());
    let mut followed: Vec<Followed> = workers.iter().map(|_| Followed::new()).collect();
    thread::scope(|scope| {
        for (followed, worker) in followed.iter_mut().zip(&workers) {
            scope.spawn(|| followed.follow(&http, &up, worker, &total));
        }
        kill_at_progress(&mut rig, &up, &load, &workers, &total);
    });
    for ((seed, worker), followed) in (0..).zip(&workers).zip(followed) {
        let printed = digest(seed, load.bytes_each);
        let (first, log) = rig.log(worker);
        assert_eq!(
            (first, log.len() as u64),
            (0, load.bytes_each),
            "log of worker {seed}"
        );
        assert_eq!(
            <[u8; 32]>::from(Sha256::digest(&log)),
            printed,
            "log of worker {seed}"
        );
        let received: [u8; 32] = followed.sha.finalize().into();
        assert_eq!(
            received, printed,
            "what the client of worker {seed} received"
        );
        let exit = Exit {
            code: Some(exit_code(seed)),
            signal: None,
        };
        assert_eq!(
            followed.exit,
            Some(exit),
            "what the client of worker {seed} was told"
        );
        let shown = rig.process(worker);
        assert_eq!(
            (shown.state, shown.exit),
            (ProcessState::Exited, Some(exit))
        );
    }
}

#[test]
fn an_exit_while_the_server_is_away_is_told_afterwards() {
    let mut rig = rig();
    let gate = rig.user_dir().join("gate");
    let program = terminal_program();
    let printer = rig.start_command(&format!(
        "{program} print --seed 1 --bytes 100000 --exit 7 --gate {}",
        gate.display()
    ));
    let killed = rig.start_command("sleep 100000");
    rig.kill_server();
    std::fs::write(&gate, "").unwrap();
    process::signal(killed.pid, rustix::process::Signal::KILL);
    for pid in [printer.pid, killed.pid] {
        until("the process has ended", || {
            (!process::is_alive(pid)).then_some(())
        });
    }
    rig.start_server().unwrap();
    let expected = [(printer, Some(7), None), (killed, None, Some(9))];
    for (worker, code, signal) in expected {
        let shown = until("the exit is shown", || {
            let shown = rig.process(&worker);
            (shown.state == ProcessState::Exited).then_some(shown)
        });
        assert_eq!(shown.exit, Some(Exit { code, signal }));
    }
    let (_, log) = rig.log(&printer);
    assert_eq!(<[u8; 32]>::from(Sha256::digest(&log)), digest(1, 100_000));
}

#[test]
fn two_hundred_sessions_are_there_again_after_a_kill() {
    let mut rig = rig();
    let workers: Vec<Started> = (0..200).map(|_| rig.start_command("cat")).collect();
    rig.kill_server();
    rig.start_server().unwrap();
    let sessions = rig.sessions();
    assert_eq!(sessions.len(), workers.len());
    for worker in &workers {
        let session = sessions.iter().find(|session| session.id == worker.session);
        assert_eq!(Started::of(session.unwrap()), *worker);
        assert!(process::is_alive(worker.pid));
        until("it is connected", || {
            (rig.process(worker).state == ProcessState::Running).then_some(())
        });
    }
}
