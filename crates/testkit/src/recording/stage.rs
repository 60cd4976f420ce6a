//! An agent on a terminal that is recorded, and the hand that drives it.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use offshoot_vt::{Options, Screen, Size};

use super::cast::{Happening, Interval, State, What};
use crate::agents::{Brought, Home, RealAgent};
use crate::pty::PtyProgram;
use crate::rig::process;

/// What is not on the screen after this time never comes. The first start of opencode takes 25 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the screen shows for so long is no mere step between two drawings.
const STEADY: Duration = Duration::from_millis(500);

/// Between a pasted prompt and Enter: what every agent takes for two things.
const BEFORE_ENTER: Duration = Duration::from_millis(300);

/// What the terminal shows.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The rows of the screen.
    pub rows: Vec<String>,
    /// The window's title.
    pub title: String,
}

impl Shown {
    /// The rows as one text.
    pub fn text(&self) -> String {
        self.rows.join("\n")
    }
}

/// What the terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// All that ours can.
    Ours,
    /// It takes no reports of the program's status, as most cannot.
    Plain,
}

/// The answer to whether reports of the program's status are taken begins so.
const STATUS: &[u8] = b"\x1b]7501;";

/// A recorded terminal.
#[derive(Debug)]
pub struct Stage {
    program: PtyProgram,
    tape: Arc<(Mutex<Tape>, Condvar)>,
    begin: Instant,
    intervals: Vec<Interval>,
}

#[derive(Debug)]
struct Tape {
    screen: Screen,
    happenings: Vec<Happening>,
    /// When the screen changed last.
    changed: Duration,
}

impl Stage {
    /// Starts an agent in its home.
    ///
    /// # Errors
    /// It is not to be had or does not start.
    pub fn start(
        agent: RealAgent,
        home: &Home,
        args: &[String],
        size: (u16, u16),
        terminal: Terminal,
    ) -> Result<Self> {
        let Brought::Programs(programs) = agent.bring()? else {
            bail!("{} is out of reach", agent.id);
        };
        let command = command(agent, home, args, &programs)?;
        let (cols, rows) = size;
        let tape = Tape {
            screen: Screen::new(Size { cols, rows }, Options::default()),
            happenings: Vec::new(),
            changed: Duration::ZERO,
        };
        let tape = Arc::new((Mutex::new(tape), Condvar::new()));
        let begin = Instant::now();
        let recorded = Arc::clone(&tape);
        let program = PtyProgram::watched(&command, size, move |bytes, keyboard| {
            record(&recorded, terminal, begin, bytes, keyboard);
        })?;
        let starting = Interval {
            t0: 0.0,
            t1: 0.0,
            state: State::Starting,
            not_before: None,
        };
        Ok(Self {
            program,
            tape,
            begin,
            intervals: vec![starting],
        })
    }

    /// The time on the recording's clock.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What the terminal shows now.
    pub fn shown(&self) -> Shown {
        shown(&self.lock())
    }

    /// Types, and returns when.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn type_text(&mut self, text: &str) -> Result<Duration> {
        let at = self.now();
        self.program.type_bytes(text.as_bytes())?;
        self.lock().happenings.push(Happening {
            at,
            what: What::Input(text.to_owned()),
        });
        Ok(at)
    }

    /// Gives the terminal another size.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&mut self, cols: u16, rows: u16) -> Result<()> {
        let at = self.now();
        let mut tape = self.lock();
        tape.screen.resize(Size { cols, rows });
        tape.happenings.push(Happening {
            at,
            what: What::Resize(cols, rows),
        });
        drop(tape);
        self.program.resize(cols, rows)
    }

    /// Types as a person does, a key at a time.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn type_slowly(&mut self, text: &str) -> Result<()> {
        for key in text.chars() {
            self.type_text(&key.to_string())?;
            self.stay(Duration::from_millis(60));
        }
        Ok(())
    }

    /// Pastes a prompt and presses Enter; returns when it did.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn prompt(&mut self, text: &str) -> Result<Duration> {
        self.type_text(&format!("\x1b[200~{text}\x1b[201~"))?;
        self.stay(BEFORE_ENTER);
        self.type_text("\r")
    }

    /// Lets time pass: the recording is of that, too.
    pub fn stay(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Waits until the screen shows something after a moment, and goes on showing it; returns since
    /// when. What was drawn before that moment is of what came before.
    ///
    /// # Errors
    /// It never does; what it shows is in the error.
    pub fn see(
        &self,
        what: &str,
        after: Duration,
        look: impl Fn(&Shown) -> bool,
    ) -> Result<Duration> {
        let begin = self.now();
        let mut since = None;
        let mut tape = self.lock();
        loop {
            let now = shown(&tape);
            if look(&now) {
                let since = *since.get_or_insert(tape.changed.max(after));
                if self.now() >= since + STEADY {
                    return Ok(since);
                }
            } else {
                since = None;
            }
            if self.now() - begin > PATIENCE {
                bail!(
                    "waited in vain for {what}; the title is {:?}, the screen:\n{}",
                    now.title,
                    now.text()
                );
            }
            let waited = self.tape.1.wait_timeout(tape, Duration::from_millis(50));
            tape = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Says that the agent is in another state since a time, which is exact.
    pub fn since(&mut self, at: Duration, state: State) {
        self.border(at, None, state);
    }

    /// Says that the agent is seen in another state since `at`; it may have been since `earliest`.
    pub fn seen_since(&mut self, earliest: Duration, at: Duration, state: State) {
        // Nothing is seen before what it follows.
        let before = self.intervals.last().map_or(0.0, |last| last.t0);
        let earliest = earliest.min(at).as_secs_f64().max(before);
        self.border(at, Some(earliest), state);
    }

    fn border(&mut self, at: Duration, not_before: Option<f64>, state: State) {
        let t0 = at.as_secs_f64();
        if let Some(last) = self.intervals.last_mut() {
            last.t1 = t0;
        }
        self.intervals.push(Interval {
            t0,
            t1: t0,
            state,
            not_before,
        });
    }

    /// Waits until the program ended; returns when, and its status.
    ///
    /// # Errors
    /// It never ends.
    pub async fn exit(&mut self) -> Result<(Duration, i32)> {
        let status = self.program.wait_for_exit().await?;
        let at = self.now();
        let status = status.code().unwrap_or(-1);
        self.lock().happenings.push(Happening {
            at,
            what: What::Exit(status),
        });
        Ok((at, status))
    }

    /// Ends the recording: everything that happened, and the truth.
    pub fn finish(mut self) -> (Vec<Happening>, Vec<Interval>) {
        let now = self.now().as_secs_f64();
        if let Some(last) = self.intervals.last_mut() {
            last.t1 = now;
        }
        let happenings = std::mem::take(&mut self.lock().happenings);
        (happenings, std::mem::take(&mut self.intervals))
    }

    fn lock(&self) -> MutexGuard<'_, Tape> {
        self.tape.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Some agents ignore a hangup and have processes of their own.
        for pid in process::descendants(self.program.pid()) {
            process::signal(pid, rustix::process::Signal::KILL);
        }
    }
}

fn shown(tape: &Tape) -> Shown {
    Shown {
        rows: tape.screen.rows(),
        title: tape.screen.title().to_owned(),
    }
}

/// Takes output into the recording and answers what the program asks of its terminal.
fn record(
    tape: &(Mutex<Tape>, Condvar),
    terminal: Terminal,
    begin: Instant,
    bytes: &[u8],
    keyboard: &mut File,
) {
    let mut recorded = tape.0.lock().unwrap_or_else(PoisonError::into_inner);
    let at = begin.elapsed();
    recorded.changed = at;
    recorded.happenings.push(Happening {
        at,
        what: What::Output(bytes.to_vec()),
    });
    recorded.screen.feed(bytes);
    recorded.screen.take_events();
    for reply in recorded.screen.take_replies() {
        if terminal == Terminal::Plain && reply.bytes.starts_with(STATUS) {
            continue;
        }
        // A program that is gone waits for no answer.
        let _ = keyboard.write_all(&reply.bytes);
    }
    drop(recorded);
    tape.1.notify_all();
}

/// The command, with nothing of this process's environment.
fn command(
    agent: RealAgent,
    home: &Home,
    args: &[String],
    programs: &std::path::Path,
) -> Result<Command> {
    let path = std::env::var("PATH").context("there is a PATH")?;
    let mut command = Command::new("env");
    command.arg("-i");
    let mut set = |name: &str, value: &str| {
        command.arg(format!("{name}={value}"));
    };
    set("PATH", &format!("{}:{path}", programs.display()));
    set("HOME", &home.path().to_string_lossy());
    set("USER", "dev");
    set("LANG", "C.UTF-8");
    set("TERM", "xterm-256color");
    set("COLORTERM", "truecolor");
    for (name, value) in home.environment() {
        set(name, &value);
    }
    command
        .arg(agent.program)
        .args(args)
        .current_dir(home.work());
    Ok(command)
}
