//! Damage: a lost or broken database, killed and frozen shims, a full disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use offshoot_protocol::terminal::ClientFrame;
use offshoot_protocol::view::{Exit, ProcessState};
use offshoot_testkit::rig::process::{self, shim_of};
use offshoot_testkit::rig::server::Started;
use offshoot_testkit::rig::wait::until;
use offshoot_testkit::rig::{Rig, TerminalSocket, output};
use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::box_of::{binary, live, rig, terminal_program, until_shown};

/// Starts a few workers of different kinds.
fn some_workers(rig: &Rig) -> Vec<Started> {
    let program = terminal_program();
    let echo = format!("{program} echo");
    ["cat", "sleep 100000", &echo]
        .map(|command| rig.start_command(command))
        .to_vec()
}

fn assert_all_there(rig: &Rig, workers: &[Started]) {
    let sessions = rig.sessions();
    assert_eq!(sessions.len(), workers.len());
    for worker in workers {
        let session = sessions.iter().find(|session| session.id == worker.session);
        assert_eq!(Started::of(session.expect("the session is there")), *worker);
        assert!(process::is_alive(worker.pid));
        until("it is connected", || {
            (rig.process(worker).state == ProcessState::Running).then_some(())
        });
    }
}

fn type_text(rig: &Rig, worker: &Started, text: &str) {
    let path = format!("{}/input", worker.path());
    let answer = rig
        .http
        .send("POST", &path, &serde_json::json!({ "text": text }));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The files of the database.
fn database_files(rig: &Rig) -> Vec<PathBuf> {
    let entries = fs::read_dir(rig.home()).unwrap().flatten();
    let is_database = |path: &PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.starts_with("offshoot.db")
    };
    entries
        .map(|entry| entry.path())
        .filter(is_database)
        .collect()
}

#[test]
fn a_database_that_is_gone_is_rebuilt_around_the_same_processes() {
    let mut rig = rig();
    let workers = some_workers(&rig);
    rig.kill_server();
    for file in database_files(&rig) {
        fs::remove_file(file).unwrap();
    }
    rig.start_server().unwrap();
    assert_all_there(&rig, &workers);
    type_text(&rig, &workers[2], "typed-after-the-loss");
    until_shown(&rig, &workers[2], "typed-after-the-loss");
    // And the rebuilt rows last.
    rig.kill_server();
    rig.start_server().unwrap();
    assert_all_there(&rig, &workers);
}

#[test]
fn a_broken_database_is_set_aside_and_rebuilt() {
    let mut rig = rig();
    let workers = some_workers(&rig);
    let damages: [fn(&Path); 3] = [
        |file| fs::write(file, b"this is no database at all").unwrap(),
        |file| {
            let file = File::options().write(true).open(file).unwrap();
            let end = file.metadata().unwrap().len();
            for at in (0..end).step_by(700) {
                file.write_all_at(b"#broken#", at).unwrap();
            }
        },
        |file| {
            let file = File::options().write(true).open(file).unwrap();
            file.set_len(file.metadata().unwrap().len() / 3).unwrap();
        },
    ];
    for damage in damages {
        // A clean end moves everything into the one file that is then damaged.
        rig.terminate_server();
        let file = rig.home().join("offshoot.db");
        damage(&file);
        rig.start_server().unwrap();
        assert_all_there(&rig, &workers);
        let set_aside = database_files(&rig).len();
        assert!(set_aside > 1, "the broken file is kept");
    }
}

#[test]
fn a_killed_shim_loses_its_worker_and_no_other() {
    let mut rig = rig();
    let workers = some_workers(&rig);
    let shim = |worker: &Started| shim_of(&rig.worker_dir(worker.worker)).unwrap();
    // Once while the server looks, once while it is away.
    process::signal(shim(&workers[0]), Signal::KILL);
    until("the loss is shown", || {
        (rig.process(&workers[0]).state == ProcessState::Lost).then_some(())
    });
    process::signal(shim(&workers[1]), Signal::KILL);
    rig.kill_server();
    rig.start_server().unwrap();
    for worker in &workers[..2] {
        let shown = rig.process(worker);
        assert_eq!((shown.state, shown.exit), (ProcessState::Lost, None));
        assert!(
            shown.reason.is_some_and(|reason| reason.len() > 10),
            "it says why"
        );
    }
    assert_eq!(rig.process(&workers[2]).state, ProcessState::Running);
    assert_eq!(Started::of(&rig.session(workers[2].session)), workers[2]);
    type_text(&rig, &workers[2], "unharmed");
    until_shown(&rig, &workers[2], "unharmed");
    // A lost worker can be started again.
    let answer = rig.http.send(
        "POST",
        &format!("{}/restart", workers[0].path()),
        &serde_json::json!({}),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(rig.process(&workers[0]).state, ProcessState::Running);
}

#[test]
fn a_frozen_shim_is_unknown_and_left_alone_until_it_answers() {
    let mut rig = rig();
    let workers = some_workers(&rig);
    let frozen = workers[2];
    let shim = shim_of(&rig.worker_dir(frozen.worker)).unwrap();
    rig.kill_server();
    process::signal(shim, Signal::STOP);
    rig.start_server().unwrap();
    let shown = until("it is unknown", || {
        let shown = rig.process(&frozen);
        (shown.state == ProcessState::Unknown).then_some(shown)
    });
    assert!(shown.reason.is_some(), "it says why");
    let restart = format!("{}/restart", frozen.path());
    for answer in [
        rig.http.send("POST", &restart, &serde_json::json!({})),
        rig.http
            .delete(&format!("/api/sessions/{}", frozen.session)),
    ] {
        assert!((400..600).contains(&answer.status), "{}", answer.text());
        assert_eq!(answer.code(), "worker-unknown", "{}", answer.text());
    }
    assert!(process::is_alive(frozen.pid), "nothing was done to it");
    assert_eq!(
        rig.process(&workers[0]).state,
        ProcessState::Running,
        "others are unaffected"
    );
    process::signal(shim, Signal::CONT);
    until("it is connected again", || {
        (rig.process(&frozen).state == ProcessState::Running).then_some(())
    });
    assert_all_there(&rig, &workers);
    type_text(&rig, &frozen, "thawed");
    until_shown(&rig, &frozen, "thawed");
}

/// A small file system that is unmounted in the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it, or `None` where that is not permitted.
    fn mount(at: PathBuf, bytes: u64) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let options = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "offshoot-test"])
            .arg(&at);
        mount
            .output()
            .is_ok_and(|output| output.status.success())
            .then_some(Self(at))
    }

    /// Fills what is left and returns the file that does it.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1024 * 1024, 4096] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The rig goes after its disk and would find no shims to end there.
        process::end_shims(&self.0.join("home"));
        // They may still be ending with files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_no_agent_and_is_told_clearly() {
    let mut rig = Rig::prepare(&binary()).unwrap();
    let room = fs::metadata(binary()).unwrap().len() + 40 * 1024 * 1024;
    let Some(disk) = SmallDisk::mount(rig.user_dir().join("disk"), room) else {
        eprintln!("skipped: mounting a file system needs privileges");
        return;
    };
    rig.set_home(disk.0.join("home"));
    rig.start_server().unwrap();
    let program = terminal_program();
    let gate = rig.user_dir().join("gate");
    let echo = rig.start_command(&format!("{program} echo"));
    let bytes = 100 * 1024 * 1024;
    let printer = rig.start_command(&format!(
        "{program} print --seed 9 --bytes {bytes} --exit 5 --gate {}",
        gate.display()
    ));
    let filler = disk.fill();
    fs::write(&gate, "").unwrap();
    let shown = until("the agent has finished", || {
        let shown = rig.process(&printer);
        (shown.state != ProcessState::Running).then_some(shown)
    });
    let exit = Exit {
        code: Some(5),
        signal: None,
    };
    assert_eq!(
        (shown.state, shown.exit),
        (ProcessState::Exited, Some(exit))
    );
    // Keys need no disk. A text that is promised to be typed does, and is refused.
    let key = ClientFrame::Input {
        seq: 1,
        bytes: Bytes::from_static(b"still-typing"),
    };
    let mut client = TerminalSocket::attach(&rig.http, echo.session, echo.worker, live()).unwrap();
    client.send(&key).unwrap();
    until_shown(&rig, &echo, "still-typing");
    let path = format!("{}/input", echo.path());
    let answer = rig
        .http
        .send("POST", &path, &serde_json::json!({ "text": "promised" }));
    assert_eq!(answer.code(), "disk-full", "{}", answer.text());
    let request = rig.command_request("cat");
    let answer = rig.http.send("POST", "/api/sessions/start", &request);
    assert_eq!(answer.code(), "disk-full", "{}", answer.text());
    assert_eq!(rig.sessions().len(), 2, "a refused start leaves nothing");

    fs::remove_file(filler).unwrap();
    rig.kill_server();
    rig.start_server().unwrap();
    assert_eq!(Started::of(&rig.session(echo.session)), echo);
    let after = rig.start_command(&format!("{program} print --seed 3 --bytes 100000"));
    until("it has ended", || {
        (rig.process(&after).state == ProcessState::Exited).then_some(())
    });
    let (_, log) = rig.log(&after);
    assert_eq!(
        <[u8; 32]>::from(Sha256::digest(&log)),
        output::digest(3, 100_000)
    );
}
