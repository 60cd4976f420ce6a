//! Frames of the terminal socket, subprotocol `offshoot.terminal.v2` (docs/terminal-socket.md).
//!
//! Binary frames: one byte of type, then fields in little-endian order, then the rest of the frame
//! as payload. A decoder never panics and never allocates more than the frame it was given.

use bytes::{BufMut, Bytes, BytesMut};
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

/// Reads fields off the front of a frame.
struct Fields {
    kind: u8,
    rest: Bytes,
}

impl Fields {
    fn new(mut frame: Bytes) -> Result<Self, FrameError> {
        if frame.is_empty() {
            return Err(FrameError::Empty);
        }
        let kind = frame.split_to(1)[0];
        Ok(Self { kind, rest: frame })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        if self.rest.len() < N {
            return Err(FrameError::Short { kind: self.kind });
        }
        let mut field = [0; N];
        field.copy_from_slice(&self.rest.split_to(N));
        Ok(field)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        Ok(self.take::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        Ok(u16::from_le_bytes(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn size(&mut self) -> Result<TerminalSize, FrameError> {
        let (cols, rows) = (self.u16()?, self.u16()?);
        TerminalSize::new(cols, rows).ok_or_else(|| FrameError::Invalid {
            kind: self.kind,
            what: format!("a size of {cols}×{rows} is not within 1…1000"),
        })
    }

    fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, FrameError> {
        serde_json::from_slice(&self.rest).map_err(|err| FrameError::Invalid {
            kind: self.kind,
            what: err.to_string(),
        })
    }
}

fn json<T: Serialize>(kind: u8, head: &[u8], value: &T) -> Bytes {
    let body = serde_json::to_vec(value).expect("wire types have string keys and finite numbers");
    let mut frame = BytesMut::with_capacity(1 + head.len() + body.len());
    frame.put_u8(kind);
    frame.put_slice(head);
    frame.put_slice(&body);
    frame.freeze()
}

impl ClientFrame {
    /// Decodes one binary frame.
    ///
    /// # Errors
    /// The frame is empty, too short, of an unknown type, or holds an impossible value.
    pub fn decode(frame: Bytes) -> Result<Self, FrameError> {
        let mut fields = Fields::new(frame)?;
        Ok(match fields.kind {
            0x01 => {
                let hello: Hello = fields.json()?;
                if hello.client == ClientId(0) {
                    let what = "the client's number must not be 0".to_owned();
                    return Err(FrameError::Invalid { kind: 0x01, what });
                }
                if hello.size.is_some_and(|size| !size.is_valid()) {
                    let what = "the size is not within 1…1000".to_owned();
                    return Err(FrameError::Invalid { kind: 0x01, what });
                }
                Self::Hello(hello)
            }
            0x02 => Self::Input {
                seq: fields.u64()?,
                bytes: fields.rest,
            },
            0x03 => Self::Ack {
                offset: fields.u64()?,
            },
            0x04 => Self::Resize(fields.size()?),
            0x05 => Self::Claim,
            0x06 => Self::History {
                request: fields.u32()?,
                before: fields.u64()?,
                count: fields.u16()?,
            },
            0x07 => Self::Resync,
            kind => return Err(FrameError::UnknownType(kind)),
        })
    }

    /// Encodes the frame.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Hello(hello) => return json(0x01, &[], hello),
            Self::Input { seq, bytes } => {
                out.put_u8(0x02);
                out.put_u64_le(*seq);
                out.put_slice(bytes);
            }
            Self::Ack { offset } => {
                out.put_u8(0x03);
                out.put_u64_le(*offset);
            }
            Self::Resize(size) => {
                out.put_u8(0x04);
                out.put_u16_le(size.cols);
                out.put_u16_le(size.rows);
            }
            Self::Claim => out.put_u8(0x05),
            Self::History {
                request,
                before,
                count,
            } => {
                out.put_u8(0x06);
                out.put_u32_le(*request);
                out.put_u64_le(*before);
                out.put_u16_le(*count);
            }
            Self::Resync => out.put_u8(0x07),
        }
        out.freeze()
    }
}

impl ServerFrame {
    /// Decodes one binary frame.
    ///
    /// # Errors
    /// The frame is empty, too short, of an unknown type, or holds an impossible value.
    pub fn decode(frame: Bytes) -> Result<Self, FrameError> {
        let mut fields = Fields::new(frame)?;
        Ok(match fields.kind {
            0x81 => Self::Snapshot(Snapshot {
                epoch: fields.u32()?,
                offset: fields.u64()?,
                size: fields.size()?,
                skipped: fields.u64()?,
                first_line: fields.u64()?,
                bytes: fields.rest,
            }),
            0x82 => Self::Output {
                offset: fields.u64()?,
                bytes: fields.rest,
            },
            0x83 => Self::State(fields.json()?),
            0x84 => Self::Size {
                size: fields.size()?,
                owner: fields.u8()? == 1,
            },
            0x85 => Self::InputAck {
                seq: fields.u64()?,
                result: InputResult::decode(&mut fields)?,
            },
            0x86 => Self::History {
                request: fields.u32()?,
                first_line: fields.u64()?,
                lines: fields.u32()?,
                bytes: fields.rest,
            },
            0x87 => Self::Exit {
                offset: fields.u64()?,
                exit: fields.json()?,
            },
            0x88 => Self::Gap {
                from: fields.u64()?,
                to: fields.u64()?,
            },
            0x8f => Self::Error(fields.json()?),
            kind => return Err(FrameError::UnknownType(kind)),
        })
    }

    /// Encodes the frame.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Snapshot(snapshot) => {
                out.reserve(33 + snapshot.bytes.len());
                out.put_u8(0x81);
                out.put_u32_le(snapshot.epoch);
                out.put_u64_le(snapshot.offset);
                out.put_u16_le(snapshot.size.cols);
                out.put_u16_le(snapshot.size.rows);
                out.put_u64_le(snapshot.skipped);
                out.put_u64_le(snapshot.first_line);
                out.put_slice(&snapshot.bytes);
            }
            Self::Output { offset, bytes } => {
                out.reserve(9 + bytes.len());
                out.put_u8(0x82);
                out.put_u64_le(*offset);
                out.put_slice(bytes);
            }
            Self::State(state) => return json(0x83, &[], state),
            Self::Size { size, owner } => {
                out.put_u8(0x84);
                out.put_u16_le(size.cols);
                out.put_u16_le(size.rows);
                out.put_u8(u8::from(*owner));
            }
            Self::InputAck { seq, result } => {
                out.put_u8(0x85);
                out.put_u64_le(*seq);
                out.put_u8(*result as u8);
            }
            Self::History {
                request,
                first_line,
                lines,
                bytes,
            } => {
                out.reserve(17 + bytes.len());
                out.put_u8(0x86);
                out.put_u32_le(*request);
                out.put_u64_le(*first_line);
                out.put_u32_le(*lines);
                out.put_slice(bytes);
            }
            Self::Exit { offset, exit } => return json(0x87, &offset.to_le_bytes(), exit),
            Self::Gap { from, to } => {
                out.put_u8(0x88);
                out.put_u64_le(*from);
                out.put_u64_le(*to);
            }
            Self::Error(error) => return json(0x8f, &[], error),
        }
        out.freeze()
    }
}

impl InputResult {
    fn decode(fields: &mut Fields) -> Result<Self, FrameError> {
        Ok(match fields.u8()? {
            0 => Self::Accepted,
            1 => Self::Duplicate,
            2 => Self::Full,
            3 => Self::NotRunning,
            other => {
                let what = format!("unknown input result {other}");
                return Err(FrameError::Invalid {
                    kind: fields.kind,
                    what,
                });
            }
        })
    }
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
