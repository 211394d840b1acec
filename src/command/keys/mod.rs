//! Commands on keys whatever they hold, and on whole databases: the table of the family.

mod copy;
mod debug;
mod del;
mod expire;
mod flush;
mod list;
mod memory;
mod object;
mod rename;
mod scan;
mod ttl;
mod watch;

pub(crate) use watch::ROW as WATCH;

use crate::command::{Access, Arity, Categories, Join, KeySpec, Row, Run, Spread, spec};

const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const REMOVE: &[KeySpec] = &[KeySpec::rest(1, 1, Access::RM.and(Access::DELETE))];
const MANY: &[KeySpec] = &[KeySpec::rest(1, 1, Access::RO)];
/// The key of a subcommand.
const SECOND: &[KeySpec] = &[KeySpec::at(2, Access::RO)];
const SOURCE: KeySpec = KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE));

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::KEYSPACE)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::KEYSPACE)
}

const SUMMED: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
const VARYING: &[&str] = &["nondeterministic_output"];
const ON_ALL: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

pub(crate) static TABLE: &[Row] =
    &[
        write("del", Arity::at_least(2), REMOVE, del::run).spread(Spread::Keys(Join::Sum)).tips(SUMMED).doc(
            "generic",
            "1.0.0",
            "Removes keys, and answers how many there were.",
            "O(N) for N keys; what is large is freed elsewhere",
            "key [key ...]",
        ),
        write("unlink", Arity::at_least(2), REMOVE, del::run).fast().spread(Spread::Keys(Join::Sum)).tips(SUMMED).doc(
            "generic",
            "4.0.0",
            "Removes keys, as DEL does: large values are freed elsewhere in both.",
            "O(N) for N keys",
            "key [key ...]",
        ),
        read("exists", Arity::at_least(2), MANY, del::exists).fast().spread(Spread::Keys(Join::Sum)).tips(SUMMED).doc(
            "generic",
            "1.0.0",
            "Answers how many of the keys exist; a key named twice counts twice.",
            "O(N) for N keys",
            "key [key ...]",
        ),
        read("touch", Arity::at_least(2), MANY, del::touch).fast().spread(Spread::Keys(Join::Sum)).tips(SUMMED).doc(
            "generic",
            "3.2.1",
            "Marks keys as just used, and answers how many of them exist.",
            "O(N) for N keys",
            "key [key ...]",
        ),
        write("expire", Arity::at_least(3), UPDATE, expire::expire).fast().doc(
            "generic",
            "1.0.0",
            "Lets a key expire after some seconds.",
            "O(log N) for N keys that expire",
            "key seconds [NX | XX | GT | LT]",
        ),
        write("pexpire", Arity::at_least(3), UPDATE, expire::pexpire).fast().doc(
            "generic",
            "2.6.0",
            "Lets a key expire after some milliseconds.",
            "O(log N) for N keys that expire",
            "key milliseconds [NX | XX | GT | LT]",
        ),
        write("expireat", Arity::at_least(3), UPDATE, expire::expireat).fast().doc(
            "generic",
            "1.2.0",
            "Lets a key expire at a time in Unix seconds.",
            "O(log N) for N keys that expire",
            "key unix-time-seconds [NX | XX | GT | LT]",
        ),
        write("pexpireat", Arity::at_least(3), UPDATE, expire::pexpireat).fast().doc(
            "generic",
            "2.6.0",
            "Lets a key expire at a time in Unix milliseconds.",
            "O(log N) for N keys that expire",
            "key unix-time-milliseconds [NX | XX | GT | LT]",
        ),
        read("expiretime", Arity::exactly(2), READ, ttl::expiretime).fast().doc(
            "generic",
            "7.0.0",
            "Answers when a key expires, in Unix seconds; -1 if never, -2 if there is no such key.",
            "O(1)",
            "key",
        ),
        read("pexpiretime", Arity::exactly(2), READ, ttl::pexpiretime).fast().doc(
            "generic",
            "7.0.0",
            "Answers when a key expires, in Unix milliseconds; -1 if never, -2 if there is no such key.",
            "O(1)",
            "key",
        ),
        read("ttl", Arity::exactly(2), READ, ttl::ttl).fast().tips(VARYING).doc(
            "generic",
            "1.0.0",
            "Answers in how many seconds a key expires; -1 if never, -2 if there is no such key.",
            "O(1)",
            "key",
        ),
        read("pttl", Arity::exactly(2), READ, ttl::pttl).fast().tips(VARYING).doc(
            "generic",
            "2.6.0",
            "Answers in how many milliseconds a key expires; -1 if never, -2 if there is no such key.",
            "O(1)",
            "key",
        ),
        write("persist", Arity::exactly(2), UPDATE, ttl::persist).fast().doc(
            "generic",
            "2.2.0",
            "Takes away the time at which a key expires.",
            "O(log N) for N keys that expire",
            "key",
        ),
        read("type", Arity::exactly(2), LOOK, list::kind).fast().doc(
            "generic",
            "1.0.0",
            "Answers what kind of value a key holds, none if it is missing.",
            "O(1)",
            "key",
        ),
        read("keys", Arity::exactly(2), &[], list::keys)
            .categories(Categories::DANGEROUS)
            .spread(Spread::All(Join::Concat))
            .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
            .doc("generic", "1.0.0", "Answers every key that matches a pattern.", "O(N) for N keys in the database", "pattern"),
        read("scan", Arity::at_least(2), &[], scan::run)
            .spread(Spread::Cursor(1))
            .tips(&["nondeterministic_output", "request_policy:special"])
            .doc(
                "generic",
                "2.8.0",
                "Walks over the keys of the database in steps.",
                "O(1) for a step, O(N) for a whole walk over N keys",
                "cursor [MATCH pattern] [COUNT count] [TYPE type]",
            ),
        read("randomkey", Arity::exactly(1), &[], list::randomkey)
            .spread(Spread::All(Join::Any))
            .tips(&["request_policy:all_shards", "nondeterministic_output"])
            .doc("generic", "1.0.0", "Answers some key of the database.", "O(1)", ""),
        write("rename", Arity::exactly(3), &[SOURCE, KeySpec::at(2, Access::OW.and(Access::UPDATE))], rename::run).doc(
            "generic",
            "1.0.0",
            "Gives a key another name, in place of the key that had it.",
            "O(1)",
            "key newkey",
        ),
        write("renamenx", Arity::exactly(3), &[SOURCE, KeySpec::at(2, Access::OW.and(Access::INSERT))], rename::renamenx).fast().doc(
            "generic",
            "1.0.0",
            "Gives a key another name if no key has it yet.",
            "O(1)",
            "key newkey",
        ),
        write(
            "copy",
            Arity::at_least(3),
            &[KeySpec::at(1, Access::RO.and(Access::ACCESS)), KeySpec::at(2, Access::OW.and(Access::UPDATE))],
            copy::run,
        )
        .denyoom()
        .doc(
            "generic",
            "6.2.0",
            "Copies what a key holds to another key.",
            "O(N) for a collection of N elements",
            "source destination [DB destination-db] [REPLACE]",
        ),
        write("move", Arity::exactly(3), &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))], copy::relocate).fast().doc(
            "generic",
            "1.0.0",
            "Moves a key to another database.",
            "O(1)",
            "key db",
        ),
        read("dbsize", Arity::exactly(1), &[], flush::dbsize)
            .fast()
            .spread(Spread::All(Join::Sum))
            .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
            .doc("server", "1.0.0", "Answers how many keys the database has.", "O(1)", ""),
        write("flushdb", Arity::at_least(1), &[], flush::flushdb)
            .categories(Categories::DANGEROUS)
            .spread(Spread::All(Join::AllOk))
            .tips(ON_ALL)
            .doc("server", "1.0.0", "Removes every key of the database.", "O(1); what it held is freed elsewhere", "[ASYNC | SYNC]"),
        write("flushall", Arity::at_least(1), &[], flush::flushall)
            .categories(Categories::DANGEROUS)
            .spread(Spread::All(Join::AllOk))
            .tips(ON_ALL)
            .doc("server", "1.0.0", "Removes every key of every database.", "O(1); what they held is freed elsewhere", "[ASYNC | SYNC]"),
        write("swapdb", Arity::exactly(3), &[], flush::swapdb)
            .fast()
            .categories(Categories::DANGEROUS)
            .spread(Spread::All(Join::AllOk))
            .doc("server", "4.0.0", "Exchanges two databases for everybody who has them selected.", "O(1)", "index1 index2"),
        read("object|encoding", Arity::exactly(3), SECOND, object::encoding).tips(VARYING).doc(
            "generic",
            "2.2.3",
            "Answers in which form a value is kept.",
            "O(1)",
            "key",
        ),
        read("object|freq", Arity::exactly(3), SECOND, object::freq).tips(VARYING).doc(
            "generic",
            "4.0.0",
            "Answers how often a key is used, on the logarithmic scale of the LFU policies.",
            "O(1)",
            "key",
        ),
        read("object|idletime", Arity::exactly(3), SECOND, object::idletime).tips(VARYING).doc(
            "generic",
            "2.2.3",
            "Answers how many seconds ago a key was last used.",
            "O(1)",
            "key",
        ),
        read("object|refcount", Arity::exactly(3), SECOND, object::refcount).tips(VARYING).doc(
            "generic",
            "2.2.3",
            "Answers how many share a value, which here is always one.",
            "O(1)",
            "key",
        ),
        spec::read("memory|usage", Arity::at_least(3), SECOND, memory::usage).doc(
            "server",
            "4.0.0",
            "Answers how many bytes a key takes with all that it holds.",
            "O(1)",
            "key [SAMPLES count]",
        ),
        debug::OBJECT,
        debug::PANIC,
    ];
