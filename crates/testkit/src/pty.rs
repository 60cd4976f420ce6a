//! A program on a pseudo terminal of its own, driven as a person would: typing, looking, resizing.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::wait_for;

/// A running program and the master side of its terminal.
#[derive(Debug)]
pub struct PtyProgram {
    child: std::process::Child,
    master: File,
    /// Kept open, so that the terminal outlives the program and its settings can be looked at.
    slave: File,
    output: Arc<Mutex<Vec<u8>>>,
}

impl PtyProgram {
    /// Starts a command on a new terminal, which becomes its controlling terminal.
    ///
    /// # Errors
    /// There is no terminal to be had, or no `setsid` program, or the command does not start.
    pub fn start(command: &Command, cols: u16, rows: u16) -> Result<Self> {
        let output: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&output);
        let watch = move |bytes: &[u8], _: &mut File| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(bytes);
        };
        Self::start_watched(command, (cols, rows), output, watch)
    }

    /// Starts a command likewise and shows its output to `watch`, which may answer on the terminal.
    ///
    /// # Errors
    /// As of [`Self::start`].
    pub fn watched(
        command: &Command,
        size: (u16, u16),
        watch: impl FnMut(&[u8], &mut File) + Send + 'static,
    ) -> Result<Self> {
        Self::start_watched(command, size, Arc::default(), watch)
    }

    fn start_watched(
        command: &Command,
        (cols, rows): (u16, u16),
        output: Arc<Mutex<Vec<u8>>>,
        watch: impl FnMut(&[u8], &mut File) + Send + 'static,
    ) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?.into_string()?;
        let slave = File::options().read(true).write(true).open(name)?;
        let master = File::from(master);
        tcsetwinsize(&master, winsize(cols, rows))?;
        let mut on_terminal = Command::new("setsid");
        on_terminal.args(["--ctty", "--wait"]);
        on_terminal
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => on_terminal.env(name, value),
                None => on_terminal.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            on_terminal.current_dir(directory);
        }
        let child = on_terminal
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave.try_clone()?))
            .spawn()
            .context("run setsid")?;
        follow(master.try_clone()?, watch);
        Ok(Self {
            child,
            master,
            slave,
            output,
        })
    }

    /// Types bytes.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn type_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.master.write_all(bytes)?)
    }

    /// Gives the terminal another size; the program is told by a signal.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resize(&self, cols: u16, rows: u16) -> Result<()> {
        Ok(tcsetwinsize(&self.master, winsize(cols, rows))?)
    }

    /// Everything the program printed so far.
    pub fn output(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// Forgets what was printed, so that what comes next can be waited for.
    pub fn forget(&self) {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Waits until the program printed a text.
    ///
    /// # Errors
    /// It never does.
    pub async fn wait_for(&self, text: &str) -> Result<()> {
        let seen = || self.output().contains(text).then_some(());
        let waited = wait_for(&format!("{text:?} on the terminal"), seen).await;
        waited.with_context(|| format!("printed: {:?}", self.output()))
    }

    /// Waits until the program ended.
    ///
    /// # Errors
    /// It never does.
    pub async fn wait_for_exit(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        let waited = wait_for("the program's end", || child.try_wait().ok().flatten()).await;
        waited.with_context(|| format!("printed: {:?}", self.output()))
    }

    /// The terminal's settings.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn settings(&self) -> Result<Termios> {
        Ok(tcgetattr(&self.slave)?)
    }

    /// The pid of the program's session leader.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for PtyProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn winsize(cols: u16, rows: u16) -> Winsize {
    Winsize {
        ws_col: cols,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn follow(mut master: File, mut watch: impl FnMut(&[u8], &mut File) + Send + 'static) {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n @ 1..) = master.read(&mut chunk) {
            watch(&chunk[..n], &mut master);
        }
    });
}
