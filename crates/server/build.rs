//! Puts the web UI into the server: finds or builds it, and writes a table of its files.
//!
//! Owns the order in which the UI is looked for:
//! 1. `OFFSHOOT_UI_DIST`: a directory built elsewhere.
//! 2. `ui-dist/` beside this file: a published crate carries it.
//! 3. `../../web`: built with npm when its inputs differ from what `web/dist/.stamp` names.
//! 4. `OFFSHOOT_SKIP_UI=1`: a page that says so, and a warning.
//!
//! It does not know what the files mean. Without npm and without one of the other ways it fails
//! with a text that names both fixes: a server without its UI never comes as a surprise.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the build of the UI reads, relative to `web/`.
const INPUTS: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];

const SKIPPED_PAGE: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Offshoot</title>\
<h1>Built without the web UI</h1><p>This server was built with OFFSHOOT_SKIP_UI=1. \
Build it again without that variable, or start it with --ui-dir.</p></html>\n";

const NO_NPM: &str = "the web UI must be built and npm was not found; either\n  \
* install Node.js 20.19 or newer (https://nodejs.org) and build again, or\n  \
* set OFFSHOOT_SKIP_UI=1 to build a server without a web UI, or OFFSHOOT_UI_DIST to a built one.";

fn main() {
    for name in [
        "OFFSHOOT_UI_DIST",
        "OFFSHOOT_SKIP_UI",
        "OFFSHOOT_REQUIRE_UI",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let placed =
        resolve(&here).and_then(|dist| place(dist.as_deref(), &out).map_err(|err| err.to_string()));
    if let Err(message) = placed {
        panic!("\n\n{message}\n\n");
    }
}

/// Finds or builds the UI; `None` means to go without.
fn resolve(here: &Path) -> Result<Option<PathBuf>, String> {
    if let Some(given) = env::var_os("OFFSHOOT_UI_DIST").filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        println!("cargo::rerun-if-changed={}", given.display());
        return match given.join("index.html").is_file() {
            true => Ok(Some(given)),
            false => Err(format!(
                "OFFSHOOT_UI_DIST={} holds no index.html",
                given.display()
            )),
        };
    }
    let packaged = here.join("ui-dist");
    if packaged.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", packaged.display());
        return Ok(Some(packaged));
    }
    let web = here.join("../../web");
    if web.join("package.json").is_file() {
        for input in INPUTS {
            println!("cargo::rerun-if-changed={}", web.join(input).display());
        }
        let stamp = hash_inputs(&web).map_err(|err| format!("read {}: {err}", web.display()))?;
        let dist = web.join("dist");
        if fs::read_to_string(dist.join(".stamp")).is_ok_and(|found| found == stamp) {
            return Ok(Some(dist));
        }
        if !is_set("OFFSHOOT_SKIP_UI") {
            build(&web, &stamp)?;
            return Ok(Some(dist));
        }
    }
    if is_set("OFFSHOOT_SKIP_UI") && !is_set("OFFSHOOT_REQUIRE_UI") {
        println!("cargo::warning=built without the web UI (OFFSHOOT_SKIP_UI is set)");
        return Ok(None);
    }
    Err("there is no web UI to embed: neither OFFSHOOT_UI_DIST, ui-dist/ nor ../../web".to_owned())
}

fn is_set(name: &str) -> bool {
    env::var(name).is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Installs the packages when their lock changed, then builds `web/dist` and stamps it.
fn build(web: &Path, stamp: &str) -> Result<(), String> {
    let lock = hash_file(&web.join("package-lock.json")).map_err(|err| err.to_string())?;
    let installed = web.join("node_modules/.offshoot-lock");
    if fs::read_to_string(&installed).unwrap_or_default() != lock {
        npm(web, &["ci"])?;
        fs::write(&installed, lock).map_err(|err| err.to_string())?;
    }
    npm(web, &["run", "build"])?;
    fs::write(web.join("dist/.stamp"), stamp).map_err(|err| err.to_string())
}

fn npm(web: &Path, args: &[&str]) -> Result<(), String> {
    let output = match Command::new("npm").args(args).current_dir(web).output() {
        Ok(output) => output,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(NO_NPM.to_owned()),
        Err(err) => return Err(format!("run npm: {err}")),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`npm {}` failed in {}:\n{}{}",
        args.join(" "),
        web.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    ))
}

/// Copies the files beside the table, so that a later build of the UI cannot change them under
/// the compiler, and writes the table.
fn place(dist: Option<&Path>, out: &Path) -> io::Result<()> {
    let ui = out.join("ui");
    if ui.exists() {
        fs::remove_dir_all(&ui)?;
    }
    fs::create_dir_all(&ui)?;
    match dist {
        Some(dist) => copy(dist, &ui)?,
        None => fs::write(ui.join("index.html"), SKIPPED_PAGE)?,
    }
    fs::write(out.join("ui.rs"), table(&ui)?)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).expect("listed below it"));
        fs::create_dir_all(target.parent().expect("has a file name"))?;
        fs::copy(&file, target)?;
    }
    Ok(())
}

/// One entry per file, sorted by path, with its precompressed forms where they exist.
fn table(ui: &Path) -> io::Result<String> {
    let mut text = String::from("&[\n");
    for file in files(ui)? {
        let path = file.strip_prefix(ui).expect("listed below it");
        let path = path.to_str().expect("names of UI files are UTF-8");
        if path == ".stamp" || is_compressed_twin(&file) {
            continue;
        }
        let bytes = |file: &Path| format!("include_bytes!({:?})", file.display().to_string());
        let twin = |suffix: &str| {
            let twin = PathBuf::from(format!("{}{suffix}", file.display()));
            match twin.is_file() {
                true => format!("Some({})", bytes(&twin)),
                false => "None".to_owned(),
            }
        };
        writeln!(
            text,
            "    Asset {{ path: {path:?}, hash: {:?}, plain: {}, brotli: {}, gzip: {} }},",
            hash_file(&file)?,
            bytes(&file),
            twin(".br"),
            twin(".gz"),
        )
        .expect("writing to a string cannot fail");
    }
    text.push(']');
    Ok(text)
}

fn is_compressed_twin(file: &Path) -> bool {
    file.extension()
        .is_some_and(|end| end == "br" || end == "gz")
        && file.with_extension("").is_file()
}

/// All files below a directory, sorted.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

fn hash_inputs(web: &Path) -> io::Result<String> {
    let mut hash = Fnv::new();
    for input in INPUTS {
        let input = web.join(input);
        let files = match (input.is_dir(), input.is_file()) {
            (true, _) => files(&input)?,
            (_, true) => vec![input],
            _ => Vec::new(),
        };
        for file in files {
            let name = file.strip_prefix(web).expect("listed below it");
            if name.to_string_lossy().contains(".test.") {
                continue;
            }
            hash.add(name.to_string_lossy().as_bytes());
            hash.add(&fs::read(&file)?);
        }
    }
    Ok(hash.finish())
}

fn hash_file(file: &Path) -> io::Result<String> {
    let mut hash = Fnv::new();
    hash.add(&fs::read(file)?);
    Ok(hash.finish())
}

/// FNV-1a: tells contents apart, needs no dependency, and is no defence against forgery.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> String {
        format!("{:016x}", self.0)
    }
}
