//! What the programs print: files of a known kind and size, and the script that prints them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// A kind of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Lines of a log, ASCII.
    Plain,
    /// What an agent's interface prints: colours, cursor movements, boxes, wide characters.
    Escapes,
    /// Full screens by cursor addressing, without a single line feed.
    FullScreen,
}

/// A file that a program prints.
pub(crate) struct Printed {
    /// The script that prints it once a line was typed, and then waits.
    pub(crate) script: PathBuf,
    /// What it prints, as it leaves the terminal: with CR before each LF.
    pub(crate) bytes: u64,
}

/// What the script says before it waits to be started.
pub(crate) const READY: &[u8] = b"ready\r\n";

/// Writes a file of about `bytes` bytes and the script that prints it.
pub(crate) fn printed(dir: &Path, kind: Kind, bytes: usize) -> Result<Printed> {
    let name = format!("{kind:?}-{bytes}").to_lowercase();
    let (file, script) = (dir.join(&name), dir.join(format!("{name}.sh")));
    let mut content = Vec::with_capacity(bytes + 8192);
    for number in 0_u64.. {
        if content.len() >= bytes {
            break;
        }
        match kind {
            Kind::Plain => plain_line(&mut content, number)?,
            Kind::Escapes => agent_frame(&mut content, number)?,
            Kind::FullScreen => full_screen(&mut content, number)?,
        }
    }
    fs::write(&file, &content)?;
    let text = format!(
        "stty -echo\necho ready\nread go\ncat {}\nread stay\n",
        file.display()
    );
    fs::write(&script, text)?;
    let line_feeds = content.iter().filter(|byte| **byte == b'\n').count();
    Ok(Printed {
        script,
        bytes: (content.len() + line_feeds) as u64,
    })
}

fn plain_line(out: &mut Vec<u8>, number: u64) -> Result<()> {
    let pad = usize::try_from(number % 40)?;
    writeln!(
        out,
        "2026-02-03T10:{:02}:{:02}.{:06}Z INFO build::unit compiled module number {number} in {} ms{:pad$}.",
        number / 60 % 60,
        number % 60,
        number * 7919 % 1_000_000,
        number * 31 % 977,
        ""
    )?;
    Ok(())
}

/// One redraw of an agent's lower half: a box with a spinner, after some lines of an answer.
fn agent_frame(out: &mut Vec<u8>, number: u64) -> Result<()> {
    let (red, green) = (number * 37 % 256, number * 91 % 256);
    write!(out, "\x1b[?2026h\x1b[5A\x1b[0J")?;
    for line in 0..3 {
        writeln!(
            out,
            "\x1b[38;2;{red};{green};{}m●\x1b[39m \x1b[1mEdit\x1b[22m(\x1b[4msrc/module_{number}.rs\x1b[24m) \x1b[2m{}\x1b[22m 変更 ✓",
            line * 80,
            number * 13 % 1009
        )?;
    }
    writeln!(out, "\x1b[38;5;240m╭{}╮\x1b[39m", "─".repeat(60))?;
    writeln!(
        out,
        "\x1b[38;5;240m│\x1b[39m \x1b[7m>\x1b[27m Working… ({number} s · \x1b[33m{} tokens\x1b[39m)\x1b[62G\x1b[38;5;240m│\x1b[39m",
        number * 17
    )?;
    writeln!(out, "\x1b[38;5;240m╰{}╯\x1b[39m", "─".repeat(60))?;
    if number.is_multiple_of(16) {
        write!(out, "\x1b]0;work {number}\x07")?;
    }
    write!(out, "\x1b[?2026l\x1b[2K\x1b[1G\x1b[?25h")?;
    Ok(())
}

/// One screen of 30 rows, row by row.
fn full_screen(out: &mut Vec<u8>, number: u64) -> Result<()> {
    if number == 0 {
        write!(out, "\x1b[?1049h\x1b[2J")?;
    }
    for row in 1..=30 {
        write!(
            out,
            "\x1b[{row};1H\x1b[48;5;{}m {:>6} \x1b[0m process-{row:<4} \x1b[3{}m{:>5}.{} %\x1b[39m {:<70}\x1b[K",
            (number + row) % 256,
            number * row % 99_991,
            row % 8,
            number * row * 7 % 100,
            row % 10,
            "/usr/bin/program --with arguments --of some=length"
        )?;
    }
    Ok(())
}
