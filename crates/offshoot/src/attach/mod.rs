//! `offshoot attach`: this terminal becomes the worker's terminal.
//!
//! Owns the loop between the user's terminal and the socket. What was typed and not yet accepted,
//! and where in the output this terminal is, lives in [`link::Link`] and outlives connections:
//! a server that restarts is waited for, then told where to go on. The terminal is given back as it
//! was on every way out ([`screen::Raw`]). The worker never notices that somebody came or went.

mod keys;
mod link;
mod screen;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use offshoot_protocol::terminal::{ClientFrame, DeliveryMode, Hello, ServerFrame, TerminalState};
use offshoot_protocol::view::{Exit, ProcessState};
use offshoot_protocol::{SessionId, WorkerId};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Attach;
use crate::client::Client;
use crate::config::Settings;
use crate::pick::{self, session_name};
use crate::socket::{Connected, Socket};
use crate::style;
use keys::{Action, Keys};
use link::Link;
use screen::{Painter, Raw};

/// Pauses between two tries to reach a server that is away: it grows from the first to the last.
const PAUSES_MS: [u64; 4] = [50, 100, 250, 500];

/// A server that is away longer than this is said to be.
const SILENCE: Duration = Duration::from_secs(2);

/// Pause before input that a full queue refused is offered again.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Why an attachment ended.
enum Ended {
    /// The user detached.
    Detached,
    /// The program ended.
    Exit(Exit),
    /// There is no program, with the reason.
    NoProcess(String),
    /// We were told to end.
    Signal,
}

/// Attaches until the user detaches or the program ends.
pub(crate) async fn run(client: &Client, settings: &Settings, args: &Attach) -> Result<ExitCode> {
    let sessions = client.sessions().await?;
    let target = pick::find(&sessions, &args.name)?;
    let worker = target.worker()?;
    let name = session_name(target.session);
    let Some(raw) = Raw::enter()? else {
        bail!(
            "attach needs a terminal; use `offshoot logs --follow` and `offshoot send` without one"
        );
    };
    let mut attachment = Attachment {
        session: target.session.id,
        worker: worker.id,
        link: Link::new(random_number()?),
        keys: Keys::default(),
        typed: screen::read_input(),
        painter: Painter::start(),
        resized: signal(SignalKind::window_change())?,
        ending: Ending::new()?,
        history: args.history,
    };
    let ended = attachment.run(client, settings).await;
    attachment.painter.finish();
    drop(raw);
    let style = style::stderr();
    Ok(match ended? {
        Ended::Detached => {
            eprintln!(
                "{}",
                style.faint(&format!("[detached from {name}; it goes on]"))
            );
            ExitCode::SUCCESS
        }
        Ended::Exit(exit) => {
            let how = style::exit_in_words(exit);
            eprintln!("{}", style.faint(&format!("[{name}: the program {how}]")));
            exit_code(exit)
        }
        Ended::NoProcess(reason) => {
            eprintln!(
                "{}",
                style.bad(&format!("[{name}: {}]", style::printable(&reason)))
            );
            ExitCode::FAILURE
        }
        Ended::Signal => ExitCode::FAILURE,
    })
}

/// The exit status that tells how a program ended, as shells do.
pub(crate) fn exit_code(exit: Exit) -> ExitCode {
    let status = match (exit.code, exit.signal) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 0,
    };
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1))
}

/// A number nobody can guess or repeat.
pub(crate) fn random_number() -> Result<u64> {
    Ok(getrandom::u64()?)
}

/// Signals that end this program.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Ending {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// One attachment, over any number of connections.
struct Attachment {
    session: SessionId,
    worker: WorkerId,
    link: Link,
    keys: Keys,
    typed: tokio::sync::mpsc::Receiver<Bytes>,
    painter: Painter,
    resized: Signal,
    ending: Ending,
    /// Lines wanted above the first snapshot.
    history: u32,
}

impl Attachment {
    async fn run(&mut self, client: &Client, settings: &Settings) -> Result<Ended> {
        let mut client = client.clone();
        loop {
            let socket = match self.connect(&mut client, settings).await? {
                Ok(socket) => socket,
                Err(ended) => return Ok(ended),
            };
            if let Some(ended) = self.converse(socket).await? {
                return Ok(ended);
            }
        }
    }

    /// Connects, waiting for a server that is away; the user can still type and detach.
    async fn connect(
        &mut self,
        client: &mut Client,
        settings: &Settings,
    ) -> Result<Result<Socket, Ended>> {
        let begin = tokio::time::Instant::now();
        let mut pauses = PAUSES_MS.into_iter();
        let mut pause = Duration::ZERO;
        let mut said = false;
        loop {
            match Socket::connect(client, self.session, self.worker).await? {
                Connected::Open(socket) => return Ok(Ok(*socket)),
                Connected::Away => pause = pauses.next().map_or(pause, Duration::from_millis),
            }
            if !said && begin.elapsed() >= SILENCE {
                said = true;
                self.painter
                    .say("the server is away; waiting for it. Ctrl-\\ d leaves");
                self.link.forget_position();
            }
            tokio::select! {
                biased;
                () = self.ending.recv() => return Ok(Err(Ended::Signal)),
                typed = self.typed.recv(), if self.link.has_room() => {
                    if let Some(ended) = self.on_typed(typed) {
                        return Ok(Err(ended));
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
            // A server that came back may have another port.
            if let Ok(found) = Client::find(settings) {
                *client = found;
            }
        }
    }

    /// Runs one connection until it is gone (`None`) or the attachment ends.
    async fn converse(&mut self, mut socket: Socket) -> Result<Option<Ended>> {
        for frame in self.greeting() {
            socket.send(&frame).await;
        }
        self.link.reconnected();
        loop {
            if let Some(frame) = self.link.next_input() {
                socket.send(&frame).await;
            }
            tokio::select! {
                biased;
                () = self.ending.recv() => return Ok(Some(Ended::Signal)),
                _ = self.resized.recv() => {
                    if let Some(size) = screen::size() {
                        socket.send(&ClientFrame::Resize(size)).await;
                    }
                }
                typed = self.typed.recv(), if self.link.has_room() => {
                    if let Some(ended) = self.on_typed(typed) {
                        socket.close().await;
                        return Ok(Some(ended));
                    }
                }
                offset = self.painter.painted() => {
                    if let Some(offset) = self.link.acknowledge(offset) {
                        socket.send(&ClientFrame::Ack { offset }).await;
                    }
                }
                () = tokio::time::sleep(FULL_PAUSE), if self.link.is_refused() => self.link.offer_again(),
                frame = socket.next(), if self.painter.has_room() => match frame? {
                    None => return Ok(None),
                    Some(frame) => if let Some(ended) = self.on_frame(frame)? {
                        return Ok(Some(ended));
                    },
                },
            }
        }
    }

    fn greeting(&mut self) -> Vec<ClientFrame> {
        let history = Some(std::mem::take(&mut self.history));
        let hello = Hello {
            client: self.link.client(),
            resume: self.link.position(),
            mode: DeliveryMode::Live,
            history,
            size: screen::size(),
        };
        // Who attaches looks at this terminal now: the program should fit it.
        vec![ClientFrame::Hello(hello), ClientFrame::Claim]
    }

    fn on_typed(&mut self, typed: Option<Bytes>) -> Option<Ended> {
        let Some(typed) = typed else {
            // The terminal is gone.
            return Some(Ended::Signal);
        };
        for action in self.keys.push(&typed) {
            match action {
                Action::Type(bytes) => {
                    // The server answers the program's questions; this terminal's answers to the
                    // same questions would be typed into it.
                    let bytes = offshoot_vt::without_reports(&bytes);
                    self.link.type_bytes(&bytes);
                }
                Action::Detach => return Some(Ended::Detached),
            }
        }
        None
    }

    fn on_frame(&mut self, frame: ServerFrame) -> Result<Option<Ended>> {
        match frame {
            ServerFrame::Snapshot(snapshot) => {
                self.link.at(snapshot.epoch, snapshot.offset);
                self.painter.repaint(snapshot.bytes, snapshot.offset);
            }
            ServerFrame::Output { offset, bytes } => {
                let fresh = self.link.fresh(offset, bytes);
                self.painter.paint(fresh, self.link.offset());
            }
            ServerFrame::Gap { to, .. } => self.link.skip_to(to),
            ServerFrame::InputAck { seq, result } => self.link.on_ack(seq, result),
            ServerFrame::Exit { exit, .. } => return Ok(Some(Ended::Exit(exit))),
            ServerFrame::State(state) => return Ok(ended_by(state)),
            ServerFrame::Error(error) => bail!("{}", error.message),
            ServerFrame::Size { .. } | ServerFrame::History { .. } => {}
        }
        Ok(None)
    }
}

/// A worker without a process has nothing to attach to. One that exited says so by EXIT, after its
/// screen.
fn ended_by(state: TerminalState) -> Option<Ended> {
    let what = match state.state {
        ProcessState::FailedToStart => "failed to start",
        ProcessState::Lost => "the process is lost",
        ProcessState::Unknown => "the process cannot be judged right now",
        ProcessState::Stopped => "stopped; `offshoot restart` starts it",
        ProcessState::Starting | ProcessState::Running | ProcessState::Exited => return None,
    };
    let reason = state.reason.map(|reason| format!("{what}: {reason}"));
    Some(Ended::NoProcess(reason.unwrap_or_else(|| what.to_owned())))
}
