//! What programs tell and ask.

use offshoot_vt::{Event, ProgramState, ProgressState, PromptMark};

use crate::output::screen;

#[track_caller]
fn tells(output: &[u8], expected: &[Event]) {
    let mut screen = screen(40, 5);
    screen.feed(output);
    assert_eq!(screen.take_events(), expected);
    assert!(screen.take_replies().is_empty());
}

#[track_caller]
fn answers(output: &[u8], expected: &[u8]) {
    let mut screen = screen(40, 5);
    screen.feed(b"ab\r\ncd");
    screen.feed(output);
    screen.feed(b"more");
    let replies = screen.take_replies();
    let bytes: Vec<u8> = replies.iter().flat_map(|r| r.bytes.clone()).collect();
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    if let Some(last) = replies.last() {
        assert_eq!(last.at, 6 + output.len() as u64);
    }
}

fn notification(title: &str, body: &str) -> Event {
    Event::Notification {
        title: title.to_owned(),
        body: body.to_owned(),
    }
}

#[test]
fn titles_are_cleaned_and_cut() {
    tells(
        "\x1b]2;a\u{202e}b\u{9b}c  \x07".as_bytes(),
        &[Event::Title("abc".into())],
    );
    let long = format!("\x1b]0;{}\x1b\\", "x".repeat(1_000));
    tells(long.as_bytes(), &[Event::Title("x".repeat(256))]);
    // The same title again is no news.
    tells(
        b"\x1b]2;a\x07\x1b]0;a\x07\x1b]0;\x07",
        &[Event::Title("a".into()), Event::Title(String::new())],
    );
}

#[test]
fn working_directories_are_decoded() {
    tells(
        b"\x1b]7;file://host/home/a%20b\x1b\\",
        &[Event::Cwd("/home/a b".into())],
    );
    tells(b"\x1b]9;9;/tmp\x07", &[Event::Cwd("/tmp".into())]);
    tells(b"\x1b]7;http://host/x\x07\x1b]7;file://host\x07", &[]);
}

#[test]
fn notifications_of_all_dialects_are_told() {
    tells(b"\x1b]9;hello; you\x07", &[notification("", "hello; you")]);
    tells(
        b"\x1b]777;notify;build;done; ok\x1b\\",
        &[notification("build", "done; ok")],
    );
    tells(
        b"\x1b]99;i=1:d=0;Ti\x1b\\\x1b]99;i=1:d=0;tle\x1b\\\x1b]99;i=1:p=body:e=1;Ym9keQ==\x1b\\",
        &[notification("Title", "body")],
    );
    tells(b"\x1b]99;i=x:p=?;\x1b\\\x1b]9;1;200\x07", &[]);
}

#[test]
fn progress_prompt_marks_and_bells_are_told() {
    tells(
        b"\x1b]9;4;1;42\x07\x1b]9;4;3\x07\x1b]9;4;0;0\x07",
        &[
            Event::Progress {
                state: ProgressState::Normal,
                percent: 42,
            },
            Event::Progress {
                state: ProgressState::Indeterminate,
                percent: 0,
            },
            Event::Progress {
                state: ProgressState::None,
                percent: 0,
            },
        ],
    );
    tells(
        b"\x1b]133;A\x07\x1b]133;B\x07\x1b]133;C\x07\x1b]133;D;130\x07\x07\x07",
        &[
            Event::PromptMark(PromptMark::PromptStart),
            Event::PromptMark(PromptMark::CommandStart),
            Event::PromptMark(PromptMark::OutputStart),
            Event::PromptMark(PromptMark::CommandEnd { exit: Some(130) }),
            Event::Bell,
        ],
    );
}

#[test]
fn program_status_is_decoded() {
    tells(
        b"\x1b]7501;state=blocked:kind=permission:msg=YXBwcm92ZSBCYXNo:app=claude:id=7\x1b\\",
        &[Event::ProgramStatus {
            state: ProgramState::Blocked,
            kind: "permission".into(),
            app: "claude".into(),
            message: "approve Bash".into(),
            id: "7".into(),
        }],
    );
    tells(b"\x1b]7501;state=dancing\x1b\\", &[]);
}

#[test]
fn questions_are_answered() {
    answers(b"\x1b[c", b"\x1b[?62;22c");
    answers(b"\x1b[>c", b"\x1b[>0;276;0c");
    answers(b"\x1b[5n\x1b[6n", b"\x1b[0n\x1b[2;3R");
    answers(b"\x1b[?6n", b"\x1b[?2;3R");
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("\x1bP>|offshoot {version}\x1b\\");
    answers(b"\x1b[>q", name.as_bytes());
    answers(
        b"\x1b[?7$p\x1b[?2026$p\x1b[?9999$p",
        b"\x1b[?7;1$y\x1b[?2026;2$y\x1b[?9999;0$y",
    );
    answers(b"\x1b[?1049h\x1b[?1049$p", b"\x1b[?1049;1$y");
    answers(b"\x1b]11;?\x07", b"\x1b]11;rgb:1414/1515/1818\x07");
    answers(b"\x1b]10;?\x1b\\", b"\x1b]10;rgb:e6e6/e6e6/e6e6\x1b\\");
    answers(b"\x1b]4;196;?\x07", b"\x1b]4;196;rgb:ffff/0000/0000\x07");
    answers(
        b"\x1b]12;#010203\x07\x1b]12;?\x07",
        b"\x1b]12;rgb:0101/0202/0303\x07",
    );
    answers(b"\x1b[>5u\x1b[?u", b"\x1b[?5u");
    answers(
        b"\x1b[14t\x1b[16t\x1b[18t",
        b"\x1b[4;80;320t\x1b[6;16;8t\x1b[8;5;40t",
    );
    answers(b"\x1b]7501;?\x1b\\", b"\x1b]7501;?\x1b\\");
    answers(b"\x1bP+q544e\x1b\\", b"\x1bP0+r\x1b\\");
}

#[test]
fn what_would_echo_is_not_answered() {
    answers(b"\x05", b"");
    answers(b"\x1bP$qm\x1b\\", b"");
    answers(b"\x1b]2;rm -rf\x07\x1b[21t\x1b[20t", b"");
    answers(b"\x1b]52;c;?\x07", b"");
    answers(b"\x1b[=c", b"");
}

#[test]
fn endless_strings_do_not_grow_memory() {
    for start in [
        &b"\x1b]2;"[..],
        b"\x1b]0",
        b"\x1bP",
        b"\x1b_G",
        b"\x1b[",
        b"\x1b]99;i=1:d=0;",
    ] {
        let mut screen = screen(40, 5);
        screen.feed(start);
        for _ in 0..2_000 {
            screen.feed(&[b'1'; 4096]);
        }
        let snapshot = screen.snapshot(usize::MAX);
        assert!(snapshot.bytes.len() < 20_000, "{}", snapshot.bytes.len());
        screen.feed(b"m\x07\x1b\\\x18\r\nafter");
        assert!(screen.rows().iter().any(|row| row == "after"));
    }
}

#[test]
fn endless_combining_characters_titles_and_flags_do_not_grow_memory() {
    let mut screen = screen(40, 5);
    screen.feed(b"e");
    for _ in 0..10_000 {
        screen.feed("\u{301}\x1b[22t\x1b[>1u\x1b]9;x\x07\x1b[c".as_bytes());
    }
    assert!(screen.snapshot(10).bytes.len() < 2_000);
    assert_eq!(screen.take_events().len(), 256);
    assert_eq!(screen.take_replies().len(), 256);
}
