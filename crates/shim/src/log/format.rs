//! The bytes of a segment: one header, then records, little endian, aligned to 8.
//!
//! ```text
//! segment  magic 8 | index u64 | base offset u64 | wall ms u64 | monotonic ms u64 | epoch u32 | 0 u32
//!          | id length u8 | worker id 75 | crc32 of the 124 bytes before u32                       = 128
//! record   payload length u32 | crc32 u32 | kind u8 | flags u8 | 0 u16 | ms since segment u32 | offset u64
//!          | payload | zeros up to a multiple of 8
//! ```
//!
//! The checksum of a record starts from the checksum of its segment header, so what an earlier
//! life of the same disk blocks left behind never passes. A header of zeros ends the segment for now.

use crc32fast::Hasher;

/// Size of a segment header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 128;
/// Size of a record header.
pub(crate) const RECORD_HEADER_BYTES: usize = 24;
/// Longest payload of one record.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 << 10;
/// First bytes of a segment; the last one is the version of the layout.
const MAGIC: [u8; 8] = *b"OFSLOG\0\x01";
/// Longest worker id a header can hold.
const MAX_ID_BYTES: usize = 75;

/// What a record is.
pub(crate) mod kind {
    /// Output.
    pub(crate) const OUT: u8 = 1;
    /// New size: `cols u16 | rows u16`.
    pub(crate) const RESIZE: u8 = 2;
    /// End of the child: `how u8 (0 code, 1 signal, 2 unknown) | 0 u8 ×3 | number i32`.
    pub(crate) const EXIT: u8 = 3;
    /// Output from the record's offset up to `to u64` could not be kept.
    pub(crate) const GAP: u8 = 4;
    /// Nothing follows here; the next segment does.
    pub(crate) const SEAL: u8 = 7;
}

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Number of the segment, equal to its file name.
    pub(crate) index: u64,
    /// Output offset at which it begins.
    pub(crate) base_offset: u64,
    /// Wall clock when it was begun.
    pub(crate) wall_ms: u64,
    /// Monotonic clock when it was begun.
    pub(crate) mono_ms: u64,
    /// Life of the worker's output.
    pub(crate) epoch: u32,
    /// Whose output it is (cut to 75 bytes).
    pub(crate) worker_id: String,
}

impl SegmentHeader {
    /// Lays the header out; also gives the seed for the checksums of its records.
    pub(crate) fn to_bytes(&self) -> ([u8; SEGMENT_HEADER_BYTES], u32) {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        for number in [self.index, self.base_offset, self.wall_ms, self.mono_ms] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let mut id = self.worker_id.as_str();
        while id.len() > MAX_ID_BYTES {
            id = id
                .char_indices()
                .next_back()
                .and_then(|(at, _)| id.get(..at))
                .unwrap_or_default();
        }
        bytes.push(u8::try_from(id.len()).unwrap_or(0));
        bytes.extend_from_slice(id.as_bytes());
        bytes.resize(SEGMENT_HEADER_BYTES.saturating_sub(4), 0);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        (bytes.try_into().unwrap_or([0; SEGMENT_HEADER_BYTES]), crc)
    }

    /// Reads a header; `None` when it is none.
    pub(crate) fn from_bytes(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<(Self, u32)> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let crc = u32::from_le_bytes(*crc);
        let rest = body.strip_prefix(&MAGIC)?;
        if crc32fast::hash(body) != crc {
            return None;
        }
        let (index, rest) = rest.split_first_chunk::<8>()?;
        let (base_offset, rest) = rest.split_first_chunk::<8>()?;
        let (wall_ms, rest) = rest.split_first_chunk::<8>()?;
        let (mono_ms, rest) = rest.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (id_len, rest) = rest.get(4..)?.split_first()?;
        let header = Self {
            index: u64::from_le_bytes(*index),
            base_offset: u64::from_le_bytes(*base_offset),
            wall_ms: u64::from_le_bytes(*wall_ms),
            mono_ms: u64::from_le_bytes(*mono_ms),
            epoch: u32::from_le_bytes(*epoch),
            worker_id: String::from_utf8(rest.get(..usize::from(*id_len))?.to_vec()).ok()?,
        };
        Some((header, crc))
    }
}

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Bytes of payload.
    pub(crate) len: u32,
    /// Checksum, seeded by the segment.
    pub(crate) crc: u32,
    /// See [`kind`].
    pub(crate) kind: u8,
    /// None defined yet.
    pub(crate) flags: u8,
    /// Milliseconds since the segment was begun, by the monotonic clock.
    pub(crate) since_ms: u32,
    /// Output offset.
    pub(crate) offset: u64,
}

impl RecordHeader {
    /// Reads a header, whatever it holds.
    pub(crate) fn from_bytes(bytes: &[u8; RECORD_HEADER_BYTES]) -> Self {
        let [l0, l1, l2, l3, c0, c1, c2, c3, kind, flags, _, _, rest @ ..] = *bytes;
        let [t0, t1, t2, t3, o0, o1, o2, o3, o4, o5, o6, o7] = rest;
        Self {
            len: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
            kind,
            flags,
            since_ms: u32::from_le_bytes([t0, t1, t2, t3]),
            offset: u64::from_le_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
        }
    }

    /// Lays the header out.
    pub(crate) fn to_bytes(self) -> [u8; RECORD_HEADER_BYTES] {
        let [l0, l1, l2, l3] = self.len.to_le_bytes();
        let [c0, c1, c2, c3] = self.crc.to_le_bytes();
        let [t0, t1, t2, t3] = self.since_ms.to_le_bytes();
        let [o0, o1, o2, o3, o4, o5, o6, o7] = self.offset.to_le_bytes();
        [
            l0, l1, l2, l3, c0, c1, c2, c3, self.kind, self.flags, 0, 0, t0, t1, t2, t3, o0, o1,
            o2, o3, o4, o5, o6, o7,
        ]
    }

    /// The checksum this header and payload must have in a segment with `seed`.
    pub(crate) fn checksum(self, seed: u32, payload: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(seed);
        let bytes = self.to_bytes();
        let (len, rest) = bytes.split_at(4);
        hasher.update(len);
        hasher.update(rest.get(4..).unwrap_or_default());
        hasher.update(payload);
        hasher.finalize()
    }
}

/// Bytes a record with `len` bytes of payload takes.
pub(crate) fn record_bytes(len: usize) -> usize {
    RECORD_HEADER_BYTES
        .saturating_add(len)
        .checked_next_multiple_of(8)
        .unwrap_or(usize::MAX)
}

/// File name of a segment.
pub(crate) fn file_name(index: u64) -> String {
    format!("{index:08}.seg")
}

/// Number of the segment with this file name.
pub(crate) fn index_of(file_name: &std::ffi::OsStr) -> Option<u64> {
    file_name.to_str()?.strip_suffix(".seg")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            index: 3,
            base_offset: 0x0102_0304,
            wall_ms: 1_700_000_000_000,
            mono_ms: 42,
            epoch: 5,
            worker_id: "0d4d6a52-5d8a-4a1f-9b53-1df6f0d3a111".into(),
        }
    }

    #[test]
    fn segment_header_keeps_its_bytes() {
        let (bytes, seed) = header().to_bytes();
        assert_eq!(
            hex(&bytes),
            "4f46534c4f470001 0300000000000000 0403020100000000 0068e5cf8b010000 2a00000000000000 05000000 00000000"
                .replace(' ', "")
                + "24"
                + &hex(b"0d4d6a52-5d8a-4a1f-9b53-1df6f0d3a111")
                + &"00".repeat(39)
                + &hex(&seed.to_le_bytes())
        );
        assert_eq!(seed, crc32fast::hash(&bytes[..124]));
        assert_eq!(SegmentHeader::from_bytes(&bytes), Some((header(), seed)));
    }

    #[test]
    fn record_header_keeps_its_bytes_and_checksum() {
        let mut record = RecordHeader {
            len: 5,
            crc: 0,
            kind: kind::OUT,
            flags: 0,
            since_ms: 0x0102,
            offset: 0x0304,
        };
        record.crc = record.checksum(0x1234_5678, b"hello");
        assert_eq!(
            hex(&record.to_bytes()),
            "05000000eda19b0701000000020100000403000000000000"
        );
        assert_eq!(RecordHeader::from_bytes(&record.to_bytes()), record);
        assert_ne!(
            record.checksum(0x1234_5679, b"hello"),
            record.crc,
            "the segment is part of it"
        );
        assert_eq!(record_bytes(5), 32);
        assert_eq!(record_bytes(8), 32);
    }

    #[test]
    fn long_worker_ids_are_cut_at_a_character() {
        let (bytes, _) = SegmentHeader {
            worker_id: "é".repeat(60),
            ..header()
        }
        .to_bytes();
        let (read, _) = SegmentHeader::from_bytes(&bytes).unwrap();
        assert_eq!(read.worker_id, "é".repeat(37));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
