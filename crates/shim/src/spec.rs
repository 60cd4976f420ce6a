//! What a shim is told at birth, and how it travels: one length-prefixed blob on its standard input.
//!
//! Not JSON: arguments and environment are bytes, not text. Reading fails with `None` on anything
//! that is not a whole blob of this version; the writer and the reader are always the same build.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// First bytes of a blob; the last one is the version of its layout.
const MAGIC: &[u8; 8] = b"OFSPEC\0\x02";

/// What happens to the child's descendants once the child itself has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExit {
    /// They are ended too, wherever they hid. Right for agents.
    KillTree,
    /// They get the hangup of a closed terminal and may outlive it. Right for shells.
    Keep,
}

/// Everything a shim needs to know to start one worker's process.
#[derive(Debug, Clone, PartialEq)]
pub struct SpawnSpec {
    /// Id of the worker; part of every segment header.
    pub worker_id: String,
    /// Life of the worker's output. The same epoch continues an existing log, a higher one begins afresh.
    pub epoch: u32,
    /// Directory of the worker; created with mode 0700 when missing.
    pub dir: PathBuf,
    /// Where the socket goes; at most 107 bytes (103 on macOS). Recorded in `meta.json`, never recomputed.
    pub socket: PathBuf,
    /// Program and arguments. A name without `/` is looked up in the `PATH` of `env`.
    pub argv: Vec<OsString>,
    /// The child's whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// The child's working directory.
    pub cwd: PathBuf,
    /// Columns at start.
    pub cols: u16,
    /// Rows at start.
    pub rows: u16,
    /// How much disk the log may use before its oldest segment is recycled.
    pub quota_bytes: u64,
    /// What happens to descendants when the child ends.
    pub on_exit: OnExit,
    /// Written to the log before the child's first byte when an existing log is continued: what
    /// makes a terminal usable again after a program that did not leave it so. Up to 4 KiB.
    pub preface: Vec<u8>,
    /// Stored in `meta.json` as it is, so that a lost database can be rebuilt. No secrets.
    pub note: serde_json::Value,
}

impl SpawnSpec {
    /// Lays the spec out as the blob a shim reads.
    pub(crate) fn to_blob(&self) -> Vec<u8> {
        let mut blob = MAGIC.to_vec();
        let mut field = |bytes: &[u8]| {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            blob.extend_from_slice(&len.to_le_bytes());
            blob.extend_from_slice(bytes);
        };
        field(self.worker_id.as_bytes());
        field(&self.epoch.to_le_bytes());
        field(self.dir.as_os_str().as_bytes());
        field(self.socket.as_os_str().as_bytes());
        field(self.cwd.as_os_str().as_bytes());
        field(&self.cols.to_le_bytes());
        field(&self.rows.to_le_bytes());
        field(&self.quota_bytes.to_le_bytes());
        field(&[u8::from(self.on_exit == OnExit::Keep)]);
        field(&self.preface);
        field(self.note.to_string().as_bytes());
        field(&count(self.argv.len()).to_le_bytes());
        for argument in &self.argv {
            field(argument.as_bytes());
        }
        field(&count(self.env.len()).to_le_bytes());
        for (name, value) in &self.env {
            field(name.as_bytes());
            field(value.as_bytes());
        }
        blob
    }

    /// Reads a blob back. `None`: torn, or of another version.
    pub(crate) fn from_blob(blob: &[u8]) -> Option<Self> {
        let mut fields = Fields {
            rest: blob.strip_prefix(MAGIC)?,
        };
        let worker_id = fields.text()?;
        let epoch = fields.u32()?;
        let dir = fields.path()?;
        let socket = fields.path()?;
        let cwd = fields.path()?;
        let cols = fields.u16()?;
        let rows = fields.u16()?;
        let quota_bytes = u64::from_le_bytes(fields.next()?.try_into().ok()?);
        let on_exit = if fields.next()? == [1] {
            OnExit::Keep
        } else {
            OnExit::KillTree
        };
        let preface = fields.next()?.to_vec();
        let note = serde_json::from_slice(fields.next()?).ok()?;
        let mut argv = Vec::new();
        for _ in 0..fields.u32()? {
            argv.push(fields.os_string()?);
        }
        let mut env = Vec::new();
        for _ in 0..fields.u32()? {
            env.push((fields.os_string()?, fields.os_string()?));
        }
        let spec = Self {
            worker_id,
            epoch,
            dir,
            socket,
            argv,
            env,
            cwd,
            cols,
            rows,
            quota_bytes,
            on_exit,
            preface,
            note,
        };
        fields.rest.is_empty().then_some(spec)
    }
}

/// Number of items as it travels.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Cursor over the fields of a blob.
struct Fields<'a> {
    /// What is not read yet.
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first_chunk::<4>()?;
        let (field, rest) =
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
        self.rest = rest;
        Some(field)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.next()?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.next()?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.next()?.to_vec()).ok()
    }

    fn os_string(&mut self) -> Option<OsString> {
        Some(OsString::from_vec(self.next()?.to_vec()))
    }

    fn path(&mut self) -> Option<PathBuf> {
        self.os_string().map(PathBuf::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_carries_every_field_also_bytes_that_are_no_text() {
        let spec = SpawnSpec {
            worker_id: "w-1".into(),
            epoch: 7,
            dir: "/d".into(),
            socket: "/s".into(),
            argv: vec!["sh".into(), OsString::from_vec(vec![0xff, 0xfe])],
            env: vec![("A".into(), "B=C".into()), ("E".into(), OsString::new())],
            cwd: "/c".into(),
            cols: 80,
            rows: 24,
            quota_bytes: 1 << 40,
            on_exit: OnExit::Keep,
            preface: b"\x1b[0m".to_vec(),
            note: serde_json::json!({"session": "x"}),
        };
        let blob = spec.to_blob();
        assert_eq!(SpawnSpec::from_blob(&blob), Some(spec));
        for len in 0..blob.len() {
            assert_eq!(
                SpawnSpec::from_blob(&blob[..len]),
                None,
                "prefix of {len} bytes"
            );
        }
    }
}
