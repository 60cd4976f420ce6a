//! The sequences in lines that a screen gives out, taken apart: text, looks, links. Pure.
//!
//! Knows only what our own screen writes; anything else is skipped.

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// The look of text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a terminal has by itself"
)]
pub(super) struct Look {
    pub(super) foreground: Option<Colour>,
    pub(super) background: Option<Colour>,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) italic: bool,
    pub(super) underline: bool,
    pub(super) inverse: bool,
    pub(super) hidden: bool,
    pub(super) strikeout: bool,
}

/// A part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text of the look in force.
    Text(&'a str),
    /// The parameters of an SGR sequence.
    Look(&'a str),
    /// What follows links there; empty when it links nowhere.
    Link(&'a str),
}

/// Takes a line apart.
pub(super) fn parts(mut rest: &str) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let Some(sequence) = rest.strip_prefix('\x1b') else {
                let end = rest.find('\x1b').unwrap_or(rest.len());
                let (text, after) = rest.split_at(end);
                rest = after;
                return Some(Part::Text(text));
            };
            if let Some(body) = sequence.strip_prefix('[') {
                let end = body.find(|c: char| matches!(c, '@'..='~'));
                let (parameters, after) = body.split_at(end.unwrap_or(body.len()));
                rest = after.get(1..).unwrap_or_default();
                if after.starts_with('m') {
                    return Some(Part::Look(parameters));
                }
            } else if let Some(body) = sequence.strip_prefix("]8;") {
                let (link, after) = body.split_once("\x1b\\").unwrap_or((body, ""));
                rest = after;
                return Some(Part::Link(link.split_once(';').map_or("", |(_, uri)| uri)));
            } else {
                rest = sequence;
            }
        }
    })
}

impl Look {
    /// Applies the parameters of an SGR sequence.
    pub(super) fn apply(&mut self, parameters: &str) {
        let mut parameters = parameters.split(';');
        while let Some(parameter) = parameters.next() {
            // `4:3` is a kind of underline.
            let code = parameter.split(':').next().unwrap_or_default();
            match code.parse::<u8>().unwrap_or(0) {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                3 => self.italic = true,
                4 => self.underline = parameter != "4:0",
                7 => self.inverse = true,
                8 => self.hidden = true,
                9 => self.strikeout = true,
                code @ 30..=37 => self.foreground = Some(Colour::Indexed(code - 30)),
                code @ 90..=97 => self.foreground = Some(Colour::Indexed(code - 82)),
                code @ 40..=47 => self.background = Some(Colour::Indexed(code - 40)),
                code @ 100..=107 => self.background = Some(Colour::Indexed(code - 92)),
                38 => self.foreground = extended(&mut parameters),
                48 => self.background = extended(&mut parameters),
                58 => drop(extended(&mut parameters)),
                39 => self.foreground = None,
                49 => self.background = None,
                _ => {}
            }
        }
    }
}

fn extended<'a>(parameters: &mut impl Iterator<Item = &'a str>) -> Option<Colour> {
    let mut number = || parameters.next()?.parse::<u8>().ok();
    match number()? {
        5 => number().map(Colour::Indexed),
        2 => Some(Colour::Rgb(number()?, number()?, number()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let line = "a\x1b[1;38;5;9mb\x1b]8;id=1;https://x.y/\x1b\\c\x1b]8;;\x1b\\\x1b[m\x1b[K";
        let parts: Vec<_> = parts(line).collect();
        assert_eq!(
            parts,
            [
                Part::Text("a"),
                Part::Look("1;38;5;9"),
                Part::Text("b"),
                Part::Link("https://x.y/"),
                Part::Text("c"),
                Part::Link(""),
                Part::Look(""),
            ]
        );
    }

    #[test]
    fn looks_follow_their_parameters() {
        let mut look = Look::default();
        look.apply("1;4:3;38;2;1;2;3;48;5;200;58;5;1;9");
        assert!(look.bold && look.underline && look.strikeout && !look.italic);
        assert_eq!(look.foreground, Some(Colour::Rgb(1, 2, 3)));
        assert_eq!(look.background, Some(Colour::Indexed(200)));
        look.apply("97;49");
        assert_eq!(
            (look.foreground, look.background),
            (Some(Colour::Indexed(15)), None)
        );
        look.apply("");
        assert_eq!(look, Look::default());
    }
}
