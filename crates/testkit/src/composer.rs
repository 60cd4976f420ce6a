//! An agent with an input line that is slow and rude: it draws late and again and again, throws away
//! what was typed before it was ready, and overlooks an Enter.
//!
//! Every prompt it takes is appended to a file as one line of JSON, so that a test sees what really
//! arrived: once, whole, or not at all. The text `ask QUESTION` makes it ask; the answer's key is
//! written down too, as `{"answer": key}`.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// How it misbehaves.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// It says nothing for so long, then throws away what was typed.
    pub late: Duration,
    /// So many Enters are overlooked before each prompt.
    pub drops: u32,
    /// It clears and draws everything again this often; never when zero.
    pub redraw: Duration,
    /// It lets so much time pass before it reads what was typed.
    pub slow: Duration,
    /// A turn takes so long.
    pub turn: Duration,
    /// It reports its state (OSC 7501).
    pub status: bool,
    /// It asks for bracketed paste.
    pub paste: bool,
    /// It hides the cursor.
    pub hidden: bool,
}

impl Manners {
    /// Draws manners from a number: every combination comes up sooner or later.
    pub fn of_seed(seed: u64) -> Self {
        let ms = |n: u64| Duration::from_millis(n);
        Self {
            late: ms(seed * 37 % 1200),
            drops: u32::from(!seed.is_multiple_of(3)),
            redraw: ms([0, 500, 900][usize::try_from(seed % 3).unwrap_or(0)]),
            slow: ms(seed * 13 % 90),
            turn: ms(50 + seed * 29 % 300),
            status: seed.is_multiple_of(2),
            paste: seed % 5 < 3,
            hidden: seed % 7 < 3,
        }
    }
}

struct Agent {
    manners: Manners,
    record: File,
    text: Vec<u8>,
    shown: Vec<String>,
    dropped: u32,
    question: Option<String>,
    pasting: bool,
}

/// Converses until its terminal goes away.
///
/// # Errors
/// There is no terminal, or the record cannot be written.
pub fn run(manners: Manners, record: &Path) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(record);
    let mut agent = Agent {
        record: opened.context("open the record")?,
        manners,
        text: Vec::new(),
        shown: vec!["A slow and rude agent".to_owned()],
        dropped: 0,
        question: None,
        pasting: false,
    };
    println_now("it starts\r\n")?;
    std::thread::sleep(agent.manners.late);
    let stdin = std::io::stdin();
    let mut mode = tcgetattr(&stdin)?;
    mode.make_raw();
    // Flush: what came too early is lost.
    tcsetattr(&stdin, OptionalActions::Flush, &mode)?;
    if agent.manners.paste {
        println_now("\x1b[?2004h")?;
    }
    agent.draw()?;
    agent.report("idle", None)?;
    agent.converse()
}

impl Agent {
    fn converse(&mut self) -> Result<()> {
        let mut drawn = Instant::now();
        let mut bytes = [0; 4096];
        loop {
            if is_readable(Duration::from_millis(50))? {
                std::thread::sleep(self.manners.slow);
                let n = std::io::stdin().read(&mut bytes)?;
                if n == 0 {
                    return Ok(());
                }
                self.on_bytes(&bytes[..n])?;
                self.draw()?;
            }
            let redraw = self.manners.redraw;
            if !redraw.is_zero() && drawn.elapsed() >= redraw {
                println_now("\x1b[2J\x1b[H")?;
                std::thread::sleep(Duration::from_millis(20));
                self.draw()?;
                drawn = Instant::now();
            }
        }
    }

    fn on_bytes(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some((first, rest)) = bytes.split_first() {
            if let Some(after) = bytes.strip_prefix(b"\x1b[200~") {
                (self.pasting, bytes) = (true, after);
                continue;
            }
            if let Some(after) = bytes.strip_prefix(b"\x1b[201~") {
                (self.pasting, bytes) = (false, after);
                continue;
            }
            bytes = rest;
            if self.question.is_some() {
                self.on_answer(*first)?;
                continue;
            }
            match first {
                b'\r' if !self.pasting => self.on_enter()?,
                0x15 => self.text.clear(),
                0x7f => drop(self.text.pop()),
                byte => self.text.push(*byte),
            }
        }
        Ok(())
    }

    fn on_enter(&mut self) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        if self.dropped < self.manners.drops {
            self.dropped += 1;
            return Ok(());
        }
        self.dropped = 0;
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        self.note(&serde_json::json!({ "prompt": text }))?;
        self.shown
            .push(format!("> {}", text.replace('\n', "\r\n  ")));
        self.report("working", None)?;
        if let Some(question) = text.strip_prefix("ask ") {
            self.question = Some(question.to_owned());
            self.draw()?;
            return self.report("blocked:kind=permission", Some(question));
        }
        self.work()
    }

    fn work(&mut self) -> Result<()> {
        self.draw()?;
        std::thread::sleep(self.manners.turn);
        self.shown.push("done".to_owned());
        self.report("idle", None)
    }

    fn on_answer(&mut self, key: u8) -> Result<()> {
        let key = match key {
            b'1' | b'2' => char::from(key).to_string(),
            b'\r' => "1".to_owned(),
            0x1b => "esc".to_owned(),
            _ => return Ok(()),
        };
        self.note(&serde_json::json!({ "answer": key }))?;
        self.question = None;
        self.shown.push(format!("answered {key}"));
        self.report("working", None)?;
        self.work()
    }

    fn note(&mut self, value: &serde_json::Value) -> Result<()> {
        Ok(writeln!(self.record, "{value}")?)
    }

    fn draw(&self) -> Result<()> {
        let rule = "─".repeat(40);
        let mut out = String::from("\x1b[?25l\x1b[H\x1b[2J");
        for line in self.shown.iter().rev().take(6).rev() {
            out += &format!("{line}\r\n");
        }
        if let Some(question) = &self.question {
            out += &format!(
                "{rule}\r\n Run this command?\r\n   {question}\r\n Do you want to proceed?\r\n \
                 ❯ 1. Yes\r\n   2. No, and say what to do instead\r\n\r\n Esc to cancel\r\n"
            );
        } else {
            let text = String::from_utf8_lossy(&self.text).replace('\n', "\r\n  ");
            out += &format!("{rule}\r\n❯ {text}");
            out += &format!("\x1b7\r\n{rule}\r\n? for shortcuts\x1b8");
        }
        if !self.manners.hidden {
            out += "\x1b[?25h";
        }
        println_now(&out)
    }

    fn report(&self, state: &str, message: Option<&str>) -> Result<()> {
        if !self.manners.status {
            return Ok(());
        }
        let message = message.map(|text| base64::engine::general_purpose::STANDARD.encode(text));
        let message = message
            .map(|text| format!(":msg={text}"))
            .unwrap_or_default();
        println_now(&format!(
            "\x1b]7501;state={state}:app=fake-agent{message}\x1b\\"
        ))
    }
}

fn is_readable(wait: Duration) -> Result<bool> {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let wait = Timespec::try_from(wait)?;
    Ok(poll(&mut fds, Some(&wait))? > 0)
}

fn println_now(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}
