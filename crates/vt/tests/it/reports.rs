//! Looks at bytes without a screen.

use offshoot_vt::{QueryScan, without_reports};
use proptest::prelude::*;

use crate::output::{output, screen};

#[track_caller]
fn typed(input: &str, expected: &str) {
    let kept = without_reports(input.as_bytes());
    assert_eq!(
        kept.escape_ascii().to_string(),
        expected.as_bytes().escape_ascii().to_string()
    );
}

#[test]
fn reports_are_dropped_from_typed_input() {
    typed("ab\x1b[?1;2ccd", "abcd");
    typed("\x1b[>0;276;0c\x1b[24;80R\x1b[?24;80R\x1b[0n", "");
    typed("\x1b[?2026;2$y\x1b[?5u\x1b[8;24;80t", "");
    typed("\x1b]11;rgb:1/2/3\x07\x1b]10;rgb:1/2/3\x1b\\x", "x");
    typed("\x1bP>|xterm.js(6.0.0)\x1b\\\x1bP0+r\x1b\\", "");
}

#[test]
fn what_a_person_does_stays() {
    for keys in [
        "ls\r",
        "\x1b[A\x1bOA\x1b[1;5C",
        "\x1b[1;2R",
        "\x1b[I\x1b[O",
        "\x1b[<0;10;10M\x1b[<0;10;10m",
        "\x1b[97;5u\x1b[27;5;97~",
        "\x1b",
        "\x1b\x1b",
        "\x1b[200~\x1b[?1;2c\x1b[201~",
        "\x1b]11;rgb:unfinished",
    ] {
        typed(keys, keys);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_chunk_that_tells_or_asks_is_always_found(tokens in output(60)) {
        let mut scan = QueryScan::new();
        let mut screen = screen(40, 10);
        for token in &tokens {
            let found = scan.scan(token);
            screen.feed(token);
            let told = !screen.take_events().is_empty() | !screen.take_replies().is_empty();
            prop_assert!(found || !told, "{:?}", token.escape_ascii().to_string());
        }
    }
}

#[test]
fn plain_output_is_not_found() {
    let mut scan = QueryScan::new();
    assert!(!scan.scan(b"hello \x1b[31mred\x1b[0m\r\n\x1b[2J\x1b[?25l"));
    assert!(!scan.scan(b"\x1b["));
    assert!(scan.scan(b"c"));
}
