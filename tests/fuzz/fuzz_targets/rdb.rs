//! Any bytes as a file, at once and torn: the reader must find the same, and what it finds must be sound enough to be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

// Included, because the crate does not export them, and they import nothing else of the crate.
#[allow(dead_code, unused_imports)]
#[path = "../../../src/rdb/mod.rs"]
mod rdb;
#[allow(dead_code, unused_imports)]
#[path = "../../../src/store/mod.rs"]
mod store;
#[allow(dead_code)]
#[path = "../../../src/time.rs"]
mod time;

use rdb::{Item, Reader, Wrong};
use store::types::Thresholds;

/// An entry that is written in the smallest parts is read as the same again.
fn check_parts(entry: store::Entry<'_>, thresholds: &Thresholds) {
    let mut clerk = rdb::Clerk::new(std::sync::Arc::new(|_| None), rdb::Pack::Compressed);
    let mut parts = Vec::new();
    while !store::Scribe::part(&mut clerk, entry, 1, &mut parts) {}
    let mut writer = rdb::Writer::new(rdb::VERSION_WITH_DEADLINES, &[]);
    let mut reader = Reader::new();
    writer.database(0);
    writer.take(|bytes| reader.feed(bytes));
    writer.pass(&parts);
    reader.feed(&parts);
    writer.finish();
    writer.take(|bytes| reader.feed(bytes));
    reader.finish();
    let mut keys = 0;
    while let Some(item) = reader.next(thresholds).expect("what was written in parts is read") {
        if let Item::Key(record) = item {
            assert_eq!((record.key.as_slice(), record.value.kind(), record.deadline), (entry.key(), entry.kind(), entry.deadline()));
            keys += 1;
        }
    }
    assert_eq!(keys, 1);
}

/// What is in the file, in words; keys as their dumps.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Option<Wrong>) {
    let (mut reader, thresholds, mut found) = (Reader::new(), Thresholds::default(), Vec::new());
    for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => reader.feed(piece),
            None => reader.finish(),
        }
        loop {
            match reader.next(&thresholds) {
                Ok(Some(Item::Key(record))) => {
                    let mut keyspace = store::Keyspace::new(1, store::Part { index: 0, of: 1 }, [1, 2, 3, 4]);
                    let hash = keyspace.hash(&record.key);
                    keyspace.database_mut(0).insert(hash, &record.key, record.value, record.deadline);
                    let entry = keyspace.database(0).find(hash, &record.key).expect("it was just put in");
                    let dump = rdb::dump(entry);
                    assert!(rdb::restore(&dump, &thresholds).is_ok(), "what we write we read");
                    check_parts(entry, &thresholds);
                    found.push(format!("{:?} {dump:?}", record.key));
                }
                Ok(Some(item)) => found.push(format!("{item:?}")),
                Ok(None) => break,
                Err(wrong) => return (found, Some(wrong)),
            }
        }
    }
    (found, None)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (head, tail) = bytes.split_at(usize::from(cut).min(bytes.len()));
    assert_eq!(read(&[head, tail]), read(&[bytes]));
});
