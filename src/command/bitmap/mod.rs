//! Commands on the bits of strings: the table of the family, and how an offset is read.

mod bit;
mod count;
mod field;
mod op;

use crate::command::{Access, Arity, Categories, Cx, Fault, Flags, KeySpec, Limits, Row, spec};
use crate::resp::number;
use crate::store::Value;

const READ: &[KeySpec] = &[KeySpec::at(1, Access::RO.and(Access::ACCESS))];

const fn read(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: crate::command::Run) -> Row {
    spec::read(name, arity, keys, run).categories(Categories::BITMAP)
}

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: crate::command::Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::BITMAP).flags(Flags::DENYOOM)
}

pub(crate) static TABLE: &[Row] = &[
    write("setbit", Arity::exactly(4), &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))], bit::setbit).doc(
        "bitmap",
        "2.2.0",
        "Sets or clears a bit of a string, and answers what it was.",
        "O(1)",
        "key offset value",
    ),
    read("getbit", Arity::exactly(3), READ, bit::getbit).fast().doc(
        "bitmap",
        "2.2.0",
        "Answers a bit of a string.",
        "O(1)",
        "key offset",
    ),
    read("bitcount", Arity::at_least(2), READ, count::bitcount).doc(
        "bitmap",
        "2.6.0",
        "Counts the bits that are set in a string or in part of it.",
        "O(N) for N bytes",
        "key [start end [BYTE | BIT]]",
    ),
    read("bitpos", Arity::at_least(3), READ, count::bitpos).doc(
        "bitmap",
        "2.8.7",
        "Finds the first bit that is set, or clear, in a string or in part of it.",
        "O(N) for N bytes",
        "key bit [start [end [BYTE | BIT]]]",
    ),
    write(
        "bitop",
        Arity::at_least(4),
        &[KeySpec::at(2, Access::OW.and(Access::UPDATE)), KeySpec::rest(3, 1, Access::RO.and(Access::ACCESS))],
        op::run,
    )
    .doc(
        "bitmap",
        "2.6.0",
        "Combines strings bit by bit and stores the outcome.",
        "O(N) for N bytes of all the strings",
        "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
    ),
    write(
        "bitfield",
        Arity::at_least(2),
        &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::UPDATE).and(Access::VARIABLE))],
        field::bitfield,
    )
    .doc(
        "bitmap",
        "3.2.0",
        "Reads and changes integers of any width within a string.",
        "O(1) for each operation",
        "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]",
    ),
    read("bitfield_ro", Arity::at_least(2), READ, field::bitfield_ro).fast().doc(
        "bitmap",
        "6.0.0",
        "Reads integers of any width within a string.",
        "O(1) for each operation",
        "key [GET encoding offset [GET encoding offset ...]]",
    ),
];

/// A bit's offset; `#n` is the place of the n-th field of `width` bits, where fields are meant.
fn offset(word: &[u8], width: Option<u32>, limits: &Limits) -> Result<u64, Fault> {
    let (digits, factor) = match (word, width) {
        ([b'#', digits @ ..], Some(width)) => (digits, u64::from(width)),
        _ => (word, 1),
    };
    number::parse_integer(digits)
        .and_then(|number| u64::try_from(number).ok())
        .and_then(|number| number.checked_mul(factor))
        .filter(|offset| offset / 8 < limits.string_bytes_max as u64)
        .ok_or(Fault::Because("ERR bit offset is not an integer or out of range"))
}

/// Stores bytes that are no text to anybody: OBJECT ENCODING calls them raw, however short.
fn store(cx: &mut Cx<'_>, key: &[u8], bytes: Vec<u8>) {
    cx.put(key, Value::Text(bytes), None);
    if let Some(mut entry) = cx.write(key) {
        entry.text_mut(0);
    }
}
