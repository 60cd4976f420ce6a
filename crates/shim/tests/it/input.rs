//! Input is typed once, in order, or refused with a reason.

use offshoot_shim::frame::{ErrorCode, FromShim, InputResult, ToShim};

use crate::harness::{Client, Worker, wait_for};

/// A program that gives back exactly what it is typed.
fn mirror() -> Worker {
    let worker = Worker::sh("stty raw -echo; echo ready; exec cat");
    worker.spawn();
    worker.wait_output("ready");
    worker
}

#[test]
fn each_count_is_typed_once() {
    let worker = mirror();
    let mut client = worker.connect(1);
    for seq in 1..=200_u64 {
        assert_eq!(client.input(5, seq, b"x"), InputResult::Accepted);
        assert_eq!(client.input(5, seq, b"x"), InputResult::Duplicate);
        if seq > 1 {
            assert_eq!(client.input(5, seq - 1, b"x"), InputResult::Duplicate);
        }
    }
    assert_eq!(
        client.input(5, 1000, b"y"),
        InputResult::Accepted,
        "counts may jump"
    );
    assert_eq!(client.input(5, 999, b"x"), InputResult::Duplicate);
    assert_eq!(
        client.input(6, 1, b"z"),
        InputResult::Accepted,
        "another writer has its own count"
    );
    let output = worker.wait_output("z");
    assert_eq!(output, format!("ready\n{}yz", "x".repeat(200)));
}

#[test]
fn counts_outlive_connections() {
    let worker = mirror();
    let mut client = worker.connect(1);
    assert_eq!(client.input(5, 7, b"a"), InputResult::Accepted);
    assert_eq!(client.input(6, 9, b"b"), InputResult::Accepted);
    drop(client);
    let mut client = worker.connect(2);
    assert_eq!(client.hello.writers, [(6, 9), (5, 7)]);
    assert_eq!(client.hello.server_epoch, 1);
    assert_eq!(client.input(5, 7, b"a"), InputResult::Duplicate);
    assert_eq!(client.input(5, 8, b"c"), InputResult::Accepted);
    assert_eq!(worker.wait_output("c"), "ready\nabc");
}

#[test]
fn at_least_64_writers_are_remembered() {
    let worker = mirror();
    let mut client = worker.connect(1);
    for writer in 0..64 {
        assert_eq!(client.input(writer, 3, b"."), InputResult::Accepted);
    }
    for writer in 0..64 {
        assert_eq!(
            client.input(writer, 3, b"."),
            InputResult::Duplicate,
            "writer {writer}"
        );
    }
    assert_eq!(worker.connect(1).hello.writers.len(), 64);
}

#[test]
fn an_older_server_is_fenced_off() {
    let worker = mirror();
    let mut old = worker.connect(4);
    assert_eq!(old.input(1, 1, b"a"), InputResult::Accepted);
    let mut new = worker.connect(5);
    assert_eq!(new.input(2, 1, b"b"), InputResult::Accepted);
    assert_eq!(old.input(1, 2, b"x"), InputResult::Fenced);
    for frame in [
        ToShim::Resize {
            cols: 10,
            rows: 10,
            xpixel: 0,
            ypixel: 0,
        },
        ToShim::Signal { signal: 9 },
        ToShim::KillTree { grace_ms: 0 },
    ] {
        old.send(&frame);
        assert_eq!(
            old.next(),
            Some(FromShim::Error {
                code: ErrorCode::Fenced,
                about: frame.kind()
            })
        );
    }
    old.send(&ToShim::Read { offset: 0, len: 5 });
    assert!(
        matches!(old.next(), Some(FromShim::Data(_))),
        "reading is still allowed"
    );
    assert_eq!(new.input(2, 2, b"c"), InputResult::Accepted);
    assert_eq!(worker.wait_output("c"), "ready\nabc");
}

#[test]
fn a_child_that_does_not_read_fills_the_queue_and_nothing_else() {
    let worker = Worker::sh("stty raw -echo; echo ready; read x; exec cat");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    let piece = vec![b'q'; 256 << 10];
    let mut accepted = 0_u64;
    loop {
        match client.input(1, accepted + 1, &piece) {
            InputResult::Accepted => accepted += 1,
            InputResult::Full => break,
            other => panic!("{other:?}"),
        }
        assert!(accepted < 16, "the queue has a bound");
    }
    assert!(accepted >= 4, "a megabyte may wait, {accepted} pieces did");
    ping(&mut client, 1);
    assert_eq!(
        client.input(1, accepted + 1, b""),
        InputResult::Accepted,
        "a refused count is still free"
    );
}

#[test]
fn queued_input_arrives_whole() {
    let worker = Worker::sh("stty raw -echo; echo ready; sleep 0.3; exec head -c 900000");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    let text: Vec<u8> = (0..900_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
    assert_eq!(client.input(1, 1, &text), InputResult::Accepted);
    assert_eq!(worker.wait_exit().code, Some(0));
    assert!(worker.output() == [b"ready\n".as_slice(), &text].concat());
}

#[test]
fn after_the_end_input_is_refused() {
    // The daemon keeps the shim busy for a moment after the child has gone.
    let worker = Worker::sh("trap '' TERM HUP; (trap '' TERM HUP; sleep 5) & echo ready; read x");
    worker.spawn();
    worker.wait_output("ready");
    let mut client = worker.connect(1);
    assert_eq!(client.input(1, 1, b"\n"), InputResult::Accepted);
    loop {
        match client.next() {
            Some(FromShim::Exit(exit)) => break assert_eq!(exit.code, Some(0)),
            Some(_) => {}
            None => panic!("left without a word"),
        }
    }
    assert_eq!(client.input(1, 2, b"\n"), InputResult::Exited);
    client.send(&ToShim::KillTree { grace_ms: 0 });
    worker.wait_exit();
}

#[test]
fn thousands_of_frames_on_one_connection() {
    let worker = mirror();
    let mut client = worker.connect(1);
    for nonce in 0..5000 {
        ping(&mut client, nonce);
    }
    wait_for("the mirror", || {
        (client.input(1, 1, b"k") == InputResult::Accepted).then_some(())
    });
    worker.wait_output("k");
}

fn ping(client: &mut Client, nonce: u64) {
    client.send(&ToShim::Ping { nonce });
    assert_eq!(client.next(), Some(FromShim::Pong { nonce }));
}
