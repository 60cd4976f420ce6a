//! `offshoot replay`: what today's rules make of a recording.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use offshoot_engine::attention::{Replay, Rules};
use offshoot_engine::definitions::{Definition, Definitions};
use serde_json::json;

use super::print;
use crate::args;

/// A larger recording is refused: all of it is held in memory.
const LARGEST_BYTES: u64 = 1 << 30;

/// Prints a line per change of state.
pub(crate) fn run(args: &args::Replay) -> Result<()> {
    let definition = definition(&args.agent)?;
    let text = read(&args.file)?;
    let mut replay = Replay::new(&text, Rules::shared(&definition, &[]))?;
    let mut out = String::new();
    for change in replay.run()? {
        let state = serde_json::to_value(change.verdict.state)?;
        let state = state.as_str().unwrap_or_default();
        let seconds = change.at.as_millis() as f64 / 1000.0;
        let verdict = &change.verdict;
        if args.json {
            let kind = verdict.kind.map(serde_json::to_value).transpose()?;
            let line = json!({
                "t": seconds, "state": state, "reason": verdict.reason, "kind": kind,
                "rule": verdict.rule, "source": verdict.source.name(),
            });
            writeln!(out, "{line}")?;
        } else {
            let reason = verdict.reason.as_deref().unwrap_or_default();
            let (source, rule) = (verdict.source.name(), &verdict.rule);
            writeln!(
                out,
                "{seconds:>10.3}  {state:<9} {source}: {rule}  {reason}"
            )?;
        }
    }
    print(&out)
}

fn definition(name: &str) -> Result<Arc<Definition>> {
    if Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "toml")
    {
        let text = std::fs::read_to_string(name).with_context(|| format!("read {name}"))?;
        let definition = toml::from_str(&text).with_context(|| format!("read {name}"))?;
        return Ok(Arc::new(definition));
    }
    let all = Definitions::built_in();
    let named = |known: &&Arc<Definition>| known.id == name || known.program == name;
    if let Some(definition) = all.iter().find(named) {
        return Ok(Arc::clone(definition));
    }
    if name == all.generic().id {
        return Ok(Arc::clone(all.generic()));
    }
    let known: Vec<_> = all.iter().map(|known| known.id.as_str()).collect();
    bail!(
        "unknown agent {name:?}; there are {} and {}",
        known.join(", "),
        all.generic().id
    )
}

/// Reads a recording, compressed or not. Bytes that are no UTF-8 are replaced.
fn read(file: &Path) -> Result<String> {
    let what = || format!("read {}", file.display());
    let bytes = std::fs::read(file).with_context(what)?;
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        let decoder = MultiGzDecoder::new(bytes.as_slice());
        decoder
            .take(LARGEST_BYTES)
            .read_to_end(&mut plain)
            .with_context(what)?;
        plain
    } else {
        bytes
    };
    if bytes.len() as u64 >= LARGEST_BYTES {
        bail!("{} is too large", file.display());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
