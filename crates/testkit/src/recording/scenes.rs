//! A play: an agent on a stage, the scenes it plays in one go from its start to its end, and what is
//! known of its states meanwhile.
//!
//! What begins a state is a key that was pressed. What ends a turn is the last word of the model, which
//! is known; how long the agent took to show it is seen on the screen.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use regex::Regex;

use super::cast::{self, State, Truth};
use super::looks::Looks;
use super::stage::{Shown, Stage, Terminal};
use crate::agents::{Home, RealAgent, Trust};
use crate::models::FakeModel;

/// How long a state lasts that nothing else ends: longer than any rule needs to notice it.
pub(super) const WHILE: Duration = Duration::from_millis(2500);

/// Between two keys of one answer, as a person presses them.
const BETWEEN_KEYS: Duration = Duration::from_millis(400);

/// What the model does not say in this time it never says.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at what the model was asked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which scenes are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenes {
    /// What happens in every session.
    Usual,
    /// What happens now and then, in a longer one.
    Rare,
    /// What people do besides.
    Odd,
}

/// How a recording is made.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Whether the agent has to ask for trust.
    pub trust: Trust,
    /// The terminal it runs on.
    pub terminal: Terminal,
    /// What is played.
    pub scenes: Scenes,
}

/// A screen to keep, with what the agent did then.
#[derive(Debug)]
pub struct Kept {
    /// Its name.
    pub name: &'static str,
    /// The state, and what is waited for.
    pub state: &'static str,
    /// What it showed.
    pub shown: Shown,
}

/// An agent on a stage.
pub(super) struct Play<'m> {
    pub(super) stage: Stage,
    pub(super) looks: Looks,
    pub(super) model: &'m FakeModel,
    pub(super) home: Home,
    pub(super) agent: RealAgent,
    pub(super) size: (u16, u16),
    /// When the turn that is played began.
    turn: Duration,
    /// What the model was asked for in it.
    script: String,
    /// When a key was pressed last.
    pressed: Duration,
    /// The stage's beginning, in seconds since 1970.
    began_at: f64,
    kept: Vec<Kept>,
}

/// Plays all scenes with an agent at a size; writes `<agent>-<cols>x<rows>.cast.gz`, its truth, and the
/// screens worth keeping.
///
/// # Errors
/// A scene did not go as it should: the agent behaves in another way than the scenes know.
pub async fn record(agent: RealAgent, setting: Setting, root: &Path, out: &Path) -> Result<()> {
    let Setting {
        size,
        trust,
        terminal,
        scenes,
    } = setting;
    let model = FakeModel::start(0).await?;
    let home = Home::make(agent, root, &model.url(), trust)?;
    let began_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let stage = Stage::start(agent, &home, &agent.start(None), size, terminal)?;
    let looks = Looks::of(agent)?;
    let mut play = Play {
        stage,
        looks,
        model: &model,
        home,
        agent,
        size,
        turn: Duration::ZERO,
        script: String::new(),
        pressed: Duration::ZERO,
        began_at,
        kept: Vec::new(),
    };
    let played = match scenes {
        Scenes::Usual => play.usual(trust).await,
        Scenes::Rare => play.rare(trust).await,
        Scenes::Odd => play.odd(trust).await,
    };
    let screen = play.stage.shown().text();
    played.with_context(|| format!("{} at {size:?}; the screen at last:\n{screen}", agent.id))?;
    let (cols, rows) = size;
    let plain = match terminal {
        Terminal::Ours => "",
        Terminal::Plain => "-plain",
    };
    let name = format!("{}-{cols}x{rows}{plain}", agent.id);
    let (happenings, intervals) = play.stage.finish();
    let truth = Truth {
        agent: agent.id.to_owned(),
        version: agent.version.to_owned(),
        cols,
        rows,
        intervals,
    };
    let recordings = out.join("recordings");
    std::fs::create_dir_all(&recordings)?;
    cast::write(
        &recordings.join(format!("{name}.cast.gz")),
        &truth,
        &happenings,
    )?;
    cast::write_truth(&recordings.join(format!("{name}.json")), &truth)?;
    write_screens(&out.join("screens").join(agent.id), size, &play.kept)
}

fn write_screens(dir: &Path, (cols, rows): (u16, u16), kept: &[Kept]) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for screen in kept {
        let mut text = format!("# cols={cols} rows={rows} state={}\n", screen.state);
        if !screen.shown.title.is_empty() {
            text += &format!("# title={}\n", screen.shown.title.trim_end());
        }
        text += screen.shown.text().trim_end();
        text.push('\n');
        std::fs::write(dir.join(format!("{}-{cols}x{rows}.txt", screen.name)), text)?;
    }
    Ok(())
}

impl Play<'_> {
    /// Starts, and says whom to trust if asked.
    pub(super) fn begin(&mut self, trust: Trust) -> Result<()> {
        let asked = (trust == Trust::Asked)
            .then(|| self.looks.trust.take())
            .flatten();
        let mut accepted = Duration::ZERO;
        if let Some(trusting) = &asked {
            let drawn = |shown: &Shown| trusting.dialog.is_match(&shown.text());
            let at = self
                .stage
                .see("the dialog about trust", Duration::ZERO, drawn)?;
            self.stage
                .seen_since(Duration::ZERO, at, State::WaitingApproval);
            self.stage.stay(WHILE);
            self.keep("trust", "waiting kind=trust");
            accepted = self.press(trusting.accept)?;
            self.stage.since(accepted, State::Starting);
        }
        let at = self.see_rest(accepted)?;
        self.stage.seen_since(accepted, at, State::Idle);
        self.stage.stay(WHILE);
        self.keep("ready", "idle");
        Ok(())
    }

    pub(super) async fn exit(&mut self) -> Result<()> {
        self.stage.type_slowly(self.looks.exit)?;
        self.stage.stay(Duration::from_millis(500));
        let pressed = self.stage.type_text("\r")?;
        let (at, _) = self.stage.exit().await?;
        self.stage.seen_since(pressed, at, State::Exited);
        self.stage.stay(Duration::from_secs(1));
        Ok(())
    }

    /// Gives a prompt, which begins a turn.
    pub(super) fn work(&mut self, prompt: &str) -> Result<()> {
        self.turn = self.add(prompt)?;
        self.stage.since(self.turn, State::Working);
        Ok(())
    }

    /// Gives another prompt while a turn goes on, which is then the one that counts.
    pub(super) fn add(&mut self, prompt: &str) -> Result<Duration> {
        let pressed = self.stage.prompt(prompt)?;
        let script = prompt.find("@@").map_or("", |at| &prompt[at..]);
        self.script = script.lines().next().unwrap_or_default().to_owned();
        Ok(pressed)
    }

    /// Waits until the screen shows a text of this turn.
    pub(super) fn see_text(&self, text: &str) -> Result<Duration> {
        let has = |shown: &Shown| shown.text().contains(text);
        self.stage.see(&format!("{text:?}"), self.turn, has)
    }

    /// Waits for a dialog, that of so many requests of the turn to the model.
    pub(super) fn wait_for(&mut self, dialog: &Regex, requests: usize) -> Result<()> {
        // It cannot be drawn before the model has asked for it.
        let earliest = self.said(requests)?.max(self.pressed);
        let at = self.stage.see("the dialog", earliest, |shown| {
            self.looks.asks(dialog, shown)
        })?;
        self.stage.seen_since(earliest, at, State::WaitingApproval);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// Presses keys that answer a dialog, after which the turn goes on.
    pub(super) fn answer(&mut self, keys: &[&str]) -> Result<Duration> {
        let pressed = self.press(keys)?;
        self.stage.since(pressed, State::Working);
        Ok(pressed)
    }

    /// Waits for the end of a turn: after so many requests the model has said all, and the agent
    /// shows that it rests.
    pub(super) fn over(&mut self, requests: usize) -> Result<()> {
        let earliest = self.said(requests)?;
        let at = self.stage.see("the end of the turn", earliest, |shown| {
            self.looks.is_quiet(shown)
        })?;
        self.stage.seen_since(earliest, at, State::Idle);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// Presses keys that end the turn, and waits for its end.
    pub(super) fn stop(&mut self, keys: &[&str]) -> Result<()> {
        let pressed = self.press(keys)?;
        let at = self.see_rest(pressed)?;
        self.stage.seen_since(pressed, at, State::Idle);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// Waits until the model has answered so many requests of the turn; returns when it did, on the
    /// recording's clock.
    pub(super) fn said(&self, requests: usize) -> Result<Duration> {
        let begin = self.stage.now();
        loop {
            let ends = self.ends();
            if let Some(Some(end)) = ends.get(requests - 1) {
                return Ok(*end);
            }
            if self.stage.now() > begin + PATIENCE {
                bail!("the model was asked {} times, not {requests}", ends.len());
            }
            self.stage.stay(LOOK_EVERY);
        }
    }

    /// How many requests of the turn the model has got.
    pub(super) fn requests(&self) -> usize {
        self.ends().len()
    }

    /// Whether the model has answered so many requests of the turn.
    pub(super) fn is_said(&self, requests: usize) -> bool {
        matches!(self.ends().get(requests - 1), Some(Some(_)))
    }

    /// When the model ended its answers to the requests of the turn; none while it speaks.
    fn ends(&self) -> Vec<Option<Duration>> {
        let clock = |at: f64| Duration::try_from_secs_f64(at - self.began_at).unwrap_or_default();
        let log = self.model.log();
        let of_turn = log
            .iter()
            // Agents ask for other things too: titles, suggestions.
            .filter(|entry| !entry.tools.is_empty() && entry.prompt.contains(&self.script))
            .filter(|entry| clock(entry.at) >= self.turn);
        of_turn.map(|entry| entry.ended_at.map(clock)).collect()
    }

    /// Waits until the agent is at rest, and the model silent.
    pub(super) fn see_rest(&self, after: Duration) -> Result<Duration> {
        let asked = self.ends().len();
        self.stage
            .see(&format!("rest after {asked} requests"), after, |shown| {
                self.looks.at_rest(shown) && self.ends().iter().all(Option::is_some)
            })
    }

    /// Presses keys one after the other; returns when the last was.
    pub(super) fn press(&mut self, keys: &[&str]) -> Result<Duration> {
        let mut last = self.stage.now();
        for (number, key) in keys.iter().enumerate() {
            if number > 0 {
                self.stage.stay(BETWEEN_KEYS);
            }
            last = self.stage.type_text(key)?;
        }
        self.pressed = last;
        Ok(last)
    }

    /// Empties the composer.
    pub(super) fn clear(&mut self) -> Result<()> {
        self.stage.type_text("\x15")?;
        self.stage.stay(Duration::from_millis(500));
        Ok(())
    }

    pub(super) fn keep(&mut self, name: &'static str, state: &'static str) {
        let shown = self.stage.shown();
        self.kept.push(Kept { name, state, shown });
    }
}
