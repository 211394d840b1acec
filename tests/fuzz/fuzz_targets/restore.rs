//! Any bytes in the envelope of a dump, with the right checksum: refused, or a value that is written and read again as it is.
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

use store::types::Thresholds;
use store::{Keyspace, Part, Value};

const VERSIONS: [u16; 4] = [6, 10, 12, 80];

fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    let checksum = payload.iter().fold(0u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 })
    });
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fn dump(value: Value) -> Vec<u8> {
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    let hash = keyspace.hash(b"k");
    keyspace.database_mut(0).insert(hash, b"k", value, None);
    rdb::dump(keyspace.database(0).find(hash, b"k").expect("it was just put in"))
}

fuzz_target!(|input: (u8, &[u8])| {
    let (version, body) = input;
    let thresholds = Thresholds::default();
    if let Ok(value) = rdb::restore(&sealed(body, VERSIONS[usize::from(version) % VERSIONS.len()]), &thresholds) {
        let first = dump(value);
        let again = rdb::restore(&first, &thresholds).expect("what we write we read");
        assert_eq!(dump(again).len(), first.len());
    }
});
