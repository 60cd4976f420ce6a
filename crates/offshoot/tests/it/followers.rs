//! Clients that cannot keep up harm nobody, and are told what they missed.

use std::thread;

use offshoot_protocol::limits::TERMINAL_ACK_EVERY_BYTES;
use offshoot_protocol::terminal::{ClientFrame, Hello, ServerFrame};
use offshoot_testkit::rig::output::digest;
use offshoot_testkit::rig::process::peak_resident;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::{Rig, TerminalSocket};
use sha2::{Digest, Sha256};

use crate::box_of::{complete_from, live, rig, terminal_program};

/// What is printed, as fast as the terminal takes it.
const BYTES: u64 = 32 * 1024 * 1024;

/// Clients that stop reading.
const STALLED: usize = 10;

/// The server's memory may grow by so much while one client follows a flood and ten have stalled:
/// each may hold one window of unacknowledged output in buffers, and the flood itself one ring.
const GROWTH_MAX: u64 = 32 * 1024 * 1024;

/// Everything one connection was sent.
#[derive(Default)]
struct Received {
    sha: Sha256,
    output: u64,
    skipped: u64,
    snapshots: Vec<Vec<u8>>,
    position: Option<u64>,
    ended: bool,
}

impl Received {
    /// Reads to the exit and acknowledges on the way.
    fn read_to_exit(mut self, socket: &mut TerminalSocket) -> Self {
        let mut acknowledged = 0;
        while !self.ended {
            let frame = socket.receive().expect("the connection lasts");
            self.take(frame);
            let position = self.position.unwrap_or(0);
            if position >= acknowledged + TERMINAL_ACK_EVERY_BYTES {
                acknowledged = position;
                let ack = ClientFrame::Ack { offset: position };
                socket.send(&ack).expect("the connection lasts");
            }
        }
        self
    }

    fn take(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Output { offset, bytes } => {
                assert_eq!(*self.position.get_or_insert(offset), offset, "no hole");
                self.sha.update(&bytes);
                self.output += bytes.len() as u64;
                self.position = Some(offset + bytes.len() as u64);
            }
            ServerFrame::Snapshot(snapshot) => {
                let position = self.position.unwrap_or(snapshot.offset);
                assert_eq!(
                    position + snapshot.skipped,
                    snapshot.offset,
                    "a skip is told"
                );
                self.skipped += snapshot.skipped;
                self.position = Some(snapshot.offset);
                self.snapshots.push(snapshot.bytes.to_vec());
            }
            ServerFrame::Exit { offset, .. } => {
                assert_eq!(
                    self.position,
                    Some(offset),
                    "every byte comes before the exit"
                );
                self.ended = true;
            }
            _ => {}
        }
    }
}

fn attach(rig: &Rig, worker: &Started, hello: Hello) -> TerminalSocket {
    TerminalSocket::attach(&rig.http, worker.session, worker.worker, hello).unwrap()
}

/// Attaches a client that reads its first snapshot and then nothing.
fn stall_live(rig: &Rig, worker: &Started) -> (TerminalSocket, Received) {
    let mut socket = attach(rig, worker, live());
    let mut received = Received::default();
    while received.snapshots.is_empty() {
        let frame = socket.receive().unwrap();
        received.take(frame);
    }
    (socket, received)
}

#[test]
fn stalled_clients_cost_the_others_nothing_and_learn_what_they_missed() {
    let rig = rig();
    let gate = rig.user_dir().join("gate");
    let program = terminal_program();
    let worker = rig.start_command(&format!(
        "{program} print --seed 5 --bytes {BYTES} --gate {}",
        gate.display()
    ));
    let mut stalled: Vec<_> = (0..STALLED).map(|_| stall_live(&rig, &worker)).collect();
    let mut late = attach(&rig, &worker, complete_from(worker.epoch, 0));
    let mut reading = attach(&rig, &worker, complete_from(worker.epoch, 0));
    let before = peak_resident(rig.server_pid());
    std::fs::write(&gate, "").unwrap();
    let read = Received::default().read_to_exit(&mut reading);
    let grown = peak_resident(rig.server_pid()) - before;
    let printed = digest(5, BYTES);
    assert_eq!((read.output, read.sha.finalize().into()), (BYTES, printed));
    assert!(grown <= GROWTH_MAX, "the server grew by {grown} bytes");

    // One that wants every byte gets every byte, from the log.
    let late = thread::spawn(move || Received::default().read_to_exit(&mut late));
    let late = late.join().unwrap();
    assert_eq!((late.output, late.sha.finalize().into()), (BYTES, printed));

    // One that wants the screen is brought up to date and told how much it was spared.
    let mut fresh = attach(&rig, &worker, live());
    let fresh = Received::default().read_to_exit(&mut fresh);
    for (mut socket, received) in stalled.drain(..) {
        let received = received.read_to_exit(&mut socket);
        assert_eq!(received.output + received.skipped, BYTES);
        assert!(received.skipped > 0, "it had stalled for {BYTES} bytes");
        assert_eq!(
            received.snapshots.last(),
            fresh.snapshots.last(),
            "the same screen"
        );
    }
}
