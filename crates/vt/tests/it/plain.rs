//! Large chunks of plain output take a shorter way to the same state.

use offshoot_vt::{Options, Screen, Size};
use proptest::prelude::*;

use crate::output::{sgr, state, token};

/// A chunk that is never taken the short way.
const SMALL: usize = 1_000;

fn line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        10 => "[ -~]{0,60}".prop_map(String::into_bytes),
        2 => "[ -~]{80,200}".prop_map(String::into_bytes),
        2 => "[a-z\t ]{0,30}".prop_map(String::into_bytes),
        2 => "[a-z你好世─│é]{0,30}".prop_map(String::into_bytes),
        4 => sgr(),
        3 => Just(b"\x1b[0m".to_vec()),
    ];
    let end = prop_oneof![20 => Just(&b"\r\n"[..]), 1 => Just(&b"\r\r\n"[..]), 1 => Just(&b"\x1b[m\r\n"[..])];
    (prop::collection::vec(part, 0..4), end).prop_map(|(parts, end)| {
        let mut line = parts.concat();
        line.extend_from_slice(end);
        line
    })
}

/// Mostly lines, seldom anything else, large enough for the short way.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![60 => line(), 1 => token()];
    let block = prop::collection::vec(piece, 1..80).prop_map(|pieces| pieces.concat());
    (prop::collection::vec(block, 1..6), 1_usize..30).prop_map(|(blocks, times)| {
        let mut all = Vec::new();
        for block in blocks {
            for _ in 0..times {
                all.extend_from_slice(&block);
            }
        }
        all
    })
}

fn screen(cols: u16, rows: u16, scrollback_lines: usize) -> Screen {
    let options = Options {
        scrollback_lines,
        ..Options::default()
    };
    Screen::new(Size { cols, rows }, options)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_short_way_gives_the_same_state(
        cols in 2_u16..100,
        rows in 1_u16..30,
        limit in prop_oneof![Just(0_usize), 1_usize..400, Just(5_000)],
        log in log(),
    ) {
        let mut short = screen(cols, rows, limit);
        short.feed(&log);
        let mut long = screen(cols, rows, limit);
        for chunk in log.chunks(SMALL) {
            long.feed(chunk);
        }
        prop_assert_eq!(short.line_range(), long.line_range());
        prop_assert_eq!(state(&mut short), state(&mut long));
        short.resize(Size { cols: 60, rows: 20 });
        long.resize(Size { cols: 60, rows: 20 });
        prop_assert_eq!(short.line_range(), long.line_range());
        prop_assert_eq!(state(&mut short), state(&mut long));
    }
}

#[test]
fn lines_are_numbered_and_kept() {
    let mut screen = screen(80, 10, 100);
    let log: String = (0..5_000).map(|n| format!("line {n}\r\n")).collect();
    screen.feed(log.as_bytes());
    assert_eq!(screen.line_range(), (4_891, 4_991));
    let page = screen.history(4_950, 2);
    assert_eq!((page.first_line, page.lines), (4_948, 2));
    assert_eq!(page.bytes, b"line 4948\r\nline 4949\r\n");
    assert_eq!(screen.rows()[0], "line 4991");
    assert_eq!(screen.tail(3), ["line 4997", "line 4998", "line 4999"]);
    assert_eq!(screen.tail(20)[0], "line 4980");
}
