//! The frames between a shim and its clients: a codec without I/O, both directions.
//!
//! On the wire a frame is `u32le length | u8 kind | payload`; length counts kind and payload.
//! Kinds 0–15 are frozen: an old shim must serve a new server for as long as its child lives. New
//! fields go to the end of a payload, so a decoder ignores what follows the fields it knows; new
//! kinds start at 16, and a kind that is not known decodes to `Unknown`.
//!
//! Decoding fails with a [`FrameError`]; there is no resynchronising after one, close the connection.

use crate::log::Chunk;
use crate::meta::ExitRecord;

mod decoder;
mod hello;
mod wire;

pub use decoder::Decoder;
pub use hello::Hello;

use wire::{Payload, begin, finish};

/// Longest frame, kind and payload. A longer one ends the connection.
pub const MAX_FRAME_BYTES: usize = 1 << 20;
/// Most bytes one INPUT may carry.
pub const MAX_INPUT_BYTES: usize = MAX_FRAME_BYTES - 17;
/// Most bytes a READ is answered with at once; ask again for the rest.
pub const MAX_DATA_BYTES: usize = 64 << 10;

/// Numbers of the frozen kinds.
mod kind {
    pub(super) const HELLO: u8 = 0;
    pub(super) const ADVANCE: u8 = 1;
    pub(super) const ARM: u8 = 2;
    pub(super) const INPUT: u8 = 3;
    pub(super) const INPUT_ACK: u8 = 4;
    pub(super) const RESIZE: u8 = 5;
    pub(super) const SIGNAL: u8 = 6;
    pub(super) const KILL_TREE: u8 = 7;
    pub(super) const GET_FD: u8 = 8;
    pub(super) const EXIT: u8 = 9;
    pub(super) const PING: u8 = 10;
    pub(super) const PONG: u8 = 11;
    pub(super) const READ: u8 = 12;
    pub(super) const DATA: u8 = 13;
    pub(super) const ERROR: u8 = 14;
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToShim {
    /// Must come first: the version chosen from the shim's range, and who speaks.
    Hello {
        /// Protocol version.
        version: u16,
        /// Grows with every start of a server. The highest one ever seen is the only one obeyed.
        server_epoch: u64,
    },
    /// Asks for one ADVANCE as soon as output reaches beyond `position`.
    Arm {
        /// Offset up to which the client has read.
        position: u64,
    },
    /// Bytes for the child, typed at most once.
    Input {
        /// Who counts.
        writer: u64,
        /// The writer's count; must grow, may jump.
        seq: u64,
        /// What is typed. Up to [`MAX_INPUT_BYTES`].
        bytes: Vec<u8>,
    },
    /// New size of the terminal.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// Width in pixels, 0 if unknown.
        xpixel: u16,
        /// Height in pixels, 0 if unknown.
        ypixel: u16,
    },
    /// Sends a signal to the foreground process group of the terminal.
    Signal {
        /// Number of the signal on the shim's machine.
        signal: i32,
    },
    /// Ends the child and every descendant: TERM, then KILL after `grace_ms`, until none is left.
    KillTree {
        /// Time between TERM and KILL.
        grace_ms: u32,
    },
    /// Reserved: asks for a duplicate of the pty master.
    GetFd,
    /// Asks for log content; answered by one DATA.
    Read {
        /// First byte wanted.
        offset: u64,
        /// How many; the answer may be shorter.
        len: u32,
    },
    /// Asks for a PONG.
    Ping {
        /// Comes back in the PONG.
        nonce: u64,
    },
    /// A kind this build does not know. Never encoded.
    Unknown {
        /// Its number.
        kind: u8,
    },
}

/// What a shim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromShim {
    /// Always first.
    Hello(Box<Hello>),
    /// The log has grown beyond the position of the last ARM; ARM again to hear more.
    Advance {
        /// End of output.
        offset: u64,
    },
    /// What became of an INPUT.
    InputAck {
        /// The writer of the INPUT.
        writer: u64,
        /// The count of the INPUT.
        seq: u64,
        /// What became of it.
        result: InputResult,
    },
    /// The child has ended; all its output is in the log. The shim closes the connection when it leaves.
    Exit(ExitRecord),
    /// Answer to READ.
    Data(Chunk),
    /// Something asked for was not done.
    Error {
        /// What is wrong.
        code: ErrorCode,
        /// Kind of the frame that was not obeyed.
        about: u8,
    },
    /// Answer to PING.
    Pong {
        /// The nonce of the PING.
        nonce: u64,
    },
    /// A kind this build does not know. Never encoded.
    Unknown {
        /// Its number.
        kind: u8,
    },
}

/// What became of an INPUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum InputResult {
    /// Typed, or in the queue that is being typed.
    Accepted = 0,
    /// This count or a higher one was accepted before; nothing typed.
    Duplicate = 1,
    /// The child does not read and the queue is full; nothing typed, send the same again later.
    Full = 2,
    /// A newer server has spoken; nothing typed.
    Fenced = 3,
    /// The child has ended; nothing typed.
    Exited = 4,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ErrorCode {
    /// The kind is not known or not supported by this shim.
    Unsupported = 0,
    /// A newer server has spoken.
    Fenced = 1,
    /// HELLO must come first. The connection is closed.
    HelloFirst = 2,
    /// The version is outside the shim's range. The connection is closed.
    Version = 3,
    /// Not a frame. The connection is closed.
    Malformed = 4,
    /// The shim serves as many clients as it can. The connection is closed.
    TooManyClients = 5,
    /// The system refused (a signal, a size, a read of the log).
    Failed = 6,
    /// The child has ended.
    Exited = 7,
    /// A code this build does not know.
    Other = 255,
}

/// Not a frame of this protocol. Close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is zero or above [`MAX_FRAME_BYTES`].
    #[error("frame of {0} bytes")]
    Length(u32),
    /// The payload is shorter than its kind needs, or holds an impossible value.
    #[error("malformed frame of kind {0}")]
    Malformed(u8),
}

/// A direction of the protocol.
pub trait Frame: Sized {
    /// Appends the frame to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads one frame, without its length.
    ///
    /// # Errors
    /// When the payload does not hold what `kind` needs.
    fn decode(kind: u8, payload: &[u8]) -> Result<Self, FrameError>;

    /// The frame as bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }
}

impl Frame for ToShim {
    fn encode(&self, out: &mut Vec<u8>) {
        let at = begin(out);
        match self {
            Self::Hello {
                version,
                server_epoch,
            } => {
                out.push(kind::HELLO);
                out.extend_from_slice(&version.to_le_bytes());
                out.extend_from_slice(&server_epoch.to_le_bytes());
            }
            Self::Arm { position } => {
                out.push(kind::ARM);
                out.extend_from_slice(&position.to_le_bytes());
            }
            Self::Input { writer, seq, bytes } => {
                out.push(kind::INPUT);
                out.extend_from_slice(&writer.to_le_bytes());
                out.extend_from_slice(&seq.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Self::Resize {
                cols,
                rows,
                xpixel,
                ypixel,
            } => {
                out.push(kind::RESIZE);
                for side in [cols, rows, xpixel, ypixel] {
                    out.extend_from_slice(&side.to_le_bytes());
                }
            }
            Self::Signal { signal } => {
                out.push(kind::SIGNAL);
                out.extend_from_slice(&signal.to_le_bytes());
            }
            Self::KillTree { grace_ms } => {
                out.push(kind::KILL_TREE);
                out.extend_from_slice(&grace_ms.to_le_bytes());
            }
            Self::GetFd => out.push(kind::GET_FD),
            Self::Read { offset, len } => {
                out.push(kind::READ);
                out.extend_from_slice(&offset.to_le_bytes());
                out.extend_from_slice(&len.to_le_bytes());
            }
            Self::Ping { nonce } => {
                out.push(kind::PING);
                out.extend_from_slice(&nonce.to_le_bytes());
            }
            Self::Unknown { kind } => out.push(*kind),
        }
        finish(out, at);
    }

    fn decode(kind: u8, payload: &[u8]) -> Result<Self, FrameError> {
        let mut payload = Payload { rest: payload };
        Self::parse(kind, &mut payload).ok_or(FrameError::Malformed(kind))
    }
}

impl ToShim {
    /// Number of the frame's kind.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Hello { .. } => kind::HELLO,
            Self::Arm { .. } => kind::ARM,
            Self::Input { .. } => kind::INPUT,
            Self::Resize { .. } => kind::RESIZE,
            Self::Signal { .. } => kind::SIGNAL,
            Self::KillTree { .. } => kind::KILL_TREE,
            Self::GetFd => kind::GET_FD,
            Self::Read { .. } => kind::READ,
            Self::Ping { .. } => kind::PING,
            Self::Unknown { kind } => *kind,
        }
    }

    fn parse(kind: u8, payload: &mut Payload<'_>) -> Option<Self> {
        Some(match kind {
            kind::HELLO => Self::Hello {
                version: payload.u16()?,
                server_epoch: payload.u64()?,
            },
            kind::ARM => Self::Arm {
                position: payload.u64()?,
            },
            kind::INPUT => Self::Input {
                writer: payload.u64()?,
                seq: payload.u64()?,
                bytes: payload.rest.to_vec(),
            },
            kind::RESIZE => Self::Resize {
                cols: payload.u16()?,
                rows: payload.u16()?,
                xpixel: payload.u16()?,
                ypixel: payload.u16()?,
            },
            kind::SIGNAL => Self::Signal {
                signal: payload.i32()?,
            },
            kind::KILL_TREE => Self::KillTree {
                grace_ms: payload.u32()?,
            },
            kind::GET_FD => Self::GetFd,
            kind::READ => Self::Read {
                offset: payload.u64()?,
                len: payload.u32()?,
            },
            kind::PING => Self::Ping {
                nonce: payload.u64()?,
            },
            kind => Self::Unknown { kind },
        })
    }
}

impl Frame for FromShim {
    fn encode(&self, out: &mut Vec<u8>) {
        let at = begin(out);
        match self {
            Self::Hello(hello) => {
                out.push(kind::HELLO);
                hello.encode(out);
            }
            Self::Advance { offset } => {
                out.push(kind::ADVANCE);
                out.extend_from_slice(&offset.to_le_bytes());
            }
            Self::InputAck {
                writer,
                seq,
                result,
            } => {
                out.push(kind::INPUT_ACK);
                out.extend_from_slice(&writer.to_le_bytes());
                out.extend_from_slice(&seq.to_le_bytes());
                out.push(*result as u8);
            }
            Self::Exit(exit) => {
                out.push(kind::EXIT);
                wire::put_exit(out, exit);
            }
            Self::Data(chunk) => {
                out.push(kind::DATA);
                wire::put_chunk(out, chunk);
            }
            Self::Error { code, about } => {
                out.extend_from_slice(&[kind::ERROR, *code as u8, *about])
            }
            Self::Pong { nonce } => {
                out.push(kind::PONG);
                out.extend_from_slice(&nonce.to_le_bytes());
            }
            Self::Unknown { kind } => out.push(*kind),
        }
        finish(out, at);
    }

    fn decode(kind: u8, payload: &[u8]) -> Result<Self, FrameError> {
        let mut payload = Payload { rest: payload };
        Self::parse(kind, &mut payload).ok_or(FrameError::Malformed(kind))
    }
}

impl FromShim {
    fn parse(kind: u8, payload: &mut Payload<'_>) -> Option<Self> {
        Some(match kind {
            kind::HELLO => Self::Hello(Box::new(Hello::parse(payload)?)),
            kind::ADVANCE => Self::Advance {
                offset: payload.u64()?,
            },
            kind::INPUT_ACK => Self::InputAck {
                writer: payload.u64()?,
                seq: payload.u64()?,
                result: match payload.u8()? {
                    0 => InputResult::Accepted,
                    1 => InputResult::Duplicate,
                    2 => InputResult::Full,
                    3 => InputResult::Fenced,
                    4 => InputResult::Exited,
                    _ => return None,
                },
            },
            kind::EXIT => Self::Exit(payload.exit()?),
            kind::DATA => Self::Data(payload.chunk()?),
            kind::ERROR => Self::Error {
                code: match payload.u8()? {
                    0 => ErrorCode::Unsupported,
                    1 => ErrorCode::Fenced,
                    2 => ErrorCode::HelloFirst,
                    3 => ErrorCode::Version,
                    4 => ErrorCode::Malformed,
                    5 => ErrorCode::TooManyClients,
                    6 => ErrorCode::Failed,
                    7 => ErrorCode::Exited,
                    _ => ErrorCode::Other,
                },
                about: payload.u8()?,
            },
            kind::PONG => Self::Pong {
                nonce: payload.u64()?,
            },
            kind => Self::Unknown { kind },
        })
    }
}
