//! The real server on a data directory of its own, started, killed and started again.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use offshoot_protocol::rest::{Place, Run, SessionBody, SessionsBody, StartSession};
use offshoot_protocol::view::{Process, Session, Worker, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use rustix::process::Signal;
use tempfile::TempDir;

use super::http::Http;
use super::process;
use super::wait::until;

/// A server in a box. Dropping it ends the server and every process of its workers.
#[derive(Debug)]
pub struct Rig {
    dir: TempDir,
    home: PathBuf,
    program: PathBuf,
    server: Option<Child>,
    /// Variables that servers get besides the usual ones.
    environment: Vec<(String, String)>,
    /// How to ask it.
    pub http: Http,
}

impl Rig {
    /// Starts a server of `program` on an empty data directory and waits for its first answer.
    ///
    /// # Errors
    /// It could not be started.
    pub fn start(program: &Path) -> io::Result<Self> {
        let mut rig = Self::prepare(program)?;
        rig.start_server()?;
        Ok(rig)
    }

    /// Makes the directories and chooses the port; starts nothing.
    ///
    /// # Errors
    /// A directory cannot be made.
    pub fn prepare(program: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("off").tempdir()?;
        let home = dir.path().join("home");
        fs::create_dir(dir.path().join("user"))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let http = Http {
            addr: port,
            token: String::new(),
        };
        Ok(Self {
            dir,
            home,
            program: program.to_owned(),
            server: None,
            environment: Vec::new(),
            http,
        })
    }

    /// Uses another data directory, for example on a small disk. Before the first start.
    pub fn set_home(&mut self, home: PathBuf) {
        self.home = home;
    }

    /// Gives the servers of this box one more variable, from the next start on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The data directory.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A directory that sessions may work in.
    pub fn user_dir(&self) -> PathBuf {
        self.dir.path().join("user")
    }

    /// A worker's directory.
    pub fn worker_dir(&self, id: WorkerId) -> PathBuf {
        self.home.join("workers").join(id.to_string())
    }

    /// The pid of the running server.
    ///
    /// # Panics
    /// None runs.
    pub fn server_pid(&self) -> u32 {
        self.server.as_ref().expect("a server runs").id()
    }

    /// What the servers of this box logged.
    pub fn server_log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    /// The command that starts a server here; tests may add to it.
    ///
    /// # Errors
    /// The file of its log cannot be opened.
    pub fn server_command(&self, listen: SocketAddr) -> io::Result<Command> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.user_dir())
            .env("SHELL", "/bin/sh")
            .env("OFFSHOOT_HOME", &self.home)
            .env("OFFSHOOT_LISTEN", listen.to_string())
            .env("OFFSHOOT_OPEN", "false")
            .envs(self.environment.iter().cloned())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(filter) = std::env::var_os("OFFSHOOT_LOG_FILTER") {
            command.env("OFFSHOOT_LOG_FILTER", filter);
        }
        Ok(command)
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// The program cannot be run.
    ///
    /// # Panics
    /// The server ends or never answers; its log is in the message.
    pub fn start_server(&mut self) -> io::Result<()> {
        self.spawn_server()?;
        let answers = || {
            if let Some(status) = self.has_ended() {
                panic!("the server ended: {status}\n{}", self.server_log());
            }
            let healthy = self.http.ask("GET", "/health", &[], b"").ok()?;
            (healthy.status == 200).then_some(())
        };
        until_answered(answers);
        self.http.token = until("the server wrote its token", || {
            let token = fs::read_to_string(self.home.join("cli-token")).ok()?;
            (!token.trim().is_empty()).then(|| token.trim().to_owned())
        });
        Ok(())
    }

    /// Starts the server and waits for nothing.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn spawn_server(&mut self) -> io::Result<()> {
        self.server = Some(self.server_command(self.http.addr)?.spawn()?);
        Ok(())
    }

    fn has_ended(&self) -> Option<String> {
        (!process::is_alive(self.server_pid())).then(|| format!("pid {}", self.server_pid()))
    }

    /// `kill -9` of the server; returns once it is gone.
    pub fn kill_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Ends the server and every process of its workers at once, as a reboot of the machine does.
    pub fn reboot(&mut self) {
        self.kill_server();
        for pid in process::end_shims(&self.home) {
            until("a killed process is gone", || {
                (!process::is_alive(pid)).then_some(())
            });
        }
    }

    /// Asks the server to end and waits until it has.
    ///
    /// # Panics
    /// No server runs, or it cannot be waited for.
    pub fn terminate_server(&mut self) -> ExitStatus {
        let mut server = self.server.take().expect("a server runs");
        process::signal(server.id(), Signal::TERM);
        server.wait().expect("a child can be waited for")
    }

    /// Starts a session that runs one command in the user's directory.
    ///
    /// # Panics
    /// The server refuses.
    pub fn start_command(&self, command: &str) -> Started {
        let answer = self.http.send(
            "POST",
            "/api/sessions/start",
            &self.command_request(command),
        );
        Started::of(&answer.json::<SessionBody>().session)
    }

    /// The request [`Self::start_command`] sends.
    pub fn command_request(&self, command: &str) -> StartSession {
        StartSession {
            path: self.user_dir().to_string_lossy().into_owned(),
            place: Place::Directory,
            run: Run::Command {
                command: command.to_owned(),
            },
            prompt: None,
            title: None,
        }
    }

    /// All sessions.
    ///
    /// # Panics
    /// The server does not answer.
    pub fn sessions(&self) -> Vec<Session> {
        self.http
            .get("/api/sessions")
            .json::<SessionsBody>()
            .sessions
    }

    /// One session.
    ///
    /// # Panics
    /// There is none.
    pub fn session(&self, id: SessionId) -> Session {
        let answer = self.http.get(&format!("/api/sessions/{id}"));
        answer.json::<SessionBody>().session
    }

    /// The process of a worker as the server shows it.
    ///
    /// # Panics
    /// There is no such worker.
    pub fn process(&self, started: &Started) -> Process {
        let session = self.session(started.session);
        let mut workers = session.workers.into_iter();
        let worker = workers.find(|worker| worker.id == started.worker);
        let process = worker.and_then(|worker| worker.process);
        process.expect("the worker has a process")
    }

    /// All of a worker's output that the server keeps, and the offset it begins at.
    ///
    /// # Panics
    /// The server refuses.
    pub fn log(&self, started: &Started) -> (u64, Vec<u8>) {
        let mut all = Vec::new();
        let mut first = None;
        loop {
            let from = first.unwrap_or(0) + all.len() as u64;
            let path = format!("{}/log?from={from}&len=4194304", started.path());
            let answer = self.http.get(&path);
            assert_eq!(answer.status, 200, "{}", answer.text());
            let number = |name: &str| answer.header(name).and_then(|value| value.parse().ok());
            let offset: u64 = number("offshoot-offset").expect("the offset is told");
            let end: u64 = number("offshoot-end-offset").expect("the end is told");
            let begin = *first.get_or_insert(offset);
            assert_eq!(offset, begin + all.len() as u64, "the log has a hole");
            all.extend_from_slice(&answer.body);
            if offset + answer.body.len() as u64 >= end {
                return (begin, all);
            }
            assert!(!answer.body.is_empty(), "the log does not go on at {from}");
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.kill_server();
        process::end_shims(&self.home);
        if std::thread::panicking() {
            let log = self.server_log();
            let newest = log.len().saturating_sub(6000);
            let newest = log.get(newest..).unwrap_or(&log);
            #[expect(clippy::print_stderr, reason = "the reader of a failed test needs it")]
            {
                eprintln!("--- the server's log ends:\n{newest}");
            }
        }
    }
}

/// A session with the worker it was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The session.
    pub session: SessionId,
    /// Its first worker.
    pub worker: WorkerId,
    /// The process behind it.
    pub pid: u32,
    /// The life of its output.
    pub epoch: u32,
}

impl Started {
    /// The first worker of a session.
    ///
    /// # Panics
    /// The session has no running process.
    pub fn of(session: &Session) -> Self {
        let is_process = |worker: &&Worker| worker.kind != WorkerKind::GitDiff;
        let worker = session.workers.iter().find(is_process);
        let worker = worker.expect("a session has a worker");
        let process = worker.process.as_ref().expect("a worker has a process");
        Self {
            session: session.id,
            worker: worker.id,
            pid: process.pid.unwrap_or(0),
            epoch: process.epoch,
        }
    }

    /// The worker's path in the API.
    pub fn path(&self) -> String {
        format!("/api/sessions/{}/workers/{}", self.session, self.worker)
    }
}

fn until_answered(answers: impl FnMut() -> Option<()>) {
    until("the server answers", answers);
}
