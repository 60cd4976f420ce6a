//! The shim itself.

/// Runs the shim described by the blob on standard input. Never returns.
///
/// Must be the first thing a process does: no thread and no runtime may exist yet.
pub fn main_from_fd() -> ! {
    std::process::exit(1)
}
