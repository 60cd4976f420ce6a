//! Running programs: in which directory, with what shown and what read of their output.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask/ lies in the root").to_owned()
}

/// A program to be run in a directory of the repository.
pub(crate) struct Program {
    command: Command,
    shown: String,
}

impl Program {
    /// Names a program and its arguments, to be run in `dir`, relative to the root.
    pub(crate) fn new(dir: &str, program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).current_dir(root().join(dir));
        let shown = format!("{program} {}", args.join(" "));
        Self { command, shown }
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it with its output on the terminal and tells whether it succeeded.
    pub(crate) fn succeeds(mut self) -> Result<bool> {
        println!("\n$ {}", self.shown);
        let status = self.command.status().with_context(|| self.failure())?;
        Ok(status.success())
    }

    /// Runs it with its output on the terminal, line by line through `see`.
    pub(crate) fn watch(mut self, see: impl FnMut(&str) + Send) -> Result<bool> {
        println!("\n$ {}", self.shown);
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().with_context(|| self.failure())?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let see = std::sync::Mutex::new(see);
        let pass_on = |line: &str| {
            println!("{line}");
            if let Ok(mut see) = see.lock() {
                see(line);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| out.map(|out| each_line(out, &pass_on)));
            scope.spawn(|| err.map(|err| each_line(err, &pass_on)));
        });
        Ok(child.wait()?.success())
    }

    /// Runs it silently and returns what it printed, or `None` when it failed or is not there.
    pub(crate) fn output(mut self) -> Option<String> {
        let output = self.command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn failure(&self) -> String {
        format!("run `{}`", self.shown)
    }
}

fn each_line(from: impl Read, see: &impl Fn(&str)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        see(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

/// The cargo that runs this program.
pub(crate) fn cargo(args: &[&str]) -> Program {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut program = Program::new(".", &program, args);
    program.shown = format!("cargo {}", args.join(" "));
    program
}

/// Builds the product and the programs of the testkit.
pub(crate) fn build_programs(profile: &[&str]) -> Result<()> {
    let packages = ["--package", "offshoot", "--package", "offshoot-testkit"];
    let args = [&["build"], profile, &packages, &["--locked"]].concat();
    if !cargo(&args).succeeds()? {
        bail!("the build failed");
    }
    Ok(())
}

/// Finds a program on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}
