//! Deadlines of members against a naive model with a clock: long random sequences of calls on hashes, sets and sorted sets, in which time
//! passes and sweeps come and go, and no reply may ever tell of a member past its time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::Config;
use trencadis::internal::InProcess;

use crate::reply::Reply;

const SHARDS: u32 = 3;
const KEYS: u8 = 6;
/// More than a row of deadlines holds.
const MEMBERS: u8 = 80;
const BEGIN_MS: u64 = 1_700_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hash,
    Set,
    SortedSet,
}

impl Kind {
    /// The kind that a key has always.
    fn of(key: u8) -> Kind {
        [Kind::Hash, Kind::Set, Kind::SortedSet][usize::from(key % 3)]
    }

    fn letter(self) -> &'static str {
        match self {
            Kind::Hash => "H",
            Kind::Set => "S",
            Kind::SortedSet => "Z",
        }
    }
}

#[derive(Clone, Debug)]
enum Deed {
    /// HSET, SADD, ZADD; some values are too long for a packed hash.
    Write(u8, u8, bool),
    /// Every member that is not there.
    Fill(u8),
    /// HINCRBY, ZADD INCR: what keeps a deadline.
    Add(u8, u8),
    /// A few members from the first on get the same deadline: now, a little earlier or later.
    Expire {
        key: u8,
        first: u8,
        count: u8,
        span: i8,
        condition: u8,
    },
    Persist(u8, u8),
    Remove(u8, u8),
    /// SPOP, ZPOPMIN.
    Pop(u8),
    Copy(u8, u8),
    Rename(u8, u8),
    Delete(u8),
    Tick(u8),
    Sweep(usize),
    Look(u8),
    LookAtKeys,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (key, member) = (0..KEYS, 0..MEMBERS);
    prop_oneof![
        12 => (key.clone(), member.clone(), prop::bool::weighted(0.02)).prop_map(|(key, member, long)| Deed::Write(key, member, long)),
        1 => key.clone().prop_map(Deed::Fill),
        3 => (key.clone(), member.clone()).prop_map(|(key, member)| Deed::Add(key, member)),
        12 => (key.clone(), member.clone(), prop_oneof![4 => 1..12u8, 1 => 40..=MEMBERS], prop_oneof![-3..8i8, 8..60i8], 0..8u8)
            .prop_map(|(key, first, count, span, condition)| Deed::Expire { key, first, count, span, condition }),
        3 => (key.clone(), member.clone()).prop_map(|(key, member)| Deed::Persist(key, member)),
        3 => (key.clone(), member).prop_map(|(key, member)| Deed::Remove(key, member)),
        1 => key.clone().prop_map(Deed::Pop),
        1 => (key.clone(), key.clone()).prop_map(|(from, to)| Deed::Copy(from, to)),
        1 => (key.clone(), key.clone()).prop_map(|(from, to)| Deed::Rename(from, to)),
        1 => key.clone().prop_map(Deed::Delete),
        6 => prop_oneof![0..4u8, 0..20u8].prop_map(Deed::Tick),
        3 => (0..40usize).prop_map(Deed::Sweep),
        4 => key.prop_map(Deed::Look),
        2 => Just(Deed::LookAtKeys),
    ]
}

#[derive(Clone, Debug)]
struct Kept {
    value: String,
    deadline: Option<u64>,
}

/// The naive model: by key and member, what is due removed before every look.
struct World {
    shards: InProcess,
    keys: BTreeMap<u8, BTreeMap<String, Kept>>,
}

fn name(key: u8) -> String {
    format!("k{key}")
}

/// Some members are numbers, of which small sets make integers.
fn member_name(member: u8) -> String {
    if member.is_multiple_of(3) { member.to_string() } else { format!("m{member}") }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("a bulk string was due: {other}"),
    }
}

impl World {
    fn new() -> World {
        let mut shards = InProcess::new(SHARDS);
        shards.now_ms = BEGIN_MS;
        World { shards, keys: BTreeMap::new() }
    }

    fn ask(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
        let bytes = self.shards.call(&words).expect("a data command");
        Reply::decode(&bytes).expect("a whole reply").0
    }

    fn texts(&mut self, line: &str) -> Vec<String> {
        let Reply::Array(elements) = self.ask(line) else { panic!("{line} answers an array") };
        elements.iter().map(text).collect()
    }

    /// Time passes in the model, too.
    fn expire_in_model(&mut self) {
        let now = self.shards.now_ms;
        for members in self.keys.values_mut() {
            members.retain(|_, kept| kept.deadline.is_none_or(|deadline| now <= deadline));
        }
        self.keys.retain(|_, members| !members.is_empty());
    }

    fn keep(&mut self, key: u8, member: u8) -> Option<&mut Kept> {
        self.keys.get_mut(&key)?.get_mut(&member_name(member))
    }

    fn forget(&mut self, key: u8, member: &str) -> bool {
        let Some(members) = self.keys.get_mut(&key) else { return false };
        let was_there = members.remove(member).is_some();
        if members.is_empty() {
            self.keys.remove(&key);
        }
        was_there
    }

    fn do_it(&mut self, deed: &Deed) {
        self.expire_in_model();
        match *deed {
            Deed::Write(key, member, long) => {
                let (name, member) = (name(key), member_name(member));
                let value = if long { "v".repeat(100) } else { member.len().to_string() };
                let (line, value) = match Kind::of(key) {
                    Kind::Hash => (format!("HSET {name} {member} {value}"), value),
                    Kind::Set => (format!("SADD {name} {member}"), String::new()),
                    Kind::SortedSet => (format!("ZADD {name} 5 {member}"), "5".to_owned()),
                };
                let is_new = self.keys.entry(key).or_default().insert(member, Kept { value, deadline: None }).is_none();
                assert_eq!(self.ask(&line), Reply::Integer(i64::from(is_new)));
            }
            Deed::Fill(key) => {
                let members = self.keys.get(&key).cloned().unwrap_or_default();
                for member in (0..MEMBERS).filter(|member| !members.contains_key(&member_name(*member))) {
                    self.do_it(&Deed::Write(key, member, false));
                }
            }
            Deed::Add(key, member) => {
                let (name, word) = (name(key), member_name(member));
                let line = match Kind::of(key) {
                    Kind::Hash => format!("HINCRBY {name} {word} 1"),
                    Kind::SortedSet => format!("ZADD {name} INCR 1 {word}"),
                    Kind::Set => return,
                };
                let reply = self.ask(&line);
                if matches!(reply, Reply::Error(_)) {
                    return; // a text, or too long a number
                }
                let kept = self.keys.entry(key).or_default().entry(word).or_insert(Kept { value: "0".to_owned(), deadline: None });
                let sum = kept.value.parse::<i64>().expect("only numbers are added to") + 1;
                kept.value = sum.to_string();
                assert_eq!(reply, if Kind::of(key) == Kind::Hash { Reply::Integer(sum) } else { Reply::Bulk(kept.value.clone().into()) });
            }
            Deed::Expire { key, first, count, span, condition } => {
                let now = self.shards.now_ms;
                let deadline = now.saturating_add_signed(i64::from(span));
                let words = ["", "NX", "XX", "GT", "LT", "", "", ""][usize::from(condition)];
                let members: Vec<u8> = (0..count).map(|more| (first + more) % MEMBERS).collect();
                let listed: Vec<String> = members.iter().map(|member| member_name(*member)).collect();
                let of = if Kind::of(key) == Kind::Hash { "FIELDS" } else { "MEMBERS" };
                let line =
                    format!("{}PEXPIREAT {} {deadline} {words} {of} {count} {}", Kind::of(key).letter(), name(key), listed.join(" "));
                let expected = members.iter().map(|&member| {
                    let word = member_name(member);
                    let Some(kept) = self.keep(key, member) else { return -2 };
                    let admitted = match (words, kept.deadline) {
                        ("NX", before) => before.is_none(),
                        ("XX", before) => before.is_some(),
                        ("GT", before) => before.is_some_and(|before| deadline > before),
                        ("LT", before) => before.is_none_or(|before| deadline < before),
                        _ => true,
                    };
                    if !admitted {
                        0
                    } else if deadline <= now {
                        self.forget(key, &word);
                        2
                    } else {
                        kept.deadline = Some(deadline);
                        1
                    }
                });
                let expected = Reply::Array(expected.map(Reply::Integer).collect());
                assert_eq!(self.ask(&line), expected, "{line}");
            }
            Deed::Persist(key, member) => {
                let expected = match self.keep(key, member) {
                    None => -2,
                    Some(kept) => kept.deadline.take().map_or(-1, |_| 1),
                };
                let line = format!("{}PERSIST {} FIELDS 1 {}", Kind::of(key).letter(), name(key), member_name(member));
                assert_eq!(self.ask(&line), Reply::Array(vec![Reply::Integer(expected)]), "{line}");
            }
            Deed::Remove(key, member) => {
                let word = member_name(member);
                let was_there = self.forget(key, &word);
                let (line, expected) = match Kind::of(key) {
                    Kind::Hash => (format!("HDEL {} {word}", name(key)), Reply::Integer(i64::from(was_there))),
                    kind => (
                        format!("{}EXPIRE {} 0 MEMBERS 1 {word}", kind.letter(), name(key)),
                        Reply::Array(vec![Reply::Integer(if was_there { 2 } else { -2 })]),
                    ),
                };
                assert_eq!(self.ask(&line), expected, "{line}");
            }
            Deed::Pop(key) => {
                let reply = match Kind::of(key) {
                    Kind::Hash => return,
                    Kind::Set => self.ask(&format!("SPOP {}", name(key))),
                    Kind::SortedSet => match self.ask(&format!("ZPOPMIN {}", name(key))) {
                        Reply::Array(pair) => pair.into_iter().next().unwrap_or(Reply::Nil),
                        other => panic!("ZPOPMIN answers an array, not {other}"),
                    },
                };
                match reply {
                    Reply::Bulk(_) => assert!(self.forget(key, &text(&reply)), "{reply} was popped and is not there"),
                    _ => assert!(!self.keys.contains_key(&key)),
                }
            }
            Deed::Copy(from, to) if Kind::of(from) == Kind::of(to) && from != to => {
                let there = self.keys.get(&from).cloned();
                let line = format!("COPY {} {} REPLACE", name(from), name(to));
                assert_eq!(self.ask(&line), Reply::Integer(i64::from(there.is_some())));
                if let Some(members) = there {
                    self.keys.insert(to, members);
                }
            }
            Deed::Rename(from, to) if Kind::of(from) == Kind::of(to) && from != to => {
                let reply = self.ask(&format!("RENAME {} {}", name(from), name(to)));
                match self.keys.remove(&from) {
                    Some(members) => {
                        assert_eq!(reply, Reply::Simple(b"OK".to_vec()));
                        self.keys.insert(to, members);
                    }
                    None => assert!(matches!(reply, Reply::Error(_))),
                }
            }
            Deed::Copy(..) | Deed::Rename(..) => {}
            Deed::Delete(key) => {
                let there = self.keys.remove(&key).is_some();
                assert_eq!(self.ask(&format!("DEL {}", name(key))), Reply::Integer(i64::from(there)));
            }
            Deed::Tick(millis) => self.shards.now_ms += u64::from(millis),
            Deed::Sweep(budget) => {
                let swept = self.shards.sweep(budget);
                assert!(swept <= budget * SHARDS as usize);
                if swept == 0 && budget > 0 {
                    let now = self.shards.now_ms;
                    assert!(self.shards.next_deadline_ms().is_none_or(|next| now <= next), "something is due and was not swept");
                }
            }
            Deed::Look(key) => self.look(key),
            Deed::LookAtKeys => {
                let shown: BTreeSet<String> = self.texts("KEYS *").into_iter().collect();
                let expected: BTreeSet<String> = self.keys.keys().map(|key| name(*key)).collect();
                assert_eq!(shown, expected);
            }
        }
    }

    /// Compares a key with the model, member by member.
    fn look(&mut self, key: u8) {
        self.expire_in_model();
        let (kind, name) = (Kind::of(key), name(key));
        let expected = self.keys.get(&key).cloned().unwrap_or_default();
        let shown: BTreeMap<String, String> = match kind {
            Kind::Set => self.texts(&format!("SMEMBERS {name}")).into_iter().map(|member| (member, String::new())).collect(),
            Kind::Hash => self.texts(&format!("HGETALL {name}")).chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
            Kind::SortedSet => {
                self.texts(&format!("ZRANGE {name} 0 -1 WITHSCORES")).chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
            }
        };
        let values: BTreeMap<String, String> = expected.iter().map(|(member, kept)| (member.clone(), kept.value.clone())).collect();
        assert_eq!(shown, values, "{name}");
        let listed: Vec<String> = (0..MEMBERS).map(member_name).collect();
        let line = format!("{}PEXPIRETIME {name} FIELDS {MEMBERS} {}", kind.letter(), listed.join(" "));
        let deadlines = listed.iter().map(|member| match expected.get(member) {
            None => -2,
            Some(kept) => kept.deadline.map_or(-1, |deadline| i64::try_from(deadline).expect("a date")),
        });
        assert_eq!(self.ask(&line), Reply::Array(deadlines.map(Reply::Integer).collect()), "{line}");
    }

    /// After everything that is due was swept, nothing of it is counted any more.
    fn end(&mut self) {
        for key in 0..KEYS {
            self.look(key);
        }
        self.shards.now_ms += 30;
        self.expire_in_model();
        while self.shards.sweep(7) > 0 {}
        assert_eq!(self.ask("DBSIZE"), Reply::Integer(self.keys.len() as i64));
        let next = self.keys.values().flat_map(BTreeMap::values).filter_map(|kept| kept.deadline).min();
        assert_eq!(self.shards.next_deadline_ms(), next);
        (0..KEYS).for_each(|key| self.look(key));
        self.ask("FLUSHALL");
        assert_eq!(self.shards.next_deadline_ms(), None);
    }
}

proptest! {
    #![proptest_config(Config { cases: 150, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_reply_tells_of_what_is_due(deeds in prop::collection::vec(deed(), 1..400)) {
        let mut world = World::new();
        for deed in &deeds {
            world.do_it(deed);
        }
        world.end();
    }
}

#[test]
fn a_deadline_holds_to_the_millisecond() {
    for (write, expire, read) in [
        ("HSET k a 1 b 1", "HPEXPIRE k 10 FIELDS 1 a", "HLEN k"),
        ("SADD k a b", "SPEXPIRE k 10 MEMBERS 1 a", "SCARD k"),
        ("ZADD k 1 a 1 b", "ZPEXPIRE k 10 MEMBERS 1 a", "ZCARD k"),
    ] {
        let mut world = World::new();
        world.ask(write);
        world.ask(expire);
        world.shards.now_ms += 10;
        assert_eq!(world.ask(read), Reply::Integer(2), "its last millisecond is its own");
        assert_eq!(world.shards.sweep(100), 0);
        world.shards.now_ms += 1;
        assert_eq!(world.ask(read), Reply::Integer(1));
        assert_eq!(world.shards.sweep(100), 0, "it went when it was looked for");
    }
}

#[test]
fn a_sweep_takes_a_collection_that_is_due_as_one() {
    let mut world = World::new();
    for field in 0..10_000 {
        world.ask(&format!("HSETEX k PX 10 FIELDS 1 f{field} v"));
    }
    world.ask("HSETEX half PX 10 FIELDS 1 a v");
    world.ask("HSET half b v");
    world.shards.now_ms += 11;
    assert_eq!(world.texts("KEYS *"), ["half"]);
    assert_eq!(world.shards.sweep(2), 2, "a key and a member");
    assert_eq!(world.ask("DBSIZE"), Reply::Integer(1));
    assert_eq!(world.ask("EXISTS k half"), Reply::Integer(1));
}

#[test]
fn many_that_are_due_at_once_are_swept_in_steps() {
    let mut world = World::new();
    world.ask("SADD k stays");
    for member in 0..5000 {
        world.ask(&format!("SADD k {member}"));
        world.ask(&format!("SPEXPIREAT k {} MEMBERS 1 {member}", BEGIN_MS + 5));
    }
    world.shards.now_ms += 6;
    let mut steps = 0;
    while world.shards.sweep(1000) > 0 {
        steps += 1;
    }
    assert_eq!(steps, 5);
    assert_eq!(world.ask("SMEMBERS k"), Reply::Array(vec![Reply::Bulk(b"stays".to_vec())]));
    assert_eq!(world.shards.next_deadline_ms(), None);
}
