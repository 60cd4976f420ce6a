//! `offshoot logs`.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use offshoot_protocol::limits::TERMINAL_ACK_EVERY_BYTES;
use offshoot_protocol::rest::TextBody;
use offshoot_protocol::terminal::{
    ClientFrame, ClientId, DeliveryMode, Hello, Resume, ServerFrame,
};
use offshoot_protocol::view::{Exit, ProcessState};
use offshoot_protocol::{SessionId, WorkerId};
use reqwest::Method;

use super::print;
use crate::args::Logs;
use crate::attach;
use crate::client::{Client, worker_path};
use crate::config::Settings;
use crate::pick;
use crate::socket::{Connected, Socket};

/// How much is asked for at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// Pause before a server that is away is asked again.
const PAUSE: Duration = Duration::from_millis(300);

/// Prints a worker's output: from an offset, its newest lines, or on and on.
pub(crate) async fn run(client: &Client, settings: &Settings, args: &Logs) -> Result<ExitCode> {
    let sessions = client.sessions().await?;
    let target = pick::find(&sessions, &args.name)?;
    let worker = target.worker()?;
    let (session, worker_id) = (target.session.id, worker.id);
    let epoch = worker.process.as_ref().map_or(0, |process| process.epoch);
    let offset = match args.tail {
        Some(lines) => tail(client, session, worker_id, lines).await?,
        None => whole(client, session, worker_id, args.from.unwrap_or(0)).await?,
    };
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let mut follower = Follower {
        session,
        worker: worker_id,
        position: Resume { epoch, offset },
    };
    follower.run(client, settings).await
}

/// Prints the newest lines as text; returns the offset after them.
async fn tail(client: &Client, session: SessionId, worker: WorkerId, lines: u32) -> Result<u64> {
    let path = worker_path(session, worker, &format!("/text?lines={lines}"));
    let body: TextBody = client.get(&path).await?;
    let mut text = body.lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    print(&text)?;
    Ok(body.offset)
}

/// Prints the raw output from an offset to its present end; returns the end.
async fn whole(client: &Client, session: SessionId, worker: WorkerId, from: u64) -> Result<u64> {
    let mut offset = from;
    loop {
        let path = worker_path(
            session,
            worker,
            &format!("/log?from={offset}&len={CHUNK_BYTES}"),
        );
        let answer = client.send(client.request(Method::GET, &path)).await?;
        let number =
            |name: &str| -> Option<u64> { answer.headers().get(name)?.to_str().ok()?.parse().ok() };
        let at = number("offshoot-offset").context("the answer names no offset")?;
        let end = number("offshoot-end-offset").context("the answer names no end")?;
        if at > offset {
            eprintln!("[bytes {offset} to {at} are no longer kept]");
        }
        let bytes = answer.bytes().await?;
        std::io::stdout().write_all(&bytes)?;
        // A hole in the log may give an empty answer below the end; what follows it comes next.
        offset = at + bytes.len() as u64;
        if offset >= end || bytes.is_empty() {
            std::io::stdout().flush()?;
            return Ok(offset);
        }
    }
}

/// Prints every byte from a position on, over restarts of the server.
struct Follower {
    session: SessionId,
    worker: WorkerId,
    position: Resume,
}

/// How one connection ended.
enum Ended {
    /// The program ended.
    Exit(Exit),
    /// The connection is gone.
    Away,
}

impl Follower {
    async fn run(&mut self, client: &Client, settings: &Settings) -> Result<ExitCode> {
        let mut client = client.clone();
        loop {
            if let Connected::Open(socket) =
                Socket::connect(&client, self.session, self.worker).await?
                && let Ended::Exit(exit) = self.follow(*socket).await?
            {
                return Ok(attach::exit_code(exit));
            }
            tokio::time::sleep(PAUSE).await;
            // A server that came back may have another port.
            if let Ok(found) = Client::find(settings) {
                client = found;
            }
        }
    }

    async fn follow(&mut self, mut socket: Socket) -> Result<Ended> {
        let hello = Hello {
            client: ClientId(attach::random_number()?),
            resume: Some(self.position),
            mode: DeliveryMode::Complete,
            history: Some(0),
            size: None,
        };
        socket.send(&ClientFrame::Hello(hello)).await;
        let mut acknowledged = self.position.offset;
        while let Some(frame) = socket.next().await? {
            if let Some(exit) = self.on_frame(frame)? {
                socket.close().await;
                return Ok(Ended::Exit(exit));
            }
            let offset = self.position.offset;
            if offset - acknowledged.min(offset) >= TERMINAL_ACK_EVERY_BYTES {
                socket.send(&ClientFrame::Ack { offset }).await;
                acknowledged = offset;
            }
        }
        Ok(Ended::Away)
    }

    fn on_frame(&mut self, frame: ServerFrame) -> Result<Option<Exit>> {
        match frame {
            ServerFrame::Output { offset, bytes } => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&bytes)?;
                stdout.flush()?;
                self.position.offset = offset + bytes.len() as u64;
            }
            // A restart began a new output: what it printed comes as a snapshot or from 0 on.
            ServerFrame::Snapshot(snapshot) => {
                self.position = Resume {
                    epoch: snapshot.epoch,
                    offset: snapshot.offset,
                };
                std::io::stdout().write_all(&snapshot.bytes)?;
            }
            ServerFrame::Gap { from, to } => {
                eprintln!("[bytes {from} to {to} are no longer kept]");
                self.position.offset = to;
            }
            ServerFrame::Exit { exit, .. } => return Ok(Some(exit)),
            ServerFrame::State(state) => {
                let gone = matches!(
                    state.state,
                    ProcessState::FailedToStart | ProcessState::Lost | ProcessState::Stopped
                );
                if gone {
                    return Ok(Some(state.exit.unwrap_or(Exit {
                        code: Some(1),
                        signal: None,
                    })));
                }
            }
            ServerFrame::Error(error) => anyhow::bail!("{}", error.message),
            _ => {}
        }
        Ok(None)
    }
}
