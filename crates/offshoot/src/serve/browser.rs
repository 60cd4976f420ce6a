//! Opens the sign-in address on a desktop.

use std::process::{Command, Stdio};

/// Opens an address in the user's browser, where there is a desktop. Failing is no matter: the
/// address is printed too.
pub(crate) fn open(address: &str) {
    let Some(program) = opener() else { return };
    let opened = Command::new(program)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opened {
        Ok(mut child) => {
            // Some openers stay for as long as the browser; somebody must collect their end.
            std::thread::spawn(move || child.wait());
        }
        Err(err) => tracing::debug!(%err, program, "open a browser"),
    }
}

fn opener() -> Option<&'static str> {
    if cfg!(target_os = "macos") {
        return Some("open");
    }
    let has = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    (has("WAYLAND_DISPLAY") || has("DISPLAY")).then_some("xdg-open")
}
