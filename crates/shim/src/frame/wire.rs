//! Fields of a payload, little endian.

use crate::log::Chunk;
use crate::meta::ExitRecord;

/// Leaves room for the length of a frame.
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    at
}

/// Fills in the length of the frame that began at `at`.
pub(super) fn finish(out: &mut [u8], at: usize) {
    let len = out.len().saturating_sub(at).saturating_sub(4);
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    if let Some(room) = out
        .get_mut(at..)
        .and_then(|rest| rest.first_chunk_mut::<4>())
    {
        *room = len.to_le_bytes();
    }
}

/// Appends text with its length (at most 64 KiB of it).
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.get(..usize::from(len)).unwrap_or_default().as_bytes());
}

/// Appends an exit record: `u8 how (0 code, 1 signal, 2 unknown) | i32 number | u64 offset | u64 wall ms`.
pub(super) fn put_exit(out: &mut Vec<u8>, exit: &ExitRecord) {
    let (how, number) = match (exit.code, exit.signal) {
        (Some(code), _) => (0, code),
        (None, Some(signal)) => (1, signal),
        (None, None) => (2, 0),
    };
    out.push(how);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&exit.offset.to_le_bytes());
    out.extend_from_slice(&exit.wall_ms.to_le_bytes());
}

/// Appends a chunk: `u8 outcome | u64 offset | u64 to | bytes`.
pub(super) fn put_chunk(out: &mut Vec<u8>, chunk: &Chunk) {
    let (outcome, offset, to, bytes): (u8, u64, u64, &[u8]) = match chunk {
        Chunk::Data { offset, bytes } => (0, *offset, *offset, bytes),
        Chunk::Gap { from, to } => (1, *from, *to, &[]),
        Chunk::Trimmed { first } => (2, *first, *first, &[]),
        Chunk::End => (3, 0, 0, &[]),
    };
    out.push(outcome);
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&to.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Cursor over a payload.
pub(super) struct Payload<'a> {
    /// What is not read yet.
    pub(super) rest: &'a [u8],
}

impl Payload<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*array)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let len = usize::from(self.u16()?);
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    pub(super) fn exit(&mut self) -> Option<ExitRecord> {
        let (how, number) = (self.u8()?, self.i32()?);
        Some(ExitRecord {
            code: (how == 0).then_some(number),
            signal: (how == 1).then_some(number),
            offset: self.u64()?,
            wall_ms: self.u64()?,
        })
    }

    pub(super) fn chunk(&mut self) -> Option<Chunk> {
        let (outcome, offset, to) = (self.u8()?, self.u64()?, self.u64()?);
        Some(match outcome {
            0 => Chunk::Data {
                offset,
                bytes: self.rest.to_vec(),
            },
            1 => Chunk::Gap { from: offset, to },
            2 => Chunk::Trimmed { first: offset },
            3 => Chunk::End,
            _ => return None,
        })
    }
}
