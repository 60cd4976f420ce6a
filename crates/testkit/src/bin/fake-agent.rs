//! Plays an agent: says how it was started, echoes what it is told, and does on command what real
//! agents do.
//!
//! `fake-agent --composer FILE [SEED]` has an input line and bad manners (see `composer`), drawn from
//! the seed; without one it behaves.
//!
//! `fake-agent [--mode WORD] [--status] [--paste] [--title TEXT] [--delay MS] [--rude] [PROMPT]`
//!
//! It prints `AGENT mode=<word> prompt=[<prompt>]`, then answers every line with `got:<line>`. With
//! `--status` it reports its state (OSC 7501), with `--paste` it asks for bracketed paste, with
//! `--rude` it ignores the signals that ask a program to end, with `--delay` it says nothing at first.
//!
//! Lines that are commands: `burst N` (N known bytes), `ask TEXT` (a question; the next line is its
//! answer), `work MS`, `title TEXT`, `size`, `pid`, `cwd`, `env NAME`, `child` (a process of its own
//! that outlives a hangup), `deaf` (reads no more), `crash` (ends by a signal), `quit [CODE]`.
#![expect(clippy::print_stdout, reason = "it converses")]

use std::io::{BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use offshoot_testkit::composer::Manners;
use offshoot_testkit::spew::Content;

/// Set in the second run of a rude one, whose signals are ignored by then.
const RUDE_MARK: &str = "FAKE_AGENT_IS_RUDE";

#[derive(Default)]
struct Agent {
    mode: String,
    prompt: String,
    reports: bool,
    asked: bool,
}

fn main() -> Result<ExitCode> {
    let mut agent = Agent {
        mode: "fresh".to_owned(),
        ..Agent::default()
    };
    let (mut paste, mut delay_ms) = (false, 0);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--status" => agent.reports = true,
            "--paste" => paste = true,
            "--rude" => become_rude()?,
            "--composer" => return with_composer(words),
            "--mode" => agent.mode = words.next().unwrap_or_default(),
            "--title" => title(&words.next().unwrap_or_default()),
            "--delay" => delay_ms = words.next().context("--delay wants a number")?.parse()?,
            _ => agent.prompt = word,
        }
    }
    std::thread::sleep(Duration::from_millis(delay_ms));
    if paste {
        print!("\x1b[?2004h");
    }
    println!("AGENT mode={} prompt=[{}]", agent.mode, agent.prompt);
    agent.report("idle", None)?;
    converse(&mut agent)
}

fn with_composer(mut words: impl Iterator<Item = String>) -> Result<ExitCode> {
    let record = words.next().context("--composer wants a file")?;
    let manners = match words.next() {
        Some(seed) => Manners::of_seed(seed.parse()?),
        None => Manners {
            status: true,
            paste: true,
            ..Manners::default()
        },
    };
    offshoot_testkit::composer::run(manners, record.as_ref())?;
    Ok(ExitCode::SUCCESS)
}

fn converse(agent: &mut Agent) -> Result<ExitCode> {
    for line in std::io::stdin().lock().lines() {
        let line = line?.replace("\x1b[200~", "").replace("\x1b[201~", "");
        if let Some(code) = agent.on_line(line.trim_end_matches('\r'))? {
            return Ok(ExitCode::from(code));
        }
        std::io::stdout().flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Agent {
    /// Answers one line; an exit status ends the program.
    fn on_line(&mut self, line: &str) -> Result<Option<u8>> {
        if std::mem::take(&mut self.asked) {
            println!("answer:{line}");
            self.report("idle", None)?;
            return Ok(None);
        }
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "burst" => std::io::stdout().write_all(&Content::plain(0).bytes(0..rest.parse()?))?,
            "ask" => {
                println!("{rest} (y/n)");
                self.asked = true;
                self.report("blocked:kind=question", Some(rest))?;
            }
            "work" => {
                self.report("working", None)?;
                std::thread::sleep(Duration::from_millis(rest.parse()?));
                println!("worked");
                self.report("idle", None)?;
            }
            "title" => title(rest),
            "size" => println!("size:{}", size()),
            "pid" => println!("pid:{}", std::process::id()),
            "cwd" => println!("cwd:{}", std::env::current_dir()?.display()),
            "env" => println!("env:{rest}={}", std::env::var(rest).unwrap_or_default()),
            "child" => println!("child:{}", child()?),
            "deaf" => loop {
                std::thread::park();
            },
            "crash" => {
                let me = rustix::process::getpid();
                rustix::process::kill_process(me, rustix::process::Signal::KILL)?;
            }
            "quit" => return Ok(Some(rest.parse().unwrap_or(0))),
            _ => println!("got:{line}"),
        }
        Ok(None)
    }

    fn report(&self, state: &str, message: Option<&str>) -> Result<()> {
        if self.reports {
            let message =
                message.map(|text| base64::engine::general_purpose::STANDARD.encode(text));
            let message = message
                .map(|text| format!(":msg={text}"))
                .unwrap_or_default();
            print!("\x1b]7501;state={state}:app=fake-agent{message}\x1b\\");
        }
        Ok(std::io::stdout().flush()?)
    }
}

fn title(text: &str) {
    print!("\x1b]0;{text}\x07");
}

fn size() -> String {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) => format!("{}x{}", size.ws_col, size.ws_row),
        Err(_) => "none".to_owned(),
    }
}

/// Starts a process that a hangup does not end, and returns its pid.
fn child() -> Result<u32> {
    let sleeper = Command::new("setsid")
        .args(["sleep", "3600"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start setsid sleep")?;
    Ok(sleeper.id())
}

/// Runs this program again through a shell that ignores the signals first: ignoring is inherited.
fn become_rude() -> Result<()> {
    if std::env::var_os(RUDE_MARK).is_some() {
        return Ok(());
    }
    let err = Command::new("sh")
        .args(["-c", "trap '' TERM HUP INT; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .args(std::env::args().skip(1))
        .env(RUDE_MARK, "1")
        .exec();
    Err(err).context("run sh")
}
