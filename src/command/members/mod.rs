//! Deadlines of single members: one family over hashes, sets and sorted sets. The commands of hashes are those of Redis 7.4; those of
//! sets and sorted sets are ours, with the same words. `docs/member-ttl.md` tells what becomes of deadlines.

mod expire;
mod ttl;
mod words;

pub(crate) use expire::moment;
pub(crate) use words::{Dealt, Worded};

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};
use crate::store::types::{Hash, Set, SortedSet};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];

const VARYING: &[&str] = &["nondeterministic_output"];

/// What the number of a call counts.
trait Unit {
    const MILLIS: i64;
}

struct Seconds;

impl Unit for Seconds {
    const MILLIS: i64 = 1000;
}

struct Millis;

impl Unit for Millis {
    const MILLIS: i64 = 1;
}

const fn give(name: &'static str, categories: Categories, run: Run) -> Row {
    spec::write(name, Arity::at_least(6), UPDATE, run).categories(categories).denyoom().fast()
}

const fn take(name: &'static str, categories: Categories, run: Run) -> Row {
    spec::write(name, Arity::at_least(5), UPDATE, run).categories(categories).fast()
}

const fn tell(name: &'static str, categories: Categories, run: Run) -> Row {
    spec::read(name, Arity::at_least(5), READ, run).categories(categories).fast()
}

const HASH: Categories = Categories::HASH;
const SET: Categories = Categories::SET;
const ZSET: Categories = Categories::SORTEDSET;

pub(crate) static TABLE: &[Row] = &[
    give("hexpire", HASH, expire::within::<Hash, Seconds>).doc(
        "hash",
        "7.4.0",
        "Lets fields of a hash expire after some seconds.",
        "O(N log(M)) for N fields, M with deadlines",
        "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    give("hpexpire", HASH, expire::within::<Hash, Millis>).doc(
        "hash",
        "7.4.0",
        "Lets fields of a hash expire after some milliseconds.",
        "O(N log(M)) for N fields, M with deadlines",
        "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    give("hexpireat", HASH, expire::at::<Hash, Seconds>).doc(
        "hash",
        "7.4.0",
        "Lets fields of a hash expire at a time in Unix seconds.",
        "O(N log(M)) for N fields, M with deadlines",
        "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    give("hpexpireat", HASH, expire::at::<Hash, Millis>).doc(
        "hash",
        "7.4.0",
        "Lets fields of a hash expire at a time in Unix milliseconds.",
        "O(N log(M)) for N fields, M with deadlines",
        "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    tell("httl", HASH, ttl::left::<Hash, Seconds>).tips(VARYING).doc(
        "hash",
        "7.4.0",
        "Answers in how many seconds fields of a hash expire; -1 if never, -2 if there is no such field.",
        "O(N) for N fields",
        "key FIELDS numfields field [field ...]",
    ),
    tell("hpttl", HASH, ttl::left::<Hash, Millis>).tips(VARYING).doc(
        "hash",
        "7.4.0",
        "Answers in how many milliseconds fields of a hash expire; -1 if never, -2 if there is no such field.",
        "O(N) for N fields",
        "key FIELDS numfields field [field ...]",
    ),
    tell("hexpiretime", HASH, ttl::until::<Hash, Seconds>).doc(
        "hash",
        "7.4.0",
        "Answers when fields of a hash expire, in Unix seconds; -1 if never, -2 if there is no such field.",
        "O(N) for N fields",
        "key FIELDS numfields field [field ...]",
    ),
    tell("hpexpiretime", HASH, ttl::until::<Hash, Millis>).doc(
        "hash",
        "7.4.0",
        "Answers when fields of a hash expire, in Unix milliseconds; -1 if never, -2 if there is no such field.",
        "O(N) for N fields",
        "key FIELDS numfields field [field ...]",
    ),
    take("hpersist", HASH, ttl::persist::<Hash>).doc(
        "hash",
        "7.4.0",
        "Takes away the times at which fields of a hash expire.",
        "O(N log(M)) for N fields, M with deadlines",
        "key FIELDS numfields field [field ...]",
    ),
    give("sexpire", SET, expire::within::<Set, Seconds>).doc(
        "set",
        "0.1.0",
        "Lets members of a set expire after some seconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key seconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("spexpire", SET, expire::within::<Set, Millis>).doc(
        "set",
        "0.1.0",
        "Lets members of a set expire after some milliseconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key milliseconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("sexpireat", SET, expire::at::<Set, Seconds>).doc(
        "set",
        "0.1.0",
        "Lets members of a set expire at a time in Unix seconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key unix-time-seconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("spexpireat", SET, expire::at::<Set, Millis>).doc(
        "set",
        "0.1.0",
        "Lets members of a set expire at a time in Unix milliseconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key unix-time-milliseconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    tell("sttl", SET, ttl::left::<Set, Seconds>).tips(VARYING).doc(
        "set",
        "0.1.0",
        "Answers in how many seconds members of a set expire; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("spttl", SET, ttl::left::<Set, Millis>).tips(VARYING).doc(
        "set",
        "0.1.0",
        "Answers in how many milliseconds members of a set expire; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("sexpiretime", SET, ttl::until::<Set, Seconds>).doc(
        "set",
        "0.1.0",
        "Answers when members of a set expire, in Unix seconds; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("spexpiretime", SET, ttl::until::<Set, Millis>).doc(
        "set",
        "0.1.0",
        "Answers when members of a set expire, in Unix milliseconds; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    take("spersist", SET, ttl::persist::<Set>).doc(
        "set",
        "0.1.0",
        "Takes away the times at which members of a set expire.",
        "O(N log(M)) for N members, M with deadlines",
        "key MEMBERS nummembers member [member ...]",
    ),
    give("zexpire", ZSET, expire::within::<SortedSet, Seconds>).doc(
        "sorted-set",
        "0.1.0",
        "Lets members of a sorted set expire after some seconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key seconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("zpexpire", ZSET, expire::within::<SortedSet, Millis>).doc(
        "sorted-set",
        "0.1.0",
        "Lets members of a sorted set expire after some milliseconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key milliseconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("zexpireat", ZSET, expire::at::<SortedSet, Seconds>).doc(
        "sorted-set",
        "0.1.0",
        "Lets members of a sorted set expire at a time in Unix seconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key unix-time-seconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    give("zpexpireat", ZSET, expire::at::<SortedSet, Millis>).doc(
        "sorted-set",
        "0.1.0",
        "Lets members of a sorted set expire at a time in Unix milliseconds.",
        "O(N log(M)) for N members, M with deadlines",
        "key unix-time-milliseconds [NX | XX | GT | LT] MEMBERS nummembers member [member ...]",
    ),
    tell("zttl", ZSET, ttl::left::<SortedSet, Seconds>).tips(VARYING).doc(
        "sorted-set",
        "0.1.0",
        "Answers in how many seconds members of a sorted set expire; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("zpttl", ZSET, ttl::left::<SortedSet, Millis>).tips(VARYING).doc(
        "sorted-set",
        "0.1.0",
        "Answers in how many milliseconds members of a sorted set expire; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("zexpiretime", ZSET, ttl::until::<SortedSet, Seconds>).doc(
        "sorted-set",
        "0.1.0",
        "Answers when members of a sorted set expire, in Unix seconds; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    tell("zpexpiretime", ZSET, ttl::until::<SortedSet, Millis>).doc(
        "sorted-set",
        "0.1.0",
        "Answers when members of a sorted set expire, in Unix milliseconds; -1 if never, -2 if there is no such member.",
        "O(N) for N members",
        "key MEMBERS nummembers member [member ...]",
    ),
    take("zpersist", ZSET, ttl::persist::<SortedSet>).doc(
        "sorted-set",
        "0.1.0",
        "Takes away the times at which members of a sorted set expire.",
        "O(N log(M)) for N members, M with deadlines",
        "key MEMBERS nummembers member [member ...]",
    ),
];
