//! Installation from npm, one agent at a time, into a cache beside those of other programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

use super::RealAgent;

/// What became of bringing an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// It is installed; this is the directory its program lies in.
    Programs(PathBuf),
    /// npm is not there or does not reach its registry, for this reason.
    OutOfReach(String),
}

/// What npm says when the registry cannot be reached.
const OUT_OF_REACH: [&str; 8] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "ERR_SOCKET_TIMEOUT",
    "EHOSTUNREACH",
];

/// Where agents are kept: `OFFSHOOT_AGENTS_CACHE`, or a directory of the user's cache.
pub fn cache() -> PathBuf {
    match std::env::var_os("OFFSHOOT_AGENTS_CACHE") {
        Some(given) => given.into(),
        None => {
            let home = std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into());
            Path::new(&home).join(".cache/offshoot-agents")
        }
    }
}

/// The package opencode installs for its plugins, of its own version.
const PLUGIN: &str = "@opencode-ai/plugin";

impl RealAgent {
    fn directory(&self) -> PathBuf {
        cache().join(format!("{}-{}", self.id, self.version))
    }

    /// The directory of the package that opencode would install into every home.
    pub(super) fn plugin(&self) -> Option<PathBuf> {
        let plugin = self.directory().join("plugin");
        plugin.is_dir().then_some(plugin)
    }

    /// Installs the agent unless it is.
    ///
    /// # Errors
    /// npm reached its registry and failed all the same.
    pub fn bring(&self) -> Result<Brought> {
        let dir = self.directory();
        let programs = dir.join("node_modules/.bin");
        if programs.join(self.program).exists() {
            return Ok(Brought::Programs(programs));
        }
        fs::create_dir_all(cache())?;
        // Closing the file unlocks it; so does a test that is killed.
        let lock = File::create(cache().join("lock"))?;
        lock.lock().context("lock the cache of agents")?;
        if programs.join(self.program).exists() {
            return Ok(Brought::Programs(programs));
        }
        let part = dir.with_extension("part");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part)?;
        let installed = self.install(&part);
        let outcome = match installed? {
            None => {
                let _ = fs::remove_dir_all(&dir);
                fs::rename(&part, &dir)?;
                Brought::Programs(programs)
            }
            Some(reason) => Brought::OutOfReach(reason),
        };
        let _ = fs::remove_dir_all(&part);
        Ok(outcome)
    }

    /// Installs into a directory; returns why npm could not be reached.
    fn install(&self, dir: &Path) -> Result<Option<String>> {
        let package = format!("{}@{}", self.package, self.version);
        let args = [
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--fetch-retries=1",
            "--fetch-retry-mintimeout=1000",
            &package,
        ];
        let output = match npm(dir, &args) {
            Ok(output) => output,
            Err(err) => return Ok(Some(format!("npm is not there: {err}"))),
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            let unreachable = OUT_OF_REACH.iter().find(|word| said.contains(**word));
            return match unreachable {
                Some(word) => Ok(Some(format!("npm does not reach its registry ({word})"))),
                None => bail!("npm cannot install {package}: {said}"),
            };
        }
        if self.needs_script {
            // Of this package alone; those it depends on run none.
            let output = npm(dir, &["rebuild", self.package])?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                bail!("the script of {package} fails: {said}");
            }
        }
        if self.id == "opencode" {
            let plugin = dir.join("plugin");
            fs::create_dir_all(&plugin)?;
            let package = format!("{PLUGIN}@{}", self.version);
            let args = [
                "install",
                "--save-exact",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                &package,
            ];
            let output = npm(&plugin, &args)?;
            if !output.status.success() {
                // It brings the package itself, only later.
                let _ = fs::remove_dir_all(&plugin);
            }
            let _ = fs::remove_dir_all(plugin.join(".npm"));
        }
        let _ = fs::remove_dir_all(dir.join(".npm"));
        Ok(None)
    }
}

/// Runs npm on a directory, with a cache of packages that goes with it.
fn npm(dir: &Path, args: &[&str]) -> std::io::Result<Output> {
    Command::new("npm")
        .args(args)
        .arg("--prefix")
        .arg(dir)
        .arg("--cache")
        .arg(dir.join(".npm"))
        .current_dir(dir)
        .output()
}
