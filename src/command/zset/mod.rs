//! Commands on sorted sets: the table of the family.

pub(super) mod add;
mod algebra;
mod bounds;
mod count;
mod pairs;
mod pop;
mod random;
mod range;
mod rank;
mod remove;
mod scan;
mod score;
pub(super) mod store;

use crate::command::{Access, Arity, Categories, Find, Flags, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const TAKE_COUNTED: &[KeySpec] = &[KeySpec::counted(1, 1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const TAKE_ANY_WAITING: &[KeySpec] =
    &[KeySpec { begin: 1, find: Find::Range { last: -2, step: 1 }, access: Access::RW.and(Access::ACCESS).and(Access::DELETE) }];
const TAKE_COUNTED_WAITING: &[KeySpec] = &[KeySpec::counted(2, 1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const ADJUST: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))];
const DELETE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::DELETE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];
const COUNTED: &[KeySpec] = &[KeySpec::counted(1, 1, Access::RO.and(Access::ACCESS))];
const TARGET: KeySpec = KeySpec::at(1, Access::OW.and(Access::UPDATE));
const STORE_ONE: &[KeySpec] = &[TARGET, KeySpec::at(2, Access::RO.and(Access::ACCESS))];
const STORE_COUNTED: &[KeySpec] = &[TARGET, KeySpec::counted(2, 1, Access::RO.and(Access::ACCESS))];

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
    write("zincrby", Arity::exactly(4), ADJUST, add::zincrby).denyoom().fast().doc(
        "sorted-set",
        "1.2.0",
        "Adds to the score of a member of a sorted set, and answers the new score.",
        "O(log(N))",
        "key increment-by-float member",
    ),
    write("zrem", Arity::at_least(3), DELETE, remove::zrem).fast().doc(
        "sorted-set",
        "1.2.0",
        "Removes members of a sorted set, and answers how many were there.",
        "O(M*log(N)) for M members, in a set of N",
        "key member [member ...]",
    ),
    write("zremrangebyrank", Arity::exactly(4), DELETE, remove::zremrangebyrank).doc(
        "sorted-set",
        "2.0.0",
        "Removes the members of a sorted set between two ranks.",
        "O(log(N)+M) for M members, in a set of N",
        "key start stop",
    ),
    write("zremrangebyscore", Arity::exactly(4), DELETE, remove::zremrangebyscore).doc(
        "sorted-set",
        "1.2.0",
        "Removes the members of a sorted set between two scores.",
        "O(log(N)+M) for M members, in a set of N",
        "key min max",
    ),
    write("zremrangebylex", Arity::exactly(4), DELETE, remove::zremrangebylex).doc(
        "sorted-set",
        "2.8.9",
        "Removes the members of a sorted set of equal scores between two names.",
        "O(log(N)+M) for M members, in a set of N",
        "key min max",
    ),
    write("zpopmin", Arity::at_least(2), TAKE, pop::zpopmin).fast().doc(
        "sorted-set",
        "5.0.0",
        "Takes the member of the lowest score, or a few of them, out of a sorted set.",
        "O(log(N)+M) for M members, in a set of N",
        "key [count]",
    ),
    write("zpopmax", Arity::at_least(2), TAKE, pop::zpopmax).fast().doc(
        "sorted-set",
        "5.0.0",
        "Takes the member of the highest score, or a few of them, out of a sorted set.",
        "O(M*log(N)) for M members, in a set of N",
        "key [count]",
    ),
    write("zmpop", Arity::at_least(4), TAKE_COUNTED, pop::zmpop).doc(
        "sorted-set",
        "7.0.0",
        "Takes members of the lowest or highest scores out of the first of several sorted sets that there is.",
        "O(K)+O(M*log(N)) for K keys and M members, in a set of N",
        "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    ),
    read("zscore", Arity::exactly(3), READ, score::zscore).fast().doc(
        "sorted-set",
        "1.2.0",
        "Answers the score of a member of a sorted set.",
        "O(1)",
        "key member",
    ),
    read("zmscore", Arity::at_least(3), READ, score::zmscore).fast().doc(
        "sorted-set",
        "6.2.0",
        "Answers the scores of members of a sorted set.",
        "O(N) for N members",
        "key member [member ...]",
    ),
    read("zcard", Arity::exactly(2), LOOK, score::zcard).fast().doc(
        "sorted-set",
        "1.2.0",
        "Answers how many members a sorted set has.",
        "O(1)",
        "key",
    ),
    read("zrank", Arity::at_least(3), READ, rank::zrank).fast().doc(
        "sorted-set",
        "2.0.0",
        "Answers the place of a member of a sorted set, counted from the lowest score.",
        "O(log(N))",
        "key member [WITHSCORE]",
    ),
    read("zrevrank", Arity::at_least(3), READ, rank::zrevrank).fast().doc(
        "sorted-set",
        "2.0.0",
        "Answers the place of a member of a sorted set, counted from the highest score.",
        "O(log(N))",
        "key member [WITHSCORE]",
    ),
    read("zcount", Arity::exactly(4), READ, count::zcount).fast().doc(
        "sorted-set",
        "2.0.0",
        "Answers how many members of a sorted set have scores between two.",
        "O(log(N))",
        "key min max",
    ),
    read("zlexcount", Arity::exactly(4), READ, count::zlexcount).fast().doc(
        "sorted-set",
        "2.8.9",
        "Answers how many members of a sorted set of equal scores lie between two names.",
        "O(log(N))",
        "key min max",
    ),
    read("zrange", Arity::at_least(4), READ, range::zrange).doc(
        "sorted-set",
        "1.2.0",
        "Answers the members of a sorted set between two ranks, scores or names.",
        "O(log(N)+M) for M members, in a set of N",
        "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    ),
    read("zrevrange", Arity::at_least(4), READ, range::zrevrange).doc(
        "sorted-set",
        "1.2.0",
        "Answers the members of a sorted set between two ranks, counted and listed from the highest score down.",
        "O(log(N)+M) for M members, in a set of N",
        "key start stop [WITHSCORES]",
    ),
    read("zrangebyscore", Arity::at_least(4), READ, range::zrangebyscore).doc(
        "sorted-set",
        "1.0.5",
        "Answers the members of a sorted set between two scores.",
        "O(log(N)+M) for M members, in a set of N",
        "key min max [WITHSCORES] [LIMIT offset count]",
    ),
    read("zrevrangebyscore", Arity::at_least(4), READ, range::zrevrangebyscore).doc(
        "sorted-set",
        "2.2.0",
        "Answers the members of a sorted set between two scores, from the highest down.",
        "O(log(N)+M) for M members, in a set of N",
        "key max min [WITHSCORES] [LIMIT offset count]",
    ),
    read("zrangebylex", Arity::at_least(4), READ, range::zrangebylex).doc(
        "sorted-set",
        "2.8.9",
        "Answers the members of a sorted set of equal scores between two names.",
        "O(log(N)+M) for M members, in a set of N",
        "key min max [LIMIT offset count]",
    ),
    read("zrevrangebylex", Arity::at_least(4), READ, range::zrevrangebylex).doc(
        "sorted-set",
        "2.8.9",
        "Answers the members of a sorted set of equal scores between two names, the last first.",
        "O(log(N)+M) for M members, in a set of N",
        "key max min [LIMIT offset count]",
    ),
    write("zrangestore", Arity::at_least(5), STORE_ONE, range::zrangestore).denyoom().doc(
        "sorted-set",
        "6.2.0",
        "Keeps what ZRANGE would answer as a sorted set at another key.",
        "O(log(N)+M) for M members, in a set of N",
        "destination key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    ),
    read("zrandmember", Arity::at_least(2), READ, random::zrandmember).tips(&["nondeterministic_output"]).doc(
        "sorted-set",
        "6.2.0",
        "Answers a member of a sorted set chosen at random, or several.",
        "O(M*log(N)) for M members, in a set of N",
        "key [count [WITHSCORES]]",
    ),
    read("zscan", Arity::at_least(3), READ, scan::zscan).tips(&["nondeterministic_output"]).doc(
        "sorted-set",
        "2.8.0",
        "Answers members and scores of a sorted set in steps, and a cursor to go on with.",
        "O(1) for a step, O(N) for all",
        "key cursor [MATCH pattern] [COUNT count]",
    ),
    read("zunion", Arity::at_least(3), COUNTED, algebra::zunion).doc(
        "sorted-set",
        "6.2.0",
        "Answers the members that are in any of several sorted sets.",
        "O(N)+O(M*log(M)) for N members together, M of them in the result",
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]",
    ),
    read("zinter", Arity::at_least(3), COUNTED, algebra::zinter).doc(
        "sorted-set",
        "6.2.0",
        "Answers the members that are in all of several sorted sets.",
        "O(N*K)+O(M*log(M)) for K sets, the smallest of N members, M of them in the result",
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]",
    ),
    read("zintercard", Arity::at_least(3), COUNTED, algebra::zintercard).doc(
        "sorted-set",
        "7.0.0",
        "Answers how many members are in all of several sorted sets.",
        "O(N*K) for K sets, the smallest of N members",
        "numkeys key [key ...] [LIMIT limit]",
    ),
    read("zdiff", Arity::at_least(3), COUNTED, algebra::zdiff).doc(
        "sorted-set",
        "6.2.0",
        "Answers the members of the first of several sorted sets that are in none of the others.",
        "O(N)+O(M*log(M)) for N members together, M of them in the result",
        "numkeys key [key ...] [WITHSCORES]",
    ),
    write("zunionstore", Arity::at_least(4), STORE_COUNTED, algebra::zunionstore).denyoom().doc(
        "sorted-set",
        "2.0.0",
        "Keeps what ZUNION would answer as a sorted set at another key.",
        "O(N)+O(M*log(M)) for N members together, M of them in the result",
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]",
    ),
    write("zinterstore", Arity::at_least(4), STORE_COUNTED, algebra::zinterstore).denyoom().doc(
        "sorted-set",
        "2.0.0",
        "Keeps what ZINTER would answer as a sorted set at another key.",
        "O(N*K)+O(M*log(M)) for K sets, the smallest of N members, M of them in the result",
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]",
    ),
    write("zdiffstore", Arity::at_least(4), STORE_COUNTED, algebra::zdiffstore).denyoom().doc(
        "sorted-set",
        "6.2.0",
        "Keeps what ZDIFF would answer as a sorted set at another key.",
        "O(N)+O(M*log(M)) for N members together, M of them in the result",
        "destination numkeys key [key ...]",
    ),
    write("bzpopmin", Arity::at_least(3), TAKE_ANY_WAITING, pop::bzpopmin).waits(&pop::POP).flags(Flags::NOSCRIPT).fast().doc(
        "sorted-set",
        "5.0.0",
        "Takes the member of the lowest score out of the first of several sorted sets that is there, and waits for one if none is.",
        "O(log(N)) for N members",
        "key [key ...] timeout",
    ),
    write("bzpopmax", Arity::at_least(3), TAKE_ANY_WAITING, pop::bzpopmax).waits(&pop::POP).flags(Flags::NOSCRIPT).fast().doc(
        "sorted-set",
        "5.0.0",
        "Takes the member of the highest score out of the first of several sorted sets that is there, and waits for one if none is.",
        "O(log(N)) for N members",
        "key [key ...] timeout",
    ),
    write("bzmpop", Arity::at_least(5), TAKE_COUNTED_WAITING, pop::bzmpop).waits(&pop::POP_MANY).doc(
        "sorted-set",
        "7.0.0",
        "Takes members of the lowest or highest scores out of the first of several sorted sets that is there, and waits for one if none is.",
        "O(K)+O(M*log(N)) for K keys and M members taken of N",
        "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
    ),
];
