//! SGR: how the text to come looks.

use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Rgb};

use crate::parser::Csi;

const NAMES: [NamedColor; 16] = [
    NamedColor::Black,
    NamedColor::Red,
    NamedColor::Green,
    NamedColor::Yellow,
    NamedColor::Blue,
    NamedColor::Magenta,
    NamedColor::Cyan,
    NamedColor::White,
    NamedColor::BrightBlack,
    NamedColor::BrightRed,
    NamedColor::BrightGreen,
    NamedColor::BrightYellow,
    NamedColor::BrightBlue,
    NamedColor::BrightMagenta,
    NamedColor::BrightCyan,
    NamedColor::BrightWhite,
];

/// Applies an SGR sequence to the cell that stands for text to come.
pub(crate) fn apply(csi: &Csi, pen: &mut Cell) {
    let params = csi.params();
    let mut index = 0;
    while index < params.len() {
        let mut end = index + 1;
        while end < params.len() && csi.is_joined(end) {
            end += 1;
        }
        index = match params[index] {
            38 | 48 | 58 => color(params, index, end, pen),
            4 if end > index + 1 => {
                underline(params[index + 1], pen);
                end
            }
            code => {
                attribute(code, pen);
                end
            }
        };
    }
}

/// 38, 48, 58 in either form; gives the index after it.
fn color(params: &[u16], index: usize, end: usize, pen: &mut Cell) -> usize {
    let joined = end > index + 1;
    let args = if joined {
        &params[index + 1..end]
    } else {
        &params[index + 1..]
    };
    let (color, used) = match args {
        // With colons a colour space may come first.
        [2, _, r, g, b, ..] if joined && args.len() >= 5 => (rgb(*r, *g, *b), 4),
        [2, r, g, b, ..] => (rgb(*r, *g, *b), 4),
        [5, index, ..] => (u8::try_from(*index).ok().map(Color::Indexed), 2),
        [2 | 5, ..] => (None, args.len()),
        [_, ..] => (None, 1),
        [] => (None, 0),
    };
    if let Some(color) = color {
        match params[index] {
            38 => pen.fg = color,
            48 => pen.bg = color,
            _ => pen.set_underline_color(Some(color)),
        }
    }
    if joined { end } else { index + 1 + used }
}

fn rgb(r: u16, g: u16, b: u16) -> Option<Color> {
    Some(Color::Spec(Rgb {
        r: u8::try_from(r).ok()?,
        g: u8::try_from(g).ok()?,
        b: u8::try_from(b).ok()?,
    }))
}

fn underline(kind: u16, pen: &mut Cell) {
    pen.flags.remove(Flags::ALL_UNDERLINES);
    pen.flags.insert(match kind {
        0 => Flags::empty(),
        2 => Flags::DOUBLE_UNDERLINE,
        3 => Flags::UNDERCURL,
        4 => Flags::DOTTED_UNDERLINE,
        5 => Flags::DASHED_UNDERLINE,
        _ => Flags::UNDERLINE,
    });
}

fn attribute(code: u16, pen: &mut Cell) {
    let name = |index: u16| Color::Named(NAMES[usize::from(index)]);
    match code {
        0 => {
            pen.fg = Color::Named(NamedColor::Foreground);
            pen.bg = Color::Named(NamedColor::Background);
            pen.flags = Flags::empty();
            pen.set_underline_color(None);
        }
        1 => pen.flags.insert(Flags::BOLD),
        2 => pen.flags.insert(Flags::DIM),
        3 => pen.flags.insert(Flags::ITALIC),
        4 => underline(1, pen),
        7 => pen.flags.insert(Flags::INVERSE),
        8 => pen.flags.insert(Flags::HIDDEN),
        9 => pen.flags.insert(Flags::STRIKEOUT),
        21 => underline(2, pen),
        22 => pen.flags.remove(Flags::BOLD | Flags::DIM),
        23 => pen.flags.remove(Flags::ITALIC),
        24 => underline(0, pen),
        27 => pen.flags.remove(Flags::INVERSE),
        28 => pen.flags.remove(Flags::HIDDEN),
        29 => pen.flags.remove(Flags::STRIKEOUT),
        30..=37 => pen.fg = name(code - 30),
        39 => pen.fg = Color::Named(NamedColor::Foreground),
        40..=47 => pen.bg = name(code - 40),
        49 => pen.bg = Color::Named(NamedColor::Background),
        59 => pen.set_underline_color(None),
        90..=97 => pen.fg = name(code - 90 + 8),
        100..=107 => pen.bg = name(code - 100 + 8),
        _ => {}
    }
}
