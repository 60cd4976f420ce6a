//! `offshoot doctor`: what is there, what is missing, what to do about it.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use offshoot_engine::definitions::{Definition, Definitions};
use offshoot_protocol::rest::{Check, Config};

use super::{print, print_json};
use crate::args::Output;
use crate::client::Client;
use crate::config::Settings;
use crate::style::{self, Cell, Table, Tone};

/// The oldest git whose worktree commands do what we need.
const GIT_MIN: (u32, u32) = (2, 40);

/// Open files the server wants to be allowed: a handful per worker, and headroom.
const OPEN_FILES_WANTED: u64 = 4096;

/// Free space below which output may soon be lost: one worker keeps up to 64 MiB.
const FREE_WANTED: u64 = 256 << 20;

/// A program that does not tell its version in this time is shown by its path.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prints all checks; fails when one that is needed fails. Agents are needed only one at a time.
pub(crate) async fn run(settings: &Settings, output: Output) -> Result<ExitCode> {
    let mut checks = vec![
        check(
            "offshoot",
            "offshoot",
            Ok(env!("CARGO_PKG_VERSION").to_owned()),
        ),
        check("git", "git", git().await),
        check("home", "data directory", home(settings)),
        check("config", "configuration file", Ok(config_file(settings))),
        check("open-files", "open files", open_files()),
        check("processes", "processes", Ok(processes())),
        check("server", "server", server(settings).await),
    ];
    let needed_ok = checks.iter().all(|check| check.ok);
    checks.extend(agents(settings).await);
    if output.json {
        print_json(&checks)?;
    } else {
        print(&table(&checks).render(style::stdout()))?;
    }
    Ok(if needed_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check(id: &str, name: &str, found: Result<String, String>) -> Check {
    let ok = found.is_ok();
    Check {
        id: id.to_owned(),
        name: name.to_owned(),
        ok,
        detail: found.unwrap_or_else(|what| what),
    }
}

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new(&["WHAT", "", "DETAIL"]);
    for check in checks {
        let is_agent = check.id.starts_with("agent:");
        let state = match (check.ok, is_agent) {
            (true, _) => ("ok", Tone::Good),
            (false, true) => ("absent", Tone::Quiet),
            (false, false) => ("problem", Tone::Bad),
        };
        let state = Cell::toned((state.0.to_owned(), state.1));
        table.row(vec![(&check.name).into(), state, (&check.detail).into()]);
    }
    table
}

/// Looks for the programs of agents, and for definitions that are left out.
async fn agents(settings: &Settings) -> Vec<Check> {
    let mut known = Definitions::built_in();
    if let Some(dir) = settings.surroundings.agents_dir() {
        known = known.with_overrides(&dir);
    }
    let mut checks = Vec::new();
    for definition in known.iter().filter(|one| !one.program.is_empty()) {
        let program = &definition.program;
        let found = match find(program) {
            Some(path) => Ok(agent_version(definition, &path).await.unwrap_or(path)),
            None => Err(definition.missing()),
        };
        checks.push(check(&format!("agent:{program}"), program, found));
    }
    checks.extend(known.problems().iter().map(|problem| {
        let file = problem.file.display().to_string();
        let first = problem.findings.first();
        let what = first
            .map(|finding| format!("{file}:{finding}"))
            .unwrap_or_default();
        check(&format!("definition:{file}"), "definition", Err(what))
    }));
    checks
}

/// Asks an agent for its version; one that its definition was not tried with is told.
async fn agent_version(definition: &Definition, path: &str) -> Option<String> {
    let Some(probe) = &definition.probe else {
        return version(path).await;
    };
    let args: Vec<&str> = probe.argv.iter().skip(1).map(String::as_str).collect();
    let text = first_line(path, &args).await?;
    let Some(version) = probe.version(&text) else {
        return Some(format!("{text} ({path})"));
    };
    let tried = if probe.is_tested(&version) {
        String::new()
    } else {
        format!("; its definition was tried with {}", probe.tested)
    };
    Some(format!("{version} ({path}){tried}"))
}

async fn git() -> Result<String, String> {
    let Some(path) = find("git") else {
        return Err("not on PATH; install git (https://git-scm.com)".to_owned());
    };
    let Some(text) = version(&path).await else {
        return Err(format!("{path} --version says nothing"));
    };
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < GIT_MIN {
        return Err(format!(
            "{text} is too old; {}.{} or newer is needed",
            GIT_MIN.0, GIT_MIN.1
        ));
    }
    Ok(text)
}

fn home(settings: &Settings) -> Result<String, String> {
    let home = settings.home().map_err(|err| err.to_string())?;
    let shown = home.display();
    let metadata = match std::fs::metadata(&home) {
        Ok(metadata) => metadata,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            return Ok(format!("{shown} (made at the first start)"));
        }
        Err(err) => return Err(format!("{shown}: {err}")),
    };
    if !metadata.is_dir() {
        return Err(format!(
            "{shown} is no directory; choose another with --home"
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "{shown} is open to others (mode {mode:o}); run: chmod 700 {shown}"
        ));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!("{shown} belongs to another user"));
    }
    let free = free_bytes(&home);
    if let Some(free) = free.filter(|free| *free < FREE_WANTED) {
        let free = size(free);
        return Err(format!(
            "{shown} has {free} free; sessions need more to keep their output"
        ));
    }
    let free = free.map_or(String::new(), |free| format!(", {} free", size(free)));
    Ok(format!("{shown} (mode {mode:o}{free})"))
}

fn free_bytes(dir: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    match bytes {
        GIB.. => format!("{} GiB", bytes / GIB),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn config_file(settings: &Settings) -> String {
    match settings.surroundings.config_file() {
        Some(file) if file.exists() => file.display().to_string(),
        Some(file) => format!("{} (none; defaults apply)", file.display()),
        None => "none".to_owned(),
    }
}

fn open_files() -> Result<String, String> {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile);
    let shown = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
    let text = format!(
        "{} (can be raised to {})",
        shown(limit.current),
        shown(limit.maximum)
    );
    match limit.maximum {
        Some(maximum) if maximum < OPEN_FILES_WANTED => Err(format!(
            "{text}; {OPEN_FILES_WANTED} are wanted for many sessions, see `ulimit -Hn`"
        )),
        _ => Ok(text),
    }
}

fn processes() -> String {
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nproc).current;
    limit.map_or("unlimited".to_owned(), |n| n.to_string())
}

async fn server(settings: &Settings) -> Result<String, String> {
    let client = Client::find(settings).map_err(|err| format!("{err:#}"))?;
    let config: Config = client
        .get("/api/config")
        .await
        .map_err(|err| format!("{err:#}"))?;
    let ours = env!("CARGO_PKG_VERSION");
    let version = &config.version;
    let differs = if version == ours {
        ""
    } else {
        "; restart it to use this version"
    };
    Ok(format!(
        "{} (version {version}, pid {}{differs})",
        client.base(),
        config.server_pid
    ))
}

fn find(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(program));
    let found = places.find(|place| {
        let metadata = place.metadata();
        metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })?;
    Some(found.to_string_lossy().into_owned())
}

async fn version(program: &str) -> Option<String> {
    let first = first_line(program, &["--version"]).await?;
    Some(format!("{first} ({program})"))
}

/// Runs a program and returns the first line that it prints, if it ends well and in time.
async fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = tokio::process::Command::new(program)
        .args(args)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default().trim();
    (output.status.success() && !first.is_empty()).then(|| first.to_owned())
}
