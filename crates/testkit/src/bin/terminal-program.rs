//! A program to run in a terminal under test: prints known output, records what is typed, echoes.
//!
//! ```text
//! terminal-program print --seed N --bytes N [--rate BYTES_PER_SECOND] [--exit CODE]
//!                        [--gate FILE] [--allowed FILE]
//! terminal-program record FILE     appends what is typed, byte by byte, until Ctrl-D
//! terminal-program echo            sends what is typed back, until Ctrl-D
//! terminal-program agent idle      draws the screen of an agent at rest, until Ctrl-D
//! terminal-program agent busy      the same, with a spinner and an answer that streams in
//! ```
//! Takes its terminal to raw mode first, so that no byte is changed on its way. With a gate it
//! begins once the file exists; with an allowance it stops at the number of bytes in the file until
//! that grows.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use offshoot_testkit::rig::output::{BLOCK, fill};
use offshoot_testkit::rig::wait::until;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Ends `record` and `echo`.
const CTRL_D: u8 = 4;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Err(err) = raw_mode() {
        return fail(&format!("take the terminal to raw mode: {err}"));
    }
    let done = match words.as_slice() {
        ["print", options @ ..] => return print(options),
        ["record", file] => record(Path::new(file)),
        ["echo"] => echo(),
        // What an agent is called with besides means nothing here.
        ["agent", "idle", ..] => agent_at_rest(),
        ["agent", "busy", ..] => agent_at_work(),
        _ => return fail("print, record, echo or agent"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => fail(&err.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "it is how a program fails")]
fn fail(why: &str) -> ExitCode {
    eprintln!("terminal-program: {why}");
    ExitCode::from(99)
}

fn raw_mode() -> io::Result<()> {
    let terminal = rustix::stdio::stdin();
    let mut modes = tcgetattr(terminal)?;
    modes.make_raw();
    tcsetattr(terminal, OptionalActions::Now, &modes)?;
    Ok(())
}

fn print(options: &[&str]) -> ExitCode {
    let option = |name: &str| {
        let at = options.iter().position(|word| *word == name)?;
        options.get(at + 1).copied()
    };
    let number = |name: &str, default: u64| match option(name) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let (Some(seed), Some(bytes), Some(rate), Some(exit)) = (
        number("--seed", 0),
        number("--bytes", 0),
        number("--rate", u64::MAX),
        number("--exit", 0),
    ) else {
        return fail("options need numbers");
    };
    if let Some(gate) = option("--gate") {
        until("the gate opens", || Path::new(gate).exists().then_some(()));
    }
    match print_all(seed, bytes, rate, option("--allowed").map(Path::new)) {
        Ok(()) => ExitCode::from(u8::try_from(exit).unwrap_or(u8::MAX)),
        Err(err) => fail(&err.to_string()),
    }
}

fn print_all(seed: u64, bytes: u64, rate: u64, allowance: Option<&Path>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut block = [0; BLOCK];
    let (begin, mut written) = (Instant::now(), 0);
    let mut allowed = if allowance.is_some() { 0 } else { bytes };
    for number in 0.. {
        if written == bytes {
            break;
        }
        if let Some(file) = allowance.filter(|_| written >= allowed) {
            allowed = until("more is allowed", || {
                let number: u64 = std::fs::read_to_string(file).ok()?.parse().ok()?;
                (number > written).then_some(number)
            });
        }
        fill(&mut block, seed, number);
        let take = (bytes - written).min(BLOCK as u64);
        let due = Duration::from_secs_f64(to_f64(written) / to_f64(rate));
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
        out.write_all(&block[..usize::try_from(take).unwrap_or(BLOCK)])?;
        // One write per block: the standard library would hold back what follows the last newline.
        out.flush()?;
        written += take;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
fn to_f64(bytes: u64) -> f64 {
    bytes as f64
}

fn record(file: &Path) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(file)?;
    // Tells whoever waits that what is typed from now on is read raw.
    io::stdout().write_all(b"recording\r\n")?;
    io::stdout().flush()?;
    each_read(|typed| file.write_all(typed))
}

fn echo() -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(b"echoing\r\n")?;
    out.flush()?;
    each_read(|typed| {
        out.write_all(typed)?;
        out.flush()
    })
}

/// A spinner turns, and an answer grows, so often.
const FRAME: Duration = Duration::from_millis(50);

/// The composer and the line below it, as Claude Code draws them at 80 columns.
fn composer(hint: &str) -> String {
    let rule = "─".repeat(80);
    format!("{rule}\r\n❯ \r\n{rule}\r\n  ⏸ manual mode on · {hint}\r\n")
}

fn agent_at_rest() -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "\x1b]0;✳ Claude Code\x07● Done.\r\n\r\n")?;
    write!(out, "{}", composer("? for shortcuts"))?;
    out.flush()?;
    each_read(|_| Ok(()))
}

fn agent_at_work() -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "\r\n\r\n{}", composer("esc to interrupt"))?;
    for frame in 0_usize.. {
        if frame.is_multiple_of(20) {
            let mark = if frame.is_multiple_of(40) {
                '◐'
            } else {
                '◑'
            };
            write!(out, "\x1b]0;{mark} Claude Code\x07")?;
        }
        // Up to the spinner, and all below is drawn anew.
        write!(out, "\x1b[6A\x1b[0J")?;
        if frame.is_multiple_of(4) {
            write!(
                out,
                "  Line {frame} of an answer, \x1b[1mwith bold\x1b[22m words\r\n"
            )?;
        }
        let star = ['·', '✢', '✳', '✶', '✻', '✽'][frame % 6];
        let seconds = frame / 20;
        write!(
            out,
            "\x1b[38;5;174m{star} Cogitating… \x1b[39m({seconds}s · ↓ {frame} tokens)\r\n\r\n"
        )?;
        write!(out, "{}", composer("esc to interrupt"))?;
        out.flush()?;
        std::thread::sleep(FRAME);
    }
    Ok(())
}

fn each_read(mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut buffer = [0; 4096];
    loop {
        let read = input.read(&mut buffer)?;
        let typed = &buffer[..read];
        let end = typed.iter().position(|byte| *byte == CTRL_D);
        each(&typed[..end.unwrap_or(read)])?;
        if read == 0 || end.is_some() {
            return Ok(());
        }
    }
}
