//! Which versions of agents are installed, and whether their definitions were tried with them.
//!
//! A program is asked for its version once, and again when its file has changed; nobody waits for the
//! answer: it is told as a change of the agent. Programs are asked one after another, only after
//! somebody wants to see agents: some of them take seconds. One that does not answer has no version.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use offshoot_protocol::AgentId;
use offshoot_protocol::view::AgentVersion;
use parking_lot::Mutex;

use crate::Engine;
use crate::definitions::{Definition, Probe};
use crate::event::Event;
use crate::program::{Question, find};

/// A program that does not tell its version in this time has none.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of installed agents.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    known: Mutex<HashMap<AgentId, Known>>,
    asking: tokio::sync::Mutex<()>,
}

/// What one file said.
#[derive(Debug)]
struct Known {
    file: Stamp,
    version: Option<AgentVersion>,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    modified: Option<SystemTime>,
    size: u64,
}

impl Stamp {
    /// Looks at a program; what a link leads to counts.
    fn of(program: &Path) -> Option<Self> {
        let path = program.canonicalize().ok()?;
        let found = path.metadata().ok()?;
        Some(Self {
            modified: found.modified().ok(),
            size: found.len(),
            path,
        })
    }
}

impl Versions {
    /// Returns the version that was found last.
    pub(crate) fn of(&self, id: &AgentId) -> Option<AgentVersion> {
        self.known.lock().get(id)?.version.clone()
    }

    /// Notes that a file is asked. Returns whether it must be.
    fn begin(&self, id: &AgentId, file: &Stamp) -> bool {
        let mut known = self.known.lock();
        if known.get(id).is_some_and(|known| known.file == *file) {
            return false;
        }
        let file = file.clone();
        let version = None;
        known.insert(id.clone(), Known { file, version });
        true
    }

    fn end(&self, id: &AgentId, file: &Stamp, version: Option<AgentVersion>) {
        let mut known = self.known.lock();
        if let Some(known) = known.get_mut(id).filter(|known| known.file == *file) {
            known.version = version;
        }
    }
}

impl Engine {
    /// Begins to ask agents for their versions, where that is not known of the file that is
    /// installed. Returns at once.
    pub fn look_for_versions(&self) {
        let definitions = self.state().definitions.clone();
        for definition in definitions.iter() {
            self.look_for_version(definition);
        }
    }

    fn look_for_version(&self, definition: &Definition) {
        let id = definition.agent_id();
        let environment = &self.inner.config.environment;
        let Some(probe) = definition.probe.clone() else {
            return;
        };
        let Some(program) = find(environment, &definition.program) else {
            return;
        };
        let Some(file) = Stamp::of(&program) else {
            return;
        };
        if !self.inner.versions.begin(&id, &file) {
            return;
        }
        let on = self.clone();
        self.spawn(async move {
            let versions = Arc::clone(&on.inner.versions);
            let turn = versions.asking.lock().await;
            let version = on.ask_version(&program, &probe).await;
            drop(turn);
            let is_known = version.is_some();
            versions.end(&id, &file, version);
            if is_known && let Ok(agent) = on.agent(&id) {
                on.state().events.publish(Event::AgentUpdated(agent));
            }
        });
    }

    async fn ask_version(&self, program: &Path, probe: &Probe) -> Option<AgentVersion> {
        let args: Vec<&str> = probe.argv.iter().skip(1).map(String::as_str).collect();
        let question = Question {
            program,
            args: &args,
            cwd: self.user_home(),
            environment: &self.inner.config.environment,
            settings: &[],
            limit: TIMEOUT,
        };
        let answer = match question.ask().await {
            Ok(answer) => answer,
            Err(err) => {
                tracing::debug!(program = %program.display(), %err, "ask for its version");
                return None;
            }
        };
        let installed = probe.version(&String::from_utf8_lossy(&answer.stdout))?;
        Some(AgentVersion {
            is_tested: probe.is_tested(&installed),
            tested: probe.tested.clone(),
            installed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_asked_once_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("agent");
        std::fs::write(&program, "one").unwrap();
        let (versions, id) = (Versions::default(), AgentId::claude_code());
        let first = Stamp::of(&program).unwrap();
        assert!(versions.begin(&id, &first));
        assert!(!versions.begin(&id, &first));
        let version = AgentVersion {
            installed: "1.0".to_owned(),
            tested: ">=1".to_owned(),
            is_tested: true,
        };
        versions.end(&id, &first, Some(version.clone()));
        assert_eq!(versions.of(&id), Some(version.clone()));

        std::fs::write(&program, "another").unwrap();
        let second = Stamp::of(&program).unwrap();
        assert!(versions.begin(&id, &second));
        // The answer of a file that is gone says nothing about the one that is there.
        versions.end(&id, &first, Some(version));
        assert_eq!(versions.of(&id), None);
    }
}
