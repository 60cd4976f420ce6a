//! The property test of the HTTP interface: schemathesis asks a server everything that its own
//! description allows, and some things it does not. No answer may be a failure of the server, and
//! each must have a status and a form that the description names.
//!
//! Owns the tool's pinned version and the scratch server, whose home, data and port are its own.
//! What the requests are about is made by `property_hooks.py`, which the tool loads.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::report::Counts;
use crate::run::{Program, root, target_dir};

/// The tool, from PyPI.
const TOOL: &str = "schemathesis==4.32.5";

/// Random requests per operation, for each kind of them. Most of their time goes into what they are
/// about: two per kind take 75 s on two cores that others keep busy.
const CASES_EACH: &str = "4";

/// After this the tool begins no more.
const SECONDS_MAX: &str = "100";

/// With fewer operations that succeed the requests are about nothing.
const SUCCEEDED_MIN: u32 = 60;

/// What is not asked, and why.
const LEFT_OUT: [(&str, &str); 7] = [
    ("auth_sign_out", "ends the credential of the test itself"),
    ("server_open", "opens a program of the desktop"),
    ("server_open_in_vscode", "opens a program of the desktop"),
    ("repositories_clone", "would reach other machines"),
    ("repositories_github_issue", "would reach other machines"),
    ("slack_test", "would reach other machines"),
    ("webhooks_test", "would reach other machines"),
];

/// Brings the tool into a directory of the build; returns the program.
pub(crate) fn bring() -> Result<PathBuf> {
    let dir = target_dir().join("tools").join(TOOL.replace("==", "-"));
    let program = dir.join("bin/schemathesis");
    if program.exists() {
        return Ok(program);
    }
    let at = dir.to_str().context("the build lies at a path in UTF-8")?;
    if !Program::new(".", "python3", &["-m", "venv", at]).succeeds()? {
        bail!("python3 -m venv failed (Debian: apt-get install python3-venv)");
    }
    let pip = dir.join("bin/pip");
    let pip = pip.to_string_lossy();
    if !Program::new(".", &pip, &["install", "--quiet", TOOL]).succeeds()? {
        bail!("pip could not install {TOOL}; is PyPI reachable?");
    }
    Ok(program)
}

/// Runs the tool against a server of the built binary.
pub(crate) fn run(tool: &Path) -> Result<Counts> {
    let server = Scratch::start()?;
    let url = format!("http://{}/api/openapi.json", server.address);
    let token = server.token()?;
    let credential = format!("Authorization: Bearer {token}");
    let mut args = vec!["run", &url, "--header", &credential];
    args.extend([
        "--checks",
        "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance",
    ]);
    // The same requests in every run.
    args.extend(["--phases", "fuzzing", "--seed", "7171", "--workers", "2"]);
    args.extend(["--max-examples", CASES_EACH, "--max-time", SECONDS_MAX]);
    for (operation, why) in LEFT_OUT {
        println!("left out: {operation}, which {why}");
        args.extend(["--exclude-operation-id", operation]);
    }
    let program = Program::new(".", &tool.to_string_lossy(), &args)
        .env("SCHEMATHESIS_HOOKS", "property_hooks")
        .env("PYTHONPATH", root().join("xtask/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PROPERTY_URL", format!("http://{}", server.address))
        .env("PROPERTY_DIR", server.dir.join("user"))
        .env("PROPERTY_TOKEN", token);
    let mut succeeded = 0;
    let passed = program.watch(|line| {
        if let Some((count, _)) = line.split_once(" operations succeeded") {
            let count = count.split(' ').next().and_then(|count| count.parse().ok());
            succeeded = count.unwrap_or(0);
        }
    })?;
    Ok(Counts::one(passed && succeeded >= SUCCEEDED_MIN))
}

/// A server with a home of its own; ended and forgotten when dropped.
struct Scratch {
    dir: PathBuf,
    address: String,
    process: Child,
}

impl Scratch {
    fn start() -> Result<Self> {
        let dir = target_dir().join(format!("property-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("user")).context("make the scratch home")?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .to_string();
        let log = std::fs::File::create(dir.join("log"))?;
        let process = Command::new(target_dir().join("debug/offshoot"))
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir.join("user"))
            .env("SHELL", "/bin/sh")
            .env("OFFSHOOT_HOME", dir.join("home"))
            .env("OFFSHOOT_LISTEN", &address)
            .env("OFFSHOOT_OPEN", "false")
            .current_dir(dir.join("user"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start the server")?;
        let scratch = Self {
            dir,
            address,
            process,
        };
        let begin = Instant::now();
        while scratch.token().is_err() || std::net::TcpStream::connect(&scratch.address).is_err() {
            if begin.elapsed() > Duration::from_secs(30) {
                bail!("the server does not start");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(scratch)
    }

    fn token(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.dir.join("home/cli-token"))?;
        match text.trim() {
            "" => bail!("the token is not written yet"),
            token => Ok(token.to_owned()),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
