//! The bare terminal: a program in a pty, and one thread that reads what it prints.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A program in a pty of its own.
pub(crate) struct BareTerminal {
    master: File,
    child: Child,
}

impl BareTerminal {
    /// Starts a program, given as words.
    pub(crate) fn start(words: &[&str]) -> Result<Self> {
        let (program, arguments) = words.split_first().context("a program is needed")?;
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave: OwnedFd = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
        let size = Winsize {
            ws_row: 30,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave))
            .spawn()
            .with_context(|| format!("start {program}"))?;
        Ok(Self {
            master: File::from(master),
            child,
        })
    }

    /// Types.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.master.write_all(bytes)?)
    }

    /// Reads once; 0 when the program has left.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        // Linux answers EIO when the last program of a terminal has left.
        self.master.read(buffer).unwrap_or(0)
    }

    /// Reads until a text has been printed.
    pub(crate) fn read_to(&mut self, text: &[u8]) -> Result<()> {
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !seen.windows(text.len()).any(|window| window == text) {
            let read = self.read(&mut buffer);
            anyhow::ensure!(read > 0, "the program left early");
            seen.extend_from_slice(&buffer[..read]);
        }
        Ok(())
    }

    /// Reads whatever comes, in a thread, until the terminal is dropped.
    pub(crate) fn drain(&self) -> Result<()> {
        let mut master = self.master.try_clone()?;
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while master.read(&mut buffer).is_ok_and(|read| read > 0) {}
        });
        Ok(())
    }
}

impl Drop for BareTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
