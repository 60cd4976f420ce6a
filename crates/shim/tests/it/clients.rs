//! What clients may do, and what they cannot do to the child or to each other.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use offshoot_shim::frame::{ErrorCode, Frame, FromShim, InputResult, ToShim};
use offshoot_shim::log::{Chunk, Reader, Record};
use sha2::{Digest, Sha256};

use crate::harness::{Worker, wait_for};

/// Prints 0, and after a line of input the numbers up to `n`, raw.
fn counting(n: u32) -> Worker {
    let worker = Worker::sh(&format!("stty raw -echo; echo 0; read go; seq 1 {n}"));
    worker.spawn();
    worker.wait_output("0");
    worker
}

fn numbers(n: u32) -> Vec<u8> {
    (0..=n)
        .flat_map(|number| format!("{number}\n").into_bytes())
        .collect()
}

#[test]
fn output_is_complete_across_lost_connections() {
    let worker = counting(1_500_000);
    assert_eq!(worker.connect(1).input(1, 1, b"\n"), InputResult::Accepted);
    let mut reader = Reader::open(&worker.spec.dir).unwrap();
    let mut found = Vec::new();
    let mut read = |found: &mut Vec<u8>| {
        while let Chunk::Data { offset, bytes } =
            reader.read_at(found.len() as u64, 50_000).unwrap()
        {
            assert_eq!(offset, found.len() as u64);
            found.extend(bytes);
        }
    };
    // Every turn is a server that attaches, reads for a while and is killed. The last one finds
    // the end of the child, or nobody.
    let mut servers = 0;
    'servers: while let Some(mut client) = worker.try_connect(servers + 2) {
        servers += 1;
        for _ in 0..20 {
            if client
                .try_send(&ToShim::Arm {
                    position: found.len() as u64,
                })
                .is_none()
            {
                break;
            }
            match client.next() {
                Some(FromShim::Advance { offset }) => assert!(offset > found.len() as u64),
                Some(FromShim::Exit(_)) | None => break 'servers,
                other => panic!("{other:?}"),
            }
            read(&mut found);
        }
    }
    assert!(servers > 3, "only {servers} servers");
    let exit = worker.wait_exit();
    read(&mut found);
    assert_eq!((exit.code, exit.offset), (Some(0), found.len() as u64));
    assert_eq!(Sha256::digest(&found), Sha256::digest(numbers(1_500_000)));
}

#[test]
fn an_advance_comes_once_per_arm() {
    let worker = Worker::sh("stty raw -echo; echo ready; exec cat");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    client.send(&ToShim::Arm { position: 0 });
    assert_eq!(
        client.next(),
        Some(FromShim::Advance { offset: 6 }),
        "the log is already beyond"
    );
    for seq in 1..=50 {
        client.send(&ToShim::Input {
            writer: 1,
            seq,
            bytes: b"x".to_vec(),
        });
        assert!(
            matches!(client.next(), Some(FromShim::InputAck { .. })),
            "not armed, no ADVANCE"
        );
    }
    worker.wait_output(&"x".repeat(50));
    client.send(&ToShim::Arm { position: 56 });
    client.send(&ToShim::Ping { nonce: 1 });
    assert_eq!(
        client.next(),
        Some(FromShim::Pong { nonce: 1 }),
        "nothing beyond 56 yet"
    );
    client.send(&ToShim::Input {
        writer: 1,
        seq: 51,
        bytes: b"y".to_vec(),
    });
    let mut frames = [client.next().unwrap(), client.next().unwrap()];
    frames.sort_by_key(|frame| matches!(frame, FromShim::Advance { .. }));
    assert_eq!(frames[1], FromShim::Advance { offset: 57 });
}

#[test]
fn read_gives_what_the_files_give() {
    let worker = Worker::sh("stty raw -echo; seq 0 50000; read end");
    worker.spawn();
    let expected = numbers(50_000);
    wait_for("all output", || {
        (worker.output().len() == expected.len()).then_some(())
    });
    let mut client = worker.connect(1);
    let mut found = Vec::new();
    loop {
        client.send(&ToShim::Read {
            offset: found.len() as u64,
            len: 10_000,
        });
        match client.next() {
            Some(FromShim::Data(Chunk::Data { offset, bytes })) => {
                assert_eq!(offset, found.len() as u64);
                assert!(bytes.len() <= 10_000);
                found.extend(bytes);
            }
            Some(FromShim::Data(Chunk::End)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(found == expected);
}

#[test]
fn a_client_that_never_reads_holds_nobody_up() {
    let worker = counting(2_000_000);
    let mut stalled = worker.connect(1);
    stalled.send(&ToShim::Arm { position: 0 });
    stalled.socket.set_nonblocking(true).unwrap();
    // Asks for far more than its socket can hold, until the shim no longer listens to it.
    let mut request = Vec::new();
    ToShim::Read {
        offset: 0,
        len: 65_536,
    }
    .encode(&mut request);
    let mut client = worker.connect(1);
    assert_eq!(client.input(1, 1, b"\n"), InputResult::Accepted);
    wait_for("some output", || {
        (worker.output().len() > 70_000).then_some(())
    });
    while stalled
        .socket
        .write(&request)
        .is_ok_and(|n| n == request.len())
    {}
    client.send(&ToShim::Ping { nonce: 3 });
    assert_eq!(client.next(), Some(FromShim::Pong { nonce: 3 }));
    let exit = worker.wait_exit();
    assert_eq!(exit.code, Some(0));
    assert!(worker.output() == numbers(2_000_000));
}

#[test]
fn garbage_ends_only_its_own_connection() {
    let worker = Worker::sh("stty raw -echo; echo ready; exec cat");
    worker.spawn();
    worker.wait_output("ready");
    let mut good = worker.connect(1);
    for garbage in [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(),
        &[0; 64],
        &[0xff; 4096],
        &[2, 0, 0, 0, 2, 1],
        &[1, 0, 0, 0, 3],
    ] {
        let mut socket = UnixStream::connect(&worker.spec.socket).unwrap();
        // The shim may close before all of it is written.
        let _ = socket.write_all(
            &ToShim::Hello {
                version: 1,
                server_epoch: 1,
            }
            .to_bytes(),
        );
        let _ = socket.write_all(garbage);
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
        assert!(!rest.is_empty(), "it said HELLO at least");
    }
    // A frame that never ends.
    let mut half = UnixStream::connect(&worker.spec.socket).unwrap();
    half.write_all(&[200, 0, 0, 0, 3]).unwrap();
    drop(half);
    assert_eq!(good.input(1, 1, b"still here"), InputResult::Accepted);
    worker.wait_output("still here");
}

#[test]
fn strangers_must_say_hello_in_a_version_we_speak() {
    let worker = Worker::sh("read x");
    worker.spawn();
    for (frame, code) in [
        (ToShim::Arm { position: 0 }, ErrorCode::HelloFirst),
        (ToShim::KillTree { grace_ms: 0 }, ErrorCode::HelloFirst),
        (
            ToShim::Hello {
                version: 99,
                server_epoch: 1,
            },
            ErrorCode::Version,
        ),
    ] {
        let mut client = worker.connect_silent();
        client.send(&frame);
        assert_eq!(
            client.next(),
            Some(FromShim::Error {
                code,
                about: frame.kind()
            })
        );
        assert_eq!(client.next(), None);
    }
    let mut client = worker.connect(1);
    client.send(&ToShim::GetFd);
    assert_eq!(
        client.next(),
        Some(FromShim::Error {
            code: ErrorCode::Unsupported,
            about: 8
        })
    );
    client.send(&ToShim::Unknown { kind: 77 });
    assert_eq!(
        client.next(),
        Some(FromShim::Error {
            code: ErrorCode::Unsupported,
            about: 77
        })
    );
}

#[test]
fn there_is_room_for_many_clients_but_not_for_all() {
    let worker = Worker::sh("read x");
    worker.spawn();
    let mut clients: Vec<_> = (0..16).map(|_| worker.connect(1)).collect();
    let mut one_more = UnixStream::connect(&worker.spec.socket).unwrap();
    let mut answer = Vec::new();
    one_more.read_to_end(&mut answer).unwrap();
    assert_eq!(
        answer,
        FromShim::Error {
            code: ErrorCode::TooManyClients,
            about: 0
        }
        .to_bytes()
    );
    clients.pop();
    let mut again = wait_for("a free place", || worker.try_connect(1));
    again.send(&ToShim::Ping { nonce: 1 });
    assert_eq!(again.next(), Some(FromShim::Pong { nonce: 1 }));
}

#[test]
fn a_new_size_reaches_the_child_and_the_log() {
    let worker = Worker::sh("trap 'stty size' WINCH; echo ready; while :; do read x; done");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    assert_eq!((client.hello.cols, client.hello.rows), (80, 24));
    client.send(&ToShim::Resize {
        cols: 133,
        rows: 43,
        xpixel: 0,
        ypixel: 0,
    });
    client.send(&ToShim::Ping { nonce: 1 });
    assert_eq!(client.next(), Some(FromShim::Pong { nonce: 1 }));
    // dash runs the trap when `read` returns.
    client.input(1, 1, b"\n");
    worker.wait_output("43 133");
    let sizes: Vec<_> = Reader::open(&worker.spec.dir)
        .unwrap()
        .records(0)
        .filter_map(|record| match record.unwrap() {
            Record::Resize { cols, rows, .. } => Some((cols, rows)),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(80, 24), (133, 43)]);
    assert_eq!(worker.connect(1).hello.cols, 133);
}

#[test]
fn a_signal_goes_to_the_foreground() {
    let worker = Worker::sh("echo ready; exec sleep 1000");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    client.send(&ToShim::Signal { signal: 2 });
    let exit = worker.wait_exit();
    assert_eq!((exit.code, exit.signal), (None, Some(2)));
}
