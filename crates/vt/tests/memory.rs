//! What a terminal costs in memory. Alone in its process, so that nothing else is measured.

use offshoot_vt::{Options, Screen, Size};

const SCREENS: usize = 200;

/// Resident memory of this process in bytes; None where the system does not tell.
fn resident() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

fn screens(output: &[u8]) -> Vec<Screen> {
    (0..SCREENS)
        .map(|_| {
            let size = Size {
                cols: 120,
                rows: 30,
            };
            let mut screen = Screen::new(size, Options::default());
            screen.feed(output);
            screen
        })
        .collect()
}

#[test]
fn terminals_are_small() {
    let Some(before) = resident() else { return };
    let idle = screens(b"$ ls\r\na  b  c\r\n\x1b]2;title\x07$ ");
    let each = (resident().unwrap() - before) / SCREENS;
    println!("idle terminal: {each} bytes");
    assert!(each < 130_000, "{each} bytes per idle terminal");
    drop(idle);

    let before = resident().unwrap();
    let line = format!("{}\r\n", "some words of output ".repeat(4));
    let full = screens(line.repeat(6_000).as_bytes());
    let each = resident().unwrap().saturating_sub(before) / SCREENS;
    println!("terminal with 5,000 lines of 84 characters: {each} bytes");
    assert!(each < 900_000, "{each} bytes per full terminal");
    drop(full);
}
