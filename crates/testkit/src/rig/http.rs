//! One HTTP request on one connection.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wait::DEADLINE;

/// Where to ask, and with which credential.
#[derive(Debug, Clone)]
pub struct Http {
    /// The server.
    pub addr: SocketAddr,
    /// The bearer token; empty sends none.
    pub token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The stable word of a refusal; empty when there is none.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body of a success, read as JSON.
    ///
    /// # Panics
    /// The request failed, or the body has another form.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status < 300, "{}: {}", self.status, self.text());
        serde_json::from_slice(&self.body).expect("the documented body")
    }
}

impl Http {
    /// Opens a connection.
    ///
    /// # Errors
    /// Nobody listens.
    pub fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(stream)
    }

    /// The bytes of a request.
    pub fn request_bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.addr
        );
        if !self.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.token);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if method != "GET" {
            head += &format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    /// Asks and waits for the whole answer.
    ///
    /// # Errors
    /// The connection failed or ended before the answer was whole.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.write_all(&self.request_bytes(method, path, headers, body))?;
        read_answer(stream)
    }

    /// `GET` of a server that is there.
    ///
    /// # Panics
    /// No answer came.
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
            .unwrap_or_else(|err| panic!("GET {path}: {err}"))
    }

    /// Any other method with a JSON body, of a server that is there.
    ///
    /// # Panics
    /// No answer came.
    pub fn send(&self, method: &str, path: &str, body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).expect("bodies have string keys");
        self.ask(method, path, &[], &body)
            .unwrap_or_else(|err| panic!("{method} {path}: {err}"))
    }

    /// `DELETE` of a server that is there.
    ///
    /// # Panics
    /// No answer came.
    pub fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], b"")
            .unwrap_or_else(|err| panic!("DELETE {path}: {err}"))
    }
}

/// Reads an answer to the end of its connection.
///
/// # Errors
/// The connection ended before the answer was whole.
pub fn read_answer(mut stream: TcpStream) -> io::Result<Answer> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all)?;
    parse(&all).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn parse(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: all[end + 4..].to_vec(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunk(&answer.body)?;
    } else if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().ok()?;
        if answer.body.len() < length {
            return None;
        }
        answer.body.truncate(length);
    }
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = rest.get(end + 2..)?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}
