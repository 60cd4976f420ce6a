//! Answers over time: words, pauses and gates, until the agent has all of it or hangs up.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::answer::{Answer, Voice};
use super::conversation::Tool;
use super::script::Step;
use super::tools::{self, Call};

/// How often a silent stream shows that the model is there.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// Between two streamed words.
const WORD_EVERY: Duration = Duration::from_millis(250);

/// Between two streamed lines.
const LINE_EVERY: Duration = Duration::from_millis(10);

/// The gates that are open.
#[derive(Debug, Default)]
pub(super) struct Gates(watch::Sender<HashSet<String>>);

impl Gates {
    pub(super) fn open(&self, gate: &str) {
        self.0.send_modify(|open| {
            open.insert(gate.to_owned());
        });
    }

    async fn pass(&self, gate: &str) {
        let mut open = self.0.subscribe();
        // The sender lives as long as this.
        let _ = open.wait_for(|open| open.contains(gate)).await;
    }
}

/// What is done for a step.
#[derive(Debug)]
pub(super) enum Plan {
    Call(Call),
    Speak(Vec<Piece>),
}

/// A part of a spoken answer.
#[derive(Debug)]
pub(super) enum Piece {
    Words(String),
    Pause(Duration),
    Gate(String),
}

impl Plan {
    /// The plan of a step, with the tools the agent offers.
    pub(super) fn of(step: &Step, tools: &[Tool]) -> Self {
        match tools::call(step, tools) {
            Some(call) => Self::Call(call),
            None => Self::Speak(pieces(step)),
        }
    }
}

fn pieces(step: &Step) -> Vec<Piece> {
    let words = |text: &str| Piece::Words(text.to_owned());
    match step {
        Step::Say(text) => vec![words(text)],
        Step::Slow { seconds, then } => {
            let mut pieces = Vec::new();
            let mut left = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
            for number in 0_u32.. {
                if left < WORD_EVERY {
                    break;
                }
                left -= WORD_EVERY;
                let space = if number % 4 == 3 { '\n' } else { ' ' };
                pieces.push(Piece::Words(format!("word{number}{space}")));
                pieces.push(Piece::Pause(WORD_EVERY));
            }
            pieces.push(words(then));
            pieces
        }
        Step::Think { seconds } => {
            let pause = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
            vec![Piece::Pause(pause), words("thought about it.")]
        }
        Step::Hold { gate, text } => {
            vec![words(text), Piece::Gate(gate.clone()), words("released.")]
        }
        Step::Lines(count) => {
            let line = |number| Piece::Words(format!("line {number} of the long answer\n\n"));
            let lines = (1..=*count).map(line);
            lines
                .flat_map(|line| [line, Piece::Pause(LINE_EVERY)])
                .collect()
        }
        Step::Error { .. } => vec![words("recovered.")],
        other => vec![Piece::Words(format!(
            "(cannot do '{}' here: no such tool)",
            other.verb()
        ))],
    }
}

pub(super) async fn whole(gates: &Gates, plan: Plan) -> Answer {
    let pieces = match plan {
        Plan::Call(call) => return Answer::Call(call),
        Plan::Speak(pieces) => pieces,
    };
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Words(words) => text += &words,
            Piece::Pause(pause) => tokio::time::sleep(pause).await,
            Piece::Gate(gate) => gates.pass(&gate).await,
        }
    }
    Answer::Words(text)
}

/// The agent hung up.
pub(super) struct HungUp;

pub(super) type Events = mpsc::Sender<String>;

pub(super) async fn speak(
    gates: &Gates,
    plan: Plan,
    mut voice: Box<dyn Voice>,
    events: &Events,
) -> Result<(), HungUp> {
    let pieces = match plan {
        Plan::Call(call) => return send(events, voice.call(&call)).await,
        Plan::Speak(pieces) => pieces,
    };
    send(events, voice.begin()).await?;
    for piece in pieces {
        match piece {
            Piece::Words(words) => send(events, voice.word(&words)).await?,
            Piece::Pause(pause) => wait(tokio::time::sleep(pause), voice.idle(), events).await?,
            Piece::Gate(gate) => wait(gates.pass(&gate), voice.idle(), events).await?,
        }
    }
    send(events, voice.end()).await
}

async fn send(events: &Events, event: String) -> Result<(), HungUp> {
    // An empty chunk would end the body.
    if event.is_empty() {
        return Ok(());
    }
    events.send(event).await.map_err(|_| HungUp)
}

/// Waits for something, and shows meanwhile that the model is there.
async fn wait(fact: impl Future<Output = ()>, idle: &str, events: &Events) -> Result<(), HungUp> {
    let mut fact = std::pin::pin!(fact);
    loop {
        tokio::select! {
            () = &mut fact => return Ok(()),
            () = events.closed() => return Err(HungUp),
            () = tokio::time::sleep(IDLE_EVERY) => send(events, idle.to_owned()).await?,
        }
    }
}
