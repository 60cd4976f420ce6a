//! Answers to what programs ask the terminal.
//!
//! Only questions whose answer holds nothing the program could have planted are answered: never
//! DECRQSS, title reports, ENQ or the clipboard, which echo text back into the program's input.

use crate::emulator::Emulator;
use crate::parser::Csi;

/// The size of a cell told to programs that ask for pixels; nobody knows the real one.
const CELL_WIDTH: usize = 8;
const CELL_HEIGHT: usize = 16;

impl Emulator {
    /// Keeps an answer to a question that ended `at` bytes into the chunk.
    pub(crate) fn answer(&mut self, at: usize, bytes: String) {
        let at = self.fed + at as u64;
        self.outbox.reply(at, bytes);
    }
}

/// DA1, DA2, DSR, CPR, XTVERSION and the kitty keyboard flags.
pub(crate) fn device(emulator: &mut Emulator, csi: &Csi, at: usize) {
    let answer = match (csi.prefix, csi.last, csi.or(0, 0)) {
        (0, b'c', 0) => "\x1b[?62;22c".to_owned(),
        (b'>', b'c', 0) => "\x1b[>0;276;0c".to_owned(),
        (0, b'n', 5) => "\x1b[0n".to_owned(),
        (0, b'n', 6) => position(emulator, ""),
        (b'?', b'n', 6) => position(emulator, "?"),
        (b'>', b'q', 0) => format!("\x1bP>|{}\x1b\\", emulator.options.version),
        (b'?', b'u', _) => {
            let alternate = emulator.on_alternate();
            format!("\x1b[?{}u", emulator.keyboard.screen(alternate).flags)
        }
        _ => return,
    };
    emulator.answer(at, answer);
}

fn position(emulator: &Emulator, prefix: &str) -> String {
    let top = if emulator.modes.origin {
        emulator.region.start
    } else {
        0
    };
    let row = emulator.row().saturating_sub(top) + 1;
    format!("\x1b[{prefix}{row};{}R", emulator.col() + 1)
}

/// DECRQM.
pub(crate) fn mode(emulator: &mut Emulator, csi: &Csi, at: usize) {
    let mode = csi.params().first().copied().unwrap_or(0);
    let set = if csi.prefix == b'?' {
        match mode {
            47 | 1047 | 1049 => Some(emulator.on_alternate()),
            _ => emulator.modes.private(mode),
        }
    } else {
        match mode {
            4 => Some(emulator.modes.insert),
            20 => Some(emulator.modes.line_feed_returns),
            _ => None,
        }
    };
    let state = match set {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    };
    let prefix = if csi.prefix == b'?' { "?" } else { "" };
    emulator.answer(at, format!("\x1b[{prefix}{mode};{state}$y"));
}

/// CSI 14, 16 and 18 t: sizes.
pub(crate) fn size(emulator: &mut Emulator, csi: &Csi, at: usize) {
    let (rows, cols) = (emulator.rows, emulator.cols);
    let answer = match csi.or(0, 0) {
        14 => format!("\x1b[4;{};{}t", rows * CELL_HEIGHT, cols * CELL_WIDTH),
        16 => format!("\x1b[6;{CELL_HEIGHT};{CELL_WIDTH}t"),
        18 => format!("\x1b[8;{rows};{cols}t"),
        _ => return,
    };
    emulator.answer(at, answer);
}

/// XTGETTCAP, which is told that nothing is known.
pub(crate) fn dcs(emulator: &mut Emulator, content: &[u8], at: usize) {
    if content.starts_with(b"+q") {
        emulator.answer(at, "\x1bP0+r\x1b\\".to_owned());
    }
}
