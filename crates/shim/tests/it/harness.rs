//! A worker in a temporary directory, and a blocking client of its shim.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use offshoot_shim::frame::{Decoder, Frame, FromShim, Hello, InputResult, ToShim};
use offshoot_shim::log::{Chunk, Reader};
use offshoot_shim::{Life, Meta, OnExit, SpawnError, SpawnSpec, Spawned, probe, spawn};

/// Longest any single fact may take to come true. Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A worker's directory and how its shim is started. Ends what it started when dropped.
pub(crate) struct Worker {
    pub(crate) spec: SpawnSpec,
    _dir: tempfile::TempDir,
}

impl Worker {
    pub(crate) fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>) -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let spec = SpawnSpec {
            worker_id: "worker-1".into(),
            epoch: 1,
            dir: dir.path().join("w"),
            socket: dir.path().join("s"),
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![
                ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
                ("TERM".into(), "xterm-256color".into()),
            ],
            cwd: "/".into(),
            cols: 80,
            rows: 24,
            quota_bytes: 64 << 20,
            on_exit: OnExit::KillTree,
            preface: Vec::new(),
            note: serde_json::json!({"session": "s-1"}),
        };
        Self { spec, _dir: dir }
    }

    /// A worker that runs a line of shell.
    pub(crate) fn sh(script: &str) -> Self {
        Self::new(["sh", "-c", script])
    }

    pub(crate) fn try_spawn(&self) -> Result<Spawned, SpawnError> {
        spawn(Path::new(env!("CARGO_BIN_EXE_offshoot-shim")), &self.spec)
    }

    pub(crate) fn spawn(&self) -> Meta {
        self.try_spawn().unwrap().meta
    }

    pub(crate) fn probe(&self) -> Life {
        probe(&self.spec.dir)
    }

    pub(crate) fn connect(&self, server_epoch: u64) -> Client {
        self.try_connect(server_epoch).unwrap()
    }

    /// A client that has not said HELLO.
    pub(crate) fn connect_silent(&self) -> Client {
        Client::open(&self.spec.socket).unwrap()
    }

    /// A client, if there is a place for one.
    pub(crate) fn try_connect(&self, server_epoch: u64) -> Option<Client> {
        let mut client = Client::open(&self.spec.socket)?;
        client.send(&ToShim::Hello {
            version: 1,
            server_epoch,
        });
        Some(client)
    }

    /// Waits until the shim has left, and gives how the child ended.
    pub(crate) fn wait_exit(&self) -> offshoot_shim::ExitRecord {
        wait_for("the exit record", || match self.probe() {
            Life::Exited(_, exit) => Some(exit),
            _ => None,
        })
    }

    /// All output there is now. Fails on a gap.
    pub(crate) fn output(&self) -> Vec<u8> {
        let mut reader = Reader::open(&self.spec.dir).unwrap();
        let mut output = Vec::new();
        loop {
            match reader.read_at(output.len() as u64, 64 << 10).unwrap() {
                Chunk::Data { offset, bytes } => {
                    assert_eq!(offset, output.len() as u64);
                    output.extend(bytes);
                }
                Chunk::End => return output,
                other => panic!("{other:?} at {}", output.len()),
            }
        }
    }

    /// Waits until the output holds `text`.
    pub(crate) fn wait_output(&self, text: &str) -> String {
        wait_for(&format!("{text:?} in the output"), || {
            let output = String::from_utf8_lossy(&self.output()).into_owned();
            output.contains(text).then_some(output)
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Life::Running(meta) = self.probe()
            && let Ok(mut socket) = UnixStream::connect(&meta.socket)
        {
            let mut bytes = ToShim::Hello {
                version: 1,
                server_epoch: u64::MAX,
            }
            .to_bytes();
            ToShim::KillTree { grace_ms: 0 }.encode(&mut bytes);
            let _ = socket.write_all(&bytes);
            let _ = socket.set_read_timeout(Some(PATIENCE));
            let _ = socket.read_to_end(&mut Vec::new());
        }
    }
}

/// A connection to a shim.
pub(crate) struct Client {
    pub(crate) socket: UnixStream,
    decoder: Decoder<FromShim>,
    pub(crate) hello: Hello,
}

impl Client {
    /// Connects and takes the shim's HELLO. `None`: refused.
    fn open(path: &Path) -> Option<Self> {
        let socket = UnixStream::connect(path).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self {
            socket,
            decoder: Decoder::new(),
            hello: Hello::default(),
        };
        match client.next() {
            Some(FromShim::Hello(hello)) => client.hello = *hello,
            _ => return None,
        }
        Some(client)
    }

    pub(crate) fn send(&mut self, frame: &ToShim) {
        self.try_send(frame).unwrap();
    }

    /// `None`: the shim has left.
    pub(crate) fn try_send(&mut self, frame: &ToShim) -> Option<()> {
        self.socket.write_all(&frame.to_bytes()).ok()
    }

    /// The next frame; `None` when the shim has closed the connection.
    pub(crate) fn next(&mut self) -> Option<FromShim> {
        let mut buffer = [0; 64 << 10];
        loop {
            if let Some(frame) = self.decoder.next().unwrap() {
                return Some(frame);
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(n) => self.decoder.push(&buffer[..n]),
                Err(err) if err.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(err) => panic!("no frame: {err}"),
            }
        }
    }

    pub(crate) fn input(&mut self, writer: u64, seq: u64, bytes: &[u8]) -> InputResult {
        self.send(&ToShim::Input {
            writer,
            seq,
            bytes: bytes.to_vec(),
        });
        loop {
            match self.next() {
                Some(FromShim::InputAck {
                    writer: w,
                    seq: s,
                    result,
                }) if (w, s) == (writer, seq) => return result,
                Some(FromShim::Advance { .. }) => {}
                other => panic!("{other:?} instead of an ack"),
            }
        }
    }
}

/// Waits for a fact.
pub(crate) fn wait_for<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = fact() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
        std::thread::sleep(Duration::from_millis(2));
    }
}
