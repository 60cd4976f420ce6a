//! A client of the first dialect that signed in once: plain requests, JSON sockets.

use std::io::Write as _;
use std::net::TcpStream;

use offshoot_testkit::rig::http::{Answer, Http, read_answer};
use offshoot_testkit::rig::socket::{Message, PING};
use offshoot_testkit::rig::wait::DEADLINE;
use offshoot_testkit::rig::{Rig, WebSocket};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A browser's tab: one cookie, and the origin of the server's own page.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) http: Http,
    pub(crate) cookie: String,
}

impl Client {
    /// Trades the server's token for a cookie, which does the rest.
    pub(crate) fn sign_in(rig: &Rig) -> Self {
        let anonymous = Http {
            token: String::new(),
            ..rig.http.clone()
        };
        let body = json!({"code": rig.http.token});
        let answer = anonymous.send("POST", "/api/auth/sign-in", &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").expect("a cookie is set");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self {
            http: anonymous,
            cookie,
        }
    }

    /// Sends a request with a body of some type; without a type there is no body.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {}\r\n",
            self.http.addr, self.cookie
        );
        if let Some((kind, bytes)) = body {
            head += &format!(
                "Content-Type: {kind}\r\nContent-Length: {}\r\n",
                bytes.len()
            );
        }
        let mut stream: TcpStream = self.http.connect().unwrap();
        stream.write_all((head + "\r\n").as_bytes()).unwrap();
        if let Some((_, bytes)) = body {
            // A server that has seen enough answers and closes before it has read everything.
            let _ = stream.write_all(bytes);
        }
        read_answer(stream).unwrap_or_else(|err| panic!("{method} {path}: {err}"))
    }

    /// `GET`.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None)
    }

    /// A method with a JSON body.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.request(method, path, Some(("application/json", &body)))
    }

    /// A method without a body.
    pub(crate) fn bare(&self, method: &str, path: &str) -> Answer {
        self.request(method, path, None)
    }

    /// A `GET` that succeeds.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        succeeded(&self.get(path), 200)
    }

    /// A `POST` that answers with this status.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        succeeded(&self.send("POST", path, body), status)
    }

    /// A `PATCH` that succeeds.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Value {
        succeeded(&self.send("PATCH", path, body), 200)
    }

    /// A `DELETE` that succeeds.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Value {
        succeeded(&self.bare("DELETE", path), 200)
    }

    /// Opens a socket as a page of the server does.
    pub(crate) fn socket(&self, path: &str) -> Socket {
        let origin = format!("http://{}", self.http.addr);
        let headers = [("Cookie", self.cookie.as_str()), ("Origin", &origin)];
        Socket(WebSocket::open_with(&self.http, path, &headers).unwrap())
    }

    /// Opens **A**, the application's socket, and takes its three syncs.
    pub(crate) fn app(&self) -> Socket {
        let mut app = self.socket("/ws/app");
        app.syncs();
        app
    }

    /// Opens **W**, a worker's socket.
    pub(crate) fn worker(&self, session: &Value, worker: &Value) -> Socket {
        let session = session["id"].as_str().unwrap();
        let worker = worker["id"].as_str().unwrap();
        self.socket(&format!("/ws/session/{session}/worker/{worker}"))
    }
}

/// The JSON of an answer with the expected status.
#[track_caller]
pub(crate) fn succeeded(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{kind}");
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// Asserts a refusal: the status, and JSON with a non-empty `error`, which is returned.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.contains("json"), "{kind}");
    let error = body["error"].as_str().unwrap_or_default().to_owned();
    assert!(!error.is_empty(), "{body}");
    error
}

/// A socket that speaks JSON text.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) WebSocket);

/// What ended a wait on a socket.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Frame(Value),
    /// Closed with this code; 1006 when the connection just ended.
    Closed(u16),
}

impl Socket {
    /// Sends a frame.
    pub(crate) fn send(&mut self, frame: &Value) {
        self.0.send_text(&frame.to_string()).unwrap();
    }

    /// Waits for whatever comes; pings are answered and do not count.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> Heard {
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < DEADLINE, "nothing but pings came");
            let ping = match self.0.receive_frame() {
                Ok((1, text)) => return Heard::Frame(serde_json::from_slice(text).unwrap()),
                Ok((8, payload)) => {
                    let code = payload.first_chunk().map(|two| u16::from_be_bytes(*two));
                    return Heard::Closed(code.unwrap_or(1005));
                }
                Ok((PING, payload)) => payload.to_vec(),
                Ok((opcode, _)) => panic!("this dialect has no frames of kind {opcode}"),
                Err(err) if err.kind() == std::io::ErrorKind::WouldBlock => {
                    panic!("nothing came in {DEADLINE:?}")
                }
                Err(_) => return Heard::Closed(1006),
            };
            let _ = self.0.pong(&ping);
        }
    }

    /// Waits for the next frame.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Value {
        match self.hear() {
            Heard::Frame(frame) => frame,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// Waits for a frame of a type and drops what comes before.
    #[track_caller]
    pub(crate) fn frame_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame();
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// All frames up to and with the first that fits.
    #[track_caller]
    pub(crate) fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame();
            let last = fits(&frame);
            frames.push(frame);
            if last {
                return frames;
            }
        }
    }

    /// Everything up to the end of the connection, and its code.
    pub(crate) fn rest(&mut self) -> (Vec<Value>, u16) {
        let mut frames = Vec::new();
        loop {
            match self.hear() {
                Heard::Frame(frame) => frames.push(frame),
                Heard::Closed(code) => return (frames, code),
            }
        }
    }

    /// What comes until a time has passed: for statements about time only.
    pub(crate) fn frames_for(&mut self, time: Duration) -> Vec<Value> {
        let end = Instant::now() + time;
        let mut frames = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let left = left.max(Duration::from_millis(1));
            self.0.stream().set_read_timeout(Some(left)).unwrap();
            match self.0.receive() {
                Ok(Message::Text(text)) => frames.push(serde_json::from_str(&text).unwrap()),
                Ok(other) => panic!("{other:?}"),
                Err(err) if err.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(err) => panic!("the connection ended: {err}"),
            }
        }
        self.0.stream().set_read_timeout(Some(DEADLINE)).unwrap();
        frames
    }

    /// Takes the next three frames of **A**, which must be the three syncs in any order, and
    /// returns the sessions', the agents' and the repositories'.
    #[track_caller]
    pub(crate) fn syncs(&mut self) -> [Value; 3] {
        let got: Vec<Value> = (0..3).map(|_| self.frame()).collect();
        ["sessions-sync", "agents-sync", "repositories-sync"].map(|kind| {
            let mut of_kind = got.iter().filter(|frame| frame["type"] == kind);
            let found = of_kind.next();
            found
                .unwrap_or_else(|| panic!("no {kind} in {got:?}"))
                .clone()
        })
    }

    /// Asks **A** for everything again: what was announced before, then the sync of sessions.
    #[track_caller]
    pub(crate) fn news(&mut self) -> (Vec<Value>, Value) {
        self.send(&json!({"type": "request-sync"}));
        let mut before = self.until(|frame| frame["type"].as_str().unwrap().ends_with("-sync"));
        let first = before.pop().unwrap();
        let mut syncs = vec![first, self.frame(), self.frame()];
        syncs.retain(|frame| frame["type"] == "sessions-sync");
        (before, syncs.pop().expect("sessions-sync"))
    }

    /// Types into **W**.
    pub(crate) fn input(&mut self, data: &str) {
        self.send(&json!({"type": "input", "data": data}));
    }

    /// Asks **W** for its history: the text and its offset. Output that comes before is dropped.
    #[track_caller]
    pub(crate) fn history(&mut self, from: u64) -> (String, u64) {
        self.send(&json!({"type": "request-history", "fromOffset": from}));
        let frame = self.frame_of("history");
        (text(&frame["data"]), frame["offset"].as_u64().unwrap())
    }

    /// Waits until **W**'s output holds a text: all output from here on, and its last offset.
    #[track_caller]
    pub(crate) fn output_with(&mut self, wanted: &str) -> (String, u64) {
        let mut seen = String::new();
        loop {
            let frame = self.frame_of("output");
            seen += frame["data"].as_str().unwrap();
            if seen.contains(wanted) {
                return (seen, frame["offset"].as_u64().unwrap());
            }
        }
    }

    /// Everything **W** has printed in this life, once it holds a text; and the last offset.
    #[track_caller]
    pub(crate) fn all_with(&mut self, wanted: &str) -> (String, u64) {
        let (mut seen, mut offset) = self.history(0);
        while !seen.contains(wanted) {
            let frame = self.frame_of("output");
            seen += frame["data"].as_str().unwrap();
            offset = frame["offset"].as_u64().unwrap();
        }
        (seen, offset)
    }
}

/// The text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
