//! However output is cut into chunks, the screen is the same.

use proptest::prelude::*;

use crate::output::{output, screen, size, state};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_gives_the_same_state(
        (cols, rows) in size(),
        tokens in output(120),
        cuts in prop::collection::vec(1_usize..40, 1..40),
    ) {
        let all = tokens.concat();
        let mut whole = screen(cols, rows);
        whole.feed(&all);
        let mut cut = screen(cols, rows);
        let mut rest = &all[..];
        for &len in cuts.iter().cycle() {
            let (now, later) = rest.split_at(len.min(rest.len()));
            cut.feed(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(state(&mut whole), state(&mut cut));
        prop_assert_eq!(whole.line_range(), cut.line_range());
        prop_assert_eq!(whole.take_events(), cut.take_events());
        prop_assert_eq!(whole.take_replies(), cut.take_replies());
        let mut bytewise = screen(cols, rows);
        for byte in &all {
            bytewise.feed(std::slice::from_ref(byte));
        }
        prop_assert_eq!(state(&mut whole), state(&mut bytewise));
    }
}
