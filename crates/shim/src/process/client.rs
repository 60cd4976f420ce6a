//! One connection, as the shim sees it: a decoder, a bounded queue of answers, a fence.
//!
//! Whatever a client does, it can only end itself. A client that does not read is not read from.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::frame::{Decoder, ErrorCode, Frame, FrameError, FromShim, ToShim};
use crate::meta::ExitRecord;

/// Above this much unread answer a client is no longer read from. One DATA may still go on top.
const MAX_WAITING_BYTES: usize = 64 << 10;
/// Memory a client's queue keeps when it is empty.
const IDLE_BYTES: usize = 4 << 10;

/// A connected client.
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    decoder: Decoder<ToShim>,
    /// Answers that the socket did not take yet.
    waiting: Vec<u8>,
    /// How much of the front of `waiting` is sent.
    sent: usize,
    /// The epoch of its HELLO; `None` before that.
    pub(super) server_epoch: Option<u64>,
    /// Position of its last ARM, until an ADVANCE answers it.
    pub(super) armed: Option<u64>,
    /// It was told how the child ended.
    pub(super) knows_exit: bool,
    /// To be closed once `waiting` is sent.
    pub(super) closing: bool,
    /// To be closed now.
    pub(super) gone: bool,
}

impl Client {
    /// A client that has said nothing yet.
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            decoder: Decoder::new(),
            waiting: Vec::new(),
            sent: 0,
            server_epoch: None,
            armed: None,
            knows_exit: false,
            closing: false,
            gone: false,
        }
    }

    /// Are there answers the socket did not take?
    pub(super) fn has_waiting(&self) -> bool {
        self.sent < self.waiting.len()
    }

    /// May it be read from?
    pub(super) fn wants_input(&self) -> bool {
        !self.closing && self.waiting.len().saturating_sub(self.sent) < MAX_WAITING_BYTES
    }

    /// Takes what the socket has, at most one buffer full so that no client starves another.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) {
        match rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => self.gone = true,
            Ok((_, n)) => self.decoder.push(buffer.get(..n).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.gone = true,
        }
    }

    /// The next whole frame, unless too many answers wait.
    pub(super) fn next_frame(&mut self) -> Result<Option<ToShim>, FrameError> {
        if self.gone || !self.wants_input() {
            Ok(None)
        } else {
            self.decoder.next()
        }
    }

    /// Sends a frame, or queues what the socket does not take.
    pub(super) fn send(&mut self, frame: &FromShim) {
        frame.encode(&mut self.waiting);
        self.flush();
    }

    /// Answers the last ARM if output has gone beyond it. At most one ADVANCE is ever in flight.
    pub(super) fn advance(&mut self, end: u64) {
        if self.armed.is_some_and(|position| end > position) {
            self.armed = None;
            self.send(&FromShim::Advance { offset: end });
        }
    }

    /// Tells once how the child ended, if it has.
    pub(super) fn tell_exit(&mut self, exit: Option<ExitRecord>) {
        if let Some(exit) = exit.filter(|_| !self.knows_exit) {
            self.knows_exit = true;
            self.send(&FromShim::Exit(exit));
        }
    }

    /// Says why, and closes.
    pub(super) fn close_with(&mut self, code: ErrorCode, about: u8) {
        self.closing = true;
        self.send(&FromShim::Error { code, about });
    }

    /// Sends what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) {
        while let Some(rest) = self
            .waiting
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            match rustix::net::send(&self.socket, rest, SendFlags::DONTWAIT | no_signal()) {
                Ok(n) => self.sent = self.sent.saturating_add(n),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
        self.waiting.clear();
        self.waiting.shrink_to(IDLE_BYTES);
        self.sent = 0;
        self.gone |= self.closing;
    }
}

/// A peer that is gone is an error here, not a signal.
fn no_signal() -> SendFlags {
    #[cfg(target_os = "linux")]
    return SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    SendFlags::empty()
}

/// Who was at the door.
pub(super) enum Accepted {
    /// A process of the same user.
    Client(Box<Client>),
    /// Another user's, or one that is gone again. Ask again.
    Stranger,
    /// Nobody (more).
    Nobody,
    /// Somebody, but the system has no descriptor or memory for a connection.
    NoRoom,
}

/// Accepts whoever waits at `listener`, if it is the same user.
pub(super) fn accept(listener: &OwnedFd) -> Accepted {
    let socket = match rustix::net::accept(listener) {
        Ok(socket) => socket,
        Err(Errno::AGAIN) => return Accepted::Nobody,
        Err(Errno::INTR | Errno::CONNABORTED) => return Accepted::Stranger,
        Err(_) => return Accepted::NoRoom,
    };
    let _ = rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC);
    let me = rustix::process::geteuid().as_raw();
    match super::sys::peer_uid(socket.as_fd()) {
        Ok(uid) if uid == me || uid == 0 => Accepted::Client(Box::new(Client::new(socket))),
        _ => Accepted::Stranger,
    }
}
