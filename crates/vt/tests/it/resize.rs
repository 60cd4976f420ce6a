//! Changing the size.

use offshoot_vt::Size;
use proptest::prelude::*;

use crate::output::{output, screen, size};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_size_works_and_its_snapshot_is_true(
        steps in prop::collection::vec((output(60), size()), 1..6),
        after in output(30),
    ) {
        let mut original = screen(30, 8);
        for (tokens, (cols, rows)) in &steps {
            original.feed(&tokens.concat());
            original.resize(Size { cols: *cols, rows: *rows });
            let (oldest, first) = original.line_range();
            prop_assert!(oldest <= first);
            prop_assert_eq!(original.rows().len(), usize::from(*rows));
        }
        // Lines above keep the width they had; the screen itself must be rebuilt exactly.
        let Size { cols, rows } = original.size();
        let mut copy = screen(cols, rows);
        copy.feed(&original.snapshot(0).bytes);
        prop_assert_eq!(original.rows(), copy.rows());
        prop_assert_eq!(original.cursor(), copy.cursor());
        original.feed(b"\x1b[3J");
        copy.feed(b"\x1b[3J");
        let after = after.concat();
        original.feed(&after);
        copy.feed(&after);
        prop_assert_eq!(original.rows(), copy.rows());
        prop_assert_eq!(original.cursor(), copy.cursor());
    }

    #[test]
    fn lines_come_back_when_the_screen_grows(lines in 1_usize..60, rows in 2_u16..20) {
        let mut small = screen(20, 5);
        for line in 0..lines {
            small.feed(format!("line {line}\r\n").as_bytes());
        }
        small.resize(Size { cols: 20, rows });
        let mut fresh = screen(20, rows);
        for line in 0..lines {
            fresh.feed(format!("line {line}\r\n").as_bytes());
        }
        if lines >= 5 {
            prop_assert_eq!(small.rows(), fresh.rows());
            prop_assert_eq!(small.cursor(), fresh.cursor());
            prop_assert_eq!(small.line_range(), fresh.line_range());
            prop_assert_eq!(small.history(60, 60), fresh.history(60, 60));
        }
    }
}

#[test]
fn text_is_wrapped_anew_across_the_top_of_the_screen() {
    let mut screen = screen(10, 2);
    screen.feed(b"0123456789abcdefghijABCDEFGHIJ\r\n$ ");
    screen.resize(Size { cols: 40, rows: 4 });
    assert_eq!(
        screen.rows()[..2],
        ["0123456789abcdefghijABCDEFGHIJ".to_owned(), "$".to_owned()]
    );
    assert_eq!(screen.line_range(), (0, 0));
    screen.resize(Size { cols: 10, rows: 2 });
    assert_eq!(screen.rows(), ["ABCDEFGHIJ", "$"]);
    assert_eq!(screen.line_range(), (0, 2));
}
