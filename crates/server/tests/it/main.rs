//! The server over real sockets, with the real engine, real shims and real shells.
//!
//! This executable is also the shim: the engine keeps a copy of it and starts it as `… shim`.

#![expect(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod access;
mod app;
mod hosting;
mod messages;
mod notifications;
mod pings;
mod rest;
mod rig;
mod terminal_v1;
mod terminal_v2;
mod tls;

use libtest_mimic::Arguments;

fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == "shim")
    {
        offshoot_shim::main_from_fd();
    }
    let arguments = Arguments::from_args();
    let trials = access::trials()
        .into_iter()
        .chain(rest::trials())
        .chain(app::trials())
        .chain(messages::trials())
        .chain(notifications::trials())
        .chain(pings::trials())
        .chain(hosting::trials())
        .chain(terminal_v2::trials())
        .chain(terminal_v1::trials())
        .chain(tls::trials())
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}
