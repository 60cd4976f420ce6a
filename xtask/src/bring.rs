//! Brings what the tests need and the machine lacks: npm packages, a browser, terminal programs.
//!
//! Says plainly what it cannot bring. Installs system packages only as root on Debian, where a
//! test machine is made for one run; elsewhere it names the command to type.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::run::{Program, find, root};

/// Programs whose real output the terminal is tested with, and the packages they come in.
const PROGRAMS: [(&str, &str); 4] = [
    ("vim", "vim"),
    ("less", "less"),
    ("htop", "htop"),
    ("tmux", "tmux"),
];

/// Installs the packages of a web project when its lock file changed since the last time.
pub(crate) fn npm_packages(dir: &str) -> Result<()> {
    let at = root().join(dir);
    let lock = std::fs::read(at.join("package-lock.json"))?;
    let stamp = at.join("node_modules/.offshoot-lock");
    let hash = stamp_of(&lock);
    if std::fs::read_to_string(&stamp).is_ok_and(|seen| seen == hash) {
        return Ok(());
    }
    if find("npm").is_none() {
        bail!("npm is not there: install Node.js 20.19 or newer (https://nodejs.org)");
    }
    let args = ["ci", "--no-audit", "--no-fund", "--prefer-offline"];
    if !Program::new(dir, "npm", &args).succeeds()? {
        bail!("npm ci failed in {dir}");
    }
    std::fs::write(&stamp, hash)?;
    Ok(())
}

/// The stamp the server's build script leaves beside the packages it installed (FNV-1a of the
/// length and the bytes): either of the two finds the other's work.
fn stamp_of(lock: &[u8]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in (lock.len() as u64).to_le_bytes().iter().chain(lock) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// Tells whether the repository has this web project.
pub(crate) fn has_web_project(dir: &str) -> bool {
    root().join(dir).join("package-lock.json").is_file()
}

/// Brings system programs the tests use, as far as it may; returns what is still missing.
pub(crate) fn system_programs() -> Vec<String> {
    let mut wanted: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if has_web_project("e2e") && chromium().is_none() {
        wanted.push("chromium");
        if !Path::new("/usr/share/fonts/truetype/dejavu").is_dir() {
            wanted.push("fonts-dejavu-core");
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    install(&wanted);
    PROGRAMS
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(program, package)| {
            format!("{program}: install it with your package manager (Debian: apt-get install {package})")
        })
        .collect()
}

fn install(packages: &[&str]) {
    if !is_root() || find("apt-get").is_none() {
        println!("not installed here: {}", packages.join(", "));
        return;
    }
    let apt = |args: &[&str]| {
        let program = Program::new(".", "apt-get", args).env("DEBIAN_FRONTEND", "noninteractive");
        program.succeeds().unwrap_or(false)
    };
    let mut args = vec!["install", "-y", "--no-install-recommends"];
    args.extend(packages);
    if !apt(&args) {
        // The lists of a fresh machine may be absent or old.
        apt(&["update"]);
        apt(&args);
    }
}

/// The browser for browser tests: the machine's own, or `None` to let Playwright bring one.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("CHROMIUM") {
        return Some(given.into());
    }
    [
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ]
    .iter()
    .find_map(|program| find(program))
}

/// Lets Playwright install its own browser, where the machine has none.
pub(crate) fn playwright_browser() -> Result<()> {
    let args = ["playwright", "install", "chromium"];
    if !Program::new("e2e", "npx", &args).succeeds()? {
        bail!("no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM");
    }
    Ok(())
}

fn is_root() -> bool {
    Program::new(".", "id", &["-u"])
        .output()
        .is_some_and(|id| id.trim() == "0")
}
