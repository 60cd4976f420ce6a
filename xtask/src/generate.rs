//! `cargo xtask gen`: files made from the server's own description of its interface.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::bring;
use crate::run::{Program, cargo, root};

/// The description of the HTTP interface.
const OPENAPI: &str = "docs/openapi.json";
/// The types of the web client made from it.
const TYPES: &str = "web/src/api/schema.d.ts";

/// What is done with files that are not current.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are written.
    Write,
    /// They are named, and the command fails.
    Check,
}

/// Writes or checks the generated files; tells whether they are (now) current.
pub(crate) fn run(mode: Mode) -> Result<bool> {
    let kept = [OPENAPI, TYPES].map(|file| std::fs::read(root().join(file)).ok());
    write()?;
    let mut current = true;
    for (file, before) in [OPENAPI, TYPES].iter().zip(kept) {
        let after = std::fs::read(root().join(file)).ok();
        if before == after {
            continue;
        }
        if mode == Mode::Check {
            current = false;
            println!("{file} is not current: run `cargo xtask gen` and commit it");
            restore(&root().join(file), before)?;
        } else {
            println!("wrote {file}");
        }
    }
    Ok(current)
}

fn write() -> Result<()> {
    let args = [
        "run",
        "--quiet",
        "--package",
        "offshoot",
        "--locked",
        "--",
        "openapi",
    ];
    let text = cargo(&args).output().context("`offshoot openapi` failed")?;
    std::fs::create_dir_all(root().join("docs"))?;
    std::fs::write(root().join(OPENAPI), text).with_context(|| format!("write {OPENAPI}"))?;
    if !bring::has_web_project("web/codegen") {
        return Ok(());
    }
    bring::npm_packages("web/codegen")?;
    if !Program::new("web/codegen", "npm", &["run", "--silent", "gen"]).succeeds()? {
        bail!("openapi-typescript failed");
    }
    Ok(())
}

fn restore(file: &Path, before: Option<Vec<u8>>) -> Result<()> {
    match before {
        Some(bytes) => std::fs::write(file, bytes)?,
        None => std::fs::remove_file(file)?,
    }
    Ok(())
}
