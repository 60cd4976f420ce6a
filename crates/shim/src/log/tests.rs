//! Writer and reader against each other and against what was written.
//!
//! Output is a function of its offset, so any chunk from anywhere can be checked by itself.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::block::Block;
use super::format::{SEGMENT_HEADER_BYTES, file_name};
use super::writer::{LogConfig, Writer};
use super::{Chunk, Reader, Record};

/// The byte at an offset. Has no short period, holds zeros.
fn byte_at(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

fn output(from: u64, len: usize) -> Vec<u8> {
    (from..).take(len).map(byte_at).collect()
}

/// A log in a temporary directory.
struct Fixture {
    home: tempfile::TempDir,
    config: LogConfig,
}

impl Fixture {
    fn new(quota_bytes: u64) -> Self {
        let config = LogConfig {
            segment_bytes: 16 << 10,
            ..LogConfig::new("worker-1", 1, quota_bytes)
        };
        Self {
            home: tempfile::tempdir_in("/tmp").unwrap(),
            config,
        }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("log")
    }

    fn writer(&self) -> Writer {
        Writer::open(&self.dir(), self.config.clone()).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(self.home.path()).unwrap()
    }

    fn newest(&self) -> PathBuf {
        segments(&self.dir()).pop().unwrap()
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn write(writer: &mut Writer, len: usize) {
    writer.append_output(&mut Block::of(&output(writer.offset(), len)));
}

/// Reads from `from` to the end; every byte must be right, every loss said. Gives the end.
fn follow(reader: &mut Reader, from: u64, max: usize) -> (u64, Vec<Chunk>) {
    let (mut at, mut losses) = (from, Vec::new());
    loop {
        match reader.read_at(at, max).unwrap() {
            Chunk::Data { offset, bytes } => {
                assert_eq!(offset, at);
                assert!(!bytes.is_empty() && bytes.len() <= max);
                assert_eq!(bytes, output(offset, bytes.len()), "at {offset}");
                at += bytes.len() as u64;
            }
            Chunk::Gap { from, to } => {
                assert!(from == at && to > from, "gap {from}..{to} at {at}");
                losses.push(Chunk::Gap { from, to });
                at = to;
            }
            Chunk::Trimmed { first } => {
                assert!(first > at, "trimmed to {first} at {at}");
                losses.push(Chunk::Trimmed { first });
                at = first;
            }
            Chunk::End => return (at, losses),
        }
    }
}

/// One thing that happens to a log.
#[derive(Debug, Clone)]
enum Step {
    Out(usize),
    Resize,
    Follow(usize),
    Reopen,
    /// The newest segment loses this many bytes of its tail, and some of what is left is garbage.
    Crash {
        cut: u64,
        garbage: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_usize..3000).prop_map(Step::Out),
        2 => (1_usize..40).prop_map(Step::Out),
        1 => Just(Step::Resize),
        3 => (1_usize..9000).prop_map(Step::Follow),
        1 => Just(Step::Reopen),
        1 => (0_u64..4000, any::<bool>()).prop_map(|(cut, garbage)| Step::Crash { cut, garbage }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn readers_see_what_was_written(
        steps in prop::collection::vec(step(), 1..120),
        quota in prop_oneof![Just(1_u64 << 30), Just(64 << 10), Just(40 << 10)],
    ) {
        let fixture = Fixture::new(quota);
        let mut writer = fixture.writer();
        let mut reader = fixture.reader();
        let mut read = 0;
        let mut crashed = false;
        for step in steps {
            match step {
                Step::Out(len) => write(&mut writer, len),
                Step::Resize => writer.append_resize(80, 24),
                Step::Follow(max) => {
                    let (end, losses) = follow(&mut reader, read, max);
                    prop_assert_eq!(end, writer.offset());
                    prop_assert_eq!(reader.end_offset().unwrap(), end);
                    prop_assert!(losses.is_empty() || quota < 1 << 20, "{:?}", losses);
                    read = end;
                }
                Step::Reopen => {
                    let end = writer.offset();
                    writer = fixture.writer();
                    prop_assert_eq!(writer.offset(), end);
                }
                Step::Crash { cut, garbage } => {
                    if writer.offset() > 0 {
                        let before = writer.offset();
                        tear(&fixture.newest(), cut, garbage);
                        writer = fixture.writer();
                        prop_assert!(writer.offset() <= before);
                        // A reader that was ahead of what survived begins again from there.
                        read = read.min(writer.offset());
                        reader = fixture.reader();
                        crashed = true;
                    }
                }
            }
        }
        let mut fresh = fixture.reader();
        let first = fresh.first_offset().unwrap();
        prop_assert_eq!(first, writer.first_offset());
        let (end, losses) = follow(&mut fresh, first, 4096);
        prop_assert_eq!(end, writer.offset());
        prop_assert!(losses.is_empty(), "{:?}", losses);
        if !crashed {
            let kept = end - first;
            prop_assert!(kept == end || kept + 3 * (16 << 10) > quota, "{kept} of {end} kept");
        }
        let records: u64 = fresh
            .records(first)
            .map(|record| match record.unwrap() {
                Record::Out { offset, bytes, .. } => {
                    assert_eq!(bytes, output(offset, bytes.len()));
                    bytes.len() as u64
                }
                _ => 0,
            })
            .sum();
        prop_assert!(records >= end - first, "{records} of {}", end - first);
    }

    #[test]
    fn random_access_finds_every_offset(
        sizes in prop::collection::vec(1_usize..2500, 1..60),
        places in prop::collection::vec(0.0_f64..1.0, 1..20),
    ) {
        let fixture = Fixture::new(1 << 30);
        let mut writer = fixture.writer();
        for size in sizes {
            write(&mut writer, size);
            writer.append_resize(1, 1);
        }
        let mut reader = fixture.reader();
        for place in places {
            let at = (place * writer.offset() as f64) as u64;
            match reader.read_at(at, 777).unwrap() {
                Chunk::Data { offset, bytes } => {
                    prop_assert_eq!(offset, at);
                    prop_assert_eq!(&bytes, &output(at, bytes.len()));
                }
                other => prop_assert!(false, "{:?} at {}", other, at),
            }
        }
        prop_assert_eq!(reader.read_at(writer.offset(), 10).unwrap(), Chunk::End);
        prop_assert_eq!(reader.read_at(writer.offset() + 1, 10).unwrap(), Chunk::End);
    }
}

/// What a power cut may leave of the newest segment.
fn tear(path: &Path, cut: u64, garbage: bool) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let end = used(&file);
    let left = end.saturating_sub(cut).max(SEGMENT_HEADER_BYTES as u64);
    file.set_len(left).unwrap();
    if garbage {
        file.write_all_at(&output(12_345, 700), left).unwrap();
    } else {
        file.set_len(left + 4096).unwrap();
    }
}

/// End of the non-zero part of a file.
fn used(file: &fs::File) -> u64 {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at as u64 + 1)
}

#[test]
fn a_reader_beside_a_fast_writer_sees_only_true_bytes() {
    let fixture = Fixture::new(80 << 10);
    let total = 20_000_000;
    let mut writer = fixture.writer();
    let mut reader = fixture.reader();
    let mut readers = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for n in 0.. {
                if writer.offset() >= total {
                    break;
                }
                write(&mut writer, 1 + n % 3000);
            }
        });
        let mut read = 0;
        while read < total {
            let (end, losses) = follow(&mut reader, read, 5000);
            assert!(end >= read);
            readers = (readers.0 + 1, readers.1 + losses.len());
            read = end;
        }
    });
    assert!(readers.0 > 0, "{readers:?}");
}

#[test]
fn every_prefix_of_a_segment_recovers_to_a_true_prefix() {
    let fixture = Fixture::new(1 << 30);
    let mut writer = fixture.writer();
    for len in [10, 300, 1, 77] {
        write(&mut writer, len);
    }
    let whole = writer.offset();
    drop(writer);
    let bytes = fs::read(fixture.newest()).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for len in 0..used {
        fs::remove_dir_all(fixture.dir()).unwrap();
        fs::create_dir(fixture.dir()).unwrap();
        fs::write(fixture.dir().join(file_name(0)), &bytes[..len]).unwrap();
        let mut writer = fixture.writer();
        assert!(writer.offset() <= whole);
        write(&mut writer, 50);
        let (end, losses) = follow(&mut fixture.reader(), 0, 4096);
        assert_eq!(
            (end, losses),
            (writer.offset(), vec![]),
            "prefix of {len} bytes"
        );
    }
}

#[test]
fn a_damaged_segment_in_the_middle_is_a_gap() {
    let fixture = Fixture::new(1 << 30);
    let mut writer = fixture.writer();
    while segments(&fixture.dir()).len() < 4 {
        write(&mut writer, 1000);
    }
    let second = fixture.dir().join(file_name(1));
    let file = OpenOptions::new().write(true).open(second).unwrap();
    file.write_all_at(b"damage", 8000).unwrap();
    let (end, losses) = follow(&mut fixture.reader(), 0, 4096);
    assert_eq!(end, writer.offset());
    assert_eq!(losses.len(), 1, "{losses:?}");
}

#[test]
fn what_a_lost_tail_held_becomes_a_gap() {
    let fixture = Fixture::new(1 << 30);
    let mut writer = fixture.writer();
    write(&mut writer, 100);
    writer.skip_to(150);
    write(&mut writer, 10);
    let (end, losses) = follow(&mut fixture.reader(), 0, 4096);
    assert_eq!(
        (end, losses),
        (160, vec![Chunk::Gap { from: 100, to: 150 }])
    );
}

#[test]
fn a_new_epoch_begins_at_zero() {
    let mut fixture = Fixture::new(1 << 30);
    write(&mut fixture.writer(), 100);
    fixture.config.epoch = 2;
    let mut writer = fixture.writer();
    assert_eq!((writer.first_offset(), writer.offset()), (0, 0));
    write(&mut writer, 5);
    assert_eq!(follow(&mut fixture.reader(), 0, 4096), (5, vec![]));
}

#[test]
fn sizes_and_the_end_are_records_in_order() {
    let fixture = Fixture::new(1 << 30);
    let mut writer = fixture.writer();
    writer.append_resize(80, 24);
    write(&mut writer, 3);
    writer.append_resize(100, 30);
    write(&mut writer, 2);
    writer.append_exit(None, Some(9));
    let records: Vec<Record> = fixture.reader().records(0).map(Result::unwrap).collect();
    assert!(
        matches!(
            records.as_slice(),
            [
                Record::Resize {
                    offset: 0,
                    cols: 80,
                    rows: 24,
                    ..
                },
                Record::Out { offset: 0, .. },
                Record::Resize {
                    offset: 3,
                    cols: 100,
                    rows: 30,
                    ..
                },
                Record::Out { offset: 3, .. },
                Record::Exit {
                    offset: 5,
                    code: None,
                    signal: Some(9),
                    ..
                },
            ]
        ),
        "{records:?}"
    );
    assert!(matches!(
        fixture.reader().records(3).next(),
        Some(Ok(Record::Resize { offset: 3, .. }))
    ));
}
