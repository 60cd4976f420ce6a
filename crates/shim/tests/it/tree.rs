//! Nothing a child starts can hide, and nothing of the spawner gets in.

use std::fs;
use std::os::fd::AsRawFd;

use offshoot_shim::frame::ToShim;
use offshoot_shim::{Life, Meta, OnExit};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Worker, wait_for};

/// Processes that carry the worker's mark in their environment.
fn marked(worker: &Worker) -> Vec<i32> {
    let mark = format!("MARK={}", worker.spec.dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
        {
            found.push(pid);
        }
    }
    found
}

fn mark(worker: &mut Worker) {
    let dir = worker.spec.dir.clone().into_os_string();
    worker.spec.env.push(("MARK".into(), dir));
}

/// Starts daemons of every kind, then goes on as `last`.
fn family(last: &str) -> Worker {
    let mut worker = Worker::sh(&format!(
        "setsid -f sleep 1001; (setsid sh -c 'sleep 1002 & sleep 1003 &' &) ;
         nohup sleep 1004 >/dev/null 2>&1 & (trap '' TERM HUP INT; exec sleep 1005) &
         sh -c 'kill -STOP $$; sleep 1' & echo ready; {last}"
    ));
    mark(&mut worker);
    worker
}

#[test]
fn kill_tree_finds_daemons_of_every_kind() {
    let worker = family("exec sleep 1006");
    worker.spawn();
    worker.wait_output("ready");
    wait_for("seven processes", || {
        (marked(&worker).len() >= 7).then_some(())
    });
    let mut client = worker.connect(1);
    client.send(&ToShim::KillTree { grace_ms: 200 });
    let exit = worker.wait_exit();
    assert_eq!(
        exit.signal,
        Some(15),
        "the child had its chance to end by itself"
    );
    assert_eq!(marked(&worker), Vec::<i32>::new());
}

#[test]
fn an_agent_takes_its_daemons_along() {
    let worker = family("exit 3");
    worker.spawn();
    assert_eq!(worker.wait_exit().code, Some(3));
    assert_eq!(marked(&worker), Vec::<i32>::new());
}

#[test]
fn a_shell_leaves_alone_what_asked_to_stay() {
    let mut worker = Worker::sh(
        "nohup sleep 1007 >/dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done;
         sleep 1008 & echo ready; exit 4",
    );
    mark(&mut worker);
    worker.spec.on_exit = OnExit::Keep;
    worker.spawn();
    assert_eq!(worker.wait_exit().code, Some(4));
    let left = wait_for("one process left", || match marked(&worker).as_slice() {
        [pid] => Some(*pid),
        _ => None,
    });
    let command = fs::read_to_string(format!("/proc/{left}/cmdline")).unwrap();
    assert!(command.contains("1007"), "{command:?}");
    kill(left, Signal::KILL);
}

#[test]
fn an_interactive_shell_ends_at_once() {
    let mut worker = Worker::new(["bash", "--norc", "-i"]);
    worker.spec.env.push(("PS1".into(), "prompt> ".into()));
    worker.spawn();
    worker.wait_output("prompt> ");
    let mut client = worker.connect(1);
    // Far longer than the test waits: bash must end by being asked, not by KILL.
    client.send(&ToShim::KillTree { grace_ms: 600_000 });
    assert_eq!(worker.wait_exit().signal, Some(1));
}

#[test]
fn a_polite_signal_to_the_shim_ends_the_child() {
    let worker = Worker::sh("echo ready; exec sleep 1000");
    let meta = worker.spawn();
    worker.wait_output("ready");
    for signal in [Signal::HUP, Signal::INT, Signal::USR1] {
        kill(meta.shim.pid, signal);
    }
    assert!(matches!(worker.probe(), Life::Running(_)));
    kill(meta.shim.pid, Signal::TERM);
    assert_eq!(worker.wait_exit().signal, Some(15));
}

#[test]
fn background_jobs_do_not_delay_the_exit() {
    let mut worker = Worker::sh("sleep 1009 & echo last words; exit 5");
    mark(&mut worker);
    worker.spec.on_exit = OnExit::Keep;
    worker.spawn();
    let exit = worker.wait_exit();
    assert_eq!(exit.code, Some(5));
    assert_eq!(worker.output(), b"last words\r\n");
    // The closed terminal ends it.
    wait_for("the job to end", || {
        marked(&worker).is_empty().then_some(())
    });
}

#[test]
fn the_child_finds_a_clean_world() {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let secret = fs::File::create(home.path().join("secret")).unwrap();
    // As if some library had opened it without CLOEXEC.
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    assert!(secret.as_raw_fd() > 2);
    let mut worker = Worker::sh(
        "env | sort | tr '\\n' ' '; echo; pwd; ulimit -c; umask; stty size; \
         grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t '; echo; \
         tty; cat /proc/self/oom_score_adj; echo done; read x",
    );
    worker.spec.env = vec![
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("ONLY".into(), "this = that".into()),
    ];
    worker.spec.cwd = home.path().to_owned();
    let meta = worker.spawn();
    let output = worker.wait_output("done");
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].contains("ONLY=this = that"), "{output}");
    assert!(!output.contains("CARGO"), "{output}");
    assert_eq!(lines[1], home.path().to_str().unwrap());
    assert_eq!(lines[2], "0", "no core files");
    assert_eq!(lines[4], "24 80");
    assert_eq!(lines[5], "SigBlk:0000000000000000SigIgn:0000000000000000");
    assert!(lines[6].starts_with("/dev/pts/"), "{output}");
    assert_eq!(lines[7], "300");
    // The shell closes what a pipeline needed only when that has ended.
    wait_for("three descriptors only", || {
        (fs::read_dir(format!("/proc/{}/fd", meta.child.pid))
            .unwrap()
            .count()
            == 3)
            .then_some(())
    });
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    rustix::process::umask(umask);
    assert_eq!(lines[3], format!("{:04o}", umask.as_raw_mode()));
    check_shim(&meta);
}

/// The shim has nothing of the spawner either.
fn check_shim(meta: &Meta) {
    let pid = meta.shim.pid;
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        let target = fs::read_link(entry.path()).unwrap();
        assert!(!target.ends_with("secret"), "{target:?}");
    }
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(),
        Some("/")
    );
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i64> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_ascii_whitespace()
        .skip(1)
        .map(|field| field.parse().unwrap_or(-1))
        .collect();
    let (parent, session) = (fields[0], fields[2]);
    assert_ne!(
        parent,
        i64::from(std::process::id()),
        "it is no child of ours"
    );
    assert_eq!(session, i64::from(pid), "it leads its own session");
}

#[test]
fn scripts_without_an_interpreter_line_run() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let script = home.path().join("script");
    fs::write(&script, "echo script $1; exit 6\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut worker = Worker::new(["script", "one"]);
    worker.spec.env = vec![(
        "PATH".into(),
        format!("/nowhere:{}", home.path().display()).into(),
    )];
    worker.spawn();
    assert_eq!(worker.wait_exit().code, Some(6));
    assert_eq!(worker.output(), b"script one\r\n");
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}
