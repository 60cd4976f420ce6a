//! What a directory holds, so that a change of it shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// The files of a home that its user owns: settings, not what an agent remembers.
///
/// Two are equal when the same files have the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint(BTreeMap<PathBuf, [u8; 32]>);

impl Footprint {
    /// Reads the given files and directories below a home; those that are absent count as such.
    ///
    /// # Errors
    /// One that is there cannot be read.
    pub fn of(home: &Path, settings: &[&str]) -> Result<Self> {
        let mut files = BTreeMap::new();
        for name in settings {
            let path = home.join(name);
            if path.exists() {
                add(&path, &mut files)?;
            }
        }
        Ok(Self(files))
    }

    /// The files that differ, are new or are gone.
    pub fn changes(&self, later: &Self) -> Vec<PathBuf> {
        let all = self.0.keys().chain(later.0.keys());
        let mut changed: Vec<PathBuf> = all
            .filter(|path| self.0.get(*path) != later.0.get(*path))
            .cloned()
            .collect();
        changed.sort();
        changed.dedup();
        changed
    }
}

fn add(path: &Path, files: &mut BTreeMap<PathBuf, [u8; 32]>) -> Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            add(&entry?.path(), files)?;
        }
    } else if kind.is_file() {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        files.insert(path.to_owned(), Sha256::digest(bytes).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_shows() -> Result<()> {
        let home = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(home.path().join(name), text);
        fs::create_dir(home.path().join("hooks"))?;
        write("hooks/a", "1")?;
        write("settings", "1")?;
        write("memory", "1")?;
        let look = || Footprint::of(home.path(), &["settings", "hooks", "absent"]);
        let before = look()?;
        write("memory", "2")?;
        assert_eq!(before.changes(&look()?), Vec::<PathBuf>::new());
        write("settings", "2")?;
        write("hooks/b", "1")?;
        fs::remove_file(home.path().join("hooks/a"))?;
        let changed = ["hooks/a", "hooks/b", "settings"].map(|name| home.path().join(name));
        assert_eq!(before.changes(&look()?), changed);
        Ok(())
    }
}
