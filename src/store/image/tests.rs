//! Random changes between the steps of images: what was written is what was there at the cut, each key once.

use std::collections::BTreeMap;

use super::{PartEnd, Piece, Scribe};
use crate::store::types::{Hash, Thresholds};
use crate::store::{Entry, Keep, Keyspace, Part, Value};
use crate::time::UnixMillis;

const DATABASES: usize = 3;

/// Many more in the long test.
fn rounds() -> u64 {
    let usual = if cfg!(miri) { 2 } else { 24 };
    std::env::var("TRENCADIS_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// All that an entry is, in words.
fn told(entry: Entry<'_>) -> String {
    let mut text = format!("{} {:?} ", entry.key().escape_ascii(), entry.deadline());
    if let Some(hash) = entry.get::<Hash>() {
        let mut fields: Vec<String> = hash.iter_with_deadlines().map(|field| format!("{field:?}")).collect();
        fields.sort_unstable();
        text.push_str(&fields.concat());
    } else if let Some(string) = entry.text() {
        text.push_str(&string.to_vec().escape_ascii().to_string());
    }
    if text.len() > 120 {
        // The long ones are as long as they were, so that they are written in parts, but what tells them apart is in front.
        let sum = text.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        text.insert_str(0, &format!("{sum} "));
    }
    text.push('\n');
    text
}

/// What of it is compared, and shown.
fn brief(line: &str) -> String {
    line.get(..100).unwrap_or(line).trim_end().to_owned()
}

/// Writes what `told` says; in parts a few bytes at a time.
#[derive(Default)]
struct Clerk {
    given: usize,
}

impl Scribe for Clerk {
    fn whole(&mut self, entry: Entry<'_>, target: &mut Vec<u8>) {
        target.extend_from_slice(told(entry).as_bytes());
    }

    fn part(&mut self, entry: Entry<'_>, bytes: usize, target: &mut Vec<u8>) -> bool {
        let all = told(entry);
        let end = all.len().min(self.given + bytes);
        target.extend_from_slice(&all.as_bytes()[self.given..end]);
        self.given = if end == all.len() { 0 } else { end };
        self.given == 0
    }
}

/// What arrives of an image: the lines of each database.
#[derive(Default)]
struct Book {
    lines: BTreeMap<usize, Vec<u8>>,
    open: Option<usize>,
    /// What has to wait for the end of the parts of an entry.
    later: Vec<Piece>,
}

impl Book {
    fn take(&mut self, piece: Piece) {
        if let (Some(open), Some(_)) = (self.open, piece.part) {
            assert_eq!(open, piece.database, "parts of two entries mixed");
        }
        if self.open.is_some() && piece.part.is_none() {
            return self.later.push(piece);
        }
        self.lines.entry(piece.database).or_default().extend_from_slice(&piece.bytes);
        self.open = (piece.part == Some(PartEnd::GoesOn)).then_some(piece.database);
        if self.open.is_none() {
            std::mem::take(&mut self.later).into_iter().for_each(|piece| self.take(piece));
        }
    }

    fn close(self) -> BTreeMap<usize, Vec<String>> {
        assert!(self.open.is_none() && self.later.is_empty());
        let sorted = |bytes: Vec<u8>| {
            let mut lines: Vec<String> = String::from_utf8(bytes).unwrap().lines().map(brief).collect();
            lines.sort_unstable();
            lines
        };
        self.lines.into_iter().map(|(number, bytes)| (number, sorted(bytes))).filter(|(_, lines)| !lines.is_empty()).collect()
    }
}

fn state(keyspace: &Keyspace) -> BTreeMap<usize, Vec<String>> {
    let lines = |number| {
        let mut lines: Vec<String> = keyspace.database(number).iter().map(|entry| brief(told(entry).trim_end())).collect();
        lines.sort_unstable();
        (number, lines)
    };
    (0..keyspace.databases()).map(lines).filter(|(_, lines)| !lines.is_empty()).collect()
}

/// Some change of any kind.
fn change(keyspace: &mut Keyspace, dice: &mut Dice, keys: u64, now: UnixMillis) {
    let number = dice.next(DATABASES as u64) as usize;
    let key = format!("key:{}", dice.next(keys)).into_bytes();
    let hash = keyspace.hash(&key);
    let thresholds = Thresholds::default();
    let at = UnixMillis(now.0 + dice.next(400));
    let database = keyspace.database_mut(number);
    match dice.next(100) {
        0..40 => drop(database.set_text(hash, &key, &vec![b'a' + (dice.next(26) as u8); dice.next(60) as usize], Keep::Clear)),
        40..50 => drop(database.set_text(hash, &key, b"dies", Keep::At(at))),
        50..60 => drop(database.remove(hash, &key)),
        60..63 => drop(database.set_text(hash, &key, &vec![b'L'; 40_000 + dice.next(70_000) as usize], Keep::Keep)),
        63..72 => {
            let mut entry = database.find_or_add(hash, &key, || Value::Hash(Box::default()));
            if let Some(mut fields) = entry.edit::<Hash>() {
                for _ in 0..=dice.next(40) {
                    fields.set(format!("field:{}", dice.next(3000)).as_bytes(), b"some value that takes room", &thresholds);
                }
            }
        }
        72..74 => {
            let mut entry = database.find_or_add(hash, &key, || Value::Hash(Box::default()));
            if let Some(mut fields) = entry.edit::<Hash>() {
                for field in 0..2000 {
                    fields.set(format!("field:{field}").as_bytes(), b"one of many", &thresholds);
                }
            }
        }
        74..80 => drop(database.find_mut(hash, &key).map(|mut entry| entry.append(b"more"))),
        80..86 => drop(database.set_deadline(hash, &key, (dice.next(2) == 0).then_some(at))),
        86..90 => drop(database.insert(hash, &key, Value::Integer(dice.next(9) as i64), None)),
        90..97 => drop(database.sweep(now, dice.next(20) as usize, &mut |_, _, _| {}, &mut |_, _| {})),
        97 => keyspace.swap(number, dice.next(DATABASES as u64) as usize),
        98 if dice.next(4) == 0 => drop(keyspace.empty(number)),
        _ => {
            // A run of removals, so that segments join.
            for name in 0..keys / 3 {
                let key = format!("key:{name}").into_bytes();
                let hash = keyspace.hash(&key);
                keyspace.database_mut(number).remove(hash, &key);
            }
        }
    }
}

#[test]
fn an_image_is_the_state_at_the_cut() {
    for seed in 0..rounds() {
        let mut dice = Dice(seed);
        let keys = [20, 300, 3000][dice.next(3) as usize];
        let mut keyspace = Keyspace::new(DATABASES, Part { index: 0, of: 1 }, [seed, 2, 3, 4]);
        let mut now = UnixMillis(1000);
        for _ in 0..keys * 2 {
            change(&mut keyspace, &mut dice, keys, now);
        }
        for image in 0..4 {
            let expected = state(&keyspace);
            let extents = keyspace.begin_image(&mut || Box::new(Clerk::default()));
            let counted: usize = expected.values().map(Vec::len).sum();
            assert_eq!(extents.iter().map(|extent| extent.keys).sum::<usize>(), counted);
            let is_cancelled = dice.next(5) == 0;
            let (mut book, mut is_wanted, mut steps) = (Book::default(), true, 0);
            let pace = dice.next(60);
            loop {
                for _ in 0..dice.next(pace + 1) {
                    change(&mut keyspace, &mut dice, keys, now);
                    now = UnixMillis(now.0 + 1);
                }
                if is_cancelled && dice.next(20) == 0 {
                    keyspace.cancel_image();
                    is_wanted = false;
                }
                keyspace.image_step(dice.next(20_000) as usize + 1);
                steps += 1;
                let at_least = dice.next(3000) as usize;
                if keyspace.collect_image(at_least, &mut |piece| book.take(piece)) {
                    break;
                }
                assert!(steps < 1_000_000, "it comes to an end");
            }
            if is_wanted {
                let written = book.close();
                for number in 0..DATABASES {
                    let (empty, lines) = (Vec::new(), |all: &BTreeMap<usize, Vec<String>>| all.get(&number).cloned());
                    let (written, expected) = (lines(&written).unwrap_or(empty.clone()), lines(&expected).unwrap_or(empty));
                    let missing: Vec<_> = expected.iter().filter(|line| !written.contains(line)).collect();
                    let surplus: Vec<_> = written.iter().filter(|line| !expected.contains(line)).collect();
                    assert!(written == expected, "seed {seed}, image {image}: {missing:?} missing, {surplus:?} too many");
                }
            }
            assert!(!keyspace.is_imaging() && keyspace.image_bytes() == 0);
            drop(keyspace.left());
            (0..DATABASES).for_each(|number| keyspace.database(number).check());
        }
    }
}

#[test]
fn a_mark_is_gone_when_the_image_is() {
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    let set = |keyspace: &mut Keyspace, text: &[u8]| {
        let hash = keyspace.hash(b"key");
        keyspace.database_mut(0).set_text(hash, b"key", text, Keep::Clear);
    };
    set(&mut keyspace, b"first");
    for text in [&b"second"[..], b"third", b"fourth"] {
        let expected = state(&keyspace);
        keyspace.begin_image(&mut || Box::new(Clerk::default()));
        set(&mut keyspace, text);
        let mut book = Book::default();
        keyspace.image_step(1000);
        assert!(keyspace.collect_image(1, &mut |piece| book.take(piece)));
        assert_eq!(book.close(), expected);
    }
}
