//! Clients of a worker's terminal socket, in both dialects.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use offshoot_protocol::terminal::{
    ClientFrame, ClientId, DeliveryMode, Hello, InputResult, Resume, SUBPROTOCOL, ServerFrame,
};
use offshoot_protocol::view::Exit;
use offshoot_protocol::{SessionId, TerminalSize, WorkerId, v1};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::PATIENCE;
use crate::server::Access;

/// An open socket.
pub type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a socket of the server, with its credential.
///
/// # Errors
/// The server does not answer or refuses.
pub async fn open(access: &Access, path: &str, subprotocol: Option<&str>) -> Result<Stream> {
    let base = access.url.replacen("http", "ws", 1);
    let mut request = format!("{base}{path}").into_client_request()?;
    let mut header = |name: &'static str, value: &str| -> Result<()> {
        let value = HeaderValue::from_str(value)?;
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
        Ok(())
    };
    header("authorization", &format!("Bearer {}", access.token))?;
    if let Some(subprotocol) = subprotocol {
        header("sec-websocket-protocol", subprotocol)?;
    }
    let (stream, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(stream)
}

fn path(session: SessionId, worker: WorkerId) -> String {
    format!("/ws/session/{session}/worker/{worker}")
}

/// A client of `offshoot.terminal.v2`. It acknowledges what it reads and keeps all of it.
#[derive(Debug)]
pub struct Terminal {
    stream: Stream,
    /// Who it says it is.
    pub client: ClientId,
    /// Where it is in the output, once a snapshot or output came.
    pub position: Option<Resume>,
    /// The output since the last snapshot.
    pub output: Vec<u8>,
    /// The bytes of the last snapshot.
    pub snapshot: Vec<u8>,
    /// Bytes it was told it skipped.
    pub skipped: u64,
    /// How the program ended.
    pub exit: Option<Exit>,
    /// The last input number given out.
    pub last_seq: u64,
}

/// A hello of a client that wants every byte of a worker's first life from the beginning.
pub fn complete(client: u64) -> Hello {
    Hello {
        client: ClientId(client),
        resume: Some(Resume {
            epoch: 1,
            offset: 0,
        }),
        mode: DeliveryMode::Complete,
        history: None,
        size: None,
    }
}

/// A hello of a client that shows a terminal of this size.
pub fn live(client: u64, cols: u16, rows: u16) -> Hello {
    Hello {
        client: ClientId(client),
        resume: None,
        mode: DeliveryMode::Live,
        history: None,
        size: Some(TerminalSize { cols, rows }),
    }
}

impl Terminal {
    /// Connects and says hello.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn connect(
        access: &Access,
        session: SessionId,
        worker: WorkerId,
        hello: Hello,
    ) -> Result<Self> {
        let stream = open(access, &path(session, worker), Some(SUBPROTOCOL)).await?;
        let mut terminal = Self {
            stream,
            client: hello.client,
            position: hello.resume,
            output: Vec::new(),
            snapshot: Vec::new(),
            skipped: 0,
            exit: None,
            last_seq: 0,
        };
        terminal.send(&ClientFrame::Hello(hello)).await?;
        Ok(terminal)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, frame: &ClientFrame) -> Result<()> {
        Ok(self.stream.send(Message::Binary(frame.encode())).await?)
    }

    /// Types text and waits until the server says what became of it.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn type_text(&mut self, text: &str) -> Result<InputResult> {
        self.last_seq += 1;
        let seq = self.last_seq;
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.send(&ClientFrame::Input { seq, bytes }).await?;
        loop {
            let frame = self.next().await?.context("the connection ended")?;
            if let ServerFrame::InputAck { seq: acked, result } = frame
                && acked == seq
            {
                return Ok(result);
            }
        }
    }

    /// The next frame, already taken into account; `None` when the connection ended.
    ///
    /// # Errors
    /// Nothing comes for [`PATIENCE`], or the frame is none of the protocol.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match message.context("the server says nothing")? {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = ServerFrame::decode(bytes)?;
                    self.take_in(&frame).await?;
                    return Ok(Some(frame));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => {}
            }
        }
    }

    async fn take_in(&mut self, frame: &ServerFrame) -> Result<()> {
        match frame {
            ServerFrame::Snapshot(snapshot) => {
                self.output.clear();
                self.snapshot = snapshot.bytes.to_vec();
                self.skipped += snapshot.skipped;
                self.position = Some(Resume {
                    epoch: snapshot.epoch,
                    offset: snapshot.offset,
                });
            }
            ServerFrame::Output { offset, bytes } => {
                let expected = self.position.map_or(*offset, |position| position.offset);
                if *offset != expected {
                    bail!("output at {offset}, expected at {expected}");
                }
                self.output.extend_from_slice(bytes);
                let reached = offset + bytes.len() as u64;
                let epoch = self.position.map_or(1, |position| position.epoch);
                self.position = Some(Resume {
                    epoch,
                    offset: reached,
                });
                self.send(&ClientFrame::Ack { offset: reached }).await?;
            }
            ServerFrame::Gap { to, .. } => {
                if let Some(position) = &mut self.position {
                    position.offset = *to;
                }
            }
            ServerFrame::Exit { exit, .. } => self.exit = Some(*exit),
            _ => {}
        }
        Ok(())
    }

    /// Reads until the screen or the output since holds a text.
    ///
    /// # Errors
    /// It never does.
    pub async fn wait_for(&mut self, text: &str) -> Result<()> {
        let wanted = text.as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(wanted.len()).any(|part| part == wanted);
        while !holds(&self.output) && !holds(&self.snapshot) {
            if self.next().await?.is_none() {
                let seen = String::from_utf8_lossy(&self.output).into_owned();
                bail!("the connection ended before {text:?}; seen: {seen:?}");
            }
        }
        Ok(())
    }

    /// Reads until the program ended.
    ///
    /// # Errors
    /// The connection ends before.
    pub async fn wait_for_exit(&mut self) -> Result<Exit> {
        loop {
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
            self.next().await?.context("the connection ended")?;
        }
    }
}

/// A client of the first dialect.
#[derive(Debug)]
pub struct TerminalV1 {
    stream: Stream,
}

impl TerminalV1 {
    /// Connects.
    ///
    /// # Errors
    /// The server does not answer or refuses.
    pub async fn connect(access: &Access, session: SessionId, worker: WorkerId) -> Result<Self> {
        let stream = open(access, &path(session, worker), None).await?;
        Ok(Self { stream })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn send(&mut self, request: &v1::TerminalRequest) -> Result<()> {
        let text = serde_json::to_string(request)?;
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next frame; `None` when the connection ended.
    ///
    /// # Errors
    /// Nothing comes for [`PATIENCE`], or the frame is none of the dialect.
    pub async fn next(&mut self) -> Result<Option<v1::TerminalFrame>> {
        match next_text(&mut self.stream).await? {
            Some(text) => Ok(Some(serde_json::from_str(&text).context(text)?)),
            None => Ok(None),
        }
    }
}

/// The next text frame of a socket; `None` when the connection ended.
pub(crate) async fn next_text(stream: &mut Stream) -> Result<Option<String>> {
    loop {
        let message = tokio::time::timeout(PATIENCE, stream.next()).await;
        match message.context("the server says nothing")? {
            Some(Ok(Message::Text(text))) => return Ok(Some(text.to_string())),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
            Some(Ok(_)) => {}
        }
    }
}
