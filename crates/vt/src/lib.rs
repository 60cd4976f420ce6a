//! A terminal's screen: bytes in; screen, scrollback, modes, events, replies and snapshots out.
//!
//! Owns the emulator ([`Screen`]), the lines above the screen, what programs say about themselves
//! through escape sequences ([`Event`]), and the answers to their questions ([`Reply`]).
//!
//! Knows nothing of processes, clocks, sockets or files: a [`Screen`] is a pure function of its
//! size and the bytes fed to it, however they are cut into chunks. It cannot fail: any bytes are
//! valid input, and every string a program can grow without limit is capped.
//!
//! What a browser shows is drawn by xterm.js, so where emulators disagree xterm.js is followed.

mod dispatch;
mod edit;
mod emulator;
mod event;
mod modes;
mod osc;
mod palette;
mod parser;
mod plain;
mod query;
mod scan;
mod screen;
mod scrollback;
mod sgr;
mod snapshot;
mod style;
mod title;

pub use event::{Event, ProgramState, ProgressState, PromptMark, Reply};
pub use modes::{Cursor, Modes, MouseReports};
pub use scan::{QueryScan, without_reports};
pub use screen::{Options, Rgb, Screen, Size};
pub use snapshot::{ColouredLine, HistoryPage, Snapshot};
