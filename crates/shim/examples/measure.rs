//! Measures one shim and one reader against a bare pty in the same run: throughput, CPU, echo, memory.
//!
//! `cargo run --release -p offshoot-shim --example measure -- [megabytes]`
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring tool stops at the first surprise"
)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use offshoot_shim::frame::{Decoder, Frame, FromShim, ToShim};
use offshoot_shim::log::{Chunk, Reader};
use offshoot_shim::{Meta, OnExit, SpawnSpec, spawn};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("shim") {
        offshoot_shim::main_from_fd();
    }
    if first.as_deref() == Some("print") {
        return print(arguments.next().unwrap().parse().unwrap());
    }
    let megabytes: u64 = first.map_or(100, |number| number.parse().unwrap());
    println!("output of {megabytes} MB, 7.5 KB writes of lines of 100 bytes");
    for _ in 0..3 {
        bare(megabytes);
        through_shim(megabytes);
    }
    echo();
    idle();
}

/// Prints lines into a raw terminal.
fn print(megabytes: u64) {
    let line = format!("{}\n", "x".repeat(99));
    let block = line.repeat(75);
    let mut out = std::io::stdout().lock();
    let mut left = megabytes * 1_000_000;
    while left > 0 {
        let n = left.min(block.len() as u64);
        out.write_all(&block.as_bytes()[..usize::try_from(n).unwrap()])
            .unwrap();
        left -= n;
    }
    out.flush().unwrap();
}

fn printer(megabytes: u64) -> String {
    format!(
        "stty raw -echo; exec {} print {megabytes}",
        std::env::current_exe().unwrap().display()
    )
}

/// The floor: a pty that is read and forgotten.
fn bare(megabytes: u64) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = std::fs::File::options()
        .read(true)
        .write(true)
        .open(name)
        .unwrap();
    let before = cpu_ms("self");
    let began = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", &printer(megabytes)])
        .stdin(slave.try_clone().unwrap())
        .stdout(slave)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut master = std::fs::File::from(master);
    let mut buffer = vec![0; 64 << 10];
    let mut read = 0;
    while read < megabytes * 1_000_000 {
        read += master.read(&mut buffer).unwrap() as u64;
    }
    let took = began.elapsed();
    child.wait().unwrap();
    println!(
        "bare pty   {:6.1} MB/s  reader {} ms CPU",
        rate(read, took),
        cpu_ms("self") - before
    );
}

fn through_shim(megabytes: u64) {
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    let before = cpu_ms("self");
    let began = Instant::now();
    let meta = start(
        home.path(),
        &["sh", "-c", &format!("{}; read x", printer(megabytes))],
    );
    let mut follower = Follower::new(home.path());
    let mut end = 0;
    while end < megabytes * 1_000_000 {
        end = follower.more();
    }
    let took = began.elapsed();
    let shim = cpu_ms(&meta.shim.pid.to_string());
    println!(
        "shim       {:6.1} MB/s  reader {} ms CPU, shim {shim} ms CPU, {} KiB private",
        rate(end, took),
        cpu_ms("self") - before,
        private_kib(meta.shim.pid),
    );
    follower.stop();
}

/// One byte to `cat` in a raw terminal and back, many times.
fn echo() {
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    start(
        home.path(),
        &["sh", "-c", "stty raw -echo; echo ready; exec cat"],
    );
    let mut follower = Follower::new(home.path());
    let mut end = 0;
    while end < 6 {
        end = follower.more();
    }
    let mut times = Vec::new();
    for seq in 1..=2000 {
        let began = Instant::now();
        follower.send(&ToShim::Input {
            writer: 1,
            seq,
            bytes: b"k".to_vec(),
        });
        while end < 6 + seq {
            end = follower.more();
        }
        times.push(began.elapsed());
    }
    report("echo via shim", times);
    follower.stop();
}

fn idle() {
    let home = tempfile::tempdir_in("/var/tmp").unwrap();
    let metas: Vec<(Meta, std::path::PathBuf)> = (0..20)
        .map(|n| {
            let dir = home.path().join(n.to_string());
            std::fs::create_dir(&dir).unwrap();
            (start(&dir, &["sh", "-c", "echo ready; read x"]), dir)
        })
        .collect();
    std::thread::sleep(Duration::from_secs(7));
    let before: u64 = metas
        .iter()
        .map(|(meta, _)| cpu_ms(&meta.shim.pid.to_string()))
        .sum();
    std::thread::sleep(Duration::from_secs(5));
    let after: u64 = metas
        .iter()
        .map(|(meta, _)| cpu_ms(&meta.shim.pid.to_string()))
        .sum();
    let private: u64 = metas
        .iter()
        .map(|(meta, _)| private_kib(meta.shim.pid))
        .sum();
    println!(
        "idle: {} KiB private each, {} ms CPU of {} shims in 5 s",
        private / 20,
        after - before,
        metas.len()
    );
    for (_, dir) in &metas {
        Follower::new(dir).stop();
    }
}

fn start(home: &Path, argv: &[&str]) -> Meta {
    let spec = SpawnSpec {
        worker_id: "measure".into(),
        epoch: 1,
        dir: home.join("w"),
        socket: home.join("s"),
        argv: argv.iter().map(Into::into).collect(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/".into(),
        cols: 80,
        rows: 24,
        quota_bytes: 256 << 20,
        on_exit: OnExit::KillTree,
        preface: Vec::new(),
        note: serde_json::Value::Null,
    };
    spawn(&std::env::current_exe().unwrap(), &spec)
        .unwrap()
        .meta
}

/// Does what a server does: waits for ADVANCE, reads the files, arms again.
struct Follower {
    socket: UnixStream,
    decoder: Decoder<FromShim>,
    reader: Reader,
    end: u64,
}

impl Follower {
    fn new(home: &Path) -> Self {
        let mut socket = UnixStream::connect(home.join("s")).unwrap();
        let mut bytes = ToShim::Hello {
            version: 1,
            server_epoch: 1,
        }
        .to_bytes();
        ToShim::Arm { position: 0 }.encode(&mut bytes);
        socket.write_all(&bytes).unwrap();
        Self {
            socket,
            decoder: Decoder::new(),
            reader: Reader::open(&home.join("w")).unwrap(),
            end: 0,
        }
    }

    fn send(&mut self, frame: &ToShim) {
        self.socket.write_all(&frame.to_bytes()).unwrap();
    }

    /// Waits for the log to grow and reads it to the end.
    fn more(&mut self) -> u64 {
        let mut buffer = [0; 4096];
        loop {
            while let Some(frame) = self.decoder.next().unwrap() {
                if let FromShim::Advance { .. } = frame {
                    while let Chunk::Data { bytes, .. } =
                        self.reader.read_at(self.end, 128 << 10).unwrap()
                    {
                        self.end += bytes.len() as u64;
                    }
                    self.send(&ToShim::Arm { position: self.end });
                    return self.end;
                }
            }
            let n = self.socket.read(&mut buffer).unwrap();
            assert!(n > 0, "the shim left");
            self.decoder.push(&buffer[..n]);
        }
    }

    fn stop(mut self) {
        self.send(&ToShim::KillTree { grace_ms: 0 });
        let _ = self.socket.read_to_end(&mut Vec::new());
    }
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{what}: p50 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}

fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

/// User and system time of a process.
fn cpu_ms(pid: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_ascii_whitespace()
        .collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

fn private_kib(pid: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    rollup
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}
