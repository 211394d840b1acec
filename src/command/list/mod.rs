//! Commands on lists: the table of the family.

mod pop;
mod push;
mod range;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const INSERT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::INSERT))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::LIST)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::LIST)
}

pub(crate) static TABLE: &[Row] = &[
    write("lpush", Arity::at_least(3), INSERT, push::lpush).denyoom().fast().doc(
        "list",
        "1.0.0",
        "Adds elements at the front of a list, one after the other, and answers its new length.",
        "O(N) for N elements",
        "key element [element ...]",
    ),
    write("rpush", Arity::at_least(3), INSERT, push::rpush).denyoom().fast().doc(
        "list",
        "1.0.0",
        "Adds elements at the back of a list, one after the other, and answers its new length.",
        "O(N) for N elements",
        "key element [element ...]",
    ),
    write("lpop", Arity::at_least(2), TAKE, pop::lpop).fast().doc(
        "list",
        "1.0.0",
        "Takes the first element of a list, or the first few, out of it.",
        "O(N) for N elements",
        "key [count]",
    ),
    write("rpop", Arity::at_least(2), TAKE, pop::rpop).fast().doc(
        "list",
        "1.0.0",
        "Takes the last element of a list, or the last few, out of it.",
        "O(N) for N elements",
        "key [count]",
    ),
    read("lrange", Arity::exactly(4), READ, range::lrange).doc(
        "list",
        "1.0.0",
        "Answers the elements of a list between two indexes, both included.",
        "O(S+N) for N elements, S nodes away from the nearer end",
        "key start stop",
    ),
    read("llen", Arity::exactly(2), LOOK, range::llen).fast().doc("list", "1.0.0", "Answers how many elements a list has.", "O(1)", "key"),
];
