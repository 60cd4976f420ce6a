//! The frozen frames, byte for byte, and decoders fed with anything.

use offshoot_shim::ExitRecord;
use offshoot_shim::frame::{
    Decoder, ErrorCode, Frame, FrameError, FromShim, Hello, InputResult, MAX_FRAME_BYTES, ToShim,
};
use offshoot_shim::log::Chunk;
use proptest::prelude::*;

/// Checks both directions: the frame gives these bytes, the bytes give this frame.
fn check<F: Frame + PartialEq + std::fmt::Debug>(frame: F, golden: &str) {
    let golden = golden.replace([' ', '\n'], "");
    let hex: String = frame
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, golden, "{frame:?}");
    let mut decoder = Decoder::new();
    decoder.push(&frame.to_bytes());
    assert_eq!(decoder.next(), Ok(Some(frame)));
    assert_eq!(decoder.next(), Ok(None));
}

#[test]
fn frames_to_the_shim_keep_their_bytes() {
    check(
        ToShim::Hello {
            version: 1,
            server_epoch: 0x0102_0304_0506_0708,
        },
        "0b000000 00 0100 0807060504030201",
    );
    check(
        ToShim::Arm { position: 0x1122 },
        "09000000 02 2211000000000000",
    );
    check(
        ToShim::Input {
            writer: 7,
            seq: 9,
            bytes: b"hi\r".to_vec(),
        },
        "14000000 03 0700000000000000 0900000000000000 68690d",
    );
    check(
        ToShim::Resize {
            cols: 80,
            rows: 24,
            xpixel: 800,
            ypixel: 480,
        },
        "09000000 05 5000 1800 2003 e001",
    );
    check(ToShim::Signal { signal: 2 }, "05000000 06 02000000");
    check(ToShim::KillTree { grace_ms: 5000 }, "05000000 07 88130000");
    check(ToShim::GetFd, "01000000 08");
    check(ToShim::Ping { nonce: 1 }, "09000000 0a 0100000000000000");
    check(
        ToShim::Read {
            offset: 4,
            len: 65_536,
        },
        "0d000000 0c 0400000000000000 00000100",
    );
}

#[test]
fn frames_from_the_shim_keep_their_bytes() {
    check(
        FromShim::Advance { offset: 5 },
        "09000000 01 0500000000000000",
    );
    for (result, number) in [
        (InputResult::Accepted, "00"),
        (InputResult::Duplicate, "01"),
        (InputResult::Full, "02"),
        (InputResult::Fenced, "03"),
        (InputResult::Exited, "04"),
    ] {
        check(
            FromShim::InputAck {
                writer: 7,
                seq: 9,
                result,
            },
            &format!("12000000 04 0700000000000000 0900000000000000 {number}"),
        );
    }
    check(
        FromShim::Exit(ExitRecord {
            code: Some(7),
            signal: None,
            offset: 3,
            wall_ms: 4,
        }),
        "16000000 09 00 07000000 0300000000000000 0400000000000000",
    );
    check(
        FromShim::Exit(ExitRecord {
            code: None,
            signal: Some(9),
            offset: 3,
            wall_ms: 4,
        }),
        "16000000 09 01 09000000 0300000000000000 0400000000000000",
    );
    check(FromShim::Pong { nonce: 1 }, "09000000 0b 0100000000000000");
    check(
        FromShim::Data(Chunk::Data {
            offset: 2,
            bytes: b"ab".to_vec(),
        }),
        "14000000 0d 00 0200000000000000 0200000000000000 6162",
    );
    check(
        FromShim::Data(Chunk::Gap { from: 2, to: 3 }),
        "12000000 0d 01 0200000000000000 0300000000000000",
    );
    check(
        FromShim::Data(Chunk::Trimmed { first: 2 }),
        "12000000 0d 02 0200000000000000 0200000000000000",
    );
    check(
        FromShim::Data(Chunk::End),
        "12000000 0d 03 0000000000000000 0000000000000000",
    );
    for (code, number) in [
        (ErrorCode::Unsupported, "00"),
        (ErrorCode::Fenced, "01"),
        (ErrorCode::HelloFirst, "02"),
        (ErrorCode::Version, "03"),
        (ErrorCode::Malformed, "04"),
        (ErrorCode::TooManyClients, "05"),
        (ErrorCode::Failed, "06"),
        (ErrorCode::Exited, "07"),
    ] {
        check(
            FromShim::Error { code, about: 6 },
            &format!("03000000 0e {number} 06"),
        );
    }
}

#[test]
fn hello_keeps_its_bytes() {
    let hello = Hello {
        proto_min: 1,
        proto_max: 2,
        build: "b".into(),
        worker_id: "wk".into(),
        epoch: 3,
        shim_pid: 4,
        child_pid: 5,
        cols: 80,
        rows: 24,
        first_offset: 6,
        end_offset: 7,
        server_epoch: 8,
        stalled_ms: 9,
        exit: None,
        writers: vec![(10, 11)],
    };
    check(
        FromShim::Hello(Box::new(hello.clone())),
        "53000000 00 4f465348 0100 0200 0100 62 0200 776b 03000000 04000000 05000000 5000 1800
         0600000000000000 0700000000000000 0800000000000000 0900000000000000
         00 0100 0a00000000000000 0b00000000000000",
    );
    let exit = Some(ExitRecord {
        code: Some(0),
        signal: None,
        offset: 7,
        wall_ms: 1,
    });
    check(
        FromShim::Hello(Box::new(Hello {
            exit,
            writers: vec![],
            ..hello
        })),
        "58000000 00 4f465348 0100 0200 0100 62 0200 776b 03000000 04000000 05000000 5000 1800
         0600000000000000 0700000000000000 0800000000000000 0900000000000000
         01 00 00000000 0700000000000000 0100000000000000 0000",
    );
}

#[test]
fn a_later_version_may_append_fields_and_kinds() {
    let mut decoder = Decoder::new();
    decoder.push(&[10, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0, 0, 99]);
    assert_eq!(decoder.next(), Ok(Some(ToShim::Arm { position: 5 })));
    decoder.push(&[3, 0, 0, 0, 200, 1, 2]);
    assert_eq!(decoder.next(), Ok(Some(ToShim::Unknown { kind: 200 })));
}

#[test]
fn impossible_lengths_and_short_payloads_are_errors() {
    let mut decoder = Decoder::<ToShim>::new();
    decoder.push(&[0, 0, 0, 0]);
    assert_eq!(decoder.next(), Err(FrameError::Length(0)));
    let mut decoder = Decoder::<ToShim>::new();
    let len = u32::try_from(MAX_FRAME_BYTES + 1).unwrap();
    decoder.push(&len.to_le_bytes());
    assert_eq!(decoder.next(), Err(FrameError::Length(len)));
    let mut decoder = Decoder::<ToShim>::new();
    decoder.push(&[2, 0, 0, 0, 2, 1]);
    assert_eq!(decoder.next(), Err(FrameError::Malformed(2)));
}

fn to_shim() -> impl Strategy<Value = ToShim> {
    prop_oneof![
        (any::<u16>(), any::<u64>()).prop_map(|(version, server_epoch)| ToShim::Hello {
            version,
            server_epoch
        }),
        any::<u64>().prop_map(|position| ToShim::Arm { position }),
        (
            any::<u64>(),
            any::<u64>(),
            prop::collection::vec(any::<u8>(), 0..300)
        )
            .prop_map(|(writer, seq, bytes)| ToShim::Input { writer, seq, bytes }),
        (any::<u64>(), any::<u32>()).prop_map(|(offset, len)| ToShim::Read { offset, len }),
        Just(ToShim::GetFd),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        frames in prop::collection::vec(to_shim(), 0..20),
        sizes in prop::collection::vec(1_usize..64, 1..20),
    ) {
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.encode(&mut bytes);
        }
        let mut decoder = Decoder::<ToShim>::new();
        let mut found = Vec::new();
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            rest = after;
            decoder.push(chunk);
            while let Some(frame) = decoder.next().unwrap() {
                found.push(frame);
            }
        }
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn no_bytes_can_break_a_decoder(bytes in prop::collection::vec(any::<u8>(), 0..400), small in any::<bool>()) {
        let mut bytes = bytes;
        if small && bytes.len() >= 4 {
            // A plausible length, so that payloads are reached.
            let len = u32::try_from(bytes.len() - 4).unwrap();
            bytes[..4].copy_from_slice(&len.to_le_bytes());
        }
        let mut to = Decoder::<ToShim>::new();
        to.push(&bytes);
        while let Ok(Some(_)) = to.next() {}
        let mut from = Decoder::<FromShim>::new();
        from.push(&bytes);
        while let Ok(Some(_)) = from.next() {}
    }
}
