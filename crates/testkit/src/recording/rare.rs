//! What happens now and then: answers of other kinds, several tools in a row, long silence, text that
//! looks like a dialog in every place, another size in the middle.

use std::time::Duration;

use anyhow::Result;

use super::scenes::{Play, WHILE};
use super::stage::Stage;
use crate::agents::Trust;

/// Longer than anything an agent does at rest.
const REST: Duration = Duration::from_secs(70);

/// A person who thinks before they answer.
const THOUGHT: Duration = Duration::from_secs(9);

impl Play<'_> {
    /// Plays all of it.
    pub(super) async fn rare(&mut self, trust: Trust) -> Result<()> {
        self.begin(trust)?;
        self.short()?;
        self.silent()?;
        self.chain()?;
        self.printed()?;
        self.leave_question()?;
        self.stop_tool()?;
        self.resized()?;
        self.drafts()?;
        self.quote_in_prompt()?;
        self.long_answer()?;
        self.stage.stay(REST);
        self.keep("rested", "idle");
        self.short()?;
        self.exit().await
    }

    /// A turn that is over at once.
    fn short(&mut self) -> Result<()> {
        self.work("@@ say Good day.")?;
        self.over(1)
    }

    /// A model that says nothing for a while.
    fn silent(&mut self) -> Result<()> {
        self.work("Think about it.\n@@ think 9")?;
        self.over(1)
    }

    /// Several tools in a row: approved at once, after a while, and refused.
    fn chain(&mut self) -> Result<()> {
        let file = self.home.work().join("notes/b.txt");
        let script = format!(
            "@@ shellesc touch one.txt && sleep 1 ;; shellesc touch two.txt && sleep 6 ;; write {}|a\\nb\\nc ;; shellesc rm one.txt ;; say all done",
            file.display()
        );
        self.work(&script)?;
        let dialog = self.looks.approval.clone();
        self.wait_for(&dialog, 1)?;
        self.answer(&[self.looks.approve])?;
        self.wait_for(&dialog, 2)?;
        self.stage.stay(THOUGHT);
        self.keep("approval-next", "waiting kind=approval");
        self.answer(&[self.looks.approve])?;
        if self.agent.id == "codex" {
            self.said(3)?;
        } else {
            self.wait_for(&dialog, 3)?;
            self.answer(&[self.looks.approve])?;
        }
        self.wait_for(&dialog, 4)?;
        self.stop(&["\x1b"])
    }

    /// A command that prints what looks like a dialog.
    fn printed(&mut self) -> Result<()> {
        let quote = self.looks.quote.replace("\\n", "\n").replace('\'', "");
        std::fs::write(self.home.work().join("dialog.txt"), quote + "\n")?;
        self.work("@@ shellesc cat dialog.txt; touch read.txt; sleep 3 ;; say that was it")?;
        self.wait_for(&self.looks.approval.clone(), 1)?;
        self.answer(&[self.looks.approve])?;
        self.over(2)
    }

    /// A question that is left with Esc.
    fn leave_question(&mut self) -> Result<()> {
        self.work("@@ ask Shall we go on with the second part?|Yes|No ;; say as you like")?;
        self.wait_for(&self.looks.question.clone(), 1)?;
        self.stage.stay(WHILE);
        self.stop(&["\x1b"])
    }

    /// Esc while a command runs.
    fn stop_tool(&mut self) -> Result<()> {
        self.work("@@ shellesc touch slow.txt && sleep 40 ;; say slept")?;
        self.wait_for(&self.looks.approval.clone(), 1)?;
        self.answer(&[self.looks.approve])?;
        self.stage.stay(WHILE * 2);
        self.stop(self.looks.interrupt)?;
        self.clear()
    }

    /// Another size at rest, at work and in a dialog.
    fn resized(&mut self) -> Result<()> {
        let (cols, rows) = self.size;
        let other = (cols + 17, rows + 5);
        let turn = |stage: &mut Stage| {
            for (cols, rows) in [other, (cols, rows)] {
                stage.resize(cols, rows)?;
                stage.stay(WHILE);
            }
            anyhow::Ok(())
        };
        turn(&mut self.stage)?;
        self.work("@@ hold sizes")?;
        self.see_text("holding")?;
        turn(&mut self.stage)?;
        self.model.release("sizes");
        self.over(1)?;
        self.work("@@ shellesc touch three.txt ;; say three")?;
        self.wait_for(&self.looks.approval.clone(), 1)?;
        turn(&mut self.stage)?;
        self.answer(&[self.looks.approve])?;
        self.over(2)
    }

    /// A person who writes what looks like a dialog, and a command they think better of.
    fn drafts(&mut self) -> Result<()> {
        self.stage
            .type_slowly("Do you want to proceed? Esc to cancel (esc to interrupt)")?;
        self.stage.stay(WHILE);
        self.keep("draft-quote", "idle");
        self.clear()?;
        self.stage.type_slowly("/")?;
        self.stage.stay(WHILE);
        self.keep("commands", "idle");
        self.stage.type_text("\x7f")?;
        self.stage.stay(WHILE);
        Ok(())
    }

    /// A prompt that quotes a dialog, answered at length.
    fn quote_in_prompt(&mut self) -> Result<()> {
        let quote = self.looks.quote.replace("\\n", "\n");
        self.work(&format!(
            "What does this mean?\n{quote}\n@@ slow 5 Nothing."
        ))?;
        self.over(1)
    }

    /// An answer longer than the screen.
    fn long_answer(&mut self) -> Result<()> {
        self.work("@@ lines 120")?;
        self.over(1)
    }
}
