//! Which conversation a process is started with, and whose a hook's is.

use offshoot_protocol::AgentId;
use offshoot_protocol::view::ConversationSource;
use serde_json::json;

use super::*;
use crate::definitions::Definitions;

fn definition(id: &str) -> std::sync::Arc<Definition> {
    Definitions::built_in()
        .get(&AgentId(id.to_owned()))
        .unwrap()
        .clone()
}

fn held(used: bool) -> Held {
    Held {
        used,
        ..Held::new("mine".to_owned(), ConversationSource::Chosen)
    }
}

fn facts<'a>(definition: &'a Definition, held: Option<&'a Held>) -> Facts<'a> {
    Facts {
        definition,
        held,
        on_disk: None,
        has_rival: false,
        free: None,
    }
}

#[test]
fn a_held_conversation_is_resumed_by_its_id() {
    let claude = definition("claude-code");
    let resume = Plan::Resume("mine".to_owned(), ConversationSource::Chosen);
    for (used, on_disk) in [
        (true, None),
        (true, Some(false)),
        (false, None),
        (false, Some(true)),
    ] {
        let held = held(used);
        let facts = Facts {
            on_disk,
            ..facts(&claude, Some(&held))
        };
        assert_eq!(plan_continued(facts), resume, "{used} {on_disk:?}");
    }
}

#[test]
fn one_that_nobody_has_used_begins_again_under_its_id() {
    let claude = definition("claude-code");
    let held = held(false);
    let facts = Facts {
        on_disk: Some(false),
        ..facts(&claude, Some(&held))
    };
    assert_eq!(plan_continued(facts), Plan::Again("mine".to_owned()));
}

#[test]
fn the_newest_of_the_directory_is_only_taken_by_an_agent_that_is_alone_there() {
    let claude = definition("claude-code");
    assert_eq!(plan_continued(facts(&claude, None)), Plan::Newest);
    let beside = |free: Option<&str>| Facts {
        has_rival: true,
        free: free.map(str::to_owned),
        ..facts(&claude, None)
    };
    let free = Plan::Resume("free".to_owned(), ConversationSource::File);
    assert_eq!(plan_continued(beside(Some("free"))), free);
    assert!(matches!(plan_continued(beside(None)), Plan::New(Some(_))));
    let codex = definition("codex");
    let facts = Facts {
        has_rival: true,
        ..facts(&codex, None)
    };
    assert_eq!(plan_continued(facts), Plan::New(None));
}

fn hook(event: &str, payload: serde_json::Value) -> Hook {
    Hook {
        id: uuid::Uuid::nil(),
        event: event.to_owned(),
        payload,
        at: jiff::Timestamp::UNIX_EPOCH,
        seq: 0,
        subagent: false,
    }
}

#[test]
fn a_conversation_changes_when_its_agent_says_so() {
    let claude = definition("claude-code");
    let confirmed = Held {
        confirmed: true,
        ..held(true)
    };
    let start = |source: &str| hook("SessionStart", json!({"source": source}));
    let stop = hook("Stop", json!({}));
    let end = hook("SessionEnd", json!({}));
    for (held, id, hook, expected) in [
        (None, "new", &stop, Heard::Taken),
        (Some(&confirmed), "mine", &stop, Heard::Known),
        (Some(&confirmed), "new", &start("clear"), Heard::Taken),
        (Some(&confirmed), "new", &start("resume"), Heard::Taken),
        // A nested agent that inherited our environment, or a side thread.
        (Some(&confirmed), "new", &start("startup"), Heard::Foreign),
        (Some(&confirmed), "new", &stop, Heard::Foreign),
        (Some(&super::tests::held(true)), "new", &stop, Heard::Taken),
        // One that cannot be resumed ends another that was begun in its place.
        (Some(&super::tests::held(true)), "new", &end, Heard::Foreign),
    ] {
        assert_eq!(judge(held, id, &claude, hook), expected, "{id} {hook:?}");
    }
}

#[test]
fn ids_are_read_out_of_last_words() {
    let claude = definition("claude-code");
    let id = "0c9d1f8e-1111-4222-8333-444455556666";
    let text = format!("bye\nResume with: claude --resume {id}\n");
    assert_eq!(
        printed_id(&text, &claude.conversation.exit).as_deref(),
        Some(id)
    );
    assert_eq!(printed_id("bye", &claude.conversation.exit), None);
    let text = "x\n  No conversation found with session ID: 7\n";
    let line = line_with(text, &claude.conversation.unknown);
    assert_eq!(line, Some("No conversation found with session ID: 7"));
    assert_eq!(line_with(text, ""), None);
}

#[test]
fn an_id_is_never_an_option_or_a_path() {
    assert!(is_id("ses_0123AbC") && is_id("0c9d1f8e-1111"));
    for bad in ["", "--yolo", "../x", "a b", "a\nb", &"a".repeat(201)] {
        assert!(!is_id(bad), "{bad:?}");
    }
}
