//! A snapshot fed to a fresh terminal gives the same screen, now and after what follows.

use proptest::prelude::*;

use crate::output::{output, screen, size, state};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_fresh_screen_fed_a_snapshot_is_the_same(
        (cols, rows) in size(),
        before in output(120),
        after in output(40),
    ) {
        let mut original = screen(cols, rows);
        original.feed(&before.concat());
        let snapshot = original.snapshot(usize::MAX);
        let mut copy = screen(cols, rows);
        copy.feed(&snapshot.bytes);
        prop_assert_eq!(state(&mut original), state(&mut copy));
        let after = after.concat();
        original.feed(&after);
        copy.feed(&after);
        prop_assert_eq!(state(&mut original), state(&mut copy));
    }
}
