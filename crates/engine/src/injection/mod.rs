//! Our hooks in one process of an agent, without a trace in its user's files.
//!
//! ```text
//!  definition ─► arguments, variables, files below the worker's directory
//! ```
//! What goes in is worked out first, without touching anything, and written then; only the worker's own
//! directory is ever written to. What the person has set already keeps working: it is added to, and
//! where that is impossible, nothing is injected. An agent that misses its injection runs all the same;
//! its state is told by weaker signs then.

mod merge;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::definitions::{Definition, Injection, InjectionKind};
use crate::private_file::write_private;
use crate::template;

/// Name of the content's file, with kinds that have one.
const CONTENT_FILE: &str = "settings.json";

/// Where and for whom something is injected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The private directory of the files.
    pub(crate) dir: &'a Path,
    /// The program that hooks run: a copy of ours that stays as long as the agent.
    pub(crate) program: &'a Path,
    /// What the agent's environment holds without us.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// Whether the person lets us declare trust for our hooks.
    pub(crate) may_trust: bool,
}

/// What goes into one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Injected {
    /// Arguments.
    pub(crate) args: Vec<OsString>,
    /// Variables.
    pub(crate) variables: Vec<(OsString, OsString)>,
    /// Files that must be there before it starts.
    pub(crate) files: Vec<(PathBuf, String)>,
}

/// Works out what goes in; nothing where there is nothing, or where it must not.
pub(crate) fn prepare(definition: &Definition, place: Place<'_>) -> Injected {
    let injection = &definition.injection;
    if injection.kind == InjectionKind::None || (injection.consent && !place.may_trust) {
        return Injected::default();
    }
    let fill = |text: &str| filled(text, &definition.id, place);
    let content = fill(&injection.content);
    let mut injected = match carried(injection, &content, place) {
        Ok(injected) => injected,
        Err(why) => {
            tracing::warn!(agent = definition.id, "no hooks for this agent: {why}");
            return Injected::default();
        }
    };
    injected.args.extend(injection.args.iter().map(Into::into));
    let more = injection.files.iter();
    let more = more.map(|file| (place.dir.join(&file.name), fill(&file.content)));
    injected.files.extend(more);
    injected
}

/// Chooses how the content gets in; fails with the reason why it must not.
fn carried(injection: &Injection, content: &str, place: Place<'_>) -> Result<Injected, String> {
    let flag = OsString::from(&injection.flag);
    let variable = OsString::from(&injection.variable);
    let file = place.dir.join(CONTENT_FILE);
    let mut injected = Injected::default();
    match injection.kind {
        InjectionKind::None => {}
        InjectionKind::FlagJson => injected.args = vec![flag, merge::compact(content).into()],
        InjectionKind::FlagFile => {
            injected.args = vec![flag, file.clone().into()];
            injected.files.push((file, content.to_owned()));
        }
        InjectionKind::ConfigArgs => {
            let lines = content
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty());
            injected.args = lines.flat_map(|line| [flag.clone(), line.into()]).collect();
        }
        InjectionKind::EnvFile => {
            refuse_open_directories(place.dir)?;
            let theirs = known(place.environment, &variable);
            let theirs = theirs.unwrap_or_else(|| OsStr::new(&injection.replaces));
            let content = merge::with_file(Path::new(theirs), content)?;
            injected.variables = vec![(variable, file.clone().into())];
            injected.files.push((file, content));
        }
        InjectionKind::EnvInline => {
            let content = match known(place.environment, &variable) {
                Some(theirs) => merge::with_text(&theirs.to_string_lossy(), content)?,
                None => merge::compact(content),
            };
            injected.variables = vec![(variable, content.into())];
        }
    }
    Ok(injected)
}

fn known<'a>(environment: &'a [(OsString, OsString)], name: &OsStr) -> Option<&'a OsStr> {
    let found = environment.iter().rev().find(|(known, _)| known == name);
    found
        .map(|(_, value)| value.as_os_str())
        .filter(|value| !value.is_empty())
}

/// Agents that take a file of the system's refuse one that others could have written, with a warning
/// on their screen. They look at every directory above it.
fn refuse_open_directories(dir: &Path) -> Result<(), String> {
    for above in dir.ancestors() {
        let Ok(found) = above.metadata() else {
            continue;
        };
        if found.permissions().mode() & 0o022 != 0 {
            return Err(format!("{} can be written by others", above.display()));
        }
    }
    Ok(())
}

/// Puts in our hook command and the directory, each as it must stand inside of a text in quotes.
fn filled(text: &str, agent: &str, place: Place<'_>) -> String {
    let program = place.program.to_string_lossy();
    let program = shlex::try_quote(&program).unwrap_or_default();
    let hook = format!("{program} hook {agent}");
    let dir = place.dir.to_string_lossy();
    let (hook, dir) = (escaped(&hook), escaped(&dir));
    let values = [("{hook}", hook.as_ref()), ("{dir}", dir.as_ref())];
    let filled = template::filled(text, &values);
    filled.into_string().expect("texts make a text")
}

/// Escapes for a text in double quotes: those of JSON, TOML and JavaScript agree in these.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl Injected {
    /// Writes the files, readable by the user alone.
    pub(crate) fn write(&self) -> io::Result<()> {
        for (file, content) in &self.files {
            write_private(file, content)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
