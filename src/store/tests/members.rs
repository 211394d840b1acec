//! The books of a database over the deadlines of members: whatever becomes of a value, they are recounted and must agree.

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::store::types::zset::Score;
use crate::store::types::{Hash, Perishable, Set, SortedSet, Thresholds};
use crate::store::*;
use crate::time::UnixMillis;

const KEYS: u8 = 9;

#[derive(Clone, Debug)]
enum Deed {
    Add(u8, u8),
    Drop(u8, u8),
    Give(u8, u8, u64),
    Take(u8, u8),
    /// The key's own deadline.
    Deadline(u8, Option<u64>),
    Copy(u8, u8),
    Move(u8, u8),
    SetText(u8),
    Remove(u8),
    RemoveDue(u8, u64),
    Sweep(u64, usize),
    TakeAll,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (key, member, at) = (0..KEYS, 0..50u8, 1..60u64);
    prop_oneof![
        12 => (key.clone(), member.clone()).prop_map(|(key, member)| Deed::Add(key, member)),
        4 => (key.clone(), member.clone()).prop_map(|(key, member)| Deed::Drop(key, member)),
        16 => (key.clone(), member.clone(), at.clone()).prop_map(|(key, member, at)| Deed::Give(key, member, at)),
        4 => (key.clone(), member).prop_map(|(key, member)| Deed::Take(key, member)),
        2 => (key.clone(), prop::option::of(at.clone())).prop_map(|(key, at)| Deed::Deadline(key, at)),
        2 => (key.clone(), key.clone()).prop_map(|(from, to)| Deed::Copy(from, to)),
        2 => (key.clone(), key.clone()).prop_map(|(from, to)| Deed::Move(from, to)),
        1 => key.clone().prop_map(Deed::SetText),
        1 => key.clone().prop_map(Deed::Remove),
        2 => (key, at.clone()).prop_map(|(key, at)| Deed::RemoveDue(key, at)),
        3 => (at, 0..12usize).prop_map(|(now, budget)| Deed::Sweep(now, budget)),
        1 => prop::bool::weighted(0.2).prop_map(|really| if really { Deed::TakeAll } else { Deed::Sweep(0, 1) }),
    ]
}

/// Lets `change` work on the collection of a key, which is of the kind that the key has always; a missing one is made if `make` says so.
fn edit(keyspace: &mut Keyspace, key: u8, make: bool, change: impl FnOnce(&mut dyn Members)) {
    let hash = keyspace.hash(&[key]);
    let database = keyspace.database_mut(0);
    let there = database.find(hash, &[key]).is_some_and(|entry| entry.kind() != Kind::String);
    if !there && !make {
        return;
    }
    if !there {
        database.remove(hash, &[key]);
    }
    let kind = key % 3;
    let mut entry = database.find_or_add(hash, &[key], || match kind {
        0 => Value::Hash(Box::default()),
        1 => Value::Set(Box::default()),
        _ => Value::SortedSet(Box::default()),
    });
    // A copied or moved value may be of another kind.
    match entry.kind() {
        Kind::Hash => change(&mut *entry.edit::<Hash>().expect("it is a hash")),
        Kind::Set => change(&mut *entry.edit::<Set>().expect("it is a set")),
        _ => change(&mut *entry.edit::<SortedSet>().expect("it is a sorted set")),
    }
    let empty = match entry.kind() {
        Kind::Hash => entry.get::<Hash>().is_some_and(Typed::is_empty),
        Kind::Set => entry.get::<Set>().is_some_and(Typed::is_empty),
        _ => entry.get::<SortedSet>().is_some_and(Typed::is_empty),
    };
    if empty {
        database.remove(hash, &[key]);
    }
}

/// What the deeds ask of a collection.
trait Members {
    fn add(&mut self, member: u8);
    fn give(&mut self, member: u8, deadline: u64);
    fn take(&mut self, member: u8);
    fn drop(&mut self, member: u8);
}

/// The part of it that is not the same for all.
trait Growing: Perishable {
    fn grow(&mut self, member: &[u8], thresholds: &Thresholds);
}

impl Growing for Hash {
    fn grow(&mut self, member: &[u8], thresholds: &Thresholds) {
        self.set(member, member, thresholds);
    }
}

impl Growing for Set {
    fn grow(&mut self, member: &[u8], thresholds: &Thresholds) {
        self.add(member, thresholds);
    }
}

impl Growing for SortedSet {
    fn grow(&mut self, member: &[u8], thresholds: &Thresholds) {
        self.insert(member, Score::new(f64::from(member[0] % 5)).expect("a number"), thresholds);
    }
}

impl<T: Growing> Members for T {
    fn add(&mut self, member: u8) {
        self.grow(&[member], &thresholds());
    }

    fn give(&mut self, member: u8, deadline: u64) {
        if self.holds(&[member]) {
            self.give_deadline(&[member], UnixMillis(deadline), &thresholds());
        }
    }

    fn take(&mut self, member: u8) {
        self.take_deadline(&[member]);
    }

    fn drop(&mut self, member: u8) {
        self.drop_member(&[member]);
    }
}

fn thresholds() -> Thresholds {
    Thresholds { hash_listpack_entries: 20, ..Thresholds::default() }
}

proptest! {
    #![proptest_config(Config { cases: if cfg!(miri) { 2 } else { 150 }, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_books_agree(deeds in prop::collection::vec(deed(), 1..if cfg!(miri) { 30 } else { 300 })) {
        let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
        for deed in deeds {
            match deed {
                Deed::Add(key, member) => edit(&mut keyspace, key, true, |members| members.add(member)),
                Deed::Drop(key, member) => edit(&mut keyspace, key, false, |members| members.drop(member)),
                Deed::Give(key, member, at) => edit(&mut keyspace, key, false, |members| members.give(member, at)),
                Deed::Take(key, member) => edit(&mut keyspace, key, false, |members| members.take(member)),
                Deed::Deadline(key, at) => {
                    let hash = keyspace.hash(&[key]);
                    keyspace.database_mut(0).set_deadline(hash, &[key], at.map(UnixMillis));
                }
                Deed::Copy(from, to) => {
                    let (from_hash, to_hash) = (keyspace.hash(&[from]), keyspace.hash(&[to]));
                    let database = keyspace.database_mut(0);
                    if let Some(value) = database.find(from_hash, &[from]).map(Entry::duplicate) {
                        database.insert(to_hash, &[to], value, None);
                    }
                }
                Deed::Move(from, to) => {
                    let (from_hash, to_hash) = (keyspace.hash(&[from]), keyspace.hash(&[to]));
                    let database = keyspace.database_mut(0);
                    if let Some((value, deadline)) = database.remove(from_hash, &[from]) {
                        database.insert(to_hash, &[to], value, deadline);
                    }
                }
                Deed::SetText(key) => {
                    let hash = keyspace.hash(&[key]);
                    keyspace.database_mut(0).set_text(hash, &[key], b"text", Keep::Keep);
                }
                Deed::Remove(key) => {
                    let hash = keyspace.hash(&[key]);
                    keyspace.database_mut(0).remove(hash, &[key]);
                }
                Deed::RemoveDue(key, now) => {
                    let hash = keyspace.hash(&[key]);
                    let database = keyspace.database_mut(0);
                    if database.find(hash, &[key]).is_some_and(|entry| entry.is_due(UnixMillis(now))) {
                        database.remove(hash, &[key]);
                    } else {
                        database.drop_due_members(hash, &[key], UnixMillis(now), &mut |_, _| {});
                        let earliest = database.find(hash, &[key]).and_then(Entry::member_deadline);
                        prop_assert!(earliest.is_none_or(|earliest| earliest >= UnixMillis(now)));
                    }
                }
                Deed::Sweep(now, budget) => {
                    let database = keyspace.database_mut(0);
                    let swept = database.sweep(UnixMillis(now), budget, &mut |_, _, _| {}, &mut |_, _| {});
                    prop_assert!(swept.all() <= budget);
                    if swept.all() < budget {
                        prop_assert!(database.next_deadline().is_none_or(|next| next >= UnixMillis(now)));
                    }
                }
                Deed::TakeAll => {
                    let taken = keyspace.database_mut(0).take();
                    taken.check();
                    prop_assert_eq!(keyspace.database(0).next_deadline(), None);
                }
            }
            keyspace.database(0).check();
        }
    }
}
