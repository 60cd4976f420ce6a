//! Configuration with its scopes: who said what.

use std::path::Path;

use crate::command::{Git, GitError};

/// A value of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting<'a> {
    /// Who said it: `system`, `global`, `local`, `worktree` or `command`.
    pub(crate) scope: &'a [u8],
    /// The key, in lower case but for its middle.
    pub(crate) key: &'a [u8],
    /// The value; empty when the key stands alone.
    pub(crate) value: &'a [u8],
}

/// Asks for all values whose keys match a pattern, as seen from a directory; see [`settings`].
pub(crate) async fn listing(dir: &Path, keys: &str) -> Result<Vec<u8>, GitError> {
    let output = Git::read(dir)
        .args(["config", "--null", "--show-scope", "--get-regexp", keys])
        .run_any()
        .await?;
    match output.code {
        Some(0) => Ok(output.stdout),
        Some(1) => Ok(Vec::new()),
        _ => Err(output.into_error("config".to_owned())),
    }
}

/// Parses `scope NUL key LF value NUL …`.
pub(crate) fn settings(listing: &[u8]) -> impl Iterator<Item = Setting<'_>> {
    let mut parts = listing.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let (scope, entry) = (parts.next()?, parts.next()?);
        let mut halves = entry.splitn(2, |byte| *byte == b'\n');
        Some(Setting {
            scope,
            key: halves.next().unwrap_or_default(),
            value: halves.next().unwrap_or_default(),
        })
    })
}
