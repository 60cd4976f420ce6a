//! The loop: waits for the terminal, signals, clients and timers, and gives each one short turn.
//!
//! ```text
//!            child reaped             EIO, 200 ms quiet or 2 s          tree empty, answers sent
//! running ───────────────► draining ──────────────────────────► leaving ────────────────────────► gone
//!                                       EXIT record, exit.json,
//!                                       EXIT frames, terminal closed
//! ```
//!
//! Output never waits for anything but the disk. Every other source gets at most one buffer per turn.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::client::{Accepted, Client, accept};
use super::input::{Queue, Writers};
use super::launch::Pty;
use super::start::ExitRoom;
use super::sync::Sync;
use super::sys::{self, Ended, PollFd};
use super::tree::KillTree;
use crate::frame::ErrorCode;
use crate::log::Reader;
use crate::log::block::Block;
use crate::log::format::MAX_PAYLOAD_BYTES;
use crate::log::writer::{Writer, wall_ms};
use crate::meta::ExitRecord;
use crate::spec::OnExit;

/// Most clients at once; one more is told so and closed.
const MAX_CLIENTS: usize = 16;
/// A read of at least this much means that more is on its way: the kernel hands out 4 KiB at most.
const BULK_READ: usize = 2048;
/// How long a read waits for more of a bulk before it is written down.
const BULK_WAIT_MS: i32 = 1;
/// How long a bulk may be gathered in all. Bounds what is added to an echo behind it.
const BULK_LIMIT: Duration = Duration::from_millis(2);
/// After the child's end, this much silence means that all output is there.
const QUIET: Duration = Duration::from_millis(200);
/// After the child's end, output of those it left behind is followed no longer than this.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// Time between TERM and KILL for what a child left behind.
const ON_EXIT_GRACE: Duration = Duration::from_secs(1);
/// Time between TERM and KILL when the shim itself is asked to end.
const SIGTERM_GRACE: Duration = Duration::from_secs(5);
/// How long a client may take to fetch its last answers.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// How long nobody is accepted after the system had no room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// What is read from a client in one turn.
const RECEIVE_BYTES: usize = 16 << 10;

/// What a started shim consists of.
pub(super) struct Parts {
    pub(super) worker_id: String,
    pub(super) epoch: u32,
    pub(super) dir: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) cols: u16,
    pub(super) rows: u16,
    pub(super) on_exit: OnExit,
    pub(super) child: i32,
    pub(super) lock: File,
    pub(super) exit_room: ExitRoom,
    pub(super) log: Writer,
    pub(super) listener: OwnedFd,
    pub(super) signals: (OwnedFd, OwnedFd),
    pub(super) pty: Pty,
}

/// How far the child's life has come.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Running,
    /// The child has ended; its last output may still come.
    Draining {
        ended: Ended,
        quiet_at: Instant,
        limit: Instant,
    },
    /// All is written down.
    Leaving {
        limit: Instant,
    },
}

/// A running shim.
pub(super) struct Shim {
    pub(super) worker_id: String,
    pub(super) epoch: u32,
    pub(super) dir: PathBuf,
    socket: PathBuf,
    pub(super) cols: u16,
    pub(super) rows: u16,
    on_exit: OnExit,
    pub(super) child: i32,
    /// Held, never used: its lock says that this shim lives. Stands before the clients, so that it
    /// is free by the time they see their connection closed.
    _lock: File,
    exit_room: ExitRoom,
    pub(super) log: Writer,
    listener: OwnedFd,
    /// Nobody is accepted before; set when the system had no room for one more.
    accept_after: Option<Instant>,
    signals: (OwnedFd, OwnedFd),
    /// Ours; `None` once all output is there.
    pub(super) master: Option<OwnedFd>,
    /// The child's; `None` once it has ended.
    slave: Option<OwnedFd>,
    block: Block,
    pub(super) input: Queue,
    pub(super) writers: Writers,
    pub(super) server_epoch: u64,
    pub(super) exit: Option<ExitRecord>,
    phase: Phase,
    clients: Vec<Client>,
    pub(super) kill: Option<KillTree>,
    sync: Sync,
    /// For READ; opened when first asked.
    pub(super) reader: Option<Reader>,
}

impl Shim {
    /// Puts the parts together.
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            worker_id: parts.worker_id,
            epoch: parts.epoch,
            dir: parts.dir,
            socket: parts.socket,
            cols: parts.cols,
            rows: parts.rows,
            on_exit: parts.on_exit,
            child: parts.child,
            _lock: parts.lock,
            exit_room: parts.exit_room,
            log: parts.log,
            listener: parts.listener,
            accept_after: None,
            signals: parts.signals,
            master: Some(parts.pty.master),
            slave: Some(parts.pty.slave),
            block: Block::new(MAX_PAYLOAD_BYTES),
            input: Queue::default(),
            writers: Writers::default(),
            server_epoch: 0,
            exit: None,
            phase: Phase::Running,
            clients: Vec::new(),
            kill: None,
            sync: Sync::new(),
            reader: None,
        }
    }

    /// Serves until the child has ended and everything is said and done.
    pub(super) fn serve(mut self) {
        self.log.append_resize(self.cols, self.rows);
        let mut set = Vec::with_capacity(MAX_CLIENTS.saturating_add(3));
        while !self.is_done() {
            self.fill(&mut set);
            let timeout = self.timeout_ms();
            let ready = sys::poll(&mut set, timeout).unwrap_or(0);
            if ready > 0 {
                self.turn(&set);
            }
            self.run_timers();
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// What to wait for: signals, listener, terminal, then the clients in order.
    fn fill(&self, set: &mut Vec<PollFd>) {
        set.clear();
        set.push(sys::watch(self.signals.0.as_fd(), libc::POLLIN));
        let accepts = if self.accept_after.is_none() {
            libc::POLLIN
        } else {
            0
        };
        set.push(sys::watch(self.listener.as_fd(), accepts));
        if let Some(master) = &self.master {
            let write = if self.input.is_empty() {
                0
            } else {
                libc::POLLOUT
            };
            set.push(sys::watch(master.as_fd(), libc::POLLIN | write));
        } else {
            set.push(PollFd {
                fd: -1,
                events: 0,
                revents: 0,
            });
        }
        for client in &self.clients {
            let read = if client.wants_input() {
                libc::POLLIN
            } else {
                0
            };
            let write = if client.has_waiting() {
                libc::POLLOUT
            } else {
                0
            };
            set.push(sys::watch(client.socket.as_fd(), read | write));
        }
    }

    /// Serves what is ready. Output first, so that an exit finds it written down.
    fn turn(&mut self, set: &[PollFd]) {
        let [signals, listener, terminal, clients @ ..] = set else {
            return;
        };
        if terminal.revents & libc::POLLOUT != 0 {
            self.type_input();
        }
        if terminal.revents & !libc::POLLOUT != 0 {
            self.read_output();
        }
        self.serve_clients(clients);
        if listener.revents != 0 {
            self.accept();
        }
        if signals.revents != 0 {
            self.handle_signals();
        }
    }

    /// Moves output from the terminal into the log.
    pub(super) fn read_output(&mut self) {
        let Some(master) = &self.master else { return };
        let began = Instant::now();
        let mut hangup = false;
        loop {
            match rustix::io::read(master, self.block.room()) {
                Ok(0) | Err(Errno::IO) => hangup = true,
                Ok(n) => {
                    self.block.filled(n);
                    let full = self.block.len() >= MAX_PAYLOAD_BYTES.saturating_sub(BULK_READ);
                    if n >= BULK_READ && !full && began.elapsed() < BULK_LIMIT && has_more(master) {
                        continue;
                    }
                }
                Err(Errno::INTR) => continue,
                Err(_) => {}
            }
            break;
        }
        if self.block.len() > 0 {
            self.log.append_output(&mut self.block);
            self.after_append();
            if let Phase::Draining { quiet_at, .. } = &mut self.phase {
                *quiet_at = Instant::now().checked_add(QUIET).unwrap_or(*quiet_at);
            }
        }
        if hangup {
            self.finish();
        }
    }

    /// The log has grown: whoever waits for that hears of it, the disk in a while.
    pub(super) fn after_append(&mut self) {
        let end = self.log.offset();
        for client in &mut self.clients {
            client.advance(end);
            client.tell_exit(self.exit);
        }
        if self.log.take_unsynced() {
            self.sync.note_written(Instant::now());
        }
    }

    /// Types what waits in the queue.
    pub(super) fn type_input(&mut self) {
        if let Some(master) = &self.master
            && self.input.flush(master).is_err()
        {
            self.input.clear();
        }
    }

    fn serve_clients(&mut self, ready: &[PollFd]) {
        let mut clients = std::mem::take(&mut self.clients);
        let mut buffer = [0; RECEIVE_BYTES];
        for (client, ready) in clients.iter_mut().zip(ready) {
            if ready.revents & libc::POLLOUT != 0 {
                client.flush();
            }
            if ready.revents & !libc::POLLOUT != 0 && client.wants_input() {
                client.receive(&mut buffer);
            } else if ready.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0 {
                client.gone = true;
            }
            if ready.revents != 0 {
                self.answer(client);
            }
        }
        clients.retain(|client| !client.gone);
        self.clients = clients;
        // A frame may have made output (an echo has not come yet, but a resize is logged).
        self.after_append();
    }

    fn accept(&mut self) {
        loop {
            let mut client = match accept(&self.listener) {
                Accepted::Client(client) => *client,
                Accepted::Stranger => continue,
                Accepted::Nobody => return,
                Accepted::NoRoom => {
                    // Trying again at once would find the same, and take a whole core to do it.
                    self.accept_after = Instant::now().checked_add(ACCEPT_PAUSE);
                    return;
                }
            };
            if self.clients.len() >= MAX_CLIENTS {
                client.close_with(ErrorCode::TooManyClients, 0);
                continue;
            }
            client.send(&self.hello());
            client.knows_exit = self.exit.is_some();
            self.clients.push(client);
        }
    }

    fn handle_signals(&mut self) {
        let mut numbers = [0; 64];
        while let Ok(n @ 1..) = rustix::io::read(&self.signals.0, &mut numbers) {
            let asked_to_end = numbers
                .iter()
                .take(n)
                .any(|number| i32::from(*number) == libc::SIGTERM);
            if asked_to_end {
                self.kill_tree(SIGTERM_GRACE);
            }
        }
        while let Some((pid, ended)) = sys::reap() {
            if pid == self.child && matches!(self.phase, Phase::Running) {
                self.child_ended(ended);
            }
        }
        if let Some(kill) = &mut self.kill {
            // Somebody ended: perhaps nobody is left.
            kill.look(Instant::now());
        }
    }

    /// Begins to end the whole tree, or hurries what has begun.
    pub(super) fn kill_tree(&mut self, grace: Duration) {
        let now = Instant::now();
        match &mut self.kill {
            Some(kill) => kill.hurry(now, grace),
            None => self.kill = Some(KillTree::new(now, grace)),
        }
    }

    /// Is there a child that may read what is typed?
    pub(super) fn takes_input(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    fn child_ended(&mut self, ended: Ended) {
        self.slave = None;
        self.input.clear();
        let now = Instant::now();
        let after = |wait| now.checked_add(wait).unwrap_or(now);
        self.phase = Phase::Draining {
            ended,
            quiet_at: after(QUIET),
            limit: after(DRAIN_LIMIT),
        };
    }

    /// Writes down how the child ended, tells everyone, closes the terminal.
    fn finish(&mut self) {
        let Phase::Draining { ended, .. } = self.phase else {
            return;
        };
        let (code, signal) = match ended {
            Ended::Code(code) => (Some(code), None),
            Ended::Signal(signal) => (None, Some(signal)),
        };
        let exit = ExitRecord {
            code,
            signal,
            offset: self.log.offset(),
            wall_ms: wall_ms(),
        };
        self.log.append_exit(code, signal);
        let _ = self.exit_room.write(&exit);
        self.exit = Some(exit);
        self.after_append();
        // Whoever still sits at the terminal gets a hangup.
        self.master = None;
        if self.on_exit == OnExit::KillTree {
            self.kill_tree(ON_EXIT_GRACE);
        }
        let now = Instant::now();
        self.phase = Phase::Leaving {
            limit: now.checked_add(LEAVE_LIMIT).unwrap_or(now),
        };
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        if let Phase::Draining {
            quiet_at, limit, ..
        } = self.phase
            && now >= quiet_at.min(limit)
        {
            self.finish();
        }
        if let Some(kill) = &mut self.kill
            && now >= kill.next()
            && kill.step(now)
        {
            self.kill = None;
        }
        self.accept_after = self.accept_after.filter(|after| now < *after);
        if self.sync.due().is_some_and(|due| now >= due) {
            self.sync.run(now, self.log.sync_handle());
        }
    }

    /// How long nothing is due.
    fn timeout_ms(&self) -> i32 {
        let phase = match self.phase {
            Phase::Running => None,
            Phase::Draining {
                quiet_at, limit, ..
            } => Some(quiet_at.min(limit)),
            Phase::Leaving { limit } => Some(limit),
        };
        let due = [
            phase,
            self.kill.as_ref().map(KillTree::next),
            self.sync.due(),
            self.accept_after,
        ];
        let Some(next) = due.into_iter().flatten().min() else {
            return -1;
        };
        let wait = next.saturating_duration_since(Instant::now());
        // Rounded up: a turn too early would find nothing due and spin.
        i32::try_from(wait.as_millis())
            .unwrap_or(i32::MAX)
            .saturating_add(1)
    }

    fn is_done(&self) -> bool {
        let Phase::Leaving { limit } = self.phase else {
            return false;
        };
        let told = !self.clients.iter().any(Client::has_waiting) || Instant::now() >= limit;
        told && self.kill.is_none()
    }

    /// Signals the foreground process group of the terminal.
    pub(super) fn signal(&self, signal: i32) -> std::io::Result<()> {
        let Some(master) = &self.master else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let group = rustix::termios::tcgetpgrp(master)
            .map_or(self.child, |group| group.as_raw_nonzero().get());
        sys::kill(0_i32.saturating_sub(group), signal)
    }
}

/// Does more output come at once?
fn has_more(master: &OwnedFd) -> bool {
    let mut set = [sys::watch(master.as_fd(), libc::POLLIN)];
    sys::poll(&mut set, BULK_WAIT_MS).unwrap_or(0) > 0
}
