//! The golden screens: what the rules of each shipped definition must say of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use offshoot_protocol::AgentId;
use offshoot_vt::{Cursor, Event};

use super::Definitions;
use crate::attention::{Attention, Rules};

/// What a golden file says.
struct Golden<'a> {
    state: &'a str,
    kind: &'a str,
    titles: Vec<&'a str>,
    rows: Vec<&'a str>,
}

fn read(text: &str) -> Golden<'_> {
    let (head, rows): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("# "));
    let field = |name| {
        let words = head[0].split(' ');
        let mut fields = words.filter_map(|word| word.split_once('='));
        fields.find_map(|(key, value)| (key == name).then_some(value))
    };
    Golden {
        state: field("state").expect("a golden screen names its state"),
        kind: field("kind").unwrap_or_default(),
        titles: head
            .iter()
            .filter_map(|line| line.strip_prefix("# title="))
            .collect(),
        rows,
    }
}

/// Lets the rules see a screen that stays as it is.
fn judged(rules: &Arc<Rules>, golden: &Golden<'_>) -> (String, String) {
    let at = Duration::from_millis;
    let mut attention = Attention::new(rules.clone(), at(0));
    for title in &golden.titles {
        attention.on_event(at(1_000), &Event::Title((*title).to_owned()));
    }
    let cursor = Cursor {
        row: 0,
        col: 0,
        visible: false,
    };
    attention.on_output(at(1_000), 2_000);
    attention.on_screen(at(1_400), &golden.rows, cursor);
    for ms in (1_500..8_000).step_by(100) {
        attention.on_tick(at(ms));
    }
    let verdict = attention.verdict();
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (
        word(serde_json::to_value(verdict.state).unwrap()),
        word(serde_json::to_value(verdict.kind).unwrap()),
    )
}

#[test]
fn golden_screens_are_read_as_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/screens");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for definition in Definitions::built_in().iter() {
        let rules = Rules::shared(definition);
        for entry in std::fs::read_dir(root.join(&definition.id)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let golden = read(&text);
            let (state, kind) = judged(&rules, &golden);
            seen += 1;
            if (state.as_str(), kind.as_str()) != (golden.state, golden.kind) {
                wrong.push(format!("{}: {state} {kind}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 20, "{seen}");
    assert!(
        Definitions::built_in()
            .get(&AgentId("codex".to_owned()))
            .is_some()
    );
}
