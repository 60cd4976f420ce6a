//! The user's own files: unchanged by whatever we do for an agent.

use std::fs;
use std::path::{Path, PathBuf};

use offshoot_testkit::agents::{Footprint, Home};

/// Where Codex itself writes down the environment it was started with.
const ENVIRONMENTS: &str = ".codex/shell_snapshots";

/// What the settings were when the agent was first started.
pub(crate) struct Before(Footprint);

impl Before {
    /// Looks at a home.
    pub(crate) fn of(home: &Home) -> Self {
        Self(home.footprint().unwrap())
    }

    /// Compares with now.
    ///
    /// # Panics
    /// A file of the settings is new, gone or another, or any file of the home names the data
    /// directory `data`, as all that we inject does.
    pub(crate) fn assert_unchanged(&self, home: &Home, data: &Path) {
        let changed = self.0.changes(&home.footprint().unwrap());
        assert!(
            changed.is_empty(),
            "settings of the user changed: {changed:?}"
        );
        let mut traces = Vec::new();
        find(
            &home.path(),
            data.as_os_str().as_encoded_bytes(),
            &mut traces,
        );
        traces.retain(|file| !file.starts_with(home.path().join(ENVIRONMENTS)));
        assert!(traces.is_empty(), "files of the user name us: {traces:?}");
    }
}

/// Finds the files below a directory that hold some bytes. Links are not followed.
fn find(dir: &Path, bytes: &[u8], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => find(&path, bytes, found),
            Ok(kind) if kind.is_file() => {
                let text = fs::read(&path).unwrap_or_default();
                if text.windows(bytes.len()).any(|part| part == bytes) {
                    found.push(path);
                }
            }
            _ => {}
        }
    }
}
