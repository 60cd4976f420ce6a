//! The shim itself: one process, one thread, one loop.
//!
//! ```text
//! spawner ──exec──► first process ──fork──► shim ──fork──► child (own session, own terminal)
//!    ◄──── report ─────(exits)────────────────┘
//! ```
//!
//! Nothing here may panic, and nothing a client, a disk or a descendant does may end the loop: with
//! the shim the terminal ends, and with it the child.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![deny(clippy::arithmetic_side_effects, clippy::unreachable, clippy::todo)]

mod answer;
mod client;
mod event_loop;
mod input;
mod launch;
mod start;
mod sync;
mod sys;
mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use crate::spawn::Report;
use crate::spec::SpawnSpec;
use launch::LaunchError;
use sys::Fork;

/// Runs the shim described by the blob on standard input. Never returns.
///
/// Must be the first thing a process does: no thread and no runtime may exist yet. Standard output
/// carries the report to the spawner; after that the process has no tie to it.
pub fn main_from_fd() -> ! {
    sys::close_inherited();
    // The spawner waits for the first process only until it has forked.
    match sys::fork() {
        Ok(Fork::Parent(_)) => sys::exit_now(0),
        Ok(Fork::Child) => {}
        Err(err) => {
            let errno = err.raw_os_error().unwrap_or(libc::EIO);
            send_report(
                rustix::stdio::stdout(),
                Report::Failed,
                errno,
                b"fork the shim",
            );
            sys::exit_now(1)
        }
    }
    let code = match run() {
        Ok(()) => 0,
        Err(_) => 1,
    };
    sys::exit_now(code)
}

/// Reads the spec, starts the child, reports, and serves until the end.
fn run() -> io::Result<()> {
    let mut blob = Vec::new();
    File::from(take_stdio(rustix::stdio::stdin())?).read_to_end(&mut blob)?;
    let report = take_stdio(rustix::stdio::stdout())?;
    let spec = SpawnSpec::from_blob(&blob).ok_or(io::ErrorKind::InvalidData)?;
    drop(blob);
    leave_the_spawner()?;
    let umask = rustix::process::umask(Mode::from_raw_mode(0o077));
    match start::start(&spec, umask) {
        Ok((shim, meta)) => {
            let meta = serde_json::to_vec(&meta)?;
            send_report(&report, Report::Ready, 0, &meta);
            drop((report, meta, spec));
            sys::trim_memory();
            shim.serve();
            Ok(())
        }
        Err(LaunchError {
            report: kind,
            doing,
            source,
        }) => {
            send_report(
                &report,
                kind,
                source.raw_os_error().unwrap_or(libc::EIO),
                doing.as_bytes(),
            );
            Err(source)
        }
    }
}

/// A descriptor of our own for one of the standard streams.
fn take_stdio(stream: std::os::fd::BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(stream, 3)?)
}

/// Own session, no directory, no streams: nothing that ends with the spawner can end the shim.
fn leave_the_spawner() -> io::Result<()> {
    // Fails only if it leads one already.
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let _ = rustix::thread::set_name(c"offshoot-shim");
    }
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Tells the spawner how it went. It may be gone; that is no reason to stop.
fn send_report(pipe: impl AsFd, report: Report, errno: i32, rest: &[u8]) {
    let mut bytes = vec![report as u8];
    bytes.extend_from_slice(&errno.to_le_bytes());
    bytes.extend_from_slice(rest);
    let mut left = bytes.as_slice();
    while !left.is_empty() {
        match rustix::io::write(&pipe, left) {
            Ok(n) => left = left.get(n..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
