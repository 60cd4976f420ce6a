//! All definitions that are known.

use std::sync::{Arc, LazyLock};

use offshoot_protocol::AgentId;

use super::Definition;

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
];

/// What stands for any command that nobody has described.
const GENERIC: &str = include_str!("../../../../agents/generic.toml");

/// The definitions of this server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Definitions {
    all: Vec<Arc<Definition>>,
    generic: Arc<Definition>,
}

impl Definitions {
    /// Returns the definitions that ship with the product.
    pub fn built_in() -> Self {
        static ALL: LazyLock<Definitions> = LazyLock::new(|| Definitions {
            all: BUILT_IN.iter().map(|(_, text)| shipped(text)).collect(),
            generic: shipped(GENERIC),
        });
        ALL.clone()
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

fn shipped(text: &str) -> Arc<Definition> {
    Arc::new(toml::from_str(text).expect("shipped definitions are tested"))
}

impl Definition {
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
        for (id, text) in BUILT_IN {
            if let Err(err) = toml::from_str::<Definition>(text) {
                panic!("{id}: {err}");
            }
        }
        let ids: Vec<_> = all.iter().map(|known| known.id.as_str()).collect();
        let named: Vec<_> = BUILT_IN.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, named);
        assert_eq!(all.get(&AgentId::claude_code()).unwrap().id, "claude-code");
        assert_eq!(all.generic().id, "generic");
    }
}
