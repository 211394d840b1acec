//! The store against a naive model: long random sequences of calls, and a map of owned values that must agree after each of them.

mod members;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::types::{Hash, List, Set, SortedSet, Stream};
use super::value::INLINE_TEXT_MAX;
use super::*;
use crate::time::UnixMillis;

/// A key of the small set that operations choose from: its length is one of those where the layout changes.
fn key(number: usize) -> Vec<u8> {
    const LENGTHS: [usize; 10] = [0, 1, 2, 16, 40, 254, 255, 256, 300, 70_000];
    let len = LENGTHS[number % LENGTHS.len()];
    let len = if cfg!(miri) { len.min(300) } else { len };
    let mut key = number.to_string().into_bytes();
    key.resize(len, b'k');
    key
}

/// Lengths around the classes and around the limit of an inline text.
fn text_strategy() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => (-20i64..20).prop_map(|number| number.to_string().into_bytes()),
        8 => (0usize..140).prop_map(|len| vec![b'v'; len]),
        4 => (0usize..200).prop_map(|len| vec![b'7'; len]),
        2 => (4080usize..4110).prop_map(|len| vec![b'w'; len]),
        1 => (0usize..20_000).prop_map(|len| vec![b'x'; len]),
    ]
}

#[derive(Clone, Debug)]
enum Deed {
    SetText(usize, Vec<u8>, u8, u64),
    Insert(usize, Vec<u8>, u8, Option<u64>),
    Remove(usize),
    Deadline(usize, Option<u64>),
    Append(usize, Vec<u8>),
    Splice(usize, usize, Vec<u8>),
    PutText(usize, Vec<u8>),
    Count(usize),
    Push(usize, u8),
    Access(usize, u32),
    Fill(usize, u8),
    Drain(usize, u8),
    Sweep(u64, usize),
    Random(u64),
    Take,
}

fn deed() -> impl Strategy<Value = Deed> {
    let key = 0usize..40;
    let at = 1u64..50;
    prop_oneof![
        8 => (key.clone(), text_strategy(), 0u8..3, at.clone()).prop_map(|(key, text, keep, at)| Deed::SetText(key, text, keep, at)),
        6 => (key.clone(), text_strategy(), 0u8..6, proptest::option::of(at.clone())).prop_map(|(k, text, kind, at)| Deed::Insert(k, text, kind, at)),
        4 => key.clone().prop_map(Deed::Remove),
        4 => (key.clone(), proptest::option::of(at.clone())).prop_map(|(key, at)| Deed::Deadline(key, at)),
        4 => (key.clone(), text_strategy()).prop_map(|(key, text)| Deed::Append(key, text)),
        4 => (key.clone(), 0usize..5000, text_strategy()).prop_map(|(key, offset, text)| Deed::Splice(key, offset, text)),
        3 => (key.clone(), text_strategy()).prop_map(|(key, text)| Deed::PutText(key, text)),
        3 => key.clone().prop_map(Deed::Count),
        3 => (key.clone(), any::<u8>()).prop_map(|(key, byte)| Deed::Push(key, byte)),
        2 => (key, any::<u32>()).prop_map(|(key, access)| Deed::Access(key, access)),
        3 => (1usize..900, any::<u8>()).prop_map(|(count, family)| Deed::Fill(count, family % 4)),
        3 => (1usize..900, any::<u8>()).prop_map(|(count, family)| Deed::Drain(count, family % 4)),
        2 => (1u64..50, 0usize..20).prop_map(|(now, budget)| Deed::Sweep(now, budget)),
        1 => any::<u64>().prop_map(Deed::Random),
        1 => any::<bool>().prop_map(|really| if really { Deed::Take } else { Deed::Random(1) }),
    ]
}

/// What the model keeps of a value.
#[derive(Clone, Debug, PartialEq)]
enum Plain {
    /// The bytes, and whether they were spliced or appended since they were set.
    Text(Vec<u8>, bool),
    Collection(Kind, Vec<Vec<u8>>),
}

#[derive(Clone, Debug, PartialEq)]
struct Kept {
    value: Plain,
    deadline: Option<UnixMillis>,
    access: u32,
}

fn plain_of(value: &Value) -> Plain {
    match value {
        Value::Integer(number) => Plain::Text(number.to_string().into_bytes(), false),
        Value::Text(text) => Plain::Text(text.clone(), false),
        Value::List(list) => Plain::Collection(Kind::List, list.contents()),
        Value::Set(set) => Plain::Collection(Kind::Set, set.contents()),
        Value::SortedSet(set) => Plain::Collection(Kind::SortedSet, set.contents()),
        Value::Hash(hash) => Plain::Collection(Kind::Hash, hash.contents()),
        Value::Stream(stream) => Plain::Collection(Kind::Stream, stream.contents()),
    }
}

fn value_of(kind: u8, bytes: &[u8]) -> Value {
    match kind {
        0 => Value::text(bytes),
        1 => List::of(bytes).into_value(),
        2 => Set::of(bytes).into_value(),
        3 => SortedSet::of(bytes).into_value(),
        4 => Hash::of(bytes).into_value(),
        _ => Stream::of(bytes).into_value(),
    }
}

/// What the model wants of a collection: a bag of byte strings, in whatever order the type gives, here sorted.
trait Bag: Typed + Default {
    fn put(&mut self, element: &[u8]);
    fn contents(&self) -> Vec<Vec<u8>>;

    fn of(element: &[u8]) -> Box<Self> {
        let mut bag = Self::default();
        bag.put(element);
        Box::new(bag)
    }
}

/// Adds an element through the entry's guard, as commands do.
fn put_in<T: Bag>(entry: &mut EntryMut<'_>, element: &[u8]) {
    entry.edit::<T>().expect("the kind says so").put(element);
}

/// The same without regard to how a text came about.
fn forget_raw(value: Plain) -> Plain {
    match value {
        Plain::Text(text, _) => Plain::Text(text, false),
        other => other,
    }
}

fn encoding_of(text: &[u8], raw: bool) -> &'static str {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text)) {
        Some(_) if !raw => "int",
        _ if raw || text.len() > 44 => "raw",
        _ => "embstr",
    }
}

struct Pair {
    keyspace: Keyspace,
    model: BTreeMap<Vec<u8>, Kept>,
}

impl Pair {
    fn new() -> Pair {
        Pair { keyspace: Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]), model: BTreeMap::new() }
    }

    fn do_one(&mut self, deed: Deed) {
        let keyspace = &mut self.keyspace;
        let hash_of = |keyspace: &Keyspace, key: &[u8]| keyspace.hash(key);
        match deed {
            Deed::SetText(number, text, keep, at) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let keep = [Keep::Keep, Keep::Clear, Keep::At(UnixMillis(at))][usize::from(keep)];
                let old = keyspace.database_mut(0).set_text(hash, &key, &text, keep);
                let before = self.model.get(&key);
                let deadline = match keep {
                    Keep::Keep => before.and_then(|kept| kept.deadline),
                    Keep::Clear => None,
                    Keep::At(at) => Some(at),
                };
                match before.map(|kept| &kept.value) {
                    Some(collection @ Plain::Collection(..)) => assert_eq!(Some(collection), old.as_ref().map(plain_of).as_ref()),
                    Some(Plain::Text(text, _)) if text.len() > INLINE_TEXT_MAX => assert!(old.is_some()),
                    _ => assert!(old.is_none()),
                }
                let access = before.map_or(7, |kept| kept.access);
                self.model.insert(key, Kept { value: Plain::Text(text, false), deadline, access });
            }
            Deed::Insert(number, text, kind, at) => {
                let key = key(number);
                let (hash, deadline) = (hash_of(keyspace, &key), at.map(UnixMillis));
                let old = keyspace.database_mut(0).insert(hash, &key, value_of(kind, &text), deadline);
                let value = plain_of(&value_of(kind, &text));
                let before = self.model.get(&key).cloned();
                let access = before.as_ref().map_or(7, |kept| kept.access);
                assert_eq!(before.map(|kept| forget_raw(kept.value)), old.as_ref().map(plain_of));
                self.model.insert(key, Kept { value, deadline, access });
            }
            Deed::Remove(number) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let removed = keyspace.database_mut(0).remove(hash, &key);
                let expected = self.model.remove(&key).map(|kept| (forget_raw(kept.value), kept.deadline));
                assert_eq!(removed.map(|(value, deadline)| (plain_of(&value), deadline)), expected);
            }
            Deed::Deadline(number, at) => {
                let key = key(number);
                let (hash, deadline) = (hash_of(keyspace, &key), at.map(UnixMillis));
                let found = keyspace.database_mut(0).set_deadline(hash, &key, deadline);
                assert_eq!(found, self.model.contains_key(&key));
                if let Some(kept) = self.model.get_mut(&key) {
                    kept.deadline = deadline;
                }
            }
            Deed::Append(number, more) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, &key) else { return };
                let done = entry.append(&more);
                match self.model.get_mut(&key).map(|kept| &mut kept.value) {
                    Some(Plain::Text(text, raw)) => {
                        assert!(done);
                        text.extend(&more);
                        *raw = true;
                    }
                    _ => assert!(!done),
                }
            }
            Deed::Splice(number, offset, patch) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, &key) else { return };
                let done = entry.splice(offset, &patch);
                match self.model.get_mut(&key).map(|kept| &mut kept.value) {
                    Some(Plain::Text(text, raw)) => {
                        assert!(done);
                        if !patch.is_empty() {
                            text.resize(text.len().max(offset + patch.len()), 0);
                            text[offset..offset + patch.len()].copy_from_slice(&patch);
                            *raw = true;
                        }
                    }
                    _ => assert!(!done),
                }
            }
            Deed::PutText(number, text) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, &key) else { return };
                entry.put_text(&text);
                if let Some(kept) = self.model.get_mut(&key) {
                    kept.value = Plain::Text(text, false);
                }
            }
            Deed::Count(number) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, &key) else { return };
                if let Some(integer) = entry.integer_mut() {
                    *integer = integer.wrapping_add(1);
                    let now = integer.to_string().into_bytes();
                    let Some(kept) = self.model.get_mut(&key) else { panic!("the model lacks a key") };
                    kept.value = Plain::Text(now, false);
                }
            }
            Deed::Push(number, byte) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, &key) else { return };
                let element = vec![byte; usize::from(byte)];
                match entry.kind() {
                    Kind::String => assert!(entry.edit::<List>().is_none()),
                    Kind::List => put_in::<List>(&mut entry, &element),
                    Kind::Set => put_in::<Set>(&mut entry, &element),
                    Kind::SortedSet => put_in::<SortedSet>(&mut entry, &element),
                    Kind::Hash => put_in::<Hash>(&mut entry, &element),
                    Kind::Stream => put_in::<Stream>(&mut entry, &element),
                }
                if let Some(Plain::Collection(_, elements)) = self.model.get_mut(&key).map(|kept| &mut kept.value) {
                    // A set among them, an element is there once.
                    if let Err(at) = elements.binary_search(&element) {
                        elements.insert(at, element);
                    }
                }
            }
            Deed::Access(number, access) => {
                let key = key(number);
                let hash = hash_of(keyspace, &key);
                if let Some(entry) = keyspace.database(0).find(hash, &key) {
                    entry.touch(access);
                }
                if let Some(kept) = self.model.get_mut(&key) {
                    kept.access = access & 0xff_ffff;
                }
            }
            Deed::Fill(count, family) => {
                for number in 0..count {
                    let key = format!("fill:{family}:{number}").into_bytes();
                    let hash = hash_of(keyspace, &key);
                    keyspace.database_mut(0).set_text(hash, &key, b"filled", Keep::Keep);
                    let kept = Kept { value: Plain::Text(b"filled".to_vec(), false), deadline: None, access: 7 };
                    self.model.entry(key).or_insert(kept);
                }
            }
            Deed::Drain(count, family) => {
                for number in 0..count {
                    let key = format!("fill:{family}:{number}").into_bytes();
                    let hash = hash_of(keyspace, &key);
                    let removed = keyspace.database_mut(0).remove(hash, &key);
                    assert_eq!(removed.is_some(), self.model.remove(&key).is_some());
                }
            }
            Deed::Sweep(now, budget) => {
                let now = UnixMillis(now);
                let mut dropped = Vec::new();
                let swept = keyspace.database_mut(0).sweep(
                    now,
                    budget,
                    &mut |key, _, value| {
                        let value = value.expect("no member has a deadline here");
                        dropped.push((key.to_vec(), plain_of(&value)));
                    },
                    &mut |_, _| panic!("no member has a deadline here"),
                );
                let count = swept.all();
                assert_eq!(count, dropped.len());
                let due = self.model.values().filter(|kept| kept.deadline.is_some_and(|deadline| now > deadline)).count();
                assert_eq!(count, due.min(budget));
                for (key, value) in dropped {
                    let kept = self.model.remove(&key).expect("only what is there is dropped");
                    assert!(kept.deadline.is_some_and(|deadline| now > deadline));
                    assert_eq!(forget_raw(kept.value), value);
                }
            }
            Deed::Random(seed) => match keyspace.database(0).random(seed) {
                Some(entry) => assert!(self.model.contains_key(entry.key())),
                None => assert!(self.model.is_empty()),
            },
            Deed::Take => {
                let taken = keyspace.database_mut(0).take();
                assert_eq!(taken.len(), self.model.len());
                taken.check();
                self.model.clear();
            }
        }
    }

    fn compare(&self) {
        let database = self.keyspace.database(0);
        assert_eq!(database.len(), self.model.len());
        for (key, kept) in &self.model {
            let entry = database.find(self.keyspace.hash(key), key).expect("what the model has is there");
            assert_eq!(entry.key(), &key[..]);
            assert_eq!(entry.deadline(), kept.deadline);
            assert_eq!(entry.access(), kept.access);
            match &kept.value {
                Plain::Text(text, raw) => {
                    let stored = entry.text().expect("a text");
                    assert_eq!(stored.to_vec(), *text);
                    assert_eq!(stored.len(), text.len());
                    assert_eq!(entry.encoding(), encoding_of(text, *raw));
                    assert_eq!(entry.kind(), Kind::String);
                }
                Plain::Collection(kind, _) => {
                    assert_eq!(entry.kind(), *kind);
                    assert!(entry.text().is_none());
                }
            }
            assert_eq!(plain_of(&entry.duplicate()), forget_raw(kept.value.clone()));
        }
        assert!(database.find(self.keyspace.hash(b"no such key"), b"no such key").is_none());
        database.check();
    }
}

fn cases() -> Config {
    let mut config = Config::with_cases(if cfg!(miri) { 4 } else { 120 });
    if cfg!(miri) {
        config.failure_persistence = None;
    }
    config
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn database_agrees_with_a_map(deeds in proptest::collection::vec(deed(), 1..if cfg!(miri) { 30 } else { 200 })) {
        let mut pair = Pair::new();
        pair.keyspace.database_mut(0).set_stamp(Stamp { born: 7, written: None });
        for (count, deed) in deeds.into_iter().enumerate() {
            pair.do_one(deed);
            if count % 16 == 0 {
                pair.compare();
            }
        }
        pair.compare();
    }

    /// Keys that are there all the time are visited, whatever comes and goes between the steps.
    #[test]
    fn scans_miss_nothing_that_stays(
        stay in 0usize..400,
        waves in proptest::collection::vec((any::<bool>(), 1usize..2500, 1usize..40), 1..30),
    ) {
        let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [5, 6, 7, 8]);
        let stays: BTreeSet<Vec<u8>> = (0..stay).map(|number| format!("stay:{number}").into_bytes()).collect();
        for key in &stays {
            let hash = keyspace.hash(key);
            keyspace.database_mut(0).set_text(hash, key, b"x", Keep::Clear);
        }
        let (mut seen, mut cursor, mut next) = (BTreeSet::new(), 0, 0usize);
        let mut passing = std::collections::VecDeque::new();
        let mut waves = waves.into_iter();
        loop {
            if let Some((grow, count, steps)) = waves.next() {
                let count = if cfg!(miri) { count / 50 } else { count };
                for _ in 0..count {
                    if grow {
                        let key = format!("pass:{next}").into_bytes();
                        next += 1;
                        let hash = keyspace.hash(&key);
                        keyspace.database_mut(0).set_text(hash, &key, b"y", Keep::Clear);
                        passing.push_back(key);
                    } else if let Some(key) = passing.pop_front() {
                        let hash = keyspace.hash(&key);
                        prop_assert!(keyspace.database_mut(0).remove(hash, &key).is_some());
                    }
                }
                keyspace.database(0).check();
                let mut done = false;
                for _ in 0..steps {
                    cursor = keyspace.database(0).scan(cursor, &mut |entry| { seen.insert(entry.key().to_vec()); });
                    prop_assert!(cursor < 1 << 48);
                    if cursor == 0 {
                        done = true;
                        break;
                    }
                }
                if done {
                    break;
                }
            } else {
                cursor = keyspace.database(0).scan(cursor, &mut |entry| { seen.insert(entry.key().to_vec()); });
                if cursor == 0 {
                    break;
                }
            }
        }
        prop_assert!(stays.is_subset(&seen), "missed {:?}", stays.difference(&seen).next());
    }
}

/// The only lines here that know the verbs of the types.
mod bags {
    use super::*;

    use crate::store::types::list::End;
    use crate::store::types::stream::Id;
    use crate::store::types::zset::Score;
    use crate::store::types::{Element, Thresholds};

    fn sorted(contents: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        contents.collect::<BTreeSet<_>>().into_iter().collect()
    }

    impl Bag for List {
        fn put(&mut self, element: &[u8]) {
            self.push(End::Back, element, &Thresholds::default());
        }

        fn contents(&self) -> Vec<Vec<u8>> {
            sorted(self.iter().map(Element::to_vec))
        }
    }

    impl Bag for Set {
        fn put(&mut self, element: &[u8]) {
            self.add(element, &Thresholds::default());
        }

        fn contents(&self) -> Vec<Vec<u8>> {
            sorted(self.iter().map(Element::to_vec))
        }
    }

    impl Bag for SortedSet {
        fn put(&mut self, element: &[u8]) {
            self.insert(element, Score::ZERO, &Thresholds::default());
        }

        fn contents(&self) -> Vec<Vec<u8>> {
            sorted(self.iter().map(|(member, _)| member.to_vec()))
        }
    }

    impl Bag for Hash {
        fn put(&mut self, element: &[u8]) {
            self.set(element, b"value", &Thresholds::default());
        }

        fn contents(&self) -> Vec<Vec<u8>> {
            sorted(self.iter().map(|(field, _)| field.to_vec()))
        }
    }

    impl Bag for Stream {
        fn put(&mut self, element: &[u8]) {
            let id = self.next_id(0).unwrap();
            self.append(id, std::iter::once((element, &b"value"[..])), &Thresholds::default()).unwrap();
        }

        fn contents(&self) -> Vec<Vec<u8>> {
            let entries = self.range(Id::MIN, Id::MAX, false);
            sorted(entries.flat_map(|(_, fields)| fields.map(|(field, _)| field.to_vec()).collect::<Vec<_>>()))
        }
    }
}

/// Bytes that a key of 16 bytes with a small collection costs beyond key and elements, the table's share included.
fn overhead(value: impl Fn() -> Value, element_bytes: usize) -> f64 {
    const KEYS: usize = if cfg!(miri) { 50 } else { 50_000 };
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    let empty = keyspace.bytes();
    for number in 0..KEYS {
        let key = format!("key:{number:012}");
        let hash = keyspace.hash(key.as_bytes());
        keyspace.database_mut(0).insert(hash, key.as_bytes(), value(), None);
    }
    (keyspace.bytes() - empty) as f64 / KEYS as f64 - (16 + element_bytes) as f64
}

#[test]
fn small_collections_cost_little_beside_what_is_in_them() {
    let thresholds = types::Thresholds::default();
    let list = |element: &[u8]| {
        let mut list = List::new();
        (0..8).for_each(|_| list.push(types::list::End::Back, element, &thresholds));
        Value::List(Box::new(list))
    };
    let set = |factor: i64| {
        let mut set = Set::new();
        (1..=8).for_each(|number: i64| {
            set.add((number * factor).to_string().as_bytes(), &thresholds);
        });
        Value::Set(Box::new(set))
    };
    let costs = [
        ("list of 8 elements of 1 byte", overhead(|| list(b"x"), 8)),
        ("list of 8 elements of 4 bytes", overhead(|| list(b"four"), 32)),
        ("list of 8 elements of 8 bytes", overhead(|| list(b"eightses"), 64)),
        ("list of 8 elements of 16 bytes", overhead(|| list(b"sixteen of bytes"), 128)),
        ("set of 8 integers of 1 digit", overhead(|| set(1), 8)),
        ("set of 8 integers of 3 digits", overhead(|| set(100), 24)),
        ("set of 8 integers of 6 digits", overhead(|| set(100_000), 48)),
    ];
    for (what, bytes) in costs {
        println!("{what}: {bytes:.1} bytes over key and elements");
        let bar = if what.starts_with("list") { 80.0 } else { 45.0 };
        assert!(bytes < bar || cfg!(miri), "{what}: {bytes:.1} bytes over key and elements");
    }
}
