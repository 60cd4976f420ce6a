//! Definitions of what people have told the server: custom agents and commands.
//!
//! Both begin as any command that nobody has described, and say more as far as people did.

use offshoot_protocol::view::Agent;

use super::{Definition, Definitions, Run};

impl Definition {
    /// Makes the definition of a custom agent: its templates, and its patterns.
    pub fn of_custom(agent: &Agent) -> Self {
        let patterns = agent.activity_patterns.as_ref();
        let patterns = patterns.and_then(|all| all.asking_patterns.clone());
        let mut asking = patterns.unwrap_or_default();
        asking.retain(|pattern| !pattern.trim().is_empty());
        Self {
            id: agent.id.0.clone(),
            name: agent.name.clone(),
            description: agent.description.clone().unwrap_or_default(),
            start: template(&agent.command_template),
            continues: agent.continue_template.as_deref().and_then(run),
            headless: agent.headless_template.as_deref().and_then(run),
            asking,
            ..Definitions::built_in().generic().as_ref().clone()
        }
    }

    /// Makes the definition of a command that a person typed.
    pub fn of_command(command: &str) -> Self {
        Self {
            start: template(command),
            ..Definitions::built_in().generic().as_ref().clone()
        }
    }
}

fn run(text: &str) -> Option<Run> {
    (!text.trim().is_empty()).then(|| template(text))
}

fn template(text: &str) -> Run {
    Run {
        template: text.to_owned(),
        ..Run::default()
    }
}
