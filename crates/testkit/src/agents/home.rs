//! A home in which an agent asks the fake model and knows nobody.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Footprint, RealAgent};
use crate::repository::git;

/// The longest key an agent accepts without looking at its form.
const KEY: &str = "fake-key";

/// What an agent believes of the directory it works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The person said before that it may work there.
    Given,
    /// It has to ask.
    Asked,
}

/// A home directory with an agent's settings, and a repository to work in.
#[derive(Debug)]
pub struct Home {
    agent: RealAgent,
    root: PathBuf,
    /// Of the model.
    url: String,
}

impl Home {
    /// Makes the home anew below `root`, which is emptied. Not below `/tmp`: Codex runs no
    /// commands there.
    ///
    /// # Errors
    /// A file cannot be written, or git is not there.
    pub fn make(agent: RealAgent, root: &Path, url: &str, trust: Trust) -> Result<Self> {
        let _ = fs::remove_dir_all(root);
        let home = Self {
            agent,
            root: root.to_owned(),
            url: url.to_owned(),
        };
        fs::create_dir_all(home.path())?;
        fs::create_dir_all(home.work())?;
        let work = home.work();
        git(&work, &["init", "-q", "-b", "main"])?;
        fs::write(work.join("README.md"), "# Shop\n")?;
        git(&work, &["add", "."])?;
        let who = [
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.invalid",
        ];
        git(
            &work,
            &[&who[..], &["commit", "-q", "-m", "first"]].concat(),
        )?;
        for (name, text) in home.settings(trust) {
            let file = home.path().join(name);
            fs::create_dir_all(file.parent().context("a file lies somewhere")?)?;
            fs::write(file, text)?;
        }
        if let Some(plugin) = agent.plugin() {
            home.lend(&plugin)?;
        }
        Ok(home)
    }

    /// Gives opencode the package it would install into every new home, for 10 s of its start.
    fn lend(&self, plugin: &Path) -> Result<()> {
        let config = self.path().join(".config/opencode");
        for name in ["package.json", "package-lock.json"] {
            fs::copy(plugin.join(name), config.join(name))?;
        }
        let modules = plugin.join("node_modules");
        Ok(std::os::unix::fs::symlink(
            modules,
            config.join("node_modules"),
        )?)
    }

    /// The home directory.
    pub fn path(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The repository to work in.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// The variables the agent needs besides `HOME` and `PATH`.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let key = KEY.to_owned();
        let on = "1".to_owned();
        let v1 = format!("{}/v1", self.url);
        match self.agent.id {
            "claude-code" => vec![
                ("ANTHROPIC_BASE_URL", self.url.clone()),
                ("ANTHROPIC_AUTH_TOKEN", key),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", on.clone()),
                ("DISABLE_AUTOUPDATER", on),
            ],
            "codex" => vec![("FAKE_KEY", key)],
            "gemini" => vec![
                ("GEMINI_API_KEY", key),
                ("GOOGLE_GEMINI_BASE_URL", self.url.clone()),
            ],
            "qwen" => vec![
                ("OPENAI_API_KEY", key),
                ("OPENAI_BASE_URL", v1),
                ("OPENAI_MODEL", "fake-model".to_owned()),
            ],
            "copilot" => vec![
                ("COPILOT_OFFLINE", "true".to_owned()),
                ("COPILOT_PROVIDER_BASE_URL", v1),
                ("COPILOT_PROVIDER_API_KEY", key),
                ("COPILOT_MODEL", "fake-model".to_owned()),
            ],
            // Fetching its list of models takes 8 s without network.
            _ => vec![("OPENCODE_DISABLE_MODELS_FETCH", on)],
        }
    }

    /// What the files of the user's settings hold now.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn footprint(&self) -> Result<Footprint> {
        // What lies beside them, agents write themselves: memories, caches, conversations.
        let settings: &[&str] = match self.agent.id {
            "claude-code" => &[
                ".claude/settings.json",
                ".claude/settings.local.json",
                ".claude/hooks",
                ".claude/agents",
                ".claude/commands",
                ".claude/CLAUDE.md",
            ],
            "codex" => &[
                ".codex/config.toml",
                ".codex/hooks.json",
                ".codex/AGENTS.md",
                ".codex/hooks",
            ],
            "opencode" => &[
                ".config/opencode/opencode.json",
                ".config/opencode/plugin",
                ".config/opencode/plugins",
            ],
            "gemini" => &[
                ".gemini/settings.json",
                ".gemini/trustedFolders.json",
                ".gemini/GEMINI.md",
                ".gemini/hooks",
            ],
            "copilot" => &[
                ".copilot/settings.json",
                ".copilot/mcp-config.json",
                ".copilot/hooks",
            ],
            _ => &[
                ".qwen/settings.json",
                ".qwen/trustedFolders.json",
                ".qwen/QWEN.md",
                ".qwen/hooks",
            ],
        };
        Footprint::of(&self.path(), settings)
    }

    /// The files that make the agent ask the model, ask the person before it acts, and ask nothing
    /// else at its start.
    fn settings(&self, trust: Trust) -> Vec<(&'static str, String)> {
        let work = self.work();
        let work = work.to_string_lossy();
        let v1 = format!("{}/v1", self.url);
        let trusted = trust == Trust::Given;
        match self.agent.id {
            "claude-code" => {
                let mut memory = json!({"hasCompletedOnboarding": true, "hasSeenAutoDefaultNotice": true, "hasSeenAutoDefaultNudge": true});
                if trusted {
                    memory["projects"] = json!({work.clone(): {"hasTrustDialogAccepted": true}});
                }
                let settings = json!({"permissions": {"defaultMode": "default"}});
                vec![
                    (".claude.json", memory.to_string()),
                    (".claude/settings.json", settings.to_string()),
                ]
            }
            "codex" => {
                let mut settings = format!(
                    "model = \"fake-model\"\nmodel_provider = \"fake\"\ncheck_for_update_on_startup = false\n\n\
                     [model_providers.fake]\nname = \"fake\"\nbase_url = \"{v1}\"\nenv_key = \"FAKE_KEY\"\n\
                     wire_api = \"responses\"\n\n\
                     [features]\ndefault_mode_request_user_input = true\n\n\
                     # What Codex would note here by itself.\n\
                     [tui]\nscreen_reader_detection_done = true\n\n\
                     [tui.model_availability_nux]\n\"gpt-6.1-sol\" = 4\n"
                );
                if trusted {
                    settings += &format!("\n[projects.\"{work}\"]\ntrust_level = \"trusted\"\n");
                }
                vec![(".codex/config.toml", settings)]
            }
            "copilot" => {
                let folders = if trusted {
                    vec![work.clone()]
                } else {
                    Vec::new()
                };
                let memory = json!({"appTipShown": true, "trustedFolders": folders});
                vec![(".copilot/config.json", memory.to_string())]
            }
            "opencode" => vec![(".config/opencode/opencode.json", opencode(&v1).to_string())],
            "gemini" => {
                // In the form Gemini would bring it into at its first start.
                let settings = json!({
                    "general": {"enableAutoUpdate": false},
                    "security": {
                        "auth": {"selectedType": "gemini-api-key"},
                        "folderTrust": {"enabled": true},
                    },
                });
                let settings = format!("{settings:#}");
                let mut files = vec![(".gemini/settings.json", settings)];
                if trusted {
                    let folders = json!({work: "TRUST_FOLDER"});
                    files.push((".gemini/trustedFolders.json", folders.to_string()));
                }
                files
            }
            _ => {
                // In the form Qwen would bring it into at its first start.
                let settings = json!({
                    "general": {"disableAutoUpdate": true, "enableAutoUpdate": false},
                    "security": {"auth": {"selectedType": "openai"}},
                    "tools": {"approvalMode": "default"},
                    "$version": 4,
                });
                let settings = format!("{settings:#}");
                vec![(".qwen/settings.json", settings)]
            }
        }
    }
}

fn opencode(v1: &str) -> Value {
    json!({
        // What opencode would add by itself.
        "$schema": "https://opencode.ai/config.json",
        "provider": {"fake": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": v1, "apiKey": KEY},
            "models": {"fake-model": {}},
        }},
        "model": "fake/fake-model",
        "small_model": "fake/fake-model",
        "permission": {"bash": "ask", "edit": "ask"},
        "autoupdate": false,
    })
}
