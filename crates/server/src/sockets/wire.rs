//! One WebSocket as a thing that is polled: send when the last frame has left, receive meanwhile.
//!
//! Owns liveness: pings, reaping a silent client, giving up on one that does not drain. It never
//! buffers more than the one frame that is being sent, so whoever uses it holds back the rest, and
//! it can be told not to read, which holds back the client. A frame that is no WebSocket frame is
//! answered with a close code before the connection ends, so that a client can tell its own fault
//! from a lost network.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{Sink, Stream};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use crate::config::Pings;

/// A frame that has not left for so long means that the client does not read.
const SEND_TIME: Duration = Duration::from_secs(60);

/// A closing client gets so long to answer; without waiting, the reason could be lost with it.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// Close codes of ours. Clients of the first dialect never come back after 1000, 1001 and 1008.
pub(crate) mod close {
    /// The worker or session is gone for good.
    pub(crate) const NORMAL: u16 = 1000;
    /// The client broke the protocol.
    pub(crate) const PROTOCOL: u16 = 1002;
    /// Text was not UTF-8.
    pub(crate) const NOT_TEXT: u16 = 1007;
    /// A frame was too large.
    pub(crate) const TOO_LARGE: u16 = 1009;
    /// The server stops or failed; connect again.
    pub(crate) const RESTART: u16 = 1012;
}

/// A connection; see the module.
pub(crate) struct Wire {
    socket: WebSocket,
    pings: Pings,
    /// The frame being sent, if any.
    sending: Option<Sending>,
    /// The last sign of life.
    heard: Instant,
    pinged: Instant,
    /// When a frame was refused, if one was: nothing more is read or begun.
    refused: Option<Instant>,
}

struct Sending {
    since: Instant,
    /// Whether the frame had to wait for the client to drain. When it leaves after all, the client
    /// drains, which is a sign of life too: its answers to pings may be stuck behind output.
    waited: bool,
}

/// What happened on a connection.
pub(crate) enum Io {
    /// The frame has left; the next one may be sent.
    Sent,
    /// The client sent text.
    Text(Utf8Bytes),
    /// The client sent bytes.
    Binary(bytes::Bytes),
    /// The connection is over, or must be given up.
    Ended,
}

impl Wire {
    pub(crate) fn new(socket: WebSocket, pings: Pings) -> Self {
        let now = Instant::now();
        Self {
            socket,
            pings,
            sending: None,
            heard: now,
            pinged: now,
            refused: None,
        }
    }

    /// Tells whether a frame may be sent.
    pub(crate) fn is_free(&self) -> bool {
        self.sending.is_none() && self.refused.is_none()
    }

    /// Begins to send a frame; only when [`Wire::is_free`].
    pub(crate) fn send(&mut self, message: Message) {
        debug_assert!(self.is_free(), "one frame at a time");
        self.sending = Some(Sending {
            since: Instant::now(),
            waited: false,
        });
        // An error is told again by the flush that follows.
        let _ = Pin::new(&mut self.socket).start_send(message);
    }

    /// Begins to send text.
    pub(crate) fn send_text(&mut self, text: String) {
        self.send(Message::Text(text.into()));
    }

    /// Waits for the next thing to happen; with `Reading::No` the client's frames stay unread.
    /// Cancel-safe.
    pub(crate) async fn next(&mut self, reading: Reading) -> Io {
        loop {
            let deadline = self.deadline();
            let happened = tokio::select! {
                biased;
                happened = poll_fn(|cx| self.poll(cx, reading)) => happened,
                () = tokio::time::sleep_until(deadline) => {
                    if self.is_dead() {
                        return Io::Ended;
                    }
                    if self.is_free() {
                        self.pinged = Instant::now();
                        self.send(Message::Ping(bytes::Bytes::new()));
                    }
                    continue;
                }
            };
            match happened {
                Some(Happened::Sent) => return Io::Sent,
                Some(Happened::Received(message)) => {
                    self.heard = Instant::now();
                    match message {
                        Message::Text(text) => return Io::Text(text),
                        Message::Binary(bytes) => return Io::Binary(bytes),
                        Message::Close(_) => return Io::Ended,
                        Message::Ping(_) | Message::Pong(_) => {}
                    }
                }
                Some(Happened::Refused(code)) => self.refuse(code),
                None => return Io::Ended,
            }
        }
    }

    /// Begins to close after a frame that cannot be read. What was being sent leaves first. The
    /// connection stays open for [`CLOSE_TIME`]: ending it with the client's bytes unread could
    /// throw away the reason on its way.
    fn refuse(&mut self, code: u16) {
        tracing::debug!(code, "the client sent a bad frame");
        self.refused = Some(Instant::now());
        let frame = CloseFrame {
            code,
            reason: "the frame cannot be read".into(),
        };
        // An error is told again by the flush that follows.
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)));
    }

    /// Sends a last frame, then closes with a code and waits a moment for the client to agree.
    pub(crate) async fn close(mut self, last: Vec<Message>, code: u16, reason: &str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let closing = async {
            for message in last.into_iter().chain([Message::Close(Some(frame))]) {
                while !self.is_free() {
                    if matches!(self.next(Reading::No).await, Io::Ended) {
                        return;
                    }
                }
                self.send(message);
            }
            while !matches!(self.next(Reading::Yes).await, Io::Ended) {}
        };
        let _ = tokio::time::timeout(CLOSE_TIME, closing).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>, reading: Reading) -> Poll<Option<Happened>> {
        if self.refused.is_some() {
            return match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Err(_)) => Poll::Ready(None),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            };
        }
        if let Some(sending) = &mut self.sending {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    if sending.waited {
                        self.heard = Instant::now();
                    }
                    self.sending = None;
                    return Poll::Ready(Some(Happened::Sent));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(None),
                Poll::Pending => sending.waited = true,
            }
        }
        if reading == Reading::No {
            return Poll::Pending;
        }
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => Poll::Ready(Some(Happened::Received(message))),
            Poll::Ready(Some(Err(err))) => Poll::Ready(close_code(err).map(Happened::Refused)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn deadline(&self) -> Instant {
        if let Some(refused) = self.refused {
            return refused + CLOSE_TIME;
        }
        match &self.sending {
            Some(sending) => sending.since + SEND_TIME,
            None => (self.heard + self.pings.silence_max).min(self.pinged + self.pings.every),
        }
    }

    fn is_dead(&self) -> bool {
        let now = Instant::now();
        if let Some(refused) = self.refused {
            return now >= refused + CLOSE_TIME;
        }
        match &self.sending {
            // A client that is being sent to is judged by whether it drains.
            Some(sending) => now >= sending.since + SEND_TIME,
            None => now >= self.heard + self.pings.silence_max,
        }
    }
}

/// Whether the client's frames are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Yes,
    No,
}

enum Happened {
    Sent,
    Received(Message),
    /// The client sent what cannot be read; the code says what is wrong.
    Refused(u16),
}

/// Returns the code that answers an error of reading; `None` when nobody is there to be told.
fn close_code(err: axum::Error) -> Option<u16> {
    use tungstenite::Error;
    match *err.into_inner().downcast::<Error>().ok()? {
        Error::Utf8(_) => Some(close::NOT_TEXT),
        Error::Capacity(_) => Some(close::TOO_LARGE),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(close::PROTOCOL),
        _ => None,
    }
}
