//! Measures how much output a screen takes per second of processor time, and what snapshots cost.
//!
//! `cargo run --release -p offshoot-vt --example throughput [chunk size in KiB]`
#![expect(clippy::print_stdout, reason = "prints what it measured")]

use std::time::Instant;

use offshoot_vt::{Options, QueryScan, Screen, Size};

const TOTAL: usize = 64 * 1024 * 1024;

fn main() {
    let chunk = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse::<usize>().ok())
        .unwrap_or(64)
        * 1024;
    for (name, sample) in [
        ("plain log", plain_log()),
        ("SGR-word log", sgr_log()),
        ("CJK log", cjk_log()),
        ("agent TUI, inline", agent(false)),
        ("agent TUI, alternate", agent(true)),
        ("plain, raw mode (LF only)", raw_log()),
    ] {
        measure(name, &sample, chunk);
    }
}

fn measure(name: &str, sample: &[u8], chunk: usize) {
    let mut screen = Screen::new(
        Size {
            cols: 120,
            rows: 40,
        },
        Options::default(),
    );
    let mut scan = QueryScan::new();
    let (mut fed, mut scanned) = (0, 0);
    let start = cpu_seconds();
    while fed < TOTAL {
        for part in sample.chunks(chunk) {
            screen.feed(part);
            fed += part.len();
        }
    }
    let feeding = cpu_seconds() - start;
    let start = cpu_seconds();
    while scanned < TOTAL {
        for part in sample.chunks(chunk) {
            scan.scan(part);
            scanned += part.len();
        }
    }
    let scanning = cpu_seconds() - start;
    let mib = |bytes: usize| bytes as f64 / 1e6;
    let start = Instant::now();
    let mut bytes = 0;
    for _ in 0..20 {
        bytes = screen.snapshot(500).bytes.len();
    }
    println!(
        "{name:26} {:8.0} MB/CPU-s  scan {:8.0} MB/CPU-s  snapshot of 500 lines {:6.2} ms, {:5.1} KB",
        mib(fed) / feeding,
        mib(scanned) / scanning,
        start.elapsed().as_secs_f64() * 1000.0 / 20.0,
        bytes as f64 / 1000.0
    );
}

/// Processor time of this process; wall-clock time where the system does not tell.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(
        || {
            use std::sync::OnceLock;
            static START: OnceLock<Instant> = OnceLock::new();
            START.get_or_init(Instant::now).elapsed().as_secs_f64()
        },
        |nanoseconds| nanoseconds / 1e9,
    )
}

fn repeat(mut line: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut out = String::new();
    let mut number = 0;
    while out.len() < 4 * 1024 * 1024 {
        out.push_str(&line(number));
        number += 1;
    }
    out.into_bytes()
}

fn plain_log() -> Vec<u8> {
    repeat(|n| {
        let width = 40 + n * 7 % 60;
        format!(
            "2026-01-01T00:00:{:02}Z INFO request {n} {}\r\n",
            n % 60,
            "abcdefgh".repeat(width / 8)
        )
    })
}

fn raw_log() -> Vec<u8> {
    repeat(|n| format!("line {n} of raw output {}\n\r", "abcdefgh".repeat(n % 9)))
}

fn sgr_log() -> Vec<u8> {
    repeat(|n| {
        let words: String = (0..8)
            .map(|word| format!("\x1b[3{}mword{word}\x1b[0m ", (n + word) % 8))
            .collect();
        format!("{words}\r\n")
    })
}

fn cjk_log() -> Vec<u8> {
    repeat(|n| format!("{n} 日志输出中文字符测试和一些更多的文字\r\n"))
}

fn agent(alternate: bool) -> Vec<u8> {
    let recording = include_bytes!("../tests/recordings/agent-120x40.raw");
    let mut out = Vec::new();
    if alternate {
        out.extend_from_slice(b"\x1b[?1049h");
    }
    for _ in 0..20 {
        out.extend_from_slice(recording);
    }
    out
}
