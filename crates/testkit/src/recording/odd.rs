//! What people do besides: prompts while a turn goes on, tools that nobody is asked about, other
//! agents under the agent, a plan, Ctrl-C.

use anyhow::Result;
use regex::Regex;

use super::cast::State;
use super::scenes::{Play, WHILE};
use crate::agents::Trust;

impl Play<'_> {
    /// Plays all of it, as far as the agent knows it.
    pub(super) async fn odd(&mut self, trust: Trust) -> Result<()> {
        self.begin(trust)?;
        self.typed_ahead()?;
        match self.agent.id {
            "claude-code" => {
                self.free_tools()?;
                self.child("Agent", "general-purpose")?;
                self.plan()?;
            }
            "opencode" => self.child("task", "general")?,
            "codex" => self.free_tools()?,
            _ => {}
        }
        if self.agent.id != "opencode" {
            // It ends opencode.
            self.cancel()?;
        }
        self.exit().await
    }

    /// A prompt that is given while a turn goes on.
    fn typed_ahead(&mut self) -> Result<()> {
        self.work("@@ hold ahead")?;
        self.see_text("holding")?;
        self.stage.stay(WHILE);
        self.add("@@ slow 3 The second answer.")?;
        self.stage.stay(WHILE);
        self.model.release("ahead");
        self.over(1)
    }

    /// Several tools that run without anybody being asked.
    fn free_tools(&mut self) -> Result<()> {
        self.work(
            "@@ shell ls ;; shell cat README.md ;; shell pwd ;; shell ls -l ;; say all seen",
        )?;
        self.over(5)
    }

    /// An agent under the agent, whose end is not the end of the turn.
    fn child(&mut self, tool: &str, kind: &str) -> Result<()> {
        // The model must not take the child's script for its own.
        let task = "\\u0040\\u0040 slow 4 counted";
        let arguments = format!(
            "{{\"description\":\"count\",\"prompt\":\"{task}\",\"subagent_type\":\"{kind}\"}}"
        );
        self.work(&format!(
            "@@ tool {tool} {arguments} ;; slow 4 The parent is done."
        ))?;
        let earliest = self.said(2)?;
        // Claude Code's goes on in the background, and its end begins another turn: whether the
        // agent rests meanwhile is nobody's to say.
        if self.agent.id == "claude-code" {
            self.stage.stay(WHILE * 4);
        }
        let at = self.see_rest(earliest)?;
        self.stage.seen_since(earliest, at, State::Idle);
        self.stage.stay(WHILE);
        Ok(())
    }

    /// A plan that is put before the person, who does not want it.
    fn plan(&mut self) -> Result<()> {
        let mut tries = 0;
        while !self.stage.shown().text().contains("plan mode on") && tries < 6 {
            self.stage.type_text("\x1b[Z")?;
            self.stage.stay(WHILE / 3);
            tries += 1;
        }
        self.work("@@ tool ExitPlanMode {\"plan\":\"# Plan\\n\\n1. Count.\"} ;; say planned")?;
        self.wait_for(
            &Regex::new("(?i)would you like to proceed|exit plan mode")?,
            1,
        )?;
        self.keep("plan", "waiting kind=plan");
        self.stop(&["\x1b"])?;
        self.stage.type_text("\x1b[Z")?;
        self.stage.stay(WHILE);
        self.clear()
    }

    /// Ctrl-C in a turn.
    fn cancel(&mut self) -> Result<()> {
        self.work("@@ hold never")?;
        self.see_text("holding")?;
        self.stage.stay(WHILE);
        self.stop(&["\x03"])?;
        self.clear()
    }
}
