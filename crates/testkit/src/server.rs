//! The built server in a box: its own data directory, home and port; killed and started at will.
//!
//! What it started is ended with the box: every process of it carries a mark in its environment
//! and is found by it, also when it outlived the server, as it should.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::http::Http;
use crate::{programs, wait_for};

/// Marks every process that descends from a box.
const MARK: &str = "TESTKIT_BOX";

/// What a client needs to reach a server.
#[derive(Debug, Clone)]
pub struct Access {
    /// The address, without a trailing slash.
    pub url: String,
    /// A bearer token.
    pub token: String,
}

/// A running server, with everything it owns in a temporary directory.
#[derive(Debug)]
pub struct TestServer {
    directory: TempDir,
    program: PathBuf,
    arguments: Vec<String>,
    mark: String,
    child: Option<Child>,
    access: Access,
}

impl TestServer {
    /// Starts the built server on a port of the system's choice.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&programs::offshoot(), &[]).await
    }

    /// Starts a given program with further arguments of `serve`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_with(program: &Path, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("offshoot-box").tempdir()?;
        std::fs::create_dir_all(directory.path().join("user"))?;
        let mut server = Self {
            mark: uuid::Uuid::new_v4().to_string(),
            directory,
            program: program.to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            child: None,
            access: Access {
                url: "http://127.0.0.1:0".to_owned(),
                token: String::new(),
            },
        };
        server.launch().await?;
        Ok(server)
    }

    /// The data directory.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The home directory of the user the server believes to run for.
    pub fn user_home(&self) -> PathBuf {
        self.directory.path().join("user")
    }

    /// How to reach it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// A client with the server's token.
    pub fn http(&self) -> Http {
        Http::new(&self.access.url, Some(&self.access.token))
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What the server logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A command of the product against this server.
    pub fn offshoot(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Kills the server without warning and waits until it is gone.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks the server to end and waits until it did.
    ///
    /// # Errors
    /// It does not run, or never ends.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the server does not run")?;
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM)?;
        wait_for("the end of the server", || child.try_wait().ok().flatten()).await
    }

    /// Starts the server again, with the same data, on the same port.
    ///
    /// # Errors
    /// It runs still, or does not start.
    pub async fn restart(&mut self) -> Result<()> {
        if self.child.is_some() {
            bail!("the server runs still");
        }
        self.launch().await
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            let prefixes = ["OFFSHOOT_", "XDG_", "GIT_", "CLAUDE", "CARGO_", "NEXTEST"];
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(&*name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", programs::directory().display());
        command
            .env("PATH", path)
            .env("HOME", self.user_home())
            .env("OFFSHOOT_HOME", self.home())
            .env("SHELL", "/bin/sh")
            .env("NO_COLOR", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env(MARK, &self.mark)
            .current_dir(self.directory.path());
        command
    }

    async fn launch(&mut self) -> Result<()> {
        let listen = self.access.url.trim_start_matches("http://").to_owned();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let mut child = self
            .command()
            .args(["serve", "--no-open", "--listen", &listen])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        let ready = wait_for("the server's address", || {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(Err(status));
            }
            read_access(&self.home(), child.id()).map(Ok)
        });
        match ready.await {
            Ok(Ok(access)) => self.access = access,
            Ok(Err(status)) => bail!("the server ended with {status}; its log:\n{}", self.log()),
            Err(err) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(err).context(self.log());
            }
        }
        self.child = Some(child);
        Ok(())
    }

    /// Ends everything that descends from this box.
    fn sweep(&self) {
        let mark = format!("{MARK}={}", self.mark);
        for pid in marked(&mark) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.sweep();
    }
}

/// Reads how to reach the server of this process, once it says so.
fn read_access(home: &Path, pid: u32) -> Option<Access> {
    let text = std::fs::read_to_string(home.join("server.json")).ok()?;
    let found: serde_json::Value = serde_json::from_str(&text).ok()?;
    if found["pid"] != pid {
        return None;
    }
    let token = std::fs::read_to_string(home.join("cli-token")).ok()?;
    Some(Access {
        url: found["url"].as_str()?.trim_end_matches('/').to_owned(),
        token: token.trim().to_owned(),
    })
}

/// The processes whose environment holds a mark.
fn marked(mark: &str) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        let holds = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes());
        holds.then_some(pid)
    });
    pids.collect()
}
