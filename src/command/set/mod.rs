//! Commands on sets: the table of the family.

mod add;
mod pop;
mod read;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const INSERT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::INSERT))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
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
];
