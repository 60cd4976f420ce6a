//! How text looks, and the SGR and OSC 8 sequences that switch to it.

use std::fmt::Write;

use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{Color, NamedColor};

/// The flags that change how a cell looks; the rest say how cells belong together.
pub(crate) const VISIBLE: Flags = Flags::INVERSE
    .union(Flags::BOLD)
    .union(Flags::ITALIC)
    .union(Flags::DIM)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT)
    .union(Flags::ALL_UNDERLINES);

/// The look of a stretch of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Style {
    fg: Color,
    bg: Color,
    flags: Flags,
    underline: Option<Color>,
    link: Option<Hyperlink>,
}

impl Default for Style {
    fn default() -> Self {
        Self::of(&Cell::default())
    }
}

impl Style {
    /// The look of a cell.
    pub(crate) fn of(cell: &Cell) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            flags: cell.flags & VISIBLE,
            underline: cell.underline_color(),
            link: cell.hyperlink(),
        }
    }

    /// Whether a cell looks like this, without building its style.
    pub(crate) fn is_of(&self, cell: &Cell) -> bool {
        if self.fg != cell.fg || self.bg != cell.bg || self.flags != cell.flags & VISIBLE {
            return false;
        }
        match &cell.extra {
            None => self.underline.is_none() && self.link.is_none(),
            Some(_) => self.underline == cell.underline_color() && self.link == cell.hyperlink(),
        }
    }

    /// Gives a cell this look.
    pub(crate) fn apply(&self, cell: &mut Cell) {
        cell.fg = self.fg;
        cell.bg = self.bg;
        cell.flags = self.flags;
        cell.extra = None;
        if self.underline.is_some() {
            cell.set_underline_color(self.underline);
        }
        if self.link.is_some() {
            cell.set_hyperlink(self.link.clone());
        }
    }

    /// Whether cells filled by an erase with this pen differ from blank ones.
    pub(crate) fn fills(&self) -> bool {
        self.bg != Color::Named(NamedColor::Background)
    }
}

/// Writes sequences only where the look changes.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    style: Style,
}

impl Pen {
    /// The look in force.
    pub(crate) fn style(&self) -> &Style {
        &self.style
    }

    /// Switches to a look.
    pub(crate) fn switch(&mut self, style: &Style, out: &mut String) {
        if self.style == *style {
            return;
        }
        if self.style.link != style.link {
            match &style.link {
                Some(link) => {
                    let _ = write!(out, "\x1b]8;id={};{}\x1b\\", link.id(), link.uri());
                }
                None => out.push_str("\x1b]8;;\x1b\\"),
            }
        }
        let looks_equal = self.style.fg == style.fg
            && self.style.bg == style.bg
            && self.style.flags == style.flags
            && self.style.underline == style.underline;
        if !looks_equal {
            write_sgr(&self.style, style, out);
        }
        self.style = style.clone();
    }

    /// Switches to the default look.
    pub(crate) fn reset(&mut self, out: &mut String) {
        self.switch(&Style::default(), out);
    }
}

/// The SGR that turns `from` into `to`: parameters are only added when nothing must be taken away.
fn write_sgr(from: &Style, to: &Style, out: &mut String) {
    out.push_str("\x1b[");
    let start = out.len();
    let keeps = from.flags & to.flags == from.flags
        && (from.flags & Flags::ALL_UNDERLINES).is_empty()
        && (from.underline.is_none() || from.underline == to.underline);
    let base = if keeps {
        from.clone()
    } else {
        out.push_str("0;");
        Style {
            link: from.link.clone(),
            ..Style::default()
        }
    };
    let added = to.flags - base.flags;
    for (flag, code) in [
        (Flags::BOLD, "1;"),
        (Flags::DIM, "2;"),
        (Flags::ITALIC, "3;"),
        (Flags::UNDERLINE, "4;"),
        (Flags::DOUBLE_UNDERLINE, "4:2;"),
        (Flags::UNDERCURL, "4:3;"),
        (Flags::DOTTED_UNDERLINE, "4:4;"),
        (Flags::DASHED_UNDERLINE, "4:5;"),
        (Flags::INVERSE, "7;"),
        (Flags::HIDDEN, "8;"),
        (Flags::STRIKEOUT, "9;"),
    ] {
        if added.contains(flag) {
            out.push_str(code);
        }
    }
    if to.fg != base.fg {
        write_color(to.fg, 30, 39, out);
    }
    if to.bg != base.bg {
        write_color(to.bg, 40, 49, out);
    }
    if to.underline != base.underline
        && let Some(color) = to.underline
    {
        write_color(color, 58, 59, out);
    }
    if out.len() == start {
        out.push(';');
    }
    // "0" alone may be left out: ESC [ m.
    if out[start..] == *"0;" {
        out.truncate(start);
        out.push('m');
        return;
    }
    out.pop();
    out.push('m');
}

/// `base` is 30 or 40 for text and background, 58 for underlines; `default` ends the colour.
fn write_color(color: Color, base: u8, default: u8, out: &mut String) {
    let extended = if base == 58 { 58 } else { base + 8 };
    let _ = match color {
        Color::Named(name) if (name as usize) < 8 && base != 58 => {
            write!(out, "{};", base as usize + name as usize)
        }
        Color::Named(name) if (name as usize) < 16 && base != 58 => {
            write!(out, "{};", base as usize + 60 + name as usize - 8)
        }
        Color::Named(_) => write!(out, "{default};"),
        Color::Indexed(index) => write!(out, "{extended};5;{index};"),
        Color::Spec(rgb) => write!(out, "{extended};2;{};{};{};", rgb.r, rgb.g, rgb.b),
    };
}
