//! Commands on strings: the table of the family, and how a string is answered.

mod delex;
mod get;
mod incr;
mod increx;
mod lcs;
mod mset;
mod options;
mod range;
mod set;
mod test;

use crate::command::{Access, Arity, Categories, Flags, Join, KeySpec, Row, Spread, spec};
use crate::resp::Reply;
use crate::store::Text;

const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const CHANGE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))];
const OVERWRITE: &[KeySpec] = &[KeySpec::at(1, Access::OW.and(Access::UPDATE))];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: crate::command::Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::STRING)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: crate::command::Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::STRING)
}

pub(crate) static TABLE: &[Row] = &[
    write(
        "set",
        Arity::at_least(3),
        &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE).and(Access::VARIABLE))],
        set::run,
    )
    .denyoom()
    .doc(
        "string",
        "1.0.0",
        "Stores a string under a key, whatever it held before.",
        "O(1)",
        "key value [NX | XX | IFEQ comparison-value | IFNE comparison-value | IFDEQ comparison-digest | IFDNE comparison-digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    ),
    write("setnx", Arity::exactly(3), &[KeySpec::at(1, Access::OW.and(Access::INSERT))], set::setnx)
        .denyoom()
        .fast()
        .doc("string", "1.0.0", "Stores a string under a key that does not exist yet.", "O(1)", "key value"),
    write("setex", Arity::exactly(4), OVERWRITE, set::setex).denyoom().doc(
        "string",
        "2.0.0",
        "Stores a string that expires after some seconds.",
        "O(1)",
        "key seconds value",
    ),
    write("psetex", Arity::exactly(4), OVERWRITE, set::psetex).denyoom().doc(
        "string",
        "2.6.0",
        "Stores a string that expires after some milliseconds.",
        "O(1)",
        "key milliseconds value",
    ),
    write("getset", Arity::exactly(3), CHANGE, set::getset).denyoom().fast().doc(
        "string",
        "1.0.0",
        "Stores a string and answers the one it replaces.",
        "O(1)",
        "key value",
    ),
    read("get", Arity::exactly(2), READ, get::run).fast().doc("string", "1.0.0", "Answers the string at a key.", "O(1)", "key"),
    write("getdel", Arity::exactly(2), &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))], get::getdel).fast().doc(
        "string",
        "6.2.0",
        "Answers the string at a key and removes the key.",
        "O(1)",
        "key",
    ),
    write("getex", Arity::at_least(2), CHANGE, get::getex).fast().doc(
        "string",
        "6.2.0",
        "Answers the string at a key and sets or clears when it expires.",
        "O(1)",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    ),
    read("mget", Arity::at_least(2), &[KeySpec::rest(1, 1, Access::RO.and(Access::ACCESS))], get::mget)
        .fast()
        .spread(Spread::Keys(Join::InOrder))
        .tips(&["request_policy:multi_shard"])
        .doc("string", "1.0.0", "Answers the strings at several keys, null where there is none.", "O(N) for N keys", "key [key ...]"),
    write("mset", Arity::at_least(3), &[KeySpec::rest(1, 2, Access::OW.and(Access::UPDATE))], mset::run)
        .denyoom()
        .spread(Spread::Pairs(Join::AllOk))
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .doc("string", "1.0.1", "Stores several strings at once.", "O(N) for N keys", "key value [key value ...]"),
    write("msetnx", Arity::at_least(3), &[KeySpec::rest(1, 2, Access::OW.and(Access::INSERT))], mset::msetnx)
        .denyoom()
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
        .doc("string", "1.0.1", "Stores several strings if none of the keys exists yet.", "O(N) for N keys", "key value [key value ...]"),
    write("msetex", Arity::at_least(4), &[KeySpec::counted(1, 2, Access::OW.and(Access::UPDATE))], mset::msetex)
        .denyoom()
        .flags(Flags::MOVABLE_KEYS)
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .doc(
            "string",
            "8.4.0",
            "Stores several strings that expire together, on condition if asked.",
            "O(N) for N keys",
            "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        ),
    write("delifeq", Arity::exactly(3), &[KeySpec::at(1, Access::RM.and(Access::ACCESS).and(Access::DELETE))], delex::delifeq).doc(
        "string",
        "9.0.0",
        "Removes a key if it holds this string.",
        "O(N) for a string of N bytes",
        "key value",
    ),
    write("delex", Arity::at_least(2), &[KeySpec::at(1, Access::RW.and(Access::DELETE).and(Access::VARIABLE))], delex::run).fast().doc(
        "string",
        "8.4.0",
        "Removes a key, if asked only on condition of what its string is.",
        "O(1) without a digest, O(N) with one of a string of N bytes",
        "key [IFEQ comparison-value | IFNE comparison-value | IFDEQ comparison-digest | IFDNE comparison-digest]",
    ),
    read("digest", Arity::exactly(2), READ, test::digest).fast().doc(
        "string",
        "8.4.0",
        "Answers the XXH3 hash of a string as sixteen hexadecimal digits.",
        "O(N) for a string of N bytes",
        "key",
    ),
    write("append", Arity::exactly(3), &[KeySpec::at(1, Access::RW.and(Access::INSERT))], range::append).denyoom().fast().doc(
        "string",
        "2.0.0",
        "Adds bytes at the end of a string, and answers its new length.",
        "O(1) amortized, for additions that are short beside the string",
        "key value",
    ),
    read("strlen", Arity::exactly(2), &[KeySpec::at(1, Access::RO)], get::strlen).fast().doc(
        "string",
        "2.2.0",
        "Answers how many bytes a string has.",
        "O(1)",
        "key",
    ),
    read("getrange", Arity::exactly(4), READ, range::getrange).doc(
        "string",
        "2.4.0",
        "Answers the bytes of a string between two offsets, both included.",
        "O(N) for an answer of N bytes",
        "key start end",
    ),
    read("substr", Arity::exactly(4), READ, range::getrange).doc(
        "string",
        "1.0.0",
        "The old name of GETRANGE.",
        "O(N) for an answer of N bytes",
        "key start end",
    ),
    write("setrange", Arity::exactly(4), &[KeySpec::at(1, Access::RW.and(Access::UPDATE))], range::setrange).denyoom().doc(
        "string",
        "2.2.0",
        "Overwrites part of a string from an offset on, and answers its new length.",
        "O(N) for N bytes written, and for the zeros that fill a gap",
        "key offset value",
    ),
    write("incr", Arity::exactly(2), CHANGE, incr::incr).denyoom().fast().doc(
        "string",
        "1.0.0",
        "Adds one to the integer at a key, which is 0 if missing.",
        "O(1)",
        "key",
    ),
    write("decr", Arity::exactly(2), CHANGE, incr::decr).denyoom().fast().doc(
        "string",
        "1.0.0",
        "Takes one from the integer at a key, which is 0 if missing.",
        "O(1)",
        "key",
    ),
    write("incrby", Arity::exactly(3), CHANGE, incr::incrby).denyoom().fast().doc(
        "string",
        "1.0.0",
        "Adds a number to the integer at a key, which is 0 if missing.",
        "O(1)",
        "key increment",
    ),
    write("decrby", Arity::exactly(3), CHANGE, incr::decrby).denyoom().fast().doc(
        "string",
        "1.0.0",
        "Takes a number from the integer at a key, which is 0 if missing.",
        "O(1)",
        "key decrement",
    ),
    write("incrbyfloat", Arity::exactly(3), CHANGE, incr::incrbyfloat).denyoom().fast().doc(
        "string",
        "2.6.0",
        "Adds a number to the decimal fraction at a key, which is 0 if missing.",
        "O(1)",
        "key increment-by-float",
    ),
    write("increx", Arity::at_least(2), CHANGE, increx::run).denyoom().fast().doc(
        "string",
        "8.8.0",
        "Adds a number to that at a key, within bounds if there are any, and sets when the key expires.",
        "O(1)",
        "key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] [SATURATE] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] [ENX]",
    ),
    read(
        "lcs",
        Arity::at_least(3),
        &[KeySpec { begin: 1, find: crate::command::Find::Range { last: 1, step: 1 }, access: Access::RO.and(Access::ACCESS) }],
        lcs::run,
    )
    .doc(
        "string",
        "7.0.0",
        "Finds the longest common subsequence of two strings.",
        "O(N*M) for strings of N and M bytes",
        "key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]",
    ),
];

/// A string as the reply to a reader, null if there is none.
#[inline]
fn answer(text: Option<Text<'_>>, reply: &mut Reply<'_>) {
    match text {
        Some(text) => answer_text(text, reply),
        None => reply.null(),
    }
}

#[inline]
fn answer_text(text: Text<'_>, reply: &mut Reply<'_>) {
    match text {
        Text::Bytes(bytes) => reply.bulk(bytes),
        Text::Integer(number) => reply.bulk_integer(number),
    }
}
