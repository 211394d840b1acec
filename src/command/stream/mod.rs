//! Commands on streams: the table of the family.

mod add;
mod ids;
mod range;
mod trim;

use crate::command::{Access, Arity, Categories, KeySpec, Row, Run, spec};

const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

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
        "key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]",
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
];
