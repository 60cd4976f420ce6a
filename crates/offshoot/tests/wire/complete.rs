//! No statement without a test.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How many statements there are.
const STATEMENTS: u32 = 74;

/// Statements about the server's end, tested with living shims and after a reboot.
const TWICE: [u32; 2] = [57, 64];

#[test]
fn every_statement_has_its_test() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut found: BTreeMap<u32, u32> = BTreeMap::new();
    for file in fs::read_dir(dir).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut previous = "";
        for line in text.lines() {
            let name = line
                .strip_prefix("fn w")
                .and_then(|rest| rest.get(..2)?.parse().ok());
            if let Some(number) = name {
                assert_eq!(previous, "#[test]", "{line} is run");
                *found.entry(number).or_default() += 1;
            }
            previous = line;
        }
    }
    let wanted = (1..=STATEMENTS).map(|number| (number, 1 + u32::from(TWICE.contains(&number))));
    assert_eq!(found, wanted.collect());
}
