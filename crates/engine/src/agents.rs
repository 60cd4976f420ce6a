//! Agents as clients see them: those of files, custom ones, and the rules a custom one must meet.
//!
//! Knows what a definition looks like, not how its program behaves. Definitions of custom agents
//! live in the database; this module turns rows into views and checks what people write.

use jiff::Timestamp;
use offshoot_protocol::AgentId;
use offshoot_protocol::rest::{CreateAgent, PatchAgent};
use offshoot_protocol::view::{ActivityPatterns, Agent, AgentCapabilities};

use crate::EngineError;
use crate::definitions::{self, Definition, Definitions, Says};

const PROMPT: &str = "{{prompt}}";

/// Longest asking pattern, in characters.
const PATTERN_CHARS: usize = 500;

/// Returns the default agent as it ships.
pub(crate) fn claude_code() -> Agent {
    let shipped = Definitions::built_in();
    let definition = shipped.get(&AgentId::claude_code());
    view_of(definition.expect("the default agent ships"))
}

/// Shows a definition as an agent. It comes from a file and cannot be changed by clients.
pub(crate) fn view_of(definition: &Definition) -> Agent {
    let id = definition.agent_id();
    let asking = if id == AgentId::claude_code() {
        // What clients of the first dialect know of the default agent.
        Definitions::built_in().generic().asking.clone()
    } else {
        let waits = definition.screen.iter();
        let waits = waits.filter(|rule| rule.says == Says::Waiting);
        waits
            .flat_map(|rule| rule.all.iter().chain(&rule.any).cloned())
            .collect()
    };
    let template = |run: &Option<definitions::Run>| run.as_ref().map(definitions::Run::as_template);
    let continues = definition.continues.clone().map(|run| definitions::Run {
        // A continued conversation has its prompt already.
        prompt: Vec::new(),
        ..run
    });
    with_capabilities(Agent {
        id,
        name: definition.name.clone(),
        command_template: definition.start.as_template(),
        continue_template: template(&continues),
        headless_template: template(&definition.headless),
        description: Some(definition.description.clone()),
        is_built_in: true,
        created_at: Timestamp::UNIX_EPOCH,
        activity_patterns: Some(ActivityPatterns {
            asking_patterns: Some(asking),
        }),
        capabilities: AgentCapabilities::default(),
        installed: None,
        version: None,
        install: Some(definition.install.clone()).filter(|text| !text.is_empty()),
    })
}

/// Computes what a definition's templates and patterns allow.
pub(crate) fn with_capabilities(mut agent: Agent) -> Agent {
    let set = |template: &Option<String>| {
        template
            .as_ref()
            .is_some_and(|text| !text.trim().is_empty())
    };
    let patterns = agent
        .activity_patterns
        .as_ref()
        .and_then(|all| all.asking_patterns.as_ref());
    agent.capabilities = AgentCapabilities {
        supports_continue: set(&agent.continue_template),
        supports_headless_mode: set(&agent.headless_template),
        supports_activity_detection: patterns
            .is_some_and(|all| all.iter().any(|pattern| !pattern.trim().is_empty())),
    };
    agent
}

/// Makes a custom agent of a checked request.
///
/// # Errors
/// The first rule that the request breaks.
pub(crate) fn create(request: CreateAgent, now: Timestamp) -> Result<Agent, EngineError> {
    let agent = Agent {
        id: AgentId::random(),
        name: request.name,
        command_template: request.command_template,
        continue_template: request.continue_template,
        headless_template: request.headless_template,
        description: request.description,
        is_built_in: false,
        created_at: now,
        activity_patterns: request.activity_patterns,
        capabilities: AgentCapabilities::default(),
        installed: None,
        version: None,
        install: None,
    };
    checked(agent)
}

/// Applies a change to a custom agent.
///
/// # Errors
/// The first rule that the result breaks.
pub(crate) fn patch(mut agent: Agent, change: PatchAgent) -> Result<Agent, EngineError> {
    agent.name = change.name.unwrap_or(agent.name);
    agent.command_template = change.command_template.unwrap_or(agent.command_template);
    agent.continue_template = change.continue_template.unwrap_or(agent.continue_template);
    agent.headless_template = change.headless_template.unwrap_or(agent.headless_template);
    agent.description = change.description.or(agent.description);
    agent.activity_patterns = change.activity_patterns.unwrap_or(agent.activity_patterns);
    checked(agent)
}

fn checked(mut agent: Agent) -> Result<Agent, EngineError> {
    let trim = |text: &mut String| *text = text.trim().to_owned();
    trim(&mut agent.name);
    trim(&mut agent.command_template);
    agent.continue_template.as_mut().map(trim);
    agent.headless_template.as_mut().map(trim);
    agent.description.as_mut().map(trim);
    if agent.name.is_empty() {
        return invalid("name", "a name is needed");
    }
    check_prompted("commandTemplate", &agent.command_template)?;
    if let Some(template) = &agent.continue_template {
        check_template("continueTemplate", template)?;
        if template.contains(PROMPT) {
            return invalid("continueTemplate", "must not contain {{prompt}}");
        }
    }
    if let Some(template) = &agent.headless_template {
        check_prompted("headlessTemplate", template)?;
    }
    let patterns = agent
        .activity_patterns
        .as_ref()
        .and_then(|all| all.asking_patterns.as_ref());
    patterns
        .into_iter()
        .flatten()
        .try_for_each(|pattern| check_pattern(pattern))?;
    Ok(with_capabilities(agent))
}

fn check_prompted(field: &'static str, template: &str) -> Result<(), EngineError> {
    check_template(field, template)?;
    if !template.contains(PROMPT) {
        return invalid(field, "must contain {{prompt}}");
    }
    if ["\"{{prompt}}\"", "'{{prompt}}'"]
        .iter()
        .any(|quoted| template.contains(quoted))
    {
        return invalid(
            field,
            "{{prompt}} must not be quoted: it is passed as one argument anyway",
        );
    }
    Ok(())
}

fn check_template(field: &'static str, template: &str) -> Result<(), EngineError> {
    if template.is_empty() {
        return invalid(field, "must not be empty");
    }
    if template.contains('\0') {
        return invalid(field, "must not hold a NUL character");
    }
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((word, after)) = after.split_once("}}") else {
            break;
        };
        let is_spaced = word.trim() != word;
        if is_spaced && word.trim().chars().all(|c| c.is_alphanumeric() || c == '_') {
            return invalid(field, "write placeholders without blanks inside the braces");
        }
        rest = after;
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> Result<(), EngineError> {
    const FIELD: &str = "activityPatterns.askingPatterns";
    if pattern.chars().count() > PATTERN_CHARS {
        return invalid(FIELD, "a pattern is longer than 500 characters");
    }
    if is_explosive(pattern) {
        return invalid(
            FIELD,
            "a repeated group must not hold a repetition or an alternative",
        );
    }
    crate::patterns::check(pattern).map_err(|err| EngineError::Invalid {
        field: FIELD,
        message: format!("{pattern:?} is not a valid regular expression: {err}"),
    })
}

/// Finds `(…+…)+`, `(…*…)*` and `(a|b)+`. Our own engines are bounded, but the
/// patterns of the first dialect promise that other programs can run them too.
fn is_explosive(pattern: &str) -> bool {
    let mut groups: Vec<bool> = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => _ = characters.next(),
            '(' => groups.push(false),
            '+' | '*' | '|' => groups.iter_mut().for_each(|risky| *risky = true),
            ')' => {
                let risky = groups.pop().unwrap_or_default();
                if risky && matches!(characters.peek(), Some('+' | '*')) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

fn invalid<T>(field: &'static str, message: &str) -> Result<T, EngineError> {
    Err(EngineError::Invalid {
        field,
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> CreateAgent {
        CreateAgent {
            name: " FA ".to_owned(),
            command_template: "fa start {{prompt}}".to_owned(),
            continue_template: Some("fa cont".to_owned()),
            headless_template: None,
            description: None,
            activity_patterns: Some(ActivityPatterns {
                asking_patterns: Some(vec!["Do you want to.*\\?".to_owned()]),
            }),
        }
    }

    #[test]
    fn a_valid_agent_is_trimmed_and_knows_its_capabilities() {
        let agent = create(request(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(agent.name, "FA");
        assert!(agent.capabilities.supports_continue);
        assert!(!agent.capabilities.supports_headless_mode);
        assert!(agent.capabilities.supports_activity_detection);
    }

    #[test]
    fn each_rule_is_checked_alone() {
        let broken: &[fn(&mut CreateAgent)] = &[
            |a| a.name = "  ".into(),
            |a| a.command_template = String::new(),
            |a| a.command_template = "fa".into(),
            |a| a.command_template = "fa \"{{prompt}}\"".into(),
            |a| a.command_template = "fa '{{prompt}}'".into(),
            |a| a.command_template = "fa {{ prompt }} {{prompt}}".into(),
            |a| a.command_template = "fa {{prompt}} {{ cwd}}".into(),
            |a| a.continue_template = Some(" ".into()),
            |a| a.continue_template = Some("fa {{prompt}}".into()),
            |a| a.headless_template = Some(String::new()),
            |a| a.headless_template = Some("fa -p".into()),
            |a| a.activity_patterns = patterns("("),
            |a| a.activity_patterns = patterns("(a+)+"),
            |a| a.activity_patterns = patterns("(a*b)*"),
            |a| a.activity_patterns = patterns("(a|b)+"),
            |a| a.activity_patterns = patterns(&"x".repeat(501)),
        ];
        for (index, breaks) in broken.iter().enumerate() {
            let mut request = request();
            breaks(&mut request);
            assert!(
                create(request, Timestamp::UNIX_EPOCH).is_err(),
                "case {index}"
            );
        }
    }

    fn patterns(pattern: &str) -> Option<ActivityPatterns> {
        Some(ActivityPatterns {
            asking_patterns: Some(vec![pattern.to_owned()]),
        })
    }

    #[test]
    fn null_clears_and_absence_keeps() {
        let agent = create(request(), Timestamp::UNIX_EPOCH).unwrap();
        let change: PatchAgent = serde_json::from_str(r#"{"continueTemplate":null}"#).unwrap();
        let patched = patch(agent.clone(), change).unwrap();
        assert_eq!(patched.continue_template, None);
        assert!(!patched.capabilities.supports_continue);
        assert_eq!(patched.activity_patterns, agent.activity_patterns);
    }

    #[test]
    fn the_built_in_agent_can_everything() {
        let capabilities = claude_code().capabilities;
        assert!(capabilities.supports_continue && capabilities.supports_headless_mode);
        assert!(capabilities.supports_activity_detection);
    }
}
