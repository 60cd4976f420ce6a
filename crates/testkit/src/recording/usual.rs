//! What happens in every session.

use std::time::Duration;

use anyhow::Result;

use super::scenes::{Play, WHILE};
use crate::agents::Trust;

impl Play<'_> {
    /// Plays all of it.
    pub(super) async fn usual(&mut self, trust: Trust) -> Result<()> {
        self.begin(trust)?;
        self.held()?;
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
        self.draft()?;
        self.retry()?;
        self.fail()?;
        self.quote()?;
        self.exit().await
    }

    /// A turn that is held, with a prompt of several lines.
    fn held(&mut self) -> Result<()> {
        self.work("Say it like this:\n\n\t\"Grüße, 你好 🎉\"\n\n@@ hold answer")?;
        self.see_text("holding")?;
        self.stage.stay(WHILE);
        self.keep("working", "working");
        self.model.release("answer");
        self.over(1)?;
        self.keep("answered", "idle");
        Ok(())
    }

    /// A turn that streams words.
    fn stream(&mut self) -> Result<()> {
        self.work("@@ slow 4 That was all.")?;
        self.see_text("word4")?;
        if !self.is_said(1) {
            self.keep("streaming", "working");
        }
        self.over(1)
    }

    /// An approval that is given.
    fn approve(&mut self, name: &'static str, step: &str) -> Result<()> {
        self.work(&format!("@@ {step} ;; say approved and done"))?;
        self.wait_for(&self.looks.approval.clone(), 1)?;
        self.keep(name, "waiting kind=approval");
        self.answer(&[self.looks.approve])?;
        self.over(2)
    }

    /// An approval that is refused, which ends the turn or lets the model go on.
    fn refuse(&mut self) -> Result<()> {
        self.work("@@ shellesc touch refused.txt ;; say refused indeed")?;
        self.wait_for(&self.looks.approval.clone(), 1)?;
        self.stop(&["\x1b"])?;
        self.keep("refused", "idle");
        Ok(())
    }

    /// A question that is answered with its first option.
    fn question(&mut self) -> Result<()> {
        self.work("@@ ask Which colour do you want?|Red|Blue|Green ;; say a fine colour")?;
        self.wait_for(&self.looks.question.clone(), 1)?;
        self.keep("question", "waiting kind=question");
        self.answer(&["\r"])?;
        self.over(2)
    }

    /// A turn that is interrupted.
    fn interrupt(&mut self) -> Result<()> {
        self.work("@@ hold never")?;
        self.see_text("holding")?;
        self.stage.stay(WHILE);
        self.stop(self.looks.interrupt)?;
        self.keep("interrupted", "idle");
        // Qwen puts the prompt back into the composer.
        self.clear()
    }

    /// A model that fails at first.
    fn retry(&mut self) -> Result<()> {
        self.work("@@ error 500 2")?;
        self.said(1)?;
        self.stage.stay(Duration::from_secs(1));
        if self.requests() < 3 {
            self.keep("retrying", "working");
        }
        self.over(3)
    }

    /// A model that fails for good.
    fn fail(&mut self) -> Result<()> {
        self.work("@@ error 400")?;
        self.over(1)?;
        self.keep("failed", "errored");
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
        self.work(&format!("@@ hold quote {}", self.looks.quote))?;
        self.stage.stay(WHILE);
        self.keep("quoting", "working");
        self.model.release("quote");
        self.over(1)?;
        self.keep("quoted", "idle");
        Ok(())
    }
}
