//! HyperLogLog commands: the table of the family, and how a key that holds one is read and changed.

mod add;
mod count;
mod debug;
mod merge;

use crate::command::{Access, Arity, Categories, Cx, Fault, Flags, KeySpec, Row, Run, Spec, Spread, spec};
use crate::store::types::hyperloglog::{self, Corrupt, Writer};
use crate::store::{Text, Value};

const fn write(name: &'static str, arity: Arity, keys: &'static [KeySpec], run: Run) -> Row {
    spec::write(name, arity, keys, run).categories(Categories::HYPERLOGLOG).denyoom()
}

pub(crate) static TABLE: &[Row] = &[
    write("pfadd", Arity::at_least(2), &[KeySpec::at(1, Access::RW.and(Access::INSERT))], add::run).fast().doc(
        "hyperloglog",
        "2.8.9",
        "Adds elements to a HyperLogLog, and says whether its registers changed.",
        "O(1) for each element",
        "key [element [element ...]]",
    ),
    // Its flags call it a reader and its key specification a writer: it keeps the count that it has found.
    spec::read("pfcount", Arity::at_least(2), &[KeySpec::rest(1, 1, Access::RW.and(Access::ACCESS))], count::run)
        .categories(Categories::HYPERLOGLOG)
        .doc(
            "hyperloglog",
            "2.8.9",
            "Estimates how many different elements were added, to several keys together if asked.",
            "O(1) with a small constant for one key, O(N) with a large one for N keys",
            "key [key ...]",
        ),
    write(
        "pfmerge",
        Arity::at_least(2),
        &[KeySpec::at(1, Access::RW.and(Access::ACCESS).and(Access::INSERT)), KeySpec::rest(2, 1, Access::RO.and(Access::ACCESS))],
        merge::run,
    )
    .doc(
        "hyperloglog",
        "2.8.9",
        "Merges HyperLogLogs into the first.",
        "O(N) for N keys, with a large constant",
        "destkey [sourcekey [sourcekey ...]]",
    ),
    write("pfdebug", Arity::exactly(3), &[KeySpec::at(2, Access::RW.and(Access::ACCESS))], debug::run).flags(Flags::ADMIN).doc(
        "hyperloglog",
        "2.8.9",
        "Shows or changes how a HyperLogLog is written: GETREG, DECODE, ENCODING, TODENSE.",
        "O(1) with a large constant",
        "subcommand key",
    ),
    Row {
        spec: Spec::new("pfselftest", Arity::exactly(1), &[], Flags::ADMIN),
        run: debug::selftest,
        spread: Spread::No,
        beyond: None,
        waits: None,
    }
    .categories(Categories::HYPERLOGLOG)
    .doc("hyperloglog", "2.8.9", "Checks that HyperLogLogs count as they should.", "O(1) with a large constant", ""),
];

const NOT_ONE: Fault = Fault::Because("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Fault = Fault::Because("INVALIDOBJ Corrupted HLL object detected");

impl From<Corrupt> for Fault {
    fn from(_: Corrupt) -> Fault {
        CORRUPT
    }
}

/// The bytes of a string that looks like a HyperLogLog.
fn checked(text: Text<'_>) -> Result<&[u8], Fault> {
    match text {
        Text::Bytes(bytes) if hyperloglog::form(bytes).is_some() => Ok(bytes),
        _ => Err(NOT_ONE),
    }
}

/// The HyperLogLog at a key, to be read.
fn read<'c>(cx: &'c mut Cx<'_>, key: &[u8]) -> Result<Option<&'c [u8]>, Fault> {
    cx.read_text(key)?.map(checked).transpose()
}

/// Changes the HyperLogLog at a key, an empty one if there is none, and says what `change` said. What `change` refuses is not done.
///
/// It is changed as a copy. Most additions change nothing, and a sparse one is small; additions to a dense one go the way of [`add`].
fn edit<R>(cx: &mut Cx<'_>, key: &[u8], change: impl FnOnce(&mut Writer<'_>) -> Result<R, Fault>) -> Result<R, Fault> {
    let sparse_bytes_max = cx.limits.hll_sparse_bytes;
    let mut text = match cx.write(key) {
        Some(entry) => checked(entry.text().ok_or(Fault::WrongType)?)?.to_vec(),
        None => hyperloglog::empty(),
    };
    let mut writer = Writer::new(&mut text, sparse_bytes_max).ok_or(NOT_ONE)?;
    let result = change(&mut writer)?;
    match cx.write(key) {
        Some(mut entry) => {
            let same = matches!(entry.text(), Some(Text::Bytes(bytes)) if bytes == text);
            if !same {
                entry.put_value(Value::Text(text));
            }
        }
        None => cx.put(key, Value::Text(text), None),
    }
    if let Some(mut entry) = cx.write(key) {
        entry.text_mut(0); // OBJECT ENCODING calls it raw
    }
    Ok(result)
}
