//! Random terminal output.

use offshoot_vt::{Options, Screen, Size};
use proptest::prelude::*;

pub(crate) fn screen(cols: u16, rows: u16) -> Screen {
    Screen::new(Size { cols, rows }, Options::default())
}

/// All that can be asked about a screen without changing it.
pub(crate) fn state(screen: &mut Screen) -> (Vec<String>, String, String, String) {
    let snapshot = screen.snapshot(usize::MAX);
    let size = snapshot.size;
    (
        screen.rows(),
        format!("{:?} {:?} {size:?}", screen.cursor(), screen.modes()),
        screen.title().to_owned(),
        renumbered(&snapshot.bytes.escape_ascii().to_string()),
    )
}

/// Links without an id get numbers, which a snapshot need not keep: only which are equal counts.
fn renumbered(snapshot: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    for (index, part) in snapshot.split("id=~").enumerate() {
        if index == 0 {
            out.push_str(part);
            continue;
        }
        let (number, rest) = part.split_once(';').unwrap_or((part, ""));
        let known = seen.iter().position(|&other| other == number);
        let at = known.unwrap_or_else(|| {
            seen.push(number);
            seen.len() - 1
        });
        out.push_str(&format!("id=#{at};{rest}"));
    }
    out
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[ -~]{1,40}",
        2 => "[a-z ]{60,200}",
        1 => "[a-z你好世界日本🎉🚀]{1,12}",
        1 => "[a-eé\u{301}\u{200d}\u{fe0f}👩👧]{1,8}",
        1 => "[│─┌┐└┘├┤█▀]{1,20}",
    ]
    .prop_map(String::into_bytes)
}

fn control() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => Just(b"\r\n".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b"\r".to_vec()),
        2 => Just(b"\t".to_vec()),
        1 => Just(b"\x08".to_vec()),
        1 => Just(b"\x0e".to_vec()),
        1 => Just(b"\x0f".to_vec()),
        1 => Just(b"\x07".to_vec()),
        1 => Just(b"\x00".to_vec()),
        1 => Just(b"\x0b".to_vec()),
    ]
}

pub(crate) fn sgr() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(b"\x1b[m".to_vec()),
        3 => (0_u8..108).prop_map(|n| format!("\x1b[{n}m").into_bytes()),
        2 => (0_u8..10, 30_u8..48).prop_map(|(a, b)| format!("\x1b[{a};{b}m").into_bytes()),
        1 => any::<u8>().prop_map(|n| format!("\x1b[38;5;{n}m").into_bytes()),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("\x1b[48;2;{r};{g};{b}m").into_bytes()),
        1 => (0_u8..6).prop_map(|n| format!("\x1b[4:{n}m").into_bytes()),
        1 => any::<u8>().prop_map(|n| format!("\x1b[58:5:{n}m").into_bytes()),
        1 => any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("\x1b[38:2::{r}:{g}:{b}m").into_bytes()),
    ]
}

fn motion() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u16..14, 0_u16..45).prop_map(|(r, c)| format!("\x1b[{r};{c}H").into_bytes()),
        6 => (0_u16..9, prop::sample::select(&b"ABCDEFGIZ`adeSTLMP@XbJK"[..]))
            .prop_map(|(n, f)| format!("\x1b[{n}{}", f as char).into_bytes()),
        2 => Just(b"\x1bM".to_vec()),
        1 => Just(b"\x1bD".to_vec()),
        1 => Just(b"\x1bE".to_vec()),
        1 => Just(b"\x1b7".to_vec()),
        1 => Just(b"\x1b8".to_vec()),
        1 => Just(b"\x1bH".to_vec()),
        1 => Just(b"\x1b[g".to_vec()),
        1 => Just(b"\x1b[3J".to_vec()),
        1 => Just(b"\x1b#8".to_vec()),
        1 => (0_u16..12, 0_u16..14).prop_map(|(t, b)| format!("\x1b[{t};{b}r").into_bytes()),
    ]
}

fn mode() -> impl Strategy<Value = Vec<u8>> {
    let private = prop::sample::select(vec![
        1_u16, 5, 6, 7, 9, 12, 25, 47, 1000, 1002, 1003, 1004, 1006, 1007, 1016, 1047, 1048, 1049,
        1049, 2004, 2031,
    ]);
    prop_oneof![
        6 => (private, any::<bool>())
            .prop_map(|(n, on)| format!("\x1b[?{n}{}", if on { 'h' } else { 'l' }).into_bytes()),
        1 => any::<bool>().prop_map(|on| format!("\x1b[4{}", if on { 'h' } else { 'l' }).into_bytes()),
        1 => any::<bool>().prop_map(|on| format!("\x1b[20{}", if on { 'h' } else { 'l' }).into_bytes()),
        1 => (0_u8..32).prop_map(|n| format!("\x1b[>{n}u").into_bytes()),
        1 => (0_u8..32, 1_u8..4).prop_map(|(n, how)| format!("\x1b[={n};{how}u").into_bytes()),
        1 => Just(b"\x1b[<u".to_vec()),
        1 => (0_u8..7).prop_map(|n| format!("\x1b[{n} q").into_bytes()),
        1 => Just(b"\x1b=".to_vec()),
        1 => Just(b"\x1b[>4;2m".to_vec()),
        1 => Just(b"\x1b[!p".to_vec()),
        2 => (prop::sample::select(&b"()*+"[..]), prop::sample::select(&b"0B"[..]))
            .prop_map(|(slot, set)| vec![0x1b, slot, set]),
    ]
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => "[a-z ]{0,12}".prop_map(|t| format!("\x1b]2;{t}\x07").into_bytes()),
        2 => "[a-z]{0,3}".prop_map(|t| format!("\x1b]8;;https://e.example/{t}\x1b\\").into_bytes()),
        2 => Just(b"\x1b]8;;\x1b\\".to_vec()),
        1 => Just(b"\x1b]8;id=x;http://a.example/;b\x07".to_vec()),
        1 => any::<u8>().prop_map(|n| format!("\x1b]4;{n};rgb:12/34/56\x1b\\").into_bytes()),
        1 => Just(b"\x1b]11;#102030\x07".to_vec()),
        1 => Just(b"\x1b[22;0t".to_vec()),
        1 => Just(b"\x1b[23;0t".to_vec()),
        1 => Just(b"\x1bP+q544e\x1b\\".to_vec()),
        1 => Just(b"\x1b_Gi=1;AAAA\x1b\\".to_vec()),
        1 => Just(b"\x1b]133;A\x1b\\".to_vec()),
        1 => Just(b"\x1b]9;4;1;30\x1b\\".to_vec()),
        1 => Just(b"\x1b[c\x1b[6n\x1b[?2026$p\x1b[>q".to_vec()),
    ]
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 1..12),
        1 => Just(b"\x1b[1;\n2H".to_vec()),
        1 => Just(b"\x1b[3\x18".to_vec()),
        1 => Just(b"\x1b[1?2h".to_vec()),
        1 => Just(b"\x1b]2;abc\x1b[31m".to_vec()),
        1 => Just(b"\xe2\x82".to_vec()),
        1 => Just(b"\xf0\x9f\x8e".to_vec()),
        1 => Just(b"\xc2\x9b".to_vec()),
        1 => Just(b"\x1b".to_vec()),
    ]
}

/// One piece of output.
pub(crate) fn token() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => text(),
        20 => control(),
        8 => sgr(),
        16 => motion(),
        6 => mode(),
        3 => string(),
        2 => garbage(),
    ]
}

/// Output as a list of pieces.
pub(crate) fn output(len: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(token(), 0..len)
}

/// A small screen's size.
pub(crate) fn size() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        (2_u16..45, 1_u16..14),
        Just((40_u16, 12_u16)),
        Just((80, 10))
    ]
}
