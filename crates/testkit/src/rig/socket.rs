//! A blocking WebSocket client that only does what tests and benchmarks need.
//!
//! Reads into one buffer and hands out the frames in it; masks with zeros, which the protocol allows
//! a program to do, so that masking costs nothing.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Range;

use bytes::Bytes;
use offshoot_protocol::terminal::{ClientFrame, Hello, SUBPROTOCOL, ServerFrame};
use offshoot_protocol::{SessionId, WorkerId};

use super::http::Http;

/// Room for reads at the beginning; it grows with the largest frame.
const ROOM: usize = 256 * 1024;

/// The opcode of a binary frame.
pub const BINARY: u8 = 2;

/// The opcode of a ping.
pub const PING: u8 = 9;

/// A message of a socket.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
    /// The other side closed, with its code.
    Close(u16),
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What was read and not handed out.
    held: Range<usize>,
}

impl WebSocket {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// Nobody listens, or the upgrade was refused; the status is in the text.
    pub fn open(http: &Http, path: &str, subprotocol: Option<&str>) -> io::Result<Self> {
        let headers = subprotocol.map(|name| ("Sec-WebSocket-Protocol", name));
        Self::open_with(http, path, headers.as_slice())
    }

    /// Connects and upgrades with further headers, for example a cookie and the origin of a page.
    ///
    /// # Errors
    /// Nobody listens, or the upgrade was refused; the status is in the text.
    pub fn open_with(http: &Http, path: &str, headers: &[(&str, &str)]) -> io::Result<Self> {
        let mut stream = http.connect()?;
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
            http.addr
        );
        if !http.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", http.token);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes())?;
        let mut socket = Self {
            stream,
            buffer: vec![0; ROOM],
            held: 0..0,
        };
        let end = loop {
            let held = &socket.buffer[socket.held.clone()];
            match held.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => socket.fill(1)?,
            }
        };
        let head = String::from_utf8_lossy(&socket.buffer[..end]).into_owned();
        socket.held.start = end + 4;
        if !head.starts_with("HTTP/1.1 101") {
            let line = head.lines().next().unwrap_or_default();
            return Err(io::Error::other(line.to_owned()));
        }
        Ok(socket)
    }

    /// The connection beneath.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits for the next message; pings are answered on the way.
    ///
    /// # Errors
    /// The connection ended or nothing came in time.
    pub fn receive(&mut self) -> io::Result<Message> {
        loop {
            let (opcode, payload) = self.receive_frame()?;
            match opcode {
                1 => return Ok(Message::Text(String::from_utf8_lossy(payload).into_owned())),
                BINARY => return Ok(Message::Binary(Bytes::copy_from_slice(payload))),
                8 => {
                    let code = payload.first_chunk();
                    return Ok(Message::Close(
                        code.map_or(1005, |two| u16::from_be_bytes(*two)),
                    ));
                }
                PING => {
                    let payload = payload.to_vec();
                    self.pong(&payload)?;
                }
                _ => {}
            }
        }
    }

    /// Waits for the next frame of any kind: its opcode and its payload, not copied.
    ///
    /// # Errors
    /// The connection ended or nothing came in time.
    pub fn receive_frame(&mut self) -> io::Result<(u8, &[u8])> {
        loop {
            let held = &self.buffer[self.held.clone()];
            match frame_size(held) {
                Some((head, length)) if held.len() >= head + length => {
                    let opcode = held[0] & 0x0f;
                    let begin = self.held.start + head;
                    self.held.start = begin + length;
                    return Ok((opcode, &self.buffer[begin..begin + length]));
                }
                Some((head, length)) => self.fill(head + length)?,
                None => self.fill(2)?,
            }
        }
    }

    /// Sends bytes as one binary message.
    ///
    /// # Errors
    /// The connection ended.
    pub fn send_binary(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(BINARY, payload)
    }

    /// Sends one text message.
    ///
    /// # Errors
    /// The connection ended.
    pub fn send_text(&mut self, payload: &str) -> io::Result<()> {
        self.send(1, payload.as_bytes())
    }

    /// Answers a ping.
    ///
    /// # Errors
    /// The connection ended.
    pub fn pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(10, payload)
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(payload.len() + 14);
        frame.push(0x80 | opcode);
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap_or(0)),
            length @ 126..65536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.stream.write_all(&frame)
    }

    /// Reads once; makes room for `wanted` held bytes before.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.held.is_empty() {
            self.held = 0..0;
        } else if self.held.start + wanted > self.buffer.len() || self.held.end == self.buffer.len()
        {
            self.buffer.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
        }
        if self.buffer.len() < wanted.max(self.held.end + 1) {
            self.buffer.resize(wanted.max(2 * self.buffer.len()), 0);
        }
        match self.stream.read(&mut self.buffer[self.held.end..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.held.end += read;
                Ok(())
            }
        }
    }
}

/// The length of a frame's head and of its payload, once the head is there.
fn frame_size(held: &[u8]) -> Option<(usize, usize)> {
    match held.get(1)? & 0x7f {
        126 => {
            let length = held.get(2..4)?.first_chunk()?;
            Some((4, usize::from(u16::from_be_bytes(*length))))
        }
        127 => {
            let length = held.get(2..10)?.first_chunk()?;
            Some((10, usize::try_from(u64::from_be_bytes(*length)).ok()?))
        }
        length => Some((2, usize::from(length))),
    }
}

/// A terminal followed in our own dialect.
#[derive(Debug)]
pub struct TerminalSocket(pub WebSocket);

impl TerminalSocket {
    /// Attaches.
    ///
    /// # Errors
    /// The server is away or refuses.
    pub fn attach(
        http: &Http,
        session: SessionId,
        worker: WorkerId,
        hello: Hello,
    ) -> io::Result<Self> {
        let path = format!("/ws/session/{session}/worker/{worker}");
        let mut socket = Self(WebSocket::open(http, &path, Some(SUBPROTOCOL))?);
        socket.send(&ClientFrame::Hello(hello))?;
        Ok(socket)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// The connection ended.
    pub fn send(&mut self, frame: &ClientFrame) -> io::Result<()> {
        self.0.send_binary(&frame.encode())
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// The connection ended or nothing came in time.
    pub fn receive(&mut self) -> io::Result<ServerFrame> {
        match self.0.receive()? {
            Message::Binary(frame) => ServerFrame::decode(frame).map_err(io::Error::other),
            Message::Text(text) => Err(io::Error::other(text)),
            Message::Close(code) => Err(io::Error::other(format!("closed with {code}"))),
        }
    }
}
