//! What each sentence about evidence means, as tables.

use std::sync::Arc;
use std::time::Duration;

use ActivityState::{Errored, Exited, Idle, Limited, Starting, Stuck, Waiting, Working};
use offshoot_protocol::view::{ActivityState, WaitKind};
use offshoot_vt::{Cursor, Event, ProgramState, ProgressState};
use serde_json::{Value, json};

use super::{Attention, Hook, KEPT, Moment, Process, Rules};
use crate::definitions::{Definition, Definitions};

const AGENT: &str = r##"
id = "test"
name = "Test"
program = "test"
[payload]
subagent = "agent_id"
[[hooks]]
event = "Prompt"
says = "working"
[[hooks]]
event = "Permission"
says = "waiting"
kind = "approval"
reason = "{tool}: {input.command}"
[[hooks]]
event = "Stop"
says = "idle"
[[hooks]]
event = "Failure"
says = "errored"
reason = "{error}"
[[hooks]]
event = "SubagentStop"
says = "idle"
[[titles]]
id = "title-working"
pattern = '^\* '
says = "working"
[[titles]]
id = "title-rest"
pattern = '^- '
says = "idle"
[[titles]]
id = "title-waiting"
pattern = '^! '
says = "waiting"
[[screen]]
id = "overlay"
says = "nothing"
priority = 100
region = "bottom(1)"
any = ['^transcript']
[[screen]]
id = "trust"
says = "waiting"
kind = "trust"
priority = 90
region = "bottom(4)"
any = ['trust this folder']
blocker = true
first-run = true
[[screen]]
id = "approval"
says = "waiting"
kind = "approval"
priority = 80
region = "bottom(8)"
all = ['proceed\?', 'Esc to cancel']
blocker = true
[[screen]]
id = "working"
says = "working"
priority = 50
region = "bottom(3)"
any = ['esc to interrupt']
[[screen]]
id = "composer"
says = "idle"
priority = 10
region = "bottom(3)"
any = ['^> ']
[[limits]]
id = "usage"
pattern = 'limit reached, resets (?<reset>\w+)'
region = "bottom(8)"
[typing]
composer = '^> (?<draft>.*)$'
[[answers]]
id = "approval"
kind = "approval"
text = '(?<text>Do you want [^\n]*\?)'
"##;

const REST: &str = "answer\n> \nstatus";
const WORK: &str = "answer\n> \nstatus, esc to interrupt";
const DIALOG: &str = "answer\nDo you want to proceed?\n1. Yes\nEsc to cancel";

/// What happens, or is expected to be thought, at a moment in milliseconds.
#[derive(Debug, Clone)]
enum Step {
    Report(ProgramState, &'static str, &'static str),
    Title(&'static str),
    Progress(ProgressState),
    Hook(&'static str, Value),
    /// Sent at another moment than it comes.
    Late(u64, &'static str),
    Screen(&'static str),
    /// With the cursor visible in a row.
    Cursor(&'static str, u16),
    Keys(&'static str),
    Output,
    Cpu(u64),
    End,
    Is(ActivityState),
}
use Step::{Cpu, End, Is, Keys, Late, Output, Progress, Report, Screen, Title};

fn hook(name: &'static str) -> Step {
    Step::Hook(name, json!({}))
}

fn report(state: ProgramState) -> Step {
    Report(state, "", "")
}

fn rules() -> Arc<Rules> {
    let definition: Definition = toml::from_str(AGENT).unwrap();
    Arc::new(Rules::compile(&definition))
}

fn ms(ms: u64) -> Moment {
    Duration::from_millis(ms)
}

fn cursor(row: Option<u16>) -> Cursor {
    Cursor {
        row: row.unwrap_or(0),
        col: 0,
        visible: row.is_some(),
    }
}

/// Plays steps on an agent; timers fire in between.
fn play(attention: &mut Attention, steps: &[(u64, Step)], shift: Moment) {
    for (at, step) in steps {
        let at = shift + ms(*at);
        while let Some(due) = attention.deadline().filter(|due| *due < at) {
            attention.on_tick(due);
        }
        let screen = |attention: &mut Attention, text: &str, row| {
            let rows: Vec<&str> = text.lines().collect();
            attention.on_screen(at, &rows, cursor(row));
        };
        match step {
            Report(state, kind, message) => attention.on_event(
                at,
                &Event::ProgramStatus {
                    state: *state,
                    kind: (*kind).to_owned(),
                    app: String::new(),
                    message: (*message).to_owned(),
                    id: String::new(),
                },
            ),
            Title(title) => attention.on_event(at, &Event::Title((*title).to_owned())),
            Progress(state) => attention.on_event(
                at,
                &Event::Progress {
                    state: *state,
                    percent: 0,
                },
            ),
            Step::Hook(name, payload) => attention.on_hook(at, &sent(name, payload, at)),
            Late(sent_at, name) => {
                attention.on_hook(at, &sent(name, &json!({}), shift + ms(*sent_at)));
            }
            Screen(text) => screen(attention, text, None),
            Step::Cursor(text, row) => screen(attention, text, Some(*row)),
            Keys(keys) => attention.on_input(at, keys.as_bytes()),
            Output => attention.on_output(at, 10),
            Cpu(used) => attention.on_process(
                at,
                Process {
                    alive: true,
                    cpu: Some(ms(*used)),
                },
            ),
            End => attention.on_process(
                at,
                Process {
                    alive: false,
                    cpu: None,
                },
            ),
            Is(state) => {
                attention.on_tick(at);
                let verdict = attention.verdict();
                assert_eq!(
                    verdict.state, *state,
                    "at {at:?} of {steps:#?}: {verdict:?}"
                );
            }
        }
    }
}

fn sent(name: &str, payload: &Value, at: Moment) -> Hook {
    Hook {
        name: name.to_owned(),
        payload: payload.clone(),
        sent_at_ms: u64::try_from(at.as_millis()).unwrap(),
        seq: 0,
        from_subagent: false,
    }
}

fn check(tables: &[&[(u64, Step)]]) {
    let rules = rules();
    for steps in tables {
        // The same at any time of day.
        for shift in [Moment::ZERO, Duration::from_secs(1_000_000)] {
            play(&mut Attention::new(Arc::clone(&rules), shift), steps, shift);
        }
    }
}

#[test]
fn the_agents_own_report_beats_everything() {
    use ProgramState as P;
    check(&[
        &[
            (0, Is(Starting)),
            (10, report(P::Idle)),
            (10, Is(Idle)),
            (20, report(P::Working)),
            (20, Is(Working)),
            (30, hook("Stop")),
            (40, Title("- rest")),
            (50, Screen(DIALOG)),
            (900, Is(Working)),
            (1000, Report(P::Blocked, "question", "Which?")),
            (1000, Is(Waiting)),
            (1100, report(P::Done)),
            (1100, Is(Idle)),
            (1200, Report(P::Error, "", "500")),
            (1200, Is(Errored)),
        ],
        // Titles mean nothing once it reports itself, and something again when it stops to.
        &[
            (0, report(P::Idle)),
            (10, Title("* turns")),
            (5000, Is(Idle)),
            (5010, report(P::Clear)),
            (5020, Title("* turns")),
            (5030, Is(Working)),
        ],
        // A dialog of the first start that it does not report.
        &[
            (0, report(P::Idle)),
            (10, Screen("Do you trust this folder?")),
            (400, Is(Waiting)),
            (500, report(P::Working)),
            (510, Is(Working)),
            (600, report(P::Idle)),
            (2000, Is(Idle)),
        ],
    ]);
}

#[test]
fn a_dialog_beats_an_older_turn_and_the_title() {
    check(&[&[
        (0, hook("Prompt")),
        (0, Title("* turns")),
        (10, Screen(WORK)),
        (10, Is(Working)),
        (1000, Screen(DIALOG)),
        (1100, Is(Working)),
        (1300, Is(Waiting)),
        (5000, Title("* turns still")),
        (5000, Is(Waiting)),
        (6000, Keys("\r")),
        (6100, Screen(WORK)),
        (6500, Is(Working)),
        (7000, hook("Stop")),
        (7000, Is(Idle)),
    ]]);
}

#[test]
fn what_scrolls_by_or_is_quoted_is_no_dialog() {
    check(&[
        &[
            (0, hook("Prompt")),
            (10, Screen(DIALOG)),
            (100, Screen(WORK)),
            (5000, Is(Working)),
        ],
        // Above the composer it is a transcript.
        &[
            (0, hook("Prompt")),
            (
                10,
                Screen("Do you want to proceed?\nEsc to cancel\nand so on\n> \nesc to interrupt"),
            ),
            (5000, Is(Working)),
        ],
        // In the composer it was typed.
        &[
            (0, hook("Stop")),
            (10, Step::Cursor("> proceed? Esc to cancel", 0)),
            (5000, Is(Idle)),
        ],
        // A title that tells of questions tells of none.
        &[
            (0, Title("* turns")),
            (1000, Title("- rest")),
            (1010, Screen(DIALOG)),
            (5000, Is(Idle)),
            (6000, Title("! asks")),
            (6000, Is(Waiting)),
        ],
        // What hides the agent says nothing.
        &[
            (0, Screen(DIALOG)),
            (500, Is(Waiting)),
            (600, Screen("Do you want\ntranscript")),
            (5000, Is(Waiting)),
        ],
    ]);
}

#[test]
fn a_permission_hook_counts_until_it_is_answered() {
    let ask = || {
        Step::Hook(
            "Permission",
            json!({"tool": "Bash", "input": {"command": "ls"}}),
        )
    };
    check(&[
        // Its dialog came and went.
        &[
            (0, hook("Prompt")),
            (10, ask()),
            (10, Is(Waiting)),
            (200, Screen(DIALOG)),
            (5000, Is(Waiting)),
            (5010, Keys("1")),
            (5100, Screen(WORK)),
            (5600, Is(Working)),
        ],
        // Its dialog is none we know, and somebody answered.
        &[
            (0, ask()),
            (100, Screen("Unknown dialog")),
            (5000, Is(Waiting)),
            (5010, Keys("y")),
            (5400, Screen(WORK)),
            (5800, Is(Working)),
        ],
        // Refused with Esc: no hook tells.
        &[
            (0, hook("Prompt")),
            (10, ask()),
            (200, Screen(DIALOG)),
            (1000, Keys("\x1b")),
            (1100, Screen(REST)),
            (2500, Is(Idle)),
        ],
        &[(0, ask()), (10, hook("Prompt")), (10, Is(Working))],
    ]);
    let mut attention = Attention::new(rules(), Moment::ZERO);
    play(&mut attention, &[(0, ask())], Moment::ZERO);
    assert_eq!(attention.verdict().kind, Some(WaitKind::Approval));
    assert_eq!(attention.verdict().reason.as_deref(), Some("Bash: ls"));
    play(&mut attention, &[(100, Screen(DIALOG))], Moment::ZERO);
    assert_eq!(
        attention.verdict().reason.as_deref(),
        Some("Do you want to proceed?")
    );
}

#[test]
fn after_our_own_esc_screen_and_title_overrule_hooks() {
    for key in ["\x1b", "\x03", "\x1b[27u", "\x1b[99;5u"] {
        check(&[&[
            (0, hook("Prompt")),
            (10, Screen(WORK)),
            (1000, Keys(key)),
            (1200, Screen(REST)),
            (1200, Is(Working)),
            (2000, Is(Idle)),
        ]]);
    }
    check(&[
        // Without a key, rest must last.
        &[
            (0, hook("Prompt")),
            (10, Screen(WORK)),
            (1200, Screen(REST)),
            (9000, Is(Working)),
            (12_500, Is(Idle)),
        ],
        // Outside of the window too.
        &[
            (0, hook("Prompt")),
            (10, Screen(WORK)),
            (1000, Keys("\x1b")),
            (4200, Screen(REST)),
            (9000, Is(Working)),
        ],
        // A mouse report or a lost focus is no key.
        &[
            (0, hook("Prompt")),
            (10, Screen(WORK)),
            (1000, Keys("\x1b[O")),
            (1200, Screen(REST)),
            (5000, Is(Working)),
        ],
    ]);
}

#[test]
fn hooks_of_sub_agents_and_late_hooks_end_no_turn() {
    let child = |name| Step::Hook(name, json!({"agent_id": "a1"}));
    check(&[
        &[
            (0, hook("Prompt")),
            (10, child("Stop")),
            (20, child("Failure")),
            (30, Is(Working)),
            (40, child("Permission")),
            (40, Is(Waiting)),
            (50, child("Prompt")),
            (50, Is(Working)),
        ],
        &[(0, hook("Stop")), (10, child("Prompt")), (10, Is(Idle))],
        &[
            (1000, hook("Stop")),
            (1010, Late(500, "Prompt")),
            (1020, Is(Idle)),
            (1030, Late(1025, "Prompt")),
            (1030, Is(Working)),
        ],
    ]);
}

#[test]
fn titles_tell_and_rest_must_last() {
    check(&[
        &[
            (0, Title("* turns")),
            (0, Is(Working)),
            (1000, Title("- rest")),
            (1200, Is(Working)),
            (1300, Title("* turns")),
            (1900, Is(Working)),
            (2000, Title("- rest")),
            (2600, Is(Idle)),
            (3000, Title("! asks")),
            (3000, Is(Waiting)),
        ],
        // A title beats the rest of the screen.
        &[
            (0, Title("* turns")),
            (10, Screen(REST)),
            (5000, Is(Working)),
        ],
        // Work that began after the end of a turn is a new turn.
        &[
            (0, hook("Stop")),
            (1000, Title("* turns")),
            (1100, Is(Idle)),
            (1200, Title("- rest")),
            (4000, Title("* turns")),
            (4000, Is(Working)),
        ],
        &[
            (0, Progress(ProgressState::Indeterminate)),
            (0, Is(Working)),
            (10, Progress(ProgressState::None)),
            (10, Screen(REST)),
            (2000, Is(Idle)),
        ],
    ]);
}

#[test]
fn the_screen_alone_tells_too() {
    check(&[
        &[
            (0, Is(Starting)),
            (10, Screen("loading")),
            (5000, Is(Starting)),
            (5010, Screen(REST)),
            (5600, Is(Idle)),
            (6000, Screen(WORK)),
            (6000, Is(Working)),
            (7000, Screen("something else")),
            (7600, Is(Working)),
            (8300, Is(Idle)),
        ],
        &[(0, Screen("loading")), (40_000, Is(Idle))],
        &[
            (0, Screen(WORK)),
            (100, Screen("limit reached, resets 3pm\n> \nstatus")),
            (1000, Is(Limited)),
            (2000, Screen(WORK)),
            (2000, Is(Working)),
        ],
    ]);
    check(&[
        // What an earlier turn was told is over, though it is on the screen.
        &[
            (0, Screen("limit reached, resets 3pm\n> \nstatus")),
            (1000, Is(Limited)),
            (
                2000,
                Screen("limit reached, resets 3pm\n> go on\nesc to interrupt"),
            ),
            (2000, Is(Working)),
            (4000, Screen("limit reached, resets 3pm\ndone\n> \nstatus")),
            (6000, Is(Idle)),
            // Drawn anew, as after another size.
            (7000, Screen("done\n> \nstatus")),
            (7100, Screen("limit reached, resets 3pm\ndone\n> \nstatus")),
            (9000, Is(Idle)),
        ],
        // One that comes while the turn is still shown is of this turn.
        &[
            (0, Screen("limit reached, resets 3pm\n> \nstatus")),
            (
                2000,
                Screen("limit reached, resets 3pm\n> go on\nesc to interrupt"),
            ),
            (2000, Is(Working)),
            (
                3000,
                Screen(
                    "limit reached, resets 3pm\nlimit reached, resets 3pm\n> \nesc to interrupt",
                ),
            ),
            (3500, Is(Working)),
            (
                4000,
                Screen("limit reached, resets 3pm\nlimit reached, resets 3pm\n> \nstatus"),
            ),
            (6000, Is(Limited)),
        ],
    ]);
    let mut attention = Attention::new(rules(), Moment::ZERO);
    let limit = Screen("limit reached, resets 3pm\n> \nstatus");
    play(
        &mut attention,
        &[(0, limit), (2000, Is(Limited))],
        Moment::ZERO,
    );
    assert_eq!(attention.verdict().reset.as_deref(), Some("3pm"));
}

#[test]
fn work_without_a_sign_of_life_is_stuck() {
    let minute = 60_000;
    check(&[
        &[
            (0, hook("Prompt")),
            (4 * minute, Is(Working)),
            (6 * minute, Is(Stuck)),
            (6 * minute + 1, Output),
            (6 * minute + 1, Is(Working)),
        ],
        &[
            (0, report(ProgramState::Working)),
            (3 * minute, Cpu(1000)),
            (4 * minute, Cpu(9000)),
            (8 * minute, Is(Working)),
            (8 * minute + 1, Cpu(9001)),
            (10 * minute, Is(Stuck)),
        ],
        &[(0, hook("Stop")), (60 * minute, Is(Idle))],
    ]);
}

#[test]
fn how_long_work_may_be_silent_is_the_definitions_to_say() {
    let judged = |minutes: u16, at: u64| {
        let mut definition: Definition = toml::from_str(AGENT).unwrap();
        definition.stuck_minutes = minutes;
        let rules = Arc::new(Rules::compile(&definition));
        let mut attention = Attention::new(rules, Moment::ZERO);
        play(&mut attention, &[(0, Title("* turns"))], Moment::ZERO);
        while let Some(due) = attention.deadline().filter(|due| *due <= ms(at)) {
            attention.on_tick(due);
        }
        attention.verdict().state
    };
    assert_eq!(judged(5, 299_000), Working);
    assert_eq!(judged(5, 301_000), Stuck);
    assert_eq!(judged(20, 1_199_000), Working);
    assert_eq!(judged(20, 1_201_000), Stuck);
    assert_eq!(judged(0, 1_000_000_000), Working);
}

#[test]
fn the_end_is_the_end() {
    check(&[&[
        (0, report(ProgramState::Working)),
        (10, End),
        (10, Is(Exited)),
        (20, hook("Prompt")),
        (20, Is(Exited)),
    ]]);
}

fn custom() -> Attention {
    let mut definition = Definition::clone(Definitions::built_in().generic());
    definition.asking = vec!["Shall I.*\\?".to_owned(), "(".to_owned()];
    Attention::new(Rules::shared(&Arc::new(definition)), Moment::ZERO)
}

fn outputs(from: u64, every: u64, count: u64) -> Vec<(u64, Step)> {
    (0..count).map(|n| (from + n * every, Output)).collect()
}

#[test]
fn for_other_commands_the_rate_of_output_tells() {
    let mut steps = outputs(0, 50, 19);
    steps.push((930, Is(Idle)));
    steps.extend(outputs(950, 50, 1));
    steps.extend([(950, Is(Working)), (2900, Is(Working)), (2960, Is(Idle))]);
    play(&mut custom(), &steps, Moment::ZERO);
    // Slow output is no work, nor is the echo of typing.
    let mut slow = outputs(0, 200, 100);
    slow.push((20_000, Is(Idle)));
    play(&mut custom(), &slow, Moment::ZERO);
    let mut echo = vec![(0, Keys("h"))];
    echo.extend(outputs(0, 20, 50));
    echo.push((1000, Is(Idle)));
    echo.extend(outputs(5000, 20, 50));
    echo.push((6000, Is(Working)));
    play(&mut custom(), &echo, Moment::ZERO);
}

#[test]
fn for_other_commands_a_question_is_read_when_output_has_settled() {
    let mut attention = custom();
    attention.on_output(ms(0), 10);
    attention.on_output(ms(100), 10);
    assert_eq!(attention.screen_due(), Some(ms(400)));
    let question = "text\n  Shall I go?\n1. Yes";
    let steps = [
        (400, Screen(question)),
        (400, Is(Waiting)),
        (500, Keys("1")),
        (500, Is(Waiting)),
        (600, Keys("\r")),
        (600, Is(Idle)),
    ];
    play(&mut attention, &steps, Moment::ZERO);
    let mut again = vec![(1000, Screen(question))];
    again.extend(outputs(1100, 20, 50));
    again.extend([
        (2200, Is(Waiting)),
        (2300, Screen("gone")),
        (4000, Is(Idle)),
    ]);
    play(&mut attention, &again, Moment::ZERO);
}

#[test]
fn nothing_is_due_at_rest() {
    let mut attention = Attention::new(rules(), Moment::ZERO);
    let steps = [
        (0, hook("Prompt")),
        (10, Screen(WORK)),
        (1000, hook("Stop")),
        (1100, Screen(REST)),
    ];
    play(&mut attention, &steps, Moment::ZERO);
    play(&mut attention, &[(60_000, Is(Idle))], Moment::ZERO);
    assert_eq!(attention.deadline(), None);
    assert_eq!(attention.screen_due(), None);
    assert_eq!(attention.process_due(), None);
}

#[test]
fn a_flood_of_hooks_leaves_the_state_right_and_nothing_grows() {
    let mut attention = Attention::new(rules(), Moment::ZERO);
    let text = "x".repeat(100_000);
    for at in 0..5000 {
        let name = ["Prompt", "Permission", "Failure", "Stop"][at % 4];
        let payload = json!({"tool": text, "error": text, "input": {"command": text}});
        let at = ms(u64::try_from(at).unwrap());
        attention.on_hook(at, &sent(name, &payload, at));
    }
    assert_eq!(attention.verdict().state, Idle);
    let kept: Vec<_> = attention.evidence().collect();
    assert_eq!(kept.len(), KEPT);
    assert!(kept.iter().all(|piece| piece.text.chars().count() <= 201));
}

#[test]
fn how_output_is_cut_changes_nothing_that_lasts() {
    // A small generator of its own, so that a failure can be repeated.
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let all = [
        REST,
        WORK,
        DIALOG,
        "loading",
        "> \nproceed?\n> \nesc to interrupt",
    ];
    for _ in 0..100 {
        let mut whole = Attention::new(rules(), Moment::ZERO);
        let mut cut = Attention::new(rules(), Moment::ZERO);
        let mut at = 0;
        for _ in 0..20 {
            at += 3000 + random(4000);
            let text = all[usize::try_from(random(5)).unwrap()];
            play(
                &mut whole,
                &[(at, Output), (at + 150, Screen(text))],
                Moment::ZERO,
            );
            // The same comes in pieces, some of which show half of it for a moment.
            let pieces = 1 + random(5);
            for piece in 0..pieces {
                play(&mut cut, &[(at + piece * 10, Output)], Moment::ZERO);
            }
            if random(2) == 0 {
                play(&mut cut, &[(at + 100, Screen("half"))], Moment::ZERO);
            }
            play(&mut cut, &[(at + 150, Screen(text))], Moment::ZERO);
            let state = |attention: &mut Attention| {
                while let Some(due) = attention.deadline().filter(|due| *due < ms(at + 2900)) {
                    attention.on_tick(due);
                }
                (attention.verdict().state, attention.verdict().kind)
            };
            assert_eq!(state(&mut whole), state(&mut cut), "{text}");
            assert!(cut.evidence().count() <= KEPT);
        }
    }
}
