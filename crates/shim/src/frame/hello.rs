//! HELLO, the frame that says who a shim is.

use super::wire::{self, Payload};
use crate::meta::ExitRecord;

/// First bytes of a shim's HELLO.
const MAGIC: [u8; 4] = *b"OFSH";

/// Who the shim is and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// Oldest protocol version it speaks.
    pub proto_min: u16,
    /// Newest protocol version it speaks.
    pub proto_max: u16,
    /// Name and version of its build.
    pub build: String,
    /// Id of the worker.
    pub worker_id: String,
    /// Life of the worker's output.
    pub epoch: u32,
    /// Pid of the shim.
    pub shim_pid: i32,
    /// Pid of the child, leader of the terminal's session.
    pub child_pid: i32,
    /// Columns now.
    pub cols: u16,
    /// Rows now.
    pub rows: u16,
    /// Oldest output still in the log.
    pub first_offset: u64,
    /// End of output.
    pub end_offset: u64,
    /// Highest server epoch seen so far.
    pub server_epoch: u64,
    /// How long the log has held the shim up in all (slow disk).
    pub stalled_ms: u64,
    /// How the child ended, if it has.
    pub exit: Option<ExitRecord>,
    /// Last accepted count per writer, for the writers still remembered, newest first.
    pub writers: Vec<(u64, u64)>,
}

impl Hello {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.proto_min.to_le_bytes());
        out.extend_from_slice(&self.proto_max.to_le_bytes());
        wire::put_text(out, &self.build);
        wire::put_text(out, &self.worker_id);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.shim_pid.to_le_bytes());
        out.extend_from_slice(&self.child_pid.to_le_bytes());
        out.extend_from_slice(&self.cols.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        for number in [
            self.first_offset,
            self.end_offset,
            self.server_epoch,
            self.stalled_ms,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(u8::from(self.exit.is_some()));
        if let Some(exit) = &self.exit {
            wire::put_exit(out, exit);
        }
        out.extend_from_slice(
            &u16::try_from(self.writers.len())
                .unwrap_or(u16::MAX)
                .to_le_bytes(),
        );
        for (writer, seq) in self.writers.iter().take(usize::from(u16::MAX)) {
            out.extend_from_slice(&writer.to_le_bytes());
            out.extend_from_slice(&seq.to_le_bytes());
        }
    }

    pub(super) fn parse(payload: &mut Payload<'_>) -> Option<Self> {
        if payload.array::<4>()? != MAGIC {
            return None;
        }
        let mut hello = Self {
            proto_min: payload.u16()?,
            proto_max: payload.u16()?,
            build: payload.text()?,
            worker_id: payload.text()?,
            epoch: payload.u32()?,
            shim_pid: payload.i32()?,
            child_pid: payload.i32()?,
            cols: payload.u16()?,
            rows: payload.u16()?,
            first_offset: payload.u64()?,
            end_offset: payload.u64()?,
            server_epoch: payload.u64()?,
            stalled_ms: payload.u64()?,
            exit: None,
            writers: Vec::new(),
        };
        if payload.u8()? != 0 {
            hello.exit = Some(payload.exit()?);
        }
        for _ in 0..payload.u16()? {
            hello.writers.push((payload.u64()?, payload.u64()?));
        }
        Some(hello)
    }
}
