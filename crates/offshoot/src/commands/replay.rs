//! `offshoot replay`: what today's rules make of a recording.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use offshoot_engine::attention::{Replay, Rules};
use offshoot_engine::definitions::{self, Definition, Definitions, Finding, Problem};
use offshoot_protocol::AgentId;
use serde_json::json;

use super::print;
use crate::args;
use crate::config::Settings;
use crate::failure::Failure;

/// A larger recording is refused: all of it is held in memory.
const LARGEST_BYTES: u64 = 1 << 30;

/// Prints a line per change of state.
pub(crate) fn run(settings: &Settings, args: &args::Replay) -> Result<()> {
    let definition = definition(settings, &args.agent)?;
    let text = read(&args.file)?;
    let what = || format!("judge {}", args.file.display());
    let mut replay = Replay::new(&text, Rules::shared(&definition)).with_context(what)?;
    let mut out = String::new();
    for change in replay.run().with_context(what)? {
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

/// Finds a definition: that of a file, the user's own, or one that ships.
fn definition(settings: &Settings, name: &str) -> Result<Arc<Definition>> {
    let ending = Path::new(name).extension();
    if ending.is_some_and(|ending| ending == "toml") {
        return from_file(name);
    }
    let mut all = Definitions::built_in();
    if let Some(dir) = settings.surroundings.agents_dir() {
        all = all.with_overrides(&dir);
    }
    if name == all.generic().id {
        return Ok(Arc::clone(all.generic()));
    }
    let by_program = || all.iter().find(|known| known.program == name);
    let found = all.get(&AgentId(name.to_owned())).or_else(by_program);
    found.map(Arc::clone).ok_or_else(|| {
        let is_it = |problem: &&Problem| problem.file.file_stem().is_some_and(|stem| stem == name);
        if let Some(problem) = all.problems().iter().find(is_it) {
            let file = problem.file.display().to_string();
            return Failure::Name(lines(&file, &problem.findings)).into();
        }
        let known: Vec<_> = all.iter().map(|known| known.id.as_str()).collect();
        let (known, generic) = (known.join(", "), &all.generic().id);
        Failure::Name(format!(
            "unknown agent {name:?}; there are {known} and {generic}"
        ))
        .into()
    })
}

fn from_file(name: &str) -> Result<Arc<Definition>> {
    let text = std::fs::read_to_string(name).with_context(|| format!("read {name}"))?;
    match definitions::parse(&text) {
        Ok(definition) => Ok(Arc::new(definition)),
        Err(findings) => bail!("{}", lines(name, &findings)),
    }
}

/// Says what is wrong with a definition.
fn lines(file: &str, findings: &[Finding]) -> String {
    let lines = findings.iter().map(|one| format!("{file}:{one}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads a recording, compressed or not. Bytes that are no UTF-8 are replaced.
fn read(file: &Path) -> Result<String> {
    let what = || format!("read {}", file.display());
    let mut opened = std::fs::File::open(file).with_context(what)?;
    let mut bytes = Vec::new();
    let limited = opened.by_ref().take(LARGEST_BYTES);
    BufReader::new(limited)
        .read_to_end(&mut bytes)
        .with_context(what)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        bytes = unzipped(&bytes).with_context(what)?;
    }
    if bytes.len() as u64 >= LARGEST_BYTES {
        bail!("{} is too large", file.display());
    }
    Ok(match String::from_utf8_lossy(&bytes) {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => String::from_utf8(bytes)?,
    })
}

/// Decompresses as much as there is: a recorder that was killed leaves a file without its end.
fn unzipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(LARGEST_BYTES);
    match decoder.read_to_end(&mut plain) {
        Err(err) if err.kind() == ErrorKind::UnexpectedEof && !plain.is_empty() => Ok(plain),
        done => done.map(|_| plain),
    }
}
