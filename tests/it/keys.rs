//! What a transcript cannot tell of keys: walks of SCAN, whose promise holds while the table grows and shrinks; draws of RANDOMKEY; DEBUG OBJECT,
//! which servers refuse unless told not to.

use std::collections::BTreeSet;

use trencadis::internal::InProcess;

use crate::reply::Reply;

struct Keys {
    shards: InProcess,
}

impl Keys {
    fn new(shards: u32) -> Keys {
        Keys { shards: InProcess::new(shards) }
    }

    fn ask(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        let bytes = self.shards.call(&words).expect("a data command");
        Reply::decode(&bytes).expect("a whole reply").0
    }

    /// One step: the next cursor, and the keys.
    fn scan(&mut self, cursor: &str, options: &str) -> (String, Vec<String>) {
        let text = |reply: &Reply| match reply {
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("a bulk string was due: {other}"),
        };
        match self.ask(&format!("SCAN {cursor} {options}")) {
            Reply::Array(parts) => match parts.as_slice() {
                [cursor, Reply::Array(keys)] => (text(cursor), keys.iter().map(text).collect()),
                other => panic!("a cursor and keys were due: {other:?}"),
            },
            other => panic!("an array was due: {other}"),
        }
    }

    /// A whole walk; `between` is called between the steps.
    fn walk(&mut self, options: &str, mut between: impl FnMut(&mut Keys, usize)) -> (BTreeSet<String>, usize) {
        let (mut met, mut steps, mut cursor) = (BTreeSet::new(), 0, "0".to_owned());
        loop {
            let (next, keys) = self.scan(&cursor, options);
            met.extend(keys);
            steps += 1;
            assert!(steps < 100_000, "the walk does not end");
            if next == "0" {
                return (met, steps);
            }
            cursor = next;
            between(self, steps);
        }
    }
}

#[test]
fn a_walk_meets_every_key() {
    for shards in [1, 2, 3, 4, 7] {
        let mut keys = Keys::new(shards);
        for number in 0..2000 {
            keys.ask(&format!("SET key:{number} {number}"));
        }
        for options in ["", "COUNT 1", "COUNT 100", "COUNT 9223372036854775807"] {
            let (met, steps) = keys.walk(options, |_, _| {});
            assert_eq!(met.len(), 2000, "{shards} shards, {options}");
            assert!(!options.is_empty() || steps >= 50, "about ten keys a step, not {steps} steps");
        }
        assert_eq!(keys.walk("MATCH key:19?? COUNT 50", |_, _| {}).0.len(), 100);
        assert_eq!(keys.walk("TYPE list COUNT 50", |_, _| {}).0.len(), 0);
    }
}

#[test]
fn what_stays_is_met_while_the_table_grows_and_shrinks() {
    for shards in [1, 4] {
        let mut keys = Keys::new(shards);
        for number in 0..3000 {
            keys.ask(&format!("SET stays:{number} 1"));
        }
        let (met, _) = keys.walk("COUNT 20 MATCH stays:*", |keys, step| {
            for number in step * 40..step * 40 + 40 {
                keys.ask(&format!("SET comes:{number} 1"));
            }
        });
        assert_eq!(met.len(), 3000, "{shards} shards, growing");
        let (met, _) = keys.walk("COUNT 20 MATCH stays:*", |keys, step| {
            for number in step * 40..step * 40 + 40 {
                keys.ask(&format!("DEL comes:{number}"));
            }
        });
        assert_eq!(met.len(), 3000, "{shards} shards, shrinking");
    }
}

#[test]
fn due_keys_are_not_shown() {
    let mut keys = Keys::new(3);
    for number in 0..300 {
        keys.ask(&format!("SET key:{number} 1 PX {}", if number % 3 == 0 { 100_000 } else { 10 }));
    }
    keys.shards.now_ms += 11;
    assert_eq!(keys.walk("", |_, _| {}).0.len(), 100);
    assert!(matches!(keys.ask("KEYS *"), Reply::Array(shown) if shown.len() == 100));
    for _ in 0..50 {
        let Reply::Bulk(key) = keys.ask("RANDOMKEY") else { panic!("there are keys") };
        assert_eq!(keys.ask(&format!("EXISTS {}", String::from_utf8_lossy(&key))), Reply::Integer(1));
    }
}

#[test]
fn every_key_is_drawn_sometimes() {
    let mut keys = Keys::new(1);
    for number in 0..40 {
        keys.ask(&format!("SET key:{number} 1"));
    }
    let mut met = BTreeSet::new();
    for _ in 0..2000 {
        if let Reply::Bulk(key) = keys.ask("RANDOMKEY") {
            met.insert(key);
        }
    }
    assert_eq!(met.len(), 40);
}

#[test]
fn debug_tells_of_an_object() {
    let mut keys = Keys::new(2);
    assert_eq!(keys.ask("DEBUG OBJECT k"), Reply::Error(b"ERR no such key".to_vec()));
    keys.ask("SET k 12");
    let told = keys.ask("DEBUG OBJECT k").to_string();
    for part in ["+Value at:", " refcount:1 ", " encoding:int ", " serializedlength:", " lru_seconds_idle:0"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}
