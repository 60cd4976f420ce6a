use offshoot_vt::Cursor;

use super::*;

const IDLE: [&str; 3] = ["────────", "❯ ", "────────"];
const FULL: [&str; 3] = ["────────", "❯ do it", "────────"];
const SENT: [&str; 5] = ["> do it", "", "────────", "❯ ", "────────"];
const NO_LINE: [&str; 2] = ["do it", "done"];

fn sight(rows: &[&str]) -> Sight {
    let row = rows.iter().position(|row| row.starts_with('❯'));
    let row = row.unwrap_or(rows.len() - 1);
    let cursor = Cursor {
        row: u16::try_from(row).unwrap(),
        col: u16::try_from(rows[row].chars().count()).unwrap(),
        visible: true,
    };
    Sight::of_rows(rows, cursor)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn outlook(sight: &Sight) -> Outlook<'_> {
    Outlook {
        activity: ActivityState::Idle,
        sight,
        alive_for: ms(10_000),
        quiet_for: Some(ms(1000)),
        untold_for: None,
        is_fresh: false,
        typed_ago: None,
        draft: false,
    }
}

#[test]
fn a_ready_agent_is_typed_to_and_a_busy_one_is_not() {
    let (idle, full, none) = (sight(&IDLE), sight(&FULL), sight(&NO_LINE));
    assert_eq!(obstacle(&outlook(&idle)), None);
    assert_eq!(obstacle(&outlook(&none)), None);
    let table = [
        Outlook {
            activity: ActivityState::Working,
            ..outlook(&idle)
        },
        Outlook {
            activity: ActivityState::Waiting,
            ..outlook(&idle)
        },
        Outlook {
            activity: ActivityState::Starting,
            ..outlook(&idle)
        },
        Outlook {
            typed_ago: Some(ms(1000)),
            ..outlook(&idle)
        },
        outlook(&full),
        Outlook {
            draft: true,
            ..outlook(&none)
        },
        Outlook {
            alive_for: ms(1500),
            ..outlook(&none)
        },
        Outlook {
            alive_for: ms(2500),
            quiet_for: None,
            ..outlook(&none)
        },
        Outlook {
            alive_for: ms(1000),
            quiet_for: Some(ms(100)),
            ..outlook(&idle)
        },
        Outlook {
            is_fresh: true,
            quiet_for: Some(ms(900)),
            ..outlook(&idle)
        },
        Outlook {
            untold_for: Some(ms(4000)),
            ..outlook(&idle)
        },
    ];
    for outlook in table {
        assert!(obstacle(&outlook).is_some(), "{outlook:?}");
    }
    let never_told = Outlook {
        untold_for: Some(ms(6000)),
        ..outlook(&idle)
    };
    assert_eq!(obstacle(&never_told), None);
    let erased = Outlook {
        draft: true,
        typed_ago: Some(ms(2000)),
        ..outlook(&idle)
    };
    assert_eq!(
        obstacle(&erased),
        None,
        "the screen knows better than the count"
    );
}

fn evidence(sight: &Sight) -> Evidence<'_> {
    Evidence {
        text: "do it",
        sight,
        stood: false,
        keys: None,
        hooked: false,
        has_line: false,
        gone_for: ms(500),
        worked: false,
        printed: false,
        since: ms(2000),
        since_last: ms(2000),
        enters: 1,
        shows_turns: false,
    }
}

#[test]
fn a_turn_is_seen_to_begin() {
    let (idle, full, sent, none) = (sight(&IDLE), sight(&FULL), sight(&SENT), sight(&NO_LINE));
    let began = [
        evidence(&sent),
        Evidence {
            hooked: true,
            ..evidence(&full)
        },
        Evidence {
            worked: true,
            ..evidence(&idle)
        },
        Evidence {
            stood: true,
            ..evidence(&idle)
        },
        Evidence {
            printed: true,
            ..evidence(&none)
        },
    ];
    for evidence in began {
        assert!(
            matches!(judge(&evidence), Finding::Began(_)),
            "{evidence:?}"
        );
    }
    let unknown = [
        evidence(&idle),
        evidence(&none),
        Evidence {
            printed: true,
            shows_turns: true,
            ..evidence(&none)
        },
        Evidence {
            stood: true,
            gone_for: ms(100),
            ..evidence(&idle)
        },
        Evidence {
            worked: true,
            ..evidence(&full)
        },
        Evidence {
            since_last: ms(300),
            ..evidence(&full)
        },
    ];
    for evidence in unknown {
        assert_eq!(judge(&evidence), Finding::LookAgain, "{evidence:?}");
        let late = Evidence {
            since: ms(20_000),
            since_last: ms(20_000),
            ..evidence
        };
        assert_ne!(judge(&late), Finding::LookAgain, "{late:?}");
    }
}

#[test]
fn enter_is_pressed_again_only_while_the_text_stands_there() {
    let (idle, full) = (sight(&IDLE), sight(&FULL));
    assert_eq!(judge(&evidence(&full)), Finding::PressAgain);
    assert_eq!(judge(&evidence(&idle)), Finding::LookAgain);
    let last = Evidence {
        enters: ENTERS_MAX,
        ..evidence(&full)
    };
    assert_eq!(judge(&last), Finding::LookAgain);
    let late = Evidence {
        since_last: ms(20_000),
        ..last
    };
    assert!(matches!(judge(&late), Finding::Failed(_)));
}

#[test]
fn enter_sends_nothing_that_somebody_else_has_typed() {
    let typed = |fresh| Some(Keys { n_chars: 3, fresh });
    let mixed = sight(&["────────", "❯ do itabc", "────────"]);
    let open = sight(&["ready", "tell me: do itabc"]);
    for mixed in [&mixed, &open] {
        let still = Evidence {
            keys: typed(false),
            printed: true,
            ..evidence(mixed)
        };
        assert_eq!(judge(&still), Finding::Failed(TYPED_INTO), "{still:?}");
        let fresh = Evidence {
            keys: typed(true),
            ..still
        };
        assert_eq!(judge(&fresh), Finding::LookAgain, "{fresh:?}");
    }
    let full = sight(&FULL);
    let alone = Evidence {
        keys: typed(false),
        ..evidence(&full)
    };
    assert_eq!(judge(&alone), Finding::PressAgain, "what was typed is gone");
}

#[test]
fn a_prompt_holds_no_keys() {
    assert_eq!(clean("a\r\nb\x1b[201~\x03\tc\r\r\n"), "a\nb[201~\tc");
    assert_eq!(paste_bytes("a\nb", true), b"\x1b[200~a\nb\x1b[201~");
    assert_eq!(paste_bytes("a\nb", false), b"a\nb");
}
