//! The file under faults and power cuts, and what loading makes of files: a daemon finds the old data or the new, whole, or is told.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Failure, Plan, UNFINISHED, write};
use crate::command::Limits;
use crate::error::Error;
use crate::persist::disk::Disk;
use crate::persist::disk::tests::simulated::{BROKEN, FULL, Simulated};
use crate::persist::health::Progress;
use crate::persist::load::{Loaded, Source, load};
use crate::rdb::{Clerk, Pack};
use crate::shard::saving::Cut;
use crate::store::types::{Hash, Thresholds};
use crate::store::{Keep, Keyspace, Part, Value};
use crate::time::UnixMillis;

const SHARDS: u32 = 2;
const NOW: UnixMillis = UnixMillis(1_000_000);

fn empty() -> Vec<Keyspace> {
    (0..SHARDS).map(|index| Keyspace::new(4, Part { index, of: SHARDS }, [1, 2, 3, 4])).collect()
}

/// Keyspaces that hold so many keys with this text, and something large.
fn filled(keys: usize, text: &str) -> Vec<Keyspace> {
    let mut keyspaces = empty();
    for number in 0..keys {
        let key = format!("key:{number}").into_bytes();
        let keyspace = &mut keyspaces[crate::slot::shard_of(&key, SHARDS) as usize];
        let hash = keyspace.hash(&key);
        let keep = if number % 5 == 0 { Keep::At(UnixMillis(NOW.0 + 77)) } else { Keep::Clear };
        keyspace.database_mut(number % 3).set_text(hash, &key, text.as_bytes(), keep);
    }
    let keyspace = &mut keyspaces[crate::slot::shard_of(b"large", SHARDS) as usize];
    let hash = keyspace.hash(b"large");
    let mut entry = keyspace.database_mut(0).find_or_add(hash, b"large", || Value::Hash(Box::default()));
    if let Some(mut fields) = entry.edit::<Hash>() {
        for field in 0..2000 {
            fields.set(format!("field:{field}").as_bytes(), text.as_bytes(), &Thresholds::default());
        }
    }
    keyspaces
}

/// All that keyspaces hold.
fn told(keyspaces: &[Keyspace]) -> Vec<String> {
    let mut all = Vec::new();
    for keyspace in keyspaces {
        for number in 0..keyspace.databases() {
            for entry in keyspace.database(number).iter() {
                let value = match entry.get::<Hash>() {
                    Some(hash) => format!("{} fields, {:?}", hash.len(), hash.get(b"field:77")),
                    None => format!("{:?}", entry.text().map(|text| text.to_vec())),
                };
                all.push(format!("{number} {} {:?} {value}", entry.key().escape_ascii(), entry.deadline()));
            }
        }
    }
    all.sort_unstable();
    all
}

/// Writes a snapshot of the keyspaces as the daemon would.
fn save(disk: &Simulated, keyspaces: &mut [Keyspace]) -> Result<u64, Failure> {
    let (mut cuts, mut sources) = (Vec::new(), Vec::new());
    for keyspace in keyspaces {
        let extents = keyspace.begin_image(&mut || Box::new(Clerk::new(Arc::new(|_| None), Pack::Compressed)));
        cuts.push(Cut { extents, changed: 0 });
        let mut pieces = Vec::new();
        while !keyspace.collect_image(500, &mut |piece| pieces.push(piece)) {
            keyspace.image_step(1000);
        }
        let (sender, source) = mpsc::channel(pieces.len().max(1));
        pieces.into_iter().for_each(|piece| sender.try_send(piece).expect("there is room for all"));
        sources.push(source);
    }
    let plan = Plan {
        disk: Arc::new(disk.clone()),
        name: "dump.rdb".to_owned(),
        version: 10,
        has_checksum: true,
        syncs: true,
        facts: vec![("redis-ver", "7.2.4".to_owned())],
        libraries: vec![b"#!lua name=mylib\n return 1".to_vec()],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    runtime.block_on(write(&plan, &cuts, sources, std::future::pending()))
}

fn open(disk: &Simulated, keyspaces: &mut [Keyspace]) -> Result<Loaded, Error> {
    let (limits, progress) = (Limits::default(), Progress::default());
    let source = Source { disk, name: "dump.rdb", path: "/data/dump.rdb".into(), limits: &limits, now: NOW, progress: &progress };
    load(&source, keyspaces)
}

#[test]
fn what_was_saved_is_loaded() {
    let disk = Simulated::default();
    let mut saved = filled(700, "some text that is long enough to be compressed compressed compressed");
    let bytes = save(&disk, &mut saved).unwrap();
    assert_eq!(disk.contents("dump.rdb").unwrap().len() as u64, bytes);
    assert!(disk.contents(UNFINISHED).is_none());
    let mut found = empty();
    let loaded = open(&disk, &mut found).unwrap();
    assert_eq!(told(&found), told(&saved));
    assert_eq!((loaded.keys, loaded.expired, loaded.libraries.len(), loaded.rest_at), (701, 0, 1, None));
    // Another order of shards is none of the file's business.
    let mut one = vec![Keyspace::new(4, Part { index: 0, of: 1 }, [5, 6, 7, 8])];
    open(&disk, &mut one).unwrap();
    assert_eq!(told(&one), told(&saved));
}

#[test]
fn a_crash_at_any_operation_leaves_the_old_file_or_the_new_one() {
    let first = Simulated::default();
    let (mut before, mut after) = (filled(60, "before"), filled(90, "after"));
    save(&first, &mut before).unwrap();
    let (before, expected) = (told(&before), told(&after));
    let old = first.contents("dump.rdb").unwrap();
    let (mut failures, mut kinds) = (0, [0; 2]);
    for error in [BROKEN, FULL] {
        for lasts in [false, true] {
            for number in 0.. {
                let disk = Simulated::default();
                disk.put("dump.rdb", &old);
                disk.fail_at(number, lasts, error);
                let result = save(&disk, &mut after);
                for seed in 0..20 {
                    // The power may fail now: what is found is one of the two, whole, and the new one if that was promised.
                    let found = disk.after_power_cut(seed);
                    let mut keyspaces = empty();
                    open(&found, &mut keyspaces).expect("nothing is damaged");
                    let is_new = told(&keyspaces) == expected;
                    assert!(is_new || told(&keyspaces) == before, "operation {number}");
                    assert!(is_new || result.is_err(), "operation {number}: it was promised to be durable");
                    kinds[usize::from(is_new)] += 1;
                }
                if result.is_ok() && disk.operations() <= number {
                    break;
                }
                failures += usize::from(result.is_err());
                // The next one, on a healed disk, succeeds whatever was left behind.
                disk.heal();
                save(&disk, &mut after).expect("the disk is sound again");
            }
        }
    }
    assert!(failures > 20 && kinds.iter().all(|&count| count > 20), "{failures} {kinds:?}");
}

#[test]
fn damage_is_told_and_nothing_else_is_loaded_from() {
    let disk = Simulated::default();
    save(&disk, &mut filled(40, "text")).unwrap();
    let sound = disk.contents("dump.rdb").unwrap();
    for at in (0..sound.len()).step_by(29) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x21;
        let damaged = Simulated::default();
        damaged.put("dump.rdb", &bytes);
        let error = open(&damaged, &mut empty()).expect_err("the checksum covers every byte").to_string();
        assert!(error.starts_with("/data/dump.rdb: ") && error.contains("trencadis check /data/dump.rdb"), "{error}");
        let cut = Simulated::default();
        cut.put("dump.rdb", &sound[..at]);
        assert!(open(&cut, &mut empty()).is_err());
    }
    // A file that has none says so with a zero; one of databases that are not here is refused; a key that comes twice is too.
    let mut bytes = sound.clone();
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    let unchecked = Simulated::default();
    unchecked.put("dump.rdb", &bytes);
    open(&unchecked, &mut empty()).unwrap();
    let mut few = vec![Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4])];
    assert!(open(&disk, &mut few).unwrap_err().to_string().contains("`databases`"));
    let twice = [b"REDIS0010", &b"\xfe\0\0\x01k\x01v\0\x01k\x01w\xff"[..], &[0; 8]].concat();
    unchecked.put("dump.rdb", &twice);
    assert!(open(&unchecked, &mut empty()).unwrap_err().to_string().contains("it comes twice"));
    unchecked.put("dump.rdb", &[&sound[..], b"*1\r\n"].concat());
    assert_eq!(open(&unchecked, &mut empty()).unwrap().rest_at, Some(sound.len() as u64));
}

#[test]
fn what_has_expired_is_counted() {
    let disk = Simulated::default();
    save(&disk, &mut filled(50, "text")).unwrap();
    let (limits, progress) = (Limits::default(), Progress::default());
    let now = UnixMillis(NOW.0 + 78);
    let source = Source { disk: &disk, name: "dump.rdb", path: "dump.rdb".into(), limits: &limits, now, progress: &progress };
    let loaded = load(&source, &mut empty()).unwrap();
    assert_eq!((loaded.keys, loaded.expired), (41, 10));
    let shown = progress.now();
    assert_eq!((shown.done, shown.total), (shown.total, disk.open("dump.rdb").unwrap().len().unwrap()));
    assert!((shown.percent() - 100.0).abs() < 0.01);
}
