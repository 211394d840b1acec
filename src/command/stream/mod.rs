//! Commands on streams: the table of the family.

mod ack;
mod add;
mod claim;
mod del;
mod group;
mod ids;
mod info;
mod pending;
mod range;
mod read;
mod references;
mod setid;
mod trim;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const DELETE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::DELETE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];
/// The key of a subcommand.
const READ_SECOND: &[KeySpec] = &[KeySpec::at(2, Access::RO.and(Access::ACCESS))];
const INSERT_SECOND: &[KeySpec] = &[KeySpec::at(2, Access::RW.and(Access::INSERT))];
const UPDATE_SECOND: &[KeySpec] = &[KeySpec::at(2, Access::RW.and(Access::UPDATE))];
const DELETE_SECOND: &[KeySpec] = &[KeySpec::at(2, Access::RW.and(Access::DELETE))];
const STREAMS: &[KeySpec] = &[KeySpec::halved(1, "STREAMS", read::OPTIONS, Access::RO.and(Access::ACCESS))];
/// The group may be called like the option.
const STREAMS_OF_GROUP: &[KeySpec] = &[KeySpec::halved(4, "STREAMS", read::OPTIONS, Access::RO.and(Access::ACCESS))];

const VARYING: &[&str] = &["nondeterministic_output"];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::STREAM)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::STREAM)
}

pub(crate) static TABLE: &[Row] = &[
    write("xadd", Arity::at_least(5), UPDATE, add::xadd).denyoom().fast().tips(&["nondeterministic_output"]).doc(
        "stream",
        "5.0.0",
        "Adds an entry at the end of a stream, and answers its id.",
        "O(1), and O(N) for N entries that are trimmed",
        "key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO producer-id | IDMP producer-id idempotent-id] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]",
    ),
    read("xlen", Arity::exactly(2), LOOK, range::xlen).fast().doc(
        "stream",
        "5.0.0",
        "Answers how many entries a stream has.",
        "O(1)",
        "key",
    ),
    read("xrange", Arity::at_least(4), READ, range::xrange).doc(
        "stream",
        "5.0.0",
        "Answers the entries of a stream between two ids.",
        "O(log(S)+N) for N entries, in a stream of S nodes",
        "key start end [COUNT count]",
    ),
    read("xrevrange", Arity::at_least(4), READ, range::xrevrange).doc(
        "stream",
        "5.0.0",
        "Answers the entries of a stream between two ids, from the last to the first.",
        "O(log(S)+N) for N entries, in a stream of S nodes",
        "key end start [COUNT count]",
    ),
    write("xdel", Arity::at_least(3), DELETE, del::xdel).fast().doc(
        "stream",
        "5.0.0",
        "Deletes entries of a stream, and answers how many there were.",
        "O(log(S)) for each entry, in a stream of S nodes",
        "key id [id ...]",
    ),
    write("xdelex", Arity::at_least(5), DELETE, del::xdelex).fast().doc(
        "stream",
        "8.2.0",
        "Deletes entries of a stream, and says what is to become of them where they are pending.",
        "O(log(S)+G*log(P)) for each entry, with G groups of P pending entries",
        "key [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
    ),
    write("xackdel", Arity::at_least(6), &[KeySpec::at(1, Access::RW.and(Access::UPDATE).and(Access::DELETE))], del::xackdel).fast().doc(
        "stream",
        "8.2.0",
        "Acknowledges entries for a consumer group, and deletes them if that is to be.",
        "O(log(S)+G*log(P)) for each entry, with G groups of P pending entries",
        "key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
    ),
    write("xtrim", Arity::at_least(4), DELETE, trim::xtrim).tips(VARYING).doc(
        "stream",
        "5.0.0",
        "Removes the oldest entries of a stream, and answers how many went.",
        "O(N) for N entries that go, by the node",
        "key MAXLEN | MINID [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]",
    ),
    write("xsetid", Arity::at_least(3), UPDATE, setid::xsetid).denyoom().fast().doc(
        "stream",
        "5.0.0",
        "Sets the last id of a stream, and what else it remembers besides its entries.",
        "O(1)",
        "key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
    ),
    write("xcfgset", Arity::at_least(2), UPDATE, setid::xcfgset).fast().doc(
        "stream",
        "8.6.0",
        "Sets for how long a stream remembers what its producers called their entries, and how many of each.",
        "O(1), and O(N) for N names that are forgotten",
        "key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]",
    ),
    read("xread", Arity::at_least(4), STREAMS, read::xread).waits(&read::READ).doc(
        "stream",
        "5.0.0",
        "Answers the entries of several streams that come after given ids.",
        "O(log(S)+N) for each stream of S nodes and the N entries answered of it",
        "[COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]",
    ),
    write("xreadgroup", Arity::at_least(7), STREAMS_OF_GROUP, read::xreadgroup).waits(&read::READ_GROUP).doc(
        "stream",
        "5.0.0",
        "Answers entries of several streams to one consumer of a group, which is to acknowledge them.",
        "O(log(S)+N*log(P)) for each stream of S nodes and the N entries answered of it, with P pending",
        "GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] STREAMS key [key ...] id [id ...]",
    ),
    write("xack", Arity::at_least(4), UPDATE, ack::xack).fast().doc(
        "stream",
        "5.0.0",
        "Acknowledges entries for a consumer group, and answers how many were pending.",
        "O(log(P)) for each entry, with P pending",
        "key group id [id ...]",
    ),
    write("xnack", Arity::at_least(7), UPDATE, ack::xnack).fast().doc(
        "stream",
        "8.8.0",
        "Gives pending entries back to their group, so that any consumer may claim them at once.",
        "O(log(P)) for each entry, with P pending",
        "key group SILENT | FAIL | FATAL IDS numids id [id ...] [RETRYCOUNT count] [FORCE]",
    ),
    read("xpending", Arity::at_least(3), READ, pending::xpending).tips(VARYING).doc(
        "stream",
        "5.0.0",
        "Answers what a consumer group was delivered and has not acknowledged, in sum or entry by entry.",
        "O(C) for C consumers; O(N) for N pending entries looked at",
        "key group [[IDLE min-idle-time] start end count [consumer]]",
    ),
    write("xclaim", Arity::at_least(6), UPDATE, claim::xclaim).fast().tips(VARYING).doc(
        "stream",
        "5.0.0",
        "Makes pending entries another consumer's, and answers them.",
        "O(log(P)) for each entry, with P pending",
        "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    ),
    write("xautoclaim", Arity::at_least(6), DELETE, claim::xautoclaim).fast().tips(VARYING).doc(
        "stream",
        "6.2.0",
        "Makes pending entries that have waited for long another consumer's, and answers them and where to go on.",
        "O(log(P)) for each entry looked at, with P pending; it looks at ten for each that it may answer",
        "key group consumer min-idle-time start [COUNT count] [JUSTID]",
    ),
    write("xgroup|create", Arity::at_least(5), INSERT_SECOND, group::create).denyoom().doc(
        "stream",
        "5.0.0",
        "Creates a consumer group that begins behind an id, or behind all there is.",
        "O(1)",
        "key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]",
    ),
    write("xgroup|setid", Arity::at_least(5), UPDATE_SECOND, group::setid).doc(
        "stream",
        "5.0.0",
        "Sets the id behind which a consumer group goes on.",
        "O(1)",
        "key group id | $ [ENTRIESREAD entries-read]",
    ),
    write("xgroup|destroy", Arity::exactly(4), DELETE_SECOND, group::destroy).doc(
        "stream",
        "5.0.0",
        "Removes a consumer group; large ones are freed elsewhere.",
        "O(log(G)) with G groups",
        "key group",
    ),
    write("xgroup|createconsumer", Arity::exactly(5), INSERT_SECOND, group::createconsumer).denyoom().doc(
        "stream",
        "6.2.0",
        "Creates a consumer in a group.",
        "O(log(C)) with C consumers",
        "key group consumer",
    ),
    write("xgroup|delconsumer", Arity::exactly(5), DELETE_SECOND, group::delconsumer).doc(
        "stream",
        "5.0.0",
        "Removes a consumer and all that is pending for it, and answers how much that was.",
        "O(N*log(P)) for its N entries of P pending",
        "key group consumer",
    ),
    read("xinfo|stream", Arity::at_least(3), READ_SECOND, info::stream).doc(
        "stream",
        "5.0.0",
        "Tells of a stream, and with FULL of its entries, groups and consumers too.",
        "O(1), and O(N) for the N things that FULL tells of",
        "key [FULL [COUNT count]]",
    ),
    read("xinfo|groups", Arity::exactly(3), READ_SECOND, info::groups).doc(
        "stream",
        "5.0.0",
        "Tells of the consumer groups of a stream.",
        "O(G) for G groups",
        "key",
    ),
    read("xinfo|consumers", Arity::exactly(4), READ_SECOND, info::consumers).tips(VARYING).doc(
        "stream",
        "5.0.0",
        "Tells of the consumers of a group.",
        "O(C) for C consumers",
        "key group",
    ),
];
