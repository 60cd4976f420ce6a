use jiff::Timestamp;
use offshoot_protocol::AgentId;
use offshoot_protocol::view::ActivityState;

use super::*;
use crate::definitions::Definitions;

fn activity(kind: Option<WaitKind>, reason: &str) -> Activity {
    Activity {
        state: ActivityState::Waiting,
        kind,
        until: None,
        reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
        since: Timestamp::from_millisecond(1_000_000).unwrap(),
    }
}

fn read_as(agent: Option<&str>, screen: &str, activity: &Activity, input: Option<&Value>) -> Asked {
    let all = Definitions::built_in();
    let known = agent.and_then(|id| all.get(&AgentId(id.to_owned())));
    let reader = Reader::of(known.unwrap_or_else(|| all.generic()));
    let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
    reader.read(Seen {
        rows: &rows,
        activity,
        tool_input: input,
        n_answered: 0,
    })
}

fn options(asked: &Asked) -> Vec<(&str, &str)> {
    let options = asked.view.options.iter();
    options
        .map(|one| (one.id.as_str(), one.label.as_str()))
        .collect()
}

const CLAUDE: &str = "\
● Bash(touch probe.txt)
────────────────────────────────────────
 Bash command

   touch probe.txt && echo ran
   Touch a file

 Do you want to proceed?
 ❯ 1. Yes
   2. Yes, and always allow access to work/ from this project
   3. No

 Esc to cancel · Tab to amend";

#[test]
fn an_approval_of_claude_code_is_read() {
    let asked = read_as(
        Some("claude-code"),
        CLAUDE,
        &activity(Some(WaitKind::Approval), ""),
        None,
    );
    assert_eq!(asked.view.text, "Do you want to proceed?");
    assert_eq!(
        asked.view.command.as_deref(),
        Some("touch probe.txt && echo ran")
    );
    assert_eq!(options(&asked)[0], ("1", "Yes"));
    assert_eq!(options(&asked)[2..], [("3", "No"), ("esc", "Cancel (Esc)")]);
    assert_eq!(asked.keys("1"), Some(vec![b"1".to_vec()]));
    assert_eq!(asked.keys("esc"), Some(vec![b"\x1b".to_vec()]));
    assert_eq!(asked.keys("7"), None);
    assert!(asked.is_marked("1") && !asked.is_marked("2"));
}

#[test]
fn the_hook_and_the_report_know_the_whole_command() {
    let cut = CLAUDE.replace("probe.txt && echo ran", "probe.txt …");
    let input = serde_json::json!({"command": "touch probe.txt && make", "description": "x"});
    let report = activity(
        Some(WaitKind::Approval),
        "approve Bash: touch probe.txt && date",
    );
    let asked = read_as(Some("claude-code"), &cut, &report, Some(&input));
    assert_eq!(
        asked.view.command.as_deref(),
        Some("touch probe.txt && make")
    );
    let without = read_as(Some("claude-code"), &cut, &report, None);
    assert_eq!(
        without.view.command.as_deref(),
        Some("touch probe.txt && date")
    );
    assert_eq!(
        asked.view.id, without.view.id,
        "what comes later is no other question"
    );

    // What was told is about another question than the one that stands there.
    let asked = read_as(Some("claude-code"), CLAUDE, &report, Some(&input));
    assert_eq!(
        asked.view.command.as_deref(),
        Some("touch probe.txt && echo ran")
    );
    let edit = serde_json::json!({"file_path": "/w/a.rs"});
    let asked = read_as(None, "", &activity(None, "edit it?"), Some(&edit));
    assert_eq!(asked.view.file.as_deref(), Some("/w/a.rs"));
    assert_eq!(asked.view.text, "edit it?");
}

#[test]
fn a_command_between_rules_is_read() {
    let rule = "╌".repeat(40);
    let shown = format!(
        "────────────────────\n Bash command\n\n Tip: auto mode handles these\n Run a command\n{rule}\n touch a.txt\n{rule}\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n\n Esc to cancel"
    );
    let approval = activity(Some(WaitKind::Approval), "");
    let asked = read_as(Some("claude-code"), &shown, &approval, None);
    assert_eq!(asked.view.command.as_deref(), Some("touch a.txt"));
}

#[test]
fn a_mark_that_stands_there_already_is_not_moved() {
    let shown = "Is this a project you trust?\n\n ❯ No, exit\n   Yes, I trust this folder\n\n Enter to confirm";
    let trust = activity(Some(WaitKind::Trust), "");
    let read = |shown: &str| read_as(Some("claude-code"), shown, &trust, None);
    let yes = "Yes, I trust this folder";
    let asked = read(shown);
    let keys = vec![b"\x1b[B".to_vec(), b"\r".to_vec()];
    assert_eq!((asked.keys(yes), asked.is_marked(yes)), (Some(keys), false));
    let moved = read(&shown.replace("❯ No", "  No").replace("  Yes", "❯ Yes"));
    assert_eq!(
        (moved.keys(yes), moved.is_marked(yes)),
        (Some(vec![b"\r".to_vec()]), true)
    );
    assert_eq!(moved.view.id, asked.view.id);
}

#[test]
fn codex_names_its_keys_behind_the_options() {
    let screen = "  Would you like to run the following command?\n\n  $ touch a\n\n› 1. Yes, proceed (y)\n  2. No, and tell Codex what to do differently (esc)\n\n  Press enter to confirm or esc to cancel";
    let asked = read_as(
        Some("codex"),
        screen,
        &activity(Some(WaitKind::Approval), ""),
        None,
    );
    assert_eq!(asked.view.command.as_deref(), Some("touch a"));
    let expected = [
        ("y", "Yes, proceed"),
        ("esc", "No, and tell Codex what to do differently"),
    ];
    assert_eq!(options(&asked), expected);
    assert_eq!(asked.keys("esc"), Some(vec![b"\x1b".to_vec()]));
}

#[test]
fn any_program_has_menus_lists_and_yes_or_no() {
    let plain = activity(None, "");
    let asked = read_as(
        None,
        "Old:\n 1. gone\nPick one?\n❯ 1) Red\n  2) Blue\n",
        &plain,
        None,
    );
    assert_eq!(options(&asked), [("1", "Red"), ("2", "Blue")]);
    assert_eq!(
        (asked.view.text.as_str(), asked.view.takes_text),
        ("Pick one?", false)
    );
    assert_eq!(asked.keys("2"), Some(vec![b"2".to_vec()]));

    let asked = read_as(None, "Which one?\n1. Red\n2. Blue\nChoice: ", &plain, None);
    assert_eq!(asked.keys("2"), Some(vec![b"2".to_vec(), b"\r".to_vec()]));

    let asked = read_as(None, "working\nOverwrite a.txt? [y/N] ", &plain, None);
    assert_eq!(options(&asked), [("y", "Yes"), ("n", "No")]);
    assert_eq!(asked.view.text, "Overwrite a.txt? [y/N]");
    assert_eq!(asked.keys("y"), Some(vec![b"y\r".to_vec()]));

    let asked = read_as(None, "Name of the branch?", &plain, None);
    assert!(asked.view.options.is_empty() && asked.view.takes_text);
    assert_eq!(asked.view.text, "Name of the branch?");
}

#[test]
fn another_question_has_another_id_and_a_moved_mark_has_not() {
    let plain = activity(Some(WaitKind::Approval), "");
    let id = |screen: &str, activity: &Activity| {
        read_as(Some("claude-code"), screen, activity, None).view.id
    };
    let first = id(CLAUDE, &plain);
    let moved = CLAUDE.replace("❯ 1", "  1").replace("  3. No", "❯ 3. No");
    assert_eq!(id(&moved, &plain), first);
    assert_ne!(id(&CLAUDE.replace("touch", "rm"), &plain), first);
    let later = Activity {
        since: Timestamp::from_millisecond(2_000_000).unwrap(),
        ..plain
    };
    assert_ne!(id(CLAUDE, &later), first, "the same question asked again");
}

/// Commands that an agent asks about one after the other, and of which the first lines are equal.
fn codex(second_line: &str) -> String {
    format!(
        "  Would you like to run the following command?\n\n  $ python3 - <<'EOF'\n    {second_line}\n    EOF\n\n› 1. Yes, proceed (y)\n  2. No, and tell Codex what to do differently (esc)\n\n  Press enter to confirm or esc to cancel"
    )
}

#[test]
fn all_that_a_dialog_shows_tells_it_from_the_next() {
    let approval = activity(Some(WaitKind::Approval), "");
    let codex_id = |line: &str| {
        read_as(Some("codex"), &codex(line), &approval, None)
            .view
            .id
    };
    assert_eq!(codex_id("print(1)"), codex_id("print(1)"));
    assert_ne!(codex_id("print(1)"), codex_id("print(2)"));
    let edit = |line: &str| {
        let shown = format!(
            "  Would you like to make the following edits?\n\n  a.md (+1 -0)\n    1 +{line}\n\n› 1. Yes, proceed (y)\n  2. No (esc)\n\n  Press enter to confirm or esc to cancel"
        );
        read_as(Some("codex"), &shown, &approval, None).view.id
    };
    assert_ne!(edit("one"), edit("two"));
    let claude = |line: &str| {
        let shown = CLAUDE.replace("   Touch a file", &format!("   {line}\n   Touch a file"));
        read_as(Some("claude-code"), &shown, &approval, None)
            .view
            .id
    };
    assert_ne!(claude("rm a"), claude("rm b"));
    let generic = |line: &str| {
        let shown = format!("{line}\nRun it?\n❯ 1) Yes\n  2) No\n");
        read_as(None, &shown, &activity(None, ""), None).view.id
    };
    assert_ne!(generic("command-0"), generic("command-1"));
    let waits = |mark: &str, above: &str| {
        let shown = CLAUDE.replace("● Bash(touch probe.txt)", above);
        let shown = format!("{shown}\n{mark} Waiting");
        read_as(Some("claude-code"), &shown, &approval, None)
            .view
            .id
    };
    assert_eq!(
        waits("⠏", "one"),
        waits("⠙", "two"),
        "what stands beside it is not in it"
    );
}

#[test]
fn a_question_after_an_answer_is_another_though_it_looks_the_same() {
    let approval = activity(Some(WaitKind::Approval), "");
    let reader = Reader::of(Definitions::built_in().generic());
    let rows = ["Go on?", "❯ 1) Yes", "  2) No"].map(str::to_owned);
    let id = |n_answered| {
        let asked = reader.read(Seen {
            rows: &rows,
            activity: &approval,
            tool_input: None,
            n_answered,
        });
        asked.view.id
    };
    assert_ne!(id(0), id(1));
}

#[test]
fn the_command_of_another_dialog_is_never_shown() {
    let approval = activity(Some(WaitKind::Approval), "");
    let told =
        |line: &str| serde_json::json!({"command": format!("python3 - <<'EOF'\n{line}\nEOF")});
    let read = |told: &Value| {
        let asked = read_as(Some("codex"), &codex("print(1)"), &approval, Some(told));
        asked.view.command.unwrap()
    };
    assert_eq!(read(&told("print(1)")), "python3 - <<'EOF'\nprint(1)\nEOF");
    assert_eq!(read(&told("print(2)")), "python3 - <<'EOF'\nprint(1)\nEOF");
}

#[test]
fn text_is_taken_where_the_agent_takes_it_as_typed() {
    let all = Definitions::built_in();
    let takes = |id: &str| {
        let known = all.get(&AgentId(id.to_owned())).unwrap();
        known.answers.iter().any(|rule| rule.free_text)
    };
    let ids = ["claude-code", "codex", "gemini", "opencode", "qwen"];
    assert_eq!(ids.map(takes), [true, false, true, false, false]);
}
