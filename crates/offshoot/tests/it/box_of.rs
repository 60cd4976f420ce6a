//! What the tests of this program share: the binary, the program for its terminals, its clients.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use offshoot_protocol::TerminalSize;
use offshoot_protocol::terminal::{ClientId, DeliveryMode, Hello, Resume};
use offshoot_testkit::rig::Rig;
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_offshoot"))
}

/// A running server on an empty data directory.
pub(crate) fn rig() -> Rig {
    Rig::start(&binary()).expect("the server starts")
}

/// A command of the binary for the user of a server.
pub(crate) fn offshoot(rig: &Rig, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env_clear();
    command.env("HOME", rig.user_dir());
    command.env("OFFSHOOT_HOME", rig.home());
    command
}

/// The path of `terminal-program`, which `cargo xtask test` has built beside the binary.
pub(crate) fn terminal_program() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = binary().with_file_name("terminal-program");
        if !path.exists() {
            let cargo = std::env::var_os("CARGO").expect("tests are run by cargo");
            let args = [
                "build",
                "-p",
                "offshoot-testkit",
                "--bin",
                "terminal-program",
            ];
            let built = Command::new(cargo).args(args).status();
            assert!(
                built.is_ok_and(|status| status.success()),
                "it can be built"
            );
        }
        path.to_str().expect("a path in UTF-8").to_owned()
    })
}

/// A client that follows from an offset on and gets every byte.
pub(crate) fn complete_from(epoch: u32, offset: u64) -> Hello {
    Hello {
        client: new_client(),
        resume: Some(Resume { epoch, offset }),
        mode: DeliveryMode::Complete,
        history: None,
        size: None,
    }
}

/// A client that is shown the screen.
pub(crate) fn live() -> Hello {
    Hello {
        client: new_client(),
        resume: None,
        mode: DeliveryMode::Live,
        history: None,
        size: TerminalSize::new(120, 30),
    }
}

fn new_client() -> ClientId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = u64::from(std::process::id()) << 32;
    ClientId(number + NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until the newest lines of a worker's screen hold a text.
pub(crate) fn until_shown(rig: &Rig, started: &Started, text: &str) {
    let path = format!("{}/text?lines=100", started.path());
    until(&format!("the screen shows {text:?}"), || {
        rig.http.get(&path).text().contains(text).then_some(())
    });
}
