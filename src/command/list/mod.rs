//! Commands on lists: the table of the family.

mod at;
mod mpop;
mod pop;
mod pos;
mod push;
mod range;
mod relocate;
mod wait;

use crate::command::{Access, Arity, Categories, Find, Flags, KeySpec, Row, Run, Waits, spec};

const INSERT: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::INSERT))];
const TAKE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const UPDATE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::UPDATE))];
const REMOVE: &[KeySpec] = &[KeySpec::at(1, Access::RW.and(Access::DELETE))];
const TAKE_ANY: &[KeySpec] = &[KeySpec::counted(1, 1, Access::RW.and(Access::ACCESS).and(Access::DELETE))];
const TAKE_ANY_WAITING: &[KeySpec] = &[KeySpec { begin: 1, find: Find::Range { last: -2, step: 1 }, access: TAKEN }];
const TAKE_COUNTED_WAITING: &[KeySpec] = &[KeySpec::counted(2, 1, TAKEN)];
const TAKEN: Access = Access::RW.and(Access::ACCESS).and(Access::DELETE);
const MOVE: &[KeySpec] =
    &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::DELETE)), KeySpec::at(2, Access::RW.and(Access::INSERT))];
const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];
const LOOK: &[KeySpec] = &[KeySpec::at(1, Access::RO)];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::LIST)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::LIST)
}

/// As [`write()`], and waits for what is not there yet.
const fn wait(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run, waits: &'static Waits) -> Row {
    write(name, arity, keys, run).waits(waits)
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
    write("lpushx", Arity::at_least(3), INSERT, push::lpushx).denyoom().fast().doc(
        "list",
        "2.2.0",
        "Adds elements at the front of a list that is there already, and answers its new length.",
        "O(N) for N elements",
        "key element [element ...]",
    ),
    write("rpushx", Arity::at_least(3), INSERT, push::rpushx).denyoom().fast().doc(
        "list",
        "2.2.0",
        "Adds elements at the back of a list that is there already, and answers its new length.",
        "O(N) for N elements",
        "key element [element ...]",
    ),
    read("lindex", Arity::exactly(3), READ, at::lindex).doc(
        "list",
        "1.0.0",
        "Answers the element at an index, which counts from the back if it is negative.",
        "O(N) for N nodes and elements of a node that are passed",
        "key index",
    ),
    write("lset", Arity::exactly(4), UPDATE, at::lset).denyoom().doc(
        "list",
        "1.0.0",
        "Puts another element in the place of the one at an index.",
        "O(N) for N nodes and elements of a node that are passed",
        "key index element",
    ),
    write("linsert", Arity::exactly(5), INSERT, at::linsert).denyoom().doc(
        "list",
        "2.2.0",
        "Adds an element before or behind the first one that equals the pivot.",
        "O(N) for N elements up to the pivot",
        "key <BEFORE | AFTER> pivot element",
    ),
    write("lrem", Arity::exactly(4), REMOVE, at::lrem).doc(
        "list",
        "1.0.0",
        "Removes elements that equal one: the first few, the last few, or all of them.",
        "O(N) for N elements of the list",
        "key count element",
    ),
    write("ltrim", Arity::exactly(4), REMOVE, range::ltrim).doc(
        "list",
        "1.0.0",
        "Keeps only what lies between two indexes, both included.",
        "O(N) for N nodes that go; they are freed elsewhere if there are many",
        "key start stop",
    ),
    read("lpos", Arity::at_least(3), READ, pos::lpos).doc(
        "list",
        "6.0.6",
        "Answers where in a list an element stands: the first place, or several.",
        "O(N) for N elements that are compared",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    ),
    write("lmpop", Arity::at_least(4), TAKE_ANY, mpop::lmpop).doc(
        "list",
        "7.0.0",
        "Takes elements out of the first of several lists that is there, and answers its key with them.",
        "O(N+M) for N keys and M elements",
        "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    ),
    write("lmove", Arity::exactly(5), MOVE, relocate::lmove).denyoom().doc(
        "list",
        "6.2.0",
        "Moves an element from one end of a list to an end of another, or of the same, and answers it.",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    ),
    write("rpoplpush", Arity::exactly(3), MOVE, relocate::rpoplpush).denyoom().doc(
        "list",
        "1.2.0",
        "Moves the last element of a list to the front of another, or of the same, and answers it.",
        "O(1)",
        "source destination",
    ),
    write("lmovem", Arity::at_least(5), MOVE, relocate::lmovem).denyoom().doc(
        "list",
        "8.10.0",
        "Moves several elements from one end of a list to an end of another, or of the same, and answers them.",
        "O(N) for N elements",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> [<COUNT count | EXACTLY exactly> <OBO | BULK>]",
    ),
    wait("blpop", Arity::at_least(3), TAKE_ANY_WAITING, wait::blpop, &wait::POP).flags(Flags::NOSCRIPT).doc(
        "list",
        "2.0.0",
        "Takes the first element out of the first of several lists that is there, and waits for one if none is.",
        "O(N) for N keys",
        "key [key ...] timeout",
    ),
    wait("brpop", Arity::at_least(3), TAKE_ANY_WAITING, wait::brpop, &wait::POP).flags(Flags::NOSCRIPT).doc(
        "list",
        "2.0.0",
        "Takes the last element out of the first of several lists that is there, and waits for one if none is.",
        "O(N) for N keys",
        "key [key ...] timeout",
    ),
    wait("blmpop", Arity::at_least(5), TAKE_COUNTED_WAITING, wait::blmpop, &wait::POP_MANY).doc(
        "list",
        "7.0.0",
        "Takes elements out of the first of several lists that is there, and waits for one if none is.",
        "O(N+M) for N keys and M elements",
        "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    ),
    wait("blmove", Arity::exactly(6), MOVE, wait::blmove, &wait::MOVE).denyoom().flags(Flags::NOSCRIPT).doc(
        "list",
        "6.2.0",
        "Moves an element from one end of a list to an end of another, or of the same, and waits for one if there is none.",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
    ),
    wait("brpoplpush", Arity::exactly(4), MOVE, wait::brpoplpush, &wait::MOVE).denyoom().flags(Flags::NOSCRIPT).doc(
        "list",
        "2.2.0",
        "Moves the last element of a list to the front of another, or of the same, and waits for one if there is none.",
        "O(1)",
        "source destination timeout",
    ),
];
