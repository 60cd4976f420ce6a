//! The shim alone, as a program of its own: what the tests start, and all that a remote host needs.

fn main() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == "shim")
    {
        offshoot_shim::main_from_fd();
    }
    std::process::exit(2);
}
