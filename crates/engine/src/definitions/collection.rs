//! All definitions that are known.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use offshoot_protocol::AgentId;

use super::{Definition, Finding, GENERIC_ID, parse};

/// Bytes of a file that is read; a definition is a hundredth of it.
const FILE_BYTES: u64 = 1 << 20;

/// The definitions that ship with the product: id and text, in the order in which people see them.
const BUILT_IN: &[(&str, &str)] = &[
    (
        "claude-code",
        include_str!("../../../../agents/claude-code.toml"),
    ),
    ("codex", include_str!("../../../../agents/codex.toml")),
    ("gemini", include_str!("../../../../agents/gemini.toml")),
    ("opencode", include_str!("../../../../agents/opencode.toml")),
    ("qwen", include_str!("../../../../agents/qwen.toml")),
    ("copilot", include_str!("../../../../agents/copilot.toml")),
];

/// What stands for any command that nobody has described.
const GENERIC: &str = include_str!("../../../../agents/generic.toml");

/// The definitions of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Definitions {
    all: Vec<Arc<Definition>>,
    generic: Arc<Definition>,
    problems: Arc<Vec<Problem>>,
}

/// A file that is no definition, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Definitions {
    /// Returns the definitions that ship with the product.
    pub fn built_in() -> Self {
        static ALL: LazyLock<Definitions> = LazyLock::new(|| Definitions {
            all: BUILT_IN.iter().map(|(_, text)| shipped(text)).collect(),
            generic: shipped(GENERIC),
            problems: Arc::default(),
        });
        ALL.clone()
    }

    /// Adds the definitions of a directory, `<id>.toml` each; one takes the place of a shipped one
    /// of the same id. Files that are no definitions are left out and kept as problems; a directory
    /// that is not there holds none.
    #[must_use]
    pub fn with_overrides(mut self, dir: &Path) -> Self {
        let mut problems = self.problems.as_ref().clone();
        for file in files(dir) {
            match read(&file) {
                Ok(definition) => self.put(definition),
                Err(findings) => problems.push(Problem { file, findings }),
            }
        }
        self.problems = Arc::new(problems);
        self
    }

    fn put(&mut self, definition: Definition) {
        let definition = Arc::new(definition);
        if definition.id == GENERIC_ID {
            self.generic = definition;
            return;
        }
        match self.all.iter_mut().find(|known| known.id == definition.id) {
            Some(known) => *known = definition,
            None => self.all.push(definition),
        }
    }

    /// Returns the text of a definition that ships.
    pub fn shipped(id: &str) -> Option<&'static str> {
        let all = BUILT_IN.iter().chain(&[(GENERIC_ID, GENERIC)]);
        all.copied()
            .find_map(|(known, text)| (known == id).then_some(text))
    }

    /// Returns the ids of the definitions that ship.
    pub fn shipped_ids() -> impl Iterator<Item = &'static str> {
        let known = BUILT_IN.iter().map(|(id, _)| *id);
        known.chain([GENERIC_ID])
    }

    /// Returns the files that were left out.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns a definition by an agent's id or its own.
    pub fn get(&self, id: &AgentId) -> Option<&Arc<Definition>> {
        self.all
            .iter()
            .find(|known| known.agent_id() == *id || known.id == id.0)
    }

    /// Returns what stands for any command that nobody has described.
    pub fn generic(&self) -> &Arc<Definition> {
        &self.generic
    }

    /// Returns all, in the order in which people see them; the default agent first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.all.iter()
    }
}

/// Lists the definitions of a directory in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .collect();
    files.sort();
    files
}

/// Reads a definition from its file, whose name must be its id.
///
/// # Errors
/// What is wrong with it; a file that cannot be read is one finding.
fn read(file: &Path) -> Result<Definition, Vec<Finding>> {
    let one = |what: String, help: &str| {
        vec![Finding {
            line: 1,
            what,
            help: help.to_owned(),
        }]
    };
    let mut text = String::new();
    let opened = std::fs::File::open(file);
    let bytes = opened.and_then(|opened| opened.take(FILE_BYTES + 1).read_to_string(&mut text));
    match bytes {
        Err(err) => return Err(one(format!("it cannot be read: {err}"), "correct that")),
        Ok(bytes) if bytes as u64 > FILE_BYTES => {
            return Err(one("it is larger than 1 MiB".to_owned(), "make it shorter"));
        }
        Ok(_) => {}
    }
    let definition = parse(&text)?;
    if file.file_stem() != Some(OsStr::new(&definition.id)) {
        let what = format!("its id is {:?}", definition.id);
        return Err(one(what, "name the file after the id"));
    }
    Ok(definition)
}

/// Checks a file, or the definitions of a directory; returns each with its findings, if there are any.
///
/// # Errors
/// There is nothing at the path.
pub fn check_path(path: &Path) -> std::io::Result<Vec<Problem>> {
    let files = match std::fs::metadata(path)?.is_dir() {
        true => files(path),
        false => vec![path.to_owned()],
    };
    let checked = files.into_iter().map(|file| Problem {
        findings: read(&file).err().unwrap_or_default(),
        file,
    });
    Ok(checked.collect())
}

fn shipped(text: &str) -> Arc<Definition> {
    Arc::new(toml::from_str(text).expect("shipped definitions are tested"))
}

impl Definition {
    /// Says that its program is not there, and what to do.
    pub fn missing(&self) -> String {
        match self.install.as_str() {
            "" => "not found on PATH".to_owned(),
            install => format!("not found on PATH; {install}"),
        }
    }

    /// Returns the id under which clients know this agent. The default agent keeps the one it had
    /// in the first dialect.
    pub fn agent_id(&self) -> AgentId {
        match self.id.as_str() {
            "claude-code" => AgentId::claude_code(),
            id => AgentId(id.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_definitions_are_read() {
        let all = Definitions::built_in();
        let generic = [(GENERIC_ID, GENERIC)];
        for (id, text) in BUILT_IN.iter().chain(&generic) {
            let findings = parse(text).err().unwrap_or_default();
            let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
            assert!(
                lines.is_empty(),
                "{id}.toml:{}",
                lines.join(&format!("\n{id}.toml:"))
            );
        }
        let ids: Vec<_> = all.iter().map(|known| known.id.as_str()).collect();
        let named: Vec<_> = BUILT_IN.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, named);
        assert_eq!(all.get(&AgentId::claude_code()).unwrap().id, "claude-code");
        assert_eq!(all.generic().id, "generic");
    }

    #[test]
    fn files_of_people_replace_add_and_are_left_out_when_broken() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let minimal =
            |id: &str| format!("id = \"{id}\"\nname = \"Mine\"\n[start]\nargv = [\"x\"]\n");
        write("codex.toml", &minimal("codex"));
        write("mine.toml", &minimal("mine"));
        write("broken.toml", "id = \"broken\"\nname = \"B\"\nnmae = 1\n");
        write("other.toml", &minimal("another"));
        write("notes.txt", "no definition");
        let all = Definitions::built_in().with_overrides(dir.path());
        let get = |id: &str| {
            all.get(&AgentId(id.to_owned()))
                .map(|found| found.name.clone())
        };
        assert_eq!(get("codex").as_deref(), Some("Mine"));
        assert_eq!(get("mine").as_deref(), Some("Mine"));
        assert_eq!((get("broken"), get("another")), (None, None));
        assert_eq!(all.iter().next().unwrap().id, "claude-code");
        let problems: Vec<_> = all
            .problems()
            .iter()
            .map(|problem| (problem.file.file_name().unwrap(), problem.findings[0].line))
            .collect();
        let expected = [
            (OsStr::new("broken.toml"), 3),
            (OsStr::new("other.toml"), 1),
        ];
        assert_eq!(problems, expected);
        let checked = check_path(dir.path()).unwrap();
        assert_eq!(
            checked.iter().filter(|one| one.findings.is_empty()).count(),
            2
        );
        assert_eq!(checked.len(), 4);
        let none = Definitions::built_in().with_overrides(&dir.path().join("absent"));
        assert_eq!(none.problems(), []);
    }
}
