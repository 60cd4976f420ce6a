//! What each frame of a client does.

use std::time::Duration;

use rustix::termios::Winsize;

use super::client::Client;
use super::event_loop::Shim;
use crate::frame::{ErrorCode, FromShim, Hello, InputResult, MAX_DATA_BYTES, ToShim};
use crate::log::Reader;
use crate::{BUILD, PROTO_MAX, PROTO_MIN};

impl Shim {
    /// Obeys every whole frame the client has sent.
    pub(super) fn answer(&mut self, client: &mut Client) {
        loop {
            match client.next_frame() {
                Ok(Some(frame)) => self.obey(client, frame),
                Ok(None) => return,
                Err(_) => return client.close_with(ErrorCode::Malformed, 0),
            }
        }
    }

    /// Who this shim is and where it stands.
    pub(super) fn hello(&self) -> FromShim {
        FromShim::Hello(Box::new(Hello {
            proto_min: PROTO_MIN,
            proto_max: PROTO_MAX,
            build: BUILD.to_owned(),
            worker_id: self.worker_id.clone(),
            epoch: self.epoch,
            shim_pid: i32::try_from(std::process::id()).unwrap_or(0),
            child_pid: self.child,
            cols: self.cols,
            rows: self.rows,
            first_offset: self.log.first_offset(),
            end_offset: self.log.offset(),
            server_epoch: self.server_epoch,
            stalled_ms: self.log.stalled_ms(),
            exit: self.exit,
            writers: self.writers.all().to_vec(),
        }))
    }

    fn obey(&mut self, client: &mut Client, frame: ToShim) {
        let about = frame.kind();
        let greeted = client.server_epoch.is_some();
        let error = |code| FromShim::Error { code, about };
        match frame {
            ToShim::Hello { version, .. } if !(PROTO_MIN..=PROTO_MAX).contains(&version) => {
                client.close_with(ErrorCode::Version, about);
            }
            ToShim::Hello { server_epoch, .. } => {
                client.server_epoch = Some(server_epoch);
                self.server_epoch = self.server_epoch.max(server_epoch);
            }
            ToShim::Ping { nonce } => client.send(&FromShim::Pong { nonce }),
            _ if !greeted => client.close_with(ErrorCode::HelloFirst, about),
            ToShim::Arm { position } => {
                client.armed = Some(position);
                client.advance(self.log.offset());
            }
            ToShim::Read { offset, len } => {
                let answer = self
                    .read_log(offset, len)
                    .unwrap_or_else(|| error(ErrorCode::Failed));
                client.send(&answer);
            }
            ToShim::Input { writer, seq, bytes } => {
                let result = self.take_input(client, writer, seq, &bytes);
                client.send(&FromShim::InputAck {
                    writer,
                    seq,
                    result,
                });
            }
            ToShim::GetFd | ToShim::Unknown { .. } => client.send(&error(ErrorCode::Unsupported)),
            ToShim::Resize { .. } | ToShim::Signal { .. } | ToShim::KillTree { .. } => {
                let code = if self.is_fenced(client) {
                    Some(ErrorCode::Fenced)
                } else {
                    self.control(frame)
                };
                if let Some(code) = code {
                    client.send(&error(code));
                }
            }
        }
    }

    /// Has a newer server spoken than the client's?
    fn is_fenced(&self, client: &Client) -> bool {
        client
            .server_epoch
            .is_none_or(|epoch| epoch < self.server_epoch)
    }

    /// Types input once, or says why not.
    fn take_input(&mut self, client: &Client, writer: u64, seq: u64, bytes: &[u8]) -> InputResult {
        if self.is_fenced(client) {
            return InputResult::Fenced;
        }
        if self.writers.has_seen(writer, seq) {
            return InputResult::Duplicate;
        }
        if !self.takes_input() {
            return InputResult::Exited;
        }
        if !self.input.push(bytes) {
            return InputResult::Full;
        }
        self.writers.accept(writer, seq);
        self.type_input();
        InputResult::Accepted
    }

    /// Obeys a frame that changes something. Says what was not done.
    fn control(&mut self, frame: ToShim) -> Option<ErrorCode> {
        match frame {
            ToShim::Resize {
                cols,
                rows,
                xpixel,
                ypixel,
            } => self.resize(cols, rows, xpixel, ypixel),
            ToShim::Signal { signal } => match self.signal(signal) {
                Ok(()) => None,
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => Some(ErrorCode::Exited),
                Err(_) => Some(ErrorCode::Failed),
            },
            ToShim::KillTree { grace_ms } => {
                self.kill_tree(Duration::from_millis(u64::from(grace_ms)));
                None
            }
            _ => Some(ErrorCode::Unsupported),
        }
    }

    fn resize(&mut self, cols: u16, rows: u16, xpixel: u16, ypixel: u16) -> Option<ErrorCode> {
        // What was written at the old size belongs before the record of the new one.
        self.read_output();
        let Some(master) = &self.master else {
            return Some(ErrorCode::Exited);
        };
        let size = Winsize {
            ws_col: cols,
            ws_row: rows,
            ws_xpixel: xpixel,
            ws_ypixel: ypixel,
        };
        if rustix::termios::tcsetwinsize(master, size).is_err() {
            return Some(ErrorCode::Failed);
        }
        if (self.cols, self.rows) != (cols, rows) {
            (self.cols, self.rows) = (cols, rows);
            self.log.append_resize(cols, rows);
        }
        None
    }

    /// One READ, answered from the files like anybody else's.
    fn read_log(&mut self, offset: u64, len: u32) -> Option<FromShim> {
        if self.reader.is_none() {
            self.reader = Reader::open(&self.dir).ok();
        }
        let max = usize::try_from(len)
            .unwrap_or(usize::MAX)
            .clamp(1, MAX_DATA_BYTES);
        self.reader
            .as_mut()?
            .read_at(offset, max)
            .ok()
            .map(FromShim::Data)
    }
}
