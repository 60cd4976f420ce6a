//! The scenes every agent plays while it is recorded, in one go, from its start to its end.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use regex::Regex;

use super::cast::{self, State, Truth};
use super::looks::Looks;
use super::stage::{Shown, Stage};
use crate::agents::{Home, RealAgent, Trust};
use crate::models::FakeModel;

/// How long a state lasts that nothing else ends: longer than any rule needs to notice it.
const WHILE: Duration = Duration::from_millis(2500);

/// Between two keys of one answer, as a person presses them.
const BETWEEN_KEYS: Duration = Duration::from_millis(400);

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
struct Play<'m> {
    stage: Stage,
    looks: Looks,
    model: &'m FakeModel,
    home: Home,
    agent: RealAgent,
    /// The stage's beginning, in seconds since 1970.
    began_at: f64,
    kept: Vec<Kept>,
}

/// Plays all scenes with an agent at a size; writes `<agent>-<cols>x<rows>.cast.gz`, its truth, and the
/// screens worth keeping.
///
/// # Errors
/// A scene did not go as it should: the agent behaves in another way than the scenes know.
pub async fn record(
    agent: RealAgent,
    size: (u16, u16),
    trust: Trust,
    root: &Path,
    out: &Path,
) -> Result<()> {
    let model = FakeModel::start(0).await?;
    let home = Home::make(agent, root, &model.url(), trust)?;
    let began_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let stage = Stage::start(agent, &home, &agent.start(None), size)?;
    let looks = Looks::of(agent)?;
    let mut play = Play {
        stage,
        looks,
        model: &model,
        home,
        agent,
        began_at,
        kept: Vec::new(),
    };
    let played = play.all(trust).await;
    let screen = play.stage.shown().text();
    played.with_context(|| format!("{} at {size:?}; the screen at last:\n{screen}", agent.id))?;
    let (cols, rows) = size;
    let name = format!("{}-{cols}x{rows}", agent.id);
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
    async fn all(&mut self, trust: Trust) -> Result<()> {
        self.begin(trust)?;
        self.answer()?;
        self.stream()?;
        self.approve("approval-shell", "shellesc touch probe.txt && sleep 2")?;
        self.refuse()?;
        if self.agent.id != "codex" {
            // Codex writes in a trusted directory without asking.
            let file = self.home.work().join("a.txt");
            self.approve(
                "approval-write",
                &format!("write {}|hello\\nworld", file.display()),
            )?;
        }
        self.question()?;
        self.interrupt()?;
        self.retry()?;
        self.fail()?;
        self.draft()?;
        self.quote()?;
        self.exit().await
    }

    /// Starts, and says whom to trust if asked.
    fn begin(&mut self, trust: Trust) -> Result<()> {
        let asked = (trust == Trust::Asked)
            .then(|| self.looks.trust.take())
            .flatten();
        let mut accepted = Duration::ZERO;
        if let Some(trusting) = &asked {
            let mut earliest = Duration::ZERO;
            if trusting.waits_for_prompt {
                let at = self.see_rest()?;
                self.stage.seen_since(Duration::ZERO, at, State::Idle);
                self.stage.stay(WHILE);
                earliest = self.stage.prompt("Begin.\n@@ say welcome")?;
                self.stage.since(earliest, State::Working);
            }
            let at = self.stage.see("the dialog about trust", |shown| {
                trusting.dialog.is_match(&shown.text())
            })?;
            self.stage.seen_since(earliest, at, State::WaitingApproval);
            self.stage.stay(WHILE);
            self.keep("trust", "waiting kind=trust");
            accepted = self.press(trusting.accept)?;
            // Codex forgets the prompt that brought the dialog up.
            self.stage.since(accepted, State::Starting);
        }
        let at = self.see_rest()?;
        self.stage.seen_since(accepted, at, State::Idle);
        self.stage.stay(WHILE);
        self.keep("ready", "idle");
        Ok(())
    }

    /// A turn that is held, with a prompt of several lines.
    fn answer(&mut self) -> Result<()> {
        let prompt = "Say it like this:\n\n\t\"Grüße, 你好 🎉\"\n\n@@ hold answer";
        self.work(prompt, "holding")?;
        self.stage.stay(WHILE);
        self.keep("working", "working");
        self.release("answer")?;
        self.keep("answered", "idle");
        Ok(())
    }

    /// A turn that streams words.
    fn stream(&mut self) -> Result<()> {
        let script = "@@ slow 4 That was all.";
        self.work(script, "word4")?;
        self.keep("streaming", "working");
        let at = self.see_answer("That was all.")?;
        self.over(script, at);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// An approval that is given.
    fn approve(&mut self, name: &'static str, step: &str) -> Result<()> {
        let script = format!("@@ {step} ;; say approved and done");
        self.work(&script, "")?;
        self.wait_for(&self.looks.approval.clone(), "the approval")?;
        self.keep(name, "waiting kind=approval");
        let pressed = self.press(&[self.looks.approve])?;
        self.stage.since(pressed, State::Working);
        let at = self.see_answer("approved and done")?;
        self.over(&script, at);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// An approval that is refused, which ends the turn or lets the model go on.
    fn refuse(&mut self) -> Result<()> {
        let script = "@@ shellesc touch refused.txt ;; say refused indeed";
        self.work(script, "")?;
        self.wait_for(&self.looks.approval.clone(), "the approval")?;
        let pressed = self.press(&["\x1b"])?;
        let at = self.see_rest()?;
        self.stage.seen_since(pressed, at, State::Idle);
        self.stage.stay(WHILE);
        self.keep("refused", "idle");
        Ok(())
    }

    /// A question that is answered with its first option.
    fn question(&mut self) -> Result<()> {
        let script = "@@ ask Which colour do you want?|Red|Blue|Green ;; say a fine colour";
        self.work(script, "")?;
        self.wait_for(&self.looks.question.clone(), "the question")?;
        self.keep("question", "waiting kind=question");
        let pressed = self.press(&["\r"])?;
        self.stage.since(pressed, State::Working);
        let at = self.see_answer("a fine colour")?;
        self.over(script, at);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// A turn that is interrupted.
    fn interrupt(&mut self) -> Result<()> {
        self.work("@@ hold never", "holding")?;
        self.stage.stay(WHILE);
        let pressed = self.press(self.looks.interrupt)?;
        let at = self.see_rest()?;
        self.stage.seen_since(pressed, at, State::Idle);
        self.stage.stay(WHILE);
        self.keep("interrupted", "idle");
        // Qwen puts the prompt back into the composer.
        self.clear()
    }

    /// A model that fails at first.
    fn retry(&mut self) -> Result<()> {
        let script = "@@ error 500 2";
        self.work(script, "")?;
        self.stage.stay(Duration::from_secs(1));
        self.keep("retrying", "working");
        let at = self.see_answer("recovered.")?;
        self.over(script, at);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// A model that fails for good.
    fn fail(&mut self) -> Result<()> {
        let script = "@@ error 400";
        self.work(script, "")?;
        let at = self.see_answer("Fake failure on")?;
        self.over(script, at);
        self.stage.stay(WHILE);
        self.keep("failed", "idle");
        Ok(())
    }

    /// A person who writes a prompt and does not send it.
    fn draft(&mut self) -> Result<()> {
        self.stage.type_slowly("1. an unsent draft, y")?;
        self.stage.stay(WHILE);
        self.keep("draft", "idle");
        self.clear()
    }

    /// An answer that quotes the agent's own dialog.
    fn quote(&mut self) -> Result<()> {
        let script = format!("@@ hold quote {}", self.looks.quote);
        self.work(&script, "")?;
        self.stage.stay(WHILE);
        self.keep("quoting", "working");
        self.model.release("quote");
        let released = self.stage.now();
        let quoted = |shown: &Shown| shown.text().contains("released.");
        self.stage.see("the end of the quotation", quoted)?;
        self.stage.stay(WHILE);
        self.stage
            .seen_since(released, released + Duration::from_millis(600), State::Idle);
        self.keep("quoted", "idle");
        Ok(())
    }

    async fn exit(&mut self) -> Result<()> {
        self.stage.type_slowly(self.looks.exit)?;
        self.stage.stay(Duration::from_millis(500));
        let pressed = self.stage.type_text("\r")?;
        let (at, _) = self.stage.exit().await?;
        self.stage.seen_since(pressed, at, State::Exited);
        self.stage.stay(Duration::from_secs(1));
        Ok(())
    }

    /// Gives a prompt, and waits until the screen shows a text.
    fn work(&mut self, prompt: &str, text: &str) -> Result<()> {
        let pressed = self.stage.prompt(prompt)?;
        self.stage.since(pressed, State::Working);
        let has = |shown: &Shown| shown.text().contains(text);
        self.stage.see(&format!("{text:?}"), has)?;
        Ok(())
    }

    /// Waits for a dialog.
    fn wait_for(&mut self, dialog: &Regex, what: &str) -> Result<()> {
        let at = self
            .stage
            .see(what, |shown| dialog.is_match(&shown.text()))?;
        // It cannot be drawn before the model has asked for it.
        let earliest = self.last_said("");
        self.stage.seen_since(earliest, at, State::WaitingApproval);
        self.stage.stay(WHILE);
        Ok(())
    }

    fn release(&mut self, gate: &str) -> Result<()> {
        let released = self.stage.now();
        self.model.release(gate);
        let at = self.see_answer("released.")?;
        self.stage.seen_since(released, at, State::Idle);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// A turn is seen to be over; it was not before the model had said all.
    fn over(&mut self, script: &str, at: Duration) {
        let earliest = self.last_said(script);
        self.stage.seen_since(earliest, at, State::Idle);
    }

    /// When the model ended its last answer to a prompt with a text, on the recording's clock.
    fn last_said(&self, script: &str) -> Duration {
        let log = self.model.log();
        let of_script = log
            .iter()
            .filter(|entry| entry.prompt.contains(script) && !entry.tools.is_empty());
        let last = of_script.filter_map(|entry| entry.ended_at).next_back();
        let since = last.map_or(0.0, |at| at - self.began_at);
        Duration::try_from_secs_f64(since).unwrap_or_default()
    }

    fn see_rest(&self) -> Result<Duration> {
        self.stage.see("rest", |shown| self.looks.at_rest(shown))
    }

    /// Waits until an answer is on the screen and the agent at rest.
    fn see_answer(&self, text: &str) -> Result<Duration> {
        let done = |shown: &Shown| shown.text().contains(text) && self.looks.at_rest(shown);
        self.stage.see(&format!("{text:?} and rest"), done)
    }

    /// Presses keys one after the other; returns when the last was.
    fn press(&mut self, keys: &[&str]) -> Result<Duration> {
        let mut last = self.stage.now();
        for (number, key) in keys.iter().enumerate() {
            if number > 0 {
                self.stage.stay(BETWEEN_KEYS);
            }
            last = self.stage.type_text(key)?;
        }
        Ok(last)
    }

    /// Empties the composer.
    fn clear(&mut self) -> Result<()> {
        self.stage.type_text("\x15")?;
        self.stage.stay(Duration::from_millis(500));
        Ok(())
    }

    fn keep(&mut self, name: &'static str, state: &'static str) {
        let shown = self.stage.shown();
        self.kept.push(Kept { name, state, shown });
    }
}
