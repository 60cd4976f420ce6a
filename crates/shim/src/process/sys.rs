//! System calls that have no safe wrapper elsewhere, each in the smallest function that is safe to call.
#![expect(
    unsafe_code,
    reason = "fork, exec, signals and poll; every use says why it is sound"
)]

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fork {
    /// The old process; holds the pid of the new one.
    Parent(i32),
    /// The new process.
    Child,
}

/// Forks. The shim has one thread whenever it forks, so both sides may do anything.
pub(super) fn fork() -> io::Result<Fork> {
    // SAFETY: no other thread exists (documented above; the sync thread starts after the last
    // fork), so no lock can be left held in the child.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid)),
    }
}

/// Ends the process at once, without running anything that was registered for its end.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: takes no pointers and does not return.
    unsafe { libc::_exit(code) }
}

/// Where the handler writes the numbers of caught signals.
static SIGNAL_PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(signal: c_int) {
    let byte = signal.to_le_bytes();
    // SAFETY: write is async-signal-safe and gets one byte of a live array; the descriptor is
    // non-blocking and never closed. errno is put back, as the interrupted code may be reading it.
    unsafe {
        let errno = errno_location();
        let saved = *errno;
        libc::write(SIGNAL_PIPE.load(Ordering::Relaxed), byte.as_ptr().cast(), 1);
        *errno = saved;
    }
}

/// Catches SIGCHLD and SIGTERM into `pipe` and ignores what must not end a shim.
pub(super) fn catch_signals(pipe: RawFd) {
    SIGNAL_PIPE.store(pipe, Ordering::Relaxed);
    for signal in [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGPIPE,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
    ] {
        // SAFETY: SIG_IGN is a valid disposition for these signals.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    for signal in [libc::SIGCHLD, libc::SIGTERM] {
        // SAFETY: an all-zero sigaction is valid; the handler is async-signal-safe (see there).
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as extern "C" fn(c_int) as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
    clear_signal_mask();
}

/// Gives every signal its default meaning back, as a program expects to be started.
pub(super) fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL is valid for every signal; numbers that do not exist only fail.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        #[cfg(target_os = "linux")]
        // SAFETY: zeros are the kernel's sigaction for "default" on every architecture, and 32
        // bytes its largest size with a mask of 8. The library hides two signals that a parent may
        // have left ignored; the kernel does not.
        unsafe {
            let default = [0_u64; 4];
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                std::ptr::null::<u64>(),
                8_usize,
            );
        }
    }
    clear_signal_mask();
}

fn clear_signal_mask() {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
    }
}

/// Closes every descriptor from 3 on.
pub(super) fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: runs before this process owns any descriptor above 2.
    if unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) } == 0 {
        return;
    }
    // SAFETY: as above; closing a number that is not open only fails.
    unsafe {
        let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65_536);
        for fd in 3..i32::try_from(limit).unwrap_or(256) {
            libc::close(fd);
        }
    }
}

/// Marks every descriptor from 3 on to be closed by exec, whoever opened it.
pub(super) fn close_on_exec() {
    #[cfg(target_os = "linux")]
    // SAFETY: only sets a flag (4 = CLOSE_RANGE_CLOEXEC); an old kernel refuses, and then every
    // descriptor of ours carries the flag anyway.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 4_u32);
    }
}

/// A list of strings in the form exec takes.
pub(super) struct StringArray {
    pointers: Vec<*const c_char>,
    /// What the pointers point to.
    _strings: Vec<CString>,
}

impl StringArray {
    /// Keeps the strings for as long as the array lives.
    pub(super) fn new(strings: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Self {
            pointers,
            _strings: strings,
        }
    }
}

/// Becomes the program at `path`. Returns only the reason why not.
pub(super) fn exec(path: &std::ffi::CStr, argv: &StringArray, env: &StringArray) -> io::Error {
    // SAFETY: both arrays end in a null pointer and own the strings they point to.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Sends a signal to a process (`target > 0`) or a process group (`target < -1`).
pub(super) fn kill(target: i32, signal: i32) -> io::Result<()> {
    if target == 0 || target == -1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: takes numbers only.
    match unsafe { libc::kill(target, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Takes one ended child, ours by birth or by adoption. `None`: there is none now.
pub(super) fn reap() -> Option<(i32, Ended)> {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    if pid <= 0 {
        return None;
    }
    let ended = if libc::WIFSIGNALED(status) {
        Ended::Signal(libc::WTERMSIG(status))
    } else {
        Ended::Code(libc::WEXITSTATUS(status))
    };
    Some((pid, ended))
}

/// Waits until a child of ours, which is about to end, has ended.
pub(super) fn wait_for(pid: i32) {
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } == -1
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// Something to wait for.
pub(super) type PollFd = libc::pollfd;

/// Entry of a poll set.
pub(super) fn watch(fd: BorrowedFd<'_>, events: i16) -> PollFd {
    PollFd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    }
}

/// Waits for any of `fds`, at most `timeout_ms` (-1: for ever).
pub(super) fn poll(fds: &mut [PollFd], timeout_ms: i32) -> io::Result<usize> {
    let len = libc::nfds_t::try_from(fds.len()).unwrap_or(0);
    // SAFETY: pointer and length describe one live slice.
    let ready = unsafe { libc::poll(fds.as_mut_ptr(), len, timeout_ms) };
    usize::try_from(ready).map_err(|_| io::Error::last_os_error())
}

/// User of the process at the other end of a unix socket.
pub(super) fn peer_uid(socket: BorrowedFd<'_>) -> io::Result<u32> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::net::sockopt::socket_peercred(socket)?.uid.as_raw());
    #[cfg(not(target_os = "linux"))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: both numbers outlive the call.
        match unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) } {
            0 => Ok(uid),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Gives memory that start-up needed back to the system.
pub(super) fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointers; only releases memory nobody holds.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Where errno lives.
#[cfg(target_os = "linux")]
use libc::__errno_location as errno_location;
/// Where errno lives.
#[cfg(target_os = "macos")]
use libc::__error as errno_location;
