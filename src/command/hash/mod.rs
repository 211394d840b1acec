//! Commands on hashes: the table of the family.

mod all;
mod del;
mod get;
mod getex;
mod incr;
mod options;
mod random;
mod scan;
mod set;
mod setex;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const INSERT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::INSERT))];
const COUNT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const DELETE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::DELETE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const VARYING: &[&str] = &["nondeterministic_output"];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::HASH)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::HASH)
}

pub(crate) static TABLE: &[Row] = &[
    write("hset", Arity::at_least(4), UPDATE, set::hset).denyoom().fast().doc(
        "hash",
        "2.0.0",
        "Gives fields of a hash their values, and answers how many fields are new.",
        "O(N) for N fields",
        "key field value [field value ...]",
    ),
    write("hmset", Arity::at_least(4), UPDATE, set::hmset).denyoom().fast().doc(
        "hash",
        "2.0.0",
        "Gives fields of a hash their values.",
        "O(N) for N fields",
        "key field value [field value ...]",
    ),
    write("hsetnx", Arity::exactly(4), INSERT, set::hsetnx).denyoom().fast().doc(
        "hash",
        "2.0.0",
        "Gives a field of a hash a value, unless it has one.",
        "O(1)",
        "key field value",
    ),
    write("hincrby", Arity::exactly(4), COUNT, incr::hincrby).denyoom().fast().doc(
        "hash",
        "2.0.0",
        "Adds an integer to a field of a hash, which counts from 0 if it is missing.",
        "O(1)",
        "key field increment",
    ),
    write("hincrbyfloat", Arity::exactly(4), COUNT, incr::hincrbyfloat).denyoom().fast().doc(
        "hash",
        "2.6.0",
        "Adds a decimal fraction to a field of a hash, which counts from 0 if it is missing.",
        "O(1)",
        "key field increment",
    ),
    write("hdel", Arity::at_least(3), DELETE, del::hdel).fast().doc(
        "hash",
        "2.0.0",
        "Removes fields of a hash, and answers how many there were.",
        "O(N) for N fields",
        "key field [field ...]",
    ),
    write("hsetex", Arity::at_least(6), UPDATE, setex::hsetex).denyoom().fast().doc(
        "hash",
        "8.0.0",
        "Gives fields of a hash their values and a time at which they expire, all of them or none.",
        "O(N) for N fields",
        "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL] \
         FIELDS numfields field value [field value ...]",
    ),
    write("hgetex", Arity::at_least(5), COUNT, getex::hgetex).fast().doc(
        "hash",
        "8.0.0",
        "Answers the values of fields of a hash, and sets or takes away the time at which they expire.",
        "O(N) for N fields",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
         FIELDS numfields field [field ...]",
    ),
    write("hgetdel", Arity::at_least(5), TAKE, getex::hgetdel).fast().doc(
        "hash",
        "8.0.0",
        "Answers the values of fields of a hash, and removes them.",
        "O(N) for N fields",
        "key FIELDS numfields field [field ...]",
    ),
    read("hget", Arity::exactly(3), READ, get::hget).fast().doc(
        "hash",
        "2.0.0",
        "Answers the value of a field of a hash.",
        "O(1)",
        "key field",
    ),
    read("hmget", Arity::at_least(3), READ, get::hmget).fast().doc(
        "hash",
        "2.0.0",
        "Answers the values of fields of a hash, null for those that are missing.",
        "O(N) for N fields",
        "key field [field ...]",
    ),
    read("hstrlen", Arity::exactly(3), LOOK, get::hstrlen).fast().doc(
        "hash",
        "3.2.0",
        "Answers how long the value of a field of a hash is, in bytes.",
        "O(1)",
        "key field",
    ),
    read("hexists", Arity::exactly(3), LOOK, get::hexists).fast().doc(
        "hash",
        "2.0.0",
        "Answers whether a hash has a field.",
        "O(1)",
        "key field",
    ),
    read("hlen", Arity::exactly(2), LOOK, get::hlen).fast().doc("hash", "2.0.0", "Answers how many fields a hash has.", "O(1)", "key"),
    read("hgetall", Arity::exactly(2), READ, all::hgetall).tips(ANY_ORDER).doc(
        "hash",
        "2.0.0",
        "Answers all fields of a hash with their values.",
        "O(N) for N fields",
        "key",
    ),
    read("hkeys", Arity::exactly(2), READ, all::hkeys).tips(ANY_ORDER).doc(
        "hash",
        "2.0.0",
        "Answers all fields of a hash.",
        "O(N) for N fields",
        "key",
    ),
    read("hvals", Arity::exactly(2), READ, all::hvals).tips(ANY_ORDER).doc(
        "hash",
        "2.0.0",
        "Answers the values of all fields of a hash.",
        "O(N) for N fields",
        "key",
    ),
    read("hrandfield", Arity::at_least(2), READ, random::hrandfield).tips(VARYING).doc(
        "hash",
        "6.2.0",
        "Answers fields of a hash chosen at random: one, so many different ones, or, for a negative count, so many picks.",
        "O(N) for N fields",
        "key [count [WITHVALUES]]",
    ),
    read("hscan", Arity::at_least(3), READ, scan::hscan).tips(VARYING).doc(
        "hash",
        "2.8.0",
        "Answers some fields of a hash with their values, and a cursor with which to ask for more.",
        "O(1) for a step, O(N) for all N fields",
        "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    ),
];
