//! `cargo xtask test`: everything that is tested, after bringing what it needs.

use anyhow::{Result, bail};

use crate::report::{Counts, Reader, Report};
use crate::run::{Program, cargo, target_dir};
use crate::{bring, property};

/// Web projects whose packages tests need; the vt's holds the terminal it is compared with.
const WEB_PROJECTS: [&str; 3] = ["web", "crates/vt/tests/oracle", "e2e"];

/// How much is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Everything,
    /// What needs no Node.js and no browser.
    RustOnly,
}

/// Runs the tests and tells whether all passed.
pub(crate) fn run(extent: Extent) -> Result<bool> {
    let mut report = Report::default();
    if extent == Extent::Everything {
        bring_all(&mut report);
    }
    // One build with one selection of features; everything after it finds its products.
    let built = report.stage("build", || {
        let args = ["build", "--workspace", "--all-targets", "--locked"];
        cargo(&args).succeeds().map(Counts::one)
    });
    if built {
        agents(&mut report);
        report.stage("rust", rust);
        report.stage("doc tests", || {
            counted(cargo(&[
                "test",
                "--workspace",
                "--doc",
                "--locked",
                "--quiet",
            ]))
        });
    }
    if extent == Extent::Everything {
        web(&mut report);
        if built {
            properties(&mut report);
            browser(&mut report);
        }
    }
    Ok(report.finish())
}

fn bring_all(report: &mut Report) {
    for what in bring::system_programs() {
        report.missing(what);
    }
    for dir in WEB_PROJECTS {
        if bring::has_web_project(dir)
            && let Err(err) = bring::npm_packages(dir)
        {
            report.missing(format!("packages of {dir}: {err:#}"));
        }
    }
}

/// Installs the real agents that tests run; one that is out of reach is told loudly, since its test
/// passes without it.
fn agents(report: &mut Report) {
    let program = target_dir().join("debug/real-agents");
    let program = program.to_string_lossy().into_owned();
    let mut out_of_reach = Vec::new();
    report.stage("real agents: bring", || {
        let brought = Program::new(".", &program, &["bring"]).watch(|line| {
            if let Some(agent) = line.strip_prefix("OUT OF REACH ") {
                out_of_reach.push(agent.to_owned());
            }
        });
        brought.map(Counts::one)
    });
    for agent in out_of_reach {
        report.not_run("real agent", &agent);
    }
}

fn rust() -> Result<Counts> {
    let has_nextest = cargo(&["nextest", "--version"]).output().is_some();
    let args: &[&str] = if has_nextest {
        &[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            // One that passes only the second time is reported as flaky.
            "--retries",
            if in_ci() { "1" } else { "0" },
        ]
    } else {
        &[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--locked",
            "--no-fail-fast",
        ]
    };
    // The same random cases in every run: a test that fails here fails on the next machine too.
    // Another seed looks further: PROPTEST_RNG_SEED=… cargo test.
    let seed = std::env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| "7171".to_owned());
    counted(cargo(args).env("PROPTEST_RNG_SEED", seed))
}

/// Whether a machine that nobody looks at runs the tests.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

fn web(report: &mut Report) {
    if !bring::has_web_project("web") {
        return;
    }
    report.stage("web: types", || web_script("typecheck").map(Counts::one));
    report.stage("web: Biome", || web_script("lint").map(Counts::one));
    report.stage("web: vitest", || {
        counted(Program::new("web", "npm", &["run", "--silent", "test"]))
    });
}

/// Runs a script of `web/package.json` that answers one question.
pub(crate) fn web_script(name: &str) -> Result<bool> {
    Program::new("web", "npm", &["run", "--silent", name]).succeeds()
}

fn properties(report: &mut Report) {
    match property::bring() {
        Ok(tool) => {
            report.stage("http: schemathesis", || property::run(&tool));
        }
        // It is a second look at what the tests of each room prove.
        Err(err) => report.not_run("http: schemathesis", &format!("{err:#}")),
    }
}

fn browser(report: &mut Report) {
    if !bring::has_web_project("e2e") {
        return;
    }
    report.stage("browser: types", || {
        let args = ["run", "--silent", "typecheck"];
        Program::new("e2e", "npm", &args)
            .succeeds()
            .map(Counts::one)
    });
    report.stage("browser", || {
        let binary = target_dir().join("debug/offshoot");
        let mut tests = Program::new("e2e", "npx", &["playwright", "test"])
            .env("OFFSHOOT_BIN", binary)
            .env("OFFSHOOT_FAKE_AGENT", target_dir().join("debug/fake-agent"));
        match bring::chromium() {
            Some(chromium) => tests = tests.env("CHROMIUM", chromium),
            None => bring::playwright_browser()?,
        }
        counted(tests)
    });
}

/// Runs a test program and counts; one that fails without saying which test counts as one failure.
fn counted(program: Program) -> Result<Counts> {
    let mut reader = Reader::default();
    let succeeded = program.watch(|line| reader.read(line))?;
    let mut counts = reader.counts;
    if !succeeded && counts.failed == 0 {
        counts.failed = 1;
    }
    if succeeded && counts.failed > 0 {
        bail!(
            "the test program succeeded although {} tests failed",
            counts.failed
        );
    }
    Ok(counts)
}
