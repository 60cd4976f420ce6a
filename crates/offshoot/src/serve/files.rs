//! What the running server leaves in its data directory for the command line.

use std::path::Path;

use anyhow::{Context as _, Result};
use offshoot_engine::Engine;

use crate::client::{ServerFile, server_file};

/// Name of the token that client commands on this machine use.
pub(crate) const CLI_TOKEN: &str = "command line";

/// Makes sure that `cli-token` holds a token that is good; makes one when it does not, for example
/// after the database was lost.
pub(crate) async fn ensure_cli_token(engine: &Engine, home: &Path) -> Result<()> {
    let file = home.join("cli-token");
    if let Ok(secret) = std::fs::read_to_string(&file)
        && engine.credentials().check_token(secret.trim()).await
    {
        return Ok(());
    }
    let created = engine.credentials().create_token(CLI_TOKEN).await?;
    write_private(&file, &format!("{}\n", created.secret))
}

/// Writes how to reach this server.
pub(crate) fn write_server_file(home: &Path, url: &str, page: &str) -> Result<()> {
    let found = ServerFile {
        url: url.to_owned(),
        pid: std::process::id(),
        page: (page != url).then(|| page.to_owned()),
    };
    let text = serde_json::to_string(&found)?;
    write_private(&home.join("server.json"), &text)
}

/// Removes it, unless another server wrote its own meanwhile.
pub(crate) fn remove_server_file(home: &Path) {
    if server_file(home).is_ok_and(|found| found.pid == std::process::id()) {
        let _ = std::fs::remove_file(home.join("server.json"));
    }
}

/// Replaces a file in one step, readable by the user alone.
fn write_private(file: &Path, text: &str) -> Result<()> {
    offshoot_engine::write_private(file, text).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_and_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cli-token");
        std::fs::write(&file, "old and open to all").unwrap();
        write_private(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
