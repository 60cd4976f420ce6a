//! The connection to one shim: frames in and out over its Unix socket.
//!
//! Owns the socket and its buffers; knows frames, not what they mean for the worker. It never
//! blocks: bytes wait in a buffer until the socket takes them, and the buffer is bounded by what
//! the worker's task lets in.

use std::path::Path;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use offshoot_shim::frame::{Decoder, Frame, FromShim, Hello, ToShim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A living shim answers its socket at once; a stopped or starved one is "unknown" after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes waiting for the shim's socket. Beyond it input is refused as full.
const OUTGOING_MAX: usize = 2 * 1024 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The socket failed or closed.
    #[error("connect to the terminal's process: {0}")]
    Io(#[from] std::io::Error),
    /// The other side does not speak the protocol.
    #[error("the terminal's process answered with something else: {0}")]
    Protocol(String),
    /// No answer in time.
    #[error("the terminal's process does not answer")]
    Timeout,
}

/// An open connection.
pub(crate) struct Link {
    stream: UnixStream,
    decoder: Decoder<FromShim>,
    outgoing: BytesMut,
    incoming: Box<[u8]>,
}

impl Link {
    /// Connects and exchanges greetings. The server's epoch fences off older servers.
    pub(crate) async fn connect(socket: &Path, epoch: u64) -> Result<(Self, Hello), LinkError> {
        let dial = async {
            let stream = UnixStream::connect(socket).await?;
            let mut link = Self {
                stream,
                decoder: Decoder::new(),
                outgoing: BytesMut::new(),
                incoming: vec![0; 4096].into(),
            };
            match link.next().await? {
                FromShim::Hello(hello) => {
                    let version = hello.proto_max.min(offshoot_shim::PROTO_MAX);
                    link.queue(&ToShim::Hello {
                        version,
                        server_epoch: epoch,
                    });
                    Ok((link, *hello))
                }
                other => Err(LinkError::Protocol(format!("{other:?}"))),
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, dial)
            .await
            .map_err(|_| LinkError::Timeout)?
    }

    /// Queues a frame.
    pub(crate) fn queue(&mut self, frame: &ToShim) {
        self.outgoing.extend_from_slice(&frame.to_bytes());
    }

    /// Tells whether more input would exceed the buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.outgoing.len() >= OUTGOING_MAX
    }

    /// Waits for the next frame while sending what is queued. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<FromShim, LinkError> {
        loop {
            let frame = self.decoder.next();
            if let Some(frame) = frame.map_err(|err| LinkError::Protocol(err.to_string()))? {
                return Ok(frame);
            }
            let (mut read, mut write) = self.stream.split();
            tokio::select! {
                received = read.read(&mut self.incoming) => match received? {
                    0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                    n => self.decoder.push(&self.incoming[..n]),
                },
                sent = write.write(&self.outgoing), if !self.outgoing.is_empty() => {
                    self.outgoing.advance(sent?);
                }
            }
        }
    }
}
