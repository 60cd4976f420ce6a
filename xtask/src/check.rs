//! `cargo xtask check`: everything that holds without running a test.

use anyhow::{Result, bail};

use crate::bring;
use crate::report::{Counts, Report};
use crate::run::{Program, cargo, target_dir};
use crate::test::web_script;

/// Tools from crates.io, with the versions known to build with the pinned toolchain.
const TOOLS: [(&str, &str); 2] = [("cargo-deny", "0.20.2"), ("cargo-machete", "0.9.2")];

/// Runs all checks and tells whether all passed.
pub(crate) fn run() -> Result<bool> {
    let mut report = Report::default();
    let mut one = |name: &str, program: Program| {
        report.stage(name, || program.succeeds().map(Counts::one));
    };
    one("fmt", cargo(&["fmt", "--all", "--check"]));
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    one("clippy", cargo(&clippy));
    let doc = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ];
    one("doc", cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"));
    report.stage("deny", || {
        tool(
            "cargo-deny",
            &[
                "check",
                "--hide-inclusion-graph",
                "bans",
                "licenses",
                "sources",
            ],
        )
    });
    report.stage("machete", || tool("cargo-machete", &["--with-metadata"]));
    if bring::has_web_project("web") {
        report.stage("web: packages", || {
            bring::npm_packages("web").map(|()| Counts::one(true))
        });
        report.stage("web: types", || web_script("typecheck").map(Counts::one));
        report.stage("web: Biome", || web_script("lint").map(Counts::one));
    }
    Ok(report.finish())
}

/// Runs a tool, installing the pinned version under the target directory when it is not there.
fn tool(name: &str, args: &[&str]) -> Result<Counts> {
    let program = match crate::run::find(name) {
        Some(found) => found,
        None => installed(name)?,
    };
    let program = program.to_string_lossy();
    Program::new(".", &program, args)
        .succeeds()
        .map(Counts::one)
}

fn installed(name: &str) -> Result<std::path::PathBuf> {
    let home = target_dir().join("tools");
    let program = home.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    let Some((_, version)) = TOOLS.iter().find(|(tool, _)| *tool == name) else {
        bail!("{name} is not a tool this program installs");
    };
    let home = home.to_string_lossy();
    let args = [
        "install",
        "--locked",
        "--root",
        &home,
        "--version",
        version,
        name,
    ];
    if !cargo(&args).succeeds()? {
        bail!("cannot install {name} {version}: install it by hand and run the check again");
    }
    Ok(program)
}
