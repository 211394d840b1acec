//! Commands on hashes: the table of the family.

mod get;
mod set;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];

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
    read("hget", Arity::exactly(3), READ, get::hget).fast().doc(
        "hash",
        "2.0.0",
        "Answers the value of a field of a hash.",
        "O(1)",
        "key field",
    ),
    read("hgetall", Arity::exactly(2), READ, get::hgetall).tips(&["nondeterministic_output_order"]).doc(
        "hash",
        "2.0.0",
        "Answers all fields of a hash with their values.",
        "O(N) for N fields",
        "key",
    ),
];
