//! How the screen of each agent tells what it shows, in the scenes that are played on purpose.

use anyhow::Result;
use regex::Regex;

use super::stage::Shown;
use crate::agents::RealAgent;

/// What tells one agent's screens apart, and the keys it takes.
#[derive(Debug)]
pub struct Looks {
    /// On the screen while it may be given a prompt, and in no dialog.
    rest: Regex,
    /// On the screen, or at the beginning of the title, while a turn goes on.
    busy: Regex,
    /// A dialog that asks for leave to act.
    pub approval: Regex,
    /// A dialog that asks a question.
    pub question: Regex,
    /// What tells a dialog stands so near to the bottom, in lines.
    dialog_lines: usize,
    /// The dialog about trust in the directory.
    pub trust: Option<Trusting>,
    /// Answers an approval with yes.
    pub approve: &'static str,
    /// Ends a turn.
    pub interrupt: &'static [&'static str],
    /// Ends the program.
    pub exit: &'static str,
    /// The words of its own approval, as a transcript may quote them.
    pub quote: &'static str,
}

/// The dialog about trust.
#[derive(Debug)]
pub struct Trusting {
    /// What it says.
    pub dialog: Regex,
    /// Answers with yes.
    pub accept: &'static [&'static str],
}

impl Looks {
    /// The looks of an agent.
    ///
    /// # Errors
    /// None; the patterns are constant.
    pub fn of(agent: RealAgent) -> Result<Self> {
        let looks = match agent.id {
            "claude-code" => Self {
                rest: Regex::new("mode on|for shortcuts")?,
                busy: Regex::new("esc to interrupt")?,
                approval: Regex::new("Do you want to (proceed|create|make|overwrite)")?,
                question: Regex::new("Enter to select")?,
                dialog_lines: 12,
                trust: trusting("Yes, I trust this folder", &["\x1b[B", "\r"])?,
                approve: "\r",
                interrupt: &["\x1b"],
                exit: "/exit",
                quote: "Do you want to proceed?\\n❯ 1. Yes\\n  2. No\\n\\nEsc to cancel · Tab to amend",
            },
            "codex" => Self {
                rest: Regex::new(r"(?m)^› ")?,
                busy: Regex::new("^[\u{2800}-\u{28ff}]")?,
                approval: Regex::new("Press enter to confirm or esc to cancel")?,
                question: Regex::new("enter to submit answer")?,
                dialog_lines: 5,
                trust: trusting(r"Trust this folder\?", &["\r"])?,
                approve: "y",
                interrupt: &["\x1b"],
                exit: "/quit",
                quote: "Would you like to run the following command?\\n› 1. Yes, proceed (y)\\n\\nPress enter to confirm or esc to cancel",
            },
            "opencode" => Self {
                rest: Regex::new(r"ctrl\+p commands")?,
                busy: Regex::new("esc (again to )?interrupt")?,
                approval: Regex::new("Permission required")?,
                question: Regex::new("esc dismiss")?,
                dialog_lines: 20,
                trust: None,
                approve: "\r",
                interrupt: &["\x1b", "\x1b"],
                exit: "/exit",
                quote: "△ Permission required\\n\\nAllow once   Allow always   Reject\\n\\nenter submit  esc dismiss",
            },
            "gemini" => Self {
                rest: Regex::new("(?m)^ [>*] ")?,
                // Its old lines stay on the screen when the size changes.
                busy: Regex::new("^[✦⏲]")?,
                approval: Regex::new(r"No, suggest changes \(esc\)")?,
                question: Regex::new("Enter to select")?,
                dialog_lines: 12,
                trust: trusting("Do you trust the files", &["\r"])?,
                approve: "\r",
                interrupt: &["\x1b"],
                exit: "/quit",
                quote: "Allow execution of [Shell]?\\n● 1. Allow once\\n  4. No, suggest changes (esc)",
            },
            "copilot" => Self {
                rest: Regex::new("(?m)^[❯┃]")?,
                busy: Regex::new("(?m)^ . Working|esc esc ")?,
                approval: Regex::new("Do you want to run")?,
                question: Regex::new("enter accept")?,
                dialog_lines: 12,
                trust: trusting("Do you trust the files", &["1"])?,
                approve: "1",
                interrupt: &["\x1b", "\x1b"],
                exit: "/exit",
                quote: "Do you want to run this command?\\n❯ 1. Yes\\n  3. No (Esc to stop)\\n\\nenter to select · esc to cancel",
            },
            _ => Self {
                rest: Regex::new("(?m)^[>*] .*\n─+$")?,
                busy: Regex::new("esc to cancel|Initializing")?,
                approval: Regex::new("(?s)Yes, allow once.*Waiting for user confirmation")?,
                question: Regex::new("(?s)Enter: Select.*Waiting for user confirmation")?,
                dialog_lines: 12,
                trust: None,
                approve: "\r",
                interrupt: &["\x1b"],
                exit: "/quit",
                quote: "Allow execution of: 'touch'?\\n› 1. Yes, allow once\\n\\nWaiting for user confirmation...",
            },
        };
        Ok(looks)
    }

    /// Whether the agent may be given a prompt.
    pub fn at_rest(&self, shown: &Shown) -> bool {
        let asks = self.asks(&self.approval, shown) || self.asks(&self.question, shown);
        self.is_quiet(shown) && !asks
    }

    /// Whether a dialog is shown where it stands; further up it is of the past, or quoted.
    pub fn asks(&self, dialog: &Regex, shown: &Shown) -> bool {
        let lines = shown.rows.iter().map(String::as_str);
        let lines: Vec<&str> = lines.filter(|row| !row.trim().is_empty()).collect();
        let begin = lines.len().saturating_sub(self.dialog_lines);
        dialog.is_match(&lines[begin..].join("\n"))
    }

    /// Whether nothing goes on, dialogs and what looks like one left aside.
    pub fn is_quiet(&self, shown: &Shown) -> bool {
        let text = shown.text();
        let busy = match self.busy.as_str().starts_with('^') {
            true => self.busy.is_match(&shown.title),
            false => self.busy.is_match(&text),
        };
        self.rest.is_match(&text) && !busy
    }
}

fn trusting(dialog: &str, accept: &'static [&'static str]) -> Result<Option<Trusting>> {
    Ok(Some(Trusting {
        dialog: Regex::new(dialog)?,
        accept,
    }))
}
