//! What a transcript cannot tell of hashes: draws of HRANDFIELD, and walks of HSCAN while the table grows and shrinks.

use std::collections::{BTreeMap, BTreeSet};

use trencadis::internal::InProcess;

use crate::reply::Reply;

struct Hashes {
    shards: InProcess,
}

impl Hashes {
    fn new() -> Hashes {
        Hashes { shards: InProcess::new(1) }
    }

    fn ask(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        let bytes = self.shards.call(&words).expect("a data command");
        Reply::decode(&bytes).expect("a whole reply").0
    }

    /// The elements of an array of bulk strings.
    fn texts(&mut self, line: &str) -> Vec<String> {
        let Reply::Array(elements) = self.ask(line) else { panic!("{line} answers an array") };
        elements.iter().map(text).collect()
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("a bulk string was due: {other}"),
    }
}

#[test]
fn draws_are_even_and_distinct() {
    // Packed, a table of which few are drawn, and one of which most are.
    for (fields, count, draws) in [(40, 10, 2000), (2000, 20, 5000), (1000, 700, 60)] {
        let mut hashes = Hashes::new();
        for field in 0..fields {
            hashes.ask(&format!("HSET h f{field} v{field}"));
        }
        let mut drawn: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..draws {
            let pairs = hashes.texts(&format!("HRANDFIELD h {count} WITHVALUES"));
            assert_eq!(pairs.len(), 2 * count);
            let distinct: BTreeSet<&String> = pairs.iter().step_by(2).collect();
            assert_eq!(distinct.len(), count, "each field once");
            for pair in pairs.chunks(2) {
                assert_eq!(pair[0][1..], pair[1][1..], "the value is the field's own");
                *drawn.entry(pair[0].clone()).or_default() += 1;
            }
        }
        let even = f64::from(draws) * count as f64 / f64::from(fields);
        assert_eq!(drawn.len(), fields as usize);
        let spread = 6.0 * even.sqrt();
        for (field, times) in drawn {
            assert!((f64::from(times) - even).abs() < spread, "{field}: {times} times, {even} expected");
        }
    }
}

#[test]
fn picks_may_repeat() {
    for fields in [3, 2000] {
        let mut hashes = Hashes::new();
        for field in 0..fields {
            hashes.ask(&format!("HSET h f{field} {field}"));
        }
        let picks = hashes.texts("HRANDFIELD h -5000");
        assert_eq!(picks.len(), 5000);
        let distinct = picks.iter().collect::<BTreeSet<_>>().len();
        assert!(distinct > fields * 8 / 10, "{distinct} of {fields}");
        let single: BTreeSet<String> = (0..100).map(|_| text(&hashes.ask("HRANDFIELD h"))).collect();
        assert!(single.len() > 2);
    }
}

#[test]
fn what_stays_is_met_while_the_hash_grows_and_shrinks() {
    let mut hashes = Hashes::new();
    for field in 0..3000 {
        hashes.ask(&format!("HSET h stays{field} 1"));
    }
    for grows in [true, false] {
        let (mut met, mut cursor, mut steps) = (BTreeSet::new(), "0".to_owned(), 0);
        loop {
            let Reply::Array(parts) = hashes.ask(&format!("HSCAN h {cursor} COUNT 20 MATCH stays*")) else {
                panic!("HSCAN answers an array")
            };
            let [next, Reply::Array(pairs)] = parts.as_slice() else { panic!("a cursor and pairs were due") };
            met.extend(pairs.iter().step_by(2).map(text));
            steps += 1;
            assert!(steps < 10_000, "the walk does not end");
            cursor = text(next);
            if cursor == "0" {
                break;
            }
            let fields: String =
                (steps * 40..steps * 40 + 40).map(|field| format!(" comes{field}{}", if grows { " 1" } else { "" })).collect();
            hashes.ask(&format!("{} h{fields}", if grows { "HSET" } else { "HDEL" }));
        }
        assert_eq!(met.len(), 3000);
        assert!(steps > 40, "about fifty fields a step, not {steps} steps");
    }
}
