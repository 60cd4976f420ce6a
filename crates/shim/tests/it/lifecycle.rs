//! Birth, life and death of a worker's process.

use offshoot_shim::frame::{FromShim, InputResult, ToShim};
use offshoot_shim::{Life, SpawnError};

use crate::harness::{Worker, wait_for};

#[test]
fn output_input_and_exit_are_kept() {
    let worker = Worker::sh("echo ready; read line; echo got $line; exit 7");
    let meta = worker.spawn();
    assert!(matches!(worker.probe(), Life::Running(running) if running == meta));
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    assert_eq!(client.hello.child_pid, meta.child.pid);
    assert_eq!(client.input(9, 1, b"apple\n"), InputResult::Accepted);
    let exit = worker.wait_exit();
    assert_eq!((exit.code, exit.signal), (Some(7), None));
    let output = String::from_utf8(worker.output()).unwrap();
    assert_eq!(output, "ready\r\napple\r\ngot apple\r\n");
    assert_eq!(exit.offset, output.len() as u64);
    assert_eq!(client.next(), Some(FromShim::Exit(exit)));
    assert_eq!(client.next(), None);
    assert!(!worker.spec.socket.exists());
}

#[test]
fn signals_and_codes_are_kept_with_nobody_attached() {
    for (script, code, signal) in [
        ("exit 0", Some(0), None),
        ("exit 255", Some(255), None),
        ("kill -9 $$", None, Some(9)),
        ("kill -SEGV $$", None, Some(11)),
    ] {
        let worker = Worker::sh(script);
        worker.spawn();
        let exit = worker.wait_exit();
        assert_eq!((exit.code, exit.signal), (code, signal), "{script}");
    }
}

#[test]
fn a_command_that_cannot_start_says_why() {
    let worker = Worker::new(["no-such-program-of-ours"]);
    let err = worker.try_spawn().unwrap_err();
    assert!(matches!(err, SpawnError::CommandNotFound { .. }), "{err:?}");
    assert_eq!(worker.probe(), Life::Absent);

    let worker = Worker::new(["/etc/passwd"]);
    let err = worker.try_spawn().unwrap_err();
    assert!(matches!(err, SpawnError::NotExecutable { .. }), "{err:?}");

    let mut worker = Worker::sh("true");
    worker.spec.cwd = "/no/such/directory".into();
    let err = worker.try_spawn().unwrap_err();
    assert!(matches!(err, SpawnError::NoSuchDirectory { .. }), "{err:?}");
    assert!(!worker.spec.socket.exists());
}

#[test]
fn probe_tells_the_states_apart() {
    let worker = Worker::sh("read line");
    assert_eq!(worker.probe(), Life::Absent);
    let meta = worker.spawn();
    assert!(matches!(worker.probe(), Life::Running(_)));
    assert!(matches!(
        worker.try_spawn(),
        Err(SpawnError::AlreadyRunning)
    ));
    assert!(
        matches!(worker.probe(), Life::Running(_)),
        "the second one hurt nothing"
    );
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(meta.shim.pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let lost = wait_for("the lock to be free", || match worker.probe() {
        Life::Lost(meta) => Some(meta),
        _ => None,
    });
    assert_eq!(lost, meta);
}

#[test]
fn kill_tree_ends_it() {
    let worker = Worker::sh("trap '' TERM HUP; echo up; while :; do read x; done");
    worker.spawn();
    worker.wait_output("up");
    let mut client = worker.connect(1);
    client.send(&ToShim::KillTree { grace_ms: 50 });
    let exit = worker.wait_exit();
    assert_eq!(exit.signal, Some(9));
}

#[test]
fn an_orphan_is_seen_to_live() {
    use rustix::process::{Pid, Signal, kill_process};
    let worker = Worker::sh("trap '' HUP; echo ready; exec sleep 1010");
    let meta = worker.spawn();
    worker.wait_output("ready");
    assert_eq!(meta.child_is_alive(), Some(true));
    kill_process(Pid::from_raw(meta.shim.pid).unwrap(), Signal::KILL).unwrap();
    wait_for("the shim to be lost", || {
        matches!(worker.probe(), Life::Lost(_)).then_some(())
    });
    assert_eq!(meta.child_is_alive(), Some(true), "it ignores the hangup");
    kill_process(Pid::from_raw(meta.child.pid).unwrap(), Signal::KILL).unwrap();
    wait_for("the orphan to end", || {
        (meta.child_is_alive() == Some(false)).then_some(())
    });
}
