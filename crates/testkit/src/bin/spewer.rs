//! Prints known bytes ([`offshoot_testkit::spew`]) at a rate, then ends with an exit status.
//!
//! `spewer --bytes N [--rate BYTES-PER-SECOND] [--seed S] [--style plain|escapes|full-screen]
//! [--exit CODE] [--wait]`; with `--wait` it says `ready` and begins at the first line of input.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use offshoot_testkit::spew::{Content, Style};
use rustix::termios::{self, OptionalActions, OutputModes};

/// One write.
const CHUNK_BYTES: u64 = 16 * 1024;

struct Args {
    bytes: u64,
    rate: u64,
    content: Content,
    exit: u8,
    wait: bool,
}

fn main() -> Result<ExitCode> {
    let args = read_args(std::env::args().skip(1))?;
    plain_output();
    if args.wait {
        println!("ready\r");
        std::io::stdin().lock().read_line(&mut String::new())?;
    }
    spew(&args)?;
    Ok(ExitCode::from(args.exit))
}

fn read_args(mut words: impl Iterator<Item = String>) -> Result<Args> {
    let mut args = Args {
        bytes: 0,
        rate: u64::MAX,
        content: Content::plain(0),
        exit: 0,
        wait: false,
    };
    while let Some(word) = words.next() {
        if word == "--wait" {
            args.wait = true;
            continue;
        }
        let value = words
            .next()
            .with_context(|| format!("{word} wants a value"))?;
        match word.as_str() {
            "--bytes" => args.bytes = value.parse()?,
            "--rate" => args.rate = value.parse()?,
            "--seed" => args.content.seed = value.parse()?,
            "--exit" => args.exit = value.parse()?,
            "--style" => args.content.style = Style::named(&value).context("unknown style")?,
            _ => bail!("unknown argument {word}"),
        }
    }
    Ok(args)
}

/// Switches off what a terminal does to output, so that the bytes arrive as they are.
fn plain_output() {
    let stdout = std::io::stdout();
    if let Ok(mut attributes) = termios::tcgetattr(&stdout) {
        attributes.output_modes.remove(OutputModes::OPOST);
        let _ = termios::tcsetattr(&stdout, OptionalActions::Drain, &attributes);
    }
}

fn spew(args: &Args) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let begin = Instant::now();
    let mut chunk = vec![0; usize::try_from(CHUNK_BYTES)?];
    let mut offset = 0;
    while offset < args.bytes {
        let n = CHUNK_BYTES.min(args.bytes - offset);
        let part = &mut chunk[..usize::try_from(n)?];
        args.content.fill(offset, part);
        stdout.write_all(part)?;
        stdout.flush()?;
        offset += n;
        if args.rate != u64::MAX {
            let due = Duration::from_secs_f64(offset as f64 / args.rate.max(1) as f64);
            std::thread::sleep(due.saturating_sub(begin.elapsed()));
        }
    }
    Ok(())
}
