//! The rules of a definition, compiled.

use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::evidence::bounded;
use crate::definitions::{
    AnswerRule, Definition, HookRule, LimitRule, Region, Says, ScreenRule, TitleRule, WaitKind,
};
use crate::patterns::Patterns;

/// Compiled rules; shared by all agents of one definition.
#[derive(Debug, Default)]
pub struct Rules {
    pub(super) screen: Vec<OnScreen>,
    pub(super) titles: Vec<(TitleRule, Regex)>,
    /// There is a title for questions too.
    pub(super) titles_tell_waits: bool,
    pub(super) limits: Vec<(LimitRule, Regex)>,
    pub(super) questions: Vec<Question>,
    /// Finds the composer's line.
    pub(super) composer: Option<Regex>,
    /// Work without any sign of life for so long is none; if ever.
    pub(super) stuck: Option<Duration>,
    hooks: Vec<HookRule>,
    subagent: Option<String>,
    /// Patterns that a person wrote for their own command.
    pub(super) asking: Option<Arc<Patterns>>,
    /// Somebody has described this program: its rules are meant to be complete, and silence of the
    /// rules means that it rests. For other commands the rate of output tells.
    pub(super) described: bool,
}

/// A screen rule.
#[derive(Debug)]
pub(super) struct OnScreen {
    pub(super) rule: ScreenRule,
    pub(super) all: Vec<Regex>,
    pub(super) any: Vec<Regex>,
    pub(super) none: Vec<Regex>,
}

/// Finds what is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) kind: WaitKind,
    pub(super) region: Region,
    pub(super) text: Regex,
}

impl Rules {
    /// Compiles the rules of a definition. Patterns that are none are left out: the linter tells
    /// of them, and shipped definitions have none.
    pub fn compile(definition: &Definition) -> Self {
        let mut screen: Vec<_> = definition.screen.iter().map(OnScreen::compile).collect();
        // The highest priority first; equals stay in their order.
        screen.sort_by_key(|rule| std::cmp::Reverse(rule.rule.priority));
        let titles = definition.titles.iter();
        let limits = definition.limits.iter();
        let described = !definition.program.is_empty();
        let composer = Some(&definition.typing.composer).filter(|pattern| !pattern.is_empty());
        Self {
            screen,
            titles: titles
                .filter_map(|rule| Some((rule.clone(), regex(&rule.pattern)?)))
                .collect(),
            limits: limits
                .filter_map(|rule| Some((rule.clone(), regex(&rule.pattern)?)))
                .collect(),
            titles_tell_waits: definition
                .titles
                .iter()
                .any(|rule| rule.says == Says::Waiting),
            questions: definition.answers.iter().filter_map(question).collect(),
            composer: composer.and_then(|pattern| regex(pattern)),
            stuck: (definition.stuck_minutes > 0)
                .then(|| Duration::from_secs(u64::from(definition.stuck_minutes) * 60)),
            hooks: definition.hooks.clone(),
            subagent: definition.payload.subagent.clone(),
            // A described program has better rules than these.
            asking: (!described && !definition.asking.is_empty())
                .then(|| Patterns::shared(&definition.asking)),
            described,
        }
    }

    /// Returns the compiled rules of a definition, shared while anybody has them: they take
    /// milliseconds to compile and a megabyte to keep.
    pub fn shared(definition: &Arc<Definition>) -> Arc<Self> {
        type Known = Vec<(Arc<Definition>, Weak<Rules>)>;
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock();
        known.retain(|(_, rules)| rules.strong_count() > 0);
        let same = |one: &Arc<Definition>| Arc::ptr_eq(one, definition) || one == definition;
        let found = known.iter().find(|(one, _)| same(one));
        if let Some(rules) = found.and_then(|(_, rules)| rules.upgrade()) {
            return rules;
        }
        let rules = Arc::new(Self::compile(definition));
        known.push((Arc::clone(definition), Arc::downgrade(&rules)));
        rules
    }

    /// Whether the screen is judged only when output has settled.
    pub(super) fn settles(&self) -> bool {
        !self.described
    }

    /// Returns what a hook says: state, kind and reason.
    pub(super) fn hook(&self, name: &str, payload: &Value) -> Option<Read<'_>> {
        let fits = |rule: &&HookRule| {
            let mut when = rule.when.iter();
            rule.event == name
                && when.all(|(path, wanted)| {
                    scalar(payload, path).is_some_and(|value| wanted.allows(&value))
                })
        };
        let rule = self.hooks.iter().find(fits)?;
        Some(Read {
            says: rule.says,
            kind: rule.kind,
            event: &rule.event,
            reason: filled(&rule.reason, payload),
        })
    }

    /// Tells whether a payload is of a sub-agent.
    pub(super) fn is_of_subagent(&self, payload: &Value) -> bool {
        let path = self.subagent.as_deref();
        path.is_some_and(|path| scalar(payload, path).is_some_and(|id| !id.is_empty()))
    }
}

/// What a rule reads in a hook.
#[derive(Debug)]
pub(super) struct Read<'a> {
    pub(super) says: Says,
    pub(super) kind: Option<WaitKind>,
    pub(super) event: &'a str,
    pub(super) reason: String,
}

impl OnScreen {
    fn compile(rule: &ScreenRule) -> Self {
        let all = |patterns: &[String]| patterns.iter().filter_map(|one| regex(one)).collect();
        Self {
            all: all(&rule.all),
            any: all(&rule.any),
            none: all(&rule.none),
            rule: rule.clone(),
        }
    }
}

fn question(rule: &AnswerRule) -> Option<Question> {
    let text = Some(&rule.text).filter(|text| !text.is_empty())?;
    Some(Question {
        kind: rule.kind,
        region: rule.region,
        text: regex(text)?,
    })
}

fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).multi_line(true).build().ok()
}

/// Returns the value at a path with dots, if it is a plain one.
fn scalar(payload: &Value, path: &str) -> Option<String> {
    let value = path.split('.').try_fold(payload, |at, key| at.get(key))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Puts values of the payload into a text. What is missing leaves no trace.
fn filled(text: &str, payload: &Value) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((path, behind)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push_str(&bounded(&scalar(payload, path).unwrap_or_default()));
        rest = behind;
    }
    out.push_str(rest);
    bounded(out.trim_end_matches([':', ' ']))
}
