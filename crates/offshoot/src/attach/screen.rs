//! The user's own terminal: raw mode, its size, what is typed, what is painted.
//!
//! Reading and painting block, so each has a thread. The painter's queue is bounded and tells how
//! far it came: a terminal that is slow, or held with Ctrl-S, slows the connection and nothing else.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use anyhow::Result;
use bytes::Bytes;
use offshoot_protocol::TerminalSize;
use rustix::termios::{self, OptionalActions, Termios};
use tokio::sync::{mpsc, watch};

/// Chunks read and not yet taken. When full, the keyboard waits in the kernel.
const TYPED_CHUNKS: usize = 16;

/// Chunks received and not yet painted, of at most one frame each. When full, the socket is not
/// read, and the server brings this terminal up by a snapshot later.
const PAINT_CHUNKS: usize = 16;

/// Makes the terminal fit for a snapshot: primary screen, no margins, no modes, empty.
const CLEAN: &[u8] = b"\x1b[!p\x1b[?1049l\x1b[?6l\x1b[r\x1b[0m\x1b[H\x1b[2J";

/// Takes back everything a program may have switched on, and leaves the cursor on an empty line.
/// In order: alternate screen, mouse, focus, paste, cursor keys, keypad, kitty keys, xterm keys,
/// synchronised output, cursor shape and visibility, margins, wrap, charset, insertion, colours.
///
/// The cursor must stay where it is, or the shell writes over what is shown: leaving the alternate
/// screen goes to the saved place even when it is not shown, so that the place is saved before; and
/// origin mode ends by a soft reset, since switching it off alone moves the cursor to the top.
const LEAVE: &[u8] = b"\x1b7\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\
    \x1b[?1004l\x1b[?2004l\x1b[?1l\x1b>\x1b[=0;1u\x1b[>4m\x1b[?2026l\x1b[0 q\x1b[?25h\
    \x1b7\x1b[r\x1b8\x1b[!p\x1b[?7h\x1b(B\x0f\x1b[4l\x1b[0m\r\n\x1b[J";

/// The terminal in raw mode; dropping it gives the terminal back as it was.
pub(crate) struct Raw {
    before: Termios,
}

impl Raw {
    /// Switches to raw mode; `None` when standard input or output is no terminal.
    pub(crate) fn enter() -> Result<Option<Self>> {
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        if !termios::isatty(&stdin) || !termios::isatty(&stdout) {
            return Ok(None);
        }
        let before = termios::tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        let this = Self { before };
        keep_what_is_shown()?;
        Ok(Some(this))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let mut stdout = std::io::stdout();
        // The terminal may be gone; there is nobody left to tell.
        let _ = stdout.write_all(LEAVE);
        let _ = stdout.flush();
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Scrolls what the terminal shows into its scrollback: the program's screen will cover it.
fn keep_what_is_shown() -> std::io::Result<()> {
    let rows = size().map_or(0, |size| usize::from(size.rows));
    let text = format!("\x1b[999;1H{}", "\n".repeat(rows));
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The size of the user's terminal.
pub(crate) fn size() -> Option<TerminalSize> {
    let size = termios::tcgetwinsize(std::io::stdout()).ok()?;
    TerminalSize::new(size.ws_col, size.ws_row)
}

/// Reads what is typed; the channel ends with the terminal.
pub(crate) fn read_input() -> mpsc::Receiver<Bytes> {
    let (tx, rx) = mpsc::channel(TYPED_CHUNKS);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin();
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(n) = stdin.read(&mut chunk) {
            let typed = Bytes::copy_from_slice(&chunk[..n]);
            if n == 0 || tx.blocking_send(typed).is_err() {
                return;
            }
        }
    });
    rx
}

/// Something to paint, and the offset reached with it.
struct Stroke {
    bytes: Bytes,
    clean: bool,
    offset: Option<u64>,
}

/// Paints on the user's terminal, in order, on a thread of its own.
pub(crate) struct Painter {
    strokes: Option<SyncSender<Stroke>>,
    given: u64,
    done: watch::Receiver<Painted>,
    thread: Option<JoinHandle<()>>,
}

/// How far the painter came.
#[derive(Debug, Clone, Copy, Default)]
struct Painted {
    strokes: u64,
    offset: u64,
}

impl Painter {
    /// Starts the thread.
    pub(crate) fn start() -> Self {
        let (strokes, todo) = std::sync::mpsc::sync_channel::<Stroke>(PAINT_CHUNKS);
        let (done_tx, done) = watch::channel(Painted::default());
        let thread = std::thread::spawn(move || {
            let mut stdout = std::io::stdout();
            for stroke in todo {
                let cleaned = !stroke.clean || stdout.write_all(CLEAN).is_ok();
                let painted = cleaned && stdout.write_all(&stroke.bytes).is_ok();
                if !painted || stdout.flush().is_err() {
                    return;
                }
                done_tx.send_modify(|done| {
                    done.strokes += 1;
                    done.offset = stroke.offset.unwrap_or(done.offset);
                });
            }
        });
        Self {
            strokes: Some(strokes),
            given: 0,
            done,
            thread: Some(thread),
        }
    }

    /// Whether a stroke can be given without waiting.
    pub(crate) fn has_room(&self) -> bool {
        self.given - self.done.borrow().strokes < PAINT_CHUNKS as u64
    }

    /// Waits until more was painted; returns the offset reached.
    pub(crate) async fn painted(&mut self) -> u64 {
        match self.done.changed().await {
            Ok(()) => self.done.borrow_and_update().offset,
            // The terminal is gone; the hangup that says so is on its way.
            Err(_) => std::future::pending().await,
        }
    }

    /// Paints output that ends at `offset`.
    pub(crate) fn paint(&mut self, bytes: Bytes, offset: u64) {
        self.give(bytes, false, Some(offset));
    }

    /// Paints a snapshot over everything.
    pub(crate) fn repaint(&mut self, bytes: Bytes, offset: u64) {
        self.give(bytes, true, Some(offset));
    }

    /// Says something on the last row, over what the program shows.
    pub(crate) fn say(&mut self, what: &str) {
        let text = format!("\x1b7\x1b[999;1H\x1b[0;7m offshoot: {what} \x1b[0m\x1b8");
        if self.has_room() {
            self.give(text.into(), false, None);
        }
    }

    fn give(&mut self, bytes: Bytes, clean: bool, offset: Option<u64>) {
        let stroke = Stroke {
            bytes,
            clean,
            offset,
        };
        if let Some(strokes) = &self.strokes
            && strokes.try_send(stroke).is_ok()
        {
            self.given += 1;
        }
    }

    /// Ends the thread after it painted everything, unless the terminal holds it back.
    pub(crate) fn finish(&mut self) {
        self.strokes = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        let begin = std::time::Instant::now();
        while !thread.is_finished() && begin.elapsed().as_millis() < 500 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}
