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

/// Who detaches while something typed is under way waits so long for its arrival.
const DELIVERY: Duration = Duration::from_secs(2);

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

/// What a frame means for the conversation.
enum Next {
    /// It goes on.
    On,
    /// It begins anew, with a snapshot.
    Anew,
    /// It is over.
    Over(Ended),
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
        owns_size: false,
        claims_size: true,
        is_unknown: false,
    };
    let ended = attachment.run(client, settings).await;
    let undelivered = !attachment.link.is_idle();
    attachment.painter.finish();
    drop(raw);
    let style = style::stderr();
    Ok(match ended? {
        Ended::Detached if undelivered => {
            let text = format!(
                "[detached from {name}; it goes on, but what you typed last did not reach it]"
            );
            eprintln!("{}", style.bad(&text));
            ExitCode::FAILURE
        }
        Ended::Detached => {
            let text = format!("[detached from {name}; it goes on]");
            eprintln!("{}", style.faint(&text));
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
    quit: Signal,
}

impl Ending {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn recv(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.quit.recv() => {}
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
    /// The program has the size of this terminal, not another client's.
    owns_size: bool,
    /// The user attached or typed here last: a new connection asks for the size. A size that fell to
    /// this client because no other was there (yet) is not asked for again.
    claims_size: bool,
    /// The server could not judge the process when it was last heard.
    is_unknown: bool,
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
                    self.claims_size |= !self.link.is_idle();
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
        self.owns_size = false;
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
                    let was_idle = self.link.is_idle();
                    if let Some(ended) = self.on_typed(typed) {
                        self.deliver(&mut socket).await;
                        socket.close().await;
                        return Ok(Some(ended));
                    }
                    if was_idle && !self.link.is_idle() {
                        // Who types looks at this terminal: the program should fit it. Also who owns the
                        // size says so: that another took it may be on its way.
                        self.claims_size = true;
                        socket.send(&ClientFrame::Claim).await;
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
                    Some(frame) => match self.on_frame(frame)? {
                        Next::On => {}
                        Next::Anew => return Ok(None),
                        Next::Over(ended) => return Ok(Some(ended)),
                    },
                },
            }
        }
    }

    /// Sends what was typed before the user left, and waits until the server has it.
    async fn deliver(&mut self, socket: &mut Socket) {
        let delivered = async {
            while !self.link.is_idle() {
                if let Some(frame) = self.link.next_input() {
                    socket.send(&frame).await;
                }
                match socket.next().await {
                    Ok(Some(ServerFrame::InputAck { seq, result })) => {
                        self.link.on_ack(seq, result)
                    }
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                }
                if self.link.is_refused() {
                    tokio::time::sleep(FULL_PAUSE).await;
                    self.link.offer_again();
                }
            }
        };
        // What did not arrive is said when the attachment ends.
        let _ = tokio::time::timeout(DELIVERY, delivered).await;
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
        let mut frames = vec![ClientFrame::Hello(hello)];
        if self.claims_size {
            // Who attaches looks at this terminal now: the program should fit it. After a restart
            // of the server it is who had it before, not who comes back last.
            frames.push(ClientFrame::Claim);
        }
        frames
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

    fn on_frame(&mut self, frame: ServerFrame) -> Result<Next> {
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
            ServerFrame::Exit { exit, .. } => return Ok(Next::Over(Ended::Exit(exit))),
            ServerFrame::State(state) => return Ok(self.on_state(state)),
            ServerFrame::Error(error) => bail!("{}", error.message),
            ServerFrame::Size { owner, .. } => {
                // Before a claim is heard, the first word about the size is that it is another's.
                let lost = self.owns_size && !owner;
                self.claims_size &= !lost;
                self.owns_size = owner;
            }
            ServerFrame::History { .. } => {}
        }
        Ok(Next::On)
    }

    /// A worker without a process has nothing to attach to. One that exited says so by EXIT, after
    /// its screen. One that cannot be judged is asked again by the server, and waited for.
    fn on_state(&mut self, state: TerminalState) -> Next {
        let what = match state.state {
            ProcessState::FailedToStart => "failed to start",
            ProcessState::Lost => "the process is lost",
            ProcessState::Stopped => "stopped; `offshoot restart` starts it",
            ProcessState::Unknown => {
                self.is_unknown = true;
                self.painter
                    .say("the process does not answer; waiting for it. Ctrl-\\ d leaves");
                return Next::On;
            }
            ProcessState::Starting | ProcessState::Running | ProcessState::Exited => {
                let was_unknown = std::mem::take(&mut self.is_unknown);
                if was_unknown && state.state == ProcessState::Running {
                    // What was said covers a row of the program's screen.
                    self.link.forget_position();
                    return Next::Anew;
                }
                return Next::On;
            }
        };
        let reason = state.reason.map(|reason| format!("{what}: {reason}"));
        Next::Over(Ended::NoProcess(reason.unwrap_or_else(|| what.to_owned())))
    }
}
