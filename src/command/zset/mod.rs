//! Commands on sorted sets: the table of the family.

mod add;
mod bounds;
mod pop;
mod range;
mod score;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::SORTEDSET)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::SORTEDSET)
}

pub(crate) static TABLE: &[Row] = &[
    write("zadd", Arity::at_least(4), UPDATE, add::zadd).denyoom().fast().doc(
        "sorted-set",
        "1.2.0",
        "Gives members of a sorted set their scores, on condition if asked, and answers how many are new.",
        "O(log(N)) for each member, in a set of N",
        "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    ),
    write("zpopmin", Arity::at_least(2), TAKE, pop::zpopmin).fast().doc(
        "sorted-set",
        "5.0.0",
        "Takes the member of the lowest score, or a few of them, out of a sorted set.",
        "O(log(N)+M) for M members, in a set of N",
        "key [count]",
    ),
    read("zrange", Arity::at_least(4), READ, range::zrange).doc(
        "sorted-set",
        "1.2.0",
        "Answers the members of a sorted set between two ranks, scores or names.",
        "O(log(N)+M) for M members, in a set of N",
        "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    ),
    read("zscore", Arity::exactly(3), READ, score::zscore).fast().doc(
        "sorted-set",
        "1.2.0",
        "Answers the score of a member of a sorted set.",
        "O(1)",
        "key member",
    ),
    read("zcard", Arity::exactly(2), LOOK, score::zcard).fast().doc(
        "sorted-set",
        "1.2.0",
        "Answers how many members a sorted set has.",
        "O(1)",
        "key",
    ),
];
