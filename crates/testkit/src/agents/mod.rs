//! Real agents, for tests and recordings: which, where they come from, and a home to run them in.
//!
//! Owns the list with the version of each, their installation from npm into a cache that test machines
//! reuse, and homes in which they ask [`crate::models`] and nobody else. Does not know what their
//! screens look like or what a test wants of them. Without npm an agent is out of reach, which is
//! told apart from an installation that failed.

mod bring;
mod footprint;
mod home;

pub use bring::{Brought, cache};
pub use footprint::Footprint;
pub use home::{Home, Trust};

/// An agent that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealAgent {
    /// The id of its definition.
    pub id: &'static str,
    /// The npm package.
    pub package: &'static str,
    /// The version that is run. What npm calls the latest differs with the version of Node.js.
    pub version: &'static str,
    /// The program's name.
    pub program: &'static str,
    /// Whether the package puts its program in place by a script, after it was installed.
    pub needs_script: bool,
}

/// Claude Code.
pub const CLAUDE_CODE: RealAgent = RealAgent {
    id: "claude-code",
    package: "@anthropic-ai/claude-code",
    version: "2.1.330",
    program: "claude",
    needs_script: true,
};

/// Codex.
pub const CODEX: RealAgent = RealAgent {
    id: "codex",
    package: "@openai/codex",
    version: "0.169.0",
    program: "codex",
    needs_script: false,
};

/// opencode.
pub const OPENCODE: RealAgent = RealAgent {
    id: "opencode",
    package: "opencode-ai",
    version: "1.18.33",
    program: "opencode",
    needs_script: true,
};

/// Gemini CLI.
pub const GEMINI: RealAgent = RealAgent {
    id: "gemini",
    package: "@google/gemini-cli",
    version: "0.61.0",
    program: "gemini",
    needs_script: false,
};

/// Qwen Code.
pub const QWEN: RealAgent = RealAgent {
    id: "qwen",
    package: "@qwen-code/qwen-code",
    version: "0.24.4",
    program: "qwen",
    needs_script: false,
};

/// GitHub Copilot CLI.
pub const COPILOT: RealAgent = RealAgent {
    id: "copilot",
    package: "@github/copilot",
    version: "1.0.102",
    program: "copilot",
    needs_script: false,
};

/// Those that tests run. The others are recorded only, and brought when they are.
pub const TESTED: [RealAgent; 5] = [CLAUDE_CODE, CODEX, OPENCODE, GEMINI, QWEN];

/// All of them.
pub const ALL: [RealAgent; 6] = [CLAUDE_CODE, CODEX, OPENCODE, GEMINI, QWEN, COPILOT];

impl RealAgent {
    /// The agent of that id.
    pub fn find(id: &str) -> Option<Self> {
        ALL.into_iter().find(|agent| agent.id == id)
    }

    /// Where it keeps its conversations, below its home.
    pub fn conversations(&self) -> &'static [&'static str] {
        match self.id {
            "claude-code" => &[".claude/projects"],
            "codex" => &[".codex/sessions"],
            "opencode" => &[".local/share/opencode"],
            "gemini" => &[".gemini/tmp"],
            _ => &[".qwen/projects"],
        }
    }

    /// The arguments that start it, with a first prompt or without.
    pub fn start(&self, prompt: Option<&str>) -> Vec<String> {
        let words: &[&str] = match (self.id, prompt) {
            // Without it, one that starts without a prompt leaves a server behind.
            ("codex", None) => &["--no-daemon"],
            (_, None) => &[],
            ("claude-code" | "codex", Some(prompt)) => &[prompt],
            ("opencode", Some(prompt)) => &["--prompt", prompt],
            (_, Some(prompt)) => &["-i", prompt],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }
}
