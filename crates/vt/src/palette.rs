//! Colours a program has redefined, and those it is told when it asks.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Options, Rgb};

/// Text, background and cursor colour, numbered as their OSC.
const DYNAMIC: std::ops::RangeInclusive<u16> = 10..=12;

/// Keys of the dynamic colours are past those of the palette's 256.
const DYNAMIC_BASE: u16 = 256;

/// The colours that differ from the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Palette {
    changed: BTreeMap<u16, Rgb>,
}

impl Palette {
    pub(crate) fn set_indexed(&mut self, index: u8, color: Rgb) {
        self.changed.insert(u16::from(index), color);
    }

    pub(crate) fn reset_indexed(&mut self, index: u8) {
        self.changed.remove(&u16::from(index));
    }

    pub(crate) fn reset_all_indexed(&mut self) {
        self.changed.retain(|&key, _| key >= DYNAMIC_BASE);
    }

    /// `osc` is 10, 11 or 12.
    pub(crate) fn set_dynamic(&mut self, osc: u16, color: Rgb) {
        if DYNAMIC.contains(&osc) {
            self.changed.insert(DYNAMIC_BASE + osc, color);
        }
    }

    pub(crate) fn reset_dynamic(&mut self, osc: u16) {
        self.changed.remove(&(DYNAMIC_BASE + osc));
    }

    pub(crate) fn indexed(&self, index: u8) -> Rgb {
        self.changed
            .get(&u16::from(index))
            .copied()
            .unwrap_or_else(|| default_indexed(index))
    }

    pub(crate) fn dynamic(&self, osc: u16, options: &Options) -> Rgb {
        let default = if osc == 11 {
            options.background
        } else {
            options.foreground
        };
        self.changed
            .get(&(DYNAMIC_BASE + osc))
            .copied()
            .unwrap_or(default)
    }

    /// Writes what brings a fresh terminal to these colours.
    pub(crate) fn write(&self, out: &mut String) {
        for (&key, &color) in &self.changed {
            let _ = match key.checked_sub(DYNAMIC_BASE) {
                Some(osc) => write!(out, "\x1b]{osc};{}\x1b\\", spec(color)),
                None => write!(out, "\x1b]4;{key};{}\x1b\\", spec(color)),
            };
        }
    }
}

/// A colour as X11 writes it, 16 bits a part.
pub(crate) fn spec(color: Rgb) -> String {
    let Rgb { r, g, b } = color;
    format!("rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}")
}

/// Reads `rgb:r/g/b` and `#rgb` forms.
pub(crate) fn parse(text: &[u8]) -> Option<Rgb> {
    let text = std::str::from_utf8(text).ok()?;
    let parts: Vec<&str> = if let Some(parts) = text.strip_prefix("rgb:") {
        parts.split('/').collect()
    } else {
        let digits = text.strip_prefix('#')?;
        if !digits.is_ascii() || digits.len() % 3 != 0 || digits.is_empty() {
            return None;
        }
        let len = digits.len() / 3;
        vec![&digits[..len], &digits[len..2 * len], &digits[2 * len..]]
    };
    let [r, g, b] = parts[..] else { return None };
    Some(Rgb {
        r: scale(r)?,
        g: scale(g)?,
        b: scale(b)?,
    })
}

fn scale(digits: &str) -> Option<u8> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let max = (1_u32 << (4 * digits.len())) - 1;
    let value = u32::from_str_radix(digits, 16).ok()?;
    u8::try_from(value * 255 / max).ok()
}

/// xterm's 256 colours.
fn default_indexed(index: u8) -> Rgb {
    const BASE: [[u8; 3]; 16] = [
        [0x2e, 0x34, 0x36],
        [0xcc, 0x00, 0x00],
        [0x4e, 0x9a, 0x06],
        [0xc4, 0xa0, 0x00],
        [0x34, 0x65, 0xa4],
        [0x75, 0x50, 0x7b],
        [0x06, 0x98, 0x9a],
        [0xd3, 0xd7, 0xcf],
        [0x55, 0x57, 0x53],
        [0xef, 0x29, 0x29],
        [0x8a, 0xe2, 0x34],
        [0xfc, 0xe9, 0x4f],
        [0x72, 0x9f, 0xcf],
        [0xad, 0x7f, 0xa8],
        [0x34, 0xe2, 0xe2],
        [0xee, 0xee, 0xec],
    ];
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..16 => {
            let [r, g, b] = BASE[usize::from(index)];
            Rgb { r, g, b }
        }
        16..232 => {
            let index = index - 16;
            Rgb {
                r: level(index / 36),
                g: level(index / 6 % 6),
                b: level(index % 6),
            }
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            Rgb {
                r: grey,
                g: grey,
                b: grey,
            }
        }
    }
}
