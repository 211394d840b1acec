//! Commands on sets: the table of the family.

mod add;
mod algebra;
mod pop;
mod random;
mod read;
mod remove;
mod scan;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const INSERT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::INSERT))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const REMOVE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::DELETE))];
const MOVE: &[KeySpec] =
    &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE)), KeySpec::at(2, Access::RW.and(Access::INSERT))];
const MANY: &[KeySpec] = &[KeySpec::rest(1, 1, Access::RO.and(Access::ACCESS))];
const COUNTED: &[KeySpec] = &[KeySpec::counted(1, 1, Access::RO.and(Access::ACCESS))];
const INTO: &[KeySpec] = &[KeySpec::at(1, Access::OW.and(Access::UPDATE)), KeySpec::rest(2, 1, Access::RO.and(Access::ACCESS))];
/// As Redis describes SINTERSTORE, and not its kin.
const OVER: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE)), KeySpec::rest(2, 1, Access::RO.and(Access::ACCESS))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::SET)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::SET)
}

pub(crate) static TABLE: &[Row] = &[
    write("sadd", Arity::at_least(3), INSERT, add::sadd).denyoom().fast().doc(
        "set",
        "1.0.0",
        "Adds members to a set, and answers how many are new.",
        "O(N) for N members",
        "key member [member ...]",
    ),
    write("spop", Arity::at_least(2), TAKE, pop::spop).fast().tips(&["nondeterministic_output"]).doc(
        "set",
        "1.0.0",
        "Takes a member of a set, or a few, out of it: any, each as likely as the others.",
        "O(N) for N members",
        "key [count]",
    ),
    read("smembers", Arity::exactly(2), READ, read::smembers).tips(&["nondeterministic_output_order"]).doc(
        "set",
        "1.0.0",
        "Answers all members of a set.",
        "O(N) for N members",
        "key",
    ),
    read("scard", Arity::exactly(2), LOOK, read::scard).fast().doc("set", "1.0.0", "Answers how many members a set has.", "O(1)", "key"),
    read("sismember", Arity::exactly(3), LOOK, read::sismember).fast().doc(
        "set",
        "1.0.0",
        "Says whether a set has a member.",
        "O(1)",
        "key member",
    ),
    read("smismember", Arity::at_least(3), READ, read::smismember).fast().doc(
        "set",
        "6.2.0",
        "Says of each of several members whether a set has it.",
        "O(N) for N members",
        "key member [member ...]",
    ),
    read("srandmember", Arity::at_least(2), READ, random::srandmember).tips(&["nondeterministic_output"]).doc(
        "set",
        "1.0.0",
        "Answers members of a set chosen at random; with a negative count the same may come again.",
        "O(N) for N members",
        "key [count]",
    ),
    read("sscan", Arity::at_least(3), READ, scan::sscan).tips(&["nondeterministic_output"]).doc(
        "set",
        "2.8.0",
        "Answers the members of a set in steps: some, and a cursor to go on with.",
        "O(1) for every step, O(N) for all of them",
        "key cursor [MATCH pattern] [COUNT count]",
    ),
    write("srem", Arity::at_least(3), REMOVE, remove::srem).fast().doc(
        "set",
        "1.0.0",
        "Removes members from a set, and answers how many there were.",
        "O(N) for N members",
        "key member [member ...]",
    ),
    write("smove", Arity::exactly(4), MOVE, remove::smove).fast().doc(
        "set",
        "1.0.0",
        "Moves a member from one set to another.",
        "O(1)",
        "source destination member",
    ),
    read("sinter", Arity::at_least(2), MANY, algebra::sinter).tips(&["nondeterministic_output_order"]).doc(
        "set",
        "1.0.0",
        "Answers the members that are in every one of the sets.",
        "O(N*M) for N members of the smallest set and M sets",
        "key [key ...]",
    ),
    write("sinterstore", Arity::at_least(3), OVER, algebra::sinterstore).denyoom().doc(
        "set",
        "1.0.0",
        "Stores the members that are in every one of the sets, and answers how many they are.",
        "O(N*M) for N members of the smallest set and M sets",
        "destination key [key ...]",
    ),
    read("sunion", Arity::at_least(2), MANY, algebra::sunion).tips(&["nondeterministic_output_order"]).doc(
        "set",
        "1.0.0",
        "Answers the members that are in any of the sets.",
        "O(N) for N members of all sets",
        "key [key ...]",
    ),
    write("sunionstore", Arity::at_least(3), INTO, algebra::sunionstore).denyoom().doc(
        "set",
        "1.0.0",
        "Stores the members that are in any of the sets, and answers how many they are.",
        "O(N) for N members of all sets",
        "destination key [key ...]",
    ),
    read("sdiff", Arity::at_least(2), MANY, algebra::sdiff).tips(&["nondeterministic_output_order"]).doc(
        "set",
        "1.0.0",
        "Answers the members of the first set that are in none of the others.",
        "O(N) for N members of all sets",
        "key [key ...]",
    ),
    write("sdiffstore", Arity::at_least(3), INTO, algebra::sdiffstore).denyoom().doc(
        "set",
        "1.0.0",
        "Stores the members of the first set that are in none of the others, and answers how many they are.",
        "O(N) for N members of all sets",
        "destination key [key ...]",
    ),
    read("sintercard", Arity::at_least(3), COUNTED, algebra::sintercard).doc(
        "set",
        "7.0.0",
        "Counts the members that are in every one of the sets, up to a limit.",
        "O(N*M) for N members of the smallest set and M sets",
        "numkeys key [key ...] [LIMIT limit]",
    ),
    read("sunioncard", Arity::at_least(3), COUNTED, algebra::sunioncard).doc(
        "set",
        "8.10.0",
        "Counts the members that are in any of the sets, up to a limit.",
        "O(N) for N members of all sets",
        "numkeys key [key ...] [APPROX] [LIMIT limit]",
    ),
    read("sdiffcard", Arity::at_least(3), COUNTED, algebra::sdiffcard).doc(
        "set",
        "8.10.0",
        "Counts the members of the first set that are in none of the others, up to a limit.",
        "O(N) for N members of all sets",
        "numkeys key [key ...] [LIMIT limit]",
    ),
];
