//! What xterm.js draws of a snapshot is what it draws of the output itself.
//!
//! Needs node and `npm ci` in `tests/oracle`; without them the tests say so loudly and pass.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offshoot_vt::Screen;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};

use crate::output;

#[derive(Serialize)]
struct Drawing {
    cols: u16,
    rows: u16,
    bytes: String,
}

/// What is to be seen, as the script tells it.
#[derive(Debug, Deserialize, PartialEq)]
struct Seen {
    rows: Vec<String>,
    styles: Vec<String>,
    above: Vec<String>,
    cursor: (u16, u16),
    alternate: bool,
    title: String,
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Says so past the test runner, which keeps what a passing test prints to itself.
fn skipped(why: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "\n*** SKIPPED: snapshots were NOT compared with xterm.js: {why} ***"
    );
}

/// Draws all with one run of the script; None when it cannot run here.
fn draw(drawings: &[Drawing]) -> Option<Vec<Seen>> {
    let oracle = tests().join("oracle");
    if !oracle.join("node_modules/@xterm/headless").exists() {
        skipped("run `npm ci` in crates/vt/tests/oracle");
        return None;
    }
    let child = Command::new("node")
        .arg("draw.mjs")
        .current_dir(&oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        skipped("node is missing");
        return None;
    };
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let lines: Vec<String> = drawings
        .iter()
        .map(|drawing| serde_json::to_string(drawing).unwrap())
        .collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            writeln!(stdin, "{line}").unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let seen: Vec<Seen> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(seen.len(), drawings.len());
    Some(seen)
}

fn drawing(cols: u16, rows: u16, bytes: &[u8]) -> Drawing {
    Drawing {
        cols,
        rows,
        bytes: STANDARD.encode(bytes),
    }
}

/// Recordings by name, with the size in it.
fn recordings() -> Vec<(String, u16, u16, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(tests().join("recordings"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "raw"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let (_, size) = name.rsplit_once('-').unwrap();
            let (cols, rows) = size.split_once('x').unwrap();
            let size = (cols.parse().unwrap(), rows.parse().unwrap());
            (name, size.0, size.1, std::fs::read(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// Where recordings are cut: a snapshot must be right anywhere, also inside of a sequence.
const CUTS: usize = 12;

#[test]
fn snapshots_of_real_programs_look_like_their_output() {
    let recordings = recordings();
    assert!(recordings.len() >= 12, "recordings are missing");
    let mut drawings = Vec::new();
    let mut names = Vec::new();
    let mut screens = Vec::new();
    for (name, cols, rows, output) in &recordings {
        for cut in 1..=CUTS {
            let end = output.len() * cut / CUTS;
            let mut screen = output::screen(*cols, *rows);
            screen.feed(&output[..end]);
            let snapshot = screen.snapshot(5_000).bytes;
            // What follows shows that modes and unfinished sequences are right too.
            let follow = &output[end..output.len().min(end + 3_000)];
            drawings.push(drawing(*cols, *rows, &output[..end]));
            drawings.push(drawing(*cols, *rows, &snapshot));
            drawings.push(drawing(*cols, *rows, &[&output[..end], follow].concat()));
            drawings.push(drawing(*cols, *rows, &[&snapshot[..], follow].concat()));
            names.push(format!("{name} at {end}"));
            screens.push(screen);
        }
    }
    let Some(seen) = draw(&drawings) else { return };
    for ((name, screen), seen) in names.iter().zip(&screens).zip(seen.chunks(4)) {
        compare(name, &seen[0], &seen[1]);
        compare(&format!("{name}, with what follows"), &seen[2], &seen[3]);
        compare_screen(name, screen, &seen[0]);
    }
}

#[track_caller]
fn compare(name: &str, output: &Seen, snapshot: &Seen) {
    assert_eq!(output.rows, snapshot.rows, "{name}");
    assert_eq!(output.cursor, snapshot.cursor, "{name}");
    assert_eq!(output.styles, snapshot.styles, "{name}");
    assert_eq!(output.above, snapshot.above, "{name}");
    assert_eq!(output.alternate, snapshot.alternate, "{name}");
    assert_eq!(output.title, snapshot.title, "{name}");
}

#[track_caller]
fn compare_screen(name: &str, screen: &Screen, seen: &Seen) {
    assert_eq!(screen.rows(), seen.rows, "{name}");
    let cursor = screen.cursor();
    assert_eq!(cursor.row, seen.cursor.0, "{name}");
    // xterm.js counts a cursor past the last column as one more.
    assert_eq!(
        cursor.col,
        seen.cursor.1.min(screen.size().cols - 1),
        "{name}"
    );
}

#[test]
fn snapshots_of_random_output_look_like_the_screen() {
    let mut runner = TestRunner::default();
    let strategy = (output::size(), output::output(100));
    let mut drawings = Vec::new();
    let mut screens = Vec::new();
    for _ in 0..200 {
        let ((cols, rows), tokens) = strategy.new_tree(&mut runner).unwrap().current();
        let mut screen = output::screen(cols, rows);
        screen.feed(&tokens.concat());
        drawings.push(drawing(cols, rows, &screen.snapshot(5_000).bytes));
        screens.push((screen, tokens));
    }
    let Some(seen) = draw(&drawings) else { return };
    for ((screen, tokens), seen) in screens.iter().zip(&seen) {
        let name = tokens.concat().escape_ascii().to_string();
        compare_screen(&name, screen, seen);
    }
}
