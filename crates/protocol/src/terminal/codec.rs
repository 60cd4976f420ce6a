//! Frames as bytes, and back.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

use super::{ClientFrame, ClientId, FrameError, Hello, InputResult, ServerFrame, Snapshot};
use crate::TerminalSize;

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
