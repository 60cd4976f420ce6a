//! The programs of this workspace, as the build left them.

use std::path::PathBuf;

/// The directory the running test was built into, where the programs lie too.
///
/// # Panics
/// The running program lies nowhere, which cannot be in a test.
pub fn directory() -> PathBuf {
    let mut directory = std::env::current_exe().expect("a test runs from a file");
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    directory
}

/// The built program of that name.
///
/// # Panics
/// It was not built.
pub fn find(name: &str) -> PathBuf {
    let variable = format!("OFFSHOOT_{}_BIN", name.to_uppercase().replace('-', "_"));
    let program = match std::env::var_os(&variable) {
        Some(given) => given.into(),
        None => directory().join(name),
    };
    assert!(
        program.is_file(),
        "{} is not there; build it with `cargo build --workspace --all-targets`, or run `cargo xtask test`",
        program.display()
    );
    program
}

/// The product.
pub fn offshoot() -> PathBuf {
    find("offshoot")
}

/// The program that plays an agent; see its own head.
pub fn fake_agent() -> PathBuf {
    find("fake-agent")
}

/// The program that prints known bytes; see [`crate::spew`].
pub fn spewer() -> PathBuf {
    find("spewer")
}
