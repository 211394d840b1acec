//! What a database says that it weighs, against what the allocator says.

use std::hint::black_box;

use tikv_jemalloc_ctl::thread;

use super::types::list::End;
use super::types::stream::Id;
use super::types::zset::Score;
use super::types::{Hash, List, Set, SortedSet, Stream, Thresholds};
use super::{Entry, Keep, Keyspace, Part, Typed, Value};
use crate::time::UnixMillis;

/// What this thread has allocated and not freed; others do not matter.
fn allocated() -> usize {
    let counts = thread::allocatedp::read().and_then(|taken| Ok((taken.get(), thread::deallocatedp::read()?.get())));
    let (taken, freed) = counts.expect("jemalloc is linked, and it counts by thread");
    usize::try_from(taken.wrapping_sub(freed)).expect("this thread frees what it has allocated")
}

/// Fills a database by `fill`, key by key, and compares.
fn weigh(what: &str, keys: usize, mut fill: impl FnMut(&mut Keyspace, usize, &[u8])) {
    let before = allocated();
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    let empty = keyspace.bytes();
    for number in 0..keys {
        fill(&mut keyspace, number, format!("key:{number:08}").as_bytes());
    }
    let (told, real) = (keyspace.bytes() - empty, allocated() - before);
    assert!(real > 16 * keys, "{what}: the allocator does not count ({real} bytes)");
    let off = told.abs_diff(real) as f64 / real as f64;
    assert!(off <= 0.1, "{what}: {told} bytes told, {real} allocated");
    assert_eq!(keyspace.database(0).len(), keys);
    let database = keyspace.database(0);
    let shares = database.table_bytes() / keys * keys + database.iter().map(Entry::heap_bytes).sum::<usize>();
    assert!(shares.abs_diff(database.bytes()) <= keys, "{what}: {shares} bytes by key, {} in all", database.bytes());
    drop(black_box(keyspace));
}

fn put<T: Typed>(keyspace: &mut Keyspace, key: &[u8], value: T) {
    let hash = keyspace.hash(key);
    keyspace.database_mut(0).insert(hash, key, T::into_value(Box::new(value)), None);
}

#[test]
#[cfg_attr(miri, ignore = "asks the allocator")]
fn strings_weigh_what_they_say() {
    for (what, text, keep) in [
        ("short", &b"value"[..], Keep::Clear),
        ("number", b"1234567", Keep::Clear),
        ("inline", &[b'x'; 700], Keep::Clear),
        ("large", &[b'x'; 9000], Keep::Clear),
        ("expiring", b"value", Keep::At(UnixMillis(1_700_000_000_000))),
    ] {
        weigh(what, 10_000, |keyspace, number, key| {
            let hash = keyspace.hash(key);
            let keep = if let Keep::At(at) = keep { Keep::At(UnixMillis(at.0 + number as u64)) } else { keep };
            keyspace.database_mut(0).set_text(hash, key, text, keep);
        });
    }
    weigh("bitmap", 1000, |keyspace, _, key| {
        let hash = keyspace.hash(key);
        keyspace.database_mut(0).insert(hash, key, Value::Text(vec![0; 12_304]), None);
    });
}

#[test]
#[cfg_attr(miri, ignore = "asks the allocator")]
fn collections_weigh_what_they_say() {
    let thresholds = Thresholds::default();
    let member = |number: usize| format!("member:{number:06}").into_bytes();
    for (elements, keys) in [(1, 10_000), (20, 10_000), (150, 1000)] {
        weigh(&format!("list of {elements}"), keys, |keyspace, _, key| {
            let mut list = List::default();
            (0..elements).for_each(|number| list.push(End::Back, &member(number), &thresholds));
            put(keyspace, key, list);
        });
        weigh(&format!("set of {elements}"), keys, |keyspace, _, key| {
            let mut set = Set::default();
            (0..elements).for_each(|number| {
                set.add(&member(number), &thresholds);
            });
            put(keyspace, key, set);
        });
        weigh(&format!("set of {elements} integers"), keys, |keyspace, _, key| {
            let mut set = Set::default();
            (0..elements).for_each(|number| {
                set.add(number.to_string().as_bytes(), &thresholds);
            });
            put(keyspace, key, set);
        });
        weigh(&format!("hash of {elements}"), keys, |keyspace, _, key| {
            let mut hash = Hash::default();
            (0..elements).for_each(|number| {
                hash.set(&member(number), b"a value", &thresholds);
            });
            put(keyspace, key, hash);
        });
        weigh(&format!("sorted set of {elements}"), keys, |keyspace, _, key| {
            let mut set = SortedSet::default();
            for number in 0..elements {
                set.insert(&member(number), Score::new(number as f64 + 0.5).expect("it is a number"), &thresholds);
            }
            put(keyspace, key, set);
        });
        weigh(&format!("stream of {elements}"), keys, |keyspace, _, key| {
            let mut stream = Stream::default();
            for number in 1..=elements as u64 {
                let field = (&b"field"[..], &b"a value"[..]);
                stream.append(Id { ms: number, seq: 0 }, std::iter::once(field), &thresholds).expect("ids rise");
            }
            put(keyspace, key, stream);
        });
    }
}
