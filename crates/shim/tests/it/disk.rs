//! What is on the disk: private, continued, and never a reason to hold the child up.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use offshoot_shim::frame::InputResult;
use offshoot_shim::log::{Chunk, Reader, Record};
use offshoot_shim::{ExitRecord, Life, SpawnError};

use crate::harness::{Worker, wait_for};

#[test]
fn files_are_for_their_owner_only() {
    let worker = Worker::sh("echo ready; read x");
    let meta = worker.spawn();
    worker.wait_output("ready");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = &worker.spec.dir;
    assert_eq!(mode(dir), 0o700);
    assert_eq!(mode(&dir.join("log")), 0o700);
    for file in ["meta.json", "lock", "log/00000000.seg"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&meta.socket), 0o600);
    assert_eq!(meta.note, serde_json::json!({"session": "s-1"}));
    assert_eq!((meta.cwd.as_str(), meta.epoch), ("/", 1));
    assert_eq!(
        meta.boot_id,
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .unwrap()
            .trim()
    );
}

#[test]
fn an_idle_log_takes_little_disk() {
    use std::os::unix::fs::MetadataExt;
    let worker = Worker::sh("echo ready; read x");
    worker.spawn();
    worker.wait_output("ready");
    let segment = fs::metadata(worker.spec.dir.join("log/00000000.seg")).unwrap();
    assert!(
        segment.blocks() * 512 <= 160 << 10,
        "{} blocks",
        segment.blocks()
    );
}

#[test]
fn a_revived_worker_continues_its_log() {
    let mut worker = Worker::sh("echo first life; exit 1");
    worker.spawn();
    let first = worker.wait_exit();
    worker.spec.argv[2] = "echo second life; read x; exit 2".into();
    worker.spawn();
    assert!(
        matches!(worker.probe(), Life::Running(_)),
        "the old exit no longer counts"
    );
    worker.wait_output("second life");
    let mut client = worker.connect(1);
    assert_eq!(client.hello.first_offset, 0);
    assert_eq!(client.input(1, 1, b"\n"), InputResult::Accepted);
    let second = worker.wait_exit();
    assert_eq!(second.code, Some(2));
    assert!(second.offset > first.offset);
    assert_eq!(worker.output(), b"first life\r\nsecond life\r\n\r\n");
    let exits = Reader::open(&worker.spec.dir)
        .unwrap()
        .records(0)
        .filter(|record| matches!(record, Ok(Record::Exit { .. })))
        .count();
    assert_eq!(exits, 2);
}

#[test]
fn a_killed_shim_is_revived_where_it_stopped() {
    let mut worker = Worker::sh("echo first life; exec sleep 1000");
    let meta = worker.spawn();
    worker.wait_output("first life");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(meta.shim.pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    wait_for("the shim to be lost", || {
        matches!(worker.probe(), Life::Lost(_)).then_some(())
    });
    assert!(worker.spec.socket.exists(), "left behind, and no hindrance");
    worker.spec.argv[2] = "echo second life".into();
    worker.spawn();
    assert_eq!(worker.wait_exit().code, Some(0));
    assert_eq!(worker.output(), b"first life\r\nsecond life\r\n");
}

#[test]
fn a_failed_revival_changes_nothing() {
    let mut worker = Worker::sh("echo once; exit 9");
    let meta = worker.spawn();
    let exit = worker.wait_exit();
    worker.spec.argv = vec!["no-such-program-of-ours".into()];
    assert!(matches!(
        worker.try_spawn(),
        Err(SpawnError::CommandNotFound { .. })
    ));
    assert_eq!(worker.probe(), Life::Exited(meta, exit));
    assert_eq!(worker.output(), b"once\r\n");
}

#[test]
fn probe_does_not_guess() {
    let worker = Worker::sh("exit 0");
    worker.spawn();
    worker.wait_exit();
    let meta = worker.spec.dir.join("meta.json");
    let whole = fs::read(&meta).unwrap();
    fs::write(&meta, &whole[..20]).unwrap();
    assert!(matches!(worker.probe(), Life::Unknown { meta: None, .. }));
    fs::write(&meta, &whole).unwrap();
    fs::write(worker.spec.dir.join("exit.json"), b"{").unwrap();
    assert!(matches!(
        worker.probe(),
        Life::Unknown { meta: Some(_), .. }
    ));
}

#[test]
fn specs_that_cannot_work_are_refused() {
    let mut worker = Worker::sh("true");
    worker.spec.socket = format!("/tmp/{}", "s".repeat(120)).into();
    assert!(matches!(
        worker.try_spawn(),
        Err(SpawnError::InvalidSpec(_))
    ));
    let worker = Worker::new(Vec::<String>::new());
    assert!(matches!(
        worker.try_spawn(),
        Err(SpawnError::InvalidSpec(_))
    ));
    let worker = Worker::new(["a\0b"]);
    assert!(matches!(
        worker.try_spawn(),
        Err(SpawnError::InvalidSpec(_))
    ));
}

#[test]
fn the_quota_keeps_the_newest() {
    let mut worker = Worker::sh("stty raw -echo; seq 1 1500000");
    worker.spec.quota_bytes = 4 << 20;
    worker.spawn();
    let exit = worker.wait_exit();
    check_tail(&worker, exit, 1_500_000, 2 << 20);
    let used: u64 = fs::read_dir(worker.spec.dir.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(used <= 4 << 20, "{used} bytes");
}

#[test]
fn a_small_disk_keeps_the_newest() {
    let Some(disk) = SmallDisk::mount("a_small_disk_keeps_the_newest") else {
        return;
    };
    let mut worker = Worker::sh("stty raw -echo; seq 1 3000000");
    worker.spec.dir = disk.path().join("w");
    worker.spawn();
    let exit = worker.wait_exit();
    assert_eq!(exit.code, Some(0));
    check_tail(&worker, exit, 3_000_000, 4 << 20);
}

#[test]
fn a_disk_filled_by_others_holds_nobody_up() {
    let Some(disk) = SmallDisk::mount("a_disk_filled_by_others_holds_nobody_up") else {
        return;
    };
    let mut worker =
        Worker::sh("stty raw -echo; echo ready; read go; seq 1 3000000; read end; exit 7");
    worker.spec.dir = disk.path().join("w");
    worker.spawn();
    worker.wait_output("ready");
    // To the last byte.
    assert!(fs::write(disk.path().join("filler"), vec![1; 6 << 20]).is_err());
    let mut client = worker.connect(1);
    assert_eq!(client.input(1, 1, b"\n"), InputResult::Accepted);
    let size: u64 = (1..=3_000_000_u64)
        .map(|n| n.to_string().len() as u64 + 1)
        .sum();
    let mut reader = Reader::open(&worker.spec.dir).unwrap();
    wait_for("all output", || {
        (reader.end_offset().unwrap() >= size).then_some(())
    });
    assert_eq!(client.input(1, 2, b"\n"), InputResult::Accepted);
    let exit = worker.wait_exit();
    assert_eq!(
        exit.code,
        Some(7),
        "the end is kept, although nothing new fits on the disk"
    );
    check_tail(&worker, exit, 3_000_000, 0);
}

/// The log ends with the newest output, and says where it begins.
fn check_tail(worker: &Worker, exit: ExitRecord, last: u32, at_least: u64) {
    let mut reader = Reader::open(&worker.spec.dir).unwrap();
    assert_eq!(reader.end_offset().unwrap(), exit.offset);
    let first = match reader.read_at(0, 10).unwrap() {
        Chunk::Trimmed { first } => first,
        Chunk::Gap { from: 0, to } => to,
        other => panic!("something had to go, but {other:?}"),
    };
    let (mut at, mut newest) = (first, Vec::new());
    loop {
        match reader.read_at(at, 64 << 10).unwrap() {
            Chunk::Data { offset, bytes } => {
                assert_eq!(offset, at);
                at += bytes.len() as u64;
                newest.extend(bytes);
            }
            Chunk::Gap { from, to } => {
                assert_eq!(from, at);
                newest.clear();
                at = to;
            }
            Chunk::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(at, exit.offset);
    assert!(
        newest.len() as u64 > at_least,
        "{} bytes kept",
        newest.len()
    );
    let text = String::from_utf8(newest).unwrap();
    let numbers: Vec<u32> = text
        .lines()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(numbers.last(), Some(&last), "the newest is there");
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "and nothing between is missing"
    );
}

/// A file system of 6 MiB.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, and said so loudly, where that is not allowed.
    fn mount(test: &str) -> Option<Self> {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"])
            .arg(dir.path());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(dir));
        }
        // Not by a macro: the harness would hide it.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: mounting a tmpfs needs root"
        );
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
