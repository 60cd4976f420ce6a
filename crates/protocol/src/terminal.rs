//! Frames of the terminal socket, subprotocol `offshoot.terminal.v2` (docs/terminal-socket.md).
//!
//! Binary frames: one byte of type, then fields in little-endian order, then the rest of the frame
//! as payload. A decoder never panics and never allocates more than the frame it was given.

mod codec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::TerminalSize;
use crate::view::{Exit, ProcessState};

/// The subprotocol's name.
pub const SUBPROTOCOL: &str = "offshoot.terminal.v2";

/// A frame from the client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientFrame {
    /// `0x01`, JSON: the first frame of every connection.
    Hello(Hello),
    /// `0x02`, `seq u64`, bytes: typed input. A number the terminal has seen from this client is
    /// acknowledged and not typed again.
    Input {
        /// Grows with every input of this client id.
        seq: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// `0x03`, `offset u64`: everything before this offset is processed.
    Ack {
        /// The offset.
        offset: u64,
    },
    /// `0x04`, `cols u16`, `rows u16`: the size this client shows. Applied while it owns the size.
    Resize(TerminalSize),
    /// `0x05`: this client takes the ownership of the size.
    Claim,
    /// `0x06`, `request u32`, `before u64`, `count u16`: lines above the snapshot.
    History {
        /// Echoed in the answer.
        request: u32,
        /// Lines with a number below this one, the newest of them.
        before: u64,
        /// How many lines at the most.
        count: u16,
    },
    /// `0x07`: asks for a fresh snapshot.
    Resync,
}

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// A random number made once per client (a tab, a command), the owner of its input numbers.
    pub client: ClientId,
    /// The output the client holds: it wants the bytes after it. Absent: it wants a snapshot.
    #[serde(default)]
    pub resume: Option<Resume>,
    /// How to treat the client when it cannot keep up.
    #[serde(default)]
    pub mode: DeliveryMode,
    /// Scrollback lines wanted in snapshots; 500 when absent, 5,000 at the most.
    #[serde(default)]
    pub history: Option<u32>,
    /// The size this client shows; null for a client that never sizes the terminal.
    #[serde(default)]
    pub size: Option<TerminalSize>,
}

/// A client's own random number, as a decimal string in JSON since JavaScript cannot hold 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientId(pub u64);

impl Serialize for ClientId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The position of a client in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The life of the worker the offset belongs to.
    pub epoch: u32,
    /// The offset of the next byte the client lacks.
    pub offset: u64,
}

/// How a client that falls behind is treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// It is brought up by a snapshot and told how many bytes it skipped.
    #[default]
    Live,
    /// It gets every byte at its own pace, from the log.
    Complete,
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerFrame {
    /// `0x81`, `epoch u32`, `offset u64`, `cols u16`, `rows u16`, `skipped u64`, `first_line u64`,
    /// bytes: feeding them to a fresh terminal of this size gives the screen at this offset.
    Snapshot(Snapshot),
    /// `0x82`, `offset u64`, bytes: output from this offset on.
    Output {
        /// The offset of the first byte.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// `0x83`, JSON: the process changed.
    State(TerminalState),
    /// `0x84`, `cols u16`, `rows u16`, `owner u8`: the terminal's size; `owner` is 1 when this
    /// client decides it.
    Size {
        /// The size.
        size: TerminalSize,
        /// Whether this client owns it.
        owner: bool,
    },
    /// `0x85`, `seq u64`, `result u8`: what became of an input.
    InputAck {
        /// The input's number.
        seq: u64,
        /// Its fate.
        result: InputResult,
    },
    /// `0x86`, `request u32`, `first_line u64`, `lines u32`, bytes: older lines, each ended by CRLF.
    History {
        /// The request's number.
        request: u32,
        /// The number of the first line.
        first_line: u64,
        /// How many lines.
        lines: u32,
        /// The lines with their colours.
        bytes: Bytes,
    },
    /// `0x87`, `offset u64`, JSON: the process ended; every byte before `offset` was sent.
    Exit {
        /// The end of the output.
        offset: u64,
        /// How it ended.
        exit: Exit,
    },
    /// `0x88`, `from u64`, `to u64`: these bytes are no longer kept, or were never recorded.
    Gap {
        /// The first lost byte.
        from: u64,
        /// The first byte after the hole.
        to: u64,
    },
    /// `0x8f`, JSON: the connection ends, and why.
    Error(TerminalError),
}

/// The state of a terminal at an offset.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The life of the worker.
    pub epoch: u32,
    /// The offset at which it is true; OUTPUT follows from here.
    pub offset: u64,
    /// The terminal's size.
    pub size: TerminalSize,
    /// Bytes this connection was not sent because it had fallen behind.
    pub skipped: u64,
    /// The number of the oldest line contained; lines below it come by HISTORY.
    pub first_line: u64,
    /// The bytes that rebuild it.
    pub bytes: Bytes,
}

/// The process behind a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalState {
    /// The life of the worker.
    pub epoch: u32,
    /// Where in its life the process is.
    pub state: ProcessState,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Why it failed or cannot be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalError {
    /// The stable word of the failure.
    pub code: crate::ErrorCode,
    /// What happened and what to do.
    pub message: String,
}

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum InputResult {
    /// Handed to the terminal.
    Accepted = 0,
    /// Seen before; not typed again.
    Duplicate = 1,
    /// The program does not read and the queue is full; not typed.
    Full = 2,
    /// No process; not typed.
    NotRunning = 3,
}

/// Why a frame could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame has no bytes.
    #[error("the frame is empty")]
    Empty,
    /// The type is not one of this protocol.
    #[error("unknown frame type {0:#04x}")]
    UnknownType(u8),
    /// Fields are missing.
    #[error("frame {kind:#04x} is shorter than its fields")]
    Short {
        /// The frame's type.
        kind: u8,
    },
    /// A field has a value it cannot have.
    #[error("frame {kind:#04x}: {what}")]
    Invalid {
        /// The frame's type.
        kind: u8,
        /// What is wrong.
        what: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_a_round_trip() {
        let size = TerminalSize { cols: 80, rows: 24 };
        for frame in [
            ClientFrame::Hello(Hello {
                client: ClientId(u64::MAX),
                resume: Some(Resume {
                    epoch: 3,
                    offset: 1 << 40,
                }),
                mode: DeliveryMode::Complete,
                history: Some(10),
                size: Some(size),
            }),
            ClientFrame::Input {
                seq: 7,
                bytes: Bytes::from_static(b"\x1b[A"),
            },
            ClientFrame::Ack { offset: 9 },
            ClientFrame::Resize(size),
            ClientFrame::Claim,
            ClientFrame::History {
                request: 1,
                before: 2,
                count: 3,
            },
            ClientFrame::Resync,
        ] {
            assert_eq!(ClientFrame::decode(frame.encode()), Ok(frame));
        }
        let bytes = Bytes::from_static("é\n".as_bytes());
        for frame in [
            ServerFrame::Snapshot(Snapshot {
                epoch: 1,
                offset: 2,
                size,
                skipped: 3,
                first_line: 4,
                bytes: bytes.clone(),
            }),
            ServerFrame::Output {
                offset: 5,
                bytes: bytes.clone(),
            },
            ServerFrame::Size { size, owner: true },
            ServerFrame::InputAck {
                seq: 1,
                result: InputResult::Full,
            },
            ServerFrame::History {
                request: 1,
                first_line: 2,
                lines: 3,
                bytes,
            },
            ServerFrame::Exit {
                offset: 8,
                exit: Exit {
                    code: Some(7),
                    signal: None,
                },
            },
            ServerFrame::Gap { from: 1, to: 2 },
        ] {
            assert_eq!(ServerFrame::decode(frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn malformed_frames_are_refused() {
        for frame in [
            &b""[..],
            b"\x00",
            b"\x02\x01",
            b"\x04\x00\x00\x01\x00",
            b"\x01{}",
            b"\x01{\"client\":\"0\"}",
            b"\xff",
        ] {
            assert!(
                ClientFrame::decode(Bytes::copy_from_slice(frame)).is_err(),
                "{frame:?}"
            );
        }
    }

    #[test]
    fn the_first_bytes_of_frames_are_fixed() {
        let input = ClientFrame::Input {
            seq: 1,
            bytes: Bytes::from_static(b"a"),
        };
        assert_eq!(&input.encode()[..], b"\x02\x01\0\0\0\0\0\0\0a");
        let output = ServerFrame::Output {
            offset: 258,
            bytes: Bytes::from_static(b"z"),
        };
        assert_eq!(&output.encode()[..], b"\x82\x02\x01\0\0\0\0\0\0z");
    }
}
